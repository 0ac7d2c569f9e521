//! Starting, taking over and stopping the router's master process.

use super::layout::Layout;
use super::render::Purpose;
use super::settings::NginxSettings;
use super::workers::{self, LogEnd};
use crate::proc::{self, Handle};
use rustix::process::Signal;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use storex_core::{Code, Error, Result};
use tokio::process::Child;

/// How long a master may take from its start to the first answer; about 15 ms on an idle machine.
const START: Duration = Duration::from_secs(20);

/// How long workers without a master get to stop accepting.
const ORPHANS: Duration = Duration::from_secs(2);

/// How long a stopping router may finish requests.
const FINISH: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(3);

/// A living master: pid and start time.
pub(super) type Master = (u32, u64);

/// Starts a master that serves the routes on disk, of generation `generation`, after ending workers a killed one left behind.
///
/// # Errors
/// `port_busy` when another program listens there; `unusable` with nginx's words when it does not start; `timeout`.
pub(super) async fn launch(layout: &Layout, settings: &NginxSettings, generation: u64) -> Result<Master> {
    reap(layout).await?;
    check_free(settings.listen)?;
    // A killed master leaves the socket's name, and binding to it again would fail.
    match fs::remove_file(layout.probe()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::new(Code::Unavailable, format!("the router's old socket cannot be removed: {error}")));
        }
        _ => {}
    }
    let log = LogEnd::now(layout);
    let mut child = layout.program(Purpose::Serve, None).spawn()?;
    let pid = child.id().unwrap_or_default();
    tracing::info!(pid, listen = %settings.listen, generation, "started the router");
    tokio::time::timeout(START, serving(layout, settings, generation, &mut child, &log)).await.unwrap_or_else(|_| {
        Err(Error::unclear(Code::Timeout, format!("the router did not answer within {START:?} of its start")))
    })
}

async fn serving(layout: &Layout, settings: &NginxSettings, generation: u64, child: &mut Child, log: &LogEnd) -> Result<Master> {
    let workers = usize::try_from(settings.workers).unwrap_or(usize::MAX);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            let words = log.emergency().unwrap_or_else(|| "it says nothing".to_owned());
            let code = if words.contains("Address already in use") { Code::PortBusy } else { Code::Unusable };
            return Err(
                Error::new(code, format!("the router does not start ({status}): {words}")).with("port", settings.listen.port())
            );
        }
        if let Some(master) = layout.master()
            && workers::accepting(master.0).len() >= workers
            && workers::generation(layout).await == Some(generation)
        {
            return Ok(master);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Ends workers that serve without a master: they ask for nothing any more and hold the port. Those that only finish requests are left to it.
///
/// # Errors
/// `denied` when they are not ours to signal; `timeout` when they outlive SIGKILL.
async fn reap(layout: &Layout) -> Result<()> {
    let orphans = layout.orphans(true);
    if orphans.is_empty() {
        return Ok(());
    }
    tracing::warn!(count = orphans.len(), "ending router workers whose master was killed");
    for orphan in &orphans {
        signal(*orphan, Signal::QUIT)?;
    }
    let quiet = async {
        while orphans.iter().any(workers::still_accepts) {
            tokio::time::sleep(PAUSE).await;
        }
    };
    if tokio::time::timeout(ORPHANS, quiet).await.is_ok() {
        return Ok(());
    }
    let stuck: Vec<_> = orphans.into_iter().filter(workers::still_accepts).collect();
    proc::end_all(&stuck, Signal::KILL, ORPHANS).await
}

/// Tells the master to read its configuration again. False when it does not live any more.
pub(super) fn reload(master: Master) -> Result<bool> {
    signal(master, Signal::HUP)
}

fn signal((pid, ticks): Master, signal: Signal) -> Result<bool> {
    match Handle::open(pid, ticks)? {
        Some(handle) => handle.signal(signal).map(|()| true),
        None => Ok(false),
    }
}

/// Stops the master, which lets workers finish their requests for a while, and whatever is left of its workers.
///
/// # Errors
/// `denied`, `timeout`.
pub(super) async fn stop(layout: &Layout) -> Result<()> {
    while let Some((pid, ticks)) = layout.master() {
        let Some(handle) = Handle::open(pid, ticks)? else { continue };
        handle.signal(Signal::QUIT)?;
        if !handle.ended(FINISH).await {
            handle.end(Signal::TERM, ORPHANS).await?;
        }
    }
    proc::end_all(&layout.orphans(false), Signal::TERM, ORPHANS).await
}

/// Says by whom nothing can be served, before nginx tries for three seconds.
fn check_free(listen: SocketAddr) -> Result<()> {
    match TcpListener::bind(listen) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(Error::new(Code::PortBusy, format!("another program listens on the router's address {listen}"))
                .with("port", listen.port()))
        }
        // Anything else nginx itself may be able to do, or will say better.
        _ => Ok(()),
    }
}
