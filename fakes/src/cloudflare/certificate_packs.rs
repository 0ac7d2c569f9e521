//! Certificate packs over the API: list, get, order, restart, delete, quota. Ordering needs the Advanced Certificate Manager
//! add-on ([`Limits::advanced_certificates`](super::Limits)). Codes of refusals are not confirmed.

use serde_json::{Map, Value, json};

use super::certificates;
use super::edge_state::CertificatePack;
use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::paging::{PageSizes, page};
use super::resolver::is_below;
use super::zone_life::later;
use super::zone_names;

const PAGES: PageSizes = PageSizes { default: 20, least: 5, most: 50 };
const HOSTS: usize = 50;
const VALIDITY: [u64; 4] = [14, 30, 90, 365];
const AUTHORITIES: [&str; 3] = ["google", "lets_encrypt", "ssl_com"];
const METHODS: [&str; 3] = ["txt", "http", "email"];

/// `GET /zones/{zone}/ssl/certificate_packs`: active ones only, unless `status=all`.
pub(super) fn list(exchange: &mut Exchange<'_>) -> Outcome {
    let all = exchange.query.get("status") == Some("all");
    let zone = exchange.zone()?;
    let packs: Vec<Value> =
        zone.packs.iter().filter(|pack| all || pack.status == "active").map(|pack| render(pack, &zone.id)).collect();
    let (packs, place) = page(packs, exchange.query, PAGES);
    Ok(Success::list(packs, place))
}

/// `GET /zones/{zone}/ssl/certificate_packs/{pack}`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    let zone = exchange.zone()?;
    let id = exchange.param("pack");
    let pack = zone.packs.iter().find(|pack| pack.id == id).ok_or_else(missing)?;
    Ok(Success::of(render(pack, &zone.id)))
}

/// `GET /zones/{zone}/ssl/certificate_packs/quota`
pub(super) fn quota(exchange: &mut Exchange<'_>) -> Outcome {
    let used = used(exchange)?;
    Ok(Success::of(json!({"advanced": {"allocated": exchange.limits.advanced_certificates, "used": used}})))
}

fn used(exchange: &Exchange<'_>) -> Result<usize, Refusal> {
    Ok(exchange.zone()?.packs.iter().filter(|pack| pack.kind == "advanced").count())
}

/// `POST /zones/{zone}/ssl/certificate_packs/order`
pub(super) fn order(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    if exchange.limits.advanced_certificates == 0 {
        return Err(Refusal::new(403, 1450, "Advanced Certificate Manager is required to order advanced certificates."));
    }
    if used(exchange)? >= exchange.limits.advanced_certificates as usize {
        return Err(Refusal::new(403, 1451, "You have reached the quota of advanced certificates for this zone."));
    }
    let apex = exchange.zone()?.name.clone();
    let hosts = hosts(&body, &apex)?;
    word(&body, "type", &["advanced"])?;
    let validation_method = word(&body, "validation_method", &METHODS)?;
    let certificate_authority = word(&body, "certificate_authority", &AUTHORITIES)?;
    let days = body.get("validity_days").and_then(Value::as_u64).filter(|days| VALIDITY.contains(days));
    let days = days.ok_or_else(|| invalid("validity_days"))?;
    let now = exchange.now;
    let identifiers = &mut exchange.state.identifiers;
    let pack = CertificatePack {
        id: identifiers.next_uuid("certificate_pack"),
        kind: "advanced".to_owned(),
        hosts,
        status: "initializing".to_owned(),
        next_step: Some(later(now, exchange.limits.timings.certificate_step_s)),
        validation_method,
        validity_days: u32::try_from(days).unwrap_or(90),
        certificate_authority,
        cloudflare_branding: body.get("cloudflare_branding") == Some(&Value::Bool(true)),
        created_on: now,
        expires_on: None,
        certificate: identifiers.next_uuid("certificate"),
        token: identifiers.next_hex("validation"),
    };
    let zone = exchange.zone_mut()?;
    zone.packs.push(pack.clone());
    Ok(Success::of(render(&pack, &zone.id)))
}

/// `PATCH /zones/{zone}/ssl/certificate_packs/{pack}`: starts the validation anew of a pack that timed out, or switches the
/// branding of the common name.
pub(super) fn restart(exchange: &mut Exchange<'_>) -> Outcome {
    let body = if exchange.body.is_empty() { Map::new() } else { exchange.body()? };
    let (id, now) = (exchange.param("pack").to_owned(), exchange.now);
    let zone = exchange.zone_mut()?;
    let pack = zone.packs.iter_mut().find(|pack| pack.id == id).ok_or_else(missing)?;
    let branding = body.get("cloudflare_branding").and_then(Value::as_bool);
    if branding.is_none() && !pack.status.ends_with("_timed_out") {
        return Err(Refusal::new(400, 1452, "Validation can be restarted only for a certificate pack that timed out."));
    }
    pack.cloudflare_branding = branding.unwrap_or(pack.cloudflare_branding);
    if pack.status.ends_with("_timed_out") {
        certificates::restart(pack, now);
    }
    let shown = render(pack, &zone.id);
    Ok(Success::of(shown))
}

