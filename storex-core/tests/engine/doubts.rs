//! Reads that lag behind, effects that land late and documents that are gone: what an operation may not conclude from them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;
use storex_core::operation::{OperationDoc, OperationState};
use storex_core::{Code, Controller, CreateStoreRequest, OperationId, Table};
use storex_fakes::{Allowance, Event, Fault, FaultRule, When, World};

const DAY: Duration = Duration::from_hours(24);

fn request() -> CreateStoreRequest {
    let body = serde_json::json!({
        "username": "oceanbreeze", "domain": "oceanbreezestore.com",
        "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
    });
    CreateStoreRequest::from_json(&body).unwrap()
}

/// A world at whose edge effects land up to a minute late, with a controller whose platform stands.
async fn world() -> (World, Controller) {
    let mut world = World::new().unwrap();
    world.domains = world.domains.with_late_effect_window(Duration::from_mins(1));
    let controller = world.ready_controller().await.unwrap();
    (world, controller)
}

/// Creates a store that cannot succeed; answers how its operation ended.
async fn fail_to_create(world: &World, controller: &Controller) -> OperationState {
    world.script.add(FaultRule::next("repo.put", "outbox/", When::Before, Fault::Refuse(Code::Corrupt)));
    let operation: OperationId = match controller.create_store(&request()).await {
        Ok((_, operation)) => operation.into(),
        Err(error) => error.context().find(|(key, _)| *key == "operation").map(|(_, id)| id.parse().unwrap()).unwrap(),
    };
    controller.wait_operation(&operation, DAY).await.unwrap().state
}

