//! The recorded answers of `cloudflared tunnel ingress validate` and `cloudflared tunnel ingress rule`, case by case; and that a validator or matcher
//! with one rule broken does not agree with them.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use storex_cloudflare::ingress::{Ingress, Stricter};

const ORACLE: &str = include_str!("../fixtures/ingress-oracle.json");

/// A document, and what cloudflared made of it.
struct Case {
    document: Value,
    error: Option<String>,
    /// Each URL, and the number of the rule that took it.
    matches: Vec<(String, usize)>,
}

fn cases() -> Vec<Case> {
    let oracle: Value = serde_json::from_str(ORACLE).unwrap();
    let case = |case: &Value| {
        let found = |found: &Value| {
            let rule = usize::try_from(found["rule"].as_u64().unwrap()).unwrap();
            (found["url"].as_str().unwrap().to_owned(), rule)
        };
        let error = case["error"].as_str().map(str::to_owned);
        assert_eq!(error.is_none(), case["valid"].as_bool().unwrap());
        let matches = case["match"].as_array().unwrap().iter().map(found).collect();
        Case { document: json!({ "ingress": case["ingress"] }), error, matches }
    };
    oracle["cases"].as_array().unwrap().iter().map(case).collect()
}

/// A validator and a matcher to compare with cloudflared's.
trait Subject {
    fn parse(&self, document: &Value) -> Result<Ingress, storex_cloudflare::ingress::Invalid> {
        Ingress::parse(document)
    }

    fn rule(&self, _document: &Value, ingress: &Ingress, url: &str) -> Option<usize> {
        ingress.rule_for_url(url)
    }
}

struct Whole;
impl Subject for Whole {}

#[derive(Default)]
struct Compared {
    documents: usize,
    matches: usize,
    disagreements: Vec<String>,
    stricter: BTreeMap<&'static str, usize>,
}

fn compare(cases: &[Case], subject: &impl Subject) -> Compared {
    let mut compared = Compared::default();
    for case in cases {
        compared.documents += 1;
        compared.matches += case.matches.len();
        let ingress = match (subject.parse(&case.document), &case.error) {
            (Ok(ingress), None) => ingress,
            (Err(invalid), error) => {
                match invalid.stricter() {
                    Some(kind) if error.is_none() => *compared.stricter.entry(kind.name()).or_default() += 1,
                    _ if Some(invalid.to_string()) == *error => {}
                    _ => compared.disagreements.push(format!("{}: {invalid}, cloudflared: {error:?}", case.document)),
                }
                continue;
            }
            (Ok(_), Some(error)) => {
                compared.disagreements.push(format!("{}: valid, cloudflared: {error}", case.document));
                continue;
            }
        };
        for (url, expected) in &case.matches {
            let rule = subject.rule(&case.document, &ingress, url);
            if rule != Some(*expected) {
                compared.disagreements.push(format!("{} {url}: {rule:?}, cloudflared: {expected}", case.document));
            }
        }
    }
    compared
}

/// Agreement on a document that storex refuses beyond cloudflared is shown without the rule it is refused for: that rule takes no request.
#[test]
fn every_answer_of_cloudflared_is_ours_but_for_the_refusals_with_a_name() {
    let cases = cases();
    let compared = compare(&cases, &Whole);
    let refusals: usize = compared.stricter.values().sum();
    println!(
        "ingress oracle: {} documents, {} matches, {} disagreements; stricter: {refusals} refusals of {} kinds",
        compared.documents,
        compared.matches,
        compared.disagreements.len(),
        compared.stricter.len()
    );
    for (name, count) in &compared.stricter {
        println!("  stricter: {name} {count}");
    }
    assert_eq!((compared.documents, compared.matches), (1500, 2264));
    assert_eq!(compared.disagreements, Vec::<String>::new());
    assert_eq!(compared.stricter.keys().copied().collect::<Vec<_>>(), [Stricter::WildcardWithoutDot.name()]);
}

/// `*shop.com` takes no request of the fixture: behind a name no request has, the rest of the document still answers as cloudflared did.
#[test]
fn matches_of_refused_documents_agree_once_the_refused_name_is_one_no_request_has() {
    let mut compared = 0;
    for case in cases().iter().filter(|case| case.error.is_none() && Ingress::parse(&case.document).is_err()) {
        let mut document = case.document.clone();
        for rule in document["ingress"].as_array_mut().unwrap() {
            let hostname = rule["hostname"].as_str().unwrap_or_default();
            if hostname.len() > 1 && hostname.starts_with('*') && !hostname.starts_with("*.") {
                rule["hostname"] = "no-request.invalid".into();
            }
        }
        let ingress = Ingress::parse(&document).unwrap();
        for (url, expected) in &case.matches {
            assert_eq!(ingress.rule_for_url(url), Some(*expected), "{document} {url}");
            compared += 1;
        }
    }
    println!("ingress oracle: {compared} matches in documents refused by storex only, 0 disagreements");
    assert!(compared > 0);
}

