//! What must hold at rest: each store the API names is wholly there, and nothing else is, anywhere.

use super::foreign::{self, APP, FILE, FOLDER};
use super::outside::visit;
use super::repo::Copy;
use super::world::{World, until};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use storex_agent::proc;
use storex_agent::tools::{NamedTools, Tools};
use storex_core::Table;
use storex_tests::process;

/// A store the API names.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) id: String,
    pub(crate) username: String,
    domain: String,
    system: String,
    state: String,
}

impl Store {
    /// Whether it is neither being made nor being removed.
    pub(crate) fn is_active(&self) -> bool {
        self.state == "active"
    }
}

/// A look at the real world.
pub(crate) struct Judge<'a> {
    world: &'a World,
    stores: Vec<Store>,
    found: Vec<String>,
}

/// The stores of the API.
pub(crate) fn stores(world: &World) -> Vec<Store> {
    let (status, _, body) = world.api("GET", "/api/stores?page_size=1000", None).unwrap();
    assert_eq!(status, 200, "{body}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let store = |row: &Value| Store {
        id: text(&row["store_id"]),
        username: text(&row["username"]),
        domain: text(&row["domains"]["custom"]),
        system: text(&row["domains"]["system"]),
        state: text(&row["state"]),
    };
    body["stores"].as_array().unwrap().iter().map(store).collect()
}

/// Every breach that can be seen from outside; `used` are user names of stores that were ever asked for.
pub(crate) fn breaches(world: &World, used: &BTreeSet<String>) -> Vec<String> {
    // Messages are delivered after the operation is at rest.
    until("the outbox is empty", || Copy::of(world).rows(world, Table::Outbox).is_empty().then_some(()));
    let mut judge = Judge { world, stores: stores(world), found: Vec::new() };
    judge.api();
    judge.files();
    let ports = judge.processes();
    judge.router(&ports);
    judge.cloud();
    judge.repo(used);
    judge.found
}

