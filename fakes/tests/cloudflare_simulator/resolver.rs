//! What the world answers for a name: wildcards, the proxy, flattening, and the visit of a hostname.

use serde_json::json;
use storex_fakes::cloudflare::{OutsideRecord, Simulator, ZoneStatus};

use crate::client::{call, control, post, records_of, simulator, tunnels_of};

async fn shop(records: &[(&str, &str, &str, bool)]) -> Simulator {
    let simulator = simulator();
    let path = records_of(&simulator, "bluepeak-shop.com").await;
    simulator.set_zone_status("bluepeak-shop.com", ZoneStatus::Active).expect("known");
    for (name, kind, content, proxied) in records {
        let body = json!({"type": kind, "name": name, "content": content, "proxied": proxied, "priority": 10});
        post(&simulator, &path, body).await.result();
    }
    simulator
}

fn answers(simulator: &Simulator, name: &str, kind: &str) -> Vec<String> {
    let found = simulator.resolve(&format!("{name}bluepeak-shop.com"), kind);
    found.into_iter().map(|record| if record.proxied { "edge".to_owned() } else { record.content }).collect()
}

#[tokio::test]
async fn any_record_on_a_name_stops_the_wildcard_for_it_and_for_what_is_below() {
    let simulator = shop(&[
        ("*", "CNAME", "t.example.net", true),
        ("store1", "TXT", "a text", false),
        ("_acme-challenge.store2", "TXT", "proof", false),
    ])
    .await;
    assert_eq!(answers(&simulator, "store9.", "A"), ["edge"]);
    assert_eq!(answers(&simulator, "deep.store9.", "A"), ["edge"], "a wildcard stands in at any depth");
    assert_eq!(answers(&simulator, "store1.", "A"), Vec::<String>::new(), "the TXT record silently kills the store");
    assert_eq!(answers(&simulator, "x.store1.", "A"), Vec::<String>::new());
    assert_eq!(answers(&simulator, "store2.", "A"), Vec::<String>::new(), "and so does one below it");
    assert_eq!(answers(&simulator, "", "A"), Vec::<String>::new(), "the apex is not covered");
    assert_eq!(answers(&simulator, "_acme-challenge.store2.", "TXT"), ["proof"]);
}

#[tokio::test]
async fn a_proxied_name_answers_with_the_edge_and_never_with_its_content() {
    let simulator = shop(&[
        ("www", "CNAME", "t.example.net", true),
        ("plain", "CNAME", "t.example.net", false),
        ("@", "CNAME", "t.example.net", false),
        ("@", "MX", "mail.example.net", false),
    ])
    .await;
    simulator.set_outside_records("t.example.net", vec![OutsideRecord::new("A", "198.51.100.7")]).expect("no file");
    assert_eq!(answers(&simulator, "www.", "A"), ["edge"]);
    assert_eq!(answers(&simulator, "www.", "CNAME"), Vec::<String>::new());
    assert_eq!(answers(&simulator, "plain.", "A"), ["t.example.net", "198.51.100.7"]);
    assert_eq!(answers(&simulator, "", "A"), ["198.51.100.7"], "flattened at the apex");
    assert_eq!(answers(&simulator, "", "MX"), ["10 mail.example.net"]);
    let shown = control(&simulator, "GET", "/resolve?name=www.bluepeak-shop.com&type=A", None).await;
    assert_eq!(shown.body[0]["proxied"], true);
}

#[tokio::test]
async fn a_zone_nobody_delegated_answers_nothing_and_a_loop_ends() {
    let simulator = shop(&[("www", "A", "192.0.2.1", false)]).await;
    assert_eq!(answers(&simulator, "www.", "A"), ["192.0.2.1"]);
    simulator.set_zone_status("bluepeak-shop.com", ZoneStatus::Moved).expect("known");
    assert_eq!(answers(&simulator, "www.", "A"), Vec::<String>::new());
    for (name, target) in [("a.loop.net", "b.loop.net"), ("b.loop.net", "a.loop.net")] {
        simulator.set_outside_records(name, vec![OutsideRecord::new("CNAME", target)]).expect("no file");
    }
    assert!(simulator.resolve("a.loop.net", "A").iter().all(|record| record.kind == "CNAME"));
    for (name, target) in [("x.loop.net", "y.loop.net"), ("y.loop.net", "x.loop.net")] {
        simulator.set_outside_records(name, vec![OutsideRecord::new("ALIAS", target)]).expect("no file");
    }
    assert_eq!(simulator.resolve("x.loop.net", "A"), []);
}

#[tokio::test]
async fn a_visit_ends_where_the_path_inward_is_broken() {
    let simulator = simulator();
    let records = format!("/zones/{}/dns_records", simulator.state().zones[0].id);
    let outcome = || simulator.visit("shop.storex.com").outcome;
    assert_eq!(outcome(), "unresolved");
    let tunnels = tunnels_of(&simulator);
    let tunnel = post(&simulator, &tunnels, json!({"name": "storex-main", "config_src": "cloudflare"})).await.id();
    let record = json!({"type": "CNAME", "name": "*", "content": format!("{tunnel}.cfargotunnel.com"), "proxied": true});
    post(&simulator, &records, record).await.result();
    assert_eq!(outcome(), "no_connector");
    simulator.attach_connector(&tunnel).expect("live");
    assert_eq!(outcome(), "unconfigured");
    let ingress = json!([{"hostname": "*.storex.com", "service": "http://127.0.0.1:3000"}, {"service": "http_status:404"}]);
    call(&simulator, "PUT", &format!("{tunnels}/{tunnel}/configurations"), Some(json!({"config": {"ingress": ingress}})))
        .await
        .result();
    let served = simulator.visit("shop.storex.com");
    assert_eq!((served.outcome.as_str(), served.service.as_deref()), ("served", Some("http://127.0.0.1:3000")));
    assert_eq!(simulator.visit("a.shop.storex.com").outcome, "no_certificate", "universal certificates go one level deep");
    simulator.set_outside_records("www.other-shop.com", vec![OutsideRecord::new("A", "198.51.100.7")]).expect("no file");
    assert_eq!(simulator.visit("www.other-shop.com").outcome, "elsewhere");
    assert_eq!(control(&simulator, "GET", "/visit/shop.storex.com", None).await.body["outcome"], "served");
}
