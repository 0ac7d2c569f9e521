//! The marks of databases: one document for each, in a database of storex's own.
//!
//! It holds the mark, whose it is, the highest epoch seen, and the last snapshot. It is written before the database is made and removed after it is gone.

use super::answer::{Failed, Limit, limited};
use super::foreign;
use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, deserialize_from_bson, doc, serialize_to_bson};
use mongodb::options::ReturnDocument;
use mongodb::{Collection, Database};
use std::collections::BTreeSet;
use storex_core::{Code, DatabaseName, EffectCx, Epoch, Error, Mark, Result, SnapshotFacts};

const COLLECTION: &str = "databases";
/// A document with this name is there.
const DUPLICATE: i32 = 11000;

/// Where the marks are.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    collection: Collection<Document>,
}

/// What is kept of a database.
#[derive(Debug)]
pub(super) struct Marked {
    /// Mark of the effect that made it; none when it cannot be read.
    pub(super) mark: Option<Mark>,
    /// The last snapshot.
    pub(super) snapshot: Option<SnapshotFacts>,
}

impl Marked {
    fn of(document: &Document) -> Self {
        let mark = document.get_str("mark").ok().and_then(|mark| mark.parse().ok());
        let snapshot = document.get("snapshot").cloned().and_then(|snapshot| deserialize_from_bson(snapshot).ok());
        Self { mark, snapshot }
    }
}

/// Whose the mark is, as it is stored.
fn owner(mark: &Mark) -> String {
    Mark::prefix(&mark.instance, mark.subject)
}

fn stored(epoch: Epoch) -> i64 {
    epoch.0.try_into().unwrap_or(i64::MAX)
}

/// A filter for text that begins so.
pub(super) fn begins(prefix: &str) -> Document {
    doc! { "$gte": prefix, "$lt": format!("{prefix}\u{10ffff}") }
}

impl Marks {
    pub(super) fn of(database: &Database) -> Self {
        Self { collection: database.collection(COLLECTION) }
    }

    /// Waits until a majority has all that the primary has, so that no later look misses an effect in doubt or answers from a past that a newer primary has
    /// left behind. A write that changes nothing waits for the last one that did.
    pub(super) async fn catch_up(&self, limit: Limit) -> Result<()> {
        let nothing = self.collection.update_one(doc! { "_id": "" }, doc! { "$set": { "_id": "" } });
        limited(limit, nothing).await.map_err(Failed::of_read)?;
        Ok(())
    }

    pub(super) async fn find(&self, name: &DatabaseName, limit: Limit) -> Result<Option<Marked>> {
        let find = self.collection.find_one(doc! { "_id": name.as_str() }).max_time(limit.duration());
        let found = limited(limit, find).await.map_err(Failed::of_read)?;
        Ok(found.as_ref().map(Marked::of))
    }

    /// Databases with a mark that begins so.
    pub(super) async fn list(&self, mark_prefix: &str) -> Result<BTreeSet<DatabaseName>> {
        let find = async {
            let cursor = self.collection.find(doc! { "mark": begins(mark_prefix) }).projection(doc! { "_id": 1 }).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let found = limited(Limit::READ, find).await.map_err(Failed::of_read)?;
        Ok(found.iter().filter_map(|document| document.get_str("_id").ok()?.parse().ok()).collect())
    }

    /// Lets a call of the owner in, and no later one with a lower epoch; `None` when there is no mark.
    ///
    /// # Errors
    /// `foreign_object`, `stale_epoch`; never unclear, since nothing but the epoch is written.
    pub(super) async fn enter(&self, cx: &EffectCx, name: &DatabaseName, limit: Limit) -> Result<Option<Marked>> {
        let epoch = stored(cx.epoch);
        let open = doc! { "_id": name.as_str(), "owner": owner(&cx.mark), "epoch": { "$lte": epoch } };
        let update = self.collection.find_one_and_update(open, doc! { "$max": { "epoch": epoch } });
        let update = update.return_document(ReturnDocument::After).max_time(limit.duration());
        if let Some(entered) = limited(limit, update).await.map_err(Failed::of_read)? {
            return Ok(Some(Marked::of(&entered)));
        }
        let find = self.collection.find_one(doc! { "_id": name.as_str() }).max_time(limit.duration());
        let Some(closed) = limited(limit, find).await.map_err(Failed::of_read)? else { return Ok(None) };
        if closed.get_str("owner").ok() != Some(owner(&cx.mark).as_str()) {
            return Err(foreign("the database", name.as_str()));
        }
        let seen = closed.get_i64("epoch").unwrap_or_default();
        Err(Error::new(Code::StaleEpoch, format!("the database {name} has seen epoch {seen}, the call has {epoch}")))
    }

    /// Marks a database; false when there is a mark.
    pub(super) async fn insert(&self, cx: &EffectCx, name: &DatabaseName) -> Result<bool> {
        let (mark, owner) = (cx.mark.to_string(), owner(&cx.mark));
        let document = doc! { "_id": name.as_str(), "mark": mark, "owner": owner, "epoch": stored(cx.epoch) };
        match limited(Limit::of(cx)?, self.collection.insert_one(document)).await {
            Ok(_) => Ok(true),
            Err(Failed { code: Some(DUPLICATE), .. }) => Ok(false),
            Err(failed) => Err(failed.into()),
        }
    }

    /// Writes down the last snapshot, also when the deadline has passed.
    pub(super) async fn record(&self, cx: &EffectCx, name: &DatabaseName, snapshot: &SnapshotFacts) -> Result<()> {
        let internal = |error| Error::new(Code::Internal, "a snapshot cannot be written down").caused_by(error);
        let snapshot: Bson = serialize_to_bson(snapshot).map_err(internal)?;
        let open = doc! { "_id": name.as_str(), "owner": owner(&cx.mark), "epoch": { "$lte": stored(cx.epoch) } };
        let update = self.collection.update_one(open, doc! { "$set": { "snapshot": snapshot } });
        if limited(Limit::ALONE, update).await?.matched_count == 1 {
            return Ok(());
        }
        Err(Error::new(Code::StaleEpoch, format!("the database {name} was taken over or removed while it was copied")))
    }

    /// Removes the mark; absent is success.
    pub(super) async fn remove(&self, cx: &EffectCx, name: &DatabaseName) -> Result<()> {
        let ours = doc! { "_id": name.as_str(), "owner": owner(&cx.mark) };
        limited(Limit::of(cx)?, self.collection.delete_one(ours)).await?;
        Ok(())
    }
}
