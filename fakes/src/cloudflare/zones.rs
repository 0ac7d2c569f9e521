//! Zones: list, create, get, change, delete, and the check of its nameservers their owner may ask for.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::edge_state::{Dnssec, Scan};
use super::envelope::{Outcome, Refusal, Success};
use super::exchange::{Exchange, forbidden};
use super::limits::{Limits, seconds_until, throttled};
use super::nameservers;
use super::paging::{PageSizes, Query, page};
use super::state::{Account, CloudState, Plan, Zone, ZoneStatus};
use super::timings::Timings;
use super::zone_life::{self, later};
use super::{certificates, zone_names};

const PAGES: PageSizes = PageSizes { default: 20, least: 5, most: 50 };
const SIGNUP_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// `GET /zones`: filters `name` (with an operator such as `contains:`), `status`, `account.id`, `account.name`, joined by
/// `match`; `order` is `name`, `status` or the order of creation.
#[expect(clippy::unnecessary_wraps, reason = "every handler has the signature the route table asks for")]
pub(super) fn list(exchange: &mut Exchange<'_>) -> Outcome {
    let (state, query, token) = (&*exchange.state, exchange.query, exchange.token);
    let seen = state.zones.iter().filter(|zone| token.sees(zone));
    let mut zones: Vec<&Zone> = seen.filter(|zone| wanted(zone, &state.account, query)).collect();
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
    check_outside(exchange.state, &name)?;
    check_limits(exchange.state, exchange.limits, exchange.now)?;
    let signups = &mut exchange.state.zone_signups;
    signups.retain(|signup| exchange.now.duration_since(*signup) < SIGNUP_WINDOW);
    signups.push(exchange.now);
    let first_check = later(exchange.now, exchange.limits.timings.first_check_s);
    let zone = add(exchange.state, &name, ZoneStatus::Pending, exchange.limits.plan, exchange.now);
    if let Some(zone) = exchange.state.zone_mut(&zone.id) {
        zone.next_check = Some(first_check);
    }
    Ok(Success::of(render(&zone, &exchange.state.account)))
}

/// What the outside world has against a name: the registrar's refusals and other accounts' holds (documentation, "Cannot add
/// domain").
fn check_outside(state: &CloudState, name: &str) -> Result<(), Refusal> {
    if state.internet.holds(name) {
        return Err(Refusal::new(400, 1117, format!("The zone {name} is subject to a hold by another account.")));
    }
    match state.internet.refused.get(name) {
        None => Ok(()),
        // Too many attempts: three hours.
        Some(1105) => Err(Refusal::new(400, 1105, "You attempted to add this domain too many times within a short period.")
            .retry_after(3 * 3600)),
        Some(1110) => Err(Refusal::new(400, 1110, "Failed to lookup registrar and hosting information of this domain.")),
        Some(1097) => Err(Refusal::new(400, 1097, "This web property cannot be added to Cloudflare at this time.")),
        Some(1049) => Err(Refusal::new(400, 1049, format!("{name} is not a registered domain"))),
        Some(code) => Err(Refusal::new(400, *code, "This zone cannot be added to Cloudflare at this time.")),
    }
}

fn check_limits(state: &CloudState, limits: &Limits, now: Timestamp) -> Result<(), Refusal> {
    let pending = state.zones.iter().filter(|zone| zone.status == ZoneStatus::Pending).count();
    if limits.pending_rule_from.is_some_and(|from| state.zones.len() >= from && pending > state.zones.len() - pending) {
        let text = "You have exceeded the limit for adding zones. Please activate some zones.";
        return Err(Refusal::new(400, limits.codes.pending_zones, text));
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
    let mut zone = Zone {
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
        paused: false,
        next_check: Some(later(now, Timings::default().first_check_s)),
        checks: 0,
        activation_asked_on: None,
        moved_on: None,
        hold: None,
        universal_disabled: false,
        packs: Vec::new(),
        certificates_stall_at: None,
        hostnames: Vec::new(),
        fallback: None,
        rulesets: Vec::new(),
        bots: serde_json::Map::new(),
        dnssec: Dnssec::default(),
        scan: Scan::default(),
    };
    if status == ZoneStatus::Active {
        let pack = certificates::universal(&mut state.identifiers, &zone, now);
        zone.packs.push(certificates::issued(pack, now));
    }
    state.zones.push(zone.clone());
    zone
}

/// `GET /zones/{zone}`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    Ok(Success::of(render(exchange.zone()?, &exchange.state.account)))
}

