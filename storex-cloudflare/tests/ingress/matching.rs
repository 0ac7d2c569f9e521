//! Path patterns against what Go's own `regexp` answered, and the finding of a rule against a plain scan of all rules.

use proptest::prelude::*;
use serde_json::{Value, json};
use storex_cloudflare::ingress::Ingress;

const GO: &str = include_str!("../fixtures/go-regexp.json");

/// What Go answered for a pattern: its error, or on which paths it was found.
type Answer = Result<Vec<bool>, String>;

/// The paths, and each pattern with its answer.
fn recorded() -> (Vec<String>, Vec<(String, Answer)>) {
    let go: Value = serde_json::from_str(GO).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let case = |case: &Value| {
        let found = case["found"].as_str().map(|found| found.chars().map(|one| one == '1').collect());
        (text(&case["pattern"]), found.ok_or_else(|| text(&case["error"])))
    };
    let list = |key: &str| go[key].as_array().unwrap().clone();
    (list("paths").iter().map(text).collect(), list("cases").iter().map(case).collect())
}

fn ours(pattern: &str, paths: &[String]) -> Answer {
    let document = json!({ "ingress": [{ "path": pattern, "service": "http://a" }, { "service": "http_status:404" }] });
    match Ingress::parse(&document) {
        Ok(ingress) => Ok(paths.iter().map(|path| ingress.rule_for("a.com", path) == 0).collect()),
        Err(invalid) => Err(invalid.to_string().replace("Rule #1 has an invalid regex: ", "")),
    }
}

#[test]
fn every_pattern_means_what_it_means_to_go() {
    let (paths, cases) = recorded();
    let accepted = cases.iter().filter(|(_, answer)| answer.is_ok()).count();
    let differing: Vec<_> =
        cases.iter().filter(|(pattern, answer)| ours(pattern, &paths) != *answer).map(|(pattern, _)| pattern).collect();
    println!(
        "path patterns: {} ({accepted} valid) on {} paths, {} answered otherwise than by Go",
        cases.len(),
        paths.len(),
        differing.len()
    );
    assert!(accepted >= 500 && cases.len() >= accepted + 300);
    assert_eq!(differing, Vec::<&String>::new());
}

/// The control: the same patterns as the `regex` crate reads them.
#[test]
fn read_by_rusts_grammar_patterns_mean_something_else() {
    let (paths, cases) = recorded();
    let as_rust = |pattern: &str| {
        let compiled = regex::Regex::new(pattern).ok()?;
        Some(paths.iter().map(|path| compiled.is_match(path)).collect::<Vec<_>>())
    };
    let differing = cases.iter().filter(|(pattern, answer)| as_rust(pattern) != answer.clone().ok()).count();
    println!("path patterns, control: {differing} of {} answered otherwise than by Go when read by Rust's grammar", cases.len());
    assert!(differing > 0);
}

fn hostname() -> impl Strategy<Value = String> {
    let label = || prop::sample::select(vec!["a", "b", "A", "ü", ""]);
    let lead = prop::sample::select(vec!["", "*.", "*", "."]);
    (lead, prop::collection::vec(label(), 1..4)).prop_map(|(lead, labels)| format!("{lead}{}", labels.join(".")))
}

/// The rule cloudflared's own loop takes (`FindMatchingRule` in its `ingress/ingress.go`), for names without a second form.
fn scanned(rules: &[(String, Option<&str>)], host: &str, path: &str) -> usize {
    let matches = |(hostname, wanted): &(String, Option<&str>)| {
        let any = hostname.is_empty() || hostname == "*" || hostname == host;
        let below = hostname.starts_with("*.") && host.ends_with(&hostname[1..]);
        (any || below) && wanted.is_none_or(|wanted| path.contains(wanted))
    };
    rules.iter().position(matches).unwrap_or(rules.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_rule_found_is_the_first_that_matches(
        rules in prop::collection::vec((hostname(), prop::option::of(prop::sample::select(vec!["x", "y"]))), 0..8),
        host in hostname(),
        path in prop::sample::select(vec!["/x", "/y", "/xy", "/"]),
    ) {
        // Upper case and umlauts give a name a second form, and "*a" is refused: both are shown elsewhere.
        let plain = |name: &str| name.is_ascii() && !name.contains('A') && (!name.starts_with('*') || name == "*" || name.starts_with("*."));
        let rules: Vec<_> = rules.into_iter().filter(|(name, path)| plain(name) && (path.is_some() || !name.is_empty() && name != "*")).collect();
        let written = |(hostname, path): &(String, Option<&str>)| json!({ "hostname": hostname, "path": path, "service": "http://a" });
        let mut document: Vec<Value> = rules.iter().map(written).collect();
        document.push(json!({ "service": "http_status:404" }));
        let ingress = Ingress::parse(&json!({ "ingress": document })).unwrap_or_else(|invalid| panic!("{invalid}"));
        prop_assert_eq!(ingress.rule_for(&host, path), scanned(&rules, &host, path));
    }

    #[test]
    fn whatever_a_document_holds_there_is_an_answer(hostname in any::<String>(), path in any::<String>(), service in any::<String>(), url in any::<String>()) {
        let document = json!({ "ingress": [{ "hostname": hostname, "path": path, "service": "http://a" }, { "service": "hello_world" }] });
        let _answer = Ingress::parse(&json!({ "ingress": [{ "service": service }] }));
        if let Ok(ingress) = Ingress::parse(&document) {
            prop_assert!(ingress.rule_for(&hostname, &path) < 2);
            prop_assert!(ingress.rule_for_url(&url).is_none_or(|rule| rule < 2));
        }
    }
}
