//! `domain_strategy`: what a request may say about its domain, and what the answer says then.

use crate::api::{Api, keys, request};
use axum::http::Method;
use serde_json::{Value, json};
use storex_core::DomainStrategy;
use storex_fakes::{Parts, World};

/// An API whose platform is ready for custom hostnames, with this default.
async fn ready(strategy: DomainStrategy) -> Api {
    let world = World::new().unwrap();
    let mut settings = world.settings();
    (settings.domain_strategy, settings.custom_hostnames) = (strategy, true);
    let controller = world.start(Parts { settings, ..world.parts() }).await.unwrap().controller;
    controller.ensure_platform("http://localhost:3000").await.unwrap();
    Api::of(world, controller)
}

fn asking(domain: &str, strategy: &str) -> Value {
    let mut body = request("oceanbreeze", Some(domain));
    body["domain_strategy"] = json!(strategy);
    body
}

#[tokio::test(start_paused = true)]
async fn a_custom_hostname_is_answered_by_the_specifications_body_without_nameservers() {
    let api = ready(DomainStrategy::Zone).await;
    let answer = api.post(asking("www.oceanbreezestore.com", "custom_hostname").to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let body = answer.json();
    assert_eq!(keys(&body), ["status", "store_id", "domains", "configuration"]);
    assert_eq!(keys(&body["configuration"]), ["nameservers", "status", "next_steps"]);
    assert_eq!((&body["configuration"]["nameservers"], &body["configuration"]["status"]), (&json!([]), &json!("configuring")));
    let steps: Vec<&str> =
        body["configuration"]["next_steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
    assert!(
        steps[0].starts_with("Add the TXT record _storex-challenge.www.oceanbreezestore.com with the value storex-"),
        "{steps:?}"
    );
    assert!(steps[1].ends_with("www.oceanbreezestore.com that points to shops.storex.com"), "{steps:?}");
    assert_eq!(steps[2..], ["Wait for DNS propagation", "Verify domain ownership"]);
    api.rest(&answer.header("operation-location")).await;
    let shown = api.get(&format!("/api/stores/{}", body["store_id"].as_str().unwrap())).await.json();
    assert_eq!(shown["configuration"], body["configuration"]);
}

#[tokio::test(start_paused = true)]
async fn the_platforms_default_is_what_a_request_gets_that_says_nothing() {
    let api = ready(DomainStrategy::CustomHostname).await;
    let plan = |body: Value| api.call(Method::POST, "/api/stores?dry_run=true", body.to_string());
    let steps = |plan: &Value| plan["steps"].to_string();
    let usual = plan(request("oceanbreeze", Some("www.oceanbreezestore.com"))).await;
    assert!(steps(&usual.json()).contains("hostname/www.oceanbreezestore.com"), "{}", usual.body);
    let zone = plan(asking("oceanbreezestore.com", "zone")).await;
    assert!(steps(&zone.json()).contains("\"resource\":\"zone/oceanbreezestore.com\""), "{}", zone.body);
    let apex = plan(request("oceanbreeze", Some("oceanbreezestore.com"))).await;
    assert_eq!(apex.problem(422, "invalid_domain").as_deref(), Some("/domain"));
    let mut flattened = request("oceanbreeze", Some("oceanbreezestore.com"));
    flattened["apex_flattening"] = json!(true);
    assert_eq!(plan(flattened).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_the_platform_is_not_ready_for_is_422_with_the_way_out() {
    let api = Api::new().await;
    let refused = api.post(asking("www.oceanbreezestore.com", "custom_hostname").to_string()).await;
    assert_eq!(refused.problem(422, "unsupported").as_deref(), Some("/domain_strategy"));
    assert!(refused.body.contains("--custom-hostnames"), "{}", refused.body);
    let unknown = api.post(asking("oceanbreezestore.com", "dns").to_string()).await;
    assert_eq!(unknown.problem(422, "invalid_field").as_deref(), Some("/domain_strategy"));
    assert!(unknown.body.contains("zone, custom_hostname"), "{}", unknown.body);
    assert_eq!(api.world.store_traces(), Vec::<String>::new());
}
