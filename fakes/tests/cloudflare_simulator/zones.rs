//! Zones: making, finding, paging, removing, and every refusal on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};
use storex_fakes::cloudflare::{Limits, Simulator, ZoneStatus};

use crate::client::{builder, call, get, post, raw, records_of, simulator, zone};

fn with_limits(set: impl FnOnce(&mut Limits)) -> storex_fakes::cloudflare::SimulatorBuilder {
    let mut limits = Limits::default();
    set(&mut limits);
    builder().limits(limits)
}

#[tokio::test]
async fn a_new_world_has_one_active_zone_the_primary_domain() {
    let found = get(&builder().primary_domain("Shops.DE").build().expect("built"), "/zones").await;
    assert_eq!((found.column("name"), found.column("status")), (vec!["shops.de".to_owned()], vec!["active".to_owned()]));
    assert_eq!(get(&simulator(), "/zones?name=storex.com").await.column("name"), ["storex.com"]);
}

#[tokio::test]
async fn a_new_zone_is_pending_and_has_a_pair_of_its_own() {
    let simulator = simulator();
    let made = post(&simulator, "/zones", json!({"name": "BluePeak-Shop.com", "account": {"id": simulator.account().id}})).await;
    let made = made.result().clone();
    assert_eq!((&made["name"], &made["status"], &made["type"]), (&json!("bluepeak-shop.com"), &json!("pending"), &json!("full")));
    assert_eq!(made["activated_on"], Value::Null);
    assert_eq!(made["account"]["id"], json!(simulator.account().id));
    let pair = made["name_servers"].as_array().expect("a pair");
    assert_eq!(pair.len(), 2);
    assert!(pair.iter().all(|name| name.as_str().is_some_and(|name| name.ends_with(".ns.cloudflare.com"))), "{pair:?}");
    let id = made["id"].as_str().expect("an id");
    assert_eq!(get(&simulator, &format!("/zones/{id}")).await.result(), &made);
}

#[tokio::test]
async fn the_specifications_domain_gets_the_specifications_nameservers() {
    let simulator = simulator();
    for _ in 0..2 {
        let id = zone(&simulator, "oceanbreezestore.com").await;
        let servers = get(&simulator, &format!("/zones/{id}")).await.result()["name_servers"].clone();
        assert_eq!(servers, json!(["ns1.cloudflare.com", "ns2.cloudflare.com"]));
        call(&simulator, "DELETE", &format!("/zones/{id}"), None).await.result();
    }
}

#[tokio::test]
async fn a_zone_added_again_is_another_zone_with_another_pair_and_no_records() {
    let simulator = simulator();
    let mut pairs = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let records = records_of(&simulator, "bluepeak-shop.com").await;
        assert_eq!(get(&simulator, &records).await.result(), &json!([]));
        post(&simulator, &records, json!({"type": "A", "name": "@", "content": "192.0.2.1"})).await.result();
        let found = get(&simulator, "/zones?name=bluepeak-shop.com").await.result()[0].clone();
        pairs.push(found["name_servers"].clone());
        let id = found["id"].as_str().expect("an id").to_owned();
        let deleted = call(&simulator, "DELETE", &format!("/zones/{id}"), None).await;
        assert_eq!(deleted.result(), &json!({"id": id}));
        assert_eq!(get(&simulator, &format!("/zones/{id}")).await.refusal(), (403, 10000));
        assert_eq!(get(&simulator, &records).await.refusal(), (403, 10000));
        assert_eq!(call(&simulator, "DELETE", &format!("/zones/{id}"), None).await.refusal(), (403, 10000));
        ids.push(id);
    }
    assert!(pairs[0] != pairs[1] && pairs[1] != pairs[2], "{pairs:?}");
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[tokio::test]
async fn a_name_can_be_added_once_in_any_spelling() {
    let simulator = simulator();
    zone(&simulator, "bücher.de").await;
    for name in ["bücher.de", "BÜCHER.de.", "xn--bcher-kva.de"] {
        let answer = post(&simulator, "/zones", json!({"name": name})).await;
        assert_eq!(answer.refusal(), (400, 1061));
        assert_eq!(answer.message(), "xn--bcher-kva.de already exists");
    }
}

