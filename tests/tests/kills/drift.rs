//! Drift made by hand on real DNS records (of the simulator), files, PM2 and Nginx: `storex drift` lists exactly what was changed, `storex
//! reconcile` mends it, and what is somebody else's stays as it is.

use super::foreign::processes;
use super::judge::{breaches, domain_of};
use super::outside::visit;
use super::rounds::{create_body, operation};
use super::world::{Role, World, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use storex_agent::atomic;
use storex_core::{Part, StoreId};
use storex_fakes::laws::store_host::Hand;
use storex_tests::hand::RealHand;

/// The store that is changed by hand; the other one stands beside it.
const STORE: &str = "drifted";
const BESIDE: &str = "beside";

/// A store that stands: its identifier and the zone of its domain.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) id: StoreId,
    pub(crate) username: String,
    zone: String,
}

/// Creates a store and waits until it stands.
pub(crate) fn create(world: &World, username: &str) -> Standing {
    let (status, head, body) = world.api("POST", "/api/stores", Some(&create_body(username))).unwrap();
    assert_eq!(status, 201, "{body}");
    let operation = operation(&head, &body).unwrap();
    let path = format!("/api/operations/{operation}?wait=20");
    let view = until(&format!("{username} stands"), || {
        let (_, _, view) = world.api("GET", &path, None).unwrap();
        (view["done"] == true).then_some(view)
    });
    assert_eq!(view["state"], "succeeded", "{view:#}");
    let state = world.cloud.state();
    let zones = state["zones"].as_array().unwrap();
    let zone = zones.iter().find(|zone| zone["name"] == domain_of(username).as_str()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Standing { id: text(&body["store_id"]).parse().unwrap(), username: username.to_owned(), zone: text(&zone["id"]) }
}

/// What `storex drift` lists: store, resource, state and what a reconcile would do, in words.
fn drift(world: &World) -> BTreeSet<String> {
    let output = world.storex("drift --json");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["checked"], &report["safe_mode"]), (&json!(2), &Value::Null), "{report:#}");
    let text = |drift: &Value, key: &str| drift[key].as_str().unwrap_or("-").to_owned();
    let line = |drift: &Value| ["store_id", "resource", "state", "action"].map(|key| text(drift, key)).join(" ");
    report["drift"].as_array().unwrap().iter().map(line).collect()
}

/// Runs `storex reconcile --wait`; answers how many operations it began.
fn reconcile(world: &World) -> usize {
    let output = world.storex("reconcile --wait --json");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    report["operations"].as_array().unwrap().len()
}

/// The lines [`drift`] must give for these resources of a store, all of which can be mended.
fn lines(store: &Standing, resources: &[(&str, &str)]) -> BTreeSet<String> {
    resources.iter().map(|(resource, state)| format!("{} {resource} {state} repair", store.id)).collect()
}

/// Statuses of the store's health page under both its names.
pub(crate) fn statuses(world: &World, username: &str) -> [u16; 2] {
    let names = [format!("{username}.storex.com"), domain_of(username)];
    names.map(|name| visit(world.router, &name, "/health").unwrap().0)
}

/// Path of the store's record and the record.
fn record(world: &World, store: &Standing) -> (String, Value) {
    let records = format!("/zones/{}/dns_records", store.zone);
    let all = world.cloud.api("GET", &records, None);
    let ours = |record: &&Value| record["type"] == "CNAME" && record["name"] == domain_of(&store.username).as_str();
    let record = all.as_array().unwrap().iter().find(ours).unwrap().clone();
    (format!("{records}/{}", record["id"].as_str().unwrap()), record)
}

/// The record leads elsewhere.
fn edit_record(world: &World, store: &Standing) {
    let (path, _) = record(world, store);
    world.cloud.api("PATCH", &path, Some(&json!({ "content": "elsewhere.example.net" })));
}

/// The person at the host.
pub(crate) fn hand(world: &World) -> RealHand {
    RealHand { host: world.host(""), router: world.router }
}

/// The store's rows are taken out of the router's file, with care or without.
fn remove_route(world: &World, store: &Standing, careless: bool) {
    world.runtime.block_on(hand(world).remove_route(&store.id, careless)).unwrap();
    assert_eq!(statuses(world, &store.username), [421, 421]);
}

/// What is somebody else's, beside and inside what is the store's: a record in its zone and a file in its directory.
struct Sentinels {
    record: Value,
    file: PathBuf,
    facts: (Vec<u8>, u64, i64),
}

impl Sentinels {
    fn place(world: &World, store: &Standing) -> Self {
        let records = format!("/zones/{}/dns_records", store.zone);
        let body = json!({ "type": "A", "name": format!("mail.{}", domain_of(&store.username)), "content": "198.51.100.9", "proxied": false });
        world.cloud.api("POST", &records, Some(&body));
        let file = world.host("stores").join(&store.username).join("uploaded.txt");
        atomic::write(&file, b"somebody else's\n", 0o644, None).unwrap();
        Self { record: Self::record(world, store), facts: Self::facts(&file), file }
    }

