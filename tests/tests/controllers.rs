//! Two controllers on one MongoDB share the work: one is killed in the middle of creates, also together with the primary of the database, the other
//! finishes them, nothing is done twice.
//!
//! Controllers, agent (with real PM2 and Nginx) and simulator are processes of their own; the database is a real standalone mongod, where changes
//! are found by polling, or three servers in a replica set.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a test stops at the first surprise")]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use storex_core::{Clock, Page, Query, Secret, StoreRepo, SystemClock, Table};
use storex_mongo::MongoStores;
use storex_server::ApiToken;
use storex_tests::installation::{Failure, directory, exchange, free_port, header};
use storex_tests::mongod::{Deployment, Topology};
use storex_tests::process::{self, living_in};

/// Stores asked for.
const STORES: usize = 8;
/// How long is waited for what must happen.
const PATIENCE: Duration = Duration::from_mins(3);
/// First of the ports of the stores.
const STORE_PORTS: u16 = 26_600;

/// Processes of one installation; those still running are killed with what they started.
struct World {
    dir: tempfile::TempDir,
    data: PathBuf,
    token: String,
    uri: Secret<String>,
    agent: u16,
    router: u16,
    simulator: u16,
    running: Vec<(u16, Child)>,
}

fn ask(port: u16, token: &str, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String, Value), Failure> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n");
    let text = format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (status, head, body) = exchange(port, &text)?;
    Ok((status, head, serde_json::from_str(&body)?))
}

impl World {
    fn new(uri: Secret<String>) -> Self {
        let dir = directory().unwrap();
        let data = dir.path().join("data");
        storex_server::up::DataDir::open(&data).unwrap();
        ApiToken::create(&data.join("agent.token")).unwrap();
        let token = ApiToken::create(&data.join("admin.token")).unwrap().expose().to_owned();
        let [agent, router, simulator] = [(); 3].map(|()| free_port().unwrap());
        Self { dir, data, token, uri, agent, router, simulator, running: Vec::new() }
    }