#[tokio::test]
async fn what_cannot_be_a_zone_is_refused_and_leaves_no_trace() {
    let simulator = simulator();
    let before = simulator.state();
    let account = simulator.account().id;
    for (body, code) in [
        (json!({}), 1003),
        (json!({"name": 7}), 1003),
        (json!({"name": "com"}), 1099),
        (json!({"name": "co.uk"}), 1099),
        (json!({"name": "192.0.2.1"}), 1099),
        (json!({"name": "*.bluepeak-shop.com"}), 1099),
        (json!({"name": "www.bluepeak-shop.com"}), 1116),
        (json!({"name": "bluepeak-shop.test"}), 1049),
        (json!({"name": "example.com"}), 1097),
        (json!({"name": "bluepeak-shop.com", "type": "partial"}), 1107),
        (json!({"name": "bluepeak-shop.com", "type": "sideways"}), 1003),
        (json!({"name": "storex.com", "account": {"id": account}}), 1061),
    ] {
        assert_eq!(post(&simulator, "/zones", body.clone()).await.refusal(), (400, code), "{body}");
    }
    let foreign = post(&simulator, "/zones", json!({"name": "bluepeak-shop.com", "account": {"id": "0".repeat(32)}})).await;
    assert_eq!(foreign.refusal(), (403, 10000));
    let authorization = format!("Bearer {}", crate::client::TOKEN);
    for text in ["", "{", "[]", "\"name\""] {
        let answer = raw(&simulator, "POST", "/zones", Some(&authorization), Some(text)).await.expect("an answer");
        assert_eq!(answer.refusal(), (400, 6007), "{text}");
    }
    assert_eq!(simulator.state(), before);
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_a_routing_error() {
    let simulator = simulator();
    for path in ["/zones/storex.com", "/zones/ABCDEF", "/nowhere", "/zones/", "/accounts/me/cfd_tunnel"] {
        let answer = get(&simulator, path).await;
        assert_eq!(answer.refusal(), (404, 7003), "{path}");
        assert!(answer.message().contains(&format!("/client/v4{path},")), "{}", answer.text);
    }
    assert_eq!(call(&simulator, "PUT", "/zones", Some(json!({}))).await.refusal(), (405, 10405));
    assert_eq!(get(&simulator, &format!("/zones/{}", "0".repeat(32))).await.refusal(), (403, 10000), "unknown or foreign");
}

#[tokio::test]
async fn zones_are_found_by_name_account_and_status() {
    let simulator = simulator();
    let (account, foreign) = (simulator.account(), "0".repeat(32));
    for name in ["alpha-shop.com", "beta-shop.com", "bücher.de"] {
        zone(&simulator, name).await;
    }
    simulator.set_zone_status("beta-shop.com", ZoneStatus::Active).expect("known");
    let cases: [(String, &[&str]); 13] = [
        (format!("name=alpha-shop.com&account.id={}", account.id), &["alpha-shop.com"]),
        (format!("name=alpha-shop.com&account.id={foreign}"), &[]),
        (format!("account.name={}&name=storex.com", account.name.replace(' ', "%20")), &["storex.com"]),
        ("name=ALPHA-shop.com".to_owned(), &["alpha-shop.com"]),
        ("name=b%C3%BCcher.de".to_owned(), &["xn--bcher-kva.de"]),
        ("name=shop".to_owned(), &[]),
        ("name=contains:-shop".to_owned(), &["alpha-shop.com", "beta-shop.com"]),
        ("name=starts_with:be".to_owned(), &["beta-shop.com"]),
        ("name=ends_with:.de".to_owned(), &["xn--bcher-kva.de"]),
        ("name=not_equal:storex.com&status=pending".to_owned(), &["alpha-shop.com", "xn--bcher-kva.de"]),
        ("status=active&order=name&direction=desc".to_owned(), &["storex.com", "beta-shop.com"]),
        ("status=active&name=alpha-shop.com&match=any&order=name".to_owned(), &["alpha-shop.com", "beta-shop.com", "storex.com"]),
        ("status=moved".to_owned(), &[]),
    ];
    for (query, names) in cases {
        assert_eq!(get(&simulator, &format!("/zones?{query}")).await.column("name"), names, "{query}");
    }
}

#[tokio::test]
async fn zone_pages_cover_all_zones_and_their_size_is_clamped() {
    let simulator = simulator();
    for number in 0..59 {
        zone(&simulator, &format!("shop-{number:02}.com")).await;
    }
    let mut seen = Vec::new();
    for page in 1..=2 {
        let answer = get(&simulator, &format!("/zones?per_page=1000&page={page}")).await;
        assert_eq!(answer.body["result_info"]["per_page"], 50);
        assert_eq!(answer.body["result_info"]["total_count"], 60);
        assert_eq!(answer.body["result_info"]["total_pages"], 2);
        seen.extend(answer.column("name"));
    }
    assert_eq!(seen.len(), 60);
    assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), 60);
    let default = get(&simulator, "/zones").await;
    assert_eq!(default.body["result_info"], json!({"page": 1, "per_page": 20, "count": 20, "total_count": 60, "total_pages": 3}));
    assert_eq!(get(&simulator, "/zones?per_page=1").await.body["result_info"]["per_page"], 5);
}

