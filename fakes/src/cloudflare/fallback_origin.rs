//! The fallback origin of a zone's custom hostnames. The numbers of its refusals are not confirmed.

use serde_json::{Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::resolver::{is_below, standing};
use super::saas_state::FallbackOrigin;
use super::zone_life::later;
use super::zone_names;

/// `GET /zones/{zone}/custom_hostnames/fallback_origin`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    Ok(Success::of(render(exchange.zone()?.fallback.as_ref().ok_or_else(missing)?)))
}

/// `PUT /zones/{zone}/custom_hostnames/fallback_origin` with `{"origin": …}`: a proxied name of this zone.
pub(super) fn put(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let (now, step) = (exchange.now, exchange.limits.timings.fallback_step_s);
    let zone = exchange.zone()?;
    let origin = body.get("origin").and_then(Value::as_str).and_then(zone_names::canonical);
    let origin = origin.filter(|origin| is_below(origin, &zone.name));
    let origin = origin.ok_or_else(|| Refusal::new(400, 1415, "The origin must be a name of this zone.").at("/origin"))?;
    if !standing(zone, &origin).iter().any(|record| record.proxied) {
        return Err(Refusal::new(400, 1416, "The origin has no proxied A, AAAA or CNAME record in this zone.").at("/origin"));
    }
    let zone = exchange.zone_mut()?;
    let before = zone.fallback.as_ref().filter(|fallback| fallback.status != "pending_deletion");
    if let Some(same) = before.filter(|fallback| fallback.origin == origin) {
        return Ok(Success::of(render(same)));
    }
    let created_at = before.map_or(now, |fallback| fallback.created_at);
    let fallback = FallbackOrigin {
        origin,
        status: "initializing".to_owned(),
        created_at,
        updated_at: now,
        next_step: Some(later(now, step)),
    };
    let shown = render(&fallback);
    zone.fallback = Some(fallback);
    Ok(Success::of(shown))
}

/// `DELETE /zones/{zone}/custom_hostnames/fallback_origin`
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let at = later(exchange.now, exchange.limits.timings.fallback_step_s);
    let fallback = exchange.zone_mut()?.fallback.as_mut().ok_or_else(missing)?;
    "pending_deletion".clone_into(&mut fallback.status);
    fallback.next_step = Some(at);
    let shown = render(fallback);
    Ok(Success::of(shown))
}

fn missing() -> Refusal {
    Refusal::new(404, 1414, "The fallback origin is not set.")
}

fn render(fallback: &FallbackOrigin) -> Value {
    json!({
        "origin": fallback.origin,
        "status": fallback.status,
        "errors": [],
        "created_at": fallback.created_at,
        "updated_at": fallback.updated_at,
    })
}
