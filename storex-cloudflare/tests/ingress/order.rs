//! The canonical order of rules.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Map, json};
use storex_cloudflare::ingress::{Ingress, canonical_order};
use storex_core::IngressRule;

fn rule(hostname: Option<&str>, service: &str) -> IngressRule {
    IngressRule { hostname: hostname.map(str::to_owned), service: service.to_owned(), rest: Map::new() }
}

fn taken_by(rules: &[IngressRule], host: &str) -> String {
    let ingress = Ingress::parse(&json!({ "ingress": rules })).unwrap_or_else(|error| panic!("{error}: {rules:?}"));
    rules[ingress.rule_for(host, "/")].service.clone()
}

fn matches(hostname: &str, host: &str) -> bool {
    hostname.strip_prefix('*').map_or(hostname == host, |suffix| host.ends_with(suffix))
}

/// Names over few labels, so that wildcards overlap.
fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4).prop_map(|labels| format!("{}.com", labels.join(".")))
}

fn hostname() -> impl Strategy<Value = String> {
    (name(), any::<bool>()).prop_map(|(name, wildcard)| if wildcard { format!("*.{name}") } else { name })
}

/// Rules of different host names and a last rule, each with a service of its own.
fn rules() -> impl Strategy<Value = Vec<IngressRule>> {
    prop::collection::btree_set(hostname(), 0..12)
        .prop_flat_map(|names| Just(names.into_iter().collect::<Vec<_>>()).prop_shuffle())
        .prop_map(|names| {
            let mut rules: Vec<IngressRule> = names
                .iter()
                .enumerate()
                .map(|(number, name)| rule(Some(name), &format!("http://127.0.0.1:{}", 4001 + number)))
                .collect();
            rules.push(rule(None, "http_status:404"));
            rules
        })
}

/// The most specific rule for a host: its exact name, else the longest wildcard.
fn most_specific<'r>(rules: &'r [IngressRule], host: &str) -> Option<&'r IngressRule> {
    let matching = rules.iter().filter(|rule| rule.hostname.as_deref().is_some_and(|name| matches(name, host)));
    matching.max_by_key(|rule| rule.hostname.as_deref().map(|name| (!name.starts_with('*'), name.len())))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_host_that_one_rule_matches_keeps_it_and_any_host_gets_the_most_specific(rules in rules(), host in name()) {
        let ordered = canonical_order(rules.clone());
        let matching = rules.iter().filter(|rule| rule.hostname.as_deref().is_some_and(|name| matches(name, &host))).count();
        if matching <= 1 {
            prop_assert_eq!(taken_by(&rules, &host), taken_by(&ordered, &host));
        }
        let specific = most_specific(&rules, &host).map_or("http_status:404", |rule| rule.service.as_str());
        prop_assert_eq!(taken_by(&ordered, &host), specific);
    }

    #[test]
    fn rules_are_neither_lost_nor_made_and_the_order_does_not_depend_on_the_one_before(rules in rules()) {
        let ordered = canonical_order(rules.clone());
        prop_assert_eq!(&canonical_order(ordered.clone()), &ordered);
        prop_assert_eq!(&canonical_order(rules.iter().rev().cloned().collect()), &ordered);
        let services = |rules: &[IngressRule]| {
            let mut services: Vec<String> = rules.iter().map(|rule| rule.service.clone()).collect();
            services.sort_unstable();
            services
        };
        prop_assert_eq!(services(&rules), services(&ordered));
    }
}

#[test]
fn exact_names_come_first_then_the_longest_wildcards_then_the_last_rule() {
    let names = ["*.com", "b.com", "*.shop.b.com", "*.b.com", "a.com"];
    let mut rules = vec![rule(Some("*"), "http_status:404")];
    rules.extend(names.iter().map(|name| rule(Some(name), "http://127.0.0.1:4001")));
    let ordered = canonical_order(rules);
    let ordered: Vec<&str> = ordered.iter().filter_map(|rule| rule.hostname.as_deref()).collect();
    assert_eq!(ordered, ["a.com", "b.com", "*.shop.b.com", "*.b.com", "*.com", "*"]);
}

#[test]
fn rules_of_one_host_name_keep_their_order() {
    let with_path =
        |path: &str| IngressRule { rest: Map::from_iter([("path".to_owned(), path.into())]), ..rule(Some("a.com"), path) };
    let rules = vec![with_path("/b"), with_path("/a"), rule(Some("a.com"), "http://127.0.0.1:1")];
    assert_eq!(canonical_order(rules.clone()), rules);
}

/// The control: without the order, some host does not get its most specific rule.
#[test]
fn as_they_come_rules_lead_hosts_astray() {
    let (mut astray, mut runner) = (0, proptest::test_runner::TestRunner::deterministic());
    for _ in 0..500 {
        let (rules, host) = (rules(), name()).new_tree(&mut runner).unwrap().current();
        let specific = most_specific(&rules, &host).map_or("http_status:404", |rule| rule.service.as_str());
        astray += usize::from(taken_by(&rules, &host) != specific);
    }
    println!("canonical order, control: {astray} of 500 hosts astray without it");
    assert!(astray > 0);
}
