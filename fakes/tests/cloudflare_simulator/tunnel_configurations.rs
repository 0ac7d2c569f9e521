//! Tunnel configurations: versions, unknown keys, and cloudflared's own refusals.

use serde_json::{Value, json};
use storex_fakes::cloudflare::Simulator;

use crate::client::{Answer, call, get, post, simulator, tunnels_of};

async fn tunnel() -> (Simulator, String) {
    let simulator = simulator();
    let tunnels = tunnels_of(&simulator);
    let id = post(&simulator, &tunnels, json!({"name": "storex-main", "config_src": "cloudflare"})).await.id();
    let path = format!("{tunnels}/{id}/configurations");
    (simulator, path)
}

async fn put(simulator: &Simulator, path: &str, config: Value) -> Answer {
    call(simulator, "PUT", path, Some(json!({"config": config}))).await
}

#[tokio::test]
async fn every_put_raises_the_version_and_the_last_writer_wins() {
    let (simulator, path) = tunnel().await;
    let fresh = get(&simulator, &path).await;
    assert_eq!((&fresh.result()["version"], &fresh.result()["config"]), (&json!(0), &Value::Null));
    let first = json!({"ingress": [{"service": "http://127.0.0.1:3000"}]});
    let second = json!({"ingress": [{"service": "http_status:404"}]});
    for (config, version) in [(&first, 1), (&first, 2), (&second, 3)] {
        let answer = put(&simulator, &path, config.clone()).await;
        let shown = answer.result();
        assert_eq!((&shown["version"], &shown["source"]), (&json!(version), &json!("cloudflare")), "also when nothing changed");
        assert_eq!(shown["config"]["ingress"], config["ingress"]);
    }
    let seen = get(&simulator, &path).await;
    assert_eq!(seen.result()["version"], 3);
    assert_eq!(seen.result()["config"], json!({"ingress": second["ingress"], "warp-routing": {"enabled": false}}));
}

#[tokio::test]
async fn keys_nobody_here_knows_are_kept() {
    let (simulator, path) = tunnel().await;
    let config = json!({
        "future": {"x": [1, 2.5, null]},
        "warp-routing": {"enabled": true},
        "originRequest": {"connectTimeout": 10, "novel": "yes"},
        "ingress": [{"hostname": "a.shop.com", "service": "https://localhost:8443", "hint": 7, "originRequest": {"noTLSVerify": true}},
            {"service": "http_status:404"}],
    });
    put(&simulator, &path, config.clone()).await.result();
    assert_eq!(get(&simulator, &path).await.result()["config"], config);
}

#[tokio::test]
async fn documents_cloudflared_runs_are_accepted() {
    let (simulator, path) = tunnel().await;
    let last = json!({"service": "http_status:404"});
    for rule in [
        json!({"hostname": "*.storex.com", "service": "http://127.0.0.1:3000"}),
        json!({"hostname": "*shop.com", "service": "http://127.0.0.1:3000"}),
        json!({"hostname": "bücher.de", "service": "http://127.0.0.1:3000"}),
        json!({"hostname": "::1", "service": "http://[::1]:3000"}),
        json!({"hostname": "a.b.com", "path": "^/api/(v1|v2)/[^/]+$", "service": "ws://localhost"}),
        json!({"path": "/only", "service": "tcp://db.internal:5432"}),
        json!({"hostname": "a.b.com", "service": "ssh://127.0.0.1:22", "originRequest": {"access": {"required": true, "audTag": []}}}),
        json!({"hostname": "a.b.com", "service": "unix:/run/a.sock"}),
        json!({"hostname": "a.b.com", "service": "unix+tls:/run/a.sock"}),
        json!({"hostname": "a.b.com", "service": "hello_world"}),
        json!({"hostname": "a.b.com", "service": "bastion"}),
        json!({"hostname": "a.b.com", "service": "socks-proxy"}),
        json!({"hostname": "a.b.com", "originRequest": {"bastionMode": true}}),
        json!({"hostname": "a.b.com", "service": "http_status:999"}),
    ] {
        put(&simulator, &path, json!({"ingress": [rule, last]})).await.result();
    }
    for config in [json!({}), json!({"ingress": null}), json!({"ingress": [{"hostname": "*", "service": "http://127.0.0.1:1"}]})]
    {
        put(&simulator, &path, config).await.result();
    }
}

const CATCH_ALL_TEXT: &str =
    "Validation failed: The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)";

