//! Messages when several controllers could deliver them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::{Controller, CreateStoreRequest, Page, Query, Table};
use storex_fakes::{Fault, FaultRule, When, World};

const LONG: Duration = Duration::from_mins(10);
const STORES: usize = 3;

/// Two controllers, and messages that take a while to deliver, in milliseconds.
async fn two(world: &World, takes: u32) -> [Controller; 2] {
    let (first, second) = (world.start(world.parts()).await.unwrap(), world.start(world.parts()).await.unwrap());
    for process in [&first, &second] {
        process.controller.ensure_platform("http://localhost:3000").await.unwrap();
    }
    world.script.add(FaultRule::next("notifier.deliver", "", When::Before, Fault::Slow(takes)).forever());
    for number in 0..STORES {
        create(&first.controller, number).await;
    }
    [first.controller, second.controller]
}

/// Creates a store, and with it a message.
async fn create(controller: &Controller, number: usize) {
    let details = serde_json::json!({ "owner": "John Smith", "email": "john@example-mail.com" });
    let body = serde_json::json!({ "username": format!("ocean{number}"), "storeDetails": details });
    let (_, operation) = controller.create_store(&CreateStoreRequest::from_json(&body).unwrap()).await.unwrap();
    assert!(controller.wait_operation(&operation, LONG).await.unwrap().error.is_none());
}

/// How often each message was delivered.
fn deliveries(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in world.script.history().into_iter().filter(|call| call.name == "notifier.deliver") {
        *counts.entry(call.subject).or_default() += 1;
    }
    counts
}

async fn left(world: &World) -> usize {
    world.bare_parts().repo.list(Table::Outbox, &Query::All, &Page::first(10)).await.unwrap().rows.len()
}

#[tokio::test(start_paused = true)]
async fn of_two_controllers_one_delivers_and_the_other_need_not_wait_for_its_turn() {
    let world = World::new().unwrap();
    let [first, second] = two(&world, 1_000).await;
    let (by_first, by_second) = tokio::join!(first.deliver_due(), second.deliver_due());
    assert_eq!((by_first.unwrap() + by_second.unwrap(), left(&world).await), (STORES, 0));
    let counts = deliveries(&world);
    assert!(counts.len() == STORES && counts.values().all(|count| *count == 1), "{counts:?}");
    // The turn is given back: the other one delivers at once.
    world.script.clear();
    let begun = world.clock().now();
    for (controller, number) in [(&second, 7), (&first, 8)] {
        create(controller, number).await;
        assert_eq!(controller.deliver_due().await.unwrap(), 1);
    }
    assert!(world.clock().now().duration_since(begun).unsigned_abs() < first.settings().lease);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_takes_longer_than_the_turn_is_not_delivered_for_ever() {
    let world = World::new().unwrap();
    let [first, second] = two(&world, 40_000).await;
    assert!(Duration::from_secs(40) > first.settings().lease, "the control: the turn is over by then");
    let run = async { tokio::join!(first.run_outbox(), second.run_outbox()) };
    assert!(tokio::time::timeout(LONG, run).await.is_err());
    assert_eq!(left(&world).await, 0);
    let counts = deliveries(&world);
    assert!(counts.len() == STORES && counts.values().all(|count| *count <= 2), "{counts:?}");
}
