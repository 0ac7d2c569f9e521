//! Writing rows: compare-and-swap on the version, the nonce rule, the fence.

use crate::failure::{COMMAND, Failure, limited};
use crate::observe::late;
use crate::settle::{Step, settle};
use crate::stores::Shared;
use crate::{fence, record};
use mongodb::bson::{Document, doc};
use storex_core::{Code, Error, Expected, Fence, Nonce, Result, Row, RowWrite, Table};

/// What a new row's document is looked for by: a version that no row has, so that an existing document is never changed but met as a duplicate.
const NO_VERSION: i64 = 0;

impl Shared {
    /// The row, or `None`.
    pub(crate) async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        let rows = self.rows(table);
        let find = rows.find_one(doc! { "_id": id }).max_time(COMMAND);
        let found = limited(find).await.map_err(Failure::of_read)?;
        found.as_ref().map(record::row).transpose().map_err(|error| error.with("table", table))
    }

    /// Writes the row; answers its new version, or the old one when this nonce wrote it.
    pub(crate) async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        settle(|doubt| self.try_put(write, expected, nonce, fence, doubt)).await
    }

    async fn try_put(
        &self,
        write: &RowWrite,
        expected: Expected,
        nonce: &Nonce,
        fence: Fence,
        doubt: bool,
    ) -> Result<Step<u64>, Failure> {
        let written = match expected {
            Expected::Absent => self.insert(write, nonce, fence).await,
            Expected::Version(version) => self.replace(write, version, nonce, fence).await,
        };
        match written {
            Ok(Some(version)) => Ok(Step::Done(version)),
            Ok(None) => self.unwritten(write, expected, nonce, fence, doubt).await,
            // An earlier attempt may have come in time.
            Err(Failure::Late) if doubt => self.unwritten(write, expected, nonce, fence, doubt).await,
            Err(Failure::Late) => Err(late()),
            Err(failure) => Err(failure),
        }
    }

    /// Makes the document; `None` when there is one.
    async fn insert(&self, write: &RowWrite, nonce: &Nonce, fence: Fence) -> Result<Option<u64>, Failure> {
        let mut fields = record::fields(write, 1, &nonce.0);
        let made = if fence == Fence::NONE {
            fields.insert("_id", write.id.as_str());
            limited(self.rows(write.table).insert_one(fields)).await.map(|_| ())
        } else {
            let mut set: Document = fields.into_iter().map(|(key, value)| (key, doc! { "$literal": value }.into())).collect();
            set.insert("version", fence::guarded(1_i64, fence));
            let filter = doc! { "_id": write.id.as_str(), "version": NO_VERSION };
            let rows = self.rows(write.table);
            let made = rows.find_one_and_update(filter, vec![doc! { "$set": set }]).upsert(true);
            limited(made.projection(doc! { "_id": 1 }).max_time(COMMAND)).await.map(|_| ())
        };
        match made {
            Ok(()) => Ok(Some(1)),
            Err(Failure::Duplicate) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Changes the document that has the version; `None` when there is none.
    async fn replace(&self, write: &RowWrite, version: u64, nonce: &Nonce, fence: Fence) -> Result<Option<u64>, Failure> {
        let next = version.saturating_add(1);
        let filter = doc! { "_id": write.id.as_str(), "version": record::stored(version), "nonce": { "$ne": nonce.0.as_str() } };
        let change = doc! { "$set": record::fields(write, record::stored(next), &nonce.0) };
        let changed = limited(self.rows(write.table).update_one(fence::filter(filter, fence), change)).await?;
        Ok((changed.matched_count == 1).then_some(next))
    }

    /// Why nothing was written: the fence, a repetition, another version, or a write that came in between.
    async fn unwritten(
        &self,
        write: &RowWrite,
        expected: Expected,
        nonce: &Nonce,
        fence: Fence,
        doubt: bool,
    ) -> Result<Step<u64>, Failure> {
        let seen = self.observe(write.table.as_str(), doc! { "_id": write.id.as_str() }).await?;
        if !doubt {
            seen.check(fence)?;
        }
        let version = seen.one().and_then(record::version);
        if seen.one().is_some_and(|stored| stored.get_str("nonce").is_ok_and(|of_last| of_last == nonce.0)) {
            return Ok(Step::Done(version.unwrap_or_default()));
        }
        seen.check(fence)?;
        match (expected, version) {
            (Expected::Absent, None) => Ok(Step::Again),
            (Expected::Version(wanted), Some(seen)) if wanted == seen => Ok(Step::Again),
            (Expected::Absent, Some(seen)) => refuse(write.table, &write.id, &format!("exists with version {seen}")),
            (Expected::Version(wanted), Some(seen)) => {
                refuse(write.table, &write.id, &format!("has version {seen}, not {wanted}"))
            }
            (Expected::Version(wanted), None) => {
                refuse(write.table, &write.id, &format!("does not exist, let alone with version {wanted}"))
            }
        }
    }

    /// Removes the row if it has the version.
    pub(crate) async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        settle(|doubt| self.try_delete(table, id, version, fence, doubt)).await
    }

    /// Removes the document that matches; false when there is none. What the server cannot do in time it gives up: see [`limited`].
    pub(crate) async fn delete_one(&self, collection: &str, filter: Document) -> Result<bool, Failure> {
        let documents = self.collection(collection);
        let removed = documents.find_one_and_delete(filter).projection(doc! { "_id": 1 });
        limited(removed.max_time(COMMAND)).await.map(|removed| removed.is_some())
    }

    async fn try_delete(&self, table: Table, id: &str, version: u64, fence: Fence, doubt: bool) -> Result<Step<()>, Failure> {
        let filter = fence::filter(doc! { "_id": id, "version": record::stored(version) }, fence);
        if self.delete_one(table.as_str(), filter).await? {
            return Ok(Step::Done(()));
        }
        let seen = self.observe(table.as_str(), doc! { "_id": id }).await?;
        // Absent after an attempt in doubt: that one came in time.
        if !(doubt && seen.one().is_none()) {
            seen.check(fence)?;
        }
        match seen.one().and_then(record::version) {
            None => Ok(Step::Done(())),
            Some(seen) if seen == version => Ok(Step::Again),
            Some(seen) => refuse(table, id, &format!("has version {seen}, not {version}")),
        }
    }
}

fn refuse<T>(table: Table, id: &str, how: &str) -> Result<T, Failure> {
    let conflict = Error::new(Code::VersionConflict, format!("the document {how}"));
    Err(Failure::Refused(conflict.with("table", table).with("id", id)))
}
