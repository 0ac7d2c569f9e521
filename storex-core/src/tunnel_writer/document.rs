//! The tunnel's document with the stores' rules in it. Pure.
//!
//! The rules of stores stand first, by host name, so that no wildcard takes their requests; everything else keeps its place and every key and value it
//! has; only the order of the keys within a rule may change, which JSON gives no meaning. A rule is a
//! store's when it has a host name the writer has written or is about to write, and no path: storex writes none.

use crate::{IngressRule, TunnelDocument};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The rules stores call for, by host name.
pub(super) type Wanted = BTreeMap<String, IngressRule>;

/// The rules with those of stores as they are wanted. A host name in `owned` and not wanted goes.
pub(super) fn with_routes(current: &[IngressRule], owned: &BTreeSet<String>, wanted: &Wanted) -> Vec<IngressRule> {
    let is_stores = |rule: &IngressRule| {
        let name = rule.hostname.as_deref().unwrap_or_default();
        !has_path(rule) && (owned.contains(name) || wanted.contains_key(name))
    };
    let standing: BTreeMap<&str, &IngressRule> = current
        .iter()
        .filter(|rule| is_stores(rule))
        .filter_map(|rule| rule.hostname.as_deref().map(|name| (name, rule)))
        .collect();
    let as_it_stands = |(name, rule): (&String, &IngressRule)| match standing.get(name.as_str()) {
        Some(stands) if says_the_same(stands, rule) => IngressRule::clone(stands),
        _ => rule.clone(),
    };
    let mut rules: Vec<IngressRule> = wanted.iter().map(as_it_stands).collect();
    rules.extend(current.iter().filter(|rule| !is_stores(rule)).cloned());
    if !rules.last().is_some_and(takes_everything) {
        rules.push(IngressRule { hostname: None, service: "http_status:404".to_owned(), rest: Map::new() });
    }
    rules
}

/// The wanted names for which a rule stands that storex did not write.
pub(super) fn foreign_names(current: &[IngressRule], owned: &BTreeSet<String>, wanted: &Wanted) -> BTreeSet<String> {
    let names = current.iter().filter_map(|rule| rule.hostname.as_ref());
    names.filter(|name| wanted.contains_key(*name) && !owned.contains(*name)).cloned().collect()
}

/// How a store's rules stand in the document: none when all are there and take their requests; else what is the matter with the first that is not.
pub(crate) fn matter_with(document: &TunnelDocument, rules: &[IngressRule]) -> Option<Matter> {
    rules.iter().find_map(|rule| {
        let name = rule.hostname.as_deref().unwrap_or_default();
        let first = document.ingress.iter().find(|other| takes(other, name));
        match first {
            Some(first) if says_the_same(first, rule) => None,
            _ if !document.ingress.iter().any(|other| other.hostname == rule.hostname) => {
                Some(Matter { missing: true, how: format!("no rule leads {name} to the store") })
            }
            Some(first) => Some(Matter { missing: false, how: format!("{name} is led to {}", first.service) }),
            None => Some(Matter { missing: true, how: format!("no rule takes {name}") }),
        }
    })
}

/// What is the matter with a store's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matter {
    /// True when a rule is not there; false when another takes its requests.
    pub(crate) missing: bool,
    /// In words.
    pub(crate) how: String,
}

/// Whether the rule takes every request for the host name, as far as rules without a path tell.
fn takes(rule: &IngressRule, name: &str) -> bool {
    let hosts = match rule.hostname.as_deref() {
        None | Some("" | "*") => true,
        Some(host) => host == name || host.strip_prefix('*').is_some_and(|end| end.starts_with('.') && name.ends_with(end)),
    };
    hosts && !has_path(rule)
}

/// Whether the rule takes every request: only the last one does.
pub(crate) fn takes_everything(rule: &IngressRule) -> bool {
    matches!(rule.hostname.as_deref(), None | Some("" | "*")) && !has_path(rule)
}

fn has_path(rule: &IngressRule) -> bool {
    rule.rest.get("path").and_then(Value::as_str).is_some_and(|path| !path.is_empty())
}

