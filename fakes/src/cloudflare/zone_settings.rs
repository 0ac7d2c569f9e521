//! Zone settings, one at a time. The bulk PATCH of older clients is absent from the official SDK of 2026 and so from here.

use serde_json::{Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::state::{Zone, ZoneSetting};

const SWITCH: &[&str] = &["off", "on"];

/// Setting, accepted values, default. `origin_pull` for `ssl` needs an Enterprise plan.
const SETTINGS: &[(&str, &[&str], &str)] = &[
    ("always_use_https", SWITCH, "off"),
    ("automatic_https_rewrites", SWITCH, "on"),
    ("brotli", SWITCH, "on"),
    ("development_mode", SWITCH, "off"),
    ("min_tls_version", &["1.0", "1.1", "1.2", "1.3"], "1.0"),
    ("opportunistic_encryption", SWITCH, "on"),
    ("security_level", &["off", "essentially_off", "low", "medium", "high", "under_attack"], "medium"),
    ("ssl", &["off", "flexible", "full", "strict"], "flexible"),
    ("tls_1_3", &["off", "on", "zrt"], "on"),
    ("websockets", SWITCH, "on"),
];

/// `GET /zones/{zone}/settings/{setting}`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    let zone = exchange.zone()?;
    let (id, _, default) = known(exchange.param("setting"))?;
    Ok(Success::of(render(zone, id, default)))
}

/// `PATCH /zones/{zone}/settings/{setting}` with `{"value": …}`
pub(super) fn patch(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let now = exchange.now;
    exchange.zone()?;
    let (id, accepted, default) = known(exchange.param("setting"))?;
    let value = body.get("value").and_then(Value::as_str).filter(|value| accepted.contains(value));
    let value = value.ok_or_else(|| Refusal::new(400, 1007, format!("Invalid value for zone setting {id}")))?;
    let zone = exchange.zone_mut()?;
    zone.settings.insert(id.to_owned(), ZoneSetting { value: json!(value), modified_on: now });
    Ok(Success::of(render(zone, id, default)))
}

fn known(id: &str) -> Result<(&'static str, &'static [&'static str], &'static str), Refusal> {
    let found = SETTINGS.iter().find(|(known, _, _)| *known == id).copied();
    found.ok_or_else(|| Refusal::new(400, 1006, format!("Undefined zone setting: {id}")))
}

fn render(zone: &Zone, id: &str, default: &str) -> Value {
    let written = zone.settings.get(id);
    json!({
        "id": id,
        "value": written.map_or_else(|| json!(default), |setting| setting.value.clone()),
        "editable": true,
        "modified_on": written.map(|setting| setting.modified_on),
    })
}
