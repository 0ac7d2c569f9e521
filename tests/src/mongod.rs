//! Real MongoDB servers for tests: on free loopback ports, in temporary directories, ended by the process that started them.
//!
//! The server is the one `scripts/install-mongod.sh` brings, in the folder of the other tools. A test that needs it fails without it.

use crate::installation::{Failure, free_port};
use crate::process;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use storex_core::Secret;
use storex_mongo::driver::bson::{Document, doc};
use storex_mongo::driver::options::ClientOptions;
use storex_mongo::driver::{Client, Database};
use tempfile::{NamedTempFile, TempDir};

/// How long a server may take until it answers, or a replica set until it has a primary.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// The user of a server with authentication who may do anything, and the password.
pub const ROOT: (&str, &str) = ("root", "root-password");
/// Name of every replica set.
const SET: &str = "rs0";

/// One server of a deployment, possibly not running.
#[derive(Debug)]
pub struct Mongod {
    port: u16,
    folder: TempDir,
    arguments: Vec<String>,
    /// Megabytes of the disk it has for itself; none when it has the machine's.
    disk: Option<u32>,
    child: Option<Child>,
}

impl Mongod {
    /// Starts it and waits until it answers.
    fn start(port: u16, arguments: &[&str], disk: Option<u32>) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("storex-mongod.").tempdir()?;
        fs::create_dir(folder.path().join("data"))?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { port, folder, arguments, disk, child: None };
        server.run()?;
        Ok(server)
    }

    fn run(&mut self) -> Result<(), Failure> {
        let folder = self.folder.path();
        let (port, cache) = (self.port.to_string(), "0.25");
        let mut command = match self.disk {
            None => process::command(binary()?),
            Some(megabytes) => on_small_disk(megabytes, &folder.join("data"), &binary()?),
        };
        command.args(["--port", &port, "--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", cache]);
        command.arg("--dbpath").arg(folder.join("data")).arg("--unixSocketPrefix").arg(folder);
        command.arg("--logpath").arg(folder.join("mongod.log"));
        command.args(["--logappend", "--networkMessageCompressors", "disabled"]);
        // A server that is killed more often than it makes checkpoints does ever more again at its start: one minute is the usual pause between them.
        command.args(["--syncdelay", "5"]);
        for parameter in ["ttlMonitorSleepSecs=1", "diagnosticDataCollectionEnabled=false", "enableTestCommands=1"] {
            command.args(["--setParameter", parameter]);
        }
        command.args(&self.arguments);
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        Ok(())
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> Result<(), Failure> {
        let mut child = self.child.take().ok_or("the server is not running")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Starts it again on what it left.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self) -> Result<(), Failure> {
        if self.child.is_some() {
            self.kill()?;
        }
        self.run()
    }

    /// Holds it still.
    ///
    /// # Errors
    /// When it is not running.
    pub fn hold(&self) -> Result<(), Failure> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self) -> Result<(), Failure> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let child = self.child.as_ref().ok_or("the server is not running")?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The last lines of its log, for a test that failed.
    fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("mongod.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How the servers of a deployment belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server by itself.
    Standalone,
    /// A replica set of one.
    One,
    /// A replica set of one that knows its users.
    OneWithUsers,
    /// A replica set of three.
    Three,
}

/// The servers of one deployment.
#[derive(Debug)]
pub struct Deployment {
    topology: Topology,
    /// The servers, in no order of importance.
    pub servers: Vec<Mongod>,
    /// What its members know each other by.
    _key: NamedTempFile,
}

impl Deployment {
    /// Starts it and waits until it has a primary.
    ///
    /// # Errors
    /// When the server is missing, naming the script that brings it; when one does not start, with the end of its log.
    pub async fn start(topology: Topology) -> Result<Self, Failure> {
        Self::start_on(topology, None).await
    }

    /// The same with servers on small disks of their own, which are gone when their server is. Less than some 300 MB are too few for any.
    ///
    /// # Errors
    /// As [`Deployment::start`]; when the machine lets nobody make such a disk.
    pub async fn start_on_small_disks(topology: Topology, megabytes: u32) -> Result<Self, Failure> {
        Self::start_on(topology, Some(megabytes)).await
    }

