//! The one writer of the router's table. Stores put or remove their rows and wait until the router routes by them.
//!
//! The table is rendered whole from all rows. Whoever comes first waits the debounce, then commits for everybody who came meanwhile; the others
//! find their version applied. So fifty stores at once cost a few commits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{Clock, Code, Error, ErrorRecord, Hostname, Port, ProxyWriter, Result, RouteTable, StoreId};
use tokio::sync::Mutex as AsyncMutex;

/// How often a commit is repeated when somebody else changed the table.
const ATTEMPTS: u32 = 3;

/// Rows of one store.
pub(super) type Rows = BTreeMap<Hostname, Port>;

#[derive(Debug)]
pub(super) struct RouteWriter {
    proxy: Arc<dyn ProxyWriter>,
    clock: Arc<dyn Clock>,
    debounce: Duration,
    wanted: Mutex<Wanted>,
    turn: AsyncMutex<Applied>,
    commits: AtomicU64,
}

/// What the stores want, and how often that has changed.
#[derive(Debug, Default)]
struct Wanted {
    version: u64,
    rows: BTreeMap<StoreId, Rows>,
}

/// What the router routes by; held by whoever commits.
#[derive(Debug, Default)]
struct Applied {
    /// Every change up to this version is in force.
    version: u64,
    /// The newest commit that failed, and up to which version it reached.
    failed: Option<(u64, ErrorRecord)>,
    /// What is known to be in force; `None` after any failure.
    known: Option<(u64, RouteTable)>,
    /// Number of the newest table that was committed or found in force.
    generation: u64,
    quarantined: BTreeSet<Hostname>,
}

/// A table in force that holds the rows waited for, but for those the router refused.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    pub(super) generation: u64,
    pub(super) quarantined: BTreeSet<Hostname>,
}

/// A change of one store's rows, and what they were before it.
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) before: Option<Rows>,
}

impl RouteWriter {
    pub(super) fn new(proxy: Arc<dyn ProxyWriter>, clock: Arc<dyn Clock>, debounce: Duration) -> Self {
        Self { proxy, clock, debounce, wanted: Mutex::default(), turn: AsyncMutex::default(), commits: AtomicU64::new(0) }
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Puts the store's rows, or removes them. Nothing is routed by them before [`RouteWriter::applied`] says so.
    pub(super) fn put(&self, store: &StoreId, rows: Option<Rows>) -> Change {
        let mut wanted = self.wanted();
        wanted.version += 1;
        let before = match rows {
            Some(rows) => wanted.rows.insert(store.clone(), rows),
            None => wanted.rows.remove(store),
        };
        Change { version: wanted.version, before }
    }

    /// Waits until the change of this version is in force.
    ///
    /// # Errors
    /// As [`ProxyWriter::commit`].
    pub(super) async fn applied(&self, version: u64) -> Result<InForce> {
        self.clock.sleep(self.debounce).await;
        let mut turn = self.turn.lock().await;
        if turn.version >= version {
            return Ok(turn.in_force());
        }
        match &turn.failed {
            Some((reached, record)) if *reached >= version => Err(record.clone().into()),
            _ => self.commit(&mut turn, false).await,
        }
    }

    /// Makes the router route by all rows now, whatever it routes by.
    ///
    /// # Errors
    /// As [`ProxyWriter::commit`].
    pub(super) async fn commit_now(&self) -> Result<InForce> {
        let mut turn = self.turn.lock().await;
        turn.known = None;
        self.commit(&mut turn, true).await
    }

    /// True when the router is said to route by these rows. A table that somebody else has written says nothing of them.
    ///
    /// # Errors
    /// `unavailable` when the table cannot be read.
    pub(super) async fn holds(&self, rows: &Rows) -> Result<bool> {
        let (_, table) = self.load(0).await?;
        Ok(table.is_some_and(|table| rows.iter().all(|(name, port)| table.routes.get(name) == Some(port))))
    }

    /// Somebody else has changed the table: the next commit looks at it anew.
    pub(super) async fn distrust(&self) {
        self.turn.lock().await.known = None;
    }

    /// The table in force and its generation; none, and the generation known last, when it is not as it was committed.
    async fn load(&self, last: u64) -> Result<(u64, Option<RouteTable>)> {
        match self.proxy.load().await {
            Ok((generation, table)) => Ok((generation, Some(table))),
            Err(error) if error.code() == Code::Corrupt => Ok((last, None)),
            Err(error) => Err(error),
        }
    }

    fn render(&self) -> (u64, RouteTable) {
        let wanted = self.wanted();
        let routes = wanted.rows.values().flatten().map(|(name, port)| (name.clone(), *port)).collect();
        (wanted.version, RouteTable { routes })
    }

    async fn commit(&self, turn: &mut Applied, even_if_equal: bool) -> Result<InForce> {
        let (version, table) = self.render();
        match self.write(turn, &table, even_if_equal).await {
            Ok(()) => {
                turn.version = version;
                Ok(turn.in_force())
            }
            Err(error) => {
                turn.known = None;
                turn.failed = Some((version, ErrorRecord::from(&error)));
                Err(error)
            }
        }
    }

    async fn write(&self, turn: &mut Applied, table: &RouteTable, even_if_equal: bool) -> Result<()> {
        let mut attempt = 1;
        loop {
            let (generation, in_force) = match turn.known.take() {
                Some((generation, table)) => (generation, Some(table)),
                None => self.load(turn.generation).await?,
            };
            if in_force.as_ref() == Some(table) && !even_if_equal {
                turn.generation = generation;
                turn.known = in_force.map(|table| (generation, table));
                return Ok(());
            }
            match self.proxy.commit(table, generation).await {
                Ok(committed) => {
                    self.commits.fetch_add(1, Ordering::Relaxed);
                    tracing::info!(generation = committed.generation, routes = table.routes.len(), "routes committed");
                    turn.generation = committed.generation;
                    turn.quarantined = committed.quarantined.into_iter().collect();
                    turn.known = Some((committed.generation, table.clone()));
                    return Ok(());
                }
                Err(error) if error.code() == Code::VersionConflict && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Applied {
    fn in_force(&self) -> InForce {
        InForce { generation: self.generation, quarantined: self.quarantined.clone() }
    }
}

impl InForce {
    /// The first of these names that the router refused.
    ///
    /// # Errors
    /// `route_rejected` naming it.
    pub(super) fn check(&self, rows: &Rows) -> Result<()> {
        match rows.keys().find(|name| self.quarantined.contains(*name)) {
            Some(name) => {
                Err(Error::new(Code::RouteRejected, format!("the router refused the name {name}")).with("domain", name))
            }
            None => Ok(()),
        }
    }
}
