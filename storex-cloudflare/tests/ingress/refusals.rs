//! Every refusal of storex's own, by name, and the nearest document it accepts.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use storex_cloudflare::ingress::{Ingress, Stricter};

const LAST: &str = "http_status:404";

fn hosts(names: &[&str]) -> Value {
    let mut rules: Vec<Value> = names.iter().map(|name| json!({ "hostname": name, "service": "http://a" })).collect();
    rules.push(json!({ "service": LAST }));
    json!({ "ingress": rules })
}

fn path(path: &str) -> Value {
    json!({ "ingress": [{ "path": path, "service": "http://a" }, { "service": LAST }] })
}

/// What is refused, and the nearest that is not.
fn examples() -> Vec<(Stricter, Value, Value)> {
    let deep = |levels: usize| path(&format!("{}a{}", "(".repeat(levels), ")".repeat(levels)));
    let service = |service: &str| json!({ "ingress": [{ "service": service }] });
    vec![
        (Stricter::WildcardWithoutDot, hosts(&["*shop.com"]), hosts(&["*.shop.com"])),
        (Stricter::PathUnicodeClass, path(r"\pL"), path("[a-z]")),
        (Stricter::PathNamedGroup, path("(?<name>a)"), path("(?P<name>a)")),
        (Stricter::PathTooLarge, deep(300), deep(200)),
        (Stricter::AmbiguousAddress, service("http://a:b:80"), service("http://a:80")),
        (
            Stricter::RepeatedKey,
            json!({ "ingress": [{ "service": LAST, "Service": LAST }] }),
            json!({ "ingress": [{ "Service": LAST }] }),
        ),
        (Stricter::UpperCase, hosts(&["*.Shop.com"]), hosts(&["*.shop.com"])),
        (Stricter::NotAscii, hosts(&["*.münchen.de"]), hosts(&["*.xn--mnchen-3ya.de"])),
        (Stricter::TrailingDot, hosts(&["shop.com."]), hosts(&["shop.com"])),
        (Stricter::NotAHostname, hosts(&["shop com"]), hosts(&["shop.com"])),
        (Stricter::Duplicate, hosts(&["shop.com", "shop.com"]), hosts(&["shop.com", "shop.net"])),
        (Stricter::Unreachable, hosts(&["*.shop.com", "a.shop.com"]), hosts(&["a.shop.com", "*.shop.com"])),
    ]
}

#[test]
fn each_refusal_has_a_name_a_document_and_a_neighbour_that_is_accepted() {
    let examples = examples();
    for (kind, refused, accepted) in &examples {
        let name =
            |document: &Value| Ingress::parse_own(document).err().and_then(|invalid| invalid.stricter()).map(Stricter::name);
        assert_eq!(name(refused), Some(kind.name()), "{refused}");
        Ingress::parse_own(accepted).unwrap_or_else(|invalid| panic!("{invalid}: {accepted}"));
        assert_eq!(Ingress::parse(refused).is_ok(), kind.is_for_own_rules(), "{refused}");
    }
    let shown: BTreeSet<Stricter> = examples.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(shown, BTreeSet::from(Stricter::ALL));
    let names: BTreeSet<&str> = Stricter::ALL.into_iter().map(Stricter::name).collect();
    assert_eq!(names.len(), Stricter::ALL.len());
}

#[test]
fn a_document_cloudflared_refuses_is_refused_in_its_words_whatever_else_is_wrong() {
    let document = json!({ "ingress": [{ "hostname": "*shop.com", "service": "http://a" }] });
    let invalid = Ingress::parse(&document).unwrap_err();
    assert_eq!(invalid.stricter(), None);
    assert!(invalid.to_string().starts_with("The last ingress rule must match all URLs"), "{invalid}");
}

#[test]
fn values_of_the_wrong_type_are_refused_and_unknown_keys_are_not() {
    let rule = |request: Value| Ingress::parse(&json!({ "ingress": [{ "service": LAST, "originRequest": request }] }));
    for request in [
        json!({ "connectTimeout": "30s" }),
        json!({ "connectTimeout": 0.5 }),
        json!({ "noTLSVerify": "yes" }),
        json!({ "proxyPort": -1 }),
        json!({ "access": { "required": true, "audTag": ["x"] } }),
        json!({ "ipRules": [{ "ports": ["80"] }] }),
        json!([]),
    ] {
        assert!(rule(request.clone()).is_err(), "{request}");
    }
    for request in [json!({ "connectTimeout": 30 }), json!({ "connectTimeout": null }), json!({ "newKey": {} }), Value::Null] {
        assert!(rule(request.clone()).is_ok(), "{request}");
    }
    for document in [json!([]), json!({}), json!({ "ingress": [] }), json!({ "ingress": null }), json!({ "ingress": {} })] {
        assert!(Ingress::parse(&document).is_err(), "{document}");
    }
}
