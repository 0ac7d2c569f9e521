//! Documents, unique claims and leases: everything storex remembers.

use crate::{Code, Epoch, Error, Json, Result};
use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::time::Duration;

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Table {
    /// One document per operation: the journal.
    Operations,
    /// One per store: what it is and what it owns.
    Stores,
    /// One per host name of a store.
    Domains,
    /// One per certificate, with who it waits on.
    Certificates,
    /// Messages to deliver.
    Outbox,
    /// Checks to run, each with its due time.
    DueTimes,
    /// Rules of stores in the tunnel's document, where routing is direct: one per store.
    TunnelRoutes,
    /// What all stores share.
    Platform,
}

impl Table {
    /// Every table.
    pub const ALL: &'static [Self] = &[
        Self::Operations,
        Self::Stores,
        Self::Domains,
        Self::Certificates,
        Self::Outbox,
        Self::DueTimes,
        Self::TunnelRoutes,
        Self::Platform,
    ];

    /// Stable name of the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operations => "operations",
            Self::Stores => "stores",
            Self::Domains => "domains",
            Self::Certificates => "certificates",
            Self::Outbox => "outbox",
            Self::DueTimes => "due_times",
            Self::TunnelRoutes => "tunnel_routes",
            Self::Platform => "platform",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored document.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Identifier, unique in its table.
    pub id: String,
    /// Starts at 1 and rises by exactly 1 with each write.
    pub version: u64,
    /// The document.
    pub body: Json,
    /// Values by which the document can be listed, as the writer gave them.
    pub indexes: BTreeMap<String, String>,
}

/// A document to write.
#[derive(Clone, Debug, PartialEq)]
pub struct RowWrite {
    /// Kind of the document.
    pub table: Table,
    /// Identifier, unique in its table: 1 to 255 bytes.
    pub id: String,
    /// The whole new document.
    pub body: Json,
    /// The whole new set of index values: name → value, each 1 to 255 bytes.
    pub indexes: BTreeMap<String, String>,
}

/// State in which a row must be for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The row must not exist.
    Absent,
    /// The row must have this version.
    Version(u64),
}

/// Name of one write attempt, at most 64 bytes. Repeating a write whose answer was lost with the same nonce succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(pub String);

/// Which rows of a table to list, and in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// All rows by ascending id.
    All,
    /// Rows that have the index, its value between `from` and `to` (both inclusive, by bytes), by ascending (value, id).
    Index {
        /// Name of the index.
        name: String,
        /// Lowest value.
        from: Option<String>,
        /// Highest value.
        to: Option<String>,
    },
}

impl Query {
    /// Rows whose index has exactly this value.
    pub fn equals(name: &str, value: &str) -> Self {
        Self::Index { name: name.to_owned(), from: Some(value.to_owned()), to: Some(value.to_owned()) }
    }
}

/// A part of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Opaque cursor from the previous page; `None` begins.
    pub after: Option<String>,
    /// Most rows to return, at least 1.
    pub limit: usize,
}

impl Page {
    /// The first page.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }
}

/// Rows and the cursor of what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct RowPage {
    /// The rows, in the order of the query.
    pub rows: Vec<Row>,
    /// Cursor of the next page; `None` when nothing follows.
    pub next: Option<String>,
}

/// The exclusive hold on a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Kind of the name: `domain`, `username`, `store_digits`, `port:<host>`, `database`.
    pub namespace: String,
    /// The name held.
    pub name: String,
    /// Who holds it, compared exactly: an operation id.
    pub owner: String,
    /// For whom, in words people understand: a username.
    pub label: String,
}

/// Answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The claim is held by the one who asked, from now on or already before.
    Held,
    /// Somebody else holds the name.
    Taken(Claim),
}

/// A wish to be the only one working on something for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What to work on: an operation id or the name of a shared document.
    pub name: String,
    /// Who asks; unique per running controller.
    pub holder: String,
    /// How long the lease lasts without renewal.
    pub duration: Duration,
}

/// A lease that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its epoch.
    pub epoch: Epoch,
    /// When it ends without renewal, by the repo's own clock.
    pub until: Timestamp,
}

