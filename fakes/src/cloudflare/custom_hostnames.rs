//! Custom hostnames over the API. Codes are those of the documentation page "Custom hostname status codes" unless a line
//! says otherwise.

use serde_json::{Map, Value, json};

use super::certificate_packs::issuer;
use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::hostname_draft::{self, Wish};
use super::hostname_life::{ownership_url, validation_url};
use super::limits::seconds_until;
use super::paging::{PageSizes, Query, page};
use super::saas_state::{CustomHostname, HostnameCertificate};
use super::ssl_verification::delegation_id;
use super::zone_life::later;

const PAGES: PageSizes = PageSizes { default: 20, least: 5, most: 50 };

/// `GET /zones/{zone}/custom_hostnames`
pub(super) fn list(exchange: &mut Exchange<'_>) -> Outcome {
    let query = exchange.query;
    let names = ["id", "hostname", "hostname.exact", "hostname.contain", "hostname.startsWith"];
    if query.pairs().filter(|(key, _)| names.contains(key)).count() > 1 {
        return Err(Refusal::new(400, 1407, "Only one of id and hostname may be used to filter."));
    }
    let zone = exchange.zone()?;
    let mut chosen: Vec<&CustomHostname> = zone.hostnames.iter().filter(|hostname| wanted(hostname, query)).collect();
    if query.descending() {
        chosen.reverse();
    }
    let (chosen, place) = page(chosen, query, PAGES);
    Ok(Success::list(chosen.into_iter().map(|hostname| render(hostname, &zone.id)).collect(), place))
}

fn wanted(hostname: &CustomHostname, query: &Query) -> bool {
    let ssl = hostname.ssl.as_ref();
    query.pairs().all(|(key, value)| match key {
        "id" => hostname.id == value,
        "hostname" | "hostname.exact" => hostname.hostname.eq_ignore_ascii_case(value),
        "hostname.contain" => hostname.hostname.contains(&value.to_lowercase()),
        "hostname.startsWith" => hostname.hostname.starts_with(&value.to_lowercase()),
        "hostname_status" => hostname.status == value,
        "ssl_status" => ssl.is_some_and(|ssl| ssl.status == value),
        "ssl" => ssl.is_some() == (value == "1"),
        "wildcard" => ssl.is_some_and(|ssl| ssl.wildcard).to_string() == value,
        "certificate_authority" => ssl.is_some_and(|ssl| ssl.certificate_authority == value),
        "custom_origin_server" => hostname.custom_origin_server.as_deref() == Some(value),
        _ => true,
    })
}

/// `POST /zones/{zone}/custom_hostnames`: 201. The first answer has no validation records.
pub(super) fn create(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let zone = exchange.zone()?;
    let wish = hostname_draft::examine(&body, zone)?;
    let everywhere = exchange.state.zones.iter().flat_map(|zone| &zone.hostnames);
    if everywhere.into_iter().any(|known| known.hostname == wish.hostname) {
        return Err(Refusal::new(409, 1406, "Duplicate custom hostname found."));
    }
    if exchange.limits.hostnames_allocated == 0 {
        return Err(Refusal::new(403, 1404, "You do not have access to this zone's custom hostnames quota."));
    }
    if zone.hostnames.len() >= exchange.limits.hostnames_most as usize {
        return Err(Refusal::new(403, 1405, "Custom hostname quota exceeded."));
    }
    keep_pace(exchange)?;
    let (now, step) = (exchange.now, exchange.limits.timings.records_s);
    let hostname = make(exchange, wish);
    let pace = &mut exchange.state.hostname_pace;
    pace.made.retain(|made| seconds_until(Some(later(*made, 60)), now) > 0);
    pace.made.push(now);
    let mut hostname = hostname;
    if let Some(ssl) = &mut hostname.ssl {
        ssl.next_step = Some(later(now, step));
    }
    let zone = exchange.zone_mut()?;
    zone.hostnames.push(hostname.clone());
    Ok(Success::of(render(&hostname, &zone.id)).status(201))
}

