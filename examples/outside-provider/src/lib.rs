//! A repository for storex outside its workspace: maps in memory, and a journal file with one line of JSON per change.
//!
//! Opening replays the journal. One process at a time may hold the file, so leases end with the process; epochs do not.

mod journal;
mod maps;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use journal::{Entry, Journal};
use maps::Maps;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{
    Claim, ClaimOutcome, Clock, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite, StoreRepo, Table,
    Wakeups,
};
use tokio::sync::watch;

/// A [`StoreRepo`] in a journal file.
#[derive(Debug)]
pub struct JournalStores {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    maps: Maps,
    journal: Journal,
}

impl JournalStores {
    /// Opens the file, or makes it. Leases run by this clock.
    ///
    /// # Errors
    /// `unusable` when the file cannot be read, `corrupt` when a line but the last cannot be understood.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let (journal, entries) = Journal::open(path)?;
        let mut maps = Maps::default();
        entries.into_iter().for_each(|entry| maps.apply(entry));
        Ok(Self { state: Mutex::new(State { maps, journal }), clock, changed: watch::Sender::new(()) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for a write that is still in its time.
    fn fenced(&self, fence: Fence) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        fence.check(self.clock.now()).map(|()| state)
    }
}

impl State {
    /// Makes the change durable, then visible.
    fn commit(&mut self, entry: Entry) -> Result<()> {
        self.journal.append(&entry)?;
        self.maps.apply(entry);
        Ok(())
    }
}

#[async_trait]
impl StoreRepo for JournalStores {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        Ok(self.state().maps.row(table, id))
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        let mut state = self.fenced(fence)?;
        let (version, entry) = state.maps.plan_put(write, expected, nonce)?;
        if let Some(entry) = entry {
            state.commit(entry)?;
            self.changed.send_replace(());
        }
        Ok(version)
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        let mut state = self.fenced(fence)?;
        if let Some(entry) = state.maps.plan_delete(table, id, version)? {
            state.commit(entry)?;
            self.changed.send_replace(());
        }
        Ok(())
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.state().maps.list(table, query, page)
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        let mut state = self.fenced(fence)?;
        match state.maps.holder(&claim.namespace, &claim.name).cloned() {
            Some(held) if held.owner != claim.owner => return Ok(ClaimOutcome::Taken(held)),
            Some(_) => {}
            None => state.commit(Entry::Claimed(claim.clone()))?,
        }
        Ok(ClaimOutcome::Held)
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        let mut state = self.fenced(fence)?;
        let owner = |name: &String| state.maps.holder(&claim.namespace, name).map(|held| held.owner.clone());
        if let Some(own) = candidates.iter().find(|name| owner(name).as_ref() == Some(&claim.owner)) {
            return Ok(Some(own.clone()));
        }
        let Some(free) = candidates.iter().find(|name| owner(name).is_none()).cloned() else {
            return Ok(None);
        };
        state.commit(Entry::Claimed(Claim { name: free.clone(), ..claim.clone() }))?;
        Ok(Some(free))
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        let mut state = self.fenced(fence)?;
        if state.maps.holder(namespace, name).is_some_and(|held| held.owner == owner) {
            state.commit(Entry::Released { namespace: namespace.to_owned(), name: name.to_owned() })?;
        }
        Ok(())
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        let mut state = self.state();
        let now = self.clock.now();
        let epoch = match state.maps.running_lease(&lease.name, now) {
            Some((holder, _)) if holder != lease.holder => return Ok(None),
            Some((_, epoch)) => epoch,
            None => {
                let epoch = state.maps.next_epoch();
                state.commit(Entry::Epoch(epoch))?;
                epoch
            }
        };
        Ok(Some(state.maps.grant(lease, epoch, now)))
    }

    fn wakeups(&self) -> Wakeups {
        stream::unfold(self.changed.subscribe(), |mut changed| async { changed.changed().await.ok().map(|()| ((), changed)) })
            .boxed()
    }
}
