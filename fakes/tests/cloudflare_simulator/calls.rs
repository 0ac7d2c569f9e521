//! The journal, the counters, the budget and the control routes that show them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde_json::json;
use storex_fakes::cloudflare::Limits;

use crate::client::{TOKEN, attempt, builder, call, control, get, post, raw, records_of, simulator, zone};

#[tokio::test]
async fn every_call_is_journaled_whatever_its_answer() {
    let simulator = simulator();
    get(&simulator, "/zones?name=contains:shop&page=1").await.result();
    post(&simulator, "/zones", json!({"name": "bluepeak-shop.com"})).await.result();
    get(&simulator, "/nowhere").await.refusal();
    raw(&simulator, "GET", "/zones", None, None).await.expect("an answer").refusal();
    let calls = simulator.calls();
    let seen: Vec<_> =
        calls.iter().map(|call| (call.sequence, call.method.as_str(), call.path.as_str(), call.status, call.mutating)).collect();
    assert_eq!(
        seen,
        [
            (1, "GET", "/zones", Some(200), false),
            (2, "POST", "/zones", Some(200), true),
            (3, "GET", "/nowhere", Some(404), false),
            (4, "GET", "/zones", Some(400), false),
        ]
    );
    assert_eq!(calls[0].query, "name=contains:shop&page=1");
    assert_eq!((calls[1].route.as_deref(), calls[2].route.as_deref()), (Some("/zones"), None));
    assert_eq!(simulator.calls_after(3), calls[3..]);
}

#[tokio::test]
async fn counts_are_per_method_and_route_template() {
    let simulator = simulator();
    let (first, second) = (records_of(&simulator, "one-shop.com").await, records_of(&simulator, "two-shop.com").await);
    for records in [&first, &second, &first] {
        get(&simulator, records).await.result();
    }
    post(&simulator, &format!("{first}/batch"), json!({})).await.result();
    get(&simulator, "/nowhere").await.refusal();
    let counts = simulator.counts();
    assert_eq!((counts.total, counts.mutating), (7, 3));
    let routes: Vec<_> = counts.routes.iter().map(|(route, count)| (route.as_str(), *count)).collect();
    assert_eq!(
        routes,
        [
            ("GET (no route)", 1),
            ("GET /zones/{zone}/dns_records", 3),
            ("POST /zones", 2),
            ("POST /zones/{zone}/dns_records/batch", 1),
        ]
    );
    assert_eq!((counts.statuses[&200], counts.statuses[&404]), (6, 1));
}

#[tokio::test]
async fn control_routes_show_what_the_accessors_show_and_are_not_counted() {
    let simulator = simulator();
    zone(&simulator, "bluepeak-shop.com").await;
    get(&simulator, "/zones").await.result();
    let calls = control(&simulator, "GET", "/calls", None).await;
    assert_eq!(calls.body, json!(simulator.calls()));
    assert_eq!(control(&simulator, "GET", "/calls?after=1", None).await.body.as_array().map(Vec::len), Some(1));
    assert_eq!(control(&simulator, "GET", "/counts", None).await.body, json!(simulator.counts()));
    assert_eq!(control(&simulator, "GET", "/state", None).await.body, json!(simulator.state()));
    assert_eq!(simulator.counts().total, 2);
    assert_eq!(control(&simulator, "DELETE", "/calls", None).await.status, 204);
    assert_eq!((simulator.calls(), simulator.counts().total), (vec![], 0));
    get(&simulator, "/zones").await.result();
    assert_eq!(simulator.calls()[0].sequence, 3, "numbers go on");
    assert_eq!(control(&simulator, "GET", "/calls?since=1", None).await.status, 400);
}

#[tokio::test]
async fn control_routes_move_zones_and_attach_connectors() {
    let simulator = simulator();
    let id = zone(&simulator, "bluepeak-shop.com").await;
    let status = |word: &str| Some(json!({"status": word}));
    assert_eq!(control(&simulator, "POST", &format!("/zones/{id}/status"), status("active")).await.status, 204);
    assert_eq!(get(&simulator, &format!("/zones/{id}")).await.result()["status"], "active");
    assert_eq!(control(&simulator, "POST", "/zones/bluepeak-shop.com/status", status("moved")).await.status, 204);
    assert_eq!(get(&simulator, &format!("/zones/{id}")).await.result()["status"], "moved");
    assert_eq!(control(&simulator, "POST", &format!("/zones/{id}/status"), status("sleeping")).await.status, 422);
    assert_eq!(control(&simulator, "POST", "/zones/unknown.com/status", status("active")).await.status, 404);
    assert_eq!(control(&simulator, "POST", "/tunnels/unknown/connectors", None).await.status, 404);
    assert_eq!(control(&simulator, "DELETE", "/tunnels/unknown/connectors", None).await.status, 404);
}

#[tokio::test]
async fn the_journal_and_the_state_hold_no_token() {
    let simulator = simulator();
    post(&simulator, "/zones", json!({"name": "bluepeak-shop.com"})).await.result();
    assert!(!json!(simulator.calls()).to_string().contains(TOKEN));
    assert!(!json!(simulator.state()).to_string().contains(TOKEN));
}

#[tokio::test]
async fn a_call_over_the_budget_is_throttled_and_so_is_every_one_for_five_minutes() {
    let second = Arc::new(AtomicI64::new(1_800_000_000));
    let ticking = Arc::clone(&second);
    let mut limits = Limits::default();
    limits.calls_per_5_minutes = Some(3);
    let simulator = builder()
        .limits(limits)
        .clock(move || Timestamp::from_second(ticking.load(Ordering::Relaxed)).expect("a date"))
        .build()
        .expect("built");
    for left in ["2", "1", "0"] {
        let answer = get(&simulator, "/zones").await;
        answer.result();
        assert_eq!(answer.header("ratelimit"), format!("\"default\";r={left};t=300"));
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=3;w=300");
    }
    let before = simulator.state();
    let over = post(&simulator, "/zones", json!({"name": "bluepeak-shop.com"})).await;
    assert_eq!((over.refusal(), over.header("retry-after")), ((429, 971), "300"));
    assert_eq!(simulator.state(), before);
    second.fetch_add(299, Ordering::Relaxed);
    assert_eq!(get(&simulator, "/zones").await.header("retry-after"), "1");
    second.fetch_add(1, Ordering::Relaxed);
    get(&simulator, "/zones").await.result();
    assert_eq!(simulator.counts().statuses[&429], 2);
}

#[tokio::test]
async fn every_answer_carries_a_ray() {
    let simulator = simulator();
    let (first, second) = (get(&simulator, "/zones").await, get(&simulator, "/nowhere").await);
    assert_eq!((first.header("cf-ray"), second.header("cf-ray")), ("0000000000000001-SIM", "0000000000000002-SIM"));
    assert_eq!(first.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_body_over_sixteen_mebibytes_is_refused() {
    let simulator = simulator();
    let text = "x".repeat(16 * 1024 * 1024 + 1);
    let answer = raw(&simulator, "POST", "/zones", Some("Bearer any"), Some(&text)).await.expect("an answer");
    assert_eq!(answer.status, 413);
    assert!(attempt(&simulator, "GET", "/zones", None).await.is_some());
}

#[tokio::test]
async fn other_methods_than_the_routes_are_counted_as_what_they_are() {
    let simulator = simulator();
    call(&simulator, "PATCH", "/zones", Some(json!({}))).await.refusal();
    assert_eq!(simulator.counts().routes["PATCH (no route)"], 1);
}