/// `DELETE /zones/{zone}/ssl/certificate_packs/{pack}`: advanced packs only.
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let (id, at) = (exchange.param("pack").to_owned(), later(exchange.now, exchange.limits.timings.certificate_step_s));
    let pack = exchange.zone_mut()?.packs.iter_mut().find(|pack| pack.id == id).ok_or_else(missing)?;
    if pack.kind != "advanced" {
        return Err(Refusal::new(400, 1453, "Only advanced certificate packs can be deleted."));
    }
    "pending_deletion".clone_into(&mut pack.status);
    pack.next_step = Some(at);
    Ok(Success::of(json!({"id": id})))
}

fn hosts(body: &Map<String, Value>, apex: &str) -> Result<Vec<String>, Refusal> {
    let given = body.get("hosts").and_then(Value::as_array).ok_or_else(|| invalid("hosts"))?;
    let host = |host: &Value| {
        let text = host.as_str()?;
        let (star, name) = text.strip_prefix("*.").map_or(("", text), |name| ("*.", name));
        zone_names::canonical(name).filter(|name| is_below(name, apex)).map(|name| format!("{star}{name}"))
    };
    let hosts: Option<Vec<String>> = given.iter().map(host).collect();
    let hosts = hosts.filter(|hosts| hosts.len() <= HOSTS && hosts.iter().any(|host| host == apex));
    hosts.ok_or_else(|| invalid("hosts"))
}

fn word(body: &Map<String, Value>, key: &str, known: &[&str]) -> Result<String, Refusal> {
    let word = body.get(key).and_then(Value::as_str).filter(|word| known.contains(word));
    word.map(str::to_owned).ok_or_else(|| invalid(key))
}

fn invalid(field: &str) -> Refusal {
    Refusal::new(400, 1433, format!("{field} is missing or invalid")).at(&format!("/{field}"))
}

/// The answer for a pack the zone does not have.
pub(super) fn missing() -> Refusal {
    Refusal::new(404, 1454, "Certificate pack not found.")
}

fn render(pack: &CertificatePack, zone: &str) -> Value {
    let validating = matches!(pack.status.as_str(), "pending_validation" | "validation_timed_out");
    let issued = pack.expires_on.is_some();
    let certificate = json!({
        "id": pack.certificate, "hosts": pack.hosts, "issuer": issuer(&pack.certificate_authority),
        "signature": "ECDSAWithSHA256", "status": pack.status, "bundle_method": "ubiquitous", "zone_id": zone,
        "uploaded_on": pack.created_on, "modified_on": pack.created_on, "expires_on": pack.expires_on, "priority": 1,
    });
    let records: Vec<Value> =
        pack.hosts.iter().filter(|host| validating && !host.starts_with("*.")).map(|host| record(pack, host)).collect();
    let failed = pack.status == "validation_timed_out";
    json!({
        "id": pack.id,
        "type": pack.kind,
        "hosts": pack.hosts,
        "primary_certificate": if issued { json!(pack.certificate) } else { json!("0") },
        "status": pack.status,
        "certificates": if issued { vec![certificate] } else { Vec::new() },
        "created_on": pack.created_on,
        "validity_days": pack.validity_days,
        "validation_method": pack.validation_method,
        "certificate_authority": pack.certificate_authority,
        "cloudflare_branding": pack.cloudflare_branding,
        "validation_records": records,
        "validation_errors": if failed { json!([{"message": "the certificate authority could not validate the domain in time"}]) } else { json!([]) },
        "dcv_delegation_records": [],
    })
}

fn record(pack: &CertificatePack, host: &str) -> Value {
    match pack.validation_method.as_str() {
        "http" => json!({
            "status": "pending",
            "http_url": format!("http://{host}/.well-known/pki-validation/{}.txt", pack.certificate),
            "http_body": pack.token,
        }),
        "email" => json!({"status": "pending", "emails": [format!("administrator@{host}"), format!("hostmaster@{host}")]}),
        _ => json!({"status": "pending", "txt_name": format!("_acme-challenge.{host}"), "txt_value": pack.token}),
    }
}

/// The issuer's short name in answers; not confirmed.
pub(super) fn issuer(authority: &str) -> &'static str {
    match authority {
        "lets_encrypt" => "LetsEncrypt",
        "ssl_com" => "SSLCorp",
        _ => "GoogleTrustServices",
    }
}
