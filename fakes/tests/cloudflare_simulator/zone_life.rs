//! The life of a zone in virtual time: delegated, active, moved, deleted, purged, with the delays Cloudflare publishes.

use jiff::SignedDuration;
use serde_json::{Value, json};
use storex_fakes::cloudflare::{CloudState, Delegation, Limits, Plan, Simulator, ZoneStatus};

use crate::client::{builder, call, control, get, post, simulator, zone};

const DAY: i64 = 86_400;

fn advance(simulator: &Simulator, seconds: i64) {
    simulator.advance(SignedDuration::from_secs(seconds)).expect("no file");
}

fn status(simulator: &Simulator, name: &str) -> Option<ZoneStatus> {
    simulator.state().zone_named(name).map(|zone| zone.status)
}

#[tokio::test]
async fn a_delegated_zone_becomes_active_at_its_first_check_and_not_before() {
    let simulator = simulator();
    let id = zone(&simulator, "bluepeak-shop.com").await;
    simulator.delegate_here("bluepeak-shop.com").expect("known");
    advance(&simulator, 30);
    assert_eq!(status(&simulator, "bluepeak-shop.com"), Some(ZoneStatus::Pending));
    advance(&simulator, 60);
    let shown = get(&simulator, &format!("/zones/{id}")).await;
    assert_eq!(shown.result()["status"], "active");
    assert_ne!(shown.result()["activated_on"], Value::Null);
    let packs = get(&simulator, &format!("/zones/{id}/ssl/certificate_packs?status=all")).await;
    assert_eq!(packs.result()[0]["type"], "universal", "a universal certificate is ordered at once");
}

#[tokio::test]
async fn signatures_left_at_the_registrar_keep_a_zone_pending() {
    let simulator = simulator();
    zone(&simulator, "bluepeak-shop.com").await;
    let pair = simulator.state().zone_named("bluepeak-shop.com").expect("there").name_servers.clone();
    simulator.delegate("bluepeak-shop.com", Delegation { dnssec: true, ..Delegation::to(pair.clone()) }).expect("no file");
    advance(&simulator, DAY);
    assert_eq!(status(&simulator, "bluepeak-shop.com"), Some(ZoneStatus::Pending));
    simulator.delegate("bluepeak-shop.com", Delegation::to(pair)).expect("no file");
    advance(&simulator, DAY);
    assert_eq!(status(&simulator, "bluepeak-shop.com"), Some(ZoneStatus::Active));
}

#[tokio::test]
async fn a_zone_that_moves_away_is_deleted_after_seven_days_and_purged_after_seven_more() {
    let simulator = simulator();
    let id = zone(&simulator, "bluepeak-shop.com").await;
    post(&simulator, &format!("/zones/{id}/dns_records"), json!({"type": "A", "name": "@", "content": "192.0.2.1"}))
        .await
        .result();
    simulator.delegate_here("bluepeak-shop.com").expect("known");
    advance(&simulator, 100);
    simulator.delegate("bluepeak-shop.com", Delegation::to(["ns1.old.net", "ns2.old.net"])).expect("no file");
    advance(&simulator, 2 * 3600);
    assert_eq!(status(&simulator, "bluepeak-shop.com"), Some(ZoneStatus::Moved));
    advance(&simulator, 6 * DAY);
    assert_eq!(status(&simulator, "bluepeak-shop.com"), Some(ZoneStatus::Moved));
    advance(&simulator, DAY);
    assert_eq!((status(&simulator, "bluepeak-shop.com"), simulator.state().archived.len()), (None, 1));
    advance(&simulator, 7 * DAY);
    assert_eq!(simulator.state().archived.len(), 0);
}

#[tokio::test]
async fn a_deleted_zone_answers_dns_until_it_is_purged() {
    let simulator = simulator();
    let id = zone(&simulator, "bluepeak-shop.com").await;
    post(&simulator, &format!("/zones/{id}/dns_records"), json!({"type": "A", "name": "@", "content": "192.0.2.1"}))
        .await
        .result();
    simulator.delegate_here("bluepeak-shop.com").expect("known");
    call(&simulator, "DELETE", &format!("/zones/{id}"), None).await.result();
    assert_eq!(simulator.resolve("bluepeak-shop.com", "A").len(), 1);
    advance(&simulator, 8 * DAY);
    assert_eq!(simulator.resolve("bluepeak-shop.com", "A").len(), 0);
}

#[tokio::test]
async fn only_a_free_zone_is_deleted_when_it_stays_pending_for_28_days() {
    let simulator = simulator();
    zone(&simulator, "free-shop.com").await;
    zone(&simulator, "paid-shop.com").await;
    simulator.set_plan("paid-shop.com", Plan::Pro).expect("known");
    advance(&simulator, 27 * DAY);
    assert_eq!(status(&simulator, "free-shop.com"), Some(ZoneStatus::Pending));
    advance(&simulator, 2 * DAY);
    assert_eq!(status(&simulator, "free-shop.com"), None);
    assert_eq!(status(&simulator, "paid-shop.com"), Some(ZoneStatus::Pending));
}

