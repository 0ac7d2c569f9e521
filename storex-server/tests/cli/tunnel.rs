//! `storex tunnel`: what it answers, with which exit code, and that it needs no server.

use crate::served::{Run, run};
use serde_json::{Value, json};
use std::io::Write;
use tempfile::NamedTempFile;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Runs a command on a file with this text; paths keep their underscores.
async fn on(command: &str, text: &str, flags: &[&str]) -> Run {
    let file = file(text);
    let path = file.path().display().to_string();
    let mut arguments: Vec<String> = ["tunnel", command, "--file", &path].map(str::to_owned).into();
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    run(arguments).await
}

fn document() -> String {
    json!({ "ingress": [
        { "hostname": "oceanbreezestore.com", "path": "^/api", "service": "http://127.0.0.1:4001" },
        { "hostname": "*.storex.com", "service": "http://127.0.0.1:3000" },
        { "service": "http_status:404" }
    ] })
    .to_string()
}

#[tokio::test]
async fn a_valid_document_ends_with_0_and_says_which_rule_takes_each_url() {
    let urls = ["https://oceanbreezestore.com/api/x", "https://a.b.storex.com:443/", "https://storex.com", "not a url"];
    let flags: Vec<&str> = urls.iter().flat_map(|url| ["--url", url]).chain(["--json"]).collect();
    let checked = on("check", &document(), &flags).await;
    let rules = [json!(0), json!(1), json!(2), Value::Null];
    let matches: Vec<Value> = urls.iter().zip(rules).map(|(url, rule)| json!({ "url": url, "rule": rule })).collect();
    assert_eq!((checked.exit, checked.err.as_str()), (Some(0), ""));
    assert_eq!(checked.json(), json!({ "valid": true, "error": null, "matches": matches }));
    let keys: Vec<String> = checked.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["valid", "error", "matches"]);
    let shown = on("check", &document(), &flags[..flags.len() - 1]).await;
    let expected = "valid: 3 rules\nhttps://oceanbreezestore.com/api/x → rule 0, http://127.0.0.1:4001\n\
                    https://a.b.storex.com:443/ → rule 1, http://127.0.0.1:3000\nhttps://storex.com → rule 2, http_status:404\nnot a url is no URL\n";
    assert_eq!((shown.exit, shown.out.as_str()), (Some(0), expected));
}

#[tokio::test]
async fn an_invalid_document_ends_with_6_and_says_why_in_cloudflareds_words() {
    let last = "The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)";
    let text = json!({ "ingress": [{ "hostname": "a.com", "service": "http://a" }] }).to_string();
    let checked = on("check", &text, &["--url", "https://a.com", "--json"]).await;
    assert_eq!((checked.exit, checked.err.as_str()), (Some(6), ""));
    assert_eq!(checked.json(), json!({ "valid": false, "error": last, "matches": [] }));
    let shown = on("check", &text, &[]).await;
    assert_eq!((shown.exit, shown.out.as_str()), (Some(6), ""));
    assert!(shown.err.contains(last) && shown.err.contains("/ingress"), "{}", shown.err);
}

#[tokio::test]
async fn what_storex_refuses_beyond_cloudflared_is_named_and_more_of_it_with_strict() {
    let hosts = |first: &str, second: &str| {
        let rule = |hostname: &str| json!({ "hostname": hostname, "service": "http://a" });
        json!({ "ingress": [rule(first), rule(second), { "service": "http_status:404" }] }).to_string()
    };
    let wildcard = on("check", &hosts("*shop.com", "a.com"), &["--json"]).await;
    assert_eq!(wildcard.exit, Some(6));
    assert!(wildcard.json()["error"].as_str().unwrap().starts_with("wildcard_without_dot: rule #1"), "{}", wildcard.out);
    let behind = hosts("*.storex.com", "a.storex.com");
    assert_eq!(on("check", &behind, &["--json"]).await.exit, Some(0));
    let strict = on("check", &behind, &["--strict", "--json"]).await;
    assert_eq!(strict.exit, Some(6));
    assert!(strict.json()["error"].as_str().unwrap().starts_with("unreachable: rule #2"), "{}", strict.out);
}

#[tokio::test]
async fn a_file_that_is_missing_or_not_json_is_an_error_not_a_verdict() {
    let missing = run("tunnel check --file /nowhere/ingress.json --json".split(' ').map(str::to_owned).collect()).await;
    assert!(missing.failed(3, "not_found")["detail"].as_str().unwrap().contains("/nowhere/ingress.json"));
    let broken = on("check", "{", &["--json"]).await;
    assert!(broken.failed(6, "invalid_json")["detail"].as_str().unwrap().contains("is not JSON"));
    let folder = run("tunnel check --file / --json".split(' ').map(str::to_owned).collect()).await;
    folder.failed(2, "unusable");
    for text in ["[]", "{}", "null", "{\"ingress\": 5}"] {
        let checked = on("check", text, &["--json"]).await;
        assert_eq!((checked.exit, checked.json()["valid"].clone()), (Some(6), json!(false)), "{text}");
    }
}

#[tokio::test]
async fn the_files_of_a_locally_managed_tunnel_are_printed_as_they_are() {
    let settings = json!({ "tunnel_config": {
        "tunnel_id": "storex-main-tunnel", "credentials_file": "/etc/cloudflared/creds/tunnel.json", "grace_period": "30s",
        "ingress_rules": [{ "hostname": "*.storex.com", "service": "http://localhost:3000" }, { "hostname": "*", "service": "http://localhost:3000" }]
    } })
    .to_string();
    let config = on("config", &settings, &[]).await;
    assert_eq!(config.exit, Some(0), "{}", config.err);
    assert!(config.out.starts_with("tunnel: \"storex-main-tunnel\"\ncredentials-file: "), "{}", config.out);
    let unit = on("unit", &settings, &["--program", "/opt/cloudflared", "--user", "tunnel"]).await;
    assert_eq!(unit.exit, Some(0), "{}", unit.err);
    assert!(
        unit.out.contains(
            "User=tunnel\nExecStart=/opt/cloudflared --no-autoupdate --config /etc/cloudflared/config.yml tunnel run\n"
        )
    );
    assert_eq!(
        on("unit", &settings, &["--json"]).await.json()["unit"].as_str().map(|unit| unit.starts_with("[Unit]\n")),
        Some(true)
    );
    let refused = on("config", &settings.replace("30s", "1h"), &["--json"]).await;
    assert_eq!(refused.failed(6, "invalid_field")["pointer"], "/tunnel_config/grace_period");
}
