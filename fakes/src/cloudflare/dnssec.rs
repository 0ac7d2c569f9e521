//! DNSSEC of a zone: switched on it is pending until the registrar carries the DS record, switched off it is
//! pending-disabled until that is gone.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::identity::digest;
use super::limits::Limits;
use super::state::{CloudState, Zone};
use super::zone_life::later;

/// Algorithm 13 (ECDSA P-256 with SHA-256) and digest type 2 (SHA-256) are what Cloudflare signs with (its documentation on
/// DNSSEC).
const ALGORITHM: u8 = 13;

/// `GET /zones/{zone}/dnssec`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    Ok(Success::of(render(exchange.zone()?)))
}

/// `PATCH /zones/{zone}/dnssec` with `{"status": "active"}` or `{"status": "disabled"}`
pub(super) fn patch(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let now = exchange.now;
    let wish = body.get("status").and_then(Value::as_str);
    let wish = wish.filter(|wish| matches!(*wish, "active" | "disabled"));
    let wish = wish.ok_or_else(|| Refusal::new(400, 1004, "status is active or disabled").at("/status"))?;
    let zone = exchange.zone_mut()?;
    let status = match (wish, zone.dnssec.status.as_str()) {
        ("active", "active" | "pending") | ("disabled", "disabled" | "pending-disabled") => None,
        ("active", _) => Some("pending"),
        (_, "pending") => Some("disabled"),
        _ => Some("pending-disabled"),
    };
    if let Some(status) = status {
        status.clone_into(&mut zone.dnssec.status);
        zone.dnssec.modified_on = Some(now);
    }
    Ok(Success::of(render(zone)))
}

/// `DELETE /zones/{zone}/dnssec`: removes the signatures; refused (409, code not confirmed) while the registrar still refers to
/// them. The answer is the zone's id.
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let now = exchange.now;
    let zone = exchange.zone()?;
    if exchange.state.internet.delegations.get(&zone.name).is_some_and(|delegation| delegation.dnssec) {
        return Err(Refusal::new(409, 1013, "Remove the DS record at the registrar first"));
    }
    let zone = exchange.zone_mut()?;
    "disabled".clone_into(&mut zone.dnssec.status);
    zone.dnssec.modified_on = Some(now);
    Ok(Success::of(json!(zone.id)))
}

/// Follows what the registrar carries; whether anything changed.
pub(super) fn settle(world: &mut CloudState, limits: &Limits, now: Timestamp) -> bool {
    let mut changed = false;
    for zone in &mut world.zones {
        let due = zone.dnssec.modified_on.is_some_and(|on| later(on, limits.timings.dnssec_step_s) <= now);
        let carried = world.internet.delegations.get(&zone.name).is_some_and(|delegation| delegation.dnssec);
        let status = match (zone.dnssec.status.as_str(), carried) {
            ("pending", true) if due => "active",
            ("pending-disabled", false) if due => "disabled",
            _ => continue,
        };
        status.clone_into(&mut zone.dnssec.status);
        zone.dnssec.modified_on = Some(now);
        changed = true;
    }
    changed
}

fn render(zone: &Zone) -> Value {
    let tag = digest(&zone.id) % 65_536;
    let parts: Vec<String> = (0..4).map(|part| format!("{:016X}", digest(&format!("{}{part}", zone.id)))).collect();
    let hash = parts.concat();
    let signed = zone.dnssec.status != "disabled";
    let field = |value: Value| if signed { value } else { Value::Null };
    json!({
        "status": zone.dnssec.status,
        "flags": field(json!(257)),
        "algorithm": field(json!(ALGORITHM.to_string())),
        "key_type": field(json!("ECDSAP256SHA256")),
        "digest_type": field(json!("2")),
        "digest_algorithm": field(json!("SHA256")),
        "digest": field(json!(hash)),
        "ds": field(json!(format!("{}. 3600 IN DS {tag} {ALGORITHM} 2 {hash}", zone.name))),
        "key_tag": field(json!(tag)),
        "public_key": field(json!(super::base64::encode(hash.as_bytes()))),
        "modified_on": zone.dnssec.modified_on,
    })
}