#[tokio::test]
async fn pending_zones_over_active_ones_stop_new_zones_when_that_rule_is_on() {
    let simulator = with_limits(|limits| limits.pending_rule_from = Some(3)).build().expect("built");
    for name in ["one-shop.com", "two-shop.com"] {
        zone(&simulator, name).await;
    }
    let body = json!({"name": "three-shop.com"});
    assert_eq!(post(&simulator, "/zones", body.clone()).await.refusal(), (400, 1118));
    simulator.set_zone_status("one-shop.com", ZoneStatus::Active).expect("known");
    post(&simulator, "/zones", body).await.result();
}

#[tokio::test]
async fn the_limit_on_new_zones_opens_again_when_the_oldest_leaves_the_window() {
    let second = Arc::new(AtomicI64::new(1_800_000_000));
    let ticking = Arc::clone(&second);
    let simulator = with_limits(|limits| limits.zones_per_10_minutes = Some(2))
        .clock(move || Timestamp::from_second(ticking.load(Ordering::Relaxed)).expect("a date"))
        .build()
        .expect("built");
    zone(&simulator, "one-shop.com").await;
    second.fetch_add(100, Ordering::Relaxed);
    zone(&simulator, "two-shop.com").await;
    let body = json!({"name": "three-shop.com"});
    let limited = post(&simulator, "/zones", body.clone()).await;
    assert_eq!(limited.refusal(), (429, 971));
    assert_eq!(limited.header("retry-after"), "500");
    second.fetch_add(500, Ordering::Relaxed);
    let opened = post(&simulator, "/zones", body).await;
    assert_eq!(opened.result()["created_on"], "2027-01-15T08:10:00Z");
    assert_eq!(simulator.state().zone_signups.len(), 2, "what left the window is forgotten");
}

#[tokio::test]
async fn without_limits_any_number_of_zones_can_be_added() {
    let simulator = simulator();
    for number in 0..60 {
        zone(&simulator, &format!("shop-{number}.com")).await;
    }
}

#[test]
fn moving_a_zone_dates_its_first_activation() {
    let simulator: Simulator = simulator();
    let first = simulator.state().zones[0].activated_on;
    simulator.set_zone_status("storex.com", ZoneStatus::Moved).expect("known");
    simulator.set_zone_status("storex.com", ZoneStatus::Active).expect("known");
    let zone = simulator.state().zones[0].clone();
    assert_eq!((zone.status, zone.activated_on), (ZoneStatus::Active, first));
    assert!(zone.modified_on > zone.created_on);
    assert!(simulator.set_zone_status("unknown.com", ZoneStatus::Active).is_err());
}