/// `PATCH /zones/{zone}`: one of `paused`, `type` and `vanity_name_servers` per call; the latter two need a Business plan (code
/// not confirmed).
pub(super) fn patch(exchange: &mut Exchange<'_>) -> Outcome {
    let (body, now) = (exchange.body()?, exchange.now);
    let known: Vec<&String> =
        body.keys().filter(|key| matches!(key.as_str(), "paused" | "type" | "vanity_name_servers")).collect();
    let [key] = known[..] else {
        return Err(Refusal::new(400, 1016, "Exactly one of paused, type and vanity_name_servers may be changed at a time"));
    };
    let (key, value) = (key.clone(), body.get(key).cloned().unwrap_or_default());
    let zone = exchange.zone_mut()?;
    match (key.as_str(), value) {
        ("paused", Value::Bool(paused)) => (zone.paused, zone.modified_on) = (paused, now),
        ("type", Value::String(kind)) if kind == "full" => {}
        ("type" | "vanity_name_servers", _) if !matches!(zone.plan, Plan::Business | Plan::Enterprise) => {
            return Err(Refusal::new(400, 1107, "Your plan does not allow this").at(&format!("/{key}")));
        }
        _ => return Err(Refusal::new(400, 1003, format!("Invalid {key}")).at(&format!("/{key}"))),
    }
    let zone = zone.clone();
    Ok(Success::of(render(&zone, &exchange.state.account)))
}

/// `DELETE /zones/{zone}`: it leaves the account with everything below it, answers DNS for seven more days, and gets another
/// nameserver pair when it is added again.
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let zone = exchange.zone()?.clone();
    let id = zone.id.clone();
    exchange.state.zones.retain(|zone| zone.id != id);
    zone_life::archive(exchange.state, zone, &exchange.limits.timings, exchange.now);
    Ok(Success::of(json!({"id": id})))
}

/// `PUT /zones/{zone}/activation_check`: looks at the registrar now. Once an hour on the Free plan, once in five minutes above
/// it (the official SDK's remark on the call); the code of a call that comes too early is not confirmed.
pub(super) fn activation_check(exchange: &mut Exchange<'_>) -> Outcome {
    let now = exchange.now;
    let mut zone = exchange.zone()?.clone();
    let pause = if zone.plan == Plan::Free { 3600 } else { 300 };
    let wait = seconds_until(zone.activation_asked_on.map(|asked| later(asked, pause)), now);
    if exchange.limits.activation_pace && wait > 0 {
        let text = "You may only perform this action once per hour.";
        return Err(Refusal::new(429, 1224, text).retry_after(wait));
    }
    zone_life::check(exchange.state, &mut zone, &exchange.limits.timings, now);
    zone.activation_asked_on = Some(now);
    let id = zone.id.clone();
    *exchange.zone_mut()? = zone;
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
        Plan::Business => ("business", 200),
        Plan::Enterprise => ("enterprise", 5000),
    };
    json!({
        "id": zone.id,
        "name": zone.name,
        "status": status_name(zone.status),
        "paused": zone.paused,
        "type": "full",
        "development_mode": development_mode(zone),
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
            "cdn_only": false,
            "dns_only": false,
            "foundation_dns": false,
        },
        "owner": {"id": null, "type": "user", "name": null, "email": null},
        "account": {"id": account.id, "name": account.name},
        "permissions": ["#zone:read", "#zone:edit", "#dns_records:read", "#dns_records:edit", "#zone_settings:edit"],
        "plan": {"id": plan, "name": plan, "price": price, "currency": "USD", "frequency": "", "is_subscribed": true,
            "can_subscribe": false, "legacy_id": plan, "legacy_discount": false, "externally_managed": false},
    })
}

/// 0 unless development mode is on; then the three hours it lasts, since the simulator does not count them down.
fn development_mode(zone: &Zone) -> u64 {
    let on = zone.settings.get("development_mode").is_some_and(|setting| setting.value == "on");
    if on { 3 * 3600 } else { 0 }
}
