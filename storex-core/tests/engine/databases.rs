//! A database of its own for each store: made, audited, given another password and removed with it; and its password nowhere in the open.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::time::Duration;
use storex_core::operation::OperationState;
use storex_core::record::StoreRecord;
use storex_core::resource::{DatabaseSpec, ResourceKind};
use storex_core::{
    Code, Controller, CreateStoreRequest, DatabaseAdmin, DatabaseName, DriftQuery, Expected, Fence, Json, Nonce,
    ReconcileOptions, RowWrite, Sealed, StoreId, StoreRepo, Table,
};
use storex_fakes::{Allowance, Fault, FaultRule, When, World};

const LONG: Duration = Duration::from_hours(2);

fn request(username: &str) -> CreateStoreRequest {
    let body = serde_json::json!({
        "username": username, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
    });
    CreateStoreRequest::from_json(&body).unwrap()
}

async fn world() -> (World, Controller) {
    let world = World::new().unwrap().with_databases();
    let controller = world.ready_controller().await.unwrap();
    world.plant_sentinels("storex-main-tunnel").await.unwrap();
    (world, controller)
}

async fn create(controller: &Controller, username: &str) -> StoreId {
    let (created, operation) = controller.create_store(&request(username)).await.unwrap();
    operation.success(LONG).await.unwrap();
    created.store_id
}

fn database(username: &str) -> DatabaseName {
    DatabaseName::of(&username.parse().unwrap())
}

async fn users(world: &World, name: &DatabaseName) -> Vec<String> {
    let found = world.databases.find(name).await.unwrap();
    found.into_iter().flat_map(|facts| facts.users).map(|user| user.name).collect()
}

