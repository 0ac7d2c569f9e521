//! A folder with everything a PM2 daemon of ours needs, and small real programs to run under it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storex_agent::pm2::{Pm2Processes, Pm2Settings};
use storex_agent::proc::{self, User};
use storex_agent::tools::{NamedTools, Tools};
use storex_agent::{atomic, proc::Handle};
use storex_core::{EffectCx, Epoch, Port, ProcessFacts, ProcessSpec, ProcessStatus, ProcessSupervisor, StoreId, SystemClock};
use storex_fakes::laws::process_supervisor::first_lines;
use storex_tests::installation::free_port;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long is waited for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Answers its environment to every request.
pub(crate) const APP: &str = r#"
console.log(`output of ${process.env.PORT}`);
console.error(`warning of ${process.env.PORT}`);
require("http").createServer((_, answer) => answer.end(JSON.stringify(process.env))).listen(Number(process.env.PORT), "127.0.0.1");
"#;

pub(crate) struct Scene {
    top: tempfile::TempDir,
    pub(crate) settings: Pm2Settings,
}

#[expect(clippy::disallowed_methods, reason = "tests look for tools where scripts/install-host.sh puts them")]
fn prefixes() -> Vec<PathBuf> {
    let named = std::env::var_os("STOREX_TOOLS").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share/storex"));
    named.into_iter().chain(["/opt/storex".into()]).chain(home).collect()
}

/// Root runs the stores as `storex-apps`; anybody else as himself.
fn user() -> Option<User> {
    let root = rustix::process::geteuid().is_root();
    root.then(|| User::named("storex-apps").or_else(|_| User::named("nobody")).unwrap())
}

impl Scene {
    /// # Panics
    /// When node or PM2 is missing or of no use; the message names the script that brings them.
    pub(crate) async fn new() -> Self {
        let tools = Tools::find(&prefixes(), &NamedTools::default()).unwrap();
        let user = user();
        tools.check_versions(user.as_ref()).await.unwrap();
        let top = tempfile::tempdir().unwrap();
        open_to_all(top.path());
        for folder in ["stores", "env", "pm2"] {
            fs::create_dir(top.path().join(folder)).unwrap();
            open_to_all(&top.path().join(folder));
        }
        let below = |name: &str| top.path().join("pm2").join(name);
        let settings = Pm2Settings {
            node: tools.node,
            pm2_daemon: tools.pm2_daemon,
            home: below("home"),
            log_dir: below("log"),
            pid_dir: below("pid"),
            state_dir: below("state"),
            stores_root: top.path().join("stores"),
            user,
            start_limit: PATIENCE,
        };
        Self { top, settings }
    }

    pub(crate) async fn connect(&self) -> Pm2Processes {
        Pm2Processes::connect(self.settings.clone(), Arc::new(SystemClock)).await.unwrap()
    }

    /// A store that runs [`APP`].
    pub(crate) fn spec(&self, username: &str) -> ProcessSpec {
        self.store(username, APP, "SHOP=yes\n")
    }

    /// A store that runs this program with this environment file, on a free port.
    pub(crate) fn store(&self, username: &str, program: &str, environment: &str) -> ProcessSpec {
        let directory = self.settings.stores_root.join(username);
        fs::create_dir(&directory).unwrap();
        open_to_all(&directory);
        let script = directory.join("app.js");
        atomic::write(&script, program.as_bytes(), 0o644, None).unwrap();
        let environment_file = self.top.path().join("env").join(format!("{username}.env"));
        let owner = self.settings.user.as_ref().map(|user| (user.uid, user.gid));
        atomic::write(&environment_file, environment.as_bytes(), 0o400, owner).unwrap();
        ProcessSpec {
            store: format!("{username}-12345").parse().unwrap(),
            script,
            directory,
            environment_file,
            environment_digest: "digest".to_owned(),
            port: free_port().unwrap().try_into().unwrap(),
            node_env: "production".to_owned(),
            max_memory_bytes: 1 << 30,
        }
    }

    /// Every file below the folders PM2 and the agent write to.
    pub(crate) fn written_files(&self) -> Vec<PathBuf> {
        files_below(&self.top.path().join("pm2"))
    }

    /// Every living process that carries a path of this scene in its environment or arguments, other than this one.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mark = self.top.path().to_str().unwrap();
        let ours = |pid: &u32| {
            let environment = proc::environment(*pid).unwrap_or_default();
            let carries = environment.values().chain(&proc::arguments(*pid)).any(|text| text.contains(mark));
            carries && proc::start_ticks(*pid).is_some() && *pid != std::process::id()
        };
        proc::pids().into_iter().filter(ours).collect()
    }
}

/// Whatever a failed test left running is ended.
impl Drop for Scene {
    fn drop(&mut self) {
        for pid in self.processes() {
            kill(pid);
        }
    }
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o711)).unwrap();
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The context of a call about this store.
pub(crate) fn effect(store: &StoreId) -> EffectCx {
    EffectCx {
        mark: format!("storex/1 i=00ab12cd s={} e=1f", store.digits()).parse().unwrap(),
        epoch: Epoch(1),
        deadline: "2100-01-01T00:00:00Z".parse().unwrap(),
    }
}

/// Starts a store and answers once it serves.
pub(crate) async fn serving(processes: &Pm2Processes, spec: &ProcessSpec) -> ProcessFacts {
    let facts = processes.start(&effect(&spec.store), spec).await.unwrap();
    answer(spec.port).await;
    facts
}

/// The environment a program serves, asked for until it answers.
pub(crate) async fn answer(port: Port) -> BTreeMap<String, String> {
    let served = until(async || {
        let mut stream = TcpStream::connect(("127.0.0.1", port.get())).await.ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    });
    serde_json::from_str(&served.await).unwrap()
}

/// Asks until there is an answer.
///
/// # Panics
/// When there is none in time.
pub(crate) async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("what was awaited happens in time")
}

/// What the list says of a store.
pub(crate) async fn listed(processes: &Pm2Processes, store: &StoreId) -> Option<ProcessFacts> {
    let all = processes.list().await.unwrap();
    all.into_iter().find(|facts| facts.spec.store == *store)
}

/// Waits until the store's first lines are logged and answers its log.
pub(crate) async fn logged(processes: &Pm2Processes, spec: &ProcessSpec) -> Vec<String> {
    until(async || {
        let log = processes.log_tail(&spec.store, 100).await.unwrap();
        first_lines(spec.port).iter().all(|line| log.contains(line)).then_some(log)
    })
    .await
}

/// True while the process these facts are about lives.
pub(crate) fn lives(facts: &ProcessFacts) -> bool {
    assert_eq!(facts.status, ProcessStatus::Running);
    proc::is_alive(facts.pid.unwrap(), facts.start_ticks.unwrap())
}

pub(crate) fn kill(pid: u32) {
    signal(pid, rustix::process::Signal::KILL);
}

/// Sends a signal to a process that was just seen to be ours.
pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let Some(ticks) = proc::start_ticks(pid) else { return };
    if let Some(handle) = Handle::open(pid, ticks).unwrap() {
        handle.signal(signal).unwrap();
    }
}
