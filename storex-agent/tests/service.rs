//! The agent's HTTP service: who may call, what is read, what is answered.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod host_on_twins;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use host_on_twins::at;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use storex_agent::service;
use storex_core::Secret;
use storex_fakes::MemoryHost;
use tower::ServiceExt;

const TOKEN: &str = "stx_0123456789";

fn service(host: &MemoryHost) -> Router {
    service::router(Arc::new(host.clone()), Secret::new(TOKEN.to_owned()))
}

struct Answer {
    status: StatusCode,
    content_type: String,
    body: Vec<u8>,
}

async fn ask(service: &Router, request: Request<Body>) -> Answer {
    let response = service.clone().oneshot(request).await.unwrap();
    let content_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let status = response.status();
    Answer { status, content_type, body: response.into_body().collect().await.unwrap().to_bytes().to_vec() }
}

fn request(method: &str, uri: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {TOKEN}"))
}

async fn call(service: &Router, method: &str, uri: &str) -> Answer {
    ask(service, request(method, uri).body(Body::empty()).unwrap()).await
}

async fn post(service: &Router, body: impl Into<Body>) -> Answer {
    let request = request("POST", "/v1/deployments").header("content-type", "application/json; charset=utf-8");
    ask(service, request.body(body.into()).unwrap()).await
}

fn deployment(apply: &[&str]) -> Value {
    json!({
        "store_deployment": {
            "store_id": "oceanbreeze-12345",
            "directory": "/stores/oceanbreeze",
            "environment": {
                "PORT": 4001, "NODE_ENV": "production", "DB_NAME": "store_oceanbreeze", "DOMAIN": "oceanbreezestore.com",
                "INTERNAL_DOMAIN": "oceanbreeze.storex.com",
            },
            "symlinks": { "core_components": ["models", "middleware", "utils"], "static_assets": ["public", "templates"] },
        },
        "apply": apply,
        "mark": "storex/1 i=0a1b2c3d s=12345 e=0192f0c1.4f",
        "epoch": 3,
        "deadline": "2100-01-01T00:00:00Z",
    })
}

const EVERYTHING: [&str; 4] = ["files", "environment", "process", "route"];

fn assert_problem(answer: &Answer, status: u16, code: &str, pointer: Option<&str>) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!((answer.status.as_u16(), answer.content_type.as_str()), (status, "application/problem+json"), "{text}");
    assert_eq!((at(&answer.body, "/code"), at(&answer.body, "/status")), (json!(code), json!(status)), "{text}");
    assert_eq!(at(&answer.body, "/pointer"), pointer.map_or(Value::Null, Value::from), "{text}");
    assert!(
        at(&answer.body, "/title").is_string()
            && at(&answer.body, "/detail").is_string()
            && at(&answer.body, "/type").is_string()
    );
}

#[tokio::test]
async fn only_the_token_opens_anything_but_healthz() {
    let service = service(&MemoryHost::default());
    let plain = |uri: &str| Request::builder().uri(uri).body(Body::empty()).unwrap();
    assert_eq!(ask(&service, plain("/healthz")).await.status, StatusCode::OK);
    for uri in
        ["/v1/deployments", "/v1/deployments/oceanbreeze-12345", "/v1/host", "/v1/visit", "/v1/deployments/x/logs", "/nothing"]
    {
        assert_problem(&ask(&service, plain(uri)).await, 401, "unauthenticated", None);
    }
    for wrong in [
        "Bearer",
        "Bearer ",
        "Bearer stx_012345678",
        "Bearer stx_01234567890",
        "Basic stx_0123456789",
        "stx_0123456789",
        "Bearer  stx_0123456789",
    ] {
        let request = Request::builder().uri("/v1/host").header("authorization", wrong).body(Body::empty()).unwrap();
        let answer = ask(&service, request).await;
        assert_problem(&answer, 401, "unauthenticated", None);
        assert!(!String::from_utf8_lossy(&answer.body).contains(TOKEN));
    }
    let lower =
        Request::builder().uri("/v1/host").header("authorization", format!("bearer {TOKEN}")).body(Body::empty()).unwrap();
    assert_eq!(ask(&service, lower).await.status, StatusCode::OK);
    // The middleware comes before the body: a stranger's megabyte is not read.
    let stranger = Request::builder().method("POST").uri("/v1/deployments").body(Body::from(vec![b' '; 1 << 20])).unwrap();
    assert_problem(&ask(&service, stranger).await, 401, "unauthenticated", None);
}

#[tokio::test]
async fn an_empty_token_lets_nobody_in() {
    let service = service::router(Arc::new(MemoryHost::default()), Secret::new(String::new()));
    let request = Request::builder().uri("/v1/host").header("authorization", "Bearer ").body(Body::empty()).unwrap();
    assert_problem(&ask(&service, request).await, 401, "unauthenticated", None);
}

