//! Servers and databases storex refuses to start on, each with what is wrong and what to do.

use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::{Code, Error, Expected, Fence, Nonce, Query, RowWrite, Secret, StoreRepo, Table};
use storex_mongo::MongoStores;
use storex_mongo::driver::IndexModel;
use storex_mongo::driver::bson::spec::BinarySubtype;
use storex_mongo::driver::bson::{Binary, Document, doc};
use storex_mongo::driver::options::IndexOptions;
use storex_tests::mongod::{Deployment, Topology};

async fn refused(uri: &Secret<String>, code: Code, words: &str) -> Error {
    let error = MongoStores::open(uri).await.unwrap_err();
    assert_eq!(error.code(), code, "{error:?}");
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(error.operation(), Some("repo.open"));
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_without_the_password_or_the_rights_are_told_so() {
    let deployment = Deployment::start(Topology::OneWithUsers).await.unwrap();
    let admin = deployment.driver("admin").await.unwrap();
    let wrong = deployment.uri_as("shop", Some(("root", "canary-password")));
    let error = refused(&wrong, Code::Unusable, "user name or password").await;
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    refused(&deployment.uri_as("shop", None), Code::Unusable, "readWrite").await;

    let on = doc! { "db": "narrow", "collection": "" };
    let actions =
        vec!["find", "insert", "update", "remove", "listCollections", "listIndexes", "changeStream", "createCollection"];
    let rights = vec![doc! { "resource": on, "actions": actions }];
    admin.run_command(doc! { "createRole": "no_index", "privileges": rights, "roles": [] }).await.unwrap();
    for (user, role) in
        [("narrow", doc! { "role": "no_index", "db": "admin" }), ("usual", doc! { "role": "readWrite", "db": "usual" })]
    {
        admin.run_command(doc! { "createUser": user, "pwd": "pw", "roles": [role] }).await.unwrap();
    }
    refused(&deployment.uri_as("narrow", Some(("narrow", "pw"))), Code::Unusable, "readWrite").await;
    refused(&deployment.uri_as("other", Some(("usual", "pw"))), Code::Unusable, "readWrite").await;
    // The control: readWrite on its own database is enough.
    MongoStores::open(&deployment.uri_as("usual", Some(("usual", "pw")))).await.unwrap();
}

/// Opens a database once and changes a document of it by hand.
async fn changed(deployment: &Deployment, database: &str, set: Document) -> Secret<String> {
    let uri = deployment.uri(database);
    MongoStores::open(&uri).await.unwrap();
    let meta = deployment.driver(database).await.unwrap().collection::<Document>("meta");
    meta.update_one(doc! { "_id": "schema" }, doc! { "$set": set }).await.unwrap();
    uri
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_of_others_and_of_other_versions_are_refused() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let newer = changed(&deployment, "newer", doc! { "version": 1000_i64 }).await;
    refused(&newer, Code::Unusable, "newer storex").await;
    let older = changed(&deployment, "older", doc! { "version": 0_i64 }).await;
    refused(&older, Code::Unusable, "never existed").await;
    let foreign = deployment.driver("foreign").await.unwrap();
    foreign.collection::<Document>("customers").insert_one(doc! { "name": "Ann" }).await.unwrap();
    refused(&deployment.uri("foreign"), Code::Unusable, "name another database").await;
    assert_eq!(foreign.list_collection_names().await.unwrap(), ["customers"], "a refusal leaves nothing behind");

    let folded = deployment.driver("folded").await.unwrap();
    MongoStores::open(&deployment.uri("folded")).await.unwrap();
    folded.collection::<Document>("claims").drop().await.unwrap();
    folded.run_command(doc! { "create": "claims", "collation": { "locale": "en", "strength": 1 } }).await.unwrap();
    refused(&deployment.uri("folded"), Code::Unusable, "collation").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_indexes_are_made_again_and_others_in_their_place_refused() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let uri = deployment.uri("indexes");
    let repo = MongoStores::open(&uri).await.unwrap();
    let operations = deployment.driver("indexes").await.unwrap().collection::<Document>("operations");
    let named = async || operations.list_index_names().await.unwrap();
    assert!(named().await.contains(&"x_open".to_owned()));
    operations.drop_index("x_open").await.unwrap();
    MongoStores::open(&uri).await.unwrap();
    assert!(named().await.contains(&"x_open".to_owned()), "made again");
    // A listing by it uses it.
    let indexes = BTreeMap::from([("open".to_owned(), "1".to_owned())]);
    let write = RowWrite { table: Table::Operations, id: "op".to_owned(), body: json!(1).into(), indexes };
    repo.put(&write, Expected::Absent, &Nonce("n".to_owned()), Fence::NONE).await.unwrap();
    assert_eq!(
        repo.list(Table::Operations, &Query::equals("open", "1"), &storex_core::Page::first(5)).await.unwrap().rows.len(),
        1
    );
    let find =
        doc! { "find": "operations", "filter": { "x.open": { "$gte": "1", "$lte": "1" } }, "sort": { "x.open": 1, "_id": 1 } };
    let plan = deployment.driver("indexes").await.unwrap().run_command(doc! { "explain": find }).await.unwrap().to_string();
    assert!(plan.contains("x_open") && !plan.contains("\"SORT\"") && !plan.contains("COLLSCAN"), "{plan}");

    operations.drop_index("x_open").await.unwrap();
    let other = IndexOptions::builder().name("x_open".to_owned()).build();
    operations.create_index(IndexModel::builder().keys(doc! { "body": 1 }).options(other).build()).await.unwrap();
    refused(&uri, Code::Unusable, "drop that index").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_has_no_majority_or_a_full_disk_is_named() {
    let nobody = storex_tests::installation::free_port().unwrap();
    let none = Secret::new(format!("mongodb://user:canary@127.0.0.1:{nobody}/shop"));
    let error = refused(&none, Code::Unavailable, "primary").await;
    assert!(!format!("{error:?}").contains("canary"));

    let mut deployment = Deployment::start(Topology::Three).await.unwrap();
    let uri = deployment.uri("shop");
    MongoStores::open(&uri).await.unwrap();
    let full = doc! { "failCommands": ["update"], "errorCode": 14031, "appName": "storex" };
    let primary = deployment.primary().await.unwrap();
    for (mode, disk_is_full) in [("alwaysOn", true), ("off", false)] {
        let command = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": full.clone() };
        deployment.driver("admin").await.unwrap().run_command(command).await.unwrap();
        if disk_is_full {
            refused(&uri, Code::Unavailable, "disk").await;
        } else {
            MongoStores::open(&uri).await.unwrap();
        }
    }
    // One of three is no majority: it steps down when it has not heard of the others for a while.
    for number in (0..3).filter(|number| *number != primary) {
        deployment.servers.get_mut(number).unwrap().kill().unwrap();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    refused(&uri, Code::Unavailable, "primary").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_disk_is_full_is_told_so_while_it_lives_and_after_it() {
    let deployment = Deployment::start_on_small_disks(Topology::Standalone, 350).await.unwrap();
    let uri = deployment.uri("shop");
    let repo = MongoStores::open(&uri).await.unwrap();
    let write = |number: u32| {
        let row = RowWrite {
            table: Table::Stores,
            id: format!("s{number}"),
            body: json!("x".repeat(100)).into(),
            indexes: BTreeMap::new(),
        };
        let repo = repo.clone();
        async move { repo.put(&row, Expected::Absent, &Nonce(row.id.clone()), Fence::NONE).await }
    };
    write(0).await.unwrap();
    let filler = deployment.driver("filler").await.unwrap().collection::<Document>("filler");
    let bytes = |seed: u32| {
        let mut state = u64::from(seed) + 1;
        let mut next = || {
            // Of numbers that nobody can compress (xorshift).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        (0..1 << 17).flat_map(|_| next()).collect::<Vec<u8>>()
    };
    let mut filled = 0;
    let full = loop {
        let document = doc! { "bytes": Binary { subtype: BinarySubtype::Generic, bytes: bytes(filled) } };
        match filler.insert_one(document).await {
            Ok(_) => filled += 1,
            Err(error) => break error,
        }
    };
    println!("a disk of 350 MB was full after {filled} MB: {full}");
    // What is small may still find room.
    let mut number = 0;
    let error = loop {
        number += 1;
        if let Err(error) = write(number).await {
            break error;
        }
    };
    assert!(error.is_transient() && error.to_string().contains("disk"), "{error}");
    assert!(refused(&uri, Code::Unavailable, "disk").await.message().contains("space"), "it says what to do");
}
