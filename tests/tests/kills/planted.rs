//! The control of the judge: something is left behind or disturbed by hand in each place, and the judge must say so.

use super::foreign::daemon;
use super::judge::{breaches, domain_of};
use super::world::{PATIENCE, Role, World};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use storex_agent::atomic;
use storex_agent::pm2::Effect;
use storex_core::{Claim, Fence, StoreRepo, SystemClock};
use storex_redb::RedbStores;

/// Name of the store that does not exist.
const LEFTOVER: &str = "leftover";
/// A mark as this installation writes it, of a store that does not exist.
const MARK: &str = "storex/1 i=0a1b2c3d s=99999 e=00";

/// What was planted, and whether the judge found it. The world is clean before and after each.
pub(crate) fn verdicts(world: &mut World, used: &BTreeSet<String>) -> Vec<(&'static str, bool)> {
    type Plant = fn(&mut World, &dyn Fn(&World) -> bool) -> bool;
    let plants: [(&str, Plant); 10] = [
        ("a directory with our marker", with_directory),
        ("an environment file with our mark", with_environment),
        ("a zone", with_zone),
        ("a record with our mark", with_record),
        ("a foreign record changed", with_changed_record),
        ("a foreign file moved", with_moved_file),
        ("a port held", with_port),
        ("a process in PM2", with_process),
        ("a route in the map", with_route),
        ("a claim", with_claim),
    ];
    let mut used = used.clone();
    used.insert(LEFTOVER.to_owned());
    let judge = |world: &World| !breaches(world, &used).is_empty();
    let mut verdicts = Vec::new();
    for (what, plant) in plants {
        verdicts.push((what, plant(world, &judge)));
        assert_eq!(breaches(world, &used), Vec::<String>::new(), "{what} is gone again");
    }
    verdicts
}

fn with_directory(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let folder = world.host("stores/leftover");
    atomic::make_dir(&folder, 0o750, None).unwrap();
    let marker = json!({ "store_id": "leftover-99999", "mark": MARK, "links": {}, "entry": "" }).to_string();
    atomic::write(&folder.join(".storex"), marker.as_bytes(), 0o440, None).unwrap();
    let found = judge(world);
    fs::remove_file(folder.join(".storex")).unwrap();
    fs::remove_dir(folder).unwrap();
    found
}

fn with_environment(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let path = world.host("env/leftover-99999.env");
    atomic::write(&path, format!("# {MARK} leftover-99999\n").as_bytes(), 0o400, None).unwrap();
    let found = judge(world);
    fs::remove_file(path).unwrap();
    found
}

fn with_zone(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let account = &world.cloud.state()["account"]["id"];
    let body = json!({ "name": "leftover-shop.com", "account": { "id": account }, "type": "full" });
    let zone = world.cloud.api("POST", "/zones", Some(&body));
    let found = judge(world);
    world.cloud.api("DELETE", &format!("/zones/{}", zone["id"].as_str().unwrap()), None);
    found
}

/// Path of the records of the primary zone.
fn records(world: &World) -> String {
    format!("/zones/{}/dns_records", world.cloud.state()["zones"][0]["id"].as_str().unwrap())
}

fn with_record(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let records = records(world);
    let body = json!({ "type": "CNAME", "name": "leftover.storex.com", "content": "a.cfargotunnel.com", "proxied": true, "comment": MARK });
    let record = world.cloud.api("POST", &records, Some(&body));
    let found = judge(world);
    world.cloud.api("DELETE", &format!("{records}/{}", record["id"].as_str().unwrap()), None);
    found
}

/// A foreign record that is deleted and made again is another one: this runs on one the sentinels do not hold.
fn with_changed_record(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let records = records(world);
    let body = json!({ "type": "A", "name": "shop.storex.com", "content": "198.51.100.8", "proxied": false });
    let record = world.cloud.api("POST", &records, Some(&body));
    let id = record["id"].as_str().unwrap().to_owned();
    let state = world.cloud.state();
    let all = state["zones"][0]["records"].as_array().unwrap();
    let placed: Value = all.iter().find(|one| one["id"] == id.as_str()).unwrap().clone();
    world.foreign.objects.insert(id.clone(), placed);
    assert!(!judge(world), "the record is one of the sentinels now");
    world.cloud.api("PATCH", &format!("{records}/{id}"), Some(&json!({ "content": "198.51.100.9" })));
    let found = judge(world);
    world.cloud.api("DELETE", &format!("{records}/{id}"), None);
    world.foreign.objects.remove(&id);
    found
}

fn with_moved_file(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let (sentinel, aside) = (world.host("stores/notes.txt"), world.scratch("notes.txt"));
    fs::rename(&sentinel, &aside).unwrap();
    let found = judge(world);
    fs::rename(&aside, &sentinel).unwrap();
    found
}

fn with_port(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, world.store_ports.end - 1)).unwrap();
    let found = judge(world);
    drop(held);
    found
}

fn with_process(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let owner = fs::metadata(world.host("pm2")).unwrap().uid();
    let argument = json!({
        "name": "leftover-99999", "namespace": "storex", "pm_exec_path": world.scratch("foreign-app/app.js"), "pm_cwd": world.scratch("foreign-app"),
        "exec_mode": "fork_mode", "node_args": [], "args": [], "pm_out_log_path": world.scratch("foreign-app/log"),
        "pm_err_log_path": world.scratch("foreign-app/log"), "pm_pid_path": world.scratch("foreign-app/other.pid"), "autostart": true,
        "autorestart": true, "pmx": false, "vizion": false, "merge_logs": true, "env": { "OWNER": owner.to_string() },
    });
    let socket = daemon(world);
    let call = |method: &'static str, argument: Value| {
        world.runtime.block_on(socket.call(method, argument, Effect::Change, PATIENCE)).unwrap()
    };
    let started = call("prepare", argument);
    let id = started[0]["pm2_env"]["pm_id"].as_u64().unwrap();
    let found = judge(world);
    call("deleteProcessId", json!(id));
    found
}

fn with_route(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let path = world.host("nginx/conf/routes.conf");
    let text = fs::read_to_string(&path).unwrap();
    let more = text.replace(
        "map $host $storex_upstream {\n    default \"\";\n",
        "map $host $storex_upstream {\n    default \"\";\n    leftover.storex.com 127.0.0.1:24999;\n",
    );
    assert_ne!(more, text);
    atomic::write(&path, more.as_bytes(), 0o600, None).unwrap();
    let found = judge(world);
    atomic::write(&path, text.as_bytes(), 0o600, None).unwrap();
    found
}

/// The repository is one process's at a time: the controller is gone while the claim is written.
fn with_claim(world: &mut World, judge: &dyn Fn(&World) -> bool) -> bool {
    let (namespace, owner) = ("domain", "nobody");
    let claim =
        Claim { namespace: namespace.to_owned(), name: domain_of(LEFTOVER), owner: owner.to_owned(), label: LEFTOVER.to_owned() };
    change_repo(world, |repo| async move { drop(repo.claim(&claim, Fence::NONE).await.unwrap()) });
    let found = judge(world);
    change_repo(world, |repo| async move { repo.release(namespace, &domain_of(LEFTOVER), owner, Fence::NONE).await.unwrap() });
    found
}

fn change_repo<F: Future<Output = ()>>(world: &mut World, change: impl FnOnce(RedbStores) -> F) {
    world.kill(Role::Controller);
    let path = world.data.join("storex.redb");
    world.runtime.block_on(async { change(RedbStores::open(&path, Arc::new(SystemClock)).unwrap()).await });
    world.spawn(Role::Controller);
    world.await_ready(Role::Controller);
}
