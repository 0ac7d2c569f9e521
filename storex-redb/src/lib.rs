//! [`StoreRepo`](storex_core::StoreRepo) in one embedded file: the default that needs no server.
//!
//! One process holds the file. Reads run side by side; writes of concurrent tasks are gathered into one durable commit, because the
//! flush to disk is what a write costs. Leases live in memory, since nobody else can hold the file; the epoch counter is in the file.
//!
//! # A first example
//!
//! ```
//! use std::sync::Arc;
//! use storex_core::{Page, Query, StoreRepo, SystemClock, Table};
//! use storex_redb::RedbStores;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("storex.redb");
//! let repo: Arc<dyn StoreRepo> = Arc::new(RedbStores::open(&path, Arc::new(SystemClock))?);
//! assert!(repo.list(Table::Stores, &Query::All, &Page::first(10)).await?.rows.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Given to [`Controller::builder`](storex_core::Controller::builder) it is all a controller needs to survive its process.
//!
//! # The map
//!
//! [`RedbStores`] is the whole API. It keeps the laws of `storex_fakes::laws::store_repo`, and after each commit everything that was answered is on the disk.
//!
//! # Errors
//!
//! Those of core: `unusable` when the file is held by another process or cannot be opened, with the fix; `corrupt` when what is read cannot be understood;
//! `unavailable` or unclear when the disk is full or broken: then a write may or may not be in the file, and repeating it with its nonce settles it.
//!
//! # Features
//!
//! There are none.

mod archive;
mod batch;
mod bounds;
mod claims;
mod cursor;
mod failure;
mod file;
mod leases;
mod listing;
mod record;
mod repo;
mod rows;
mod schema;
mod stores;
mod writer;

#[cfg(test)]
mod tests;

pub use stores::RedbStores;
