//! Operations as handles: waiting, events, cancelling, and that dropping any of it changes nothing.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use futures::StreamExt;
use std::time::Duration;
use storex_core::operation::{OperationState, TaskState};
use storex_core::{
    Code, Controller, CreateStoreRequest, DomainObject, DomainProvider, DriftQuery, EffectCx, Epoch, Fence, OperationEvent,
    OperationEvents, OperationHandle, ReconcileOptions, StoreRepo, Table,
};
use storex_fakes::{Fault, FaultRule, When, World};

const DAY: Duration = Duration::from_hours(24);

fn request(username: &str, domain: Option<&str>) -> CreateStoreRequest {
    let body = serde_json::json!({ "username": username, "domain": domain, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
    CreateStoreRequest::from_json(&body).unwrap()
}

/// A create that stands still at its next call of this name until the script is cleared.
async fn held(world: &World, controller: &Controller, call: &str) -> OperationHandle {
    world.script.add(FaultRule::next(call, "", When::Before, Fault::Hold));
    controller.create_store(&request("oceanbreeze", None)).await.unwrap().1
}

/// All events until the stream ends, which it must.
async fn all(events: OperationEvents) -> Vec<OperationEvent> {
    let collected = events.map(Result::unwrap).collect();
    let ended = tokio::time::timeout(DAY, collected).await;
    ended.unwrap()
}

fn states(events: &[OperationEvent]) -> Vec<OperationState> {
    let of = |event: &OperationEvent| match event {
        OperationEvent::State { state, .. } => Some(*state),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

fn ended(events: &[OperationEvent]) -> OperationState {
    let ends = events.iter().filter(|event| matches!(event, OperationEvent::Ended { .. })).count();
    assert_eq!(ends, 1, "{events:#?}");
    let last = match events.last() {
        Some(OperationEvent::Ended { operation }) => Some(operation.state),
        _ => None,
    };
    assert!(last.is_some(), "the end is the last event: {events:#?}");
    last.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_create_tell_its_tasks_and_end_with_its_end() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let operation = held(&world, &controller, "host.apply").await;
    let listening = tokio::spawn(all(operation.events()));
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.script.clear();
    let events = listening.await.unwrap();
    assert_eq!(ended(&events), OperationState::Succeeded);
    assert_eq!(states(&events).last(), Some(&OperationState::Succeeded));
    let view = operation.view().await.unwrap();
    for task in view.steps.iter().flat_map(|step| &step.tasks) {
        let told = events.iter().rev().find_map(|event| match event {
            OperationEvent::Task { task: told, .. } if told.name == task.name => Some(told.state),
            _ => None,
        });
        assert_eq!(told, Some(task.state), "the last that was told of {}", task.name);
    }
    let waited = |event: &OperationEvent| matches!(event, OperationEvent::Task { task, .. } if task.state == TaskState::Running);
    assert!(events.iter().any(waited), "a task that stood still was told while it did");
}

#[tokio::test(start_paused = true)]
async fn whoever_listens_late_is_told_the_end_and_nothing_after_it() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (_, operation) = controller.create_store(&request("oceanbreeze", None)).await.unwrap();
    operation.success(DAY).await.unwrap();
    let mut events = controller.handle(operation.id()).events();
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(event.unwrap());
    }
    assert_eq!(ended(&told), OperationState::Succeeded);
    assert!(events.next().await.is_none() && StreamExt::next(&mut events).await.is_none(), "it stays ended");
}

#[tokio::test(start_paused = true)]
async fn a_listener_slower_than_the_operation_loses_no_end() {
    for pause in [0, 1, 50, 3_000] {
        let world = World::new().unwrap();
        let controller = world.ready_controller().await.unwrap();
        let (_, operation) = controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await.unwrap();
        let mut events = operation.events();
        let mut told = Vec::new();
        while let Some(event) = events.next().await {
            told.push(event.unwrap());
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        assert_eq!(ended(&told), OperationState::Succeeded, "a pause of {pause} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_another_controller_finishes_ends_the_stream_too() {
    let world = World::new().unwrap();
    let first = world.ready_controller().await.unwrap();
    let operation = held(&world, &first, "host.apply").await;
    let listening = tokio::spawn(all(operation.events()));
    let waiting = tokio::spawn({
        let operation = operation.clone();
        async move { operation.wait(DAY).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.stop().await;
    world.script.clear();
    let second = world.controller().await.unwrap();
    second.ensure_platform("http://localhost:3000").await.unwrap();
    assert_eq!(second.resume().await.unwrap(), 1);
    assert_eq!(ended(&listening.await.unwrap()), OperationState::Succeeded);
    let before = world.clock().now();
    assert_eq!(waiting.await.unwrap().state, OperationState::Succeeded);
    assert!(
        world.clock().now().duration_since(before).as_secs() < 60,
        "who waited on the stopped controller was told, not left until the time was over"
    );
}

#[tokio::test(start_paused = true)]
async fn a_repo_that_cannot_be_read_for_a_while_ends_no_stream_and_a_forgotten_operation_does() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let operation = held(&world, &controller, "host.apply").await;
    controller.stop().await;
    world.script.clear();
    let refuse =
        FaultRule { times: 20, ..FaultRule::next("repo.get", "operations/", When::Before, Fault::Refuse(Code::Unavailable)) };
    world.script.add(refuse);
    let listening = tokio::spawn(all(operation.events()));
    tokio::time::sleep(Duration::from_mins(1)).await;
    controller.resume().await.unwrap();
    assert_eq!(ended(&listening.await.unwrap()), OperationState::Succeeded);
    assert_eq!(world.script.rules()[0].fired, 20, "the repo did refuse");

    let row = world.stores.get(Table::Operations, operation.id().as_str()).await.unwrap().unwrap();
    world.stores.delete(Table::Operations, &row.id, row.version, Fence::NONE).await.unwrap();
    let mut events = operation.events();
    assert_eq!(events.next().await.unwrap().unwrap_err().code(), Code::NotFound);
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_handle_a_wait_or_a_stream_cancels_nothing() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let operation = held(&world, &controller, "host.apply").await;
    let id = operation.id().clone();
    {
        let mut events = operation.events();
        events.next().await.unwrap().unwrap();
        let waiting = operation.wait(DAY);
        assert!(tokio::time::timeout(Duration::from_secs(1), waiting).await.is_err(), "it was under way when it was dropped");
        let listening = async { while events.next().await.is_some() {} };
        assert!(tokio::time::timeout(Duration::from_secs(1), listening).await.is_err(), "and so was the stream");
    }
    drop(operation);
    world.script.clear();
    let view = controller.wait_operation(&id, DAY).await.unwrap();
    assert_eq!((view.state, view.error), (OperationState::Succeeded, None));
    // The control: what a cancelled one looks like.
    world.script.add(FaultRule::next("host.apply", "", When::Before, Fault::Hold));
    let (_, cancelled) = controller.create_store(&request("mountainpeak", None)).await.unwrap();
    cancelled.cancel().await.unwrap();
    world.script.clear();
    let events = all(cancelled.events()).await;
    assert_eq!(ended(&events), OperationState::RolledBack);
    assert_eq!(cancelled.success(DAY).await.unwrap_err().code(), Code::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_success_that_does_not_come_in_time_says_so_and_the_operation_goes_on() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let operation = held(&world, &controller, "host.apply").await;
    let late = operation.success(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(late.code(), Code::Timeout);
    assert!(late.context().any(|(key, value)| key == "operation" && value == operation.id().as_str()), "{late:?}");
    world.script.clear();
    operation.success(DAY).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn deleting_and_reconciling_give_handles_too() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (created, operation) = controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await.unwrap();
    operation.success(DAY).await.unwrap();
    let zone = world.domains.zones().into_iter().find(|zone| zone.name.as_str() == "oceanbreezestore.com").unwrap();
    world.script.clear();
    let records = world.domains.records(&zone.id).into_iter().map(|record| record.id).collect();
    remove(&world, &zone.id, records).await;
    let report = controller.reconcile(&ReconcileOptions::of(DriftQuery::of_store(created.store_id.clone()))).await.unwrap();
    let repairs = controller.handles(&report);
    assert_eq!(repairs.len(), 1, "{report:#?}");
    for repair in &repairs {
        assert_eq!(ended(&all(repair.events()).await), OperationState::Succeeded);
    }
    let deletion = controller.delete_store(&created.store_id).await.unwrap();
    assert_eq!(deletion.cancel().await.unwrap_err().code(), Code::PastPointOfNoReturn);
    assert_eq!(ended(&all(deletion.events()).await), OperationState::Succeeded);
}

async fn remove(world: &World, zone: &storex_core::ZoneId, ids: Vec<storex_core::RecordId>) {
    let mark = "storex/1 i=00ab12cd s=12345 e=1f".parse().unwrap();
    let cx = EffectCx { mark, epoch: Epoch(1), deadline: "2100-01-01T00:00:00Z".parse().unwrap() };
    world.domains.remove(&cx, &DomainObject::Records { zone: zone.clone(), ids }).await.unwrap();
}
