//! Zones: list, create, get, delete.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::{Exchange, forbidden};
use super::limits::{Limits, seconds_until, throttled};
use super::nameservers;
use super::paging::{PageSizes, Query, page};
use super::state::{Account, CloudState, Plan, Zone, ZoneStatus};
use super::zone_names;

const PAGES: PageSizes = PageSizes { default: 20, least: 5, most: 50 };
const SIGNUP_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// `GET /zones`: filters `name` (with an operator such as `contains:`), `status`, `account.id`, `account.name`, joined by
/// `match`; `order` is `name`, `status` or the order of creation.
#[expect(clippy::unnecessary_wraps, reason = "every handler has the signature the route table asks for")]
pub(super) fn list(exchange: &mut Exchange<'_>) -> Outcome {
    let (state, query) = (&*exchange.state, exchange.query);
    let mut zones: Vec<&Zone> = state.zones.iter().filter(|zone| wanted(zone, &state.account, query)).collect();
    match query.get("order") {
        Some("name") => zones.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("status") => zones.sort_by_key(|zone| zone.status as u8),
        _ => {}
    }
    if query.descending() {
        zones.reverse();
    }
    let (zones, place) = page(zones, query, PAGES);
    Ok(Success::list(zones.into_iter().map(|zone| render(zone, &state.account)).collect(), place))
}

fn wanted(zone: &Zone, account: &Account, query: &Query) -> bool {
    let verdicts: Vec<bool> = query
        .pairs()
        .filter_map(|(key, value)| match key {
            "name" => Some(named(&zone.name, value)),
            "status" => Some(status_name(zone.status) == value),
            "account.id" => Some(account.id == value),
            "account.name" => Some(account.name == value),
            _ => None,
        })
        .collect();
    if query.any_matches() { verdicts.is_empty() || verdicts.contains(&true) } else { !verdicts.contains(&false) }
}

/// `value` is a name, or an operator, a colon and a text.
fn named(name: &str, value: &str) -> bool {
    let value = value.to_lowercase();
    match value.split_once(':') {
        Some(("equal", text)) => name == text,
        Some(("not_equal", text)) => name != text,
        Some(("starts_with", text)) => name.starts_with(text),
        Some(("ends_with", text)) => name.ends_with(text),
        Some(("contains", text)) => name.contains(text),
        _ => name == zone_names::canonical(&value).unwrap_or(value),
    }
}

/// `POST /zones`: the zone is `pending` until somebody delegates it.
pub(super) fn create(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let name = zone_names::examine(body.get("name").and_then(Value::as_str).unwrap_or_default())?;
    let account = body.get("account").and_then(|account| account.get("id")).and_then(Value::as_str);
    if account.is_some_and(|id| id != exchange.state.account.id) {
        return Err(forbidden());
    }
    match body.get("type").map_or(Some("full"), Value::as_str) {
        Some("full") => {}
        Some("partial" | "secondary") => {
            return Err(Refusal::new(400, 1107, "Your plan does not allow this type of zone").at("/type"));
        }
        _ => return Err(Refusal::new(400, 1003, "Invalid zone type").at("/type")),
    }
    if exchange.state.zone_named(&name).is_some() {
        return Err(Refusal::new(400, 1061, format!("{name} already exists")));
    }
    check_limits(exchange.state, exchange.limits, exchange.now)?;
    let signups = &mut exchange.state.zone_signups;
    signups.retain(|signup| exchange.now.duration_since(*signup) < SIGNUP_WINDOW);
    signups.push(exchange.now);
    let zone = add(exchange.state, &name, ZoneStatus::Pending, exchange.limits.plan, exchange.now);
    Ok(Success::of(render(&zone, &exchange.state.account)))
}

fn check_limits(state: &CloudState, limits: &Limits, now: Timestamp) -> Result<(), Refusal> {
    let pending = state.zones.iter().filter(|zone| zone.status == ZoneStatus::Pending).count();
    if limits.pending_rule_from.is_some_and(|from| state.zones.len() >= from && pending > state.zones.len() - pending) {
        let text = "You have exceeded the limit for adding zones. Please activate some zones.";
        return Err(Refusal::new(400, 1118, text));
    }
    let recent: Vec<&Timestamp> =
        state.zone_signups.iter().filter(|signup| now.duration_since(**signup) < SIGNUP_WINDOW).collect();
    if limits.zones_per_10_minutes.is_some_and(|most| recent.len() >= most as usize) {
        let free = recent.first().and_then(|oldest| oldest.checked_add(SIGNUP_WINDOW).ok());
        return Err(throttled(seconds_until(free, now)));
    }
    Ok(())
}

/// Puts a zone into the world, with the nameserver pair of its generation.
pub(super) fn add(state: &mut CloudState, name: &str, status: ZoneStatus, plan: Plan, now: Timestamp) -> Zone {
    let generation = state.zone_generations.entry(name.to_owned()).or_default();
    let name_servers = nameservers::assign(name, *generation);
    *generation += 1;
    let zone = Zone {
        id: state.identifiers.next_hex("zone"),
        name: name.to_owned(),
        status,
        plan,
        name_servers,
        created_on: now,
        modified_on: now,
        activated_on: (status == ZoneStatus::Active).then_some(now),
        settings: std::collections::BTreeMap::new(),
        records: Vec::new(),
    };
    state.zones.push(zone.clone());
    zone
}

/// `GET /zones/{zone}`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    Ok(Success::of(render(exchange.zone()?, &exchange.state.account)))
}

/// `DELETE /zones/{zone}`: its records and settings go with it.
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let id = exchange.zone()?.id.clone();
    exchange.state.zones.retain(|zone| zone.id != id);
    Ok(Success::of(json!({"id": id})))
}

/// The word for a status in answers and filters.
pub(super) const fn status_name(status: ZoneStatus) -> &'static str {
    match status {
        ZoneStatus::Pending => "pending",
        ZoneStatus::Active => "active",
        ZoneStatus::Moved => "moved",
    }
}

fn render(zone: &Zone, account: &Account) -> Value {
    let (plan, price) = match zone.plan {
        Plan::Free => ("free", 0),
        Plan::Pro => ("pro", 20),
    };
    json!({
        "id": zone.id,
        "name": zone.name,
        "status": status_name(zone.status),
        "paused": false,
        "type": "full",
        "development_mode": 0,
        "name_servers": zone.name_servers,
        "original_name_servers": null,
        "original_registrar": null,
        "original_dnshost": null,
        "modified_on": zone.modified_on,
        "created_on": zone.created_on,
        "activated_on": zone.activated_on,
        "meta": {
            "step": if zone.status == ZoneStatus::Pending { 2 } else { 4 },
            "custom_certificate_quota": 0,
            "page_rule_quota": 3,
            "phishing_detected": false,
        },
        "owner": {"id": null, "type": "user", "email": null},
        "account": {"id": account.id, "name": account.name},
        "permissions": ["#zone:read", "#zone:edit", "#dns_records:read", "#dns_records:edit", "#zone_settings:edit"],
        "plan": {"id": plan, "name": plan, "price": price, "currency": "USD", "frequency": "", "is_subscribed": true,
            "can_subscribe": false, "legacy_id": plan, "legacy_discount": false, "externally_managed": false},
    })
}
