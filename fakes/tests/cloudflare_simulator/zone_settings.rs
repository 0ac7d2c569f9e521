//! Zone settings.

use serde_json::{Value, json};

use crate::client::{call, get, simulator, zone};

#[tokio::test]
async fn a_setting_has_a_default_until_it_is_written() {
    let simulator = simulator();
    let path = format!("/zones/{}/settings/ssl", zone(&simulator, "bluepeak-shop.com").await);
    let before = get(&simulator, &path).await;
    assert_eq!(before.result(), &json!({"id": "ssl", "value": "flexible", "editable": true, "modified_on": null}));
    let written = call(&simulator, "PATCH", &path, Some(json!({"value": "full"}))).await;
    assert_eq!(written.result()["value"], "full");
    assert_ne!(written.result()["modified_on"], Value::Null);
    assert_eq!(get(&simulator, &path).await.result(), written.result());
    let primary = simulator.state().zones[0].id.clone();
    assert_eq!(get(&simulator, &format!("/zones/{primary}/settings/ssl")).await.result()["value"], "flexible", "another zone");
}

#[tokio::test]
async fn settings_of_other_kinds_are_numbers_and_objects_and_some_need_a_plan() {
    let simulator = simulator();
    let zone = simulator.state().zones[0].id.clone();
    let path = |setting: &str| format!("/zones/{zone}/settings/{setting}");
    let header = json!({"strict_transport_security": {"enabled": true, "max_age": 300, "nosniff": true}});
    for (setting, value) in [("browser_cache_ttl", json!(3600)), ("security_header", header), ("0rtt", json!("on"))] {
        let set = call(&simulator, "PATCH", &path(setting), Some(json!({"value": value}))).await;
        assert_eq!(set.result()["value"], value, "{setting}");
    }
    for (setting, value, code) in [
        ("browser_cache_ttl", json!(17), 1007),
        ("security_header", json!({"strict_transport_security": {"enabled": "on"}}), 1007),
        ("ssl", json!("origin_pull"), 1015),
        ("polish", json!("lossy"), 1015),
    ] {
        let refused = call(&simulator, "PATCH", &path(setting), Some(json!({"value": value}))).await;
        assert_eq!(refused.refusal(), (400, code), "{setting}");
    }
    assert_eq!(get(&simulator, &path("polish")).await.result()["editable"], false);
    simulator.set_plan(&zone, storex_fakes::cloudflare::Plan::Enterprise).expect("known");
    for (setting, value) in [("ssl", "origin_pull"), ("polish", "lossy")] {
        call(&simulator, "PATCH", &path(setting), Some(json!({"value": value}))).await.result();
    }
}

#[tokio::test]
async fn a_value_or_a_setting_cloudflare_does_not_know_is_refused() {
    let simulator = simulator();
    let zone = simulator.state().zones[0].id.clone();
    let before = simulator.state();
    for (setting, body, code) in [
        ("ssl", json!({"value": "fullest"}), 1007),
        ("ssl", json!({"value": true}), 1007),
        ("ssl", json!({}), 1007),
        ("min_tls_version", json!({"value": "1.4"}), 1007),
        ("always_use_https", json!({"value": "yes"}), 1007),
        ("flux_capacitor", json!({"value": "on"}), 1006),
    ] {
        let answer = call(&simulator, "PATCH", &format!("/zones/{zone}/settings/{setting}"), Some(body)).await;
        assert_eq!(answer.refusal(), (400, code), "{setting}");
    }
    assert_eq!(get(&simulator, &format!("/zones/{zone}/settings/flux_capacitor")).await.refusal(), (400, 1006));
    assert_eq!(get(&simulator, &format!("/zones/{}/settings/ssl", "0".repeat(32))).await.refusal(), (403, 10000));
    assert_eq!(simulator.state(), before);
}
