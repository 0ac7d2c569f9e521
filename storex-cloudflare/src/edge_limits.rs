//! What each plan allows at the edge. Source: Cloudflare docs, the tables "Availability" of custom rules, rate limiting rules, managed rules, DDoS overrides, cache
//! rules and bots, as of 2026-08.

use std::collections::BTreeMap;
use storex_core::{EdgeLimits, EdgePlan, EdgeSetting, RulePhase};

/// Rules per phase from Free to Enterprise. On Free the managed rules are deployed by Cloudflare and cannot be changed.
const RULES: [(RulePhase, [usize; 4]); 5] = [
    (RulePhase::ManagedFirewall, [0, 50, 50, 1_000]),
    (RulePhase::CustomFirewall, [5, 20, 100, 1_000]),
    (RulePhase::RateLimit, [1, 2, 5, 100]),
    (RulePhase::Ddos, [1, 1, 1, 10]),
    (RulePhase::Cache, [10, 25, 50, 300]),
];

/// What the plan allows.
pub(crate) fn limits(plan: EdgePlan) -> EdgeLimits {
    let column = match plan {
        EdgePlan::Free => 0,
        EdgePlan::Pro => 1,
        EdgePlan::Business => 2,
        EdgePlan::Enterprise => 3,
    };
    let rules: BTreeMap<_, _> =
        RULES.iter().map(|(phase, most)| (*phase, most.get(column).copied().unwrap_or_default())).collect();
    // Above Free there is Super Bot Fight Mode instead, with fields of its own.
    let locked = if plan == EdgePlan::Free { Vec::new() } else { vec![EdgeSetting::BotFightMode] };
    EdgeLimits { plan, rules, locked }
}
