//! What `storex up` promises beyond the demo: stores that do not serve, busy ports, a directory in use, a restart.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use serde_json::json;
use std::net::{Ipv4Addr, TcpListener};
use storex_core::Code;
use storex_server::up::{RoleName, UpOptions, serve};
use storex_tests::installation::{Installation, directory, header, options};
use storex_tests::process::living_in;

fn body(username: &str) -> serde_json::Value {
    json!({
        "username": username, "domain": format!("{username}-shop.com"),
        "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
    })
}

fn operation(head: &str, answer: &serde_json::Value) -> String {
    header(head, "operation-location").unwrap_or_else(|| format!("/api/operations/{}", answer["operation"].as_str().unwrap()))
}

/// A store made of this core is rolled back with these words in its log and leaves nothing.
fn is_rolled_back(core: &str, stores: u16, words: &str) {
    let dir = directory().unwrap();
    let mut options = options(dir.path(), core, stores).unwrap();
    options.start_limit = std::time::Duration::from_secs(4);
    let up = Installation::start(options).unwrap();
    let (_, head, answer) = up.api("POST", "/api/stores", Some(&body("doomed"))).unwrap();
    let view = up.rest(&operation(&head, &answer)).unwrap();
    assert_eq!(view["state"], "rolled_back", "{view:#}");
    assert_eq!(view["error"]["code"], "process_not_serving", "{view:#}");
    assert!(view["error"]["context"].to_string().contains(words), "{view:#}");
    assert_eq!(up.visit("doomed.storex.com", "/").unwrap(), 421);
    assert_eq!(up.api("GET", "/api/stores", None).unwrap().2["stores"], json!([]));
    assert_eq!(std::fs::read_dir(dir.path().join("data/host/stores")).unwrap().count(), 0);
    up.stop().unwrap();
    assert_eq!(living_in(dir.path()), Vec::<u32>::new());
}

#[test]
fn a_store_that_never_listens_is_rolled_back_with_its_last_log_lines() {
    is_rolled_back("tests/fixtures/store-core-silent", 26_100, "waiting for something that never comes");
}

#[test]
fn a_store_that_crashes_is_rolled_back_with_its_last_log_lines() {
    is_rolled_back("tests/fixtures/store-core-crash", 26_200, "the shop has no shelves");
}

#[test]
fn taken_ports_are_skipped_and_stores_are_back_after_a_restart() {
    let dir = directory().unwrap();
    let options = options(dir.path(), "examples/store-core", 26_300).unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 26_300)).unwrap();
    let up = Installation::start(options.clone()).unwrap();
    let (status, head, answer) = up.api("POST", "/api/stores", Some(&body("bluepeak"))).unwrap();
    assert_eq!(status, 201, "{answer:#}");
    assert_eq!(up.rest(&operation(&head, &answer)).unwrap()["state"], "succeeded");
    assert_eq!(up.visit("bluepeak.storex.com", "/health").unwrap(), 200);
    let error = Installation::start(options.clone()).unwrap_err().to_string();
    assert!(error.starts_with("directory_busy"), "{error}");
    up.stop().unwrap();
    assert_eq!(living_in(dir.path()), Vec::<u32>::new());
    drop(taken);

    let up = Installation::start(options).unwrap();
    assert_eq!(up.visit("bluepeak.storex.com", "/health").unwrap(), 200);
    assert_eq!(up.visit("bluepeak-shop.com", "/health").unwrap(), 200);
    let id = answer["store_id"].as_str().unwrap();
    let (status, head, answer) = up.api("DELETE", &format!("/api/stores/{id}"), None).unwrap();
    assert_eq!(status, 202);
    assert_eq!(up.rest(&operation(&head, &answer)).unwrap()["state"], "succeeded");
    up.stop().unwrap();
}

#[test]
fn a_busy_port_is_named() {
    let dir = directory().unwrap();
    let options = options(dir.path(), "examples/store-core", 26_400).unwrap();
    for (name, port) in
        [("controller", options.ports.controller), ("agent", options.ports.agent), ("router", options.ports.router)]
    {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let error = Installation::start(options.clone()).unwrap_err().to_string();
        assert!(error.starts_with("port_busy") && error.contains(&port.to_string()), "{name}: {error}");
        drop(held);
    }
    assert_eq!(living_in(dir.path()), Vec::<u32>::new());
}

#[test]
fn a_role_without_its_token_refuses_to_start_and_leaves_nothing_running() {
    let dir = directory().unwrap();
    for role in [RoleName::Agent, RoleName::Controller] {
        let options = UpOptions { make_tokens: false, ..options(dir.path(), "examples/store-core", 26_500).unwrap() };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let error = runtime.block_on(serve(role, options, std::future::pending(), |_| {})).unwrap_err();
        assert_eq!(error.code(), Code::Unusable, "{error}");
        assert!(error.message().contains(".token"), "{error}");
    }
    assert_eq!(living_in(dir.path()), Vec::<u32>::new());
}
