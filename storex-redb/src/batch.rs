//! One write transaction in the making: the tables that operations change, one after another.

use crate::failure::{Failure, Stop};
use crate::leases::{Held, Leases};
use crate::schema::{CLAIMS, INDEXES, META, ROWS};
use jiff::Timestamp;
use redb::{Table, WriteTransaction};
use std::collections::BTreeMap;
use storex_core::Fence;

/// Answer of an operation inside a batch.
pub(crate) type Outcome<T> = Result<T, Stop>;

/// The open tables of a write transaction. Each operation checks first and changes then, so that a refused one has changed nothing.
pub(crate) struct Batch<'txn> {
    pub(crate) rows: Table<'txn, (&'static str, &'static str), &'static [u8]>,
    pub(crate) indexes: Table<'txn, (&'static str, &'static str, &'static str, &'static str), ()>,
    pub(crate) claims: Table<'txn, (&'static str, &'static str), &'static [u8]>,
    pub(crate) meta: Table<'txn, &'static str, u64>,
    /// Leases as they were before the batch.
    pub(crate) leases: &'txn Leases,
    pub(crate) now: Timestamp,
    pub(crate) changes: Changes,
}

/// What a batch has changed.
#[derive(Default)]
pub(crate) struct Changes {
    /// Something in the file: a commit is due.
    pub(crate) file: bool,
    /// Rows: watchers are woken.
    pub(crate) rows: bool,
    /// Leases given or renewed; they count once the file is committed.
    pub(crate) leases: BTreeMap<String, Held>,
}

impl<'txn> Batch<'txn> {
    /// Opens the tables.
    pub(crate) fn open(transaction: &'txn WriteTransaction, leases: &'txn Leases, now: Timestamp) -> Result<Self, Failure> {
        Ok(Self {
            rows: transaction.open_table(ROWS)?,
            indexes: transaction.open_table(INDEXES)?,
            claims: transaction.open_table(CLAIMS)?,
            meta: transaction.open_table(META)?,
            leases,
            now,
            changes: Changes::default(),
        })
    }

    /// The batch, for an operation that is still in its time.
    pub(crate) fn fenced(&mut self, fence: Fence) -> Outcome<&mut Self> {
        fence.check(self.now)?;
        Ok(self)
    }
}
