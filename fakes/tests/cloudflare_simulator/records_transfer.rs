//! Export, import and scans.

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use storex_fakes::cloudflare::{OutsideRecord, Plan, Simulator};

use crate::client::{Answer, TOKEN, get, post, records_of, send, simulator};

/// Sends a file as a form.
async fn import(simulator: &Simulator, records: &str, file: &str, proxied: &str) -> Answer {
    let part = |name: &str, value: &str| format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = format!("{}{}--cut--\r\n", part("file", file), part("proxied", proxied));
    let request = axum::http::Request::builder()
        .method("POST")
        .uri(format!("/client/v4{records}/import"))
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "multipart/form-data; boundary=cut")
        .body(body.into())
        .expect("a request");
    send(simulator.router(), request).await.expect("an answer")
}

/// Everything of the zone's records that a file can carry.
fn carried(simulator: &Simulator) -> Vec<String> {
    let world = simulator.state();
    let zone = world.zone_named("bluepeak-shop.com").expect("there");
    let mut shown: Vec<String> = zone
        .records
        .iter()
        .map(|r| {
            format!(
                "{} {} {} {:?} {} {:?} {:?} {:?} {:?}",
                r.kind, r.name, r.content, r.priority, r.proxied, r.ttl, r.comment, r.tags, r.data
            )
        })
        .collect();
    shown.sort();
    shown
}

fn record() -> impl Strategy<Value = Value> {
    let text = "[ -~]{1,300}";
    let host = "[a-z]{1,8}(\\.[a-z]{2,5}){1,3}";
    let content = prop_oneof![
        any::<[u8; 4]>()
            .prop_map(|octets| json!({"type": "A", "content": format!("9.{}.{}.{}", octets[1], octets[2], octets[3])})),
        any::<u16>().prop_map(|part| json!({"type": "AAAA", "content": format!("2001:db8::{part:x}")})),
        host.prop_map(|host| json!({"type": "CNAME", "content": host})),
        text.prop_map(|text| json!({"type": "TXT", "content": text})),
        (any::<u16>(), host).prop_map(|(priority, host)| json!({"type": "MX", "content": host, "priority": priority})),
        (any::<[u16; 3]>(), host).prop_map(|([priority, weight, port], host)| {
            json!({"type": "SRV", "data": {"priority": priority, "weight": weight, "port": port, "target": host}})
        }),
        "[a-z.]{1,20}".prop_map(|value| json!({"type": "CAA", "data": {"flags": 0, "tag": "issue", "value": value}})),
    ];
    let name = prop_oneof![Just("@".to_owned()), "[a-z_]{1,6}(\\.[a-z]{1,4})?", Just("*.wild".to_owned())];
    let comment =
        prop_oneof![Just(json!(null)), "[!-~]([ -~]{0,40}[!-~])?".prop_map(|text| json!(text)), Just(json!("; x cf_tags=a:b"))];
    let tags = prop::collection::vec("[a-z]{1,8}:[a-z0-9 ]{0,5}[a-z0-9]", 0..3);
    let ttl = prop_oneof![Just(1_u32), 60..86_400_u32];
    (content, name, comment, tags, ttl, any::<bool>()).prop_map(|(mut record, name, comment, tags, ttl, proxied)| {
        let proxiable = matches!(record["type"].as_str(), Some("A" | "AAAA" | "CNAME"));
        record["name"] = json!(name);
        record["comment"] = comment;
        record["tags"] = json!(tags);
        record["ttl"] = json!(ttl);
        record["proxied"] = json!(proxied && proxiable);
        record
    })
}

async fn fresh() -> (Simulator, String) {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    simulator.set_plan("bluepeak-shop.com", Plan::Pro).expect("known");
    (simulator, records)
}

