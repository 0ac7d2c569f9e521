//! The rules of a hardened zone, in Cloudflare's words.

use serde_json::{Map, Value, json};
use storex_core::policy::ZonePolicy;
use storex_core::{EdgePlan, EdgeRule, Result, RulePhase};

/// Cloudflare Managed Ruleset (docs, "Managed Rules reference").
const MANAGED: &str = "efb7b8c949ac4650a09736fc376e9aee";
/// Cloudflare OWASP Core Ruleset (same page).
const OWASP: &str = "4814384a9e5d4991b9815dcfc25d2f1f";
/// HTTP DDoS Attack Protection managed ruleset (docs, "DDoS protection: configure via API").
const DDOS: &str = "4d21379b4f9f4bb088e0729962c8b3cf";

/// [`ZonePolicy::standard`] and rules: managed ones where the plan has them, paths no shop serves and only attackers ask for are blocked, sign-in is limited, floods are answered with
/// blocking at the edge, and files with a name of their own are cached. Bot Fight Mode stays off: it would turn payment notices away.
///
/// Every rule is one that Free has, but the managed ones; it uses the path only, since Free's rate limit knows no other field.
///
/// # Errors
/// Never in practice; the references are constants.
pub fn hardened_policy() -> Result<ZonePolicy> {
    let scanners = r#"(http.request.uri.path contains "/.env") or (http.request.uri.path contains "/.git/") or (http.request.uri.path contains "/wp-login.php")"#;
    let sign_in = r#"(http.request.uri.path contains "/login") or (http.request.uri.path contains "/checkout")"#;
    let rate =
        json!({"characteristics": ["ip.src", "cf.colo.id"], "period": 10, "requests_per_period": 20, "mitigation_timeout": 10});
    let managed = |reference, id| {
        let rule = rule(reference, "managed rules", "true", "execute", &[("action_parameters", json!({ "id": id }))]);
        EdgeRule { from_plan: EdgePlan::Pro, ..rule }
    };
    let ddos = json!({"id": DDOS, "overrides": {"sensitivity_level": "default", "action": "block"}});
    let assets = r#"(http.request.uri.path contains "/static/")"#;
    let cache = json!({"cache": true, "edge_ttl": {"mode": "respect_origin"}});
    ZonePolicy::standard()
        .with_rules(RulePhase::ManagedFirewall, vec![managed("storex-managed", MANAGED), managed("storex-owasp", OWASP)])?
        .with_rules(RulePhase::CustomFirewall, vec![rule("storex-scanners", "scanners", scanners, "block", &[])])?
        .with_rules(RulePhase::RateLimit, vec![rule("storex-sign-in", "sign-in", sign_in, "block", &[("ratelimit", rate)])])?
        .with_rules(RulePhase::Ddos, vec![rule("storex-ddos", "floods", "true", "execute", &[("action_parameters", ddos)])])?
        .with_rules(
            RulePhase::Cache,
            vec![rule("storex-static", "static files", assets, "set_cache_settings", &[("action_parameters", cache)])],
        )
}

fn rule(reference: &str, what: &str, expression: &str, action: &str, rest: &[(&str, Value)]) -> EdgeRule {
    let fixed = [
        ("description", json!(format!("storex: {what}"))),
        ("expression", json!(expression)),
        ("action", json!(action)),
        ("enabled", json!(true)),
    ];
    let body: Map<String, Value> = fixed.iter().chain(rest).map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    EdgeRule { reference: reference.to_owned(), from_plan: EdgePlan::Free, body }
}
