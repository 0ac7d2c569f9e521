//! The daemon's own life: found, started, ended.

use super::{DaemonSocket, Effect, Pm2Settings, home};
use crate::command::Program;
use crate::proc::{Handle, start_ticks};
use crate::tools::PM2_VERSION;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;
use storex_core::{Code, Error, Result};
use tokio::process::Child;

/// What was found at the daemon's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody listens.
    Nobody,
    /// A daemon of the version we speak answers.
    Answers,
    /// A daemon of ours listens and is of no use: another version, or it does not answer.
    Useless {
        /// Its pid.
        pid: u32,
    },
}

/// Pid of the daemon that listens; `None` when nobody does or it takes no connection any more, such as one that hung until its queue was full.
///
/// # Errors
/// `foreign_object` when another user listens.
pub(super) async fn reachable(socket: &DaemonSocket) -> Result<Option<u32>> {
    match socket.peer().await {
        Err(error) if error.code() == Code::Unavailable => {
            tracing::warn!(%error, "a PM2 daemon cannot be reached");
            Ok(None)
        }
        answer => answer,
    }
}

/// Looks who listens at the socket.
///
/// # Errors
/// `foreign_object` when another user does.
pub(super) async fn find(settings: &Pm2Settings, socket: &DaemonSocket) -> Result<Found> {
    let Some(pid) = reachable(socket).await? else {
        return Ok(Found::Nobody);
    };
    match version(socket, settings.start_limit).await {
        Ok(version) if version == PM2_VERSION => Ok(Found::Answers),
        Ok(version) => {
            tracing::warn!(pid, version, "a PM2 daemon of another version is replaced");
            Ok(Found::Useless { pid })
        }
        Err(error) => {
            tracing::warn!(pid, %error, "a PM2 daemon that does not answer is replaced");
            Ok(Found::Useless { pid })
        }
    }
}

/// The daemon's version; proves that it answers.
pub(super) async fn version(socket: &DaemonSocket, limit: Duration) -> Result<String> {
    match socket.call("getVersion", json!({}), Effect::Read, limit).await? {
        Value::String(version) => Ok(version),
        other => Err(Error::new(Code::Unavailable, format!("the PM2 daemon says its version is {other}"))),
    }
}

/// Starts a daemon where nobody listens and waits until it answers.
///
/// It is node with PM2's entry file: no CLI, which would copy the caller's environment. It leads a process group of its own and outlives us.
///
/// # Errors
/// `unavailable` with the end of its log when it does not answer in time; it has then been killed.
pub(super) async fn start(settings: &Pm2Settings, socket: &DaemonSocket) -> Result<u32> {
    let log = home::open_log(settings)?;
    let program = Program::new(&settings.node).arg(&settings.pm2_daemon).directory(&settings.home).user(settings.user.clone());
    // Exactly these. The last two are read by the CLI only and cost nothing.
    let program =
        program.env("PM2_HOME", &settings.home).env("HOME", &settings.home).env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
    let program = program.env("PM2_DISCRETE_MODE", "true").env("PM2_NO_INTERACTION", "true");
    let mut child = program.output_file(log).spawn()?;
    // A daemon that cannot make its sockets does not exit: only an answer counts.
    let answer = tokio::time::timeout(settings.start_limit, first_answer(&mut child, socket)).await;
    let failure = match answer {
        Ok(Ok(pid)) => {
            // Collects it when it ends while we live.
            tokio::spawn(async move { child.wait().await });
            return Ok(pid);
        }
        Ok(Err(error)) => error,
        Err(_) => Error::new(Code::Unavailable, format!("the PM2 daemon did not answer within {:?}", settings.start_limit)),
    };
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "a PM2 daemon that does not answer could not be killed");
    }
    Err(failure.with("pm2_log", end_of_log(settings)))
}

async fn first_answer(child: &mut Child, socket: &DaemonSocket) -> Result<u32> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(Error::new(Code::Unavailable, format!("the PM2 daemon ended at once: {status}")));
        }
        if let Some(pid) = socket.peer().await? {
            if child.id() != Some(pid) {
                return Err(Error::new(Code::Unavailable, format!("process {pid} took the PM2 socket meanwhile")));
            }
            let version = version(socket, Duration::from_secs(10)).await?;
            if version == PM2_VERSION {
                return Ok(pid);
            }
            return Err(Error::new(
                Code::Unusable,
                format!("PM2 is {version}; exactly {PM2_VERSION} is needed; run scripts/install-host.sh"),
            ));
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
}

/// Ends the daemon with this pid. On SIGTERM it first ends its processes, one after another; after `patience` it is killed.
pub(super) async fn end(pid: u32, patience: Duration) -> Result<()> {
    let Some(ticks) = start_ticks(pid) else { return Ok(()) };
    match Handle::open(pid, ticks)? {
        Some(handle) => handle.end(Signal::TERM, patience).await.map(|_| ()),
        None => Ok(()),
    }
}

/// The last 2 KiB of the daemon's log.
fn end_of_log(settings: &Pm2Settings) -> String {
    let path = settings.home.join("pm2.log");
    let read = || -> Result<String> {
        let mut file = super::logs::open(&path, settings.uid())?.ok_or_else(|| Error::new(Code::Unavailable, "no log"))?;
        let length = file.metadata().map_or(0, |facts| facts.len());
        let mut text = Vec::new();
        let end = file.seek(SeekFrom::Start(length.saturating_sub(2048))).and_then(|_| file.take(2048).read_to_end(&mut text));
        end.map_err(|error| Error::new(Code::Unavailable, error.to_string()))?;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    };
    read().unwrap_or_default()
}
