//! Zone settings, one at a time. The bulk PATCH of older clients is absent from the official SDK of 2026 and so from here.

use serde_json::{Map, Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::state::{Plan, Zone, ZoneSetting};

/// What a setting takes.
enum Values {
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these numbers of seconds.
    Seconds(&'static [u64]),
    /// HSTS: an object of its own.
    Header,
}

const SWITCH: Values = Values::Words(&["off", "on"]);
const SECONDS: Values = Values::Seconds(&[
    0, 30, 60, 120, 300, 1200, 1800, 3600, 7200, 10_800, 14_400, 28_800, 86_400, 604_800, 2_678_400, 31_536_000,
]);

/// A setting: its name, what it takes, its default, and the plan from which it can be changed. Values are those of the
/// official SDK; defaults those of the API reference.
struct Setting {
    id: &'static str,
    values: Values,
    default: &'static str,
    from: Plan,
}

const fn setting(id: &'static str, values: Values, default: &'static str) -> Setting {
    Setting { id, values, default, from: Plan::Free }
}

const SETTINGS: &[Setting] = &[
    setting("0rtt", SWITCH, "off"),
    setting("always_online", SWITCH, "off"),
    setting("always_use_https", SWITCH, "off"),
    setting("automatic_https_rewrites", SWITCH, "on"),
    setting("brotli", SWITCH, "on"),
    setting("browser_cache_ttl", SECONDS, "14400"),
    setting("browser_check", SWITCH, "on"),
    setting("cache_level", Values::Words(&["aggressive", "basic", "simplified"]), "aggressive"),
    setting(
        "challenge_ttl",
        Values::Seconds(&[300, 900, 1800, 2700, 3600, 7200, 10_800, 14_400, 28_800, 57_600, 86_400]),
        "1800",
    ),
    setting("development_mode", SWITCH, "off"),
    setting("email_obfuscation", SWITCH, "on"),
    setting("hotlink_protection", SWITCH, "off"),
    setting("http2", SWITCH, "on"),
    setting("http3", SWITCH, "on"),
    setting("ip_geolocation", SWITCH, "on"),
    setting("ipv6", SWITCH, "on"),
    setting("min_tls_version", Values::Words(&["1.0", "1.1", "1.2", "1.3"]), "1.0"),
    setting("opportunistic_encryption", SWITCH, "on"),
    setting("opportunistic_onion", SWITCH, "on"),
    setting("privacy_pass", SWITCH, "on"),
    setting("rocket_loader", SWITCH, "off"),
    setting("security_header", Values::Header, ""),
    setting("security_level", Values::Words(&["off", "essentially_off", "low", "medium", "high", "under_attack"]), "medium"),
    setting("server_side_exclude", SWITCH, "on"),
    setting("ssl", Values::Words(&["off", "flexible", "full", "strict", "origin_pull"]), "flexible"),
    setting("tls_1_3", Values::Words(&["off", "on", "zrt"]), "on"),
    setting("tls_client_auth", SWITCH, "off"),
    Setting { from: Plan::Pro, ..setting("polish", Values::Words(&["off", "lossless", "lossy"]), "off") },
    Setting { from: Plan::Pro, ..setting("waf", SWITCH, "off") },
    setting("websockets", SWITCH, "on"),
];

/// `GET /zones/{zone}/settings/{setting}`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    let zone = exchange.zone()?;
    Ok(Success::of(render(zone, known(exchange.param("setting"))?)))
}

/// `PATCH /zones/{zone}/settings/{setting}` with `{"value": …}`
pub(super) fn patch(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let now = exchange.now;
    let plan = exchange.zone()?.plan;
    let setting = known(exchange.param("setting"))?;
    let value = body.get("value").filter(|value| fits(setting, value)).cloned();
    let value = value.ok_or_else(|| Refusal::new(400, 1007, format!("Invalid value for zone setting {}", setting.id)))?;
    if !is_editable(setting, plan) || value == "origin_pull" && plan != Plan::Enterprise {
        return Err(Refusal::new(400, 1015, format!("Not allowed to edit setting for {}", setting.id)));
    }
    let zone = exchange.zone_mut()?;
    zone.settings.insert(setting.id.to_owned(), ZoneSetting { value, modified_on: now });
    Ok(Success::of(render(zone, setting)))
}

fn known(id: &str) -> Result<&'static Setting, Refusal> {
    let found = SETTINGS.iter().find(|setting| setting.id == id);
    found.ok_or_else(|| Refusal::new(400, 1006, format!("Undefined zone setting: {id}")))
}

fn is_editable(setting: &Setting, plan: Plan) -> bool {
    plan as u8 >= setting.from as u8
}

fn fits(setting: &Setting, value: &Value) -> bool {
    match &setting.values {
        Values::Words(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Values::Seconds(seconds) => value.as_u64().is_some_and(|number| seconds.contains(&number)),
        Values::Header => value.get("strict_transport_security").and_then(Value::as_object).is_some_and(is_header),
    }
}

fn is_header(fields: &Map<String, Value>) -> bool {
    fields.iter().all(|(key, value)| match key.as_str() {
        "enabled" | "include_subdomains" | "nosniff" | "preload" => value.is_boolean(),
        "max_age" => value.is_u64(),
        _ => false,
    })
}

fn render(zone: &Zone, setting: &Setting) -> Value {
    let written = zone.settings.get(setting.id);
    let default = || match &setting.values {
        Values::Words(_) => json!(setting.default),
        Values::Seconds(_) => json!(setting.default.parse::<u64>().unwrap_or(0)),
        Values::Header => {
            json!({"strict_transport_security":
                {"enabled": false, "max_age": 0, "include_subdomains": false, "preload": false, "nosniff": false}})
        }
    };
    json!({
        "id": setting.id,
        "value": written.map_or_else(default, |setting| setting.value.clone()),
        "editable": is_editable(setting, zone.plan),
        "modified_on": written.map(|setting| setting.modified_on),
    })
}