#[test]
fn what_storex_would_not_write_itself_is_counted_by_name() {
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    let mut valid = 0;
    for case in cases().iter().filter(|case| case.error.is_none()) {
        valid += 1;
        if let Err(invalid) = Ingress::parse_own(&case.document) {
            *refused.entry(invalid.stricter().unwrap().name()).or_default() += 1;
        }
    }
    println!("as rules of its own storex would refuse of {valid} valid documents: {refused:?}");
    for kind in [Stricter::UpperCase, Stricter::NotAscii, Stricter::TrailingDot, Stricter::Unreachable] {
        assert!(kind.is_for_own_rules() && refused.contains_key(kind.name()), "{}", kind.name());
    }
}

/// The URL's host in lower case: as if names were compared without regard to case.
struct CaseIgnored;
impl Subject for CaseIgnored {
    fn rule(&self, _: &Value, ingress: &Ingress, url: &str) -> Option<usize> {
        let host = url.split('/').nth(2)?;
        ingress.rule_for_url(&url.replacen(host, &host.to_lowercase(), 1))
    }
}

/// Paths as they are sent: as if `%61` were not decoded.
struct NotDecoded;
impl Subject for NotDecoded {
    fn rule(&self, _: &Value, ingress: &Ingress, url: &str) -> Option<usize> {
        ingress.rule_for_url(&url.replace('%', "%25"))
    }
}

/// Path patterns from the first to the last character.
struct Anchored;
impl Subject for Anchored {
    fn rule(&self, document: &Value, ingress: &Ingress, url: &str) -> Option<usize> {
        if ingress.rules().iter().all(|rule| rule.path().is_none()) {
            return ingress.rule_for_url(url);
        }
        let mut document = document.clone();
        for rule in document["ingress"].as_array_mut()? {
            if let Some(path) = rule["path"].as_str().filter(|path| !path.is_empty()) {
                rule["path"] = format!("^(?:{path})$").into();
            }
        }
        Ingress::parse(&document).ok()?.rule_for_url(url)
    }
}

/// `*.x` matches one label only: a rule that took a deeper name is passed over.
struct OneLabel;
impl Subject for OneLabel {
    fn rule(&self, document: &Value, ingress: &Ingress, url: &str) -> Option<usize> {
        let host = url.split('/').nth(2)?.split(':').next()?;
        let (mut document, mut ingress) = (document.clone(), ingress.clone());
        loop {
            let rule = ingress.rule_for_url(url)?;
            let suffix = ingress.rules().get(rule)?.hostname().strip_prefix("*.");
            match suffix.and_then(|suffix| host.strip_suffix(suffix)) {
                Some(labels) if labels.matches('.').count() > 1 => {
                    document["ingress"][rule]["hostname"] = "no-request.invalid".into();
                    ingress = Ingress::parse(&document).ok()?;
                }
                _ => return Some(rule),
            }
        }
    }
}

/// Documents with a last rule that is always right.
struct AnyLastRule;
impl Subject for AnyLastRule {
    fn parse(&self, document: &Value) -> Result<Ingress, storex_cloudflare::ingress::Invalid> {
        let mut document = document.clone();
        document["ingress"].as_array_mut().unwrap().push(json!({ "service": "hello_world" }));
        Ingress::parse(&document)
    }
}

#[test]
fn with_one_rule_broken_the_answers_differ() {
    let cases = cases();
    let counts = [
        ("host names compared without regard to case", compare(&cases, &CaseIgnored)),
        ("paths not decoded", compare(&cases, &NotDecoded)),
        ("path patterns anchored", compare(&cases, &Anchored)),
        ("a wildcard matches one label only", compare(&cases, &OneLabel)),
        ("the last rule not checked", compare(&cases, &AnyLastRule)),
    ];
    for (broken, compared) in counts {
        println!("ingress oracle, control: {broken}: {} disagreements", compared.disagreements.len());
        assert!(!compared.disagreements.is_empty(), "{broken}");
    }
}