impl Judge<'_> {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, seen: &T, wanted: &T) {
        if seen != wanted {
            self.found.push(format!("{what}: {seen:?} instead of {wanted:?}"));
        }
    }

    fn named(&self, name: impl Fn(&Store) -> String) -> BTreeSet<String> {
        self.stores.iter().map(name).collect()
    }

    /// What the API and the agent say of the stores.
    fn api(&mut self) {
        for store in self.stores.clone() {
            let (status, _, body) = self.world.api("GET", &format!("/api/stores/{}", store.id), None).unwrap();
            self.same(&format!("GET store {}", store.id), &(status, store.state.as_str()), &(200, "active"));
            self.same("its domain", &body["domains"]["custom"].as_str(), &Some(store.domain.as_str()));
        }
        let deployments = self.world.deployments();
        let rows = deployments["deployments"].as_array().unwrap();
        let parts = |row: &Value| {
            format!("{} {:?}", row["store_id"].as_str().unwrap(), row["parts"].as_object().unwrap().keys().collect::<Vec<_>>())
        };
        let wanted = self.named(|store| format!("{} [\"files\", \"environment\", \"process\", \"route\"]", store.id));
        self.same("the agent's ledger", &rows.iter().map(parts).collect(), &wanted);
    }

    /// Directories and environment files.
    fn files(&mut self) {
        let mut folders = self.named(|store| store.username.clone());
        folders.extend([FOLDER.to_owned(), "notes.txt".to_owned()]);
        let mut environments = self.named(|store| format!("{}.env", store.id));
        environments.insert(FILE.to_owned());
        self.same("directories", &names(&self.world.host("stores")), &folders);
        self.same("environment files", &names(&self.world.host("env")), &environments);
        let unfinished: Vec<String> = below(&self.world.data).into_iter().filter(|path| path.contains("/.storex-new-")).collect();
        self.same("files under construction", &unfinished, &Vec::new());
        self.same("quarantine", &names(&self.world.host("quarantine")), &BTreeSet::new());
        let whole = ["app.js", ".storex", "middleware", "models", "public", "templates", "utils"].map(str::to_owned);
        for store in self.stores.clone() {
            let folder = self.world.host("stores").join(&store.username);
            self.same(&format!("directory of {}", store.id), &names(&folder), &whole.clone().into());
            for entry in &whole {
                // Links are followed: what they lead to must be there.
                if !folder.join(entry).exists() {
                    self.found.push(format!("{} of {} leads nowhere", entry, store.id));
                }
            }
            let marker = fs::read_to_string(folder.join(".storex")).unwrap_or_default();
            let owner = serde_json::from_str::<Value>(&marker).map(|marker| marker["store_id"].clone()).unwrap_or_default();
            self.same("marker", &owner.as_str(), &Some(store.id.as_str()));
            let path = self.world.host("env").join(format!("{}.env", store.id));
            let mode = fs::metadata(&path).map(|facts| facts.permissions().mode() & 0o777);
            self.same("mode of the environment file", &mode.ok(), &Some(0o400));
            let first = fs::read_to_string(&path).unwrap_or_default().lines().next().map(str::to_owned).unwrap_or_default();
            self.same("its mark", &(first.starts_with("# storex/1 ") && first.ends_with(&store.id)), &true);
        }
    }

    /// PM2's list over its socket, real processes, real ports. Answers the port of each store.
    fn processes(&mut self) -> BTreeMap<String, u64> {
        let rows = foreign::processes(self.world);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let listed: Vec<String> =
            rows.iter().map(|row| format!("{} {}", text(&row["name"]), text(&row["pm2_env"]["status"]))).collect();
        let mut wanted: Vec<String> =
            self.stores.iter().map(|store| format!("{} online", store.id)).chain([format!("{APP} online")]).collect();
        let mut sorted = listed;
        sorted.sort();
        wanted.sort();
        self.same("PM2's list", &sorted, &wanted);
        let ours: Vec<&Value> = rows.iter().filter(|row| row["pm2_env"]["namespace"] == "storex").collect();
        let pids: BTreeSet<u64> = ours.iter().filter_map(|row| row["pid"].as_u64()).collect();
        let folder = self.world.host("stores");
        let living = proc::pids().into_iter().filter(|pid| proc::directory(*pid).is_some_and(|at| at.starts_with(&folder)));
        self.same("living processes in store directories", &living.map(u64::from).collect(), &pids);
        let port = |row: &&Value| Some((text(&row["name"]), text(&row["pm2_env"]["env"]["PORT"]).parse().ok()?));
        let ports: BTreeMap<String, u64> = ours.iter().filter_map(port).collect();
        let range = self.world.store_ports.clone();
        let used: BTreeSet<u64> = proc::ports_in_use().into_iter().filter(|port| range.contains(port)).map(u64::from).collect();
        self.same("ports in use", &used, &ports.values().copied().collect());
        ports
    }

    /// The configuration Nginx itself reads, and what a visitor gets.
    fn router(&mut self, ports: &BTreeMap<String, u64>) {
        let rows = routed(self.world);
        let port = |store: &Store| ports.get(&store.id).copied().unwrap_or_default();
        let wanted: BTreeSet<String> = self
            .stores
            .iter()
            .flat_map(|store| [&store.system, &store.domain].map(|name| format!("{name} 127.0.0.1:{}", port(store))))
            .collect();
        self.same("rows of nginx -T", &rows, &wanted);
        for store in self.stores.clone() {
            for name in [&store.system, &store.domain] {
                match visit(self.world.router, name, "/health") {
                    Ok((200, body)) if body.contains(&format!("\"store_id\":\"{}\"", store.id)) => {}
                    other => self.found.push(format!("{name} answers {other:?}")),
                }
            }
        }
        let unknown = visit(self.world.router, "unknown.example.org", "/").map(|(status, _)| status).ok();
        self.same("an unknown host", &unknown, &Some(421));
    }

    /// Zones and records, ours and foreign ones.
    fn cloud(&mut self) {
        let state = self.world.cloud.state();
        let mut marked: Vec<String> = Vec::new();
        for zone in state["zones"].as_array().unwrap() {
            let ours = |record: &&Value| record["comment"].as_str().is_some_and(|comment| comment.starts_with("storex/1 "));
            for record in zone["records"].as_array().unwrap().iter().filter(ours) {
                let number =
                    record["comment"].as_str().unwrap().split(' ').find_map(|word| word.strip_prefix("s=")).unwrap_or_default();
                marked.push(format!("{} {} {number}", record["type"].as_str().unwrap(), record["name"].as_str().unwrap()));
            }
        }
        let number = |store: &Store| store.id.rsplit('-').next().unwrap().to_owned();
        let mut wanted: Vec<String> =
            self.stores.iter().map(|store| format!("CNAME {} {}", store.domain, number(store))).collect();
        wanted.push("CNAME *.storex.com platform".to_owned());
        marked.sort();
        wanted.sort();
        self.same("records with our mark", &marked, &wanted);
        let mut zones: Vec<String> =
            state["zones"].as_array().unwrap().iter().map(|zone| zone["name"].as_str().unwrap().to_owned()).collect();
        let mut names: Vec<String> = self.stores.iter().map(|store| store.domain.clone()).collect();
        names.extend(["storex.com".to_owned(), "somebody-elses.com".to_owned()]);
        zones.sort();
        names.sort();
        self.same("zones", &zones, &names);
        let live = state["tunnels"].as_array().unwrap().iter().filter(|tunnel| tunnel["deleted_at"].is_null()).count();
        self.same("tunnels", &live, &2);
        let processes = foreign::processes(self.world);
        self.found.extend(self.world.foreign.disturbed(&state, &processes));
    }

    /// The documents and claims on disk.
    fn repo(&mut self, used: &BTreeSet<String>) {
        let copy = Copy::of(self.world);
        self.same("operations not at rest", &copy.open_operations(self.world), &Vec::new());
        let poisoned = |(_, doc): &(String, Value)| doc["direction"] == "poisoned";
        let poisoned: Vec<String> =
            copy.rows(self.world, Table::Operations).into_iter().filter(poisoned).map(|(id, _)| id).collect();
        self.same("poisoned operations", &poisoned, &Vec::new());
        let ids = |table| copy.rows(self.world, table).into_iter().map(|(id, _)| id).collect::<BTreeSet<String>>();
        let tables = [
            (Table::Stores, self.named(|store| store.id.clone())),
            (Table::Domains, self.stores.iter().flat_map(|store| [store.system.clone(), store.domain.clone()]).collect()),
            (Table::Certificates, self.named(|store| store.domain.clone())),
            (
                Table::DueTimes,
                self.stores
                    .iter()
                    .flat_map(|store| ["domain", "application", "infrastructure"].map(|check| format!("{}/{check}", store.id)))
                    .collect(),
            ),
        ];
        for (table, wanted) in tables {
            self.same(&format!("documents in {table}"), &ids(table), &wanted);
        }
        let alive = self.named(|store| store.username.clone());
        let names = |user: &str| {
            [
                ("username", user.to_owned()),
                ("domain", format!("{user}.storex.com")),
                ("domain", domain_of(user)),
                ("database", format!("store_{user}")),
            ]
        };
        for user in used {
            for (namespace, name) in names(user) {
                let free = copy.is_free(self.world, namespace, &name);
                self.same(&format!("{namespace} {name} is free"), &free, &!alive.contains(user));
            }
        }
        let taken = self.world.store_ports.clone().filter(|port| !copy.is_free(self.world, "port:local", &port.to_string()));
        self.same("claimed ports", &taken.count(), &self.stores.len());
    }
}

