//! One fault at every call of creating and deleting a store: afterwards the store is wholly there or wholly gone.
//!
//! The points come from the history of a run without faults, so a new call is covered the moment it exists. A fault that did not fire fails.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use storex_core::operation::OperationState;
use storex_core::{
    Clock, Code, Controller, CreateStoreRequest, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Error, Hostname,
    OperationId, Page, Query, RecordFacts, RecordSpec, StoreRepo, Table, ZoneFacts, ZoneId, ZoneStatus,
};
use storex_fakes::{Call, Fault, FaultRule, MemoryClock, MemoryDomains, When, World};

const DAY: Duration = Duration::from_hours(24);

fn request() -> CreateStoreRequest {
    let body = serde_json::json!({
        "username": "oceanbreeze", "domain": "oceanbreezestore.com",
        "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
    });
    CreateStoreRequest::from_json(&body).unwrap()
}

/// What strikes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strike {
    Fault(When, Fault),
    /// The controller is gone at the call and another one takes over.
    Crash(When),
}

const STRIKES: [Strike; 6] = [
    Strike::Fault(When::Before, Fault::Unclear),
    Strike::Fault(When::After, Fault::Unclear),
    Strike::Fault(When::Before, Fault::Unavailable),
    Strike::Fault(When::Before, Fault::Refuse(Code::Corrupt)),
    Strike::Crash(When::Before),
    Strike::Crash(When::After),
];

/// Operations of the flow, by id.
async fn operations(world: &World, flow: &str) -> Vec<OperationId> {
    let rows = world.stores.list(Table::Operations, &Query::All, &Page::first(1000)).await.unwrap().rows;
    rows.iter().filter(|row| row.body.value()["flow"] == flow).map(|row| row.id.parse().unwrap()).collect()
}

/// Waits until every operation is at rest and answers how the last one of the flow ended; `None` when it never began.
async fn ended(world: &World, controller: &Controller, flow: &str) -> Option<OperationState> {
    let mut last = None;
    for id in operations(world, flow).await {
        // The fault may strike this very question.
        let view = match controller.wait_operation(&id, DAY).await {
            Ok(view) => view,
            Err(_) => controller.wait_operation(&id, DAY).await.unwrap(),
        };
        assert!(view.done, "{view:#?}");
        last = Some(view.state);
    }
    last
}

/// A provider that never sees a zone: with it the engine cannot find what an unclear call left behind.
#[derive(Debug)]
struct Blind(MemoryDomains);

#[async_trait]
impl DomainProvider for Blind {
    fn capabilities(&self) -> DomainCapabilities {
        self.0.capabilities()
    }
    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>, Error> {
        Ok(self.0.find_zone(name).await?.filter(|zone| zone.status == ZoneStatus::Active))
    }
    async fn ensure_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts, Error> {
        self.0.ensure_zone(cx, name).await
    }
    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>, Error> {
        self.0.list_records(zone, comment_prefix).await
    }
    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>, Error> {
        self.0.ensure_records(cx, zone, records).await
    }
    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<(), Error> {
        self.0.remove(cx, object).await
    }
}

/// A new controller process on the world; its eyes are closed in the control.
async fn controller(world: &World, blind: bool) -> Controller {
    let controller =
        if blind { world.controller_over(Arc::new(Blind(world.domains.clone()))).await } else { world.controller().await };
    let controller = controller.unwrap();
    controller.ensure_platform("http://localhost:3000").await.unwrap();
    controller
}

/// A rule that strikes like this.
fn rule_of(points: &[Call], index: usize, hit: Strike) -> (FaultRule, bool) {
    match hit {
        Strike::Fault(when, fault) => (rule_at(points, index, when, fault), false),
        Strike::Crash(when) => (rule_at(points, index, when, Fault::Hold), true),
    }
}

