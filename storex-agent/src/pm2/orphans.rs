//! Processes of ours that no daemon watches: found by proof, ended by pidfd.
//!
//! A daemon killed with -9 leaves its processes serving, and the next daemon can neither see nor adopt them: it would start the same store again and
//! fail on the busy port. A process is ours when it runs as the stores' user and either a record names its pid and start time, or PM2 wrote into its
//! environment our namespace, a store id, and a log below our own log folder. No other program has reason to carry these; what a store's process
//! starts inherits them. Its descendants end with it.

use super::Pm2Settings;
use super::prepare::NAMESPACE;
use super::record::Record;
use crate::proc::{arguments, descendants, end_all, environment, is_alive, pids, start_ticks, uid};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{Code, Error, Result, StoreId};

/// How long a process may take to end on SIGINT before SIGKILL, as PM2's `kill_timeout` in [`super::prepare`].
const PATIENCE: Duration = Duration::from_secs(5);
/// How often is looked again for what was started meanwhile.
const ROUNDS: usize = 5;

/// A process by pid and start time.
pub(super) type Identity = (u32, u64);

/// The living process with this pid and all its descendants.
pub(super) fn family(pid: u32) -> Vec<Identity> {
    let all = [pid].into_iter().chain(descendants(pid));
    all.filter_map(|pid| Some((pid, start_ticks(pid)?))).collect()
}

/// Ends every unwatched process of one store, or of all, and answers how many there were. The caller knows that no daemon watches them.
///
/// # Errors
/// `timeout`, unclear, when new ones keep appearing; as [`end_all`].
pub(super) async fn reap(settings: &Arc<Pm2Settings>, records: Vec<Record>, of: Option<StoreId>) -> Result<usize> {
    let (records, of) = (Arc::new(records), Arc::new(of));
    let mut ended = 0;
    for _ in 0..ROUNDS {
        let (settings, records, of) = (Arc::clone(settings), Arc::clone(&records), Arc::clone(&of));
        let found = blocking(move || find(&settings, &records, of.as_ref().as_ref())).await?;
        if found.is_empty() {
            return Ok(ended);
        }
        tracing::warn!(?found, "processes that no PM2 daemon watches are ended");
        ended += found.len();
        end_all(&found, Signal::INT, PATIENCE).await?;
    }
    Err(Error::unclear(Code::Timeout, "processes of stores keep appearing outside PM2"))
}

/// Ends daemons of our home that own no socket any more: they would go on restarting processes.
///
/// # Errors
/// As [`end_all`].
pub(super) async fn end_deaf_daemons(settings: &Arc<Pm2Settings>) -> Result<()> {
    let settings = Arc::clone(settings);
    let found = blocking(move || deaf_daemons(&settings)).await?;
    if !found.is_empty() {
        tracing::warn!(?found, "PM2 daemons without a socket are ended");
    }
    end_all(&found, Signal::TERM, PATIENCE).await
}

/// Runs what may wait for the kernel or the disk where waiting is allowed.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::new(Code::Internal, format!("work on this machine was cut off: {error}")))
}

fn find(settings: &Pm2Settings, records: &[Record], of: Option<&StoreId>) -> Vec<Identity> {
    let wanted = |store: &StoreId| of.is_none_or(|of| of == store);
    let recorded = records.iter().filter(|record| wanted(&record.spec.store)).filter_map(|record| record.process);
    let recorded = recorded.filter(|(pid, ticks)| is_alive(*pid, *ticks) && uid(*pid) == Some(settings.uid()));
    let marked = of_user(settings.uid()).filter(|(pid, _)| {
        environment(*pid).is_some_and(|env| store_of(&env, &settings.log_dir).is_some_and(|store| wanted(&store)))
    });
    let heads: BTreeSet<Identity> = recorded.chain(marked).collect();
    let all: BTreeSet<Identity> = heads.iter().flat_map(|(pid, _)| family(*pid)).chain(heads.iter().copied()).collect();
    all.into_iter().collect()
}

fn of_user(user: u32) -> impl Iterator<Item = Identity> {
    pids().into_iter().filter_map(move |pid| {
        // The start time is read first: were the pid reused after it, the later look would be at another process and its end refused.
        let ticks = start_ticks(pid)?;
        (uid(pid) == Some(user)).then_some((pid, ticks))
    })
}

/// The store a process belongs to, by the marks PM2 left in its environment. An environment file cannot forge them: node does not override what is set.
fn store_of(env: &BTreeMap<String, String>, log_dir: &Path) -> Option<StoreId> {
    let ours = env.get("namespace").is_some_and(|namespace| namespace == NAMESPACE);
    let log = env.get("pm_out_log_path").map(Path::new).filter(|log| log.parent() == Some(log_dir));
    if ours && log.is_some() { env.get("name")?.parse().ok() } else { None }
}

