//! The state file: written after each mutation and before its answer, loaded at the start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use storex_fakes::cloudflare::{CloudState, FaultAction, FaultRule, OutsideRecord, Simulator, ZoneStatus};
use tokio::time::timeout;

use crate::client::{attempt, builder, call, get, post, records_of, tunnels_of, zone};

/// A file of this test's own, absent at first.
fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloudflare_simulator").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("simulator.json");
    if path.exists() {
        std::fs::remove_file(&path).expect("removable");
    }
    path
}

fn open(path: &Path) -> Simulator {
    builder().state_file(path).build().expect("a simulator")
}

fn saved(path: &Path) -> CloudState {
    serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("a state")
}

#[tokio::test]
async fn a_restarted_simulator_has_the_same_world_and_the_same_future() {
    let path = file("restart");
    let first = open(&path);
    let records = records_of(&first, "oceanbreezestore.com").await;
    post(&first, &records, json!({"type": "CNAME", "name": "@", "content": "t.example.net", "proxied": true, "comment": "m"}))
        .await
        .result();
    post(
        &first,
        &records,
        json!({"type": "SRV", "name": "_s._tcp", "data": {"priority": 1, "weight": 1, "port": 1, "target": "a.b"}}),
    )
    .await
    .result();
    let tunnels = tunnels_of(&first);
    let id = post(&first, &tunnels, json!({"name": "storex-main", "config_src": "cloudflare"})).await.id();
    let config = json!({"config": {"ingress": [{"service": "http_status:404"}], "unknown": {"n": 2.5}}});
    call(&first, "PUT", &format!("{tunnels}/{id}/configurations"), Some(config)).await.result();
    first.attach_connector(&id).expect("live");
    first.set_zone_status("oceanbreezestore.com", ZoneStatus::Active).expect("known");
    let gone = zone(&first, "gone-shop.com").await;
    call(&first, "DELETE", &format!("/zones/{gone}"), None).await.result();
    post(&first, "/zones", json!({"name": "com"})).await.refusal();

    let second = open(&path);
    assert_eq!(second.state(), first.state());
    assert_eq!(second.counts().total, 0, "the journal belongs to the process");
    assert_eq!(zone(&second, "next-shop.com").await, zone(&first, "next-shop.com").await, "and ids go on alike");
}

#[tokio::test]
async fn everything_below_a_zone_outlives_a_restart_and_so_does_the_clock() {
    let path = file("everything");
    let first = open(&path);
    let primary = format!("/zones/{}", first.state().zones[0].id);
    let put =
        async |path: &str, body: Value| call(&first, "PUT", &format!("{primary}/{path}"), Some(body)).await.result().clone();
    let record = json!({"type": "A", "name": "fallback", "content": "192.0.2.1", "proxied": true});
    post(&first, &format!("{primary}/dns_records"), record).await.result();
    put("custom_hostnames/fallback_origin", json!({"origin": "fallback.storex.com"})).await;
    let hostname = json!({"hostname": "www.customer-shop.com", "ssl": {"method": "http", "type": "dv"}});
    post(&first, &format!("{primary}/custom_hostnames"), hostname).await.result();
    first
        .set_outside_records("www.customer-shop.com", vec![OutsideRecord::new("CNAME", "fallback.storex.com")])
        .expect("writable");
    let rule = json!({"ref": "a", "action": "block", "expression": "true"});
    put("rulesets/phases/http_request_firewall_custom/entrypoint", json!({"rules": [rule]})).await;
    put("bot_management", json!({"fight_mode": true})).await;
    call(&first, "PATCH", &format!("{primary}/dnssec"), Some(json!({"status": "active"}))).await.result();
    zone(&first, "bluepeak-shop.com").await;
    first.delegate_here("bluepeak-shop.com").expect("known");
    first.advance(SignedDuration::from_hours(2)).expect("writable");
    assert_eq!(saved(&path), first.state(), "what happened while nobody called is saved");

    let second = open(&path);
    assert_eq!((second.state(), second.time()), (first.state(), first.time()));
    let world = second.state();
    assert_eq!(world.zones[0].hostnames[0].status, "active");
    assert_eq!(world.zone_named("bluepeak-shop.com").expect("there").status, ZoneStatus::Active);
    for simulator in [&first, &second] {
        simulator.advance(SignedDuration::from_hours(24 * 100)).expect("writable");
    }
    assert_eq!(second.state(), first.state(), "and the same future");
}

#[tokio::test]
async fn a_new_world_is_saved_before_the_first_call() {
    let path = file("new");
    let simulator = open(&path);
    assert_eq!(saved(&path), simulator.state());
    assert_eq!(saved(&path).zones[0].name, "storex.com");
    let entries: Vec<_> = std::fs::read_dir(path.parent().expect("a folder"))
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    assert_eq!(entries, ["simulator.json"], "no temporary file is left");
}

