//! A person at a real store host, who changes files, the environment, PM2 and Nginx behind storex's back.

use crate::installation::{Failure, exchange};
use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use storex_agent::atomic;
use storex_agent::pm2::{DaemonSocket, Effect};
use storex_agent::proc;
use storex_core::{Code, Error, Part, Result, StoreId};
use storex_fakes::laws::store_host::Hand;

/// How long the daemon and the router may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// A hand that reaches the parts of stores below a host's folder.
#[derive(Clone, Debug)]
pub struct RealHand {
    /// Folder of the host: `<data>/host`.
    pub host: PathBuf,
    /// Port of its router.
    pub router: u16,
}

impl RealHand {
    /// A link of the store's directory leads elsewhere from now on.
    ///
    /// # Errors
    /// When the link cannot be replaced.
    pub fn turn_link(&self, store: &StoreId) -> std::io::Result<()> {
        let link = self.host.join("stores").join(store.username().as_str()).join("public");
        fs::remove_file(&link)?;
        symlink("/usr/share", &link)
    }

    /// Puts a line at the end of the store's environment file.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn edit_environment(&self, store: &StoreId) -> Result<(), Failure> {
        let path = self.host.join("env").join(format!("{store}.env"));
        let text = fs::read_to_string(&path)? + "BACKDOOR=\"open\"\n";
        Ok(replace(&path, &text, 0o400)?)
    }

    /// Stops the store's process as another client of PM2's daemon.
    ///
    /// # Errors
    /// When the daemon does not answer or has no such process.
    pub async fn stop_process(&self, store: &StoreId) -> Result<(), Failure> {
        let path = self.host.join("pm2/rpc.sock");
        let socket = DaemonSocket::new(path.clone(), fs::metadata(&path)?.uid());
        let rows = socket.call("getMonitorData", json!({}), Effect::Read, PATIENCE).await?;
        let name = store.to_string();
        let row = rows.as_array().into_iter().flatten().find(|row| row.get("name") == Some(&json!(name)));
        let id = row.and_then(|row| row.pointer("/pm2_env/pm_id")).and_then(Value::as_u64).ok_or("PM2 has no such process")?;
        socket.call("stopProcessId", json!(id), Effect::Change, PATIENCE).await?;
        Ok(())
    }

    /// Takes the store's rows out of the router's file and has Nginx read it again; answers when no visitor is routed any more. Whoever is
    /// `careless` leaves the number of rows in front as it was.
    ///
    /// # Errors
    /// When the file cannot be written, and when the router goes on routing.
    pub async fn remove_route(&self, store: &StoreId, careless: bool) -> Result<(), Failure> {
        let path = self.host.join("nginx/conf/routes.conf");
        let text = fs::read_to_string(&path)?;
        let beginnings = [".", "-"].map(|next| format!("    {}{next}", store.username()));
        let is_ours = |line: &&str| beginnings.iter().any(|beginning| line.starts_with(beginning));
        let rows: Vec<&str> = text.lines().filter(is_ours).collect();
        let kept: Vec<&str> = text.lines().filter(|line| !is_ours(line)).collect();
        let mut edited = kept.join("\n") + "\n";
        let count = |text: &str| text.matches(" 127.0.0.1:").count();
        if !careless {
            let (before, after) = (count(&text), count(&edited));
            edited = edited.replacen(&format!("# {before} routes"), &format!("# {after} routes"), 1);
        }
        replace(&path, &edited, 0o600)?;
        let pid = fs::read_to_string(self.host.join("nginx/run/nginx.pid"))?;
        let pid = Pid::from_raw(pid.trim().parse()?).ok_or("no pid of a router")?;
        let mut old = accepting(pid);
        kill_process(pid, Signal::HUP).map_err(std::io::Error::from)?;
        let name = rows.first().and_then(|row| row.split_whitespace().next()).ok_or("the store has no route")?;
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            // One answer by a new worker says nothing of the next one while an old worker still accepts.
            old.retain(|worker| is_accepting(*worker));
            let ask = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
            if old.is_empty() && exchange(self.router, &ask)?.0 == 421 {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("the router goes on routing".into())
    }
}

/// The workers of this master that accept visitors.
fn accepting(master: Pid) -> Vec<u32> {
    let is_child =
        |pid: u32| proc::Stat::of(pid).is_some_and(|stat| i64::from(stat.parent) == i64::from(master.as_raw_nonzero().get()));
    proc::pids().into_iter().filter(|pid| is_child(*pid) && is_accepting(*pid)).collect()
}

/// Whether the worker still accepts: one that only finishes its requests says so in its title.
fn is_accepting(worker: u32) -> bool {
    proc::arguments(worker).join(" ").trim_end() == "nginx: worker process"
}

/// Writes a file anew with the owner it had.
fn replace(path: &Path, text: &str, mode: u32) -> Result<()> {
    let owner = fs::metadata(path).map_err(|error| Error::new(Code::Unavailable, error.to_string()))?;
    atomic::write(path, text.as_bytes(), mode, Some((owner.uid(), owner.gid())))
}

#[async_trait]
impl Hand for RealHand {
    async fn change(&self, store: &StoreId, part: Part) -> Result<()> {
        let done = match part {
            Part::Files => self.turn_link(store).map_err(Failure::from),
            Part::Environment => self.edit_environment(store),
            Part::Process => self.stop_process(store).await,
            Part::Route => self.remove_route(store, false).await,
        };
        done.map_err(|error| Error::new(Code::Unavailable, format!("the {part} could not be changed by hand: {error}")))
    }
}
