//! [`StoreRepo`](storex_core::StoreRepo) over a MongoDB server: what any number of controllers share; and
//! [`DatabaseAdmin`](storex_core::DatabaseAdmin): a database of its own for each store.
//!
//! A row is a document in the collection of its table, a claim one in `claims`, a lease one in `leases`. Every write changes one document
//! under a condition, waits for a majority of the replica set and its journals, and compares its fence with the server's own clock in the
//! same command. No transactions, so a standalone server serves as well; it only cannot fail over, and wakes watchers by polling.
//!
//! ```no_run
//! use storex_core::{Secret, StoreRepo, Table};
//!
//! # async fn example() -> storex_core::Result<()> {
//! let uri = Secret::new("mongodb://storex:…@db1,db2,db3/storex?replicaSet=rs0".to_owned());
//! let repo = storex_mongo::MongoStores::open(&uri).await?;
//! let row = repo.get(Table::Stores, "oceanbreeze-12345").await?;
//! # Ok(())
//! # }
//! ```

mod archive;
mod bounds;
mod check;
mod claims;
mod connect;
mod cursor;
mod databases;
mod failure;
mod fence;
mod indexes;
mod leases;
mod listing;
mod observe;
mod record;
mod repo;
mod rows;
mod schema;
mod server;
mod settle;
mod stores;
mod wake;

pub use check::{CheckReport, Fact, FactState, check};
pub use databases::{DatabaseSettings, MongoDatabases};
/// The driver, for tests and tools that talk to the same server.
#[doc(hidden)]
pub use mongodb as driver;
pub use stores::MongoStores;
