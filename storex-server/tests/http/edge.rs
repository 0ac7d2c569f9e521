//! Purging a store's cache, and asking for another certificate.

use crate::api::{Api, keys};
use axum::body::Body;
use axum::http::Method;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_purge_answers_the_store_s_hosts() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", Some("oceanbreeze-shop.com")).await;
    let answer = api.call(Method::POST, &format!("/api/stores/{id}/cache/purge"), Body::empty()).await;
    assert_eq!((answer.status.as_u16(), keys(&answer.json())), (200, vec!["status", "purged"]), "{}", answer.body);
    let mut hosts: Vec<String> = serde_json::from_value(answer.json()["purged"].clone()).unwrap();
    hosts.sort();
    assert_eq!(hosts, ["oceanbreeze-shop.com", "oceanbreeze.storex.com"]);
    api.call(Method::POST, "/api/stores/nobody-12345/cache/purge", Body::empty()).await.problem(404, "not_found");
    let path = format!("/api/stores/{id}/cache/purge?everything=true");
    api.call(Method::POST, &path, Body::empty()).await.problem(422, "unknown_field");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_asked_for_again_and_what_is_dangerous_takes_force() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", Some("oceanbreeze-shop.com")).await;
    let path = format!("/api/stores/{id}/certificate/reissue");
    let waiting = api.call(Method::POST, &path, Body::empty()).await;
    assert_eq!((waiting.status.as_u16(), waiting.header("operation-location").as_str()), (200, ""), "{}", waiting.body);
    assert!(waiting.json()["detail"].as_str().unwrap().contains("once the zone is active"), "{}", waiting.body);
    let zone = api.world.domains.zones().into_iter().find(|zone| zone.name.as_str() == "oceanbreeze-shop.com").unwrap();
    api.world.domains.activate(&zone.id).unwrap();
    api.call(Method::POST, &path, json!({ "force": false }).to_string()).await.problem(409, "force_required");
    let forced = api.call(Method::POST, &path, json!({ "force": true }).to_string()).await;
    assert_eq!(forced.status, 202, "{}", forced.body);
    assert_eq!(api.rest(&forced.header("operation-location")).await["state"], "succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_reissue_that_makes_no_sense_is_refused() {
    let api = Api::new().await;
    let id = api.create("plain", None).await;
    let path = format!("/api/stores/{id}/certificate/reissue");
    api.call(Method::POST, &path, Body::empty()).await.problem(422, "unsupported");
    let pointer = api.call(Method::POST, &path, json!({ "force": "yes" }).to_string()).await.problem(422, "invalid_field");
    assert_eq!(pointer.as_deref(), Some("/force"));
    let pointer = api.call(Method::POST, &path, json!({ "renew": true }).to_string()).await.problem(422, "unknown_field");
    assert_eq!(pointer.as_deref(), Some("/renew"));
    let nobody = "/api/stores/nobody-12345/certificate/reissue";
    api.call(Method::POST, nobody, Body::empty()).await.problem(404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn insight_answers_each_host_of_the_store() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", Some("oceanbreeze-shop.com")).await;
    let zone = api.world.domains.zones().into_iter().find(|zone| zone.name.as_str() == "storex.com").unwrap();
    let visits = |host: &str, count| storex_fakes::Visits {
        at: api.world.clock().now(),
        host: host.to_owned(),
        status: 200,
        cached: true,
        count,
        bytes: 0,
        event: None,
    };
    api.world.insight.visit(&zone.id, visits("oceanbreeze.storex.com", 3));
    api.world.insight.visit(&zone.id, visits("another.storex.com", 5));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let answer = api.get(&format!("/api/stores/{id}/insight?seconds=600")).await;
    let body = answer.json();
    assert_eq!(keys(&body), ["status", "from", "until", "hosts", "security_events"], "{body}");
    let told: Vec<_> =
        body["hosts"].as_array().unwrap().iter().map(|host| (host["host"].as_str(), host["requests"].as_u64())).collect();
    assert_eq!(told, [(Some("oceanbreeze.storex.com"), Some(3)), (Some("oceanbreeze-shop.com"), Some(0))]);
    api.get("/api/stores/nobody-12345/insight").await.problem(404, "not_found");
    assert_eq!(
        api.get(&format!("/api/stores/{id}/insight?seconds=x")).await.problem(422, "invalid_field").as_deref(),
        Some("/seconds")
    );
}
