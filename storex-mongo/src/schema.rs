//! Whose the database is, and the version of its layout.

use crate::failure::{Failure, code, describe, limited};
use futures::future::BoxFuture;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use storex_core::{Code, Error, Result};

/// Collection of what is kept once per database.
pub(crate) const META: &str = "meta";
/// Document in [`META`]: the version of the layout.
pub(crate) const SCHEMA: &str = "schema";
/// Document in [`META`]: the last epoch drawn.
pub(crate) const EPOCH: &str = "epoch";
/// Document in [`META`]: a copy fills the database and has not ended.
pub(crate) const UNFINISHED: &str = "unfinished";

/// Moves a database from one layout to the next. It is repeated after a start that broke off, so it may meet what it did already; controllers of the
/// older storex are stopped before.
pub(crate) type Step = fn(&Database) -> BoxFuture<'_, Result<()>>;

/// The layout storex began with.
const FIRST: i64 = 1;
/// One step for each layout there was before this one.
const STEPS: [Step; 0] = [];
/// The layout this build reads and writes.
pub(crate) const KNOWN: i64 = 1;

/// Claims an empty database, or brings an old one to the layout this build knows, and proves that it can be written.
///
/// # Errors
/// `unusable` for a database of somebody else, of a newer storex, one that a copy has not filled to the end, or one that the user may not write; `unavailable` when no majority confirms.
pub(crate) async fn prepare(database: &Database) -> Result<()> {
    if read(database).await?.is_none() {
        refuse_foreign(database).await?;
        make(database).await?;
    }
    forward(database, FIRST, &STEPS).await?;
    judge(layout(database).await?, database.name())?;
    if is_unfinished(database).await? {
        return Err(unfinished(database.name()));
    }
    touch(database).await
}

/// Proves that the database holds what this build reads, and changes nothing.
///
/// # Errors
/// `unusable` for a database in which no storex keeps anything, of another layout, or one that a copy has not filled to the end.
pub(crate) async fn require(database: &Database) -> Result<()> {
    match layout(database).await? {
        None if read(database).await?.is_none() => {
            let what = "no storex keeps anything in the MongoDB database: name the one that a controller used, as in mongodb://host/NAME";
            return Err(Error::new(Code::Unusable, what).with("database", database.name()));
        }
        Some(version) if (FIRST..KNOWN).contains(&version) => {
            let what =
                format!("the MongoDB database has the older layout {version}: start a controller of this storex on it once");
            return Err(Error::new(Code::Unusable, what).with("database", database.name()));
        }
        version => judge(version, database.name())?,
    }
    if is_unfinished(database).await? { Err(unfinished(database.name())) } else { Ok(()) }
}

/// The layout the database says it has.
pub(crate) async fn layout(database: &Database) -> Result<Option<i64>> {
    Ok(read(database).await?.and_then(|schema| schema.get_i64("version").ok()))
}

/// Takes every step from the layout of the database on, the first of which begins at layout `first`. What is no layout of theirs is left as it is.
///
/// # Errors
/// Those of a step; the layout is then the one before it.
pub(crate) async fn forward(database: &Database, first: i64, steps: &[Step]) -> Result<()> {
    while let Some(version) = layout(database).await? {
        let Some(step) = usize::try_from(version - first).ok().and_then(|place| steps.get(place)) else { break };
        tracing::info!(database = database.name(), from = version, "bringing the layout of the database forward");
        step(database).await?;
        // Another controller that starts at the same time may have been faster.
        let (filter, next) = (doc! { "_id": SCHEMA, "version": version }, doc! { "$set": { "version": version + 1 } });
        limited(database.collection::<Document>(META).update_one(filter, next)).await.map_err(Failure::of_write)?;
    }
    Ok(())
}

async fn read(database: &Database) -> Result<Option<Document>> {
    kept(database, SCHEMA).await
}

async fn kept(database: &Database, id: &str) -> Result<Option<Document>> {
    let meta = database.collection::<Document>(META);
    limited(meta.find_one(doc! { "_id": id }).max_time(crate::failure::COMMAND)).await.map_err(Failure::of_read)
}

/// Whether a copy that has not ended fills the database.
pub(crate) async fn is_unfinished(database: &Database) -> Result<bool> {
    kept(database, UNFINISHED).await.map(|mark| mark.is_some())
}

/// The refusal of a database that a copy has not filled to the end.
pub(crate) fn unfinished(database: &str) -> Error {
    let what = "the MongoDB database is an unfinished copy: drop it, then copy again with storex db copy";
    Error::new(Code::Unusable, what).with("database", database)
}

/// A database with collections and without our schema is somebody else's.
async fn refuse_foreign(database: &Database) -> Result<()> {
    let names = limited(database.list_collection_names()).await.map_err(Failure::of_read)?;
    let foreign: Vec<String> = names.into_iter().filter(|name| name != META && !name.starts_with("system.")).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let what = "the MongoDB database holds collections that storex did not make: name another database in the path of STOREX_MONGODB_URI";
    Err(Error::new(Code::Unusable, what).with("database", database.name()).with("collections", foreign.join(", ")))
}

/// Writes the counter first: a schema is there only when all else is.
async fn make(database: &Database) -> Result<()> {
    let meta = database.collection::<Document>(META);
    for made in [doc! { "_id": EPOCH, "value": 0_i64 }, doc! { "_id": SCHEMA, "version": KNOWN }] {
        match limited(meta.insert_one(made)).await {
            // Another controller that starts at the same time.
            Ok(_) | Err(Failure::Duplicate) => {}
            Err(failure) => return Err(failure.of_write()),
        }
    }
    Ok(())
}

/// A write of the kind storex makes, so that what would refuse it does so now.
async fn touch(database: &Database) -> Result<()> {
    let meta = database.collection::<Document>(META);
    let write = meta.update_one(doc! { "_id": SCHEMA }, doc! { "$currentDate": { "opened_at": true } });
    limited(write).await.map(|_| ()).map_err(Failure::of_write)
}

fn judge(version: Option<i64>, database: &str) -> Result<()> {
    let refuse = |what: String| Err(Error::new(Code::Unusable, what).with("database", database));
    match version {
        Some(KNOWN) => Ok(()),
        Some(version) if version > KNOWN => refuse(format!(
            "the MongoDB database was written by a newer storex: it has layout {version}, this build knows {KNOWN}; run a newer storex"
        )),
        Some(version) => {
            refuse(format!("the MongoDB database names layout {version}, which never existed: restore it from a backup"))
        }
        None => refuse("the MongoDB database names no layout: restore it from a backup, or name another database".to_owned()),
    }
}

/// The refusal of a command that the server has understood, for people.
pub(crate) fn refused(error: &mongodb::error::Error, collection: &str) -> Error {
    match code(error) {
        Some(85 | 86) => Error::new(
            Code::Unusable,
            "a collection of storex has another index in the place of one that storex needs: drop that index and start again",
        )
        .with("seen", error.to_string()),
        _ => describe(error),
    }
    .with("collection", collection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_lead_from_the_first_layout_to_the_known_one() {
        assert_eq!(i64::try_from(STEPS.len()).unwrap(), KNOWN - FIRST);
    }

    #[test]
    fn only_the_known_layout_is_worked_with() {
        assert!(judge(Some(KNOWN), "db").is_ok());
        for (version, word) in
            [(Some(KNOWN + 1), "newer storex"), (Some(0), "never existed"), (Some(-1), "never existed"), (None, "no layout")]
        {
            let error = judge(version, "db").unwrap_err();
            assert_eq!(error.code(), Code::Unusable);
            assert!(error.message().contains(word), "{error}");
        }
    }
}