    /// Starts a role that listens on this port and waits until it says that it is ready.
    fn serve(&mut self, port: u16, words: &str) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let mut command = process::command(env!("CARGO_BIN_EXE_storex-under-test"));
        command.args(words.split(' ')).arg(format!("--data-dir={}", self.data.display()));
        command.env("STOREX_MONGODB_URI", self.uri.expose());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.any(|line| line.starts_with("ready"));
        self.running.push((port, child));
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        assert!(ready, "{words}: {log}");
    }

    fn controller(&mut self) -> u16 {
        let port = free_port().unwrap();
        let (agent, router, simulator) = (self.agent, self.router, self.simulator);
        self.serve(
            port,
            &format!("serve controller --controller-port={port} --agent-port={agent} --router-port={router} --simulator-port={simulator}"),
        );
        port
    }

    /// kill -9.
    fn kill(&mut self, port: u16) {
        let at = self.running.iter().position(|(of, _)| *of == port).unwrap();
        let (_, mut child) = self.running.remove(at);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn api(&self, port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String, Value), Failure> {
        ask(port, &self.token, method, path, body)
    }

    fn create(&self, port: u16, username: &str) -> (String, String) {
        let body = json!({
            "username": username, "domain": format!("{username}-shop.com"),
            "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
        });
        let (status, head, answer) = self.api(port, "POST", "/api/stores", Some(&body)).unwrap();
        assert_eq!(status, 201, "{answer}");
        let operation = header(&head, "operation-location").unwrap().rsplit('/').next().unwrap().to_owned();
        (answer["store_id"].as_str().unwrap().to_owned(), operation)
    }

    /// What the agent runs: store ids, as often as it names them.
    fn deployed(&self) -> Vec<String> {
        let token = std::fs::read_to_string(self.data.join("agent.token")).unwrap();
        let (_, _, body) = ask(self.agent, token.trim(), "GET", "/v1/deployments", None).unwrap();
        let rows = body["deployments"].as_array().unwrap();
        rows.iter().map(|row| row["store_id"].as_str().unwrap().to_owned()).collect()
    }

    /// Names of all records of the simulated zones, as often as they exist.
    fn records(&self) -> Vec<String> {
        let token = std::fs::read_to_string(self.data.join("simulator.token")).unwrap();
        let get = |path: &str| ask(self.simulator, token.trim(), "GET", path, None).unwrap().2["result"].clone();
        let zones = get("/client/v4/zones?per_page=50");
        let zones: Vec<&str> = zones.as_array().unwrap().iter().map(|zone| zone["id"].as_str().unwrap()).collect();
        let of_zone = |zone: &&str| get(&format!("/client/v4/zones/{zone}/dns_records?per_page=100"));
        let records: Vec<Value> = zones.iter().map(of_zone).flat_map(|list| list.as_array().unwrap().clone()).collect();
        records.iter().map(|record| format!("{} {}", record["type"], record["name"])).collect()
    }

    fn zones(&self) -> Vec<String> {
        let token = std::fs::read_to_string(self.data.join("simulator.token")).unwrap();
        let (_, _, body) = ask(self.simulator, token.trim(), "GET", "/client/v4/zones?per_page=50", None).unwrap();
        body["result"].as_array().unwrap().iter().map(|zone| zone["name"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        for pid in living_in(self.dir.path()) {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(30).collect();
            println!("{lines:#?}");
        }
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = SystemClock.now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(SystemClock.now() < end, "{what} did not happen within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn distinct(names: &[String]) -> BTreeSet<String> {
    let distinct: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(distinct.len(), names.len(), "something is there twice: {names:?}");
    distinct
}

/// An installation with two controllers, and the stores that were asked of both.
struct Shared {
    runtime: tokio::runtime::Runtime,
    deployment: Deployment,
    world: World,
    repo: MongoStores,
    first: u16,
    second: u16,
    /// Store and operation of each name.
    asked: Vec<(String, String)>,
    names: Vec<String>,
}

impl Shared {
    /// Stores are asked for and not waited for, two of three from the first controller; `store_ports` is the first of their ports.
    fn asked(topology: Topology, store_ports: u16) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let deployment = runtime.block_on(Deployment::start(topology)).unwrap();
        let mut world = World::new(deployment.uri("shared"));
        let (agent, router, simulator) = (world.agent, world.router, world.simulator);
        let core = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/store-core");
        world.serve(simulator, &format!("serve simulator --simulator-port={simulator}"));
        let stores = format!("--store-ports={store_ports}-{} --core={}", store_ports + 40, core.display());
        world.serve(agent, &format!("serve agent --agent-port={agent} --router-port={router} {stores}"));
        let (first, second) = (world.controller(), world.controller());
        let repo = runtime.block_on(MongoStores::open(&world.uri)).unwrap();
        let names: Vec<String> = (0..STORES).map(|number| format!("shared-{number}")).collect();
        let of = |number: usize| if number % 3 == 2 { second } else { first };
        let asked = names.iter().enumerate().map(|(number, name)| world.create(of(number), name)).collect();
        Self { runtime, deployment, world, repo, first, second, asked, names }
    }

    /// How many operations are not at rest; the database may have to find a primary first.
    fn open(&self) -> usize {
        until("the database answers", || {
            let (page, query) = (Page::first(1000), Query::equals("open", "1"));
            self.runtime.block_on(self.repo.list(Table::Operations, &query, &page)).ok().map(|page| page.rows.len())
        })
    }

    /// The second controller finishes what was begun, does nothing twice, and goes on making and removing.
    fn is_finished_by_the_second(&self, what: &str) {
        let killed = SystemClock.now();
        let left = self.open();
        assert!(left > 0, "nothing was left to take over");
        // Any controller answers for any operation.
        for (_, operation) in &self.asked {
            let view = until(&format!("{operation} at rest"), || {
                let (_, _, view) =
                    self.world.api(self.second, "GET", &format!("/api/operations/{operation}?wait=20"), None).ok()?;
                (view["done"] == true).then_some(view)
            });
            assert_eq!(view["state"], "succeeded", "{view:#}");
        }
        let rested = SystemClock.now().duration_since(killed);
        assert_eq!(self.open(), 0);
        let ids: BTreeSet<String> = self.asked.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(distinct(&self.world.deployed()), ids);
        let _unique = distinct(&self.world.records());
        let mut zones: BTreeSet<String> = self.names.iter().map(|name| format!("{name}-shop.com")).collect();
        zones.insert("storex.com".to_owned());
        assert_eq!(distinct(&self.world.zones()), zones);
        for name in &self.names {
            let visit = format!("GET /health HTTP/1.1\r\nHost: {name}.storex.com\r\nConnection: close\r\n\r\n");
            until(&format!("{name} serves"), || (exchange(self.world.router, &visit).ok()?.0 == 200).then_some(()));
        }
        for (id, _) in &self.asked {
            let (status, ..) = self.world.api(self.second, "DELETE", &format!("/api/stores/{id}"), None).unwrap();
            assert_eq!(status, 202);
        }
        until("all stores are gone", || (self.open() == 0 && self.world.deployed().is_empty()).then_some(()));
        assert_eq!(self.world.zones(), ["storex.com"]);
        println!("{left} of {STORES} operations were open after {what}; all at rest {} ms after it", rested.as_millis());
    }
}

#[test]
fn one_controller_is_killed_in_the_middle_of_creates_and_the_other_finishes_them() {
    let mut shared = Shared::asked(Topology::Standalone, STORE_PORTS);
    shared.world.kill(shared.first);
    shared.is_finished_by_the_second("the kill of a controller");
}

#[test]
fn a_controller_and_the_primary_are_killed_at_once_and_the_others_finish_the_creates() {
    let mut shared = Shared::asked(Topology::Three, STORE_PORTS + 50);
    let primary = shared.runtime.block_on(shared.deployment.primary()).unwrap();
    shared.world.kill(shared.first);
    shared.deployment.servers[primary].kill().unwrap();
    shared.is_finished_by_the_second("the kill of a controller and of the primary");
    let successor = shared.runtime.block_on(shared.deployment.primary()).unwrap();
    assert_ne!(successor, primary, "the control: another server is the primary");
}
