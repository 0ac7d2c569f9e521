//! Drift, reconcile, plans, cancelling and keys over HTTP.

use crate::api::{Api, keys, request};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use storex_core::{Part, StoreId};
use storex_fakes::{Fault, FaultRule, When};

/// A request under this key.
async fn under_key(api: &Api, method: Method, path: &str, key: &str, body: String) -> crate::api::Answer {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", api.token));
    let request = request.header("content-type", "application/json").header("idempotency-key", key);
    api.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_gets_the_same_bytes_and_makes_one_store() {
    let api = Api::new().await;
    let body = request("oceanbreeze", Some("oceanbreezestore.com")).to_string();
    let first = under_key(&api, Method::POST, "/api/stores", "order-1", body.clone()).await;
    assert_eq!((first.status, first.header("idempotency-replayed").as_str()), (StatusCode::CREATED, ""), "{}", first.body);
    let running = under_key(&api, Method::POST, "/api/stores", "order-1", body.clone()).await;
    api.rest(&first.header("operation-location")).await;
    let over = under_key(&api, Method::POST, "/api/stores", "order-1", body).await;
    for again in [running, over] {
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.header("operation-location"), first.header("operation-location"));
        assert_eq!(again.header("idempotency-replayed"), "true");
    }
    let other = under_key(&api, Method::POST, "/api/stores", "order-1", request("mountainpeak", None).to_string()).await;
    assert_eq!(other.problem(422, "idempotency_key_reused").as_deref(), Some("/Idempotency-Key"));
    let bad = under_key(&api, Method::POST, "/api/stores", "with blank", request("mountainpeak", None).to_string()).await;
    assert_eq!(bad.problem(422, "invalid_field").as_deref(), Some("/Idempotency-Key"));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_answers_the_plan_and_changes_nothing() {
    let api = Api::new().await;
    let plan = api
        .call(Method::POST, "/api/stores?dry_run=true", request("oceanbreeze", Some("oceanbreezestore.com")).to_string())
        .await;
    assert_eq!(plan.status, StatusCode::OK, "{}", plan.body);
    assert_eq!(keys(&plan.json()), ["status", "operation", "steps", "cloudflare_calls"]);
    assert_eq!(plan.json()["cloudflare_calls"], 3);
    assert_eq!(api.world.store_traces(), Vec::<String>::new());
    let id = api.create("oceanbreeze", None).await;
    let plan = api.delete(&format!("/api/stores/{id}?dry_run=true")).await;
    assert_eq!((plan.status, &plan.json()["operation"]), (StatusCode::OK, &"delete_store".into()));
    assert_eq!(api.get(&format!("/api/stores/{id}")).await.status, StatusCode::OK);
    api.delete(&format!("/api/stores/{id}?dry_run=maybe")).await.problem(422, "invalid_field");
}

#[tokio::test(start_paused = true)]
async fn drift_is_listed_and_reconciled() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", None).await;
    let clean = api.get("/api/drift").await.json();
    assert_eq!(keys(&clean), ["status", "checked", "drift", "safe_mode", "next_page_token"]);
    assert_eq!((&clean["checked"], clean["drift"].as_array().unwrap().len()), (&1.into(), 0));
    api.world.host.damage(&id.parse::<StoreId>().unwrap(), Part::Process, "the process does not run");
    let drift = api.get(&format!("/api/drift?store_id={id}")).await.json();
    assert_eq!(
        (&drift["drift"][0]["resource"], &drift["drift"][0]["action"]),
        (&"host_part/process@local".into(), &"repair".into())
    );
    let dry = api.call(Method::POST, "/api/reconcile", r#"{"dry_run":true}"#).await;
    assert_eq!((dry.status, dry.json()["operations"].as_array().unwrap().len()), (StatusCode::OK, 0));
    let done = api.call(Method::POST, "/api/reconcile", "{}").await;
    assert_eq!(done.status, StatusCode::ACCEPTED, "{}", done.body);
    api.rest(&format!("/api/operations/{}", done.json()["operations"][0].as_str().unwrap())).await;
    assert_eq!(api.get("/api/drift").await.json()["drift"].as_array().unwrap().len(), 0);
    let unknown = api.call(Method::POST, "/api/reconcile", r#"{"force":true}"#).await;
    assert_eq!(unknown.problem(422, "unknown_field").as_deref(), Some("/force"));
    api.get("/api/drift?store_id=nobody-12345").await.problem(404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_cancelled_until_its_point_of_no_return() {
    let api = Api::new().await;
    api.world.script.add(FaultRule::next("host.apply", "files", When::Before, Fault::Hold));
    let location = api.post(request("oceanbreeze", None).to_string()).await.header("operation-location");
    let asked = api.call(Method::POST, &format!("{location}/cancel"), "{}").await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.body);
    api.world.script.clear();
    let view = api.rest(&location).await;
    assert_eq!((&view["state"], &view["error"]["code"]), (&"rolled_back".into(), &"cancelled".into()));
    let id = api.create("oceanbreeze", None).await;
    let deletion = api.delete(&format!("/api/stores/{id}")).await.header("operation-location");
    api.call(Method::POST, &format!("{deletion}/cancel"), "{}").await.problem(409, "past_point_of_no_return");
    api.call(Method::POST, &format!("{deletion}/retry"), "{}").await.problem(409, "operation_in_progress");
    api.call(Method::POST, "/api/operations/op_0/cancel", "{}").await.problem(404, "not_found");
}
