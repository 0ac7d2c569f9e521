//! `storex drift`, `reconcile` and `plan`, `storex operation cancel` and `retry`, and `--idempotency-key`.

use crate::served::{Run, Served, run};
use serde_json::{Value, json};
use storex_core::{Code, DomainProvider};
use storex_fakes::{Fault, FaultRule, When};

const DOMAIN: &str = "oceanbreezestore.com";
const OWNER: &str = "--owner John_Smith --email john@oceanbreezestore.com";

/// Creates a store with the domain and waits until it is active; answers its id.
async fn with_domain(served: &Served) -> String {
    let created = served.run(&format!("store create oceanbreeze --domain {DOMAIN} {OWNER} --wait --json")).await;
    assert_eq!(created.exit, Some(0), "{}", created.err);
    created.json()["store_id"].as_str().unwrap().to_owned()
}

/// Removes the DNS records of the domain by hand.
async fn remove_records(served: &Served) {
    let zone = served.world.domains.find_zone(&DOMAIN.parse().unwrap()).await.unwrap().unwrap();
    served.world.domains.edit_records(&zone.id, Vec::clear);
}

/// Runs a command about an operation, whose identifier has blanks for nobody.
async fn on_operation(served: &Served, change: &str, id: &str, flags: &str) -> Run {
    let mut arguments = served.with_connection(&format!("operation {change} {flags}"));
    arguments.insert(2, id.to_owned());
    run(arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_a_table_for_people_and_the_report_in_json() {
    let served = Served::new().await;
    let id = with_domain(&served).await;
    let whole = served.run("drift").await;
    assert_eq!((whole.exit, whole.out.as_str()), (Some(0), "0 differ; 1 stores were looked at\n"), "{}", whole.err);
    remove_records(&served).await;
    let shown = served.run("drift").await;
    let lines: Vec<&str> = shown.out.lines().collect();
    assert!(lines[0].starts_with("STORE ") && lines[0].ends_with("DETAIL"), "{}", shown.out);
    let cells: Vec<&str> = lines[1].split_whitespace().take(4).collect();
    assert_eq!(cells, [id.as_str(), "records/oceanbreezestore.com", "missing", "repair"]);
    assert_eq!(lines[2..], ["1 differ; 1 stores were looked at"]);
    let report = served.run(&format!("drift --store {id} --json")).await.json();
    assert_eq!((&report["checked"], &report["drift"][0]["store_id"]), (&json!(1), &json!(id)));
    served.run("drift --store nobody-99999 --json").await.failed(3, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_looked_at() {
    let served = Served::new().await;
    for number in 0..21 {
        let body = json!({ "username": format!("store{number}"), "storeDetails": { "owner": "John", "email": "john@example-mail.com" } });
        let request = storex_core::CreateStoreRequest::from_json(&body).unwrap();
        let (_, operation) = served.controller.create_store(&request).await.unwrap();
        served.controller.wait_operation(&operation, std::time::Duration::from_mins(1)).await.unwrap();
    }
    for command in ["drift", "reconcile"] {
        let report = served.run(&format!("{command} --json")).await.json();
        assert_eq!((&report["checked"], &report["next_page_token"]), (&json!(21), &Value::Null), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_only_says_and_a_reconcile_brings_back_and_waits() {
    let served = Served::new().await;
    let id = with_domain(&served).await;
    remove_records(&served).await;
    let said = served.run("reconcile --dry-run --json").await.json();
    assert_eq!((&said["drift"][0]["state"], &said["operations"]), (&json!("missing"), &json!([])));
    let done = served.run(&format!("reconcile --store {id} --wait")).await;
    assert_eq!(done.exit, Some(0), "{}", done.err);
    assert!(done.out.contains("records/oceanbreezestore.com") && done.err.contains(" succeeded"), "{}{}", done.out, done.err);
    assert_eq!(served.run("drift --json").await.json()["drift"], json!([]));
    let nothing = served.run("reconcile --wait --json").await;
    assert_eq!((nothing.exit, &nothing.json()["operations"]), (Some(0), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_waiting_a_reconcile_names_its_operations_and_a_repair_that_fails_ends_with_11() {
    let served = Served::new().await;
    with_domain(&served).await;
    remove_records(&served).await;
    served.world.script.add(FaultRule::next("domains.ensure_records", "", When::Before, Fault::Refuse(Code::Corrupt)).forever());
    let problem = served.run("reconcile --wait --json").await.failed(11, "poisoned");
    assert_eq!(problem["context"]["cause"], "corrupt");
    served.world.script.clear();
    let begun = served.run("reconcile").await;
    assert_eq!(begun.exit, Some(0), "{}", begun.err);
    assert!(begun.err.contains("storex operation get op_"), "{}", begun.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_a_table_for_people_and_leaves_nothing() {
    let served = Served::new().await;
    let shown = served.run(&format!("plan create oceanbreeze --domain {DOMAIN} {OWNER}")).await;
    assert_eq!(shown.exit, Some(0), "{}", shown.err);
    assert!(shown.out.starts_with("STEP ") && shown.out.contains(" bring "), "{}", shown.out);
    assert!(shown.out.contains("zone/oceanbreezestore.com"), "{}", shown.out);
    assert!(shown.out.ends_with(" calls of Cloudflare's API; nothing was done\n"), "{}", shown.out);
    assert_eq!(served.world.store_traces(), Vec::<String>::new());
    let id = served.create("oceanbreeze").await;
    let plan = served.run(&format!("plan delete {id} --json")).await.json();
    assert_eq!((&plan["status"], &plan["operation"]), (&json!("success"), &json!("delete_store")));
    assert_eq!(served.run(&format!("store get {id} --json")).await.json()["state"], "active");
    served.run(&format!("plan create oceanbreeze {OWNER} --json")).await.failed(5, "username_taken");
    served.run("plan delete nobody-99999 --json").await.failed(3, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_create_turns_back_which_is_success_and_what_ended_ends_with_5() {
    let served = Served::new().await;
    served.world.script.add(FaultRule::next("host.apply", "files", When::Before, Fault::Hold));
    let id =
        served.run(&format!("store create oceanbreeze {OWNER} --json")).await.json()["store_id"].as_str().unwrap().to_owned();
    let operation = served.run(&format!("store get {id} --json")).await.json()["operation"].as_str().unwrap().to_owned();
    let asked = on_operation(&served, "cancel", &operation, "--json").await;
    assert_eq!((asked.exit, asked.json()["id"].as_str()), (Some(0), Some(operation.as_str())), "{}", asked.err);
    served.world.script.clear();
    let done = on_operation(&served, "cancel", &operation, "--wait --json").await;
    assert_eq!(done.exit, Some(0), "{}", done.err);
    assert_eq!((&done.json()["state"], &done.json()["error"]["code"]), (&json!("rolled_back"), &json!("cancelled")));
    on_operation(&served, "get", &operation, "--wait --json").await.failed(10, "rolled_back");
    on_operation(&served, "retry", &operation, "--json").await.failed(5, "operation_in_progress");

    let id = served.create("mountainpeak").await;
    let made = served.run(&format!("store get {id} --json")).await.json()["operation"].as_str().unwrap().to_owned();
    on_operation(&served, "cancel", &made, "--json").await.failed(5, "past_point_of_no_return");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_needed_an_operator_is_retried_to_its_end() {
    let served = Served::new().await;
    let id = served.create("oceanbreeze").await;
    served.world.script.add(FaultRule::next("host.withdraw", "", When::Before, Fault::Refuse(Code::Corrupt)).forever());
    let problem = served.run(&format!("store delete {id} --wait --json")).await.failed(11, "poisoned");
    served.world.script.clear();
    let operation = problem["operation"].as_str().unwrap();
    let done = on_operation(&served, "retry", operation, "--wait --json").await;
    assert_eq!((done.exit, done.json()["state"].as_str()), (Some(0), Some("succeeded")), "{}", done.err);
    served.run(&format!("store get {id} --json")).await.failed(3, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_repeated_under_a_key_is_done_once() {
    let served = Served::new().await;
    let create = format!("store create oceanbreeze {OWNER} --idempotency-key order-4711");
    let first = served.run(&format!("{create} --json")).await;
    let again = served.run(&format!("{create} --json")).await;
    assert_eq!((first.exit, &first.out), (Some(0), &again.out), "{}", first.err);
    let said = served.run(&format!("{create} --wait")).await;
    assert!(said.exit == Some(0) && said.err.contains("the key was used before"), "{}", said.err);
    let found = served.run("operation find order-4711 --wait --json").await;
    let store = served.run(&format!("store get {} --json", first.json()["store_id"].as_str().unwrap())).await.json();
    assert_eq!(
        (found.exit, &found.json()["id"], &found.json()["done"]),
        (Some(0), &store["operation"], &json!(true)),
        "{}",
        found.err
    );
    served.run("operation find order-4713 --json").await.failed(3, "not_found");
    let other = served.run(&format!("store create other {OWNER} --idempotency-key order-4711 --json")).await;
    assert_eq!(other.failed(6, "idempotency_key_reused")["pointer"], "/Idempotency-Key");

    let id = first.json()["store_id"].as_str().unwrap().to_owned();
    let delete = format!("store delete {id} --idempotency-key order-4712 --wait --json");
    let (gone, again) = (served.run(&delete).await, served.run(&delete).await);
    assert_eq!((gone.exit, &gone.out), (Some(0), &again.out), "{}", gone.err);
    for key in ["a_b", "ä", "\n"] {
        let mut arguments = served.with_connection(&format!("store create third {OWNER} --json --idempotency-key"));
        let place = arguments.iter().position(|argument| argument == "--idempotency-key").unwrap();
        arguments.insert(place + 1, key.replace('_', " "));
        assert_eq!(run(arguments).await.failed(6, "invalid_field")["pointer"], "/Idempotency-Key", "{key:?}");
    }
}