/// Runs `act` under the strike; answers the controller that is alive afterwards.
async fn strike<F>(
    world: &World,
    alive: Controller,
    (rule, crash): (FaultRule, bool),
    blind: bool,
    act: impl FnOnce(Controller) -> F,
) -> Controller
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    world.script.add(rule);
    let acting = tokio::spawn(act(alive.clone()));
    if !crash {
        let _ = acting.await.unwrap();
        return alive;
    }
    let mut patience = 20_000;
    while world.script.rules()[0].fired == 0 {
        patience -= 1;
        assert!(patience > 0, "the crash never happened: {:?}", world.script.rules());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    acting.abort();
    alive.stop().await;
    world.script.clear();
    let next = controller(world, blind).await;
    next.resume().await.unwrap();
    next
}

/// The calls a controller made since, without the reads of operation documents by which this test watches it.
fn calls(world: &World, from: usize) -> Vec<Call> {
    let calls = world.script.history().split_off(from);
    calls.into_iter().filter(|call| !(call.name == "repo.get" && call.subject.starts_with("operations/"))).collect()
}

/// The part of a subject that is the same in every run: the table or namespace.
fn area(call: &Call) -> &str {
    if call.name.starts_with("repo.") { call.subject.split('/').next().unwrap() } else { "" }
}

/// A rule for the `index`-th of these calls.
fn rule_at(calls: &[Call], index: usize, when: When, fault: Fault) -> FaultRule {
    let call = &calls[index];
    let nth = calls[..=index].iter().filter(|other| other.name == call.name && area(other) == area(call)).count();
    FaultRule { nth: u32::try_from(nth).unwrap(), ..FaultRule::next(call.name, area(call), when, fault) }
}

/// Whether the store is wholly there (`true`) or wholly gone (`false`), or what is in between.
fn judge(world: &World, state: Option<OperationState>, whole: usize) -> Result<bool, String> {
    let traces: Vec<String> = world.store_traces().into_iter().filter(|trace| !trace.starts_with("document outbox/")).collect();
    match state {
        Some(OperationState::Succeeded) if traces.len() == whole => Ok(true),
        Some(OperationState::RolledBack) | None if traces.is_empty() => Ok(false),
        other => Err(format!("ended {other:?} with {traces:?}")),
    }
}

async fn create(controller: Controller) -> Result<(), Error> {
    controller.create_store(&request()).await.map(|_| ())
}

/// A run without faults: its calls and what it leaves.
async fn fault_free() -> (Vec<Call>, Vec<String>) {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let from = world.script.history().len();
    create(controller.clone()).await.unwrap();
    assert_eq!(ended(&world, &controller, "create_store").await, Some(OperationState::Succeeded));
    let traces = world.store_traces().into_iter().filter(|trace| !trace.starts_with("document outbox/")).collect();
    (calls(&world, from), traces)
}

