//! The wildcard trap: a record at or below a store's system name takes the store off the internet, so it is found before and after a create.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;
use storex_core::operation::OperationState;
use storex_core::resource::{DriftAction, DriftState};
use storex_core::{
    Code, Controller, CreateStoreRequest, Drift, DriftQuery, RecordFacts, RecordSpec, RecordType, StoreId, ZoneId,
};
use storex_fakes::World;

const DAY: Duration = Duration::from_hours(24);

fn request(username: &str) -> CreateStoreRequest {
    let body =
        serde_json::json!({ "username": username, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
    CreateStoreRequest::from_json(&body).unwrap()
}

async fn store(controller: &Controller, username: &str) -> StoreId {
    let (created, operation) = controller.create_store(&request(username)).await.unwrap();
    assert_eq!(controller.wait_operation(&operation, DAY).await.unwrap().state, OperationState::Succeeded);
    created.store_id
}

fn primary(world: &World) -> ZoneId {
    world.domains.zones().remove(0).id
}

fn insert(world: &World, record: &RecordSpec) -> RecordFacts {
    world.domains.insert_foreign_record(&primary(world), record).unwrap()
}

fn text(name: &str) -> RecordSpec {
    RecordSpec::parse(RecordType::Txt, name, "token").unwrap()
}

fn edge_calls(world: &World) -> usize {
    world.script.history().iter().filter(|call| call.name.starts_with("domains.")).count()
}

async fn drift(controller: &Controller) -> Vec<Drift> {
    controller.drift(&DriftQuery::default()).await.unwrap().drift
}

#[tokio::test(start_paused = true)]
async fn a_record_below_the_system_name_refuses_the_store_before_anything_is_made() {
    let world = World::new().unwrap();
    let challenge = insert(&world, &text("_acme-challenge.oceanbreeze.storex.com"));
    let controller = world.ready_controller().await.unwrap();
    let error = controller.create_store(&request("oceanbreeze")).await.unwrap_err();
    assert_eq!((error.code(), error.pointer_str()), (Code::ForeignObject, Some("/username")));
    for part in ["TXT _acme-challenge.oceanbreeze.storex.com", "remove it", "proxied CNAME oceanbreeze.storex.com"] {
        assert!(error.message().contains(part), "{error}");
    }
    assert_eq!(controller.plan_create(&request("oceanbreeze")).await.unwrap_err().code(), Code::ForeignObject);
    assert_eq!(world.store_traces(), ["record _acme-challenge.oceanbreeze.storex.com"]);

    // A record that is gone refuses nobody, however old the listing is.
    world.domains.take_records(&primary(&world), |record| record.id == challenge.id);
    tokio::time::sleep(Duration::from_mins(2)).await;
    store(&controller, "oceanbreeze").await;
}

#[tokio::test(start_paused = true)]
async fn a_record_put_there_later_is_drift_until_it_is_gone_or_the_name_is_served_by_itself() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let id = store(&controller, "oceanbreeze").await;
    assert_eq!(drift(&controller).await, []);
    let other = insert(&world, &text("oceanbreeze.storex.com"));
    let found = drift(&controller).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].state, found[0].action), (DriftState::Foreign, DriftAction::Report));
    assert_eq!((found[0].store_id.as_ref(), found[0].resource.as_str()), (Some(&id), "records/oceanbreeze.storex.com"));

    let target =
        world.domains.records(&primary(&world)).into_iter().find(|record| record.name == "*.storex.com").unwrap().content;
    insert(&world, &RecordSpec::cname("oceanbreeze.storex.com", &target, true).unwrap());
    assert_eq!(drift(&controller).await, [], "the fix the message names");
    world
        .domains
        .take_records(&primary(&world), |record| record.record_type == "CNAME" && record.name == "oceanbreeze.storex.com");
    assert_eq!(drift(&controller).await.len(), 1);
    world.domains.take_records(&primary(&world), |record| record.id == other.id);
    assert_eq!(drift(&controller).await, []);
}

#[tokio::test(start_paused = true)]
async fn looking_costs_no_call_for_a_store_and_one_for_a_sweep() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let before = edge_calls(&world);
    for username in ["one", "two", "three"] {
        store(&controller, username).await;
    }
    assert_eq!(edge_calls(&world) - before, 0, "system-only stores cost nothing");
    let before = edge_calls(&world);
    assert_eq!(drift(&controller).await, []);
    assert_eq!(edge_calls(&world) - before, 2, "the primary zone's listing and the wildcard's own record");
}
