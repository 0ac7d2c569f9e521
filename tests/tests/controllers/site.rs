//! An installation whose every secret is known, and all that it writes, answers, logs, lists and shows of itself.

use super::world::World;
use rustix::process::geteuid;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use storex_agent::tools::{NamedTools, Tools};
use storex_agent::{atomic, proc};
use storex_core::{EntropyExt, Keyring, Secret, SystemEntropy};
use storex_mongo::driver::Client;
use storex_mongo::driver::bson::{RawDocumentBuf, doc};
use storex_tests::canary::{Sink, files_below};
use storex_tests::installation::exchange;
use storex_tests::mongod::{Deployment, Topology};
use storex_tests::process::{self, living_in, run};
use tokio::runtime::Runtime;

/// Kinds of sinks.
pub(crate) const KINDS: [&str; 10] =
    ["answer", "argv", "collection", "command", "dump", "environ", "file", "log", "oplog", "pm2"];
/// First of the ports of the stores.
const STORE_PORTS: u16 = 26_700;
/// Who reads all of the server, also what it keeps for itself.
const READER: (&str, &str) = ("reader", "reader-password");
/// The database of the state.
pub(crate) const STATE: &str = "canary_state";

/// Simulator, agent and controller as processes that log all they can; a database server with users holds their state and the databases of stores.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) controller: u16,
    /// The password of the user the connection strings name, and the token of an account nobody asks.
    pub(crate) given: [Secret<String>; 2],
    runtime: Runtime,
    deployment: Deployment,
    /// Answers and what commands printed.
    answers: RefCell<Vec<Sink>>,
}

impl Site {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let deployment = runtime.block_on(Deployment::start(Topology::OneWithUsers)).unwrap();
        let given = [(); 2].map(|()| Secret::new(SystemEntropy.hex(16).unwrap()));
        let mut world = World::new();
        let [password, token] = given.each_ref().map(|secret| secret.expose().clone());
        runtime.block_on(async {
            let admin = deployment.driver("admin").await.unwrap();
            for (name, password, role) in [("canary", &*password, "root"), (READER.0, READER.1, "__system")] {
                let roles = vec![doc! { "role": role, "db": "admin" }];
                let user = doc! { "createUser": name, "pwd": password, "roles": roles };
                admin.run_command(user).await.unwrap();
            }
        });
        let uri = |database: &str, password: &str| deployment.uri_as(database, Some(("canary", password))).expose().clone();
        let secrets = world.dir.path().join("secrets");
        atomic::make_dir(&secrets, 0o700, None).unwrap();
        let named = |name: &str, text: String| {
            let path = secrets.join(name);
            atomic::write(&path, format!("{text}\n").as_bytes(), 0o600, None).unwrap();
            path.to_str().unwrap().to_owned()
        };
        // A user whose password is wrong, and holds the right one.
        named("refused.uri", uri(STATE, &format!("{password}0")));
        world.variables = vec![
            ("STOREX_MONGODB_URI_FILE", named("state.uri", uri(STATE, &password))),
            ("STOREX_DATABASES_URI_FILE", named("databases.uri", uri("", &password))),
            ("CLOUDFLARE_API_TOKEN_FILE", named("cloudflare.token", token)),
            ("STOREX_LOG", "trace".to_owned()),
        ];
        let keyring = Keyring::generate("main", &SystemEntropy).unwrap();
        atomic::write(&world.data.join("keyring"), keyring.expose().as_bytes(), 0o600, None).unwrap();
        let (core, root) = (world.dir.path().join("core"), Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let made = run("scripts/shop-core.sh", &[core.to_str().unwrap()], root).unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        world.serve_host(&core, STORE_PORTS);
        let controller = world.controller();
        Self { world, controller, given, runtime, deployment, answers: RefCell::default() }
    }

