//! An installation of processes of its own: the roles, each served alone, on one data folder.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::RwLock;
use std::time::Duration;
use storex_core::{Clock, SystemClock};
use storex_server::ApiToken;
use storex_tests::installation::{Failure, ask, directory, free_port, header};
use storex_tests::process::{self, living_in};

/// How long is waited for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// Tests that kill in the middle of something share it; one that keeps the machine busy takes it alone.
pub(crate) static MACHINE: RwLock<()> = RwLock::new(());
/// How often is looked for what an installation left.
const PASSES: usize = 3;

/// Processes of one installation; those still running are killed with what they started.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) data: PathBuf,
    pub(crate) token: String,
    /// What the roles find in their environment.
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) agent: u16,
    pub(crate) router: u16,
    pub(crate) simulator: u16,
    running: Vec<(u16, Child)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = directory().unwrap();
        let data = dir.path().join("data");
        storex_server::up::DataDir::open(&data).unwrap();
        ApiToken::create(&data.join("agent.token")).unwrap();
        let token = ApiToken::create(&data.join("admin.token")).unwrap().expose().to_owned();
        let [agent, router, simulator] = [(); 3].map(|()| free_port().unwrap());
        Self { dir, data, token, variables: Vec::new(), agent, router, simulator, running: Vec::new() }
    }

    /// Where all roles log.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// The program with these arguments and the variables, not yet started.
    pub(crate) fn storex(&self, words: &str) -> Command {
        let mut command = process::command(env!("CARGO_BIN_EXE_storex-under-test"));
        command.args(words.split(' ')).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A role on the data folder, not yet started.
    pub(crate) fn role(&self, words: &str) -> Command {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.storex(words);
        command.arg(format!("--data-dir={}", self.data.display())).stderr(log);
        command
    }

    /// Starts a role that listens on this port and waits until it says that it is ready.
    pub(crate) fn serve(&mut self, port: u16, words: &str) {
        let mut child = self.role(words).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.any(|line| line.starts_with("ready"));
        self.running.push((port, child));
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        assert!(ready, "{words}: {log}");
    }

    /// Starts the simulator and an agent whose stores have this core and the 41 ports from this one on.
    pub(crate) fn serve_host(&mut self, core: &Path, first: u16) {
        let (agent, router, simulator) = (self.agent, self.router, self.simulator);
        self.serve(simulator, &format!("serve simulator --simulator-port={simulator}"));
        let stores = format!("--store-ports={first}-{} --core={}", first + 40, core.display());
        self.serve(agent, &format!("serve agent --agent-port={agent} --router-port={router} {stores}"));
    }

    /// Arguments of a controller on this port.
    pub(crate) fn controller_words(&self, port: u16) -> String {
        let (agent, router, simulator) = (self.agent, self.router, self.simulator);
        format!(
            "serve controller --controller-port={port} --agent-port={agent} --router-port={router} --simulator-port={simulator}"
        )
    }

    pub(crate) fn controller(&mut self) -> u16 {
        let port = free_port().unwrap();
        self.serve(port, &self.controller_words(port));
        port
    }

    /// Pids of the roles.
    pub(crate) fn roles(&self) -> Vec<u32> {
        self.running.iter().map(|(_, child)| child.id()).collect()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self, port: u16) {
        let at = self.running.iter().position(|(of, _)| *of == port).unwrap();
        let (_, mut child) = self.running.remove(at);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Sends the role on this port a signal.
    pub(crate) fn signal(&self, port: u16, signal: Signal) {
        let (_, child) = self.running.iter().find(|(of, _)| *of == port).unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// The messages that were delivered: what each says, and of which store.
    pub(crate) fn messages(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.data.join("outbox/notifications.ndjson")).unwrap_or_default();
        // One that is being written has no end yet.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        lines.map(|line| (text(&line["event"]), text(&line["data"]["store_id"]))).collect()
    }

    pub(crate) fn api(&self, port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String, Value), Failure> {
        ask(port, &self.token, method, path, body)
    }

    pub(crate) fn create(&self, port: u16, username: &str) -> (String, String) {
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
    pub(crate) fn deployed(&self) -> Vec<String> {
        let token = std::fs::read_to_string(self.data.join("agent.token")).unwrap();
        let (_, _, body) = ask(self.agent, token.trim(), "GET", "/v1/deployments", None).unwrap();
        let rows = body["deployments"].as_array().unwrap();
        rows.iter().map(|row| row["store_id"].as_str().unwrap().to_owned()).collect()
    }

    /// Names of all records of the simulated zones, as often as they exist.
    pub(crate) fn records(&self) -> Vec<String> {
        let token = std::fs::read_to_string(self.data.join("simulator.token")).unwrap();
        let get = |path: &str| ask(self.simulator, token.trim(), "GET", path, None).unwrap().2["result"].clone();
        let zones = get("/client/v4/zones?per_page=50");
        let zones: Vec<&str> = zones.as_array().unwrap().iter().map(|zone| zone["id"].as_str().unwrap()).collect();
        let of_zone = |zone: &&str| get(&format!("/client/v4/zones/{zone}/dns_records?per_page=100"));
        let records: Vec<Value> = zones.iter().map(of_zone).flat_map(|list| list.as_array().unwrap().clone()).collect();
        records.iter().map(|record| format!("{} {}", record["type"], record["name"])).collect()
    }

    pub(crate) fn zones(&self) -> Vec<String> {
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
        // Until PM2's daemon is gone it starts again what ends.
        for pid in (0..PASSES).flat_map(|_| living_in(self.dir.path())) {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
            let _ = kill_process(pid, Signal::KILL);
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(30).collect();
            println!("{lines:#?}");
        }
    }
}

/// Looks until it sees what must happen.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = SystemClock.now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(SystemClock.now() < end, "{what} did not happen within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