async fn assert_well(world: &World) {
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_store_has_its_database_from_its_creation_to_its_deletion() {
    let (world, controller) = world().await;
    let store = create(&controller, "oceanbreeze").await;
    let name = database("oceanbreeze");
    let facts = world.databases.find(&name).await.unwrap().unwrap();
    assert_eq!(facts.collections, ["customers", "orders", "products"]);
    let (user, password) = world.host.login(&store).unwrap();
    assert_eq!(user, format!("store_user_{}", store.digits()));
    assert_eq!(facts.users.len(), 1);
    assert!(facts.users[0].is_confined_to(&name) && world.databases.opens(&name, &user, &password));
    assert_well(&world).await;
    controller.delete_store(&store).await.unwrap().success(LONG).await.unwrap();
    assert_eq!(world.databases.find(&name).await.unwrap(), None);
    assert_well(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_database_of_somebody_else_makes_a_create_turn_back_and_stays_as_it_is() {
    let (world, controller) = world().await;
    let name = database("oceanbreeze");
    world.databases.edit_documents(&name, |collections| {
        collections.entry("orders".to_owned()).or_default().insert("1".to_owned(), "theirs".to_owned());
    });
    let before = world.databases.find(&name).await.unwrap();
    let error = controller.create_store(&request("oceanbreeze")).await.unwrap_err();
    assert_eq!(error.code(), Code::ForeignObject);
    assert!(error.message().contains("store_oceanbreeze"), "{error}");
    tokio::time::sleep(LONG).await;
    assert_eq!(world.databases.find(&name).await.unwrap(), before);
    assert!(world.host.stores().iter().all(|store| store.username().as_str() != "oceanbreeze"));
}

#[tokio::test(start_paused = true)]
async fn another_password_leaves_one_user_and_a_store_that_does_not_take_it_keeps_the_former_one() {
    let (world, controller) = world().await;
    let (store, name) = (create(&controller, "oceanbreeze").await, database("oceanbreeze"));
    let mut seen = BTreeSet::new();
    for (round, user) in ["_b", "", "_b"].into_iter().enumerate() {
        seen.insert(world.host.login(&store).unwrap().1.expose().clone());
        controller.rotate_database_password(&store).await.unwrap().success(LONG).await.unwrap();
        let user = format!("store_user_{}{user}", store.digits());
        assert_eq!(users(&world, &name).await, std::slice::from_ref(&user), "round {round}");
        assert_eq!(world.host.login(&store).unwrap().0, user);
        assert_well(&world).await;
    }
    assert_eq!(seen.len(), 3, "each round has a password of its own");
    let before = world.host.login(&store).unwrap();
    world.script.add(FaultRule::next("host.visit", "", When::Before, Fault::Unavailable).forever());
    let ended = controller.rotate_database_password(&store).await.unwrap().wait(LONG).await.unwrap();
    assert_eq!(ended.state, OperationState::RolledBack);
    let after = world.host.login(&store).unwrap();
    assert_eq!((after.0, after.1.expose()), (before.0.clone(), before.1.expose()));
    assert_eq!(users(&world, &name).await, [before.0]);
    assert_well(&world).await;
    controller.delete_store(&store).await.unwrap().success(LONG).await.unwrap();
    assert_well(&world).await;
}

#[tokio::test(start_paused = true)]
async fn drift_of_a_database_is_found_and_mended_also_after_a_rotation() {
    let (world, controller) = world().await;
    let (store, name) = (create(&controller, "oceanbreeze").await, database("oceanbreeze"));
    controller.rotate_database_password(&store).await.unwrap().success(LONG).await.unwrap();
    let query = DriftQuery::of_store(store.clone());
    let look = || controller.drift(&query);
    assert_eq!(look().await.unwrap().drift, []);
    let user = world.host.login(&store).unwrap().0;
    world.databases.edit_user(&name, &user, |facts| facts.grants.clear());
    world.host.damage(&store, storex_core::Part::Environment, "the environment file was changed");
    world.host.damage(&store, storex_core::Part::Process, "the process does not run");
    let drift = look().await.unwrap().drift;
    let resources: Vec<&str> = drift.iter().map(|one| one.resource.as_str()).collect();
    assert_eq!(resources, ["host_part/environment@local", "database/store_oceanbreeze", "host_part/process@local"]);
    let report = controller.reconcile(&ReconcileOptions::of(DriftQuery::of_store(store.clone()))).await.unwrap();
    for handle in controller.handles(&report) {
        handle.success(LONG).await.unwrap();
    }
    assert_eq!(look().await.unwrap().drift, []);
    assert_eq!(users(&world, &name).await, [user]);
    assert_well(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_without_a_database_says_so_and_one_with_needs_the_server() {
    let plain = World::new().unwrap();
    let controller = plain.ready_controller().await.unwrap();
    let store = create(&controller, "oceanbreeze").await;
    assert_eq!(controller.rotate_database_password(&store).await.unwrap_err().code(), Code::Unsupported);
    assert_eq!(plain.host.login(&store).map(|(user, _)| user), None);

    let (world, controller) = world().await;
    let store = create(&controller, "oceanbreeze").await;
    controller.stop().await;
    let bare = storex_fakes::Parts { databases: None, ..world.parts() };
    world.void_leases();
    let without = world.start(bare).await.unwrap().controller;
    without.adopt_platform().await.unwrap();
    let operation = without.delete_store(&store).await.unwrap();
    assert!(!operation.wait(Duration::from_mins(30)).await.unwrap().done, "it waits for a controller with the server");
    without.stop().await;
    let controller = world.controller().await.unwrap();
    controller.resume().await.unwrap();
    assert!(controller.wait_operation(operation.id(), LONG).await.unwrap().done);
    assert_eq!(world.databases.find(&database("oceanbreeze")).await.unwrap(), None);
}

/// Every document of the repo as text.
fn dump(world: &World) -> String {
    world.stores.dump().values().map(|row| row.body.as_str().to_owned()).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn no_document_answer_or_error_holds_a_password_and_one_put_there_is_found() {
    let (world, controller) = world().await;
    let store = create(&controller, "oceanbreeze").await;
    let mut secrets = vec![world.host.login(&store).unwrap().1];
    let rotated = controller.rotate_database_password(&store).await.unwrap();
    let ended = rotated.success(LONG).await.unwrap();
    secrets.push(world.host.login(&store).unwrap().1);
    let view = controller.get_store(&store).await.unwrap();
    let listed = controller.list_stores(0, None).await.unwrap();
    let shown = format!("{view:?} {listed:?} {ended:?} {}", serde_json::to_string(&ended).unwrap());
    let found = |text: &str| secrets.iter().filter(|secret| text.contains(secret.expose().as_str())).count();
    let documents = dump(&world);
    assert_eq!((found(&documents), found(&shown)), (0, 0));
    assert!(documents.contains("storex-seal-1.world."), "the sealed ones are there");
    // The control: the same search finds them where they may be, and where somebody put them.
    let planted = documents.replacen("storex-seal-1.world.", secrets[1].expose(), 1);
    assert_eq!(found(&planted), 1);
    println!(
        "canary: {} of 2 passwords in {} bytes of documents; control: {} of 1 planted",
        found(&documents),
        documents.len(),
        found(&planted)
    );
}

/// Puts a sealed password into the document of a store.
async fn give(world: &World, store: &StoreId, password: Sealed) {
    let row = world.stores.row(Table::Stores, &store.to_string()).unwrap();
    let mut record: StoreRecord = row.body.read().unwrap();
    let held = record.resources.iter_mut().find(|held| held.key.kind == ResourceKind::Database).unwrap();
    let mut spec: DatabaseSpec = held.spec.read().unwrap();
    spec.logins[0].password = password;
    held.spec = Json::of(&spec).unwrap();
    let write =
        RowWrite { table: Table::Stores, id: row.id.clone(), body: Json::of(&record).unwrap(), indexes: row.indexes.clone() };
    world.stores.put(&write, Expected::Version(row.version), &Nonce("hand".to_owned()), Fence::NONE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sealed_password_moved_to_another_store_opens_nothing() {
    let (world, controller) = world().await;
    let (one, two) = (create(&controller, "oceanbreeze").await, create(&controller, "bluepeak").await);
    let stolen = spec(&world, &one).logins[0].password.clone();
    let before = world.databases.find(&database("bluepeak")).await.unwrap();
    give(&world, &two, stolen).await;
    let name = database("bluepeak");
    world.databases.edit_user(&name, &world.host.login(&two).unwrap().0, |facts| facts.grants.clear());
    let report = controller.reconcile(&ReconcileOptions::of(DriftQuery::of_store(two.clone()))).await.unwrap();
    let ended = controller.handles(&report)[0].wait(LONG).await.unwrap();
    assert_eq!(ended.state, OperationState::Poisoned);
    assert!(format!("{ended:?}").contains("sealed for another place"), "{ended:?}");
    let (user, password) = world.host.login(&two).unwrap();
    assert!(world.databases.opens(&name, &user, &password), "its own password is as it was");
    assert_eq!(before.unwrap().users.len(), 1);
}

fn spec(world: &World, store: &StoreId) -> DatabaseSpec {
    let record: StoreRecord = world.stores.row(Table::Stores, &store.to_string()).unwrap().body.read().unwrap();
    record.resources.iter().find(|held| held.key.kind == ResourceKind::Database).unwrap().spec.read().unwrap()
}
