//! Certificate packs: ordered, issued step by step, timed out, restarted, deleted.

use jiff::SignedDuration;
use serde_json::{Value, json};
use storex_fakes::cloudflare::{Limits, Simulator, ZoneStatus};

use crate::client::{builder, call, get, post, zone};

fn advance(simulator: &Simulator, seconds: i64) {
    simulator.advance(SignedDuration::from_secs(seconds)).expect("no file");
}

async fn shop(advanced: u32) -> (Simulator, String) {
    let mut limits = Limits::default();
    limits.advanced_certificates = advanced;
    let simulator = builder().limits(limits).build().expect("built");
    let id = zone(&simulator, "bluepeak-shop.com").await;
    simulator.set_zone_status("bluepeak-shop.com", ZoneStatus::Active).expect("known");
    (simulator, format!("/zones/{id}/ssl"))
}

async fn statuses(simulator: &Simulator, ssl: &str) -> Vec<String> {
    get(simulator, &format!("{ssl}/certificate_packs?status=all")).await.column("status")
}

fn wish() -> Value {
    json!({"type": "advanced", "hosts": ["bluepeak-shop.com", "*.bluepeak-shop.com"], "validation_method": "txt",
        "validity_days": 90, "certificate_authority": "lets_encrypt"})
}

#[tokio::test]
async fn the_universal_certificate_takes_its_steps_and_is_listed_once_it_is_active() {
    let (simulator, ssl) = shop(0).await;
    let mut seen = Vec::new();
    for _ in 0..40 {
        let status = statuses(&simulator, &ssl).await.remove(0);
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        advance(&simulator, 10);
    }
    assert_eq!(seen, ["pending_validation", "pending_issuance", "pending_deployment", "active"]);
    let active = get(&simulator, &format!("{ssl}/certificate_packs")).await;
    assert_eq!(active.result()[0]["hosts"], json!(["bluepeak-shop.com", "*.bluepeak-shop.com"]));
    let end = active.result()[0]["certificates"][0]["expires_on"].clone();
    advance(&simulator, 61 * 86_400);
    let renewed = get(&simulator, &format!("{ssl}/certificate_packs")).await.result()[0]["certificates"][0]["expires_on"].clone();
    assert!(renewed.as_str() > end.as_str(), "renewed by itself: {end} {renewed}");
}

#[tokio::test]
async fn a_certificate_that_timed_out_waits_for_a_retry() {
    let (simulator, ssl) = shop(0).await;
    simulator.stall_certificates("bluepeak-shop.com", Some("pending_validation")).expect("known");
    advance(&simulator, 600);
    assert_eq!(statuses(&simulator, &ssl).await, ["validation_timed_out"]);
    advance(&simulator, 86_400);
    let verification = get(&simulator, &format!("{ssl}/verification")).await;
    assert_eq!(verification.result()[0]["certificate_status"], "timing_out");
    simulator.stall_certificates("bluepeak-shop.com", None).expect("known");
    get(&simulator, &format!("{ssl}/verification?retry=true")).await.result();
    advance(&simulator, 600);
    assert_eq!(statuses(&simulator, &ssl).await, ["active"]);
    assert_eq!(get(&simulator, &format!("{ssl}/verification")).await.result()[0]["certificate_status"], "active");
}

#[tokio::test]
async fn universal_ssl_can_be_switched_off_and_on_and_its_certificate_goes_and_comes() {
    let (simulator, ssl) = shop(0).await;
    let path = format!("{ssl}/universal/settings");
    call(&simulator, "PATCH", &path, Some(json!({"enabled": false}))).await.result();
    assert_eq!(get(&simulator, &path).await.result(), &json!({"enabled": false}));
    assert_eq!(statuses(&simulator, &ssl).await, Vec::<String>::new());
    call(&simulator, "PATCH", &path, Some(json!({"enabled": true}))).await.result();
    advance(&simulator, 600);
    assert_eq!(statuses(&simulator, &ssl).await, ["active"]);
    assert_eq!(call(&simulator, "PATCH", &path, Some(json!({"enabled": "no"}))).await.refusal(), (400, 1433));
}

#[tokio::test]
async fn an_advanced_certificate_needs_the_add_on_a_quota_and_a_good_wish() {
    let (simulator, ssl) = shop(0).await;
    let order = |ssl: &str| format!("{ssl}/certificate_packs/order");
    assert_eq!(post(&simulator, &order(&ssl), wish()).await.refusal(), (403, 1450));
    let (simulator, ssl) = shop(1).await;
    let before = simulator.state();
    for (field, value) in [
        ("type", json!("universal")),
        ("hosts", json!(["www.bluepeak-shop.com"])),
        ("hosts", json!(["bluepeak-shop.com", "other.com"])),
        ("hosts", json!(vec!["bluepeak-shop.com"; 51])),
        ("validation_method", json!("pigeon")),
        ("validity_days", json!(31)),
        ("certificate_authority", json!("mine")),
    ] {
        let mut body = wish();
        body[field] = value;
        assert_eq!(post(&simulator, &order(&ssl), body).await.refusal(), (400, 1433), "{field}");
    }
    assert_eq!(simulator.state(), before);
    let pack = post(&simulator, &order(&ssl), wish()).await.id();
    assert_eq!(
        get(&simulator, &format!("{ssl}/certificate_packs/quota")).await.result(),
        &json!({"advanced": {"allocated": 1, "used": 1}})
    );
    assert_eq!(post(&simulator, &order(&ssl), wish()).await.refusal(), (403, 1451));
    advance(&simulator, 70);
    let waiting = get(&simulator, &format!("{ssl}/certificate_packs/{pack}")).await;
    assert_eq!(waiting.result()["validation_records"][0]["txt_name"], "_acme-challenge.bluepeak-shop.com");
    assert_eq!(call(&simulator, "PATCH", &format!("{ssl}/certificate_packs/{pack}"), None).await.refusal(), (400, 1452));
    call(&simulator, "DELETE", &format!("{ssl}/certificate_packs/{pack}"), None).await.result();
    advance(&simulator, 600);
    assert_eq!(get(&simulator, &format!("{ssl}/certificate_packs/{pack}")).await.refusal(), (404, 1454));
    let universal = simulator.state().zone_named("bluepeak-shop.com").expect("there").packs[0].id.clone();
    let refused = call(&simulator, "DELETE", &format!("{ssl}/certificate_packs/{universal}"), None).await;
    assert_eq!(refused.refusal(), (400, 1453));
}