    /// Sends a request and keeps what comes back.
    pub(crate) fn request(&self, whose: &str, port: u16, lines: &[&str], body: &str) -> (u16, String, Value) {
        let head = lines.join("\r\n");
        let text = format!("{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (status, head, body) = exchange(port, &text).unwrap();
        let answer = Sink::new("answer", format!("of the {whose} to {}", lines[0]), format!("{head}\r\n\r\n{body}"));
        self.answers.borrow_mut().push(answer);
        (status, head, serde_json::from_str(&body).unwrap_or_default())
    }

    /// Asks the REST API as the admin.
    pub(crate) fn api(&self, method: &str, path: &str, body: &str) -> (u16, String, Value) {
        self.api_as(&self.world.token, method, path, body)
    }

    pub(crate) fn api_as(&self, token: &str, method: &str, path: &str, body: &str) -> (u16, String, Value) {
        let (line, authorization) = (format!("{method} {path} HTTP/1.1"), format!("Authorization: Bearer {token}"));
        let lines = [&*line, "Host: localhost", "Content-Type: application/json", &*authorization];
        self.request("controller", self.controller, &lines, body)
    }

    /// Asks the agent or the simulator with this token.
    pub(crate) fn get(&self, whose: &str, port: u16, token: &str, path: &str) -> u16 {
        let (line, authorization) = (format!("GET {path} HTTP/1.1"), format!("Authorization: Bearer {token}"));
        self.request(whose, port, &[&*line, "Host: localhost", &*authorization], "").0
    }

    /// Visits a store.
    pub(crate) fn visit(&self, username: &str, path: &str) -> (u16, Value) {
        let (line, host) = (format!("GET {path} HTTP/1.1"), format!("Host: {username}.storex.com"));
        let (status, _, answer) = self.request("store", self.world.router, &[&*line, &*host], "");
        (status, answer)
    }

    /// The token in this file of the data folder.
    pub(crate) fn token(&self, name: &str) -> String {
        std::fs::read_to_string(self.world.data.join(name)).unwrap().trim().to_owned()
    }

    /// Runs a command and keeps what it prints.
    pub(crate) fn command(&self, words: &str, variables: &[(&str, &Path)]) -> Output {
        let output = self.world.storex(words).envs(variables.iter().copied()).output().unwrap();
        let printed = [&*output.stdout, b"\n", &*output.stderr].concat();
        self.answers.borrow_mut().push(Sink::new("command", words, printed));
        output
    }

    /// Arguments that lead a command to the controller.
    pub(crate) fn connection(&self, token_file: &str) -> String {
        format!("--url=http://127.0.0.1:{} --token-file={}", self.controller, self.world.data.join(token_file).display())
    }

    /// Runs PM2's own program as the owner of the daemon.
    pub(crate) fn pm2(&self, words: &[&str], variables: &[(String, &str)]) -> String {
        let tools = Tools::find(&process::tool_prefixes(), &NamedTools::default()).unwrap();
        let program = tools.pm2_daemon.parent().and_then(Path::parent).unwrap().join("bin/pm2");
        let home = self.world.data.join("host/pm2");
        let owner = std::fs::metadata(&home).unwrap();
        let mut command = process::command(&tools.node);
        command.arg(program).args(words).env("PM2_HOME", &home).env("HOME", &home).env("PM2_DISCRETE_MODE", "true");
        command.envs(variables.iter().map(|(name, value)| (name, value))).current_dir(&home);
        if geteuid().is_root() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "pm2 {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Everything that holds no secret by intent.
    pub(crate) fn sinks(&self, intended: &BTreeSet<PathBuf>) -> Vec<Sink> {
        let mut sinks = vec![Sink::new("pm2", "jlist", self.pm2(&["jlist"], &[]))];
        self.pm2(&["dump"], &[]);
        sinks.extend(self.answers.borrow().iter().cloned());
        sinks.extend(self.processes());
        sinks.extend(self.driver(collections));
        sinks.extend(
            files_below(self.world.dir.path()).into_iter().filter(|path| !intended.contains(path)).map(|path| self.file(&path)),
        );
        sinks
    }

    fn file(&self, path: &Path) -> Sink {
        let kind = if *path == self.world.log() {
            "log"
        } else if path.ends_with("dump.pm2") {
            "dump"
        } else {
            "file"
        };
        let name = path.strip_prefix(self.world.dir.path()).unwrap();
        // A temporary file may be gone by now.
        Sink::new(kind, name.display(), std::fs::read(path).unwrap_or_default())
    }

    /// The roles, what they started, and whatever else lives in the folder.
    fn pids(&self) -> BTreeSet<u32> {
        let mut pids: BTreeSet<u32> = self.world.roles().into_iter().collect();
        pids.extend(living_in(self.world.dir.path()));
        let children: Vec<u32> = pids.iter().flat_map(|pid| proc::descendants(*pid)).collect();
        pids.extend(children);
        pids
    }

    /// Arguments and environment of every process.
    fn processes(&self) -> Vec<Sink> {
        let shown = |pid: u32, kind: &str, file: &str| {
            let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let name = format!("of {pid}, {}", String::from_utf8_lossy(&read("comm")).trim());
            // A process may be gone by now.
            Sink::new(kind, name, read(file))
        };
        self.pids().into_iter().flat_map(|pid| [shown(pid, "argv", "cmdline"), shown(pid, "environ", "environ")]).collect()
    }

    /// Names of storex's variables that the roles have, and those that any other process of the installation has.
    pub(crate) fn own_variables(&self) -> [BTreeSet<String>; 2] {
        let roles = self.world.roles();
        let (of_roles, of_others): (Vec<u32>, Vec<u32>) = self.pids().into_iter().partition(|pid| roles.contains(pid));
        [of_roles, of_others].map(|pids| {
            let names = pids.into_iter().filter_map(proc::environment).flat_map(BTreeMap::into_keys);
            names.filter(|name| name.starts_with("STOREX_") || name.starts_with("CLOUDFLARE_")).collect()
        })
    }

    /// Works on the database server with every right there is.
    pub(crate) fn driver<T>(&self, work: impl AsyncFnOnce(Client) -> T) -> T {
        let uri = self.deployment.uri_as("", Some(READER));
        self.runtime.block_on(async { work(Client::with_uri_str(uri.expose()).await.unwrap()).await })
    }
}

/// Every document of every database of the server, as its bytes, and what its log of writes remembers of documents that are gone.
async fn collections(root: Client) -> Vec<Sink> {
    let mut sinks = Vec::new();
    for name in root.list_database_names().await.unwrap() {
        let database = root.database(&name);
        for collection in database.list_collection_names().await.unwrap() {
            let mut bytes = Vec::new();
            let mut documents = database.collection::<RawDocumentBuf>(&collection).find(doc! {}).await.unwrap();
            while documents.advance().await.unwrap() {
                bytes.extend_from_slice(documents.current().as_bytes());
            }
            let kind = if collection.starts_with("oplog") { "oplog" } else { "collection" };
            sinks.push(Sink::new(kind, format!("{name}.{collection}"), bytes));
        }
    }
    sinks
}
