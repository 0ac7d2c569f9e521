//! Sentinels: objects storex did not make, one in every namespace it works in. None of them may ever change.

use super::world::{PATIENCE, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use storex_agent::atomic;
use storex_agent::pm2::{DaemonSocket, Effect};
use storex_agent::tools::{NamedTools, Tools};
use storex_tests::process;

const ZONE: &str = "somebody-elses.com";
const TUNNEL: &str = "somebody-elses-tunnel";
/// Name of the foreign process in PM2's default namespace.
pub(crate) const APP: &str = "somebody-elses-app";
/// Name of the foreign directory beside the stores.
pub(crate) const FOLDER: &str = "somebody-else";
/// Name of the foreign file beside the environment files.
pub(crate) const FILE: &str = "somebody-else.env";

/// What was placed, as it was.
#[derive(Debug, Default)]
pub(crate) struct Foreign {
    /// Zones, records and tunnels by id, each as the simulator holds it.
    pub(crate) objects: BTreeMap<String, Value>,
    files: BTreeMap<PathBuf, FileFacts>,
    /// Pid of the process.
    pub(crate) pid: u64,
}

/// The daemon the agent started.
pub(crate) fn daemon(world: &World) -> DaemonSocket {
    let path = world.host("pm2/rpc.sock");
    let uid = fs::metadata(&path).unwrap().uid();
    DaemonSocket::new(path, uid)
}

/// All processes of the daemon.
pub(crate) fn processes(world: &World) -> Vec<Value> {
    let list = world.runtime.block_on(daemon(world).call("getMonitorData", json!({}), Effect::Read, PATIENCE)).unwrap();
    list.as_array().unwrap().clone()
}

impl Foreign {
    /// Puts them in place.
    pub(crate) fn place(world: &World) -> Self {
        let cloud = &world.cloud;
        let state = cloud.state();
        let (account, primary) = (&state["account"]["id"], state["zones"][0]["id"].as_str().unwrap());
        let zone = cloud.api("POST", "/zones", Some(&json!({ "name": ZONE, "account": { "id": account }, "type": "full" })));
        let zone = zone["id"].as_str().unwrap();
        for (zone, name, comment) in
            [(zone, ZONE, "by hand"), (primary, "mail.storex.com", "by hand"), (primary, "blog.storex.com", "")]
        {
            let record = json!({ "type": "A", "name": name, "content": "198.51.100.7", "proxied": false, "comment": comment });
            cloud.api("POST", &format!("/zones/{zone}/dns_records"), Some(&record));
        }
        let tunnels = format!("/accounts/{}/cfd_tunnel", account.as_str().unwrap());
        cloud.api("POST", &tunnels, Some(&json!({ "name": TUNNEL, "config_src": "cloudflare" })));
        let pid = start_app(world);
        let mut placed = Self { objects: Self::objects(&cloud.state()), files: BTreeMap::new(), pid };
        assert_eq!(placed.objects.len(), 5, "a zone, three records, a tunnel");
        atomic::make_dir(&world.host("stores").join(FOLDER), 0o755, None).unwrap();
        for path in
            [world.host("stores").join(FOLDER).join("app.js"), world.host("env").join(FILE), world.host("stores/notes.txt")]
        {
            atomic::write(&path, b"somebody else's\n", 0o644, None).unwrap();
            placed.files.insert(path.clone(), facts(&path).unwrap());
        }
        placed
    }

    /// The foreign objects in the account, by id. A zone is here without its records.
    fn objects(state: &Value) -> BTreeMap<String, Value> {
        let mut objects = BTreeMap::new();
        let mut put = |object: &Value| objects.insert(object["id"].as_str().unwrap().to_owned(), object.clone());
        for zone in state["zones"].as_array().unwrap() {
            if zone["name"] == ZONE {
                let mut bare = zone.clone();
                // Its records are objects of their own, and Cloudflare itself goes on checking a zone that is pending.
                for own in ["records", "checks", "next_check"] {
                    bare[own] = Value::Null;
                }
                put(&bare);
            }
            for record in zone["records"].as_array().unwrap() {
                let ours = record["comment"].as_str().is_some_and(|comment| comment.starts_with("storex/1 "));
                if !ours {
                    put(record);
                }
            }
        }
        state["tunnels"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|tunnel| tunnel["name"] == TUNNEL)
            .for_each(|tunnel| drop(put(tunnel)));
        objects
    }

    /// What of them is not as it was placed.
    pub(crate) fn disturbed(&self, state: &Value, processes: &[Value]) -> Vec<String> {
        let mut found = Vec::new();
        let seen = Self::objects(state);
        for (id, object) in &self.objects {
            if seen.get(id) != Some(object) {
                found.push(format!("foreign {} {} is {:?}", object["name"], id, seen.get(id)));
            }
        }
        for (id, object) in seen.iter().filter(|(id, _)| !self.objects.contains_key(*id)) {
            found.push(format!("{id} is nobody's: {object}"));
        }
        for (path, placed) in &self.files {
            if facts(path).as_ref() != Some(placed) {
                found.push(format!("foreign file {} was touched", path.display()));
            }
        }
        let app = processes.iter().find(|row| row["name"] == APP);
        if app.and_then(|app| app["pid"].as_u64()) != Some(self.pid) || !Path::new(&format!("/proc/{}", self.pid)).exists() {
            found.push(format!("the foreign process is {:?}, not pid {}", app.map(|app| &app["pid"]), self.pid));
        }
        found
    }
}

/// Bytes, mode, number and time of change of a file.
type FileFacts = (Vec<u8>, u32, u64, i64);

fn facts(path: &Path) -> Option<FileFacts> {
    let facts = fs::metadata(path).ok()?;
    Some((fs::read(path).ok()?, facts.permissions().mode(), facts.ino(), facts.mtime_nsec()))
}

/// A process in PM2's default namespace, started as the daemon's user would; answers its pid.
fn start_app(world: &World) -> u64 {
    let tools = Tools::find(&process::tool_prefixes(), &NamedTools::default()).unwrap();
    let folder = world.scratch("foreign-app");
    atomic::make_dir(&folder, 0o755, None).unwrap();
    let owner = fs::metadata(world.host("pm2")).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let script = folder.join("app.js");
    atomic::write(&script, b"setInterval(() => {}, 1000);\n", 0o644, None).unwrap();
    let log = folder.join("log");
    let argument = json!({
        "name": APP, "namespace": "default", "pm_exec_path": script, "pm_cwd": folder, "exec_interpreter": tools.node,
        "exec_mode": "fork_mode", "node_args": [], "args": [], "pm_out_log_path": log, "pm_err_log_path": log,
        "pm_pid_path": folder.join("pid"), "autostart": true, "autorestart": true, "treekill": true, "pmx": false, "vizion": false,
        "merge_logs": true, "kill_retry_time": 10, "kill_timeout": 5000, "env": {},
    });
    world.runtime.block_on(daemon(world).call("prepare", argument, Effect::Change, PATIENCE)).unwrap();
    let rows = processes(world);
    rows.iter().find(|row| row["name"] == APP).and_then(|row| row["pid"].as_u64()).unwrap()
}