    /// The record as the simulator holds it.
    fn record(world: &World, store: &Standing) -> Value {
        let state = world.cloud.state();
        let zone = state["zones"].as_array().unwrap().iter().find(|zone| zone["id"] == store.zone.as_str()).unwrap();
        let records = zone["records"].as_array().unwrap();
        records.iter().find(|record| record["type"] == "A" && record["content"] == "198.51.100.9").cloned().unwrap_or_default()
    }

    fn facts(file: &Path) -> (Vec<u8>, u64, i64) {
        let facts = fs::metadata(file).unwrap();
        (fs::read(file).unwrap(), facts.ino(), facts.mtime_nsec())
    }

    /// Both are as they were, and so are the sentinels of the world.
    fn assert_untouched(&self, world: &World, store: &Standing) {
        assert_eq!(Self::record(world, store), self.record);
        assert_eq!(Self::facts(&self.file), self.facts);
        let mut known = world.foreign.disturbed(&world.cloud.state(), &processes(world));
        known.retain(|found| !found.contains("198.51.100.9"));
        assert_eq!(known, Vec::<String>::new());
    }

    /// Takes them away again.
    fn remove(self, world: &World, store: &Standing) {
        let id = self.record["id"].as_str().unwrap();
        world.cloud.api("DELETE", &format!("/zones/{}/dns_records/{id}", store.zone), None);
        fs::remove_file(self.file).unwrap();
    }
}

/// Everything is as it should be, for everybody who looks.
fn assert_whole(world: &World, store: &Standing, sentinels: &Sentinels) {
    assert_eq!(drift(world), BTreeSet::new());
    assert_eq!(statuses(world, STORE), [200, 200]);
    assert_eq!(statuses(world, BESIDE), [200, 200]);
    sentinels.assert_untouched(world, store);
}

/// What was changed by hand is listed, nothing else is; it is mended by one operation for each store. Answers how much it was.
fn mended(world: &World, changed: &BTreeSet<String>, operations: usize) -> usize {
    assert_eq!(drift(world), *changed);
    assert_eq!(reconcile(world), operations, "one operation for each store that drifted");
    changed.len()
}

/// Another record is where ours was: it is reported, nothing is begun, and it stays as it is. Once it is gone ours is made again.
fn foreign_in_the_way(world: &World, store: &Standing) -> usize {
    let (path, _) = record(world, store);
    world.cloud.api("DELETE", &path, None);
    let records = format!("/zones/{}/dns_records", store.zone);
    let body = json!({ "type": "A", "name": domain_of(STORE), "content": "198.51.100.10", "proxied": true });
    let other = world.cloud.api("POST", &records, Some(&body));
    let found = BTreeSet::from([format!("{} records/{} foreign report", store.id, domain_of(STORE))]);
    assert_eq!(mended(world, &found, 0), 1);
    assert_eq!(drift(world), found);
    let path = format!("{records}/{}", other["id"].as_str().unwrap());
    assert_eq!(world.cloud.api("GET", &path, None), other);
    world.cloud.api("DELETE", &path, None);
    mended(world, &lines(store, &[(&format!("records/{}", domain_of(STORE)), "missing")]), 1)
}

#[test]
fn what_was_changed_by_hand_is_listed_exactly_and_mended_and_what_is_foreign_stays() {
    let mut world = World::start();
    world.spawn(Role::Controller);
    world.await_ready(Role::Controller);
    let (store, beside) = (create(&world, STORE), create(&world, BESIDE));
    let sentinels = Sentinels::place(&world, &store);
    assert_whole(&world, &store, &sentinels);

    edit_record(&world, &store);
    for part in [Part::Files, Part::Process] {
        world.runtime.block_on(hand(&world).change(&store.id, part)).unwrap();
    }
    assert_eq!(statuses(&world, STORE), [502, 502], "the process is gone");
    let record = format!("records/{}", domain_of(STORE));
    let changed = [(record.as_str(), "differs"), ("host_part/files@local", "differs"), ("host_part/process@local", "differs")];
    let mut listed = mended(&world, &lines(&store, &changed), 1);
    assert_whole(&world, &store, &sentinels);

    hand(&world).edit_environment(&store.id).unwrap();
    remove_route(&world, &store, false);
    let changed = [("host_part/environment@local", "differs"), ("host_part/route@local", "differs")];
    listed += mended(&world, &lines(&store, &changed), 1);
    assert_whole(&world, &store, &sentinels);

    // A file of routes that is not as storex writes it says nothing for sure of anybody's route.
    remove_route(&world, &store, true);
    let routes = [&store, &beside].into_iter().flat_map(|store| lines(store, &[("host_part/route@local", "differs")]));
    listed += mended(&world, &routes.collect(), 2);
    assert_whole(&world, &store, &sentinels);

    listed += foreign_in_the_way(&world, &store);
    assert_whole(&world, &store, &sentinels);
    println!(
        "drift: {listed} things changed by hand were listed, nothing else was, and all were mended; 0 foreign objects touched"
    );
    sentinels.remove(&world, &store);
    assert_eq!(breaches(&world, &[STORE, BESIDE].map(str::to_owned).into()), Vec::<String>::new());
    assert_eq!(world.stop(), Vec::<u32>::new());
}
