//! DNS records Cloudflare refuses.

use serde_json::{Value, json};
use storex_fakes::cloudflare::{Limits, Plan};

use crate::client::{builder, call, get, post, records_of, simulator};

/// Fields, code, code of the cause (0: none).
const INVALID: &[(&str, i64, i64)] = &[
    ("{}", 1004, 9000),
    (r#"{"type": "A", "content": "192.0.2.1"}"#, 1004, 9000),
    (r#"{"type": "A", "name": "a..b", "content": "192.0.2.1"}"#, 1004, 9000),
    (r#"{"type": "A", "name": "a b", "content": "192.0.2.1"}"#, 1004, 9000),
    (r#"{"type": "A", "name": "a.*", "content": "192.0.2.1"}"#, 1004, 9000),
    (r#"{"type": "LOC", "name": "a", "content": "x"}"#, 1004, 9002),
    (r#"{"type": "A", "name": "a"}"#, 1004, 9005),
    (r#"{"type": "A", "name": "a", "content": "192.0.2"}"#, 1004, 9005),
    (r#"{"type": "A", "name": "a", "content": "2001:db8::1"}"#, 1004, 9005),
    (r#"{"type": "AAAA", "name": "a", "content": "192.0.2.1"}"#, 1004, 9006),
    (r#"{"type": "CNAME", "name": "a", "content": "not a host"}"#, 1004, 9007),
    (r#"{"type": "CNAME", "name": "a", "content": "192.0.2.1"}"#, 1004, 9007),
    (r#"{"type": "CNAME", "name": "a", "content": "https://a.b"}"#, 1004, 9007),
    (r#"{"type": "CNAME", "name": "a", "content": "A.bluepeak-shop.com."}"#, 1004, 9039),
    (r#"{"type": "CNAME", "name": "@", "content": "bluepeak-shop.com"}"#, 1004, 9039),
    (r#"{"type": "NS", "name": "sub", "content": "192.0.2.1"}"#, 1004, 9008),
    (r#"{"type": "MX", "name": "a", "content": "192.0.2.1", "priority": 1}"#, 1004, 9009),
    (r#"{"type": "MX", "name": "a", "content": "mail.b.com"}"#, 1004, 9101),
    (r#"{"type": "MX", "name": "a", "content": "mail.b.com", "priority": 65536}"#, 1004, 9101),
    (r#"{"type": "TXT", "name": "a", "content": ""}"#, 1004, 9002),
    (r#"{"type": "TXT", "name": "a", "content": "\"open"}"#, 1004, 9002),
    (r#"{"type": "SRV", "name": "_a._tcp", "content": "1 2 3 host"}"#, 1004, 9101),
    (r#"{"type": "SRV", "name": "_a._tcp", "data": {"priority": 1, "weight": 1, "port": 1}}"#, 1004, 9101),
    (r#"{"type": "SRV", "name": "_a._tcp", "data": {"priority": 1, "weight": 1, "port": 65536, "target": "a.b"}}"#, 1004, 9101),
    (r#"{"type": "SRV", "name": "_a._tcp", "data": {"priority": 1, "weight": 1, "port": 1, "target": "192.0.2.1"}}"#, 1004, 9101),
    (r#"{"type": "CAA", "name": "a", "data": {"flags": 256, "tag": "issue", "value": "ca.net"}}"#, 1004, 9101),
    (r#"{"type": "CAA", "name": "a", "data": {"flags": 0, "tag": "allow", "value": "ca.net"}}"#, 1004, 9101),
    (r#"{"type": "CAA", "name": "a", "data": {"flags": 0, "tag": "issue", "value": "a\"b"}}"#, 1004, 9101),
    (r#"{"type": "CAA", "name": "a", "data": {"flags": 0, "tag": "issue"}}"#, 1004, 9101),
    (r#"{"type": "A", "name": "a", "content": "192.0.2.1", "ttl": 0}"#, 1004, 9021),
    (r#"{"type": "A", "name": "a", "content": "192.0.2.1", "ttl": 59}"#, 1004, 9021),
    (r#"{"type": "A", "name": "a", "content": "192.0.2.1", "ttl": 86401}"#, 1004, 9021),
    (r#"{"type": "TXT", "name": "a", "content": "x", "proxied": true}"#, 1004, 9041),
    (r#"{"type": "MX", "name": "a", "content": "m.b.com", "priority": 1, "proxied": true}"#, 1004, 9041),
    (r#"{"type": "A", "name": "a", "content": "10.1.2.3", "proxied": true}"#, 1004, 9003),
    (r#"{"type": "A", "name": "a", "content": "127.0.0.1", "proxied": true}"#, 1004, 9003),
    (r#"{"type": "AAAA", "name": "a", "content": "fd00::1", "proxied": true}"#, 1004, 9003),
    (r#"{"type": "A", "name": "a", "content": "192.0.2.1", "tags": ["team:ops"]}"#, 1004, 9300),
    (r#"{"type": "A", "name": "a", "content": "192.0.2.1", "comment": "two\nlines"}"#, 9312, 0),
    (r#"{"type": "A", "name": "a", "content": "192.0.2.1", "ttl": "60"}"#, 9207, 0),
    (r#"{"type": "A", "name": "a", "content": "192.0.2.1", "proxied": "yes"}"#, 9207, 0),
];

#[tokio::test]
async fn invalid_records_are_refused_with_their_cause_and_leave_no_trace() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    let before = simulator.state();
    let long = json!({"type": "A", "name": "a", "content": "192.0.2.1", "comment": "x".repeat(101)}).to_string();
    for (body, code, cause) in INVALID.iter().copied().chain([(long.as_str(), 9313, 0)]) {
        let answer = post(&simulator, &records, serde_json::from_str(body).expect("JSON")).await;
        assert_eq!((answer.refusal(), answer.cause()), ((400, code), cause), "{body}");
        assert!(answer.body["errors"][0]["source"]["pointer"].is_string(), "{}", answer.text);
    }
    assert_eq!(simulator.state(), before);
}

#[tokio::test]
async fn the_limits_themselves_are_allowed() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    for body in [
        json!({"type": "A", "name": "a", "content": "192.0.2.1", "ttl": 60}),
        json!({"type": "A", "name": "b", "content": "192.0.2.1", "ttl": 86400, "comment": "é".repeat(100)}),
        json!({"type": "A", "name": "c", "content": "10.1.2.3", "proxied": false}),
        json!({"type": "A", "name": "x".repeat(63), "content": "192.0.2.1"}),
    ] {
        post(&simulator, &records, body).await.result();
    }
}

#[tokio::test]
async fn a_paid_plan_has_longer_comments_and_tags() {
    let mut limits = Limits::default();
    limits.plan = Plan::Pro;
    let simulator = builder().limits(limits).build().expect("built");
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    let tags: Vec<String> = (0..20).map(|number| format!("tag{number}:v")).collect();
    let body = |comment: usize, tags: Value| json!({"type": "A", "name": "a", "content": "192.0.2.1", "comment": "x".repeat(comment), "tags": tags});
    assert_eq!(post(&simulator, &records, body(501, json!([]))).await.refusal(), (400, 9313));
    let over = post(&simulator, &records, body(1, json!([tags.clone(), vec!["more:v".to_owned()]].concat()))).await;
    assert_eq!((over.refusal(), over.cause()), ((400, 1004), 9300));
    assert_eq!(over.message(), "DNS record has 21 tags, exceeding the quota of 20.");
    let odd = post(&simulator, &records, body(1, json!(["with space:v"]))).await;
    assert_eq!((odd.refusal(), odd.cause()), ((400, 1004), 9301));
    post(&simulator, &records, body(500, json!(tags))).await.result();
}

/// What stands at a name, what is wished beside it, and the code that refuses it (0: none does).
const NEIGHBOURS: &[(&str, &str, i64)] = &[
    ("A", "CNAME", 81053),
    ("AAAA", "CNAME", 81053),
    ("CNAME", "CNAME", 81053),
    ("CNAME", "A", 81054),
    ("CNAME", "AAAA", 81054),
    ("NS", "A", 81056),
    ("NS", "TXT", 81056),
    ("A", "NS", 81055),
    ("A", "AAAA", 0),
    ("A", "A", 0),
    ("CNAME", "TXT", 0),
    ("TXT", "TXT", 0),
    ("TXT", "CNAME", 0),
    ("MX", "A", 0),
    ("NS", "NS", 0),
];

fn sample(kind: &str, name: &str, other: bool) -> Value {
    let content = match (kind, other) {
        ("A", false) => "192.0.2.1",
        ("A", true) => "192.0.2.2",
        ("AAAA", _) => "2001:db8::1",
        ("TXT", false) => "one",
        ("TXT", true) => "two",
        (_, false) => "one.example.net",
        (_, true) => "two.example.net",
    };
    json!({"type": kind, "name": name, "content": content, "priority": 10})
}

#[tokio::test]
async fn records_that_exclude_each_other_are_refused() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    for (index, (standing, wished, code)) in NEIGHBOURS.iter().enumerate() {
        let name = format!("host{index}");
        post(&simulator, &records, sample(standing, &name, false)).await.result();
        let answer = post(&simulator, &records, sample(wished, &name, true)).await;
        if *code == 0 {
            answer.result();
        } else {
            assert_eq!(answer.refusal(), (400, *code), "{standing} then {wished}");
        }
    }
}

#[tokio::test]
async fn at_the_apex_a_delegation_excludes_nothing() {
    let simulator = simulator();
    for (first, second) in [("NS", "A"), ("A", "NS")] {
        let records = records_of(&simulator, &format!("{}-first.com", first.to_lowercase())).await;
        post(&simulator, &records, sample(first, "@", false)).await.result();
        post(&simulator, &records, sample(second, "@", false)).await.result();
    }
}

#[tokio::test]
async fn a_change_is_held_to_the_same_rules_as_a_new_record() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    post(&simulator, &records, sample("CNAME", "www", false)).await.result();
    let path = format!("{records}/{}", post(&simulator, &records, sample("A", "mail", false)).await.id());
    let before = simulator.state();
    for (method, body, code) in [
        ("PATCH", json!({"name": "www"}), 81054),
        ("PUT", sample("CNAME", "www", true), 81053),
        ("PUT", sample("CNAME", "www", false), 81058),
        ("PATCH", json!({"content": "nonsense"}), 1004),
        ("PUT", json!({"content": "192.0.2.9"}), 1004),
        ("PATCH", json!({"ttl": 7}), 1004),
    ] {
        assert_eq!(call(&simulator, method, &path, Some(body.clone())).await.refusal(), (400, code), "{method} {body}");
    }
    assert_eq!(simulator.state(), before);
}

#[tokio::test]
async fn an_identical_record_is_refused_with_the_new_or_the_older_code() {
    for (older, code) in [(false, 81058), (true, 81057)] {
        let mut limits = Limits::default();
        limits.older_duplicate_code = older;
        let simulator = builder().limits(limits).build().expect("built");
        let records = records_of(&simulator, "bluepeak-shop.com").await;
        for kind in ["A", "CNAME", "TXT", "MX"] {
            let body = sample(kind, &format!("of-{}", kind.to_lowercase()), false);
            post(&simulator, &records, body.clone()).await.result();
            assert_eq!(post(&simulator, &records, body).await.refusal(), (400, code), "{kind}");
        }
        let spelled = json!({"type": "TXT", "name": "OF-TXT.bluepeak-shop.com.", "content": "\"one\"", "comment": "other"});
        assert_eq!(post(&simulator, &records, spelled).await.refusal(), (400, code), "in another spelling");
    }
}

#[tokio::test]
async fn the_free_plan_ends_at_two_hundred_records() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    for number in 0..200 {
        post(&simulator, &records, json!({"type": "A", "name": format!("h{number}"), "content": "192.0.2.1"})).await.result();
    }
    let over = json!({"type": "A", "name": "over", "content": "192.0.2.1"});
    assert_eq!(post(&simulator, &records, over.clone()).await.refusal(), (400, 81045));
    let first = get(&simulator, &records).await.column("id")[0].clone();
    call(&simulator, "PATCH", &format!("{records}/{first}"), Some(json!({"ttl": 60}))).await.result();
    call(&simulator, "DELETE", &format!("{records}/{first}"), None).await.result();
    post(&simulator, &records, over).await.result();
}
