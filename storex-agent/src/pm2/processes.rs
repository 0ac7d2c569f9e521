//! [`Pm2Processes`]: the supervisor over one PM2 daemon.

use super::facts::{facts, remembered};
use super::list::{self, Entry};
use super::orphans::{self, family};
use super::record::{Record, Records};
use super::{DaemonSocket, Effect, Pm2Settings, check, daemon, home, logs, prepare};
use crate::atomic;
use crate::proc::{end_all, ports_in_use, start_ticks};
use async_trait::async_trait;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storex_core::{
    Clock, Code, EffectCx, Error, ProcessFacts, ProcessSpec, ProcessStatus, ProcessSupervisor, Result, StoreId, SupervisorInfo,
    remaining,
};
use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard};

/// Longest wait for one answer of the daemon. Ending a process takes PM2 up to `kill_timeout` (5 s) and a little.
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// How long what PM2 left of a process may take to end on SIGINT before SIGKILL.
const PATIENCE: Duration = Duration::from_secs(2);
/// Changes of different stores go on side by side; those that share a slot wait for each other.
const SLOTS: u64 = 64;
/// How many processes are ended at the same time by [`Pm2Processes::shutdown`].
const ENDED_AT_ONCE: usize = 16;

/// Store processes under a PM2 daemon of our own.
///
/// Dropping it leaves the daemon and the processes running: they survive their agent, and [`Pm2Processes::connect`] takes them over.
#[derive(Debug)]
pub struct Pm2Processes {
    settings: Arc<Pm2Settings>,
    clock: Arc<dyn Clock>,
    socket: DaemonSocket,
    records: Records,
    slots: Vec<Mutex<()>>,
    starting: Mutex<()>,
    /// Held for reading by every change, so that a shutdown can wait for those under way.
    changes: RwLock<()>,
    closed: AtomicBool,
    _lock: File,
}

impl Pm2Processes {
    /// Takes over the daemon that answers at our socket, with its processes; without one ends what an earlier daemon left behind and starts a new
    /// one. A daemon that does not answer, or is of another version, is replaced in the same way.
    ///
    /// # Errors
    /// `unusable` for settings that cannot work, `directory_busy` when another agent has these folders, `foreign_object` when somebody else listens at
    /// the socket, `unavailable` when the daemon does not start.
    pub async fn connect(settings: Pm2Settings, clock: Arc<dyn Clock>) -> Result<Self> {
        settings.check()?;
        home::make_folders(&settings)?;
        let lock = home::lock(&settings)?;
        atomic::sweep(&settings.state_dir)?;
        let this = Self {
            socket: DaemonSocket::new(settings.rpc_socket(), settings.uid()),
            records: Records::new(&settings.state_dir),
            settings: Arc::new(settings),
            clock,
            slots: (0..SLOTS).map(|_| Mutex::new(())).collect(),
            starting: Mutex::new(()),
            changes: RwLock::new(()),
            closed: AtomicBool::new(false),
            _lock: lock,
        };
        match daemon::find(&this.settings, &this.socket).await? {
            daemon::Found::Answers => return Ok(this),
            daemon::Found::Useless { pid } => daemon::end(pid, Duration::from_secs(10)).await?,
            daemon::Found::Nobody => {}
        }
        orphans::end_deaf_daemons(&this.settings).await?;
        orphans::reap(&this.settings, this.records.list()?, None).await?;
        daemon::start(&this.settings, &this.socket).await?;
        Ok(this)
    }