#[tokio::test]
async fn an_activation_check_looks_at_once_and_has_its_pace() {
    let mut limits = Limits::default();
    limits.activation_pace = true;
    let simulator = builder().limits(limits).build().expect("built");
    let id = zone(&simulator, "bluepeak-shop.com").await;
    let path = format!("/zones/{id}/activation_check");
    assert_eq!(call(&simulator, "PUT", &path, None).await.result(), &json!({"id": id}));
    assert_eq!(status(&simulator, "bluepeak-shop.com"), Some(ZoneStatus::Pending));
    simulator.delegate_here("bluepeak-shop.com").expect("known");
    let early = call(&simulator, "PUT", &path, None).await;
    assert_eq!(early.refusal(), (429, 1224));
    assert!(early.header("retry-after").parse::<u64>().is_ok_and(|wait| (3500..=3600).contains(&wait)), "{early:?}");
    advance(&simulator, 3600);
    call(&simulator, "PUT", &path, None).await.result();
    assert_eq!(status(&simulator, "bluepeak-shop.com"), Some(ZoneStatus::Active));
    simulator.set_plan("bluepeak-shop.com", Plan::Pro).expect("known");
    advance(&simulator, 300);
    call(&simulator, "PUT", &path, None).await.result();
}

#[tokio::test]
async fn what_the_registrar_or_another_account_has_against_a_name_is_answered_with_its_code() {
    let simulator = simulator();
    for code in [1049, 1097, 1105, 1110, 1116] {
        control(&simulator, "PUT", &format!("/registrar/bluepeak-shop.com/refusal/{code}"), None).await;
        let refused = post(&simulator, "/zones", json!({"name": "bluepeak-shop.com"})).await;
        assert_eq!(refused.refusal(), (400, code));
        assert_eq!(refused.header("retry-after") == "10800", code == 1105, "three hours after too many attempts");
    }
    control(&simulator, "PUT", "/registrar/bluepeak-shop.com/refusal/0", None).await;
    control(&simulator, "PUT", "/names/held/bluepeak-shop.com", None).await;
    let held = post(&simulator, "/zones", json!({"name": "bluepeak-shop.com"})).await;
    assert!(held.message().contains("subject to a hold"), "{}", held.text);
    control(&simulator, "DELETE", "/names/held/bluepeak-shop.com", None).await;
    post(&simulator, "/zones", json!({"name": "bluepeak-shop.com"})).await.result();
    assert_eq!(control(&simulator, "PUT", "/names/lost/bluepeak-shop.com", None).await.status, 404);
}

#[tokio::test]
async fn a_young_zone_answers_403_below_itself_for_a_while() {
    let mut limits = Limits::default();
    limits.young_zone_s = 120;
    let simulator = builder().limits(limits).build().expect("built");
    advance(&simulator, 200);
    let id = zone(&simulator, "bluepeak-shop.com").await;
    let path = format!("/zones/{id}/dns_records");
    assert_eq!(get(&simulator, &path).await.refusal(), (403, 10000));
    get(&simulator, &format!("/zones/{id}")).await.result();
    advance(&simulator, 120);
    get(&simulator, &path).await.result();
}

#[tokio::test]
async fn one_property_of_a_zone_is_changed_per_call_and_holds_need_enterprise() {
    let simulator = simulator();
    let id = zone(&simulator, "bluepeak-shop.com").await;
    let path = format!("/zones/{id}");
    assert_eq!(call(&simulator, "PATCH", &path, Some(json!({"paused": true}))).await.result()["paused"], true);
    for (body, code) in [
        (json!({}), 1016),
        (json!({"paused": true, "type": "full"}), 1016),
        (json!({"paused": "yes"}), 1003),
        (json!({"vanity_name_servers": ["ns1.shop.com"]}), 1107),
    ] {
        assert_eq!(call(&simulator, "PATCH", &path, Some(body)).await.refusal(), (400, code));
    }
    let hold = format!("{path}/hold");
    assert_eq!(get(&simulator, &hold).await.result(), &json!({"hold": false}));
    assert_eq!(call(&simulator, "POST", &hold, None).await.refusal(), (403, 1017));
    simulator.set_plan("bluepeak-shop.com", Plan::Enterprise).expect("known");
    assert_eq!(call(&simulator, "POST", &hold, None).await.result()["hold"], true);
    let later = call(&simulator, "DELETE", &format!("{hold}?hold_after=2026-02-01T00:00:00Z"), None).await;
    assert_eq!(later.result()["hold"], false);
    advance(&simulator, 60 * DAY);
    assert_eq!(get(&simulator, &hold).await.result()["hold"], true, "the hold comes back by itself");
}

#[tokio::test]
async fn the_clock_is_moved_over_http_and_a_state_file_of_before_still_loads() {
    let simulator = simulator();
    let before = simulator.time();
    let moved = control(&simulator, "POST", "/clock", Some(json!({"advance_s": 3600}))).await;
    assert_eq!(moved.status, 200);
    assert!(simulator.time().duration_since(before) >= SignedDuration::from_hours(1));
    let mut document = serde_json::to_value(simulator.state()).expect("a document");
    for key in ["advanced", "internet", "archived", "hostname_pace", "buckets", "traffic"] {
        document.as_object_mut().expect("an object").remove(key);
    }
    for key in ["paused", "next_check", "packs", "hostnames", "fallback", "rulesets", "bots", "dnssec", "scan", "hold"] {
        document["zones"][0].as_object_mut().expect("an object").remove(key);
    }
    let loaded: CloudState = serde_json::from_value(document).expect("every new field has a default");
    assert_eq!(loaded.zones[0].id, simulator.state().zones[0].id);
}
