//! The ledger: what this host was told and has done, one file per store. It orders nothing and undoes nothing; it remembers.
//!
//! A file holds the parts that stand (each with the share of the package it was made from), the parts whose effect is in doubt, the highest
//! epoch, and the recent effects with their answers. Files are 0600: the environment of a store is in them. When the last part is
//! withdrawn, a tombstone stays (epoch and effects, nothing of the package) so that what was refused stays refused.

mod claims;
mod entry;
mod share;

pub(crate) use entry::{Entry, Standing};
pub(crate) use share::Share;

use crate::atomic;
use claims::Claims;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use storex_core::{Code, Error, Hostname, Port, Result, StoreId};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Names the folder as a ledger. A folder without it was never one, so nothing may be concluded from its emptiness.
const FORMAT_FILE: &str = "format";
const FORMAT: &[u8] = b"storex ledger 1\n";
const PRIVATE: u32 = 0o600;

/// A gate is held by whoever works on the store; a dead one is only a name.
type Gates = HashMap<StoreId, Weak<AsyncMutex<()>>>;

/// The ledger of one host, in memory and on disk.
pub(crate) struct Ledger {
    dir: PathBuf,
    is_new: bool,
    keep: Duration,
    entries: Mutex<BTreeMap<StoreId, Arc<Entry>>>,
    gates: Mutex<Gates>,
    route_gates: Mutex<Gates>,
    claims: Mutex<Claims>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("dir", &self.dir).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Reads the ledger in `dir`, which is made (0700) when absent. Tombstones older than `keep` are forgotten.
    ///
    /// # Errors
    /// `corrupt` naming the file that cannot be understood; `unavailable` when the disk cannot be read or written.
    pub(crate) fn open(dir: &Path, now: Timestamp, keep: Duration) -> Result<Self> {
        atomic::make_dir(dir, 0o700, None)?;
        atomic::sweep(dir)?;
        let is_new = !dir.join(FORMAT_FILE).exists();
        if is_new {
            atomic::write(&dir.join(FORMAT_FILE), FORMAT, PRIVATE, None)?;
        }
        let mut entries = BTreeMap::new();
        let mut claims = Claims::default();
        for path in store_files(dir)? {
            let entry = read(&path)?;
            claims.settle(&entry);
            entries.insert(entry.store_id.clone(), Arc::new(entry));
        }
        let ledger = Self {
            dir: dir.to_owned(),
            is_new,
            keep,
            entries: Mutex::new(entries),
            gates: Mutex::default(),
            route_gates: Mutex::default(),
            claims: Mutex::new(claims),
        };
        ledger.forget_old(now)?;
        Ok(ledger)
    }

    /// True when there was no ledger before: its emptiness says nothing about the host.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Waits for the turn of this store. Turns are given in the order in which they were asked for.
    pub(crate) async fn turn(&self, store: &StoreId) -> OwnedMutexGuard<()> {
        gate(&self.gates, store).lock_owned().await
    }

    /// Waits for the turn to change this store's route, taken before [`Ledger::turn`]. The router takes its time to switch, and whoever waits for
    /// that gives the store's turn back meanwhile.
    pub(crate) async fn route_turn(&self, store: &StoreId) -> OwnedMutexGuard<()> {
        gate(&self.route_gates, store).lock_owned().await
    }

    /// What is remembered of the store, tombstones included.
    pub(crate) fn get(&self, store: &StoreId) -> Option<Arc<Entry>> {
        lock(&self.entries).get(store).cloned()
    }

