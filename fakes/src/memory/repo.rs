//! Documents, claims and leases in memory.

mod archive;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{
    Claim, ClaimOutcome, Clock, Code, Epoch, Error, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage,
    RowWrite, StoreRepo, Table, Wakeups,
};
use tokio::sync::watch;

/// A [`StoreRepo`] in memory. Clones share everything, so a clone given to another controller is what a restarted one would find.
#[derive(Clone, Debug)]
pub struct MemoryStores {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    rows: BTreeMap<(Table, String), Written>,
    claims: BTreeMap<(String, String), Claim>,
    leases: BTreeMap<String, Held>,
    epoch: u64,
    /// Being filled by a copy.
    unfinished: bool,
}

/// A row and the nonce of its last write.
#[derive(Clone, Debug)]
struct Written {
    row: Arc<Row>,
    nonce: Nonce,
}

#[derive(Clone, Debug)]
struct Held {
    holder: String,
    epoch: Epoch,
    until: Timestamp,
}

impl MemoryStores {
    /// An empty repo whose leases run by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Arc::default(), clock, changed: watch::Sender::new(()) }
    }

    /// A repo of its own that begins as this one is now, with this clock. Rows are shared until they are written.
    #[must_use]
    pub fn fork(&self, clock: Arc<dyn Clock>) -> Self {
        let state = self.state().clone();
        Self { state: Arc::new(Mutex::new(state)), clock, changed: watch::Sender::new(()) }
    }

    /// The row, without copying it.
    pub fn row(&self, table: Table, id: &str) -> Option<Arc<Row>> {
        self.state().rows.get(&(table, id.to_owned())).map(|written| Arc::clone(&written.row))
    }

    /// Every row of the table by ascending id, without copying them.
    pub fn rows(&self, table: Table) -> Vec<Arc<Row>> {
        let state = self.state();
        let rows = state.rows.range((table, String::new())..).take_while(|((in_table, _), _)| *in_table == table);
        rows.map(|(_, written)| Arc::clone(&written.row)).collect()
    }

    /// Who holds the name.
    pub fn holder(&self, namespace: &str, name: &str) -> Option<Claim> {
        self.state().claims.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Every row by table and id.
    pub fn dump(&self) -> BTreeMap<(Table, String), Row> {
        self.state().rows.iter().map(|(key, written)| (key.clone(), Row::clone(&written.row))).collect()
    }

    /// Every claim held, by namespace and name.
    pub fn claims(&self) -> Vec<Claim> {
        self.state().claims.values().cloned().collect()
    }

    /// Ends all leases, as opening a repo that only one process can hold does. Epochs go on rising.
    pub fn void_leases(&self) {
        self.state().leases.clear();
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

#[async_trait]
impl StoreRepo for MemoryStores {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        Ok(self.state().rows.get(&(table, id.to_owned())).map(|written| Row::clone(&written.row)))
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        check_write(write, nonce)?;
        let version = self.fenced(fence)?.put(write, expected, nonce)?;
        self.changed.send_replace(());
        Ok(version)
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        match self.fenced(fence)?.rows.entry((table, id.to_owned())) {
            Entry::Vacant(_) => return Ok(()),
            Entry::Occupied(entry) if entry.get().row.version == version => drop(entry.remove()),
            Entry::Occupied(entry) => return Err(conflict(table, id, Some(entry.get().row.version))),
        }
        self.changed.send_replace(());
        Ok(())
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        if page.limit == 0 {
            return Err(Error::new(Code::InvalidField, "a page has at least one row").pointer("/limit"));
        }
        let after = page.after.as_deref().map(|cursor| position(cursor, table, query)).transpose()?;
        let mut found = self.state().find(table, query);
        found.retain(|(place, _)| after.as_ref().is_none_or(|after| place > after));
        let more = found.len() > page.limit;
        found.truncate(page.limit);
        let next = found.last().filter(|_| more).map(|(place, _)| cursor(place, table, query));
        Ok(RowPage { rows: found.into_iter().map(|(_, row)| row).collect(), next })
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        let mut state = self.fenced(fence)?;
        let held = state.claims.entry((claim.namespace.clone(), claim.name.clone())).or_insert_with(|| claim.clone());
        Ok(if held.owner == claim.owner { ClaimOutcome::Held } else { ClaimOutcome::Taken(held.clone()) })
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        let mut state = self.fenced(fence)?;
        let key = |name: &String| (claim.namespace.clone(), name.clone());
        let own = candidates.iter().find(|name| state.claims.get(&key(name)).is_some_and(|held| held.owner == claim.owner));
        let Some(name) = own.or_else(|| candidates.iter().find(|name| !state.claims.contains_key(&key(name)))) else {
            return Ok(None);
        };
        state.claims.entry(key(name)).or_insert_with(|| Claim { name: name.clone(), ..claim.clone() });
        Ok(Some(name.clone()))
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        if let Entry::Occupied(held) = self.fenced(fence)?.claims.entry((namespace.to_owned(), name.to_owned()))
            && held.get().owner == owner
        {
            held.remove();
        }
        Ok(())
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        let now = self.clock.now();
        let mut state = self.state();
        let epoch = match state.leases.get(&lease.name).filter(|held| now < held.until) {
            Some(held) if held.holder != lease.holder => return Ok(None),
            Some(held) => held.epoch,
            None => {
                state.epoch += 1;
                Epoch(state.epoch)
            }
        };
        let until = now.checked_add(lease.duration).unwrap_or(Timestamp::MAX);
        state.leases.insert(lease.name.clone(), Held { holder: lease.holder.clone(), epoch, until });
        Ok(Some(Grant { epoch, until }))
    }

    fn wakeups(&self) -> Wakeups {
        stream::unfold(self.changed.subscribe(), |mut changed| async { changed.changed().await.ok().map(|()| ((), changed)) })
            .boxed()
    }
}

impl State {
    fn put(&mut self, write: &RowWrite, expected: Expected, nonce: &Nonce) -> Result<u64> {
        let stored = self.rows.get(&(write.table, write.id.clone()));
        if let Some(written) = stored.filter(|written| written.nonce == *nonce) {
            return Ok(written.row.version);
        }
        let seen = stored.map(|written| written.row.version);
        let version = match (expected, seen) {
            (Expected::Absent, None) => 1,
            (Expected::Version(wanted), Some(seen)) if wanted == seen => seen + 1,
            _ => return Err(conflict(write.table, &write.id, seen)),
        };
        let row = Row { id: write.id.clone(), version, body: write.body.clone(), indexes: write.indexes.clone() };
        let row = Arc::new(row);
        self.rows.insert((write.table, write.id.clone()), Written { row, nonce: nonce.clone() });
        Ok(version)
    }

    /// All rows of the query in its order, each with its place.
    fn find(&self, table: Table, query: &Query) -> Vec<(Place, Row)> {
        let rows = self.rows.range((table, String::new())..).take_while(|((in_table, _), _)| *in_table == table);
        let place = |row: &Row| match query {
            Query::All => Some(String::new()),
            Query::Index { name, from, to } => {
                row.indexes.get(name).filter(|value| is_between(value, from.as_deref(), to.as_deref())).cloned()
            }
        };
        let placed = rows.filter_map(|(_, Written { row, .. })| Some(((place(row)?, row.id.clone()), Row::clone(row))));
        let mut found: Vec<_> = placed.collect();
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        found
    }
}

/// Where a row stands in a listing: its index value, empty when the listing is by id, and its id.
type Place = (String, String);

fn is_between(value: &str, from: Option<&str>, to: Option<&str>) -> bool {
    from.is_none_or(|from| from <= value) && to.is_none_or(|to| value <= to)
}

/// The cursor: the listing and the place of the last row in it, as JSON.
fn cursor(place: &Place, table: Table, query: &Query) -> String {
    serde_json::json!([listing(table, query), place.0, place.1]).to_string()
}

fn position(cursor: &str, table: Table, query: &Query) -> Result<Place> {
    let refuse = || Error::new(Code::InvalidField, "the cursor was not given for this listing").pointer("/after");
    let (given_for, value, id): (String, String, String) = serde_json::from_str(cursor).map_err(|_| refuse())?;
    if given_for == listing(table, query) { Ok((value, id)) } else { Err(refuse()) }
}

fn listing(table: Table, query: &Query) -> String {
    format!("{table} {query:?}")
}

fn conflict(table: Table, id: &str, seen: Option<u64>) -> Error {
    let seen = seen.map_or_else(|| "is absent".to_owned(), |version| format!("has version {version}"));
    Error::new(Code::VersionConflict, format!("the document {seen}")).with("table", table).with("id", id)
}

fn check_write(write: &RowWrite, nonce: &Nonce) -> Result<()> {
    let is_bounded = |text: &String| (1..=255).contains(&text.len());
    let refuse =
        |pointer: &str| Err(Error::new(Code::InvalidField, format!("{pointer} has too few or too many bytes")).pointer(pointer));
    if !is_bounded(&write.id) {
        return refuse("/id");
    }
    if !write.indexes.iter().all(|(name, value)| is_bounded(name) && is_bounded(value)) {
        return refuse("/indexes");
    }
    if nonce.0.len() > 64 { refuse("/nonce") } else { Ok(()) }
}