#[test]
fn what_is_exported_and_imported_again_is_the_same() {
    let config = ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let carried_over = std::cell::Cell::new(0);
    let outcome = runner.run(&prop::collection::vec(record(), 1..12), |wishes| {
        runtime.block_on(async {
            let (source, records) = fresh().await;
            for wish in wishes {
                post(&source, &records, wish).await;
            }
            let file = get(&source, &format!("{records}/export")).await;
            let (copy, records) = fresh().await;
            let imported = import(&copy, &records, &file.text, "false").await;
            assert_eq!(imported.result()["recs_added"], carried(&source).len(), "{}\n{}", imported.text, file.text);
            assert_eq!(carried(&copy), carried(&source), "{}", file.text);
            carried_over.set(carried_over.get() + carried(&source).len());
        });
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
    assert!(carried_over.get() > 500, "{carried_over:?} records");
}

#[tokio::test]
async fn the_proxy_switch_of_a_file_goes_before_that_of_the_form() {
    let (simulator, records) = fresh().await;
    let file = "a 300 A 192.0.2.1\nb 300 A 192.0.2.1 ; cf_tags=cf-proxied:false\nc TXT \"t\"\n";
    assert_eq!(import(&simulator, &records, file, "true").await.result(), &json!({"recs_added": 3, "total_records_parsed": 3}));
    let proxied = get(&simulator, &format!("{records}?proxied=true")).await;
    assert_eq!(proxied.column("name"), ["a.bluepeak-shop.com"]);
    let again = import(&simulator, &records, file, "true").await;
    assert_eq!(again.result(), &json!({"recs_added": 0, "total_records_parsed": 3}), "what is there is passed over");
}

#[tokio::test]
async fn a_file_that_is_not_good_changes_nothing() {
    let (simulator, records) = fresh().await;
    let before = simulator.state();
    let large = "; ".to_owned() + &"x".repeat(256 * 1024);
    for file in
        ["$INCLUDE other", "a A nonsense", "a 300 A 192.0.2.1\nb A 1.2.3", "a 300 A 192.0.2.1\na 300 CNAME b.c.", large.as_str()]
    {
        assert_eq!(import(&simulator, &records, file, "false").await.status, 400, "{}", file.get(..20).unwrap_or(file));
    }
    assert_eq!(post(&simulator, &format!("{records}/import"), json!({"file": "a"})).await.status, 400, "not a form");
    assert_eq!(simulator.state(), before);
    let usage = get(&simulator, &format!("{records}/usage")).await;
    assert_eq!(usage.result(), &json!({"record_quota": 3500, "record_usage": 0}));
}

#[tokio::test]
async fn a_scan_adds_nothing_until_it_was_judged() {
    let (simulator, records) = fresh().await;
    for (name, kind, content) in [
        ("www", "A", "203.0.113.1"),
        ("mail", "A", "203.0.113.2"),
        ("blog", "CNAME", "b.old.net"),
        ("private", "A", "203.0.113.9"),
    ] {
        let name = format!("{name}.bluepeak-shop.com");
        simulator.set_outside_records(&name, vec![OutsideRecord::new(kind, content)]).expect("no file");
    }
    let started = post(&simulator, &format!("{records}/scan/trigger"), json!({})).await;
    assert_eq!((&started.body["success"], started.body.get("result")), (&json!(true), None));
    let review = format!("{records}/scan/review");
    assert_eq!(get(&simulator, &review).await.result(), &json!([]), "it takes a while");
    simulator.advance(SignedDuration::from_secs(10)).expect("no file");
    let found = get(&simulator, &review).await;
    let names = ["www.bluepeak-shop.com", "mail.bluepeak-shop.com", "blog.bluepeak-shop.com"];
    assert_eq!(found.column("name"), names, "only names a scan knows: no copy of a zone");
    assert_eq!(get(&simulator, &records).await.result(), &json!([]));
    let before = simulator.state();
    let unknown = json!({"accepts": [found.result()[0]], "rejects": [{"id": "0".repeat(32)}]});
    assert_eq!(post(&simulator, &review, unknown).await.refusal(), (404, 81044));
    assert_eq!(simulator.state(), before);
    let judged =
        post(&simulator, &review, json!({"accepts": [found.result()[0]], "rejects": [{"id": found.result()[1]["id"]}]})).await;
    assert_eq!(judged.result()["accepts"][0]["name"], names[0]);
    assert_eq!(get(&simulator, &review).await.column("name"), [names[2]], "the rest waits on");
    assert_eq!(get(&simulator, &records).await.column("name"), [names[0]]);
    let older = post(&simulator, &format!("{records}/scan"), json!({})).await;
    assert_eq!(older.result(), &json!({"recs_added": 2, "total_records_parsed": 3}), "the older scan adds at once");
}