    /// Ends every process, then the daemon, and makes sure that none is left. Changes under way are waited for, later ones refused. What is
    /// remembered of the processes and their logs stay.
    ///
    /// # Errors
    /// `timeout`, `unavailable`: something may be left; it is ended by the next [`Pm2Processes::connect`].
    pub async fn shutdown(&self, within: Duration) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        let deadline = self.clock.now() + within;
        // A change that takes longer than all of `within` finds its daemon gone.
        let _alone = tokio::time::timeout(within, self.changes.write()).await;
        if let Some(pid) = daemon::reachable(&self.socket).await? {
            if let Err(error) = self.clear_all(deadline).await {
                tracing::warn!(%error, "the PM2 daemon does not end its processes; they are ended without it");
            }
            daemon::end(pid, remaining(self.clock.now(), deadline)).await?;
        }
        orphans::end_deaf_daemons(&self.settings).await?;
        orphans::reap(&self.settings, self.records.list()?, None).await.map(drop)
    }

    async fn clear_all(&self, deadline: Timestamp) -> Result<()> {
        let listed = self.entries(self.left(deadline)?).await?;
        let stores: BTreeSet<StoreId> = listed.into_iter().map(|entry| entry.store).collect();
        let ends = stream::iter(stores).map(|store| async move {
            let _turn = self.turn(&store).await;
            self.clear(&store, deadline).await
        });
        ends.buffer_unordered(ENDED_AT_ONCE).try_for_each(|_| async { Ok(()) }).await
    }

    /// Pid of the daemon; `None` when it is gone.
    ///
    /// # Errors
    /// As [`DaemonSocket::peer`].
    pub async fn daemon_pid(&self) -> Result<Option<u32>> {
        self.socket.peer().await
    }

    /// Changes of one store take turns.
    async fn turn(&self, store: &StoreId) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        store.hash(&mut hasher);
        let slot = usize::try_from(hasher.finish() % SLOTS).ok().and_then(|slot| self.slots.get(slot))?;
        Some(slot.lock().await)
    }

    /// What is left until the deadline, at most [`CALL_LIMIT`].
    fn left(&self, deadline: Timestamp) -> Result<Duration> {
        let left = remaining(self.clock.now(), deadline);
        if left.is_zero() { Err(Error::new(Code::Timeout, "the deadline has passed")) } else { Ok(left.min(CALL_LIMIT)) }
    }

    /// Lets a change begin unless its deadline has passed or the end has come.
    async fn admit(&self, cx: &EffectCx) -> Result<RwLockReadGuard<'_, ()>> {
        self.left(cx.deadline)?;
        let admitted = self.changes.read().await;
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new(Code::Unavailable, "the supervisor is shutting down"));
        }
        Ok(admitted)
    }

    async fn entries(&self, limit: Duration) -> Result<Vec<Entry>> {
        list::parse(self.socket.call("getMonitorData", json!({}), Effect::Read, limit).await?)
    }

    /// A daemon that died meanwhile is replaced; the processes it left are dealt with one by one, as their stores are started or removed.
    async fn ensure_daemon(&self) -> Result<()> {
        if self.socket.peer().await?.is_some() {
            return Ok(());
        }
        let _alone = self.starting.lock().await;
        if self.socket.peer().await?.is_none() {
            tracing::warn!("the PM2 daemon is gone; another one is started");
            orphans::end_deaf_daemons(&self.settings).await?;
            daemon::start(&self.settings, &self.socket).await?;
        }
        Ok(())
    }

    /// Ends all of a store's processes, those in the daemon's list and those it lost; answers whether there were any. The caller holds the store's
    /// turn.
    async fn clear(&self, store: &StoreId, deadline: Timestamp) -> Result<bool> {
        let mut any = false;
        let cleared = self.clear_noting(store, deadline, &mut any).await;
        cleared.map(|()| any).map_err(|error| in_doubt(error, any))
    }

    async fn clear_noting(&self, store: &StoreId, deadline: Timestamp, any: &mut bool) -> Result<()> {
        let listed = match self.socket.peer().await? {
            Some(_) => self.entries(self.left(deadline)?).await?,
            None => Vec::new(),
        };
        for entry in listed.iter().filter(|entry| entry.store == *store) {
            let processes = entry.pid.map(family).unwrap_or_default();
            let limit = self.left(deadline)?;
            *any = true;
            self.delete(entry.id, limit).await?;
            // PM2 answers after the end of the process itself, whatever became of what it started.
            end_all(&processes, Signal::INT, PATIENCE).await?;
        }
        let record = self.records.get(store).into_iter().collect();
        *any |= orphans::reap(&self.settings, record, Some(store.clone())).await? > 0;
        Ok(())
    }

    /// The store's record or, when that is lost, one made of what PM2 knows.
    async fn known(&self, store: &StoreId, deadline: Timestamp) -> Result<Option<Record>> {
        let record = self.records.get(store);
        if record.is_some() || self.socket.peer().await?.is_none() {
            return Ok(record);
        }
        let listed = self.entries(self.left(deadline)?).await?;
        let spec = listed.into_iter().find(|entry| entry.store == *store).and_then(|entry| entry.spec);
        Ok(spec.map(|spec| Record { spec, stopped: false, process: None }))
    }

    async fn remember(&self, record: Record) -> Result<()> {
        let records = self.records.clone();
        orphans::blocking(move || records.put(&record)).await?
    }

    async fn delete(&self, id: u64, limit: Duration) -> Result<()> {
        match self.socket.call("deleteProcessId", json!(id), Effect::Change, limit).await {
            Err(error) if error.code() == Code::HostRefused && error.message().contains("id unknown") => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn prepare(&self, spec: &ProcessSpec, limit: Duration) -> Result<ProcessFacts> {
        let answer = self.socket.call("prepare", prepare::argument(&self.settings, spec), Effect::Change, limit).await?;
        // An array with one child object.
        let child = answer.get(0).unwrap_or(&Value::Null);
        let Some(pid) = child.get("pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0)
        else {
            if let Some(id) = child.pointer("/pm2_env/pm_id").and_then(Value::as_u64) {
                self.delete(id, limit).await?;
            }
            return Err(Error::new(
                Code::Unusable,
                format!("{} could not be started in {}", spec.script.display(), spec.directory.display()),
            ));
        };
        Ok(ProcessFacts {
            spec: spec.clone(),
            status: ProcessStatus::Running,
            pid: Some(pid),
            start_ticks: start_ticks(pid),
            restarts: 0,
        })
    }
}

/// A failure after something has changed is no proof that nothing did.
fn in_doubt(error: Error, changed: bool) -> Error {
    if changed { error.into_unclear() } else { error }
}

#[async_trait]
impl ProcessSupervisor for Pm2Processes {
    async fn info(&self) -> Result<SupervisorInfo> {
        let version = daemon::version(&self.socket, CALL_LIMIT).await?;
        Ok(SupervisorInfo { name: "pm2".to_owned(), version })
    }

    async fn list(&self) -> Result<Vec<ProcessFacts>> {
        let listed = self.entries(CALL_LIMIT).await?;
        let mut records: BTreeMap<StoreId, Record> =
            self.records.list()?.into_iter().map(|record| (record.spec.store.clone(), record)).collect();
        let mut all = BTreeMap::new();
        for entry in listed {
            let store = entry.store.clone();
            let record = records.remove(&store);
            if let Some(facts) = facts(entry, record.as_ref()) {
                all.entry(store).or_insert(facts);
            }
        }
        for (store, record) in records {
            all.entry(store).or_insert_with(|| remembered(record));
        }
        Ok(all.into_values().collect())
    }

    async fn start(&self, cx: &EffectCx, spec: &ProcessSpec) -> Result<ProcessFacts> {
        let _admitted = self.admit(cx).await?;
        check::check(&self.settings, spec)?;
        let _turn = self.turn(&spec.store).await;
        self.ensure_daemon().await?;
        let record = self.records.get(&spec.store).filter(|record| record.spec == *spec && !record.stopped);
        let mut listed = self.entries(self.left(cx.deadline)?).await?;
        listed.retain(|entry| entry.store == spec.store);
        if let (Some(_), [entry]) = (&record, listed.as_slice())
            && let Some(facts) = facts(entry.clone(), record.as_ref()).filter(|facts| facts.status == ProcessStatus::Running)
        {
            return Ok(facts);
        }
        // A new store on a free port has left nothing behind; looking at every process of the machine would find as much.
        let is_new = listed.is_empty() && self.records.get(&spec.store).is_none() && !ports_in_use().contains(&spec.port.get());
        let changed = !is_new && self.clear(&spec.store, cx.deadline).await?;
        let start = async {
            self.records.remove(&spec.store)?;
            self.prepare(spec, self.left(cx.deadline)?).await
        };
        let facts = start.await.map_err(|error| in_doubt(error, changed))?;
        let record = Record { spec: spec.clone(), stopped: false, process: facts.pid.zip(facts.start_ticks) };
        self.remember(record).await.map_err(Error::into_unclear)?;
        Ok(facts)
    }

    async fn stop(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let _admitted = self.admit(cx).await?;
        let _turn = self.turn(store).await;
        let known = self.known(store, cx.deadline).await?;
        if let Some(record) = known.filter(|record| !record.stopped) {
            self.remember(Record { stopped: true, ..record }).await?;
        }
        self.clear(store, cx.deadline).await.map(drop)
    }

    async fn remove(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let _admitted = self.admit(cx).await?;
        let _turn = self.turn(store).await;
        let changed = self.clear(store, cx.deadline).await?;
        logs::remove(&self.settings, store).and_then(|()| self.records.remove(store)).map_err(|error| in_doubt(error, changed))
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        logs::tail(&self.settings, store, lines)
    }
}