#[tokio::test]
async fn the_specifications_package_is_deployed_found_visited_and_withdrawn() {
    let service = service(&MemoryHost::default());
    let answer = post(&service, deployment(&EVERYTHING).to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let value: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["status", "store_id", "parts"]);
    assert_eq!((&value["status"], &value["store_id"]), (&json!("success"), &json!("oceanbreeze-12345")));
    assert_eq!(value["parts"].as_object().unwrap().keys().collect::<Vec<_>>(), EVERYTHING.iter().collect::<Vec<_>>());

    let found = call(&service, "GET", "/v1/deployments/oceanbreeze-12345").await;
    assert_eq!((at(&found.body, "/parts"), at(&found.body, "/epoch")), (value["parts"].clone(), json!(3)));
    let listed = call(&service, "GET", "/v1/deployments").await;
    assert_eq!(at(&listed.body, "/deployments/0/store_id"), json!("oceanbreeze-12345"));
    let visit = call(&service, "GET", "/v1/visit?host=oceanbreezestore.com&path=/health").await;
    assert_eq!(at(&visit.body, "/status"), json!(200));
    assert_eq!(at(&call(&service, "GET", "/v1/host").await.body, "/free_ports/0"), json!(4002));
    let logs = call(&service, "GET", "/v1/deployments/oceanbreeze-12345/logs?lines=1").await;
    assert_eq!(at(&logs.body, "/lines").as_array().unwrap().len(), 1);

    let rest = "mark=storex/1%20i%3D0a1b2c3d%20s%3D12345%20e%3D0192f0c1.9f&epoch=3&deadline=2100-01-01T00:00:00Z";
    let partly = call(&service, "DELETE", &format!("/v1/deployments/oceanbreeze-12345?parts=process,route&{rest}")).await;
    assert_eq!(at(&partly.body, "/withdrawn"), json!(["route", "process"]));
    let found = call(&service, "GET", "/v1/deployments/oceanbreeze-12345").await;
    assert_eq!(at(&found.body, "/parts").as_object().unwrap().len(), 2);
    let wholly = call(&service, "DELETE", &format!("/v1/deployments/oceanbreeze-12345?{rest}")).await;
    assert_eq!(wholly.status, StatusCode::OK);
    assert_problem(&call(&service, "GET", "/v1/deployments/oceanbreeze-12345").await, 404, "not_found", None);
    assert_eq!(call(&service, "DELETE", &format!("/v1/deployments/oceanbreeze-12345?{rest}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn bad_bodies_are_refused_with_the_status_and_pointer_they_deserve() {
    let host = MemoryHost::default();
    let service = service(&host);
    assert_problem(&post(&service, "{\"apply\":").await, 400, "invalid_json", None);
    assert_problem(&post(&service, "").await, 400, "invalid_json", None);
    assert_problem(&post(&service, "[]").await, 422, "invalid_field", Some(""));
    let mut unknown = deployment(&["files"]);
    unknown["store_deployment"]["enviroment"] = json!({});
    assert_problem(&post(&service, unknown.to_string()).await, 422, "unknown_field", Some("/store_deployment/enviroment"));
    let mut missing = deployment(&["files"]);
    missing["store_deployment"].as_object_mut().unwrap().shift_remove("symlinks");
    assert_problem(&post(&service, missing.to_string()).await, 422, "missing_field", Some("/store_deployment/symlinks"));
    let mut wrong = deployment(&["files", "environment", "process"]);
    wrong["store_deployment"]["environment"]["PORT"] = json!("4001");
    let answer = post(&service, wrong.to_string()).await;
    assert_problem(&answer, 422, "invalid_field", Some("/store_deployment/environment/PORT"));
    assert_eq!(at(&answer.body, "/unclear"), json!(true), "files and environment were applied before");

    let limit = 256 * 1024;
    let fits = format!("{}{}", deployment(&["files"]), " ".repeat(limit));
    assert_eq!(post(&service, fits[..limit].to_owned()).await.status, StatusCode::OK);
    assert_problem(&post(&service, fits[..=limit].to_owned()).await, 413, "body_too_large", None);
    let untyped = request("POST", "/v1/deployments").body(Body::from("{}")).unwrap();
    assert_problem(&ask(&service, untyped).await, 415, "unsupported_media_type", None);
    assert_eq!(host.history(), ["apply oceanbreeze-12345 files", "apply oceanbreeze-12345 environment"]);
}

#[tokio::test]
async fn other_routes_methods_and_parameters_are_refused() {
    let service = service(&MemoryHost::default());
    assert_problem(&call(&service, "GET", "/v2").await, 404, "not_found", None);
    assert_problem(&call(&service, "PUT", "/v1/deployments").await, 405, "method_not_allowed", None);
    assert_problem(&call(&service, "GET", "/v1/deployments/..%2Fx").await, 404, "not_found", None);
    assert_problem(&call(&service, "GET", "/v1/visit?host=a.storex.com").await, 422, "missing_field", Some("/path"));
    assert_problem(&call(&service, "GET", "/v1/visit?host=a;b&path=/").await, 422, "invalid_domain", Some("/host"));
    assert_problem(&call(&service, "GET", "/v1/visit?host=a.com&path=/&x=1").await, 422, "unknown_field", Some("/x"));
    assert_problem(
        &call(&service, "GET", "/v1/deployments/oceanbreeze-12345/logs?lines=-1").await,
        422,
        "invalid_field",
        Some("/lines"),
    );
    assert_problem(&call(&service, "DELETE", "/v1/deployments/oceanbreeze-12345").await, 422, "missing_field", Some("/epoch"));
}

#[tokio::test]
async fn a_process_that_does_not_serve_is_a_problem_with_its_log() {
    let host = MemoryHost::default();
    host.silence("oceanbreeze");
    let answer = post(&service(&host), deployment(&EVERYTHING).to_string()).await;
    assert_problem(&answer, 502, "process_not_serving", None);
    assert_eq!(at(&answer.body, "/context/0/0"), json!("log"));
    assert!(at(&answer.body, "/context/0/1").as_str().unwrap().contains("does not listen"));
    let stale = json!({ "epoch": 2 });
    let mut old = deployment(&["files"]);
    old["epoch"] = stale["epoch"].clone();
    assert_problem(&post(&service(&host), old.to_string()).await, 409, "stale_epoch", None);
}
