//! What a store can reach with its password: its own database, and nothing else. Each figure beside the one of a user that all stores share.

use super::world::{MongoLogin, MongoWorld};
use super::{Stand, Store};
use futures::{StreamExt, TryStreamExt};
use storex_core::DatabaseAdmin;
use storex_fakes::laws::database_admin::DatabaseWorld;
use storex_mongo::driver::bson::{Document, doc};
use storex_mongo::driver::error::{Error as DriverError, ErrorKind};

const STORES: u64 = 50;
/// What one store tries at another.
const TRIES: [&str; 5] = ["read", "write", "list", "drop", "$out"];

/// Tries it; what the server says.
async fn try_at(login: &MongoLogin, home: &str, target: &str, what: &str) -> Result<(), DriverError> {
    let database = login.0.database(target);
    match what {
        "read" => {
            let orders = database.collection::<Document>("orders");
            orders.find(doc! {}).await?.try_collect::<Vec<_>>().await.map(drop)
        }
        "write" => database.collection::<Document>("orders").insert_one(doc! { "from": home }).await.map(drop),
        "list" => database.list_collection_names().await.map(drop),
        "drop" => database.drop().await,
        _ => {
            let products = login.0.database(home).collection::<Document>("products");
            let out = [doc! { "$match": {} }, doc! { "$out": { "db": target, "coll": "stolen" } }];
            products.aggregate(out).await?.try_collect::<Vec<_>>().await.map(drop)
        }
    }
}

/// Whether it was refused for want of a right; any other failure is none of ours.
fn is_denied(outcome: &Result<(), DriverError>) -> bool {
    match outcome {
        Ok(()) => false,
        Err(error) => {
            let denied = matches!(&*error.kind, ErrorKind::Command(command) if command.code == 13);
            assert!(denied, "{error:?}");
            true
        }
    }
}

async fn contents(world: &MongoWorld, stores: &[Store]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for store in stores {
        all.push(world.contents(&store.name).await.unwrap());
    }
    all
}

