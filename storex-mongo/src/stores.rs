//! The repo over one database of a server.

use crate::claims::CLAIMS;
use crate::connect::Purpose;
use crate::server::Topology;
use crate::wake::Waker;
use crate::{connect, indexes, schema, server};
use mongodb::bson::Document;
use mongodb::{Collection, Database};
use std::fmt;
use std::sync::Arc;
use storex_core::{Result, Secret, Table};
use tokio::sync::watch;

/// A [`StoreRepo`](storex_core::StoreRepo) in one database of a MongoDB server, for any number of controllers at once. Clones share the
/// connections. Its calls must run inside a tokio runtime.
#[derive(Clone)]
pub struct MongoStores {
    pub(crate) shared: Arc<Shared>,
}

/// What clones and running calls share.
pub(crate) struct Shared {
    database: Database,
    topology: Topology,
    changed: watch::Sender<()>,
    _waker: Waker,
}

impl MongoStores {
    /// Connects, and proves that the server can keep the trait's promises: it is 6.0 or newer, has a primary and confirms writes by a majority, the
    /// user may do what storex does, the database is storex's own or empty, and its indexes are there. Missing collections and indexes are made.
    ///
    /// `uri` is a connection string `mongodb://…`; its path names the database (default `storex`). Whatever it says about write concern, read
    /// concern and read preference, storex writes and reads by majority on the primary. Neither it nor the password appears in errors or logs.
    ///
    /// # Errors
    /// `unusable` with what to do: the string is none, wrong credentials, missing rights, a server that is too old or sharded, a database of
    /// somebody else or of a newer storex, other indexes. `unavailable` or `timeout` when no primary answers or no majority confirms.
    ///
    /// # Cancellation
    /// Dropping the future may leave collections and indexes made; the next start goes on with them.
    pub async fn open(uri: &Secret<String>) -> Result<Self> {
        Self::start(uri, Purpose::Serve).await.map_err(|error| error.during("repo.open"))
    }

    /// As [`MongoStores::open`], to be copied to and not to serve: it does not count as a controller at work.
    ///
    /// # Errors
    /// As [`MongoStores::open`].
    ///
    /// # Cancellation
    /// As [`MongoStores::open`].
    pub async fn open_archive(uri: &Secret<String>) -> Result<Self> {
        Self::start(uri, Purpose::Copy).await.map_err(|error| error.during("repo.open"))
    }

    /// As [`MongoStores::open_archive`], to be copied from: it has to hold what a storex keeps, and nothing of it is changed, migrated or made.
    ///
    /// # Errors
    /// As [`MongoStores::open`]; `unusable` also when no storex keeps anything there.
    ///
    /// # Cancellation
    /// Safe to drop at any moment.
    pub async fn open_source(uri: &Secret<String>) -> Result<Self> {
        let open = async {
            let database = connect::database(uri, Purpose::Copy).await?;
            let topology = server::check(&database).await?;
            schema::require(&database).await?;
            Ok(Self::over(database, topology))
        };
        open.await.map_err(|error: storex_core::Error| error.during("repo.open"))
    }

    async fn start(uri: &Secret<String>, purpose: Purpose) -> Result<Self> {
        let database = connect::database(uri, purpose).await?;
        let topology = server::check(&database).await?;
        schema::prepare(&database).await?;
        indexes::ensure(&database).await?;
        if topology == Topology::Standalone {
            tracing::warn!("MongoDB is a standalone server: it cannot fail over, and changes are looked for once a second");
        }
        Ok(Self::over(database, topology))
    }

    /// The repo over a database that has its collections and indexes.
    pub(crate) fn over(database: Database, topology: Topology) -> Self {
        let changed = watch::Sender::new(());
        let waker = Waker::start(topology, database.clone(), changed.clone());
        Self { shared: Arc::new(Shared { database, topology, changed, _waker: waker }) }
    }
}

impl fmt::Debug for MongoStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (database, topology) = (self.shared.database.name(), self.shared.topology);
        f.debug_struct("MongoStores").field("database", &database).field("topology", &topology).finish_non_exhaustive()
    }
}

impl Shared {
    /// Wakes the watchers of this process.
    pub(crate) fn wake(&self) {
        self.changed.send_replace(());
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    pub(crate) fn rows(&self, table: Table) -> Collection<Document> {
        self.collection(table.as_str())
    }

    pub(crate) fn claims(&self) -> Collection<Document> {
        self.collection(CLAIMS)
    }

    pub(crate) fn meta(&self) -> Collection<Document> {
        self.collection(schema::META)
    }
}
