//! The table of bad input that the REST API and both modes of the Python package are held against: `tests/fixtures/bad-input.json`.

use crate::api::{Answer, Api};
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Map, Value, json};

const TABLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/bad-input.json"));

#[tokio::test(start_paused = true)]
async fn every_row_of_the_table_is_refused_with_its_code_and_pointer_and_leaves_nothing() {
    let api = Api::new().await;
    let table: Value = serde_json::from_str(TABLE).unwrap();
    let mut refused = 0;
    for case in table["cases"].as_array().unwrap() {
        for document in documents(&table["base"], case) {
            let answer = send(&api, case, document.as_ref()).await;
            let problem = answer.json();
            let told = (problem["code"].as_str(), problem["pointer"].as_str());
            assert_eq!(told, (case["code"].as_str(), case["pointer"].as_str()), "{case} {document:?}: {}", answer.body);
            refused += 1;
        }
    }
    assert!(refused > 200, "only {refused} rows were read");
    tokio::time::sleep(crate::api::DAY).await;
    assert_eq!(api.world.store_traces(), Vec::<String>::new());
    let control = json!({ "call": "create" });
    assert_eq!(send(&api, &control, Some(&table["base"])).await.status, 201, "the control");
}

/// The documents a case sends: one, one for each of its values, or none.
fn documents(base: &Value, case: &Value) -> Vec<Option<Value>> {
    if let Some(values) = case["values"].as_array() {
        let (parent, key) = case["at"].as_str().unwrap().rsplit_once('/').unwrap();
        let with = |value: &Value| {
            let mut document = base.clone();
            document.pointer_mut(parent).unwrap()[key] = value.clone();
            Some(document)
        };
        return values.iter().map(with).collect();
    }
    vec![match (case.get("document"), case["call"].as_str()) {
        (Some(document), _) => Some(document.clone()),
        (None, Some("create")) => Some(base.clone()),
        _ => None,
    }]
}

async fn send(api: &Api, case: &Value, document: Option<&Value>) -> Answer {
    let id = encoded(case["id"].as_str().unwrap_or("oceanbreeze-12345"));
    let (method, path) = match case["call"].as_str().unwrap() {
        "create" => (Method::POST, "/api/stores".to_owned()),
        "list" => (Method::GET, "/api/stores".to_owned()),
        "get" => (Method::GET, format!("/api/stores/{id}")),
        "delete" => (Method::DELETE, format!("/api/stores/{id}")),
        "plan_delete" => (Method::DELETE, format!("/api/stores/{id}?dry_run=true")),
        "get_operation" => (Method::GET, format!("/api/operations/{id}")),
        "find" => (Method::GET, "/api/operations".to_owned()),
        verb @ ("cancel" | "retry") => (Method::POST, format!("/api/operations/{id}/{verb}")),
        "drift" => (Method::GET, "/api/drift".to_owned()),
        "purge" => (Method::POST, format!("/api/stores/{id}/cache/purge")),
        "reissue" => (Method::POST, format!("/api/stores/{id}/certificate/reissue")),
        "insight" => (Method::GET, format!("/api/stores/{id}/insight")),
        "rotate" => (Method::POST, format!("/api/stores/{id}/database/rotate")),
        "reset" => (Method::POST, format!("/api/tunnel/connectors/{id}/reset")),
        "reconcile" => (Method::POST, "/api/reconcile".to_owned()),
        other => panic!("the table calls {other}"),
    };
    let query = case["query"].as_object().cloned().unwrap_or_default();
    let mut request = Request::builder().method(method).uri(format!("{path}{}", queried(&query)));
    request = request.header("authorization", format!("Bearer {}", api.token)).header("content-type", "application/json");
    if let Some(key) = case["key"].as_str() {
        request = request.header("idempotency-key", key.as_bytes());
    }
    api.send(request.body(document.map_or_else(Body::empty, |document| Body::from(document.to_string()))).unwrap()).await
}

fn queried(query: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(&text(value)))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Every byte as part of a path or query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
}
