//! Operations as the API shows them, while they go on and after they failed.

use crate::api::{Api, keys, request};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use storex_core::Clock;
use storex_fakes::{Fault, FaultRule, MemoryClock, When};

fn seconds_since(clock: &MemoryClock, before: Timestamp) -> i64 {
    clock.now().duration_since(before).as_secs()
}

fn tasks(operation: &Value) -> Vec<(String, String)> {
    let steps = operation["steps"].as_array().unwrap().iter();
    let tasks = steps.flat_map(|step| step["tasks"].as_array().unwrap().iter());
    tasks.map(|task| (task["name"].as_str().unwrap().to_owned(), task["state"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn an_operation_shows_the_specifications_steps_and_tasks() {
    let api = Api::new().await;
    let answer = api.post(request("oceanbreeze", None).to_string()).await;
    let operation = api.rest(&answer.header("operation-location")).await;
    assert_eq!(keys(&operation), ["id", "kind", "label", "state", "done", "created_at", "updated_at", "steps", "error"]);
    let actions: Vec<&str> = operation["steps"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["Initialize Store", "Configure Domains", "Deploy Infrastructure", "Activate Store"]);
    let tasks = tasks(&operation);
    assert_eq!(tasks.len(), 15);
    assert_eq!(tasks[0], ("Validate domain availability".to_owned(), "succeeded".to_owned()));
    assert!(tasks.contains(&("Create Cloudflare zone".to_owned(), "skipped".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn waiting_answers_once_the_operation_is_at_rest_and_after_the_time_otherwise() {
    let api = Api::new().await;
    api.world.script.add(FaultRule::next("host.apply", "files", When::Before, Fault::Hold));
    let location = api.post(request("oceanbreeze", None).to_string()).await.header("operation-location");
    let clock = MemoryClock::new();
    let before = clock.now();
    let held = api.get(&format!("{location}?wait=5")).await.json();
    assert_eq!((seconds_since(&clock, before), held["done"].as_bool()), (5, Some(false)));
    let path = format!("{location}?wait=60");
    let (waited, ()) = tokio::join!(api.get(&path), async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        api.world.script.clear();
    });
    let waited = waited.json();
    assert_eq!(waited["state"], "succeeded");
    assert!(seconds_since(&clock, before) < 60, "the answer came before the time was over");
    let again = api.get(&format!("{location}?wait=100000")).await.json();
    assert_eq!(again.to_string(), waited.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_makes_no_sense_is_422() {
    let api = Api::new().await;
    let location = api.post(request("oceanbreeze", None).to_string()).await.header("operation-location");
    for wait in ["-1", "", "soon", "1.5", "5s"] {
        let answer = api.get(&format!("{location}?wait={wait}")).await;
        assert_eq!(answer.problem(422, "invalid_field").as_deref(), Some("/wait"), "{wait}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_process_does_not_serve_is_gone_and_its_operation_tells_the_last_log_lines() {
    let api = Api::new().await;
    api.world.host.silence("oceanbreeze");
    let answer = api.post(request("oceanbreeze", None).to_string()).await;
    let location = match answer.status {
        StatusCode::CREATED => answer.header("operation-location"),
        _ => format!("/api/operations/{}", answer.json()["operation"].as_str().unwrap()),
    };
    let operation = api.rest(&location).await;
    assert_eq!(operation["state"], "rolled_back");
    assert_eq!(operation["error"]["code"], "process_not_serving");
    assert!(operation["error"]["context"].to_string().contains("the application does not listen"), "{operation}");
    assert_eq!(api.get("/api/stores").await.json()["stores"], serde_json::json!([]));
    assert_eq!(api.world.store_traces(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_being_made_is_not_deleted_and_the_problem_names_the_operation() {
    let api = Api::new().await;
    api.world.script.add(FaultRule::next("host.apply", "files", When::Before, Fault::Hold));
    let created = api.post(request("oceanbreeze", None).to_string()).await;
    let answer = api.delete(&created.header("location")).await;
    answer.problem(409, "operation_in_progress");
    assert_eq!(format!("/api/operations/{}", answer.json()["operation"].as_str().unwrap()), created.header("operation-location"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_does_not_leave_a_store_half_made() {
    let api = Api::new().await;
    // The operation document is written, its answer held; then the caller hangs up.
    let rule = FaultRule::next("repo.put", "operations/", When::After, Fault::Hold);
    api.world.script.add(rule);
    let body = request("oceanbreeze", None).to_string();
    let abandoned = tokio::time::timeout(std::time::Duration::from_secs(1), api.post(body)).await;
    assert!(abandoned.is_err(), "the caller hung up");
    assert!(api.world.script.rules().iter().all(|rule| rule.fired == 1), "the call was under way");
    api.world.script.clear();
    tokio::time::sleep(crate::api::DAY).await;
    let stores = api.get("/api/stores").await.json()["stores"].clone();
    assert_eq!(stores[0]["state"], "active", "the operation was driven to its end: {stores}");
}
