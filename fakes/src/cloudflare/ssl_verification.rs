//! Universal SSL's switch, the verification of a zone's certificates, and the name validation can be delegated to.

use serde_json::{Value, json};

use super::certificate_packs::missing;
use super::certificates;
use super::edge_state::CertificatePack;
use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::identity::Identifiers;
use super::identity::digest;
use super::state::ZoneStatus;

/// `GET /zones/{zone}/ssl/universal/settings`
pub(super) fn get_universal(exchange: &mut Exchange<'_>) -> Outcome {
    Ok(Success::of(json!({"enabled": !exchange.zone()?.universal_disabled})))
}

/// `PATCH /zones/{zone}/ssl/universal/settings` with `{"enabled": …}`: off takes the universal certificate from the edge at
/// once, on orders a new one.
pub(super) fn patch_universal(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let now = exchange.now;
    let enabled = body.get("enabled").and_then(Value::as_bool);
    let enabled = enabled.ok_or_else(|| Refusal::new(400, 1433, "enabled is missing or invalid").at("/enabled"))?;
    let mut identifiers = exchange.state.identifiers;
    let zone = exchange.zone_mut()?;
    zone.universal_disabled = !enabled;
    if !enabled {
        zone.packs.retain(|pack| pack.kind != "universal");
    } else if zone.status == ZoneStatus::Active && zone.packs.iter().all(|pack| pack.kind != "universal") {
        let pack = certificates::universal(&mut identifiers, zone, now);
        zone.packs.push(pack);
    }
    exchange.state.identifiers = identifiers;
    Ok(Success::of(json!({"enabled": enabled})))
}

/// `GET /zones/{zone}/ssl/verification`: with `retry=true` packs that timed out are validated anew.
pub(super) fn list(exchange: &mut Exchange<'_>) -> Outcome {
    let (retry, now) = (exchange.query.get("retry") == Some("true"), exchange.now);
    let zone = exchange.zone_mut()?;
    if retry {
        zone.packs
            .iter_mut()
            .filter(|pack| pack.status.ends_with("_timed_out"))
            .for_each(|pack| certificates::restart(pack, now));
    }
    Ok(Success::of(zone.packs.iter().map(render).collect()))
}

/// `PATCH /zones/{zone}/ssl/verification/{pack}` with `{"validation_method": …}`: another way, and a check at once.
pub(super) fn patch(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let (id, now) = (exchange.param("pack").to_owned(), exchange.now);
    let method = body.get("validation_method").and_then(Value::as_str);
    let method = method.filter(|method| matches!(*method, "http" | "cname" | "txt" | "email"));
    let method =
        method.ok_or_else(|| Refusal::new(400, 1432, "validation_method is missing or invalid").at("/validation_method"))?;
    let pack = exchange.zone_mut()?.packs.iter_mut().find(|pack| pack.id == id).ok_or_else(missing)?;
    if pack.status != "active" {
        method.clone_into(&mut pack.validation_method);
        certificates::restart(pack, now);
    }
    Ok(Success::of(json!({"status": pack.status, "validation_method": method})))
}

/// `GET /zones/{zone}/dcv_delegation/uuid`
pub(super) fn delegation(exchange: &mut Exchange<'_>) -> Outcome {
    Ok(Success::of(json!({"uuid": delegation_id(&exchange.zone()?.id)})))
}

/// What a delegated `_acme-challenge` points below; the same for ever for one zone. Cloudflare shows 16 hexadecimal digits.
pub(super) fn delegation_id(zone: &str) -> String {
    Identifiers::new(digest(zone)).next_hex("dcv_delegation").chars().take(16).collect()
}

fn render(pack: &CertificatePack) -> Value {
    let status = match pack.status.as_str() {
        "pending_validation" => "authorizing",
        "pending_issuance" => "issuing",
        "pending_deployment" => "pending_deployment",
        "active" => "active",
        "expired" => "expired",
        timed_out if timed_out.ends_with("_timed_out") => "timing_out",
        _ => "initializing",
    };
    let method = if pack.validation_method == "email" { "txt" } else { pack.validation_method.as_str() };
    // The official clients know `verification_info` only with the literal words `record_name` and so on, which no real answer
    // can hold; it is left out.
    json!({
        "certificate_status": status,
        "brand_check": false,
        "cert_pack_uuid": pack.id,
        "signature": "ECDSAWithSHA256",
        "validation_method": method,
        "verification_status": pack.status == "active",
        "verification_type": "cname",
    })
}
