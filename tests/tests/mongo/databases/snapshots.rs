//! Snapshots of databases that stores have filled with whatever they like.

use super::world::kept;
use super::{Stand, settings};
use std::fs;
use std::path::Path;
use std::time::Duration;
use storex_core::{Code, DatabaseAdmin, EffectCx};
use storex_fakes::laws::database_admin::StoreLogin;
use storex_mongo::MongoDatabases;
use storex_mongo::driver::bson::{Document, doc};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_a_store_gives_its_collections_stay_in_the_snapshot_and_indexes_and_views_are_described() {
    let stand = Stand::new().await;
    let store = stand.store(1).await;
    let login = stand.world.as_store(&store.name, &store.user, &store.password).await.unwrap();
    let long = "é/".repeat(60);
    let odd = ["a/../../../outside", "/absolute", "a b", "Orders", "a.b", "é", &long];
    for collection in odd {
        login.write(&store.name, collection, "one").await.unwrap();
    }
    let database = login.0.database(store.name.as_str());
    let index = doc! { "createIndexes": "orders", "indexes": [{ "key": { "at": 1 }, "name": "at_1", "unique": true }] };
    database.run_command(index).await.unwrap();
    database.run_command(doc! { "create": "window", "viewOn": "orders", "pipeline": [] }).await.unwrap();
    let taken = stand.databases.snapshot(&store.cx(), &store.name).await.unwrap();
    let lines = kept(Path::new(&taken.place));
    assert_eq!(taken.documents, odd.len() as u64);
    for collection in odd {
        assert!(lines.iter().any(|line| line.starts_with(&format!("{collection}/one "))), "{collection} is not in {lines:?}");
    }
    assert!(lines.contains(&"window".to_owned()), "{lines:?}");
    let orders = fs::read_to_string(Path::new(&taken.place).join("orders.metadata.json")).unwrap();
    assert!(orders.contains("at_1") && orders.contains("unique"), "{orders}");
    let outside: Vec<_> = fs::read_dir(stand.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside, ["snapshots"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_larger_than_a_snapshot_may_be_is_refused_and_nothing_of_it_is_kept() {
    let stand = Stand::new().await;
    let store = stand.store(1).await;
    let orders = stand.world.root.database(store.name.as_str()).collection::<Document>("orders");
    orders.insert_many((0..20).map(|number| doc! { "_id": number, "text": "x".repeat(100_000) })).await.unwrap();
    let mut small = settings(&stand.deployment, "storex", stand.folder.path());
    small.largest_snapshot = 1_000_000;
    let small = MongoDatabases::open(small).await.unwrap();
    let error = small.snapshot(&store.cx(), &store.name).await.unwrap_err();
    assert!(error.code() == Code::Unusable && error.message().contains("1000000 bytes") && !error.is_unclear(), "{error:?}");
    let folder = stand.folder.path().join("snapshots");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "a part of it is left");
    assert_eq!(small.find(&store.name).await.unwrap().unwrap().snapshot, None);
    // The control: it fits by the usual bound.
    let taken = stand.databases.snapshot(&store.cx(), &store.name).await.unwrap();
    assert!(taken.documents == 20 && taken.bytes > 2_000_000, "{taken:?}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_takes_longer_than_a_call_may_goes_on_and_the_same_call_again_waits_for_it() {
    let stand = Stand::new().await;
    let store = stand.store(1).await;
    let orders = stand.world.root.database(store.name.as_str()).collection::<Document>("orders");
    orders.insert_many((0..300).map(|number| doc! { "_id": number })).await.unwrap();
    // Beyond the first 101 documents the server is asked for more, and takes its time once.
    let data = doc! { "failCommands": ["getMore"], "appName": "storex", "blockConnection": true, "blockTimeMS": 3_000 };
    let slow = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 }, "data": data };
    stand.world.root.database("admin").run_command(slow).await.unwrap();
    let short = store.cx_for(Duration::from_secs(2));
    let error = stand.databases.snapshot(&short, &store.name).await.unwrap_err();
    assert!(error.code() == Code::SnapshotInProgress && error.is_transient() && !error.is_unclear(), "{error:?}");
    assert!(error.retry_delay().is_some());
    let longer = EffectCx { deadline: store.cx().deadline, ..short };
    let both = tokio::join!(stand.databases.snapshot(&longer, &store.name), stand.databases.snapshot(&longer, &store.name));
    // Of two that wait, one may be told to ask again.
    let mut taken = Vec::new();
    for answer in [both.0, both.1] {
        match answer {
            Ok(facts) => taken.push(facts),
            Err(error) => assert_eq!(error.code(), Code::SnapshotInProgress, "{error:?}"),
        }
    }
    taken.push(stand.databases.snapshot(&longer, &store.name).await.unwrap());
    assert!(taken.iter().all(|facts| facts.documents == 300 && *facts == taken[0]), "{taken:?}");
    assert_eq!(fs::read_dir(stand.folder.path().join("snapshots")).unwrap().count(), 1, "it was begun once");
}
