//! [`StoreRepo`](storex_core::StoreRepo) in one embedded file: the default that needs no server.
//!
//! One process holds the file. Reads run side by side; writes of concurrent tasks are gathered into one durable commit, because the
//! flush to disk is what a write costs. Leases live in memory, since nobody else can hold the file; the epoch counter is in the file.
//!
//! ```no_run
//! use std::{path::Path, sync::Arc};
//! use storex_core::{StoreRepo, SystemClock, Table};
//!
//! # async fn example() -> storex_core::Result<()> {
//! let repo = storex_redb::RedbStores::open(Path::new("/var/lib/storex/storex.redb"), Arc::new(SystemClock))?;
//! let row = repo.get(Table::Stores, "oceanbreeze-12345").await?;
//! # Ok(())
//! # }
//! ```

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
