//! The specification's requests and answers, literally.

use crate::api::{Api, keys};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// "Initial Store Creation".
const FIRST_REQUEST: &str = r#"{
    "username": "oceanbreeze",
    "domain": "oceanbreezestore.com",
    "storeDetails": {
        "owner": "John Smith",
        "email": "john@oceanbreezestore.com"
    }
}"#;

/// "Store Management APIs".
const REQUEST: &str = r#"{
    "username": "oceanbreeze",
    "domain": "oceanbreezestore.com",
    "storeDetails": {
        "owner": "John Smith",
        "email": "john@oceanbreezestore.com",
        "plan": "professional"
    }
}"#;

const RESPONSE: &str = r#"{
    "status": "success",
    "store_id": "oceanbreeze-12345",
    "domains": {
        "system": "oceanbreeze.storex.com",
        "custom": "oceanbreezestore.com"
    },
    "configuration": {
        "nameservers": [
            "ns1.cloudflare.com",
            "ns2.cloudflare.com"
        ],
        "status": "configuring",
        "next_steps": [
            "Update domain nameservers",
            "Wait for DNS propagation",
            "Verify domain ownership"
        ]
    }
}"#;

/// The text of a document without insignificant blanks, keys in their order.
fn compact(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap().to_string()
}

/// The answer with the number of the store and the names of the zone's servers replaced by the specification's.
fn masked(body: &str) -> String {
    let mut document: Value = serde_json::from_str(body).unwrap();
    let id = document["store_id"].as_str().unwrap().to_owned();
    let digits = id.strip_prefix("oceanbreeze-").unwrap();
    assert!(digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0'), "{id}");
    document["store_id"] = "oceanbreeze-12345".into();
    for (index, server) in document["configuration"]["nameservers"].as_array_mut().unwrap().iter_mut().enumerate() {
        assert!(server.as_str().unwrap().ends_with(".cloudflare.com"), "{server}");
        *server = format!("ns{}.cloudflare.com", index + 1).into();
    }
    document.to_string()
}

#[tokio::test(start_paused = true)]
async fn the_specifications_requests_get_its_answer_to_the_letter() {
    for request in [FIRST_REQUEST, REQUEST] {
        let api = Api::new().await;
        let answer = api.post(request).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        assert_eq!(masked(&answer.body), compact(RESPONSE));
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("location"), format!("/api/stores/{}", answer.json()["store_id"].as_str().unwrap()));
        let operation = answer.header("operation-location");
        assert!(operation.starts_with("/api/operations/op_"), "{operation}");
        assert_eq!(api.rest(&operation).await["state"], "succeeded");
    }
}

#[tokio::test(start_paused = true)]
async fn the_store_answers_with_the_same_keys_first_and_no_port_or_path() {
    let api = Api::new().await;
    let created = api.post(REQUEST).await;
    let operation = api.rest(&created.header("operation-location")).await;
    let shown = api.get(&created.header("location")).await;
    assert_eq!(shown.status, StatusCode::OK);
    let document = shown.json();
    let expected = [
        "status",
        "store_id",
        "domains",
        "configuration",
        "username",
        "state",
        "storeDetails",
        "created_at",
        "updated_at",
        "operation",
    ];
    assert_eq!(keys(&document), expected);
    for key in &expected[..4] {
        assert_eq!(document[*key].to_string(), created.json()[*key].to_string(), "{key}");
    }
    assert_eq!(
        document["storeDetails"].to_string(),
        json!({ "owner": "John Smith", "email": "john@oceanbreezestore.com", "plan": "professional" }).to_string()
    );
    assert_eq!((document["state"].as_str(), document["username"].as_str()), (Some("active"), Some("oceanbreeze")));
    assert_eq!(document["operation"], operation["id"]);
    assert!(!shown.body.contains("4001") && !shown.body.contains("/stores/"), "{}", shown.body);
}

#[tokio::test(start_paused = true)]
async fn a_store_without_a_domain_is_active_and_has_nothing_left_to_do() {
    let api = Api::new().await;
    let answer = api.post(r#"{"username":"bluepeak","storeDetails":{"owner":"J","email":"j@example.org"}}"#).await;
    let expected = json!({
        "status": "success",
        "store_id": answer.json()["store_id"],
        "domains": { "system": "bluepeak.storex.com", "custom": null },
        "configuration": { "nameservers": [], "status": "active", "next_steps": [] },
    });
    assert_eq!(answer.body, expected.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_answers_at_once_and_leaves_nothing() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", Some("oceanbreezestore.com")).await;
    let answer = api.delete(&format!("/api/stores/{id}")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let location = answer.header("operation-location");
    let operation = location.strip_prefix("/api/operations/").unwrap();
    assert_eq!(answer.body, json!({ "status": "success", "operation": operation }).to_string());
    assert_eq!(api.rest(&location).await["state"], "succeeded");
    api.get(&format!("/api/stores/{id}")).await.problem(404, "not_found");
    while api.controller.deliver_due().await.unwrap() > 0 {}
    assert_eq!(api.world.store_traces(), Vec::<String>::new());
}
