//! [`StoreRepo`](storex_core::StoreRepo) over a MongoDB server: what any number of controllers share; and
//! [`DatabaseAdmin`](storex_core::DatabaseAdmin): a database of its own for each store.
//!
//! A row is a document in the collection of its table, a claim one in `claims`, a lease one in `leases`. Every write changes one document
//! under a condition, waits for a majority of the replica set and its journals, and compares its fence with the server's own clock in the
//! same command. No transactions, so a standalone server serves as well; it only cannot fail over, and wakes watchers by polling.
//!
//! # A first example
//!
//! ```no_run
//! use std::sync::Arc;
//! use storex_core::{Secret, StoreRepo, Table};
//!
//! # async fn example() -> storex_core::Result<()> {
//! let uri = Secret::new("mongodb://storex:…@db1,db2,db3/storex?replicaSet=rs0".to_owned());
//! let repo: Arc<dyn StoreRepo> = Arc::new(storex_mongo::MongoStores::open(&uri).await?);
//! let row = repo.get(Table::Stores, "oceanbreeze-12345").await?;
//! # Ok(())
//! # }
//! ```
//!
//! What cannot be used is refused before anything is asked, and no part of it is shown:
//!
//! ```
//! use storex_core::{Code, Secret};
//! use storex_mongo::MongoStores;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let uri = Secret::new("mongodb+srv://storex:password@cluster.example.net/".to_owned());
//! let refused = MongoStores::open(&uri).await.unwrap_err();
//! assert_eq!(refused.code(), Code::Unusable);
//! assert!(!format!("{refused:?}").contains("password"));
//! # }
//! ```
//!
//! # The map
//!
//! | part | what it is |
//! |---|---|
//! | [`MongoStores`] | the repo of any number of controllers; also the archive that `storex db copy` reads and writes |
//! | [`MongoDatabases`], [`DatabaseSettings`] | a database and a user for each store, on a server that may be another one |
//! | [`check()`], [`CheckReport`], [`Fact`] | proof on one's own server of what storex relies on, in a database that is dropped again |
//!
//! # Errors
//!
//! Those of core: `unusable` with what to do, for a string, a server, a user or a database storex cannot work with; `unavailable` and `timeout` when no primary
//! answers or no majority confirms: then a write may or may not be there, and repeating it with its nonce settles it.
//!
//! # TLS
//!
//! `tls=true` in the string. ring is the one provider, by the driver's own choice; nothing is installed for the process.
//!
//! # Features
//!
//! There are none.

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