/// A single rule before the catch-all, and how it is refused.
const RULES: &[(&str, &str)] = &[
    (
        r#"{"service":"http://a"}"#,
        "Validation failed: Rule #1 is matching the hostname '', but this will match every hostname, meaning the rules which follow it will never be triggered.",
    ),
    (
        r#"{"hostname":"*","service":"http://a"}"#,
        "Validation failed: Rule #1 is matching the hostname '*', but this will match every hostname, meaning the rules which follow it will never be triggered.",
    ),
    (
        r#"{"hostname":"a.*.com","service":"http://a"}"#,
        "Validation failed: Hostname patterns can have at most one wildcard character (\"*\") and it can only be used for subdomains, e.g. \"*.example.com\"",
    ),
    (
        r#"{"hostname":"**.com","service":"http://a"}"#,
        "Validation failed: Hostname patterns can have at most one wildcard character (\"*\") and it can only be used for subdomains, e.g. \"*.example.com\"",
    ),
    (r#"{"hostname":"a.com:443","service":"http://a"}"#, "Validation failed: Hostname cannot contain a port"),
    (r#"{"hostname":"[::1]:443","service":"http://a"}"#, "Validation failed: Hostname cannot contain a port"),
    (
        r#"{"hostname":"a.com","path":"*/x","service":"http://a"}"#,
        "Validation failed: Rule #1 has an invalid regex: error parsing regexp: missing argument to repetition operator: `*`",
    ),
    (
        r#"{"hostname":"a.com","service":"localhost:8000"}"#,
        "Validation failed: localhost:8000 is an invalid address, please make sure it has a scheme and a hostname",
    ),
    (r#"{"hostname":"a.com"}"#, "Validation failed:  is an invalid address, please make sure it has a scheme and a hostname"),
    (
        r#"{"hostname":"a.com","service":"http://"}"#,
        "Validation failed: http:// is an invalid address, please make sure it has a scheme and a hostname",
    ),
    (
        r#"{"hostname":"a.com","service":"http://:80"}"#,
        "Validation failed: http://:80 is an invalid address, please make sure it has a scheme and a hostname",
    ),
    (
        r#"{"hostname":"a.com","service":"http://a/"}"#,
        "Validation failed: http://a/ is an invalid address, ingress rules don't support proxying to a different path on the origin service. The path will be the same as the eyeball request's path",
    ),
    (
        r#"{"hostname":"a.com","service":"https://local host:8000"}"#,
        "Validation failed: parse \"https://local host:8000\": invalid character in host name",
    ),
    (
        r#"{"hostname":"a.com","service":"http://a:eighty"}"#,
        "Validation failed: parse \"http://a:eighty\": invalid port \":eighty\" after host",
    ),
    (r#"{"hostname":"a.com","service":"http_status:99"}"#, "Validation failed: invalid HTTP status code: 99"),
    (r#"{"hostname":"a.com","service":"http_status:teapot"}"#, "Validation failed: invalid HTTP status code: teapot"),
    (
        r#"{"hostname":"a.com","service":"http://a","originRequest":{"access":{"required":true,"audTag":["x"]}}}"#,
        "Validation failed: access.TeamName cannot be blank when access.audTags are present",
    ),
    (
        r#"{"hostname":"a.com","service":"http://a","originRequest":{"connectTimeout":"30s"}}"#,
        "json: cannot unmarshal value into Go struct field originRequest.connectTimeout of type config.CustomDuration",
    ),
    (
        r#"{"hostname":"a.com","service":"http://a","originRequest":{"tlsTimeout":0.5}}"#,
        "json: cannot unmarshal value into Go struct field originRequest.tlsTimeout of type config.CustomDuration",
    ),
    (
        r#"{"hostname":"a.com","service":"http://a","originRequest":{"noTLSVerify":"true"}}"#,
        "json: cannot unmarshal value into Go struct field originRequest.noTLSVerify of type bool",
    ),
    (
        r#"{"hostname":"a.com","service":"http://a","originRequest":[]}"#,
        "json: cannot unmarshal value into Go struct field originRequest of type config.OriginRequestConfig",
    ),
    (
        r#"{"hostname":7,"service":"http://a"}"#,
        "json: cannot unmarshal value into Go struct field ingress.hostname of type string",
    ),
    (r#""a.com""#, "json: cannot unmarshal value into Go struct field ingress of type config.UnvalidatedIngressRule"),
];

#[tokio::test]
async fn rules_cloudflared_refuses_are_refused_in_its_words_and_change_nothing() {
    let (simulator, path) = tunnel().await;
    let before = simulator.state();
    for (rule, text) in RULES {
        let rule: Value = serde_json::from_str(rule).expect("JSON");
        let answer = put(&simulator, &path, json!({"ingress": [rule, {"service": "http_status:404"}]})).await;
        assert_eq!(answer.refusal(), (400, 1056));
        assert_eq!(answer.message(), format!("Bad Configuration: {text}"));
    }
    for (config, text) in [
        (json!({"ingress": []}), "Validation failed: The config file doesn't contain any ingress rules"),
        (json!({"ingress": [{"hostname": "a.com", "service": "http://a"}]}), CATCH_ALL_TEXT),
        (json!({"ingress": [{"path": "/x", "service": "http://a"}]}), CATCH_ALL_TEXT),
        (
            json!({"ingress": {}}),
            "json: cannot unmarshal value into Go struct field ingress of type []config.UnvalidatedIngressRule",
        ),
        (
            json!({"originRequest": {"keepAliveConnections": -1}, "ingress": [{"service": "http://a"}]}),
            "json: cannot unmarshal value into Go struct field originRequest.keepAliveConnections of type uint",
        ),
        (json!("text"), "config is not an object"),
        (json!(null), "config is not an object"),
    ] {
        let answer = put(&simulator, &path, config).await;
        assert_eq!(answer.refusal(), (400, 1056));
        assert_eq!(answer.message(), format!("Bad Configuration: {text}"));
    }
    assert_eq!(simulator.state(), before);
}

#[tokio::test]
async fn a_document_of_a_thousand_rules_is_accepted_and_its_first_bad_rule_named() {
    let (simulator, path) = tunnel().await;
    let mut rules: Vec<Value> =
        (0..1000).map(|n| json!({"hostname": format!("s{n}.shop.com"), "service": "http://127.0.0.1:4001"})).collect();
    rules.push(json!({"service": "http_status:404"}));
    put(&simulator, &path, json!({"ingress": rules})).await.result();
    rules[500]["hostname"] = json!("");
    rules[600]["hostname"] = json!("*");
    let answer = put(&simulator, &path, json!({"ingress": rules})).await;
    assert!(answer.message().contains("Rule #501 is matching"), "{}", answer.message());
}
