//! What operations promise beyond their steps: cancelling, turns, durable waits, keys, take-over, and operators' retries.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::time::{Duration, Instant};
use storex_core::operation::{OperationState, OperationView};
use storex_core::{
    Clock, Code, Controller, CreateStoreRequest, IdempotencyKey, OperationId, Page, Query, RequestOptions, StoreId, StoreRepo,
    Table,
};
use storex_fakes::{Fault, FaultRule, MemoryClock, MemoryHost, When, World};

const DAY: Duration = Duration::from_hours(24);

fn request(username: &str, domain: Option<&str>) -> CreateStoreRequest {
    let body = serde_json::json!({ "username": username, "domain": domain, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
    CreateStoreRequest::from_json(&body).unwrap()
}

fn with_key(key: &str) -> RequestOptions {
    RequestOptions::with_key(IdempotencyKey::new("operator", key).unwrap())
}

async fn rest(controller: &Controller, id: &OperationId) -> OperationView {
    let view = controller.wait_operation(id, DAY * 3).await.unwrap();
    assert!(view.done, "{view:#?}");
    view
}

async fn store(controller: &Controller, username: &str) -> StoreId {
    let (created, operation) = controller.create_store(&request(username, None)).await.unwrap();
    assert_eq!(rest(controller, &operation).await.state, OperationState::Succeeded);
    created.store_id
}

/// Operations of this kind.
async fn count(world: &World, kind: &str) -> usize {
    let rows = world.stores.list(Table::Operations, &Query::All, &Page::first(1000)).await.unwrap().rows;
    rows.iter().filter(|row| row.body.value()["flow"] == kind).count()
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_create_ends_rolled_back_wherever_the_request_finds_it() {
    // How many calls a create makes, so that the request to cancel can come at each of them.
    let calls = {
        let world = World::new().unwrap();
        let controller = world.ready_controller().await.unwrap();
        let from = world.script.history().len();
        let (_, operation) = controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await.unwrap();
        rest(&controller, &operation).await;
        world.script.history().split_off(from)
    };
    let (mut cancelled, mut late) = (0, 0);
    for (place, call) in calls.iter().enumerate() {
        let world = World::new().unwrap();
        let controller = world.ready_controller().await.unwrap();
        let nth = calls[..=place].iter().filter(|other| other.name == call.name).count();
        let hold = FaultRule { nth: u32::try_from(nth).unwrap(), ..FaultRule::next(call.name, "", When::Before, Fault::Hold) };
        world.script.add(hold);
        let creating = tokio::spawn({
            let controller = controller.clone();
            async move { controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await }
        });
        // The operation stands still at the call, or is over before it is made.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if world.script.rules()[0].fired == 0 {
            world.script.clear();
        }
        let rows = world.stores.list(Table::Operations, &Query::All, &Page::first(10)).await.unwrap().rows;
        let Some(row) = rows.iter().find(|row| row.body.value()["flow"] == "create_store") else { continue };
        let id: OperationId = row.id.parse().unwrap();
        let asked = controller.cancel_operation(&id).await;
        world.script.clear();
        let view = controller.wait_operation(&id, DAY).await.unwrap();
        assert!(view.done, "call {place} {} {}: {view:#?}", call.name, call.subject);
        let _ = creating.await.unwrap();
        if let Err(refused) = asked {
            assert_eq!(refused.code(), Code::PastPointOfNoReturn);
            assert_eq!(view.state, OperationState::Succeeded);
            late += 1;
        } else {
            assert_eq!(view.state, OperationState::RolledBack, "cancelled at call {place} {} {}", call.name, call.subject);
            assert_eq!(view.error.unwrap().code, Code::Cancelled);
            let traces: Vec<_> = world.store_traces().into_iter().filter(|trace| !trace.starts_with("document outbox")).collect();
            assert_eq!(traces, Vec::<String>::new(), "cancelled at call {place} {} {}", call.name, call.subject);
            cancelled += 1;
        }
    }
    assert!(cancelled > 40, "{cancelled} cancelled, {late} too late");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_cannot_be_cancelled_and_a_second_one_finds_nothing_left_to_do() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let id = store(&controller, "oceanbreeze").await;
    let (first, second) = tokio::join!(controller.delete_store(&id), controller.delete_store(&id));
    let (first, second) = (first.unwrap(), second.unwrap());
    let refused = controller.cancel_operation(&first).await.unwrap_err();
    assert_eq!(refused.code(), Code::PastPointOfNoReturn);
    for operation in [&first, &second] {
        assert_eq!(rest(&controller, operation).await.state, OperationState::Succeeded);
    }
    assert_eq!(world.store_traces().iter().filter(|trace| !trace.starts_with("document outbox")).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn operations_on_one_store_take_turns_in_the_order_in_which_they_were_asked_for() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let id = store(&controller, "oceanbreeze").await;
    let other = store(&controller, "mountainpeak").await;
    world.script.add(FaultRule::next("host.withdraw", &id.to_string(), When::Before, Fault::Hold).forever());
    let first = controller.delete_store(&id).await.unwrap();
    // The first has its turn before it has marked the store, so the second is an operation of its own.
    let second = controller.delete_store_with(&id, &with_key("second")).await.unwrap().operation;
    let elsewhere = controller.delete_store(&other).await.unwrap();
    assert_eq!(rest(&controller, &elsewhere).await.state, OperationState::Succeeded, "another store does not wait");
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(controller.get_operation(&second).await.unwrap().state, OperationState::Queued);
    world.script.clear();
    assert_eq!(rest(&controller, &first).await.state, OperationState::Succeeded);
    assert_eq!(rest(&controller, &second).await.state, OperationState::Succeeded);
    assert!(world.stores.claims().iter().all(|claim| claim.namespace != "turn"), "no turn is left taken");
}

#[tokio::test(start_paused = true)]
async fn a_capped_zone_is_queued_and_the_create_waits_for_hours_without_failing() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let clock = MemoryClock::new();
    let begun = clock.now();
    world.script.add(FaultRule {
        times: 20,
        ..FaultRule::next("domains.create_zone", "", When::Before, Fault::Refuse(Code::RateLimited))
    });
    let (created, operation) = controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await.unwrap();
    assert!(created.configuration.nameservers.is_empty(), "the zone is queued");
    assert_eq!(created.configuration.next_steps[0], "Wait for the assigned nameservers");
    let view = controller.get_operation(&operation).await.unwrap();
    let zone = view.steps.iter().flat_map(|step| &step.tasks).find(|task| task.name == "Create Cloudflare zone").unwrap();
    assert_eq!(zone.waits_on.as_ref().map(|wait| wait.who.as_str()), Some("cloudflare"));
    assert_eq!(zone.failures, 0);
    assert_eq!(rest(&controller, &operation).await.state, OperationState::Succeeded);
    assert!(
        clock.now().duration_since(begun).unsigned_abs() > controller.settings().operation_limit,
        "longer than a create may take"
    );

    // A wait ends: then the store is wholly gone.
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    world.script.add(FaultRule::next("domains.create_zone", "", When::Before, Fault::Refuse(Code::RateLimited)).forever());
    let (_, operation) = controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await.unwrap();
    assert_eq!(rest(&controller, &operation).await.state, OperationState::RolledBack);
    assert_eq!(world.store_traces(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_hundred_repetitions_make_one_store_and_get_one_answer() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let wanted = request("oceanbreeze", Some("oceanbreezestore.com"));
    let asked = (0..100).map(|_| {
        let (controller, wanted) = (controller.clone(), wanted.clone());
        tokio::spawn(async move { controller.create_store_with(&wanted, &with_key("order-1")).await.unwrap() })
    });
    let mut answers = Vec::new();
    for task in asked.collect::<Vec<_>>() {
        answers.push(task.await.unwrap());
    }
    assert_eq!(count(&world, "create_store").await, 1);
    assert_eq!(answers.iter().filter(|accepted| !accepted.replayed).count(), 1);
    let text = |answer| serde_json::to_string(answer).unwrap();
    assert!(answers.iter().all(|accepted| text(&accepted.answer) == text(&answers[0].answer)));
    rest(&controller, &answers[0].operation).await;

    let replay = controller.create_store_with(&wanted, &with_key("order-1")).await.unwrap();
    assert!(replay.replayed && text(&replay.answer) == text(&answers[0].answer), "the same answer when it is over");
    let other = controller.create_store_with(&request("mountainpeak", None), &with_key("order-1")).await.unwrap_err();
    assert_eq!(other.code(), Code::IdempotencyKeyReused);
    let stranger = RequestOptions::with_key(IdempotencyKey::new("another principal", "order-1").unwrap());
    let independent = controller.create_store_with(&request("mountainpeak", None), &stranger).await.unwrap();
    assert!(!independent.replayed, "keys of another principal are other keys");
}

#[tokio::test(start_paused = true)]
async fn whoever_did_not_get_the_answer_finds_the_operation_by_its_key_and_begins_nothing() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let key = |principal: &str| IdempotencyKey::new(principal, "order-1").unwrap();
    assert_eq!(controller.find_operation(&key("operator")).await.unwrap_err().code(), Code::NotFound);
    world.script.add(FaultRule::next("repo.claim", "username/", When::Before, Fault::Hold));
    let asked = tokio::spawn({
        let controller = controller.clone();
        async move { controller.create_store_with(&request("oceanbreeze", None), &with_key("order-1")).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!asked.is_finished(), "the answer has not come");
    asked.abort();
    let found = controller.find_operation(&key("operator")).await.unwrap();
    assert_eq!((found.kind.as_str(), found.done), ("create_store", false));
    assert_eq!(controller.find_operation(&key("other")).await.unwrap_err().code(), Code::NotFound, "a key of somebody else");
    world.script.clear();
    assert_eq!(rest(&controller, &found.id).await.state, OperationState::Succeeded);
    assert_eq!(count(&world, "create_store").await, 1);
    // Once the key is forgotten it may begin another one: the latest counts.
    tokio::time::sleep(DAY + Duration::from_mins(1)).await;
    controller.forget().await.unwrap();
    let second = controller.create_store_with(&request("mountainpeak", None), &with_key("order-1")).await.unwrap();
    assert_eq!(controller.find_operation(&key("operator")).await.unwrap().id, *second.operation);
}

#[tokio::test(start_paused = true)]
async fn a_create_is_begun_first_and_answered_second() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    world.script.add(FaultRule::next("repo.claim", "username/", When::Before, Fault::Hold));
    let begun = controller.begin_create(&request("oceanbreeze", None), &with_key("order-1")).await.unwrap();
    assert!(!begun.replayed && !begun.operation.view().await.unwrap().done);
    let answered = tokio::spawn({
        let operation = begun.operation.clone();
        async move { operation.created().await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!answered.is_finished(), "the names are not claimed yet");
    let again = controller.begin_create(&request("oceanbreeze", None), &with_key("order-1")).await.unwrap();
    assert!(again.replayed && again.operation == begun.operation);
    world.script.clear();
    let created = answered.await.unwrap().unwrap();
    assert_eq!(created, begun.operation.created().await.unwrap());
    rest(&controller, &begun.operation).await;
    let deleted = controller.delete_store(&created.store_id).await.unwrap();
    assert_eq!(deleted.created().await.unwrap_err().code(), Code::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_after_a_crash_at_any_call_of_the_request_makes_one_store() {
    let mut crashes = 0;
    for place in 1.. {
        let world = World::new().unwrap();
        let controller = world.ready_controller().await.unwrap();
        let from = world.script.history().len();
        // The request's own calls until its operation is durable: claim of the key, reads, the document.
        let names = ["repo.claim", "repo.get", "host.facts", "repo.put"];
        for name in names {
            world.script.add(FaultRule { nth: place, ..FaultRule::next(name, "", When::After, Fault::Hold) });
        }
        let asking = tokio::spawn({
            let controller = controller.clone();
            async move { controller.create_store_with(&request("oceanbreeze", None), &with_key("order-1")).await }
        });
        tokio::time::sleep(Duration::from_secs(2)).await;
        if asking.is_finished() && world.script.rules().iter().all(|rule| rule.fired == 0) {
            break;
        }
        asking.abort();
        controller.stop().await;
        world.script.clear();
        crashes += 1;
        let next = world.ready_controller().await.unwrap();
        next.resume().await.unwrap();
        let again = next.create_store_with(&request("oceanbreeze", None), &with_key("order-1")).await.unwrap();
        assert_eq!(rest(&next, &again.operation).await.state, OperationState::Succeeded);
        assert_eq!(count(&world, "create_store").await, 1, "crash {place} after {:?}", &world.script.history()[from..].first());
    }
    assert!(crashes >= 4, "{crashes}");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_forgotten_a_day_after_and_an_operation_a_month_after_it_ended() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let options = with_key("order-1");
    let first = controller.create_store_with(&request("oceanbreeze", None), &options).await.unwrap();
    rest(&controller, &first.operation).await;
    controller.forget().await.unwrap();
    assert!(controller.create_store_with(&request("oceanbreeze", None), &options).await.unwrap().replayed);
    tokio::time::sleep(DAY + Duration::from_mins(1)).await;
    controller.forget().await.unwrap();
    assert!(!controller.create_store_with(&request("mountainpeak", None), &options).await.unwrap().replayed);
    tokio::time::sleep(DAY * 31).await;
    assert!(controller.forget().await.unwrap() >= 2);
    assert_eq!(controller.get_operation(&first.operation).await.unwrap_err().code(), Code::NotFound);
}

/// A controller is killed this long after it began a create that is held; answers when another one, which looks for such work all the time, has
/// written the journal.
async fn taken_over_after(life: Duration) -> Duration {
    let world = World::new().unwrap();
    let gone = world.ready_controller().await.unwrap();
    let alive = world.controller_with_repo(Arc::new(world.stores.clone())).await.unwrap();
    alive.ensure_platform("http://localhost:3000").await.unwrap();
    let background = tokio::spawn({
        let alive = alive.clone();
        async move { alive.run_recovery().await }
    });
    world.script.add(FaultRule::next("host.apply", "environment", When::Before, Fault::Hold));
    let creating = tokio::spawn({
        let gone = gone.clone();
        async move { gone.create_store(&request("oceanbreeze", None)).await }
    });
    tokio::time::sleep(life).await;
    creating.abort();
    gone.stop().await;
    world.script.clear();
    let clock = MemoryClock::new();
    let begun = clock.now();
    let rows = world.stores.list(Table::Operations, &Query::equals("open", "1"), &Page::first(10)).await.unwrap().rows;
    let id: OperationId = rows[0].id.parse().unwrap();
    while world.stores.row(Table::Operations, &rows[0].id).unwrap().version == rows[0].version {
        assert!(clock.now().duration_since(begun).as_secs() < 60, "nobody took over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let taken = clock.now().duration_since(begun).unsigned_abs();
    assert_eq!(rest(&alive, &id).await.state, OperationState::Succeeded);
    background.abort();
    taken
}

#[tokio::test(start_paused = true)]
async fn another_controller_takes_over_within_20_seconds_whenever_the_first_one_is_killed() {
    let mut times = Vec::new();
    for tenths in (10..180).step_by(7) {
        times.push(taken_over_after(Duration::from_millis(tenths * 100)).await);
    }
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(*last <= Duration::from_secs(20), "{times:?}");
    // The control: never before the lease is over, of which at most a third had gone by.
    assert!(*first >= Duration::from_secs(10), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_waits_for_an_operator_goes_on_when_it_is_retried() {
    // Ids of one millisecond follow no order: either deletion may come first by its id.
    for seed in 0..8 {
        goes_on_when_it_is_retried(seed).await;
    }
}

async fn goes_on_when_it_is_retried(seed: u64) {
    let world = World::new().unwrap();
    world.seed(seed);
    let controller = world.ready_controller().await.unwrap();
    let id = store(&controller, "oceanbreeze").await;
    world.script.add(FaultRule::next("host.withdraw", "", When::Before, Fault::Refuse(Code::Corrupt)).forever());
    let operation = controller.delete_store(&id).await.unwrap();
    assert_eq!(rest(&controller, &operation).await.state, OperationState::Poisoned);
    // It keeps its turn: another deletion waits for the operator as well.
    let second = controller.delete_store_with(&id, &with_key("second")).await.unwrap().operation;
    let healthy = store(&controller, "mountainpeak").await;
    assert!(controller.get_store(&healthy).await.is_ok(), "nobody else is delayed");
    world.script.clear();
    controller.retry_operation(&operation).await.unwrap();
    assert_eq!(rest(&controller, &operation).await.state, OperationState::Succeeded);
    assert_eq!(rest(&controller, &second).await.state, OperationState::Succeeded);
    assert_eq!(controller.retry_operation(&operation).await.unwrap_err().code(), Code::OperationInProgress);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_is_down_is_left_alone_and_what_waits_goes_on_when_it_is_back() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let mut operations = Vec::new();
    for number in 0..20 {
        let id = store(&controller, &format!("store{number}")).await;
        operations.push(id);
    }
    for call in ["host.find", "host.withdraw"] {
        world.script.add(FaultRule::next(call, "", When::Before, Fault::Unavailable).forever());
    }
    let mut deletions = Vec::new();
    for id in &operations {
        deletions.push(controller.delete_store(id).await.unwrap());
    }
    let from = world.script.history().len();
    tokio::time::sleep(Duration::from_hours(1)).await;
    let calls = world.script.history()[from..].iter().filter(|call| call.name.starts_with("host.")).count();
    // 20 operations retrying on their own would send 60 each in an hour at the longest pause.
    assert!(calls < 200, "{calls} calls to a host that is down for an hour");
    world.script.clear();
    for deletion in &deletions {
        assert_eq!(rest(&controller, deletion).await.state, OperationState::Succeeded);
    }
}

/// A world whose host has room for more than a thousand stores.
fn wide_world() -> World {
    let mut world = World::new().unwrap();
    world.host = MemoryHost::new("4001-5999".parse().unwrap()).with_clock(world.clock());
    World::of(&world.snapshot())
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "it says how long it took")]
async fn a_thousand_interrupted_creates_are_recovered_within_half_a_minute() {
    const INTERRUPTED: usize = 1000;
    let world = wide_world();
    let controller = world.ready_controller().await.unwrap();
    world.script.add(FaultRule::next("host.apply", "", When::Before, Fault::Hold).forever());
    for number in 0..INTERRUPTED {
        let controller = controller.clone();
        tokio::spawn(async move { controller.create_store(&request(&format!("store{number}"), None)).await });
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    controller.stop().await;
    world.script.clear();
    assert_eq!(world.host.stores(), Vec::<StoreId>::new(), "all of them were interrupted");
    let (began, clock) = (Instant::now(), MemoryClock::new());
    let virtually = clock.now();
    let next = world.ready_controller().await.unwrap();
    let resumed = next.resume().await.unwrap();
    assert_eq!(resumed, INTERRUPTED);
    let rows = world.stores.list(Table::Operations, &Query::All, &Page::first(2000)).await.unwrap().rows;
    let mut succeeded = 0;
    for row in rows.iter().filter(|row| row.body.value()["flow"] == "create_store") {
        assert_eq!(rest(&next, &row.id.parse().unwrap()).await.state, OperationState::Succeeded);
        succeeded += 1;
    }
    let (took, waited) = (began.elapsed(), clock.now().duration_since(virtually).unsigned_abs());
    println!("recovery: {succeeded} interrupted system-only operations in {took:?}, {waited:?} of virtual waiting beside");
    assert_eq!((succeeded, world.host.stores().len()), (INTERRUPTED, INTERRUPTED));
    assert!(took + waited <= Duration::from_secs(30), "{took:?} and {waited:?}");
}