/// Every strike at every call of a create: how many ended wholly there, wholly gone, and in between.
async fn sweep_create(blind: bool) -> (usize, usize, Vec<String>) {
    let (points, whole) = fault_free().await;
    let (mut there, mut gone, mut broken) = (0, 0, Vec::new());
    for index in 0..points.len() {
        for hit in STRIKES {
            let mut world = World::new().unwrap();
            world.domains = world.domains.with_late_effect_window(Duration::from_secs(45));
            let alive = controller(&world, blind).await;
            let (rule, crash) = rule_of(&points, index, hit);
            let alive = strike(&world, alive, (rule, crash), blind, create).await;
            let state = ended(&world, &alive, "create_store").await;
            assert!(crash || world.script.rules()[0].fired == 1, "{hit:?} at call {index} did not fire");
            match judge(&world, state, whole.len()) {
                Ok(true) => there += 1,
                Ok(false) => gone += 1,
                Err(how) => {
                    broken.push(format!("{hit:?} at call {index} {} {}: {how}", points[index].name, points[index].subject));
                }
            }
        }
    }
    (there, gone, broken)
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_call_of_create_leaves_the_store_wholly_there_or_wholly_gone() {
    let (there, gone, broken) = sweep_create(false).await;
    let (_, _, control) = sweep_create(true).await;
    let total = there + gone + broken.len();
    println!(
        "create: {} of {total} scenarios end in between ({there} wholly there, {gone} wholly gone); without eyes for zones {} of {total} do",
        broken.len(),
        control.len()
    );
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(there > 100 && gone > 20 && !control.is_empty(), "the sweep or its control shows nothing");
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_call_of_delete_still_deletes_the_store() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (created, operation) = controller.create_store(&request()).await.unwrap();
    controller.wait_operation(&operation, DAY).await.unwrap();
    let from = world.script.history().len();
    controller.delete_store(&created.store_id).await.unwrap();
    assert_eq!(ended(&world, &controller, "delete_store").await, Some(OperationState::Succeeded));
    let points = calls(&world, from);
    let mut scenarios = 0;
    for index in 0..points.len() {
        // A refusal for good has no way back here: it waits for an operator, which another test shows.
        for hit in STRIKES.into_iter().filter(|hit| !matches!(hit, Strike::Fault(_, Fault::Refuse(_)))) {
            let world = World::new().unwrap();
            let controller = world.ready_controller().await.unwrap();
            let (created, operation) = controller.create_store(&request()).await.unwrap();
            controller.wait_operation(&operation, DAY).await.unwrap();
            let what = format!("{hit:?} at call {index} {} {}", points[index].name, points[index].subject);
            let id = created.store_id.clone();
            let controller = strike(&world, controller, rule_of(&points, index, hit), false, |alive| async move {
                alive.delete_store(&id).await.map(|_| ())
            })
            .await;
            if operations(&world, "delete_store").await.is_empty() {
                // The fault came before the operation was durable: nothing happened, and asking again deletes.
                controller.delete_store(&created.store_id).await.unwrap();
            }
            assert_eq!(ended(&world, &controller, "delete_store").await, Some(OperationState::Succeeded), "{what}");
            assert_eq!(judge(&world, None, 0), Ok(false), "{what}");
            scenarios += 1;
        }
    }
    println!("delete: {scenarios} scenarios at {} calls, all gone", points.len());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_while_deleting_waits_for_an_operator_and_keeps_the_claims() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (created, operation) = controller.create_store(&request()).await.unwrap();
    controller.wait_operation(&operation, DAY).await.unwrap();
    world.script.add(FaultRule::next("host.withdraw", "", When::Before, Fault::Refuse(Code::Corrupt)).forever());
    let deletion = controller.delete_store(&created.store_id).await.unwrap();
    let view = controller.wait_operation(&deletion, DAY).await.unwrap();
    assert_eq!(view.state, OperationState::Poisoned);
    assert!(world.store_traces().iter().any(|trace| trace.starts_with("claim username/")));
}

#[tokio::test(start_paused = true)]
async fn settling_happens_only_when_an_effect_was_in_doubt() {
    let mut times = Vec::new();
    for doubt in [false, true] {
        let mut world = World::new().unwrap();
        world.domains = world.domains.with_late_effect_window(Duration::from_secs(45));
        let controller = world.ready_controller().await.unwrap();
        world.host.silence("oceanbreeze");
        if doubt {
            world.script.add(FaultRule::next("domains.ensure_zone", "", When::Before, Fault::Unclear));
        }
        let clock = MemoryClock::new();
        let begun = clock.now();
        create(controller.clone()).await.ok();
        assert_eq!(ended(&world, &controller, "create_store").await, Some(OperationState::RolledBack));
        assert_eq!(world.store_traces(), Vec::<String>::new());
        times.push(clock.now().duration_since(begun).unsigned_abs());
    }
    assert!(times[0] < Duration::from_secs(15) && times[1] >= Duration::from_secs(45), "{times:?}");
}
