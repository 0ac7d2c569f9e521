//! One installation of real processes in a temporary directory, each of which can be killed and started again.

use super::foreign::Foreign;
use super::gate::Gate;
use super::outside::Cloud;
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{Clock, SystemClock};
use storex_server::ApiToken;
use storex_tests::installation::{Failure, ask, directory, free_port};
use storex_tests::process::{self, living_in};

/// How many ports stores may listen on.
const STORE_PORTS: u16 = 40;
/// How long is waited for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// A process of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Simulator,
    Agent,
    Controller,
    /// All three in one, as `storex up`.
    Whole,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// When it said that it is ready.
    ready: Arc<Mutex<Option<Timestamp>>>,
}

/// One installation at a time: what is measured in one is not another's doing, and no port is another's.
static TURN: Mutex<()> = Mutex::new(());

/// The installation.
pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) data: PathBuf,
    pub(crate) gate: Gate,
    pub(crate) cloud: Cloud,
    pub(crate) router: u16,
    /// Ports stores may listen on.
    pub(crate) store_ports: Range<u16>,
    pub(crate) foreign: Foreign,
    pub(crate) runtime: tokio::runtime::Runtime,
    /// Port of the controller.
    pub(crate) controller: u16,
    pub(crate) agent: u16,
    /// Token of the controller's API.
    pub(crate) token: String,
    running: BTreeMap<Role, Running>,
    _turn: MutexGuard<'static, ()>,
}

/// Ports nothing listens on, below those the kernel gives out; two runs at once begin to look at different places.
fn free_block() -> Range<u16> {
    let blocks = (24_000..29_000_u16).step_by(STORE_PORTS.into()).map(|first| first..first + STORE_PORTS);
    let mut blocks: Vec<Range<u16>> = blocks.collect();
    let first = usize::try_from(std::process::id()).unwrap() % blocks.len();
    blocks.rotate_left(first);
    let used = storex_agent::proc::ports_in_use();
    blocks.into_iter().find(|block| block.clone().all(|port| !used.contains(&port))).unwrap()
}