    async fn start_on(topology: Topology, disk: Option<u32>) -> Result<Self, Failure> {
        let mut key = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o400)).tempfile()?;
        key.write_all(b"a+key+of+a+test+deployment+on+loopback")?;
        let key_path = key.path().to_string_lossy().into_owned();
        let mut arguments = match topology {
            Topology::Standalone => vec![],
            _ => vec!["--replSet", SET, "--oplogSize", "50"],
        };
        if topology == Topology::OneWithUsers {
            arguments.extend(["--auth", "--keyFile", &key_path]);
        }
        let count = if topology == Topology::Three { 3 } else { 1 };
        let servers = (0..count).map(|_| Mongod::start(free_port()?, &arguments, disk)).collect::<Result<Vec<_>, Failure>>()?;
        let deployment = Self { topology, servers, _key: key };
        deployment.initiate().await?;
        Ok(deployment)
    }

    async fn initiate(&self) -> Result<(), Failure> {
        for server in &self.servers {
            self.until(server, doc! { "ping": 1 }, |_| true).await?;
        }
        if self.topology == Topology::Standalone {
            return Ok(());
        }
        let members: Vec<Document> =
            (0_i32..).zip(&self.servers).map(|(id, server)| doc! { "_id": id, "host": server.address() }).collect();
        let settings = doc! { "electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 200 };
        let config = doc! { "_id": SET, "members": members, "settings": settings };
        let first = self.servers.first().ok_or("no server")?;
        direct(&first.address(), None).await?.run_command(doc! { "replSetInitiate": config }).await?;
        self.primary().await?;
        if self.topology == Topology::Three {
            self.whole().await?;
        }
        if self.topology == Topology::OneWithUsers {
            let roles = vec![doc! { "role": "root", "db": "admin" }];
            let user = doc! { "createUser": ROOT.0, "pwd": ROOT.1, "roles": roles };
            direct(&first.address(), None).await?.run_command(user).await?;
        }
        Ok(())
    }

    /// Waits until one of the running servers is the primary; answers its number.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn primary(&self) -> Result<usize, Failure> {
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            for (number, server) in self.servers.iter().enumerate().filter(|(_, server)| server.child.is_some()) {
                if let Ok(hello) = direct(&server.address(), None).await?.run_command(doc! { "hello": 1 }).await
                    && hello.get_bool("isWritablePrimary").unwrap_or_default()
                {
                    return Ok(number);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        let state = |server: &Mongod| format!("{}\n{}", if server.child.is_some() { "started" } else { "killed" }, server.log());
        let states: Vec<String> = self.servers.iter().map(state).collect();
        Err(format!("the replica set has no primary; its servers:\n{}", states.join("\n")).into())
    }

    /// Waits until every member of a replica set without users is the primary or follows it.
    ///
    /// # Errors
    /// When one does not in time.
    pub async fn whole(&self) -> Result<(), Failure> {
        let primary = self.servers.get(self.primary().await?).ok_or("no server")?;
        let serves = |member: &Document| matches!(member.get_i32("state"), Ok(1 | 2));
        let all = |status: &Document| {
            let members = status.get_array("members").cloned().unwrap_or_default();
            let serving = members.iter().filter_map(|member| member.as_document()).filter(|member| serves(member)).count();
            serving == self.servers.len()
        };
        self.until(primary, doc! { "replSetGetStatus": 1 }, all).await
    }

    async fn until(&self, server: &Mongod, command: Document, judge: impl Fn(&Document) -> bool) -> Result<(), Failure> {
        let database = direct(&server.address(), None).await?;
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            if database.run_command(command.clone()).await.is_ok_and(|answer| judge(&answer)) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("mongod does not answer; its log ends with\n{}", server.log()).into())
    }

    /// The connection string of this database of the deployment, as its root where there are users.
    pub fn uri(&self, database: &str) -> Secret<String> {
        self.uri_as(database, (self.topology == Topology::OneWithUsers).then_some(ROOT))
    }

    /// The connection string as this user.
    pub fn uri_as(&self, database: &str, user: Option<(&str, &str)>) -> Secret<String> {
        let hosts: Vec<String> = self.servers.iter().map(Mongod::address).collect();
        let user = user.map(|(name, password)| format!("{name}:{password}@")).unwrap_or_default();
        let mut options = Vec::new();
        if self.topology != Topology::Standalone {
            options.push(format!("replicaSet={SET}"));
        }
        if !user.is_empty() {
            options.push("authSource=admin".to_owned());
        }
        Secret::new(format!("mongodb://{user}{}/{database}?{}", hosts.join(","), options.join("&")))
    }

    /// A database by the bare driver, with the driver's own settings.
    ///
    /// # Errors
    /// When the connection string cannot be used.
    pub async fn driver(&self, database: &str) -> Result<Database, Failure> {
        Ok(Client::with_uri_str(self.uri(database).expose()).await?.database(database))
    }
}

/// The `admin` database of one server, whatever its state.
async fn direct(address: &str, user: Option<(&str, &str)>) -> Result<Database, Failure> {
    let user = user.map(|(name, password)| format!("{name}:{password}@")).unwrap_or_default();
    let mut options = ClientOptions::parse(format!("mongodb://{user}{address}/?directConnection=true")).await?;
    options.server_selection_timeout = Some(Duration::from_secs(1));
    Ok(Client::with_options(options)?.database("admin"))
}

/// A program that sees a disk in memory in place of this folder, and nobody else sees it (`unshare`, of util-linux).
fn on_small_disk(megabytes: u32, folder: &Path, program: &Path) -> Command {
    let mount = format!("mount -t tmpfs -o size={megabytes}m tmpfs \"$0\" && exec \"$@\"");
    let mut command = process::command("unshare");
    // Who is not root has to become it, in a world of its own, which not every machine allows.
    command.args(if geteuid().is_root() { &["--mount"][..] } else { &["--map-root-user", "--mount"] });
    command.args(["sh", "-c", &mount]).arg(folder).arg(program);
    command
}

/// The server's program.
fn binary() -> Result<PathBuf, Failure> {
    let places = process::tool_prefixes().into_iter().map(|prefix| prefix.join("bin/mongod"));
    let found = places.into_iter().find(|path| path.exists());
    found.ok_or_else(|| "mongod is missing: run scripts/install-mongod.sh".into())
}