/// How often a store was refused at another, and how often it tried; for each store one after another, the stores side by side.
async fn cross(stores: &[(Store, MongoLogin)]) -> (usize, usize) {
    let each = stores.iter().map(|(store, login)| async move {
        let (mut denied, mut tried) = (0, 0);
        for (other, _) in stores.iter().filter(|(other, _)| other.name != store.name) {
            for what in TRIES {
                let outcome = try_at(login, store.name.as_str(), other.name.as_str(), what).await;
                denied += usize::from(is_denied(&outcome));
                tried += 1;
            }
        }
        (denied, tried)
    });
    let all: Vec<(usize, usize)> = futures::stream::iter(each).buffer_unordered(8).collect().await;
    all.into_iter().fold((0, 0), |(denied, tried), (more, attempts)| (denied + more, tried + attempts))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_stores_none_reaches_another_and_a_shared_user_reaches_all() {
    let stand = Stand::new().await;
    let mut stores = Vec::new();
    for number in 0..STORES {
        let store = stand.store(number).await;
        let login = stand.world.as_store(&store.name, &store.user, &store.password).await.unwrap();
        login
            .0
            .database(store.name.as_str())
            .collection::<Document>("products")
            .insert_one(doc! { "of": number.to_string() })
            .await
            .unwrap();
        stores.push((store, login));
    }
    let own: Vec<Store> = stores.iter().map(|(store, _)| store.clone()).collect();
    let before = contents(&stand.world, &own).await;
    let (denied, tried) = cross(&stores).await;
    assert_eq!(contents(&stand.world, &own).await, before, "a refused attempt changed something");
    assert_eq!(tried, own.len() * (own.len() - 1) * TRIES.len());

    // The control: one user for all stores, each database tried by its neighbour's program.
    let roles = vec!["readWriteAnyDatabase", "dbAdminAnyDatabase"];
    let admin = stand.world.root.database("admin");
    admin.run_command(doc! { "createUser": "shared", "pwd": "shared-password", "roles": roles }).await.unwrap();
    let shared = stand.deployment.uri_as("", Some(("shared", "shared-password")));
    let shared = MongoWorld::connect(&shared).await.unwrap();
    let (mut reached, mut attempts) = (0, 0);
    for (number, store) in own.iter().enumerate() {
        let home = &own[(number + 1) % own.len()];
        for what in ["read", "write", "list", "$out", "drop"] {
            let outcome = try_at(&shared, home.name.as_str(), store.name.as_str(), what).await;
            reached += usize::from(!is_denied(&outcome));
            attempts += 1;
        }
    }
    println!(
        "cross-store attempts: {} of {tried} reached another store's database ({} stores; {}); control: a shared user reached {reached} of {attempts}",
        tried - denied,
        own.len(),
        TRIES.join(", ")
    );
    assert_eq!((denied, reached), (tried, attempts));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_reaches_neither_its_marks_nor_its_rights_nor_the_server() {
    let stand = Stand::new().await;
    let (store, other) = (stand.store(1).await, stand.store(2).await);
    let before = (stand.databases.find(&store.name).await.unwrap(), stand.databases.find(&other.name).await.unwrap());
    let login = stand.world.as_store(&store.name, &store.user, &store.password).await.unwrap();
    let (own, user) = (store.name.as_str(), store.user.as_str());
    let everything = vec![doc! { "role": "root", "db": "admin" }];
    let commands = [
        (own, doc! { "updateUser": user, "customData": {} }),
        (own, doc! { "updateUser": user, "pwd": "another-password" }),
        (own, doc! { "updateUser": user, "roles": everything.clone() }),
        (own, doc! { "grantRolesToUser": user, "roles": everything.clone() }),
        (own, doc! { "createUser": "more", "pwd": "pw", "roles": everything }),
        (own, doc! { "dropUser": user }),
        (own, doc! { "dropDatabase": 1 }),
        (own, doc! { "usersInfo": other.user.as_str() }),
        ("storex_databases", doc! { "find": "databases" }),
        (
            "storex_databases",
            doc! { "update": "databases", "updates": [{ "q": { "_id": own }, "u": { "$set": { "epoch": 0_i64 } } }] },
        ),
        ("storex_databases", doc! { "delete": "databases", "deletes": [{ "q": {}, "limit": 0 }] }),
        ("admin", doc! { "find": "system.users" }),
        ("admin", doc! { "serverStatus": 1 }),
        ("admin", doc! { "renameCollection": format!("{}.orders", other.name), "to": format!("{own}.taken") }),
        ("admin", doc! { "renameCollection": format!("{own}.orders"), "to": format!("{}.given", other.name) }),
        (
            own,
            doc! { "create": "window", "viewOn": "orders", "pipeline": [{ "$lookup": { "from": { "db": other.name.as_str(), "coll": "orders" }, "pipeline": [], "as": "x" } }] },
        ),
    ];
    let mut refused = 0;
    for (database, command) in &commands {
        let outcome = login.0.database(database).run_command(command.clone()).await;
        assert!(outcome.is_err(), "{database}: {command} answered {outcome:?}");
        refused += 1;
    }
    assert_eq!(login.0.list_database_names().await.unwrap(), [own], "a store sees the names of other stores");
    let after = (stand.databases.find(&store.name).await.unwrap(), stand.databases.find(&other.name).await.unwrap());
    assert_eq!(after, before);

    // The control: the server's root may do each of the harmless ones.
    let root = &stand.world.root;
    let reads = commands
        .iter()
        .filter(|(_, command)| ["find", "usersInfo", "serverStatus"].iter().any(|verb| command.contains_key(*verb)));
    let mut allowed = 0;
    for (database, command) in reads {
        root.database(database).run_command(command.clone()).await.unwrap();
        allowed += 1;
    }
    println!(
        "a store at marks, rights and server: 0 of {refused} commands went through; control: root's {allowed} of the {allowed} reads among them did"
    );
    assert_eq!((refused, allowed), (16, 4));
}