/// The custom domain the test gives a store.
pub(crate) fn domain_of(username: &str) -> String {
    format!("{username}-shop.com")
}

/// Whether a store is neither wholly there nor wholly gone, looked at from below: processes of storex may be dead.
pub(crate) fn is_half_made(world: &World, username: &str) -> bool {
    let beginning = format!("{username}-");
    let state = fs::read(world.data.join("simulator.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    let zone = state["zones"].as_array().unwrap().iter().find(|zone| zone["name"] == domain_of(username).as_str());
    let routes = fs::read_to_string(world.host("nginx/conf/routes.conf")).unwrap_or_default();
    let processes = foreign::processes(world);
    let there = [
        world.host("stores").join(username).exists(),
        names(&world.host("env")).iter().any(|name| name.starts_with(&beginning)),
        processes.iter().any(|row| row["name"].as_str().is_some_and(|name| name.starts_with(&beginning))),
        routes.contains(&format!("    {} ", domain_of(username))),
        routes.contains(&format!("    {username}.storex.com ")),
        zone.is_some(),
        zone.is_some_and(|zone| zone["records"].as_array().is_some_and(|records| !records.is_empty())),
        Copy::of(world).rows(world, Table::Stores).iter().any(|(id, row)| id.starts_with(&beginning) && row["state"] == "active"),
    ];
    there.contains(&true) && there.contains(&false)
}

/// Every path below a folder; links are not followed.
fn below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        found.push(entry.path().to_string_lossy().into_owned());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(below(&entry.path()));
        }
    }
    found
}

/// Names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Rows of the map of hosts, as `nginx -T` prints them.
fn routed(world: &World) -> BTreeSet<String> {
    let nginx = Tools::find(&process::tool_prefixes(), &NamedTools::default()).unwrap().nginx;
    let prefix = world.host("nginx");
    let (folder, config) = (format!("{}/", prefix.display()), prefix.join("conf/nginx.conf"));
    let arguments = ["-p", &folder, "-e", "logs/error.log", "-c", config.to_str().unwrap(), "-T"];
    let output = process::run(nginx.to_str().unwrap(), &arguments, &prefix).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "nginx -T: {}", String::from_utf8_lossy(&output.stderr));
    let (_, map) = text.split_once("map $host $storex_upstream {").unwrap();
    let rows = map.split('}').next().unwrap().lines().map(|line| line.trim().trim_end_matches(';').to_owned());
    rows.filter(|row| !row.is_empty() && !row.starts_with("default")).collect()
}
