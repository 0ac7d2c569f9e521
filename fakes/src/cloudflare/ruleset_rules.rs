//! What makes the rules of a phase valid, and how many a plan allows: the plan tables and availability notes of the
//! documentation on custom rules, rate limiting rules, managed rules, cache rules and configuration rules. Expressions are
//! not parsed: only what a plan may not use is looked for. The numbers of these refusals are not confirmed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::edge_state::Rule;
use super::envelope::Refusal;
use super::state::Plan;

/// Longest expression (documentation, "Rule expressions").
const EXPRESSION: usize = 4096;
/// Periods a rate limit may count over (documentation, "Rate limiting parameters").
const PERIODS: [u64; 21] =
    [10, 15, 20, 30, 40, 45, 60, 90, 120, 180, 240, 300, 480, 600, 900, 1200, 1800, 2400, 3600, 65_535, 86_400];

/// A phase of a zone: its actions, and rules per plan from Free to Enterprise.
struct Phase {
    name: &'static str,
    actions: &'static [&'static str],
    rules: [usize; 4],
}

const fn phase(name: &'static str, actions: &'static [&'static str], rules: [usize; 4]) -> Phase {
    Phase { name, actions, rules }
}

const PHASES: &[Phase] = &[
    phase(
        "http_request_firewall_custom",
        &["block", "challenge", "js_challenge", "managed_challenge", "skip", "log"],
        [5, 20, 100, 1000],
    ),
    phase("http_ratelimit", &["block", "challenge", "js_challenge", "managed_challenge", "log"], [1, 2, 5, 100]),
    phase("http_request_firewall_managed", &["execute", "skip"], [0, 50, 50, 1000]),
    phase("ddos_l7", &["execute"], [1, 1, 1, 10]),
    phase("http_config_settings", &["set_config"], [10, 25, 50, 300]),
    phase("http_request_cache_settings", &["set_cache_settings"], [10, 25, 50, 300]),
    phase("http_request_dynamic_redirect", &["redirect"], [10, 25, 50, 300]),
    phase("http_request_origin", &["route"], [10, 25, 50, 300]),
    phase("http_request_transform", &["rewrite"], [10, 25, 50, 300]),
    phase("http_request_late_transform", &["rewrite"], [10, 25, 50, 300]),
    phase("http_response_headers_transform", &["rewrite"], [10, 25, 50, 300]),
];

fn known(name: &str) -> Option<&'static Phase> {
    PHASES.iter().find(|phase| phase.name == name)
}

/// Whether `name` is a phase a zone has.
///
/// # Errors
/// 400 when it is not.
pub(super) fn check_phase(name: &str) -> Result<(), Refusal> {
    known(name).map(|_| ()).ok_or_else(|| invalid(&format!("unknown phase: {name}"), "/phase"))
}

/// Checks the whole list of a phase's rules.
///
/// # Errors
/// 400 for a rule that is not valid, 403 for what the plan does not have.
pub(super) fn check(name: &str, rules: &[Rule], plan: Plan) -> Result<(), Refusal> {
    let Some(phase) = known(name) else { return check_phase(name) };
    let most = phase.rules.get(plan as usize).copied().unwrap_or(0);
    if rules.len() > most {
        let text = format!("exceeded the maximum number of rules in the phase {name}: {} out of {most}", rules.len());
        return Err(Refusal::new(400, 20_127, text));
    }
    let references: BTreeSet<&str> = rules.iter().map(|rule| rule.reference.as_str()).collect();
    if references.len() < rules.len() {
        return Err(invalid("the ref of a rule must be unique within its ruleset", "/rules"));
    }
    rules.iter().enumerate().try_for_each(|(index, rule)| check_rule(phase, rule, index, plan))
}