    /// All entries, tombstones included, by ascending id.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        lock(&self.entries).values().cloned().collect()
    }

    /// Remembers the entry, durably before it counts. The caller has the store's turn.
    pub(crate) async fn put(&self, entry: &Entry) -> Result<()> {
        let path = self.path(&entry.store_id);
        let bytes = serde_json::to_vec_pretty(entry).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        let written = tokio::task::spawn_blocking(move || atomic::write(&path, &bytes, PRIVATE, None)).await;
        written.map_err(|error| Error::unclear(Code::Internal, format!("the ledger's writer ended: {error}")))??;
        self.remember(entry);
        Ok(())
    }

    /// Takes the entry into memory only: for what a failing disk could not hold.
    pub(crate) fn remember(&self, entry: &Entry) {
        lock(&self.claims).settle(entry);
        lock(&self.entries).insert(entry.store_id.clone(), Arc::new(entry.clone()));
    }

    /// Removes the files of tombstones that are older than the keep time.
    pub(crate) fn forget_old(&self, now: Timestamp) -> Result<()> {
        let keep = self.keep;
        let is_old = |entry: &Entry| {
            let age = entry.retired_at.map(|retired| now.duration_since(retired));
            age.is_some_and(|age| Duration::try_from(age).is_ok_and(|age| age > keep))
        };
        // Nobody gets a turn while the gates are locked, and whoever has one is writing that entry anew.
        let gates = lock(&self.gates);
        let route_gates = lock(&self.route_gates);
        let is_free = |gates: &Gates, store: &StoreId| gates.get(store).is_none_or(|gate| gate.strong_count() == 0);
        let is_idle = |store: &StoreId| is_free(&gates, store) && is_free(&route_gates, store);
        let mut entries = lock(&self.entries);
        let old = entries.values().filter(|entry| is_old(entry) && is_idle(&entry.store_id));
        for store in old.map(|entry| entry.store_id.clone()).collect::<Vec<_>>() {
            remove(&self.path(&store))?;
            entries.remove(&store);
        }
        Ok(())
    }

    /// Takes the port for the store; it stays taken while an entry of the store holds it.
    ///
    /// # Errors
    /// `port_busy` when another store has it.
    pub(crate) fn claim_port(&self, store: &StoreId, port: Port) -> Result<()> {
        lock(&self.claims).port(store, port)
    }

    /// Takes the names for the store, all or none.
    ///
    /// # Errors
    /// `domain_taken` when another store has one of them.
    pub(crate) fn claim_names<'a>(&self, store: &StoreId, names: impl Iterator<Item = &'a Hostname> + Clone) -> Result<()> {
        lock(&self.claims).names(store, names)
    }

    /// Gives back what the store took and its entry does not hold.
    pub(crate) fn settle_claims(&self, entry: &Entry) {
        lock(&self.claims).settle(entry);
    }

    /// True when no store uses the port.
    pub(crate) fn is_unclaimed(&self, port: Port) -> bool {
        lock(&self.claims).is_free(port)
    }

    fn path(&self, store: &StoreId) -> PathBuf {
        self.dir.join(format!("{store}.json"))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::new(Code::Unavailable, format!("the ledger cannot be read: {error}")).with("path", path.display())
}

fn store_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for found in fs::read_dir(dir).map_err(|error| unreadable(dir, &error))? {
        let path = found.map_err(|error| unreadable(dir, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Entry> {
    let corrupt = |why: String| {
        Error::new(Code::Corrupt, format!("a ledger file cannot be understood: {why}")).with("path", path.display())
    };
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let entry: Entry = serde_json::from_slice(&bytes).map_err(|error| corrupt(error.to_string()))?;
    let name = path.file_stem().and_then(|name| name.to_str());
    if name != Some(entry.store_id.to_string().as_str()) {
        return Err(corrupt(format!("it is about {}", entry.store_id)));
    }
    Ok(entry)
}

/// The gate of this store; one that nobody holds or waits at is forgotten in time.
fn gate(gates: &Mutex<Gates>, store: &StoreId) -> Arc<AsyncMutex<()>> {
    let mut gates = lock(gates);
    let gate = gates.get(store).and_then(Weak::upgrade).unwrap_or_default();
    if gates.len() > 1024 {
        gates.retain(|_, gate| gate.strong_count() > 0);
    }
    gates.insert(store.clone(), Arc::downgrade(&gate));
    gate
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unreadable(path, &error)),
        _ => Ok(()),
    }
}
