//! Bots: Bot Fight Mode on the Free plan, Super Bot Fight Mode above it. A field the plan does not have is refused (that code
//! is not confirmed), one nobody knows is ignored.

use serde_json::{Map, Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::state::{Plan, Zone};

const SWITCHED: &[&str] = &["enabled", "disabled"];
const ACTIONS: &[&str] = &["allow", "block", "managed_challenge"];

/// Words a field takes; an empty list stands for true and false.
fn words(field: &str) -> Option<&'static [&'static str]> {
    match field {
        "enable_js"
        | "fight_mode"
        | "optimize_wordpress"
        | "sbfm_static_resource_protection"
        | "suppress_session_score"
        | "is_robots_txt_managed"
        | "auto_update_model" => Some(&[]),
        "ai_bots_protection" => Some(&["block", "disabled", "only_on_ad_pages"]),
        "content_bots_protection" => Some(&["block", "disabled"]),
        "crawler_protection" => Some(SWITCHED),
        "cf_robots_variant" => Some(&["off", "policy_only"]),
        "sbfm_definitely_automated" | "sbfm_likely_automated" => Some(ACTIONS),
        "sbfm_verified_bots" => Some(&["allow", "block"]),
        _ => None,
    }
}

/// Whether a plan has a field.
fn has(plan: Plan, field: &str) -> bool {
    match field {
        "fight_mode" => plan == Plan::Free,
        "sbfm_likely_automated" => matches!(plan, Plan::Business | Plan::Enterprise),
        "auto_update_model" | "suppress_session_score" => plan == Plan::Enterprise,
        _ => plan != Plan::Free || !(field.starts_with("sbfm_") || field == "optimize_wordpress"),
    }
}

/// `GET /zones/{zone}/bot_management`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    Ok(Success::of(render(exchange.zone()?)))
}

/// `PUT /zones/{zone}/bot_management`: fields that are not sent keep their value.
pub(super) fn put(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let plan = exchange.zone()?.plan;
    for (field, value) in &body {
        let Some(words) = words(field) else { continue };
        let fits = if words.is_empty() { value.is_boolean() } else { value.as_str().is_some_and(|word| words.contains(&word)) };
        if !fits {
            return Err(Refusal::new(400, 1007, format!("Invalid value for {field}")).at(&format!("/{field}")));
        }
        if !has(plan, field) {
            return Err(
                Refusal::new(403, 1019, format!("{field} is not available on the plan of this zone")).at(&format!("/{field}"))
            );
        }
    }
    let zone = exchange.zone_mut()?;
    zone.bots.extend(body.into_iter().filter(|(field, _)| words(field).is_some()));
    Ok(Success::of(render(zone)))
}

fn render(zone: &Zone) -> Value {
    let mut shown: Map<String, Value> = [
        ("enable_js", json!(false)),
        ("fight_mode", json!(false)),
        ("ai_bots_protection", json!("disabled")),
        ("crawler_protection", json!("disabled")),
        ("is_robots_txt_managed", json!(false)),
        ("using_latest_model", json!(true)),
        ("optimize_wordpress", json!(false)),
        ("sbfm_definitely_automated", json!("allow")),
        ("sbfm_likely_automated", json!("allow")),
        ("sbfm_verified_bots", json!("allow")),
        ("sbfm_static_resource_protection", json!(false)),
    ]
    .into_iter()
    .filter(|(field, _)| has(zone.plan, field))
    .map(|(field, value)| (field.to_owned(), value))
    .collect();
    shown.extend(zone.bots.clone());
    Value::Object(shown)
}
