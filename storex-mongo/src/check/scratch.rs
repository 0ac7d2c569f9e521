//! The database of a check: made, worked in, dropped.

use super::fact::Finding;
use crate::failure::{COMMAND, Failure, code, describe, limited};
use crate::server::Topology;
use crate::stores::{MongoStores, Shared};
use crate::{indexes, schema};
use mongodb::bson::{Document, doc};
use mongodb::{Collection, Database};
use storex_core::Result;

/// Collection of what is tried with the bare driver.
const PROBE: &str = "probe";

/// The database with storex's layout in it.
pub(super) struct Scratch {
    pub(super) repo: MongoStores,
    pub(super) database: Database,
    pub(super) topology: Topology,
}

impl Scratch {
    /// Lays the database out as a start of storex does.
    pub(super) async fn make(database: &Database, topology: Topology) -> Result<Self> {
        limited(Self::probe_of(database).drop()).await.map_err(Failure::of_write)?;
        schema::prepare(database).await?;
        indexes::ensure(database).await?;
        let repo = MongoStores::over(database.clone(), topology);
        Ok(Self { repo, database: database.clone(), topology })
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.repo.shared
    }

    pub(super) fn probe(&self) -> Collection<Document> {
        Self::probe_of(&self.database)
    }

    fn probe_of(database: &Database) -> Collection<Document> {
        database.collection(PROBE)
    }
}

/// Whether the user may make a database at all.
pub(super) async fn may_write(scratch: &Database) -> Result<Finding> {
    let probe = Scratch::probe_of(scratch);
    match tokio::time::timeout(COMMAND, probe.insert_one(doc! { "_id": "first" }).into_future()).await {
        Ok(Ok(_)) => Ok(Finding::holds(scratch.name())),
        Ok(Err(error)) if code(&error) == Some(13) => Ok(Finding::fails(
            "the user may not write in a database made for this check",
            "Check as a user with the role readWriteAnyDatabase on the database admin. storex itself needs readWrite on its own database only.",
        )),
        Ok(Err(error)) => Err(describe(&error)),
        Err(_) => Err(super::late()),
    }
}

/// Drops the database. A user that may not drop databases may drop their collections, and a database without any is none.
pub(super) async fn remove(scratch: &Database) -> Finding {
    // Whether it worked shows in what is left.
    let _ = limited(scratch.drop()).await;
    match empty(scratch).await {
        Ok(left) if left.is_empty() => Finding::holds("nothing is left of the check"),
        Ok(_) | Err(_) => {
            let name = scratch.name();
            Finding::warns(
                format!("the database {name} may be left"),
                format!("Drop the database {name}, which only this check used."),
            )
        }
    }
}

/// Drops each collection; answers what is left.
async fn empty(scratch: &Database) -> std::result::Result<Vec<String>, Failure> {
    for name in limited(scratch.list_collection_names()).await? {
        limited(scratch.collection::<Document>(&name).drop()).await?;
    }
    limited(scratch.list_collection_names()).await
}