/// The time now.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// Milliseconds from one time to another.
pub(crate) fn millis(from: Timestamp, to: Timestamp) -> i64 {
    i64::try_from(to.duration_since(from).as_millis()).unwrap()
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none in time.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(now() < end, "{what} did not happen within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

impl World {
    /// Starts simulator and agent and puts the foreign objects in place. The controller never ran: the platform does not stand.
    pub(crate) fn start() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = directory().unwrap();
        let data = dir.path().join("data");
        storex_server::up::DataDir::open(&data).unwrap();
        ApiToken::create(&data.join("agent.token")).unwrap();
        let token = ApiToken::create(&data.join("admin.token")).unwrap().expose().to_owned();
        let agent = free_port().unwrap();
        let mut world = Self {
            gate: Gate::open(agent),
            cloud: Cloud { port: free_port().unwrap(), token: String::new() },
            router: free_port().unwrap(),
            store_ports: free_block(),
            controller: free_port().unwrap(),
            foreign: Foreign::default(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            running: BTreeMap::new(),
            agent,
            token,
            data,
            dir,
            _turn: turn,
        };
        world.spawn(Role::Simulator);
        world.await_ready(Role::Simulator);
        let token = std::fs::read_to_string(world.data.join("simulator.token")).unwrap();
        token.trim().clone_into(&mut world.cloud.token);
        world.spawn(Role::Agent);
        world.await_ready(Role::Agent);
        world.foreign = Foreign::place(&world);
        world
    }

    fn arguments(&self, role: Role) -> Vec<String> {
        let core = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/store-core");
        let stores = format!("--store-ports={}-{} --core={}", self.store_ports.start, self.store_ports.end - 1, core.display());
        let (agent, router, simulator) = (self.agent, self.router, self.cloud.port);
        let ports = format!("--router-port={router} --simulator-port={simulator} --controller-port={}", self.controller);
        let words = match role {
            Role::Simulator => format!("serve simulator --simulator-port={simulator}"),
            Role::Agent => format!("serve agent --agent-port={agent} --router-port={router} {stores}"),
            Role::Controller => format!("serve controller --agent-port={} {ports}", self.gate.port),
            Role::Whole => format!("up --agent-port={agent} {ports} {stores}"),
        };
        words.split(' ').map(str::to_owned).chain([format!("--data-dir={}", self.data.display())]).collect()
    }

    /// Starts a process; answers when.
    pub(crate) fn spawn(&mut self, role: Role) -> Timestamp {
        let log = OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let began = now();
        let mut command = process::command(env!("CARGO_BIN_EXE_storex-under-test"));
        command.args(self.arguments(role)).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let ready = Arc::<Mutex<Option<Timestamp>>>::default();
        let (said, stdout) = (Arc::clone(&ready), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with("ready") {
                    *said.lock().unwrap() = Some(now());
                }
            }
        });
        self.running.insert(role, Running { child, ready });
        began
    }

    /// # Panics
    /// When the process has ended, with the end of the log.
    pub(crate) fn assert_runs(&mut self, role: Role) {
        let ended = self.running.get_mut(&role).unwrap().child.try_wait().unwrap();
        if ended.is_some() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            assert!(ended.is_none(), "{role:?} ended with {ended:?}; its log backwards: {tail:#?}");
        }
    }

    /// Waits until a process says that it is ready; answers when it did.
    pub(crate) fn await_ready(&mut self, role: Role) -> Timestamp {
        until(&format!("{role:?} is ready"), || {
            self.assert_runs(role);
            *self.running[&role].ready.lock().unwrap()
        })
    }

    /// kill -9 of a process; it is gone when this answers.
    pub(crate) fn kill(&mut self, role: Role) {
        let mut running = self.running.remove(&role).unwrap();
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }

    /// Everything by one process, or each role by its own; what ran before is killed.
    pub(crate) fn run_as(&mut self, roles: &[Role]) {
        if roles.iter().all(|role| self.running.contains_key(role)) {
            return;
        }
        let others: Vec<Role> = self.running.keys().copied().collect();
        for role in others {
            self.kill(role);
        }
        for role in roles {
            self.spawn(*role);
            self.await_ready(*role);
        }
    }

    /// Asks the controller.
    pub(crate) fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String, Value), Failure> {
        ask(self.controller, &self.token, method, path, body)
    }

    /// The same from another thread.
    pub(crate) fn api_later(&self, method: &'static str, path: String, body: Option<Value>) -> Asking {
        let (port, token) = (self.controller, self.token.clone());
        std::thread::spawn(move || ask(port, &token, method, &path, body.as_ref()).map_err(|error| error.to_string()))
    }

    /// True once the controller says that stores can be made.
    pub(crate) fn is_ready(&self) -> bool {
        self.api("GET", "/readyz", None).is_ok_and(|(status, ..)| status == 200)
    }

    /// A file or folder of the store host.
    pub(crate) fn host(&self, name: &str) -> PathBuf {
        self.data.join("host").join(name)
    }

    /// A file for the test's own use.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs `storex` against the controller and waits for its end: `words` are separated by blanks.
    pub(crate) fn storex(&self, words: &str) -> Output {
        let (url, token) = (format!("--url=http://127.0.0.1:{}", self.controller), self.data.join("admin.token"));
        let token = format!("--token-file={}", token.display());
        let words: Vec<&str> = words.split(' ').chain([url.as_str(), token.as_str()]).collect();
        process::run(env!("CARGO_BIN_EXE_storex-under-test"), &words, self.dir.path()).unwrap()
    }

    /// What the agent says of its stores.
    pub(crate) fn deployments(&self) -> Value {
        let token = std::fs::read_to_string(self.data.join("agent.token")).unwrap();
        ask(self.agent, token.trim(), "GET", "/v1/deployments", None).unwrap().2
    }

    /// Stops everything as an operator would; answers the processes that are left.
    pub(crate) fn stop(mut self) -> Vec<u32> {
        self.run_as(&[Role::Simulator, Role::Agent, Role::Controller]);
        for role in [Role::Controller, Role::Agent, Role::Simulator] {
            let mut running = self.running.remove(&role).unwrap();
            let pid = Pid::from_child(&running.child);
            kill_process(pid, Signal::TERM).unwrap();
            let status = running.child.wait().unwrap();
            assert!(status.success(), "{role:?} ended with {status} on SIGTERM");
        }
        living_in(self.dir.path())
    }
}

/// A request on its way in another thread.
pub(crate) type Asking = std::thread::JoinHandle<Result<(u16, String, Value), String>>;

impl Drop for World {
    /// A test that failed leaves nothing running either.
    fn drop(&mut self) {
        for (_, mut running) in std::mem::take(&mut self.running) {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
        for _ in 0..3 {
            for pid in living_in(self.dir.path()) {
                let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        if std::thread::panicking() {
            let kept = self.dir.path().with_extension(format!("kept-{}", std::process::id()));
            let _ = std::fs::rename(self.dir.path(), &kept);
            println!("left for a look: {}", kept.display());
        }
    }
}