impl Grant {
    /// The fence of what is written under this lease.
    pub fn fence(&self) -> Fence {
        Fence { until: Some(self.until) }
    }
}

/// Until when a write may still happen, by the repo's own clock. Whoever slept past its lease finds its late writes refused, so the next holder
/// works on what it has seen.
///
/// ```
/// use storex_core::{Epoch, Fence, Grant};
/// let until = "2026-01-01T00:00:15Z".parse().unwrap();
/// let fence = Grant { epoch: Epoch(7), until }.fence();
/// assert!(fence.is_open("2026-01-01T00:00:14Z".parse().unwrap()));
/// assert!(!fence.is_open(until));
/// assert!(Fence::NONE.is_open(until));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    until: Option<Timestamp>,
}

impl Fence {
    /// No fence: the write may happen whenever it arrives. For writes that rest on the row's version alone.
    pub const NONE: Self = Self { until: None };

    /// The moment from which on the write is refused, for a repo that leaves the comparison to its server.
    pub fn until(self) -> Option<Timestamp> {
        self.until
    }

    /// Whether a write may happen at this time of the repo's clock.
    pub fn is_open(self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// [`Fence::is_open`] as the refusal every repo answers.
    ///
    /// # Errors
    /// `lease_expired`.
    pub fn check(self, now: Timestamp) -> Result<()> {
        if self.is_open(now) { Ok(()) } else { Err(Error::new(Code::LeaseExpired, "the write came after the end of its lease")) }
    }
}

/// Yields whenever something may have changed; a hint, never data. May yield too often, and misses nothing for longer than its
/// consumer's own poll interval.
pub type Wakeups = BoxStream<'static, ()>;

/// One document store with compare-and-swap, unique claims and leases. No multi-document transactions: every promise rests on one row.
///
/// # Guarantees
/// Every write that answered is durable and seen by every later read. A version conflict (`version_conflict`), a lease that is over
/// (`lease_expired`) and an invalid argument are refusals; any other failure of a write is unclear, and repeating the write with its nonce
/// settles it. A write that comes after its [`Fence`] changes nothing, whatever stands there: the fence is compared where the write happens, not
/// where it was sent.
///
/// # Cancellation
/// Dropping a future may leave a write done or not done; repeat it with its nonce.
#[async_trait]
pub trait StoreRepo: Debug + Send + Sync + 'static {
    /// The row, or `None` when there is none.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, `corrupt`.
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>>;

    /// Writes the whole row if it is in the expected state; answers the new version. A write whose nonce equals the nonce of the row's
    /// last write answers that version and changes nothing.
    ///
    /// # Errors
    /// `version_conflict` when the row is not in the expected state; `lease_expired`; `invalid_field` for ids, indexes or nonces outside their bounds.
    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64>;

    /// Removes the row if it has the version; absent is success.
    ///
    /// # Errors
    /// `version_conflict` when the row has another version; `lease_expired`.
    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()>;

    /// One page of rows. A row written while the listing goes on may or may not be seen, and no row is seen twice unless its index value
    /// changed meanwhile.
    ///
    /// # Errors
    /// `invalid_field` for a cursor this repo did not give or a limit of 0.
    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage>;

    /// Takes the name for the owner. Among all callers, at most one owner holds a (namespace, name).
    ///
    /// # Errors
    /// `lease_expired`, `unavailable`, `timeout`; coming after another owner is no error.
    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome>;

    /// Takes the first free one of `candidates` (names in `claim.namespace`; `claim.name` is ignored) and answers it, or `None` when all are
    /// held by others. An owner that holds one of the candidates already gets that one again.
    ///
    /// # Errors
    /// As [`StoreRepo::claim`].
    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>>;

    /// Gives the name up if the owner holds it; otherwise nothing happens.
    ///
    /// # Errors
    /// `lease_expired`, `unavailable`, `timeout`.
    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()>;

    /// Takes or renews a lease. Answers its epoch and its end, or `None` while another holder's lease runs. Epochs of one repo rise with every grant
    /// to a holder that did not hold the lease; renewal keeps the epoch.
    ///
    /// # Errors
    /// `unavailable`, `timeout`.
    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>>;

    /// Hints that rows changed.
    fn wakeups(&self) -> Wakeups;
}