fn check_rule(phase: &Phase, rule: &Rule, index: usize, plan: Plan) -> Result<(), Refusal> {
    let at = |field: &str| format!("/rules/{index}/{field}");
    let text = |key: &str| rule.fields.get(key).and_then(Value::as_str).unwrap_or_default();
    let (action, expression) = (text("action"), text("expression"));
    if !phase.actions.contains(&action) {
        return Err(invalid(&format!("the action {action:?} is not allowed in the phase {}", phase.name), &at("action")));
    }
    if expression.trim().is_empty() || expression.len() > EXPRESSION {
        return Err(invalid("the expression is empty or longer than 4096 characters", &at("expression")));
    }
    if expression.matches('(').count() != expression.matches(')').count() || expression.matches('"').count() % 2 == 1 {
        return Err(invalid("the expression is not well formed", &at("expression")));
    }
    if !rule.fields.get("enabled").is_none_or(Value::is_boolean) {
        return Err(invalid("enabled is true or false", &at("enabled")));
    }
    let regular = expression.contains(" matches ") || expression.contains(" ~ ") || expression.contains("regex_replace(");
    if regular && matches!(plan, Plan::Free | Plan::Pro) {
        return Err(not_entitled("the use of operator Matches is not allowed, a Business plan or higher is required"));
    }
    if action == "log" && plan != Plan::Enterprise {
        return Err(not_entitled("the action log is not allowed, an Enterprise plan is required"));
    }
    match phase.name {
        "http_ratelimit" => check_rate(rule, expression, index, plan),
        "http_request_firewall_managed" | "ddos_l7" if action == "execute" => check_execute(rule, index),
        _ => Ok(()),
    }
}

fn check_execute(rule: &Rule, index: usize) -> Result<(), Refusal> {
    let id = rule.fields.get("action_parameters").and_then(|parameters| parameters.get("id")).and_then(Value::as_str);
    if id.is_some_and(super::identity::is_hex_id) {
        return Ok(());
    }
    Err(invalid("execute needs the id of a managed ruleset", &format!("/rules/{index}/action_parameters/id")))
}

/// Rate limits by plan: Free counts one address over 10 seconds and blocks for 10; Pro counts up to a minute and blocks up
/// to an hour (documentation, "Rate limiting rules", availability).
fn check_rate(rule: &Rule, expression: &str, index: usize, plan: Plan) -> Result<(), Refusal> {
    let at = |field: &str| format!("/rules/{index}/ratelimit/{field}");
    let rate = rule.fields.get("ratelimit").and_then(Value::as_object);
    let rate = rate.ok_or_else(|| invalid("a rule of this phase needs ratelimit", &format!("/rules/{index}/ratelimit")))?;
    let number = |key: &str| rate.get(key).and_then(Value::as_u64);
    let period = number("period").filter(|period| PERIODS.contains(period));
    let period = period.ok_or_else(|| invalid("the period is not one of the allowed ones", &at("period")))?;
    if number("requests_per_period").is_none_or(|requests| requests == 0) && !rate.contains_key("score_per_period") {
        return Err(invalid("requests_per_period is required", &at("requests_per_period")));
    }
    let characteristics: Vec<&str> =
        rate.get("characteristics").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if !characteristics.contains(&"cf.colo.id") {
        return Err(invalid("characteristics must contain cf.colo.id", &at("characteristics")));
    }
    let timeout = number("mitigation_timeout").unwrap_or(0);
    let addresses_only = characteristics.iter().all(|name| matches!(*name, "cf.colo.id" | "ip.src"));
    let (longest_period, longest_timeout) = match plan {
        Plan::Free => (10, 10),
        Plan::Pro => (60, 3600),
        Plan::Business => (600, 86_400),
        Plan::Enterprise => (86_400, 86_400),
    };
    if period > longest_period || timeout > longest_timeout {
        return Err(not_entitled("not entitled to use this period or mitigation timeout"));
    }
    if matches!(plan, Plan::Free | Plan::Pro) && !addresses_only {
        return Err(not_entitled("not entitled to use these characteristics"));
    }
    let beyond_path =
        ["http.host", "http.user_agent", "http.cookie", "ip.geoip", "ip.src", "http.request.method", "http.request.headers"];
    if plan == Plan::Free && beyond_path.iter().any(|field| expression.contains(field)) {
        return Err(not_entitled("not entitled to use a field of this expression: the Free plan matches the path only"));
    }
    Ok(())
}

fn invalid(message: &str, pointer: &str) -> Refusal {
    Refusal::new(400, 20_016, message).at(pointer)
}

fn not_entitled(message: &str) -> Refusal {
    Refusal::new(403, 20_018, message)
}