fn deaf_daemons(settings: &Pm2Settings) -> Vec<Identity> {
    let home = settings.home.to_str().unwrap_or_default();
    let of_our_home = |pid: u32| environment(pid).is_some_and(|env| env.get("PM2_HOME").is_some_and(|found| found == home));
    let is_daemon = |pid: u32| {
        let line = arguments(pid).join(" ");
        line.contains("God Daemon") || line.ends_with("/Daemon.js")
    };
    of_user(settings.uid()).filter(|(pid, _)| of_our_home(*pid) && is_daemon(*pid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Program;
    use rustix::process::geteuid;
    use storex_core::ProcessSpec;
    use tokio::process::Child;

    const MARKS: [(&str, &str); 3] =
        [("namespace", "storex"), ("name", "oceanbreeze-12345"), ("pm_out_log_path", "/d/log/oceanbreeze-12345.log")];

    fn environ(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// Settings of the user who tests, whoever that is: nothing is started by them.
    fn settings(log_dir: &Path) -> Arc<Pm2Settings> {
        let path = || "/nonexistent".into();
        Arc::new(Pm2Settings {
            node: path(),
            pm2_daemon: path(),
            home: path(),
            log_dir: log_dir.to_owned(),
            pid_dir: path(),
            state_dir: path(),
            stores_root: path(),
            user: None,
            start_limit: PATIENCE,
        })
    }

    /// A program that runs until it is ended, with its pid and start time.
    async fn sleeper(pairs: &[(&str, &str)]) -> (Child, Identity) {
        let program = Program::new("/bin/sleep").arg("1000").env("LANG", "C");
        let program = pairs.iter().fold(program, |program, (key, value)| program.env(key, value));
        let child = program.spawn().unwrap();
        let pid = child.id().unwrap();
        // The kernel sets its environment up a moment after the spawn.
        while environment(pid).is_none_or(|environment| environment.is_empty()) {
            tokio::task::yield_now().await;
        }
        (child, (pid, start_ticks(pid).unwrap()))
    }

    fn record(store: &str, process: Identity) -> Record {
        let spec = ProcessSpec {
            store: store.parse().unwrap(),
            script: "/s/app.js".into(),
            directory: "/s".into(),
            environment_file: "/e".into(),
            environment_digest: String::new(),
            port: 4001.try_into().unwrap(),
            node_env: String::new(),
            max_memory_bytes: 1,
        };
        Record { spec, stopped: false, process: Some(process) }
    }

    #[test]
    fn only_a_process_with_all_marks_is_ours() {
        let folder = Path::new("/d/log");
        assert_eq!(store_of(&environ(&MARKS), folder).unwrap().to_string(), "oceanbreeze-12345");
        for lacking in 0..MARKS.len() {
            let rest: Vec<_> = MARKS.iter().enumerate().filter(|(at, _)| *at != lacking).map(|(_, pair)| *pair).collect();
            assert_eq!(store_of(&environ(&rest), folder), None, "{rest:?}");
        }
        assert_eq!(store_of(&environ(&MARKS), Path::new("/d")), None, "another installation's");
        assert_eq!(store_of(&environ(&MARKS), Path::new("/d/log/more")), None);
        let foreign = [("namespace", "default"), MARKS[1], MARKS[2]];
        assert_eq!(store_of(&environ(&foreign), folder), None);
    }

    #[tokio::test]
    async fn a_record_proves_a_process_ours_by_pid_and_start_time_only() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let (mut child, (pid, ticks)) = sleeper(&[]).await;
        let reaped = async |records: Vec<Record>, of: Option<&str>| {
            let of = of.map(|store| store.parse().unwrap());
            reap(&settings, records, of).await.unwrap()
        };
        assert_eq!(reaped(Vec::new(), None).await, 0);
        assert_eq!(reaped(vec![record("one-12345", (pid, ticks + 1))], None).await, 0);
        assert_eq!(reaped(vec![record("one-12345", (pid, ticks))], Some("two-12345")).await, 0);
        assert!(is_alive(pid, ticks));
        assert_eq!(reaped(vec![record("one-12345", (pid, ticks))], Some("one-12345")).await, 1);
        assert!(!is_alive(pid, ticks));
        child.wait().await.unwrap();
    }

    #[tokio::test]
    async fn a_process_with_our_marks_is_found_without_a_record() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let log = folder.path().join("x.log").display().to_string();
        let (mut child, (pid, ticks)) = sleeper(&[MARKS[0], MARKS[1], ("pm_out_log_path", &log)]).await;
        let (mut other, (stranger, its_ticks)) = sleeper(&MARKS).await;
        assert_eq!(reap(&settings, Vec::new(), Some("another-12345".parse().unwrap())).await.unwrap(), 0);
        assert_eq!(reap(&settings, Vec::new(), None).await.unwrap(), 1);
        assert!(!is_alive(pid, ticks) && is_alive(stranger, its_ticks));
        assert_eq!(uid(std::process::id()), Some(geteuid().as_raw()));
        child.wait().await.unwrap();
        other.kill().await.unwrap();
    }
}
