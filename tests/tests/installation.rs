//! What `storex up` promises beyond the demo: stores that do not serve, busy ports, a directory in use, a restart.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use serde_json::json;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;
use storex_core::Code;
use storex_core::record::Routing;
use storex_server::up::{RoleName, UpOptions, serve};
use storex_tests::installation::{Installation, directory, exchange, header, options};
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
    options.start_limit = Duration::from_secs(4);
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

/// The rules of the simulated tunnel's document, host name and service, asked of the simulator as of Cloudflare.
fn rules(up: &Installation, dir: &Path) -> Vec<(String, String)> {
    let token = std::fs::read_to_string(dir.join("data/simulator.token")).unwrap();
    let get = |path: &str| -> serde_json::Value {
        let head = format!("GET /client/v4{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        let text = format!("{head}Authorization: Bearer {}\r\n\r\n", token.trim());
        let (status, _, body) = exchange(up.ports.simulator, &text).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str::<serde_json::Value>(&body).unwrap()["result"].clone()
    };
    let tunnels = format!("/accounts/{}/cfd_tunnel", get("/zones")[0]["account"]["id"].as_str().unwrap());
    let tunnel = get(&format!("{tunnels}?is_deleted=false"))[0]["id"].as_str().unwrap().to_owned();
    let document = get(&format!("{tunnels}/{tunnel}/configurations"));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rules = document["config"]["ingress"].as_array().unwrap();
    rules.iter().map(|rule| (text(&rule["hostname"]), text(&rule["service"]))).collect()
}

#[test]
fn direct_routing_leads_a_store_s_names_straight_to_its_own_port_and_nowhere_once_it_is_gone() {
    let dir = directory().unwrap();
    let options = UpOptions { routing: Routing::Direct, ..options(dir.path(), "examples/store-core", 26_600).unwrap() };
    let up = Installation::start(options).unwrap();
    let router = format!("http://localhost:{}", up.ports.router);
    let platform = [("*.storex.com".to_owned(), router), (String::new(), "http_status:404".to_owned())];
    assert_eq!(rules(&up, dir.path()), platform);
    let (status, head, answer) = up.api("POST", "/api/stores", Some(&body("bluepeak"))).unwrap();
    assert_eq!(status, 201, "{answer:#}");
    assert_eq!(up.rest(&operation(&head, &answer)).unwrap()["state"], "succeeded");

    let names = ["bluepeak-shop.com", "bluepeak.storex.com"];
    let all = rules(&up, dir.path());
    let (stores, others) = all.split_at(2);
    assert_eq!((stores.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), others), (names.to_vec(), &platform[..]));
    for (name, service) in stores {
        let port: u16 = service.strip_prefix("http://localhost:").unwrap().parse().unwrap();
        assert!((26_600..26_620).contains(&port) && port != up.ports.router, "{service}");
        let text = format!("GET /health HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        let (status, _, body) = exchange(port, &text).unwrap();
        assert!(status == 200 && body.contains("bluepeak"), "{name}: {status} {body}");
    }
    let (status, _, ready) = up.api("GET", "/readyz", None).unwrap();
    assert_eq!(
        (status, &ready["tunnel"]["state"]),
        (200, &json!("down")),
        "no cloudflared runs here, and stores are made: {ready}"
    );

    let (_, head, answer) = up.api("DELETE", &format!("/api/stores/{}", answer["store_id"].as_str().unwrap()), None).unwrap();
    assert_eq!(up.rest(&operation(&head, &answer)).unwrap()["state"], "succeeded");
    assert_eq!(rules(&up, dir.path()), platform);
    up.stop().unwrap();
    assert_eq!(living_in(dir.path()), Vec::<u32>::new());
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
