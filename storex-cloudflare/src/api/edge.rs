//! What the edge does with requests of a zone: settings, bots, rulesets, certificates, purges. Source: Cloudflare API reference (Zone Settings, Bot Management, Rulesets,
//! Certificate Packs, SSL Verification, Universal SSL, Cache).

use crate::endpoint::Endpoint;
use crate::wire::{WireBots, WireOrdered, WirePack, WireRuleset, WireSetting, WireUniversal, WireVerification, WireZonePlan};
use reqwest::Method;
use serde_json::{Map, Value, json};
use storex_core::{EdgeRule, Hostname, PackId, PackOrder, RuleId, RulePhase, ZoneId};

/// Certificate packs asked for per page.
pub(crate) const PER_PAGE: u32 = 50;

const SETTING: &str = "/zones/{zone}/settings/{setting}";
const BOTS: &str = "/zones/{zone}/bot_management";
const ENTRYPOINT: &str = "/zones/{zone}/rulesets/phases/{phase}/entrypoint";
const RULESETS: &str = "/zones/{zone}/rulesets";
const RULES: &str = "/zones/{zone}/rulesets/{ruleset}/rules";
const RULE: &str = "/zones/{zone}/rulesets/{ruleset}/rules/{rule}";
const UNIVERSAL: &str = "/zones/{zone}/ssl/universal/settings";
const PACKS: &str = "/zones/{zone}/ssl/certificate_packs";
const PACK: &str = "/zones/{zone}/ssl/certificate_packs/{pack}";
const VERIFICATION: &str = "/zones/{zone}/ssl/verification";

/// The zone, for its plan.
pub(crate) fn zone(zone: &ZoneId) -> Endpoint<WireZonePlan> {
    Endpoint::new(Method::GET, "/zones/{zone}", &[zone.as_str()])
}

/// One setting.
pub(crate) fn setting(zone: &ZoneId, setting: &str) -> Endpoint<WireSetting> {
    Endpoint::new(Method::GET, SETTING, &[zone.as_str(), setting])
}

/// Writes one setting. The call for several at once is in no client of 2026.
pub(crate) fn patch_setting(zone: &ZoneId, setting: &str, value: &str) -> Endpoint<WireSetting> {
    Endpoint::new(Method::PATCH, SETTING, &[zone.as_str(), setting]).body(json!({"value": value}))
}

/// What is set about bots.
pub(crate) fn bots(zone: &ZoneId) -> Endpoint<WireBots> {
    Endpoint::new(Method::GET, BOTS, &[zone.as_str()])
}

/// Switches Bot Fight Mode; fields that are not sent keep their value.
pub(crate) fn put_bots(zone: &ZoneId, fight_mode: bool) -> Endpoint<WireBots> {
    Endpoint::new(Method::PUT, BOTS, &[zone.as_str()]).body(json!({"fight_mode": fight_mode}))
}

/// Cloudflare's name of a phase (docs, "Phases list").
pub(crate) fn phase_name(phase: RulePhase) -> &'static str {
    match phase {
        RulePhase::ManagedFirewall => "http_request_firewall_managed",
        RulePhase::CustomFirewall => "http_request_firewall_custom",
        RulePhase::RateLimit => "http_ratelimit",
        RulePhase::Ddos => "ddos_l7",
        RulePhase::Cache => "http_request_cache_settings",
        // A phase of a later core: no zone of today has it, so Cloudflare refuses it.
        _ => "unknown",
    }
}

/// The rules of a phase; 404 where nobody made a list of them.
pub(crate) fn entrypoint(zone: &ZoneId, phase: RulePhase) -> Endpoint<WireRuleset> {
    Endpoint::new(Method::GET, ENTRYPOINT, &[zone.as_str(), phase_name(phase)])
}

/// Makes the list of a phase's rules. Unlike the PUT of an entry point it is refused where there is one, so it can replace nobody's rules.
pub(crate) fn begin(zone: &ZoneId, phase: RulePhase, rules: &[EdgeRule]) -> Endpoint<WireRuleset> {
    let rules: Vec<Value> = rules.iter().map(body).collect();
    let ruleset = json!({"name": "default", "kind": "zone", "phase": phase_name(phase), "rules": rules});
    Endpoint::new(Method::POST, RULESETS, &[zone.as_str()]).body(ruleset)
}