#[tokio::test]
async fn the_file_is_ahead_of_every_answer() {
    let path = file("ahead");
    let simulator = open(&path);
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    for number in 0..10 {
        post(&simulator, &records, json!({"type": "A", "name": format!("h{number}"), "content": "192.0.2.1"})).await.result();
        assert_eq!(saved(&path), simulator.state());
        assert_eq!(saved(&path).zones[1].records.len(), number + 1);
    }
}

#[tokio::test]
async fn a_call_held_after_its_effect_is_in_the_file_already() {
    let path = file("held");
    let simulator = open(&path);
    simulator.add_fault(FaultRule::after("POST", "/zones", FaultAction::Hold)).expect("a good rule");
    let caller = simulator.clone();
    let waiting =
        tokio::spawn(async move { attempt(&caller, "POST", "/zones", Some(json!({"name": "bluepeak-shop.com"}))).await });
    timeout(Duration::from_secs(30), simulator.until_held(1)).await.expect("held in time");
    assert!(saved(&path).zone_named("bluepeak-shop.com").is_some());
    waiting.abort();

    let restarted = open(&path);
    assert_eq!(get(&restarted, "/zones?name=bluepeak-shop.com").await.column("status"), ["pending"]);
    assert_eq!(restarted.faults(), [], "a restarted simulator holds nothing");
}

#[tokio::test]
async fn a_call_held_before_its_effect_is_not_in_the_file() {
    let path = file("not_yet");
    let simulator = open(&path);
    simulator.add_fault(FaultRule::before("POST", "/zones", FaultAction::Hold)).expect("a good rule");
    let caller = simulator.clone();
    let waiting =
        tokio::spawn(async move { attempt(&caller, "POST", "/zones", Some(json!({"name": "bluepeak-shop.com"}))).await });
    timeout(Duration::from_secs(30), simulator.until_held(1)).await.expect("held in time");
    assert!(saved(&path).zone_named("bluepeak-shop.com").is_none());
    simulator.release_all();
    waiting.await.expect("no panic").expect("an answer").result();
    assert!(saved(&path).zone_named("bluepeak-shop.com").is_some());
}

#[tokio::test]
async fn reading_and_being_refused_write_nothing() {
    let path = file("reading");
    let simulator = open(&path);
    let mark = json!({"mark": "of the test"});
    std::fs::remove_file(&path).expect("removable");
    get(&simulator, "/zones").await.result();
    post(&simulator, "/zones", json!({"name": "com"})).await.refusal();
    assert!(!path.exists(), "{mark}");
    zone(&simulator, "bluepeak-shop.com").await;
    assert!(path.exists());
}

#[tokio::test]
async fn a_mutation_that_cannot_be_saved_did_not_happen() {
    let path = file("unsaved");
    let simulator = open(&path);
    let before = simulator.state();
    // A folder where the temporary file should go: it can be neither opened nor replaced.
    let obstacle = path.with_extension("json.new");
    std::fs::create_dir(&obstacle).expect("a folder");
    let answer = post(&simulator, "/zones", json!({"name": "bluepeak-shop.com"})).await;
    let changed = simulator.set_zone_status("storex.com", ZoneStatus::Moved);
    std::fs::remove_dir(&obstacle).expect("removable");
    assert_eq!(answer.refusal(), (500, 1500));
    assert!(changed.expect_err("unsaved").to_string().contains("simulator.json"));
    assert_eq!(simulator.state(), before);
    zone(&simulator, "bluepeak-shop.com").await;
}

#[test]
fn a_file_that_is_not_understood_is_refused_and_kept() {
    let path = file("broken");
    drop(open(&path));
    let mut other: Value = serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("JSON");
    other["format"] = json!(99);
    for text in [other.to_string(), "{".to_owned(), "{}".to_owned(), String::new()] {
        let mut options = std::fs::OpenOptions::new();
        let mut opened = options.write(true).truncate(true).open(&path).expect("writable");
        std::io::Write::write_all(&mut opened, text.as_bytes()).expect("written");
        let refused = builder().state_file(&path).build().expect_err("not understood");
        assert!(refused.to_string().contains("simulator.json"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
    }
}

#[test]
fn a_loaded_world_keeps_its_primary_domain() {
    let path = file("primary");
    drop(builder().primary_domain("shops.de").state_file(&path).build().expect("built"));
    let again = builder().primary_domain("other.de").state_file(&path).build().expect("built");
    assert_eq!(again.state().zones.iter().map(|zone| zone.name.as_str()).collect::<Vec<_>>(), ["shops.de"]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let path = file("mode");
    drop(open(&path));
    let mode = std::fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