#[tokio::test(start_paused = true)]
async fn a_read_that_lags_behind_the_creation_does_not_leave_the_zone_or_its_records_behind() {
    for read in ["domains.find_zone", "domains.list_records"] {
        let (world, controller) = world().await;
        // The first look of the way back; the way there has looked for the zone once.
        let nth = if read == "domains.find_zone" { 2 } else { 1 };
        world.script.add(FaultRule { nth, ..FaultRule::next(read, "", When::Before, Fault::Stale) });
        assert_eq!(fail_to_create(&world, &controller).await, OperationState::RolledBack);
        assert_eq!(world.script.rules().iter().map(|rule| rule.fired).collect::<Vec<_>>(), [1, 1], "{read}");
        assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new(), "{read}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_somebody_removes_between_two_reads_is_gone_and_no_failure() {
    let (world, controller) = world().await;
    world.script.add(FaultRule {
        nth: 2,
        ..FaultRule::next("domains.list_records", "", When::Before, Fault::Event(Event::ZonesRemoved))
    });
    assert_eq!(fail_to_create(&world, &controller).await, OperationState::RolledBack);
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn ingress_rules_that_land_late_are_taken_back_before_the_way_back_ends() {
    let (world, controller) = world().await;
    world.script.add(FaultRule::next("tunnel.store", "", When::Before, Fault::Late(45)));
    world.script.add(FaultRule::next("tunnel.store", "", When::Before, Fault::Refuse(Code::CloudflareRefused)));
    controller.ensure_platform("http://localhost:3001").await.unwrap_err();
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn one_refusal_of_a_good_token_does_not_stop_a_deletion() {
    let (world, controller) = world().await;
    let (created, operation) = controller.create_store(&request()).await.unwrap();
    controller.wait_operation(&operation, DAY).await.unwrap();
    world.script.add(FaultRule::next("domains.remove", "", When::Before, Fault::Denied));
    let deletion = controller.delete_store(&created.store_id).await.unwrap();
    assert_eq!(controller.wait_operation(&deletion, DAY).await.unwrap().state, OperationState::Succeeded);
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_while_deleting_waits_for_an_operator_and_keeps_the_claims() {
    let (world, controller) = world().await;
    let (created, operation) = controller.create_store(&request()).await.unwrap();
    controller.wait_operation(&operation, DAY).await.unwrap();
    world.script.add(FaultRule::next("host.withdraw", "", When::Before, Fault::Refuse(Code::Corrupt)).forever());
    let deletion = controller.delete_store(&created.store_id).await.unwrap();
    assert_eq!(controller.wait_operation(&deletion, DAY).await.unwrap().state, OperationState::Poisoned);
    assert!(world.store_traces().iter().any(|trace| trace.starts_with("claim username/")));
    let judged = world.judge(Allowance { poisoned: true, ..Allowance::default() }).await;
    assert_eq!(judged, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn settling_happens_only_when_an_effect_was_in_doubt() {
    let mut times = Vec::new();
    for doubt in [false, true] {
        let (world, controller) = world().await;
        world.host.silence("oceanbreeze");
        if doubt {
            world.script.add(FaultRule::next("domains.create_zone", "", When::Before, Fault::Unclear));
        }
        let begun = world.clock().now();
        assert_eq!(fail_to_create(&world, &controller).await, OperationState::RolledBack);
        assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
        times.push(world.clock().now().duration_since(begun).unsigned_abs());
    }
    let [sure, doubted] = times.try_into().unwrap();
    assert!(sure < Duration::from_secs(15) && doubted >= Duration::from_mins(1), "{sure:?} {doubted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_lands_late_after_its_removal_is_removed_too() {
    let (world, controller) = world().await;
    world.script.add(FaultRule::next("domains.create_zone", "", When::Before, Fault::Late(45)));
    // The zone is made by the second try and removed by the way back before the first one lands.
    assert_eq!(fail_to_create(&world, &controller).await, OperationState::RolledBack);
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_a_controller_sends_after_its_lease_changes_nothing() {
    for call in ["repo.claim", "repo.put"] {
        let (world, first) = world().await;
        drop(first);
        let stopped = world.start(world.parts()).await.unwrap();
        assert!(stopped.controller.adopt_platform().await.unwrap());
        let subject = if call == "repo.claim" { "username/" } else { "domains/" };
        world.script.add(FaultRule::next(call, subject, When::Before, Fault::Pause));
        let asking = create_on(&stopped.controller);
        world.script.struck(0).await;
        tokio::time::sleep(Duration::from_secs(16)).await;
        let next = world.start(world.parts()).await.unwrap();
        world.script.add(FaultRule::next("host.apply", "", When::Before, Fault::Refuse(Code::HostRefused)));
        next.controller.resume().await.unwrap();
        tokio::time::sleep(Duration::from_mins(5)).await;
        stopped.gate.resume();
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert!(asking.await.unwrap().is_err());
        assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new(), "{call}");
    }
}

/// What belongs to stores anywhere; a message that was not delivered yet outlives its store.
fn traces(world: &World) -> Vec<String> {
    world.store_traces().into_iter().filter(|trace| !trace.starts_with("document outbox/")).collect()
}

fn create_on(controller: &Controller) -> tokio::task::JoinHandle<storex_core::Result<OperationId>> {
    let controller = controller.clone();
    tokio::spawn(async move { controller.create_store(&request()).await.map(|(_, operation)| operation.into()) })
}

/// A create whose controller sleeps from its `nth` journal write on, while another one finishes it and the store is deleted; then it wakes. Answers
/// what is wrong with the world afterwards; none when the create has fewer writes.
async fn wake_after_deletion(nth: u32) -> Option<Vec<String>> {
    let (world, first) = world().await;
    drop(first);
    let sleeper = world.start(world.parts()).await.unwrap();
    assert!(sleeper.controller.adopt_platform().await.unwrap());
    world.script.add(FaultRule { nth, ..FaultRule::next("repo.put", "operations/", When::After, Fault::Pause) });
    let asking = create_on(&sleeper.controller);
    tokio::time::timeout(DAY, world.script.struck(0)).await.ok()?;
    tokio::time::sleep(Duration::from_secs(16)).await;
    let next = world.start(world.parts()).await.unwrap();
    assert!(next.controller.adopt_platform().await.unwrap());
    next.controller.resume().await.unwrap();
    tokio::time::sleep(Duration::from_mins(5)).await;
    let stores = next.controller.list_stores(10, None).await.unwrap().stores;
    for store in &stores {
        let deletion = next.controller.delete_store(&store.created.store_id).await.unwrap();
        assert_eq!(next.controller.wait_operation(&deletion, DAY).await.unwrap().state, OperationState::Succeeded);
    }
    assert_eq!(stores.len(), 1);
    sleeper.gate.resume();
    tokio::time::sleep(Duration::from_mins(5)).await;
    asking.abort();
    let mut wrong = world.judge(Allowance::default()).await;
    wrong.extend(traces(&world));
    Some(wrong)
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_wakes_after_its_store_was_deleted_brings_nothing_of_it_back() {
    let mut nth = 1;
    while let Some(wrong) = wake_after_deletion(nth).await {
        assert_eq!(wrong, Vec::<String>::new(), "journal write {nth}");
        nth += 1;
    }
    assert!(nth > 7, "only {nth} journal writes");
}

#[tokio::test(start_paused = true)]
async fn a_second_request_to_cancel_answers_as_the_first_also_when_the_operation_is_over() {
    let (world, controller) = world().await;
    world.script.add(FaultRule::next("host.apply", "", When::Before, Fault::Refuse(Code::HostRefused)));
    // The way back gets as far as the names and takes a while there.
    world.script.add(FaultRule { times: 3, ..FaultRule::next("repo.release", "username/", When::Before, Fault::Unavailable) });
    let asking = create_on(&controller);
    while world.script.count("repo.release") == 0 {
        assert!(world.clock().now() < jiff::Timestamp::constant(1_767_225_600 + 3600, 0), "it never turned back");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let rows = world.stores.rows(Table::Operations).into_iter();
    let creation = rows.map(|row| row.body.read::<OperationDoc>().unwrap()).find(|doc| doc.flow == "create_store");
    let operation = creation.unwrap().id;
    assert_eq!(controller.get_operation(&operation).await.unwrap().state, OperationState::Unwinding);
    assert_eq!(asking.await.unwrap().unwrap_err().code(), Code::HostRefused);
    controller.cancel_operation(&operation).await.unwrap();
    assert_eq!(controller.wait_operation(&operation, DAY).await.unwrap().state, OperationState::RolledBack);
    assert_eq!(controller.cancel_operation(&operation).await.unwrap().state, OperationState::RolledBack);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_somebody_makes_between_the_look_and_the_creation_is_theirs() {
    let (world, first) = world().await;
    drop(first);
    let process = world.start(world.parts()).await.unwrap();
    assert!(process.controller.adopt_platform().await.unwrap());
    world.script.add(FaultRule::next("domains.create_zone", "", When::Before, Fault::Pause));
    let asking = create_on(&process.controller);
    world.script.struck(0).await;
    let theirs = world.domains.insert_foreign_zone(&"oceanbreezestore.com".parse().unwrap());
    process.gate.resume();
    assert_eq!(asking.await.unwrap().unwrap_err().code(), Code::ZoneExists);
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(world.domains.has_zone(&theirs));
    assert_eq!(traces(&world), ["zone oceanbreezestore.com"]);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_for_a_lost_creation_of_its_zone_to_be_over() {
    let (world, controller) = world().await;
    world.script.add(FaultRule::next("domains.create_zone", "", When::Before, Fault::Late(45)));
    let (created, operation) = controller.create_store(&request()).await.unwrap();
    assert_eq!(controller.wait_operation(&operation, DAY).await.unwrap().state, OperationState::Succeeded);
    let deletion = controller.delete_store(&created.store_id).await.unwrap();
    assert_eq!(controller.wait_operation(&deletion, DAY).await.unwrap().state, OperationState::Succeeded);
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
    assert_eq!(traces(&world), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_controller_stopped_before_its_lease_reads_the_journal_under_it() {
    let (world, first) = world().await;
    first.stop().await;
    world.void_leases();
    let begun = world.start(world.parts()).await.unwrap();
    world.script.add(FaultRule { nth: 3, ..FaultRule::next("repo.put", "operations/", When::Before, Fault::Crash) });
    let asking = tokio::spawn({
        let controller = begun.controller.clone();
        async move { controller.ensure_platform("http://localhost:3001").await }
    });
    world.script.struck(0).await;
    asking.abort();
    begun.controller.stop().await;
    world.void_leases();
    let stopped = world.start(world.parts()).await.unwrap();
    world.script.add(FaultRule::next("repo.acquire", "", When::Before, Fault::Pause));
    world.script.add(FaultRule::next("repo.put", "platform/", When::Before, Fault::Refuse(Code::Corrupt)));
    stopped.controller.resume().await.unwrap();
    world.script.struck(1).await;
    let next = world.start(world.parts()).await.unwrap();
    next.controller.resume().await.unwrap();
    tokio::time::sleep(Duration::from_mins(10)).await;
    stopped.gate.resume();
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_slow_host_delays_a_store_and_nothing_else() {
    let (world, controller) = world().await;
    let mut took = Vec::new();
    for (username, slow) in [("quick", None), ("slow", Some(7_000))] {
        if let Some(slow) = slow {
            world.script.add(FaultRule::next("host.apply", "", When::Before, Fault::Slow(slow)).forever());
        }
        let owner = serde_json::json!({ "owner": "John Smith", "email": "john@example-mail.com" });
        let body = serde_json::json!({ "username": username, "storeDetails": owner });
        let request = CreateStoreRequest::from_json(&body).unwrap();
        let begun = world.clock().now();
        let (_, operation) = controller.create_store(&request).await.unwrap();
        let view = controller.wait_operation(&operation.into(), DAY).await.unwrap();
        assert_eq!(view.state, OperationState::Succeeded, "{view:?}");
        took.push(world.clock().now().duration_since(begun).as_secs());
    }
    let fired = world.script.rules().iter().map(|rule| rule.fired).max().unwrap();
    assert!(fired >= 2 && took.iter().max() >= Some(&14) && took.first() < Some(&14), "{fired} calls were slow: {took:?}");
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}