/// 15 certificates a minute, then nothing for 30 seconds (documentation, "Custom hostname troubleshooting"). The code is not
/// published: 429 is what counts.
fn keep_pace(exchange: &mut Exchange<'_>) -> Result<(), Refusal> {
    let Some(most) = exchange.limits.hostnames_per_minute else { return Ok(()) };
    let (now, pause) = (exchange.now, exchange.limits.hostname_block_s);
    let pace = &mut exchange.state.hostname_pace;
    let text = "You have exceeded the rate limit for creating custom hostnames.";
    let blocked = seconds_until(pace.blocked_until, now);
    if blocked > 0 {
        return Err(Refusal::new(429, 1498, text).retry_after(blocked));
    }
    let recent = pace.made.iter().filter(|made| seconds_until(Some(later(**made, 60)), now) > 0).count();
    if recent >= most as usize {
        pace.blocked_until = Some(later(now, pause));
        return Err(Refusal::new(429, 1498, text).retry_after(pause));
    }
    Ok(())
}

fn make(exchange: &mut Exchange<'_>, wish: Wish) -> CustomHostname {
    let now = exchange.now;
    let identifiers = &mut exchange.state.identifiers;
    let ssl = wish.ssl.map(|ssl| HostnameCertificate {
        id: identifiers.next_uuid("certificate"),
        method: ssl.method,
        status: "initializing".to_owned(),
        settings: ssl.settings,
        wildcard: ssl.wildcard,
        bundle_method: ssl.bundle_method,
        certificate_authority: ssl.certificate_authority,
        token: identifiers.next_hex("validation"),
        validation_errors: Vec::new(),
        attempts: 0,
        next_step: Some(now),
        expires_on: None,
    });
    CustomHostname {
        id: identifiers.next_uuid("custom_hostname"),
        hostname: wish.hostname,
        status: "pending".to_owned(),
        ssl,
        ownership_token: identifiers.next_uuid("ownership"),
        ownership_page: identifiers.next_uuid("ownership"),
        custom_origin_server: wish.origin,
        custom_origin_sni: wish.sni,
        custom_metadata: wish.metadata,
        verification_errors: Vec::new(),
        created_at: now,
        attempts: 0,
        next_check: Some(now),
        seen_here: false,
        moved_on: None,
    }
}

/// `GET /zones/{zone}/custom_hostnames/{hostname}`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    let (zone, id) = (exchange.zone()?, exchange.param("hostname"));
    let hostname = zone.hostnames.iter().find(|known| known.id == id).ok_or_else(missing)?;
    Ok(Success::of(render(hostname, &zone.id)))
}

/// `PATCH /zones/{zone}/custom_hostnames/{hostname}`: 202. With `ssl` the validation starts anew, and so does a hostname that
/// is blocked or moved.
pub(super) fn patch(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let (id, now) = (exchange.param("hostname").to_owned(), exchange.now);
    let zone = exchange.zone()?;
    let known = zone.hostnames.iter().find(|known| known.id == id).ok_or_else(missing)?;
    if known.status == "pending_deletion" {
        return Err(Refusal::new(409, 1439, "The hostname cannot be modified at this time."));
    }
    let mut full: Map<String, Value> = body.clone();
    full.insert("hostname".to_owned(), json!(known.hostname));
    let wish = hostname_draft::examine(&full, zone)?;
    let fresh = make(exchange, wish);
    let zone = exchange.zone_mut()?;
    let place = zone.hostnames.iter_mut().find(|known| known.id == id).ok_or_else(missing)?;
    if body.contains_key("custom_origin_server") {
        place.custom_origin_server = fresh.custom_origin_server;
    }
    if body.contains_key("custom_origin_sni") {
        place.custom_origin_sni = fresh.custom_origin_sni;
    }
    if body.contains_key("custom_metadata") {
        place.custom_metadata = fresh.custom_metadata;
    }
    if let Some(ssl) = fresh.ssl {
        revalidate(place, ssl, now);
    }
    let shown = render(place, &zone.id);
    Ok(Success::of(shown).status(202))
}

/// A certificate that is active stays in use; anything else is validated anew with the same token.
fn revalidate(hostname: &mut CustomHostname, wish: HostnameCertificate, now: jiff::Timestamp) {
    let before = hostname.ssl.take();
    let unchanged = before.as_ref().is_some_and(|ssl| ssl.status == "active" && ssl.method == wish.method);
    hostname.ssl = Some(match before {
        Some(ssl) if unchanged => HostnameCertificate { settings: wish.settings, ..ssl },
        Some(ssl) => HostnameCertificate {
            id: ssl.id,
            token: ssl.token,
            expires_on: ssl.expires_on,
            status: "pending_validation".to_owned(),
            next_step: Some(now),
            ..wish
        },
        None => wish,
    });
    if hostname.status != "active" {
        "pending".clone_into(&mut hostname.status);
        (hostname.attempts, hostname.next_check, hostname.moved_on) = (0, Some(now), None);
        hostname.seen_here = false;
    }
}