/// Whether both route the same: keys that are `null` or an empty object say nothing.
fn says_the_same(one: &IngressRule, other: &IngressRule) -> bool {
    let said = |rule: &IngressRule| {
        let says_nothing = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
        rule.rest.iter().filter(|(_, value)| !says_nothing(value)).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let (first, second): (BTreeMap<String, Value>, BTreeMap<String, Value>) = (said(one), said(other));
    one.hostname == other.hostname && one.service == other.service && first == second
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(value: Value) -> Vec<IngressRule> {
        serde_json::from_value(value).unwrap()
    }

    fn wanted(names: &[(&str, u16)]) -> Wanted {
        let rule = |(name, port): &(&str, u16)| {
            let service = format!("http://localhost:{port}");
            ((*name).to_owned(), IngressRule { hostname: Some((*name).to_owned()), service, rest: Map::new() })
        };
        names.iter().map(rule).collect()
    }

    fn names(owned: &[&str]) -> BTreeSet<String> {
        owned.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn stores_come_first_and_everything_else_keeps_its_place_and_its_content() {
        let foreign = json!([
            {"hostname": "gone.com", "service": "http://localhost:4009"},
            {"hostname": "*.Theirs.com", "service": "http://10.0.0.1:80", "originRequest": {"x": 2.50, "y": [1, null]}},
            {"path": "^/status", "service": "http://10.0.0.2:80"},
            {"hostname": "a.com", "path": "/admin", "service": "http://10.0.0.3:80"},
            {"hostname": "a.com", "service": "http://localhost:4000", "originRequest": {}},
            {"hostname": "*.storex.com", "service": "http://localhost:3000"},
            {"service": "http_status:404"},
        ]);
        let current = rules(foreign.clone());
        let written = with_routes(&current, &names(&["a.com", "gone.com"]), &wanted(&[("b.com", 4002), ("a.com", 4000)]));
        let expected = json!([foreign[4], {"hostname": "b.com", "service": "http://localhost:4002"}, foreign[1], foreign[2], foreign[3], foreign[5], foreign[6]]);
        assert_eq!(serde_json::to_value(&written).unwrap(), expected);
        let again = with_routes(&written, &names(&["a.com", "b.com"]), &wanted(&[("b.com", 4002), ("a.com", 4000)]));
        assert_eq!(again, written, "written once, it stays");
    }

    #[test]
    fn a_document_that_ends_nowhere_gets_a_last_rule() {
        let written = with_routes(&[], &names(&[]), &wanted(&[("a.com", 4001)]));
        assert_eq!(written.last().map(|rule| rule.service.as_str()), Some("http_status:404"));
        assert_eq!(written.len(), 2);
    }

    #[test]
    fn a_rule_nobody_wrote_for_us_is_in_the_way_until_it_is_ours() {
        let current =
            rules(json!([{"hostname": "a.com", "path": "/x", "service": "http://10.0.0.1:80"}, {"service": "http_status:404"}]));
        assert_eq!(foreign_names(&current, &names(&[]), &wanted(&[("a.com", 4001), ("b.com", 4002)])), names(&["a.com"]));
        assert_eq!(foreign_names(&current, &names(&["a.com"]), &wanted(&[("a.com", 4001)])), names(&[]));
    }

    #[test]
    fn what_is_the_matter_with_a_rule_is_said() {
        let asked: Vec<IngressRule> = wanted(&[("a.storex.com", 4001)]).into_values().collect();
        let document = |value: Value| TunnelDocument { ingress: rules(value), rest: Map::new() };
        let ours = json!({"hostname": "a.storex.com", "service": "http://localhost:4001"});
        let wild = json!({"hostname": "*.storex.com", "service": "http://localhost:3000"});
        let last = json!({"service": "http_status:404"});
        assert_eq!(matter_with(&document(json!([ours, wild, last])), &asked), None);
        let shadowed = matter_with(&document(json!([wild, ours, last])), &asked).unwrap();
        assert_eq!((shadowed.missing, shadowed.how.as_str()), (false, "a.storex.com is led to http://localhost:3000"));
        assert!(matter_with(&document(json!([wild, last])), &asked).unwrap().missing);
        assert!(matter_with(&document(json!([])), &asked).unwrap().missing);
    }
}
