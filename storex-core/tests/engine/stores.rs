//! Creating and deleting stores on a world in memory.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;
use storex_core::operation::{OperationState, OperationView, TaskState};
use storex_core::record::StoreState;
use storex_core::{Code, Controller, CreateStoreRequest, OperationId};
use storex_fakes::{Fault, FaultRule, When, World};

fn request(username: &str, domain: Option<&str>) -> CreateStoreRequest {
    let body = serde_json::json!({ "username": username, "domain": domain, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
    CreateStoreRequest::from_json(&body).unwrap()
}

async fn rest(controller: &Controller, id: &OperationId) -> OperationView {
    let view = controller.wait_operation(id, Duration::from_hours(24)).await.unwrap();
    assert!(view.done, "{view:#?}");
    view
}

/// Creates a store that fails; answers its operation, which the error names when it failed before the answer.
async fn create_doomed(controller: &Controller, request: &CreateStoreRequest) -> OperationId {
    match controller.create_store(request).await {
        Ok((_, operation)) => operation.into(),
        Err(error) => error.context().find(|(key, _)| *key == "operation").map(|(_, id)| id.parse().unwrap()).unwrap(),
    }
}

/// Calls to the edge so far.
fn edge_calls(world: &World) -> usize {
    let at_edge = |name: &str| ["domains.", "tunnel.", "edge."].iter().any(|provider| name.starts_with(provider));
    world.script.history().iter().filter(|call| at_edge(call.name)).count()
}

/// The names of the specification, verbatim and in its order.
const SPECIFICATION: [(&str, &[&str]); 4] = [
    ("Initialize Store", &["Validate domain availability", "Generate store identifiers", "Create database entries"]),
    (
        "Configure Domains",
        &["Setup system subdomain", "Create Cloudflare zone", "Configure DNS records", "Provision SSL certificates"],
    ),
    ("Deploy Infrastructure", &["Create directory structure", "Configure environment", "Setup database", "Configure routing"]),
    (
        "Activate Store",
        &["Start application process", "Verify connectivity", "Enable monitoring", "Send completion notification"],
    ),
];

#[tokio::test(start_paused = true)]
async fn a_store_with_a_domain_is_created_by_the_fifteen_tasks_and_deleted_without_a_trace() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (created, operation) = controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await.unwrap();
    assert_eq!(created.configuration.nameservers.len(), 2);
    assert_eq!(
        created.configuration.next_steps,
        ["Update domain nameservers", "Wait for DNS propagation", "Verify domain ownership"]
    );
    let view = rest(&controller, &operation).await;
    assert_eq!(view.state, OperationState::Succeeded, "{view:#?}");
    let names: Vec<(&str, Vec<&str>)> = view
        .steps
        .iter()
        .map(|step| (step.action.as_str(), step.tasks.iter().map(|task| task.name.as_str()).collect()))
        .collect();
    let wanted: Vec<(&str, Vec<&str>)> = SPECIFICATION.iter().map(|(step, tasks)| (*step, tasks.to_vec())).collect();
    assert_eq!(names, wanted);
    for task in view.steps.iter().flat_map(|step| &step.tasks) {
        let skipped = task.name == "Setup database";
        assert_eq!(task.state, if skipped { TaskState::Skipped } else { TaskState::Succeeded }, "{task:#?}");
        assert_eq!(task.reason.is_some(), skipped, "{task:#?}");
    }
    assert_eq!(controller.get_store(&created.store_id).await.unwrap().state, StoreState::Active);
    assert_eq!(controller.deliver_due().await.unwrap(), 1);
    assert_eq!(world.notifier.delivered().len(), 1);

    let deletion = controller.delete_store(&created.store_id).await.unwrap();
    let view = rest(&controller, &deletion).await;
    assert_eq!(view.state, OperationState::Succeeded, "{view:#?}");
    assert_eq!(world.store_traces(), Vec::<String>::new());
    assert_eq!(controller.get_store(&created.store_id).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_store_without_a_domain_costs_no_call_and_skips_the_domain_tasks_with_the_reason() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let before = edge_calls(&world);
    let (created, operation) = controller.create_store(&request("bluepeak", None)).await.unwrap();
    let view = rest(&controller, &operation).await;
    assert_eq!(view.state, OperationState::Succeeded, "{view:#?}");
    assert!(created.configuration.nameservers.is_empty() && created.configuration.next_steps.is_empty());
    assert_eq!(edge_calls(&world) - before, 0);
    for name in ["Create Cloudflare zone", "Configure DNS records", "Provision SSL certificates"] {
        let task = view.steps.iter().flat_map(|step| &step.tasks).find(|task| task.name == name).unwrap();
        assert_eq!((task.state, task.reason.as_deref()), (TaskState::Skipped, Some("the store has only its system subdomain")));
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_are_taken_are_refused_and_leave_nothing() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (_, operation) = controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await.unwrap();
    rest(&controller, &operation).await;
    let before = world.store_traces();
    let error = controller.create_store(&request("oceanbreeze", None)).await.unwrap_err();
    assert_eq!((error.code(), error.pointer_str()), (Code::UsernameTaken, Some("/username")));
    let error = controller.create_store(&request("other", Some("OceanBreezeStore.COM."))).await.unwrap_err();
    assert_eq!((error.code(), error.pointer_str()), (Code::DomainTaken, Some("/domain")));
    assert!(error.message().contains("oceanbreeze"), "{error}");
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(world.store_traces(), before);
}

#[tokio::test(start_paused = true)]
async fn a_zone_storex_did_not_make_is_refused_and_never_touched() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    world.domains.insert_foreign_zone(&"oceanbreezestore.com".parse().unwrap());
    let zones = world.domains.zones();
    let error = controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await.unwrap_err();
    assert_eq!(error.code(), Code::ZoneExists);
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(world.domains.zones(), zones);
    let left: Vec<String> = world.store_traces().into_iter().filter(|trace| !trace.starts_with("zone ")).collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_does_not_serve_takes_the_store_back_with_its_last_log_lines() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    world.host.silence("oceanbreeze");
    let operation = create_doomed(&controller, &request("oceanbreeze", Some("oceanbreezestore.com"))).await;
    let view = rest(&controller, &operation).await;
    assert_eq!(view.state, OperationState::RolledBack, "{view:#?}");
    let error = view.error.unwrap();
    assert_eq!(error.code, Code::ProcessNotServing);
    let failed: Vec<&str> = view
        .steps
        .iter()
        .flat_map(|step| &step.tasks)
        .filter(|task| task.state == TaskState::Failed)
        .map(|task| task.name.as_str())
        .collect();
    assert_eq!(failed, ["Start application process"]);
    assert!(error.context.iter().any(|(key, log)| key == "log" && !log.is_empty()), "{error:?}");
    assert_eq!(world.store_traces(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_failure_at_the_last_task_takes_everything_back() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    world.script.add(FaultRule::next("repo.put", "outbox/", When::Before, Fault::Refuse(Code::Corrupt)).forever());
    let operation = create_doomed(&controller, &request("oceanbreeze", Some("oceanbreezestore.com"))).await;
    let view = rest(&controller, &operation).await;
    assert_eq!(view.state, OperationState::RolledBack, "{view:#?}");
    assert_eq!(world.store_traces(), Vec::<String>::new());
    assert!(controller.list_stores(0, None).await.unwrap().stores.is_empty());
    assert!(world.notifier.delivered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn infrastructure_does_not_wait_for_domains() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    world.script.add(FaultRule::next("domains.create_zone", "", When::Before, Fault::Hold));
    let making = tokio::spawn({
        let controller = controller.clone();
        async move { controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await }
    });
    while world.script.count("host.apply") < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.script.count("domains.create_zone"), 1);
    world.script.clear();
    let (_, operation) = making.await.unwrap().unwrap();
    assert_eq!(rest(&controller, &operation).await.state, OperationState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn journal_writes_stay_within_two_per_step() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let journal = |world: &World| {
        world.script.history().iter().filter(|call| call.name == "repo.put" && call.subject.starts_with("operations/")).count()
    };
    let before = journal(&world);
    let (_, operation) = controller.create_store(&request("oceanbreeze", Some("oceanbreezestore.com"))).await.unwrap();
    rest(&controller, &operation).await;
    let writes = journal(&world) - before;
    let dump = world.stores.dump();
    let (_, row) = dump.iter().find(|((_, id), _)| *id == operation.to_string()).unwrap();
    let steps = row.body.value()["steps"].as_array().unwrap().iter().filter(|step| step["state"] != "skipped").count();
    assert!(steps > 15 && writes <= 2 * steps, "{writes} journal writes for {steps} steps");
}
