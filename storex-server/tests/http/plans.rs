//! `?dry_run=true`: what would be done, with nothing done.

use crate::api::{Api, keys, request};
use axum::http::Method;

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_create_tells_its_steps_and_leaves_nothing() {
    let api = Api::new().await;
    let body = request("oceanbreeze", Some("oceanbreezestore.com")).to_string();
    let answer = api.call(Method::POST, "/api/stores?dry_run=true", body.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.header("location").as_str()), (200, ""), "{}", answer.body);
    let plan = answer.json();
    assert_eq!(keys(&plan), ["status", "operation", "steps", "cloudflare_calls"]);
    assert_eq!(plan["operation"], "create_store");
    assert!(answer.body.contains(r#""resource":"zone/oceanbreezestore.com""#), "{}", answer.body);
    assert_eq!(plan["cloudflare_calls"], 6, "a look, zone, records, and a call for each of three settings");
    assert_eq!(api.world.store_traces(), Vec::<String>::new());
    assert_eq!(api.call(Method::POST, "/api/stores?dry_run=false", body).await.status, 201, "the control");
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_delete_tells_its_steps_and_leaves_the_store() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", None).await;
    let before = (api.world.store_traces(), api.get(&format!("/api/stores/{id}")).await.body);
    let answer = api.delete(&format!("/api/stores/{id}?dry_run=true")).await;
    assert_eq!((answer.status.as_u16(), answer.json()["operation"].as_str()), (200, Some("delete_store")), "{}", answer.body);
    assert!(!answer.json()["steps"].as_array().unwrap().is_empty());
    assert_eq!((api.world.store_traces(), api.get(&format!("/api/stores/{id}")).await.body), before);
    api.delete("/api/stores/nobody-99999?dry_run=true").await.problem(404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_refused_as_the_request_would_be() {
    let api = Api::new().await;
    api.create("oceanbreeze", None).await;
    let plan = |body: String| api.call(Method::POST, "/api/stores?dry_run=true", body);
    let taken = plan(request("oceanbreeze", None).to_string()).await;
    assert_eq!(taken.problem(409, "username_taken").as_deref(), Some("/username"));
    let bad = plan(request("Ocean", None).to_string()).await;
    assert_eq!(bad.problem(422, "invalid_username").as_deref(), Some("/username"));
}

#[tokio::test(start_paused = true)]
async fn parameters_that_make_no_sense_are_422_and_nothing_is_begun() {
    let api = Api::new().await;
    for (query, code, pointer) in [
        ("dry_run=", "invalid_field", "/dry_run"),
        ("dry_run=yes", "invalid_field", "/dry_run"),
        ("dry_run=True", "invalid_field", "/dry_run"),
        ("dry_run=true&dry_run=true", "invalid_field", "/dry_run"),
        ("dryrun=true", "unknown_field", "/dryrun"),
    ] {
        let answer = api.call(Method::POST, &format!("/api/stores?{query}"), request("oceanbreeze", None).to_string()).await;
        assert_eq!(answer.problem(422, code).as_deref(), Some(pointer), "{query}");
        let answer = api.delete(&format!("/api/stores/oceanbreeze-12345?{query}")).await;
        assert_eq!(answer.problem(422, code).as_deref(), Some(pointer), "{query}");
    }
    assert_eq!(api.world.store_traces(), Vec::<String>::new());
}
