//! The order storex writes its own rules in.

use super::hostname::{matches_any, wildcard_suffix};
use std::cmp::Reverse;
use storex_core::IngressRule;

/// Sorts rules so that the most specific one takes a request: exact host names by name, then wildcards with the longest end first, then rules for every
/// host. Rules of the same host name keep their order, since their paths may overlap; a rule for every host must not rely on standing before others.
///
/// A host that matches one rule besides the last goes to that rule before and after.
#[must_use]
pub fn canonical_order(mut rules: Vec<IngressRule>) -> Vec<IngressRule> {
    rules.sort_by(|one, other| key(one).cmp(&key(other)));
    rules
}

/// How specific the rule is, then its place among its like.
fn key(rule: &IngressRule) -> (u8, Reverse<usize>, &str) {
    let hostname = rule.hostname.as_deref().unwrap_or_default();
    match wildcard_suffix(hostname) {
        _ if matches_any(hostname) => (2, Reverse(0), ""),
        Some(suffix) => (1, Reverse(suffix.len()), hostname),
        None => (0, Reverse(0), hostname),
    }
}