/// Puts a rule behind all others.
pub(crate) fn add_rule(zone: &ZoneId, ruleset: &RuleId, rule: &EdgeRule) -> Endpoint<WireRuleset> {
    Endpoint::new(Method::POST, RULES, &[zone.as_str(), ruleset.as_str()]).body(body(rule))
}

/// Makes a rule say something else, where it stands. The body is the whole rule (docs, "Update a rule in a ruleset").
pub(crate) fn patch_rule(zone: &ZoneId, ruleset: &RuleId, id: &RuleId, rule: &EdgeRule) -> Endpoint<WireRuleset> {
    Endpoint::new(Method::PATCH, RULE, &[zone.as_str(), ruleset.as_str(), id.as_str()]).body(body(rule))
}

/// Takes a rule away.
pub(crate) fn delete_rule(zone: &ZoneId, ruleset: &RuleId, id: &RuleId) -> Endpoint<Option<WireRuleset>> {
    Endpoint::new(Method::DELETE, RULE, &[zone.as_str(), ruleset.as_str(), id.as_str()])
}

fn body(rule: &EdgeRule) -> Value {
    let mut fields: Map<String, Value> = rule.body.clone();
    fields.insert("ref".to_owned(), json!(rule.reference));
    Value::Object(fields)
}

/// Universal SSL's switch.
pub(crate) fn universal(zone: &ZoneId) -> Endpoint<WireUniversal> {
    Endpoint::new(Method::GET, UNIVERSAL, &[zone.as_str()])
}

/// Switches Universal SSL.
pub(crate) fn patch_universal(zone: &ZoneId, enabled: bool) -> Endpoint<WireUniversal> {
    Endpoint::new(Method::PATCH, UNIVERSAL, &[zone.as_str()]).body(json!({"enabled": enabled}))
}

/// Every certificate pack; without `status=all` only active ones.
pub(crate) fn packs(zone: &ZoneId) -> Endpoint<Vec<WirePack>> {
    Endpoint::new(Method::GET, PACKS, &[zone.as_str()]).query("status", "all")
}

/// Orders an advanced certificate.
pub(crate) fn order(zone: &ZoneId, order: &PackOrder) -> Endpoint<WireOrdered> {
    let body = json!({
        "type": "advanced",
        "hosts": order.hosts,
        "validation_method": order.validation_method,
        "validity_days": order.validity_days,
        "certificate_authority": order.authority,
    });
    Endpoint::new(Method::POST, "/zones/{zone}/ssl/certificate_packs/order", &[zone.as_str()]).body(body)
}

/// Starts the validation of an advanced pack anew that timed out.
pub(crate) fn restart(zone: &ZoneId, pack: &PackId) -> Endpoint<WireOrdered> {
    Endpoint::new(Method::PATCH, PACK, &[zone.as_str(), pack.as_str()])
}

/// Takes an advanced pack away.
pub(crate) fn delete_pack(zone: &ZoneId, pack: &PackId) -> Endpoint<Option<WireOrdered>> {
    Endpoint::new(Method::DELETE, PACK, &[zone.as_str(), pack.as_str()])
}

/// How the validation of the zone's packs stands.
pub(crate) fn verification(zone: &ZoneId) -> Endpoint<Vec<WireVerification>> {
    Endpoint::new(Method::GET, VERIFICATION, &[zone.as_str()])
}

/// Has the names of a pack checked again, at once.
pub(crate) fn revalidate(zone: &ZoneId, pack: &PackId, method: &str) -> Endpoint<Value> {
    Endpoint::new(Method::PATCH, "/zones/{zone}/ssl/verification/{pack}", &[zone.as_str(), pack.as_str()])
        .body(json!({"validation_method": method}))
}

/// Forgets what is cached of these hosts.
pub(crate) fn purge(zone: &ZoneId, hosts: &[Hostname]) -> Endpoint<Value> {
    Endpoint::new(Method::POST, "/zones/{zone}/purge_cache", &[zone.as_str()]).body(json!({"hosts": hosts}))
}
