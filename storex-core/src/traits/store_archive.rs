//! Everything a repo holds, to be carried into another one.

use super::{Claim, Nonce, Row, StoreRepo, Table};
use crate::{Epoch, Result};
use async_trait::async_trait;

/// A row with what later writes are compared with: its version, and the nonce of its last write.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedRow {
    /// The row.
    pub row: Row,
    /// The nonce of its last write.
    pub nonce: Nonce,
}

/// A repo whose whole content can be read, and that can be filled with another's.
///
/// # Guarantees
/// What was exported and imported is the same to every caller: rows with their versions, index values and nonces, claims with owners and labels.
/// Epochs go on above those of the source. Leases stay behind: only a repo nobody works on is copied.
///
/// Between [`StoreArchive::begin`] and [`StoreArchive::finish`] the repo is unfinished; opening it to serve is refused, also after a crash.
///
/// # Cancellation
/// Dropping the future of a read has no effect; that of another call may leave it done or not done, and it can be repeated while the repo is unfinished.
#[async_trait]
pub trait StoreArchive: StoreRepo {
    /// Who works on the repo, in words, as far as it can be seen: a lease that runs, a controller that is connected.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, `corrupt`.
    async fn busy(&self) -> Result<Option<String>>;

    /// The highest epoch that was ever given, 0 before the first.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, `corrupt`.
    async fn last_epoch(&self) -> Result<Epoch>;

    /// The rows of the table whose ids come after `after`, by ascending id, at most `limit` (at least 1) of them. None: that was all.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, `corrupt`.
    async fn export_rows(&self, table: Table, after: Option<&str>, limit: usize) -> Result<Vec<ArchivedRow>>;

    /// The claims after this (namespace, name), in ascending order of both, at most `limit` (at least 1) of them. None: that was all.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, `corrupt`.
    async fn export_claims(&self, after: Option<(&str, &str)>, limit: usize) -> Result<Vec<Claim>>;

    /// Marks an empty repo as unfinished.
    ///
    /// # Errors
    /// `unusable` when it was used before, when somebody works on it, or when it is unfinished already.
    async fn begin(&self) -> Result<()>;

    /// Puts rows into an unfinished repo as they are. A row that is there is replaced.
    ///
    /// # Errors
    /// `unusable` when it is not unfinished; `unavailable`, `timeout`.
    async fn import_rows(&self, table: Table, rows: &[ArchivedRow]) -> Result<()>;

    /// Puts claims into an unfinished repo as they are. A claim that is there is replaced.
    ///
    /// # Errors
    /// As [`StoreArchive::import_rows`].
    async fn import_claims(&self, claims: &[Claim]) -> Result<()>;

    /// Lets the next epoch be above `last` and makes the repo one to serve.
    ///
    /// # Errors
    /// As [`StoreArchive::import_rows`].
    async fn finish(&self, last: Epoch) -> Result<()>;
}