/// `DELETE /zones/{zone}/custom_hostnames/{hostname}`: answers a bare `{"id": …}`, not an envelope (the official SDKs do not
/// unwrap it).
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let id = exchange.param("hostname").to_owned();
    let zone = exchange.zone_mut()?;
    let index = zone.hostnames.iter().position(|known| known.id == id).ok_or_else(missing)?;
    zone.hostnames.remove(index);
    Ok(Success::bare(json!({"id": id})))
}

/// `GET /zones/{zone}/custom_hostnames/quota`
pub(super) fn quota(exchange: &mut Exchange<'_>) -> Outcome {
    let used = exchange.zone()?.hostnames.len();
    let (allocated, most) = (exchange.limits.hostnames_allocated, exchange.limits.hostnames_most);
    Ok(Success::of(json!({"allocated": allocated, "used": used, "exceeded": used > allocated as usize, "hard_cap": most})))
}

fn missing() -> Refusal {
    Refusal::new(404, 1436, "The custom hostname was not found.")
}

/// A hostname as answers show it.
fn render(hostname: &CustomHostname, zone: &str) -> Value {
    let mut shown = json!({
        "id": hostname.id,
        "hostname": hostname.hostname,
        "status": hostname.status,
        "verification_errors": hostname.verification_errors,
        "ownership_verification": {
            "type": "txt",
            "name": format!("_cf-custom-hostname.{}", hostname.hostname),
            "value": hostname.ownership_token,
        },
        "ownership_verification_http": {"http_url": ownership_url(hostname), "http_body": hostname.ownership_page},
        "created_at": hostname.created_at,
    });
    if let Some(fields) = shown.as_object_mut() {
        let optional = [
            ("ssl", hostname.ssl.as_ref().map(|ssl| render_certificate(&hostname.hostname, ssl, zone))),
            ("custom_origin_server", hostname.custom_origin_server.as_ref().map(|origin| json!(origin))),
            ("custom_origin_sni", hostname.custom_origin_sni.as_ref().map(|sni| json!(sni))),
            ("custom_metadata", hostname.custom_metadata.as_ref().map(|metadata| json!(metadata))),
        ];
        fields.extend(optional.into_iter().filter_map(|(key, value)| value.map(|value| (key.to_owned(), value))));
    }
    shown
}

fn render_certificate(hostname: &str, ssl: &HostnameCertificate, zone: &str) -> Value {
    let base = hostname.strip_prefix("*.").unwrap_or(hostname);
    let hosts = if ssl.wildcard { vec![hostname.to_owned(), format!("*.{base}")] } else { vec![hostname.to_owned()] };
    let mut shown = json!({
        "id": ssl.id, "type": "dv", "method": ssl.method, "status": ssl.status, "settings": ssl.settings, "wildcard": ssl.wildcard,
        "bundle_method": ssl.bundle_method, "certificate_authority": ssl.certificate_authority, "hosts": hosts,
    });
    let Some(fields) = shown.as_object_mut() else { return shown };
    if matches!(ssl.status.as_str(), "pending_validation" | "validation_timed_out") {
        fields.insert("validation_records".to_owned(), json!([record(hostname, base, ssl)]));
        fields.insert(
            "dcv_delegation_records".to_owned(),
            json!([{"cname": format!("_acme-challenge.{base}"),
                "cname_target": format!("{base}.{}.dcv.cloudflare.com", delegation_id(zone))}]),
        );
        if !ssl.validation_errors.is_empty() {
            let errors: Vec<Value> = ssl.validation_errors.iter().map(|message| json!({"message": message})).collect();
            fields.insert("validation_errors".to_owned(), json!(errors));
        }
    }
    if let Some(end) = ssl.expires_on {
        fields.insert("issuer".to_owned(), json!(issuer(&ssl.certificate_authority)));
        fields.insert("expires_on".to_owned(), json!(end));
    }
    shown
}

fn record(hostname: &str, base: &str, ssl: &HostnameCertificate) -> Value {
    match ssl.method.as_str() {
        "http" => json!({"status": "pending", "http_url": validation_url(hostname, ssl), "http_body": ssl.token}),
        "email" => json!({"status": "pending", "emails": [format!("administrator@{base}"), format!("hostmaster@{base}")]}),
        _ => json!({"status": "pending", "txt_name": format!("_acme-challenge.{base}"), "txt_value": ssl.token}),
    }
}
