//! The sure probe: which workers accept, and when all of them route by the new table.

use super::layout::{ACCEPTING, Layout, title};
use crate::proc::{self, Stat};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;
use storex_core::{Code, Error, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Pause between two looks at the workers.
const PAUSE: Duration = Duration::from_millis(2);

/// How long one connection to the probe may take.
const ANSWER: Duration = Duration::from_secs(2);

/// Workers by pid and start time.
pub(super) type Workers = BTreeSet<(u32, u64)>;

/// The children of the master that accept connections.
///
/// All processes are looked at: `/proc/PID/task/PID/children` may leave out a child while another one ends (proc(5)), and a worker missed here
/// would be one that still answers from the former table.
pub(super) fn accepting(master: u32) -> Workers {
    let child =
        |pid: u32| Stat::of(pid).filter(|stat| stat.parent == master && stat.is_alive()).map(|stat| (pid, stat.start_ticks));
    proc::pids().into_iter().filter_map(child).filter(still_accepts).collect()
}

/// Whether this very worker still accepts connections.
pub(super) fn still_accepts(worker: &(u32, u64)) -> bool {
    title(worker.0) == ACCEPTING && proc::is_alive(worker.0, worker.1)
}

/// The generation one fresh connection is routed by; `None` when nothing answers.
pub(super) async fn generation(layout: &Layout) -> Option<u64> {
    let ask = async {
        let mut stream = UnixStream::connect(layout.probe()).await.ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        answer.split_once("\r\n\r\n")?.1.trim().parse().ok()
    };
    tokio::time::timeout(ANSWER, ask).await.ok()?
}

/// Waits until none of the `old` workers accepts, `count` others do, and a fresh connection shows this generation.
///
/// # Errors
/// `route_rejected` with nginx's words when the master refused the configuration; `timeout`, in doubt, after `patience`.
pub(super) async fn switched(
    layout: &Layout,
    master: u32,
    old: &Workers,
    count: u32,
    wanted: u64,
    log: &LogEnd,
    patience: Duration,
) -> Result<()> {
    let wait = async {
        let mut old: Vec<_> = old.iter().copied().collect();
        loop {
            old.retain(still_accepts);
            if old.is_empty() {
                // All that accept now are others: the old ones never take their title back.
                let others = accepting(master).len();
                if others >= usize::try_from(count).unwrap_or(usize::MAX) && generation(layout).await == Some(wanted) {
                    return Ok(());
                }
            }
            if let Some(words) = log.emergency() {
                return Err(Error::new(Code::RouteRejected, format!("nginx refused the configuration: {words}")));
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let late =
        || Error::unclear(Code::Timeout, format!("the router's workers did not switch to table {wanted} within {patience:?}"));
    tokio::time::timeout(patience, wait).await.unwrap_or_else(|_| Err(late()))
}

/// The end of the master's log at some moment; what comes after it tells how things went since.
#[derive(Debug)]
pub(super) struct LogEnd {
    path: PathBuf,
    length: u64,
}

impl LogEnd {
    /// The end as it is now.
    pub(super) fn now(layout: &Layout) -> Self {
        let path = layout.error_log();
        Self { length: length(&path), path }
    }

    /// The first emergency written since: nginx's reason for refusing a configuration or not starting.
    pub(super) fn emergency(&self) -> Option<String> {
        if length(&self.path) <= self.length {
            return None;
        }
        let mut file = fs::File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.length)).ok()?;
        let mut added = Vec::new();
        file.take(64 * 1024).read_to_end(&mut added).ok()?;
        first_emergency(&String::from_utf8_lossy(&added))
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map(|meta| meta.len()).unwrap_or_default()
}

/// The words of the first `[emerg]` line; a line still being written does not count.
pub(super) fn first_emergency(text: &str) -> Option<String> {
    let whole = text.rsplit_once('\n')?.0;
    whole.lines().find_map(|line| line.split_once("[emerg] ")).map(|(_, words)| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_emergency_lines_count() {
        let line = "2026/01/01 00:00:00 [emerg] 12#12: unexpected \"}\" in conf/nginx.conf:3\n";
        assert_eq!(first_emergency(line).as_deref(), Some("12#12: unexpected \"}\" in conf/nginx.conf:3"));
        assert_eq!(first_emergency(line.trim_end()), None);
        assert_eq!(first_emergency("2026/01/01 00:00:00 [alert] 12#12: worker process 13 exited on signal 9\n"), None);
        assert_eq!(first_emergency(&format!("a\n{line}b")).as_deref(), first_emergency(line).as_deref());
    }

    #[test]
    fn a_process_that_is_no_worker_accepts_nothing() {
        let own = std::process::id();
        assert!(!still_accepts(&(own, proc::start_ticks(own).unwrap())));
        assert!(accepting(own).is_empty());
    }
}
