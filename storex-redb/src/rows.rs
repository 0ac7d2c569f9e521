//! Writing rows: compare-and-swap on the version, the nonce rule, index values.

use crate::batch::{Batch, Outcome};
use crate::record::{RowRecord, encode};
use redb::ReadableTable;
use std::collections::BTreeMap;
use storex_core::{Code, Error, Expected, Nonce, Result, RowWrite, Table};

/// What a write must know of the row in place.
struct Stored {
    version: u64,
    nonce: String,
    indexes: BTreeMap<String, String>,
}

impl Batch<'_> {
    /// Writes the row; answers its new version, or the old one when this nonce wrote it.
    pub(crate) fn put(&mut self, write: &RowWrite, expected: Expected, nonce: &Nonce) -> Outcome<u64> {
        let table = write.table.as_str();
        let stored = self.stored(table, &write.id)?;
        if let Some(stored) = &stored
            && stored.nonce == nonce.0
        {
            return Ok(stored.version);
        }
        let version = next_version(write.table, &write.id, stored.as_ref().map(|stored| stored.version), expected)?;
        let record = encode(&RowRecord::new(version, &nonce.0, &write.indexes, &write.body))?;
        self.rows.insert((table, write.id.as_str()), record.as_slice())?;
        let before = stored.map(|stored| stored.indexes).unwrap_or_default();
        self.reindex(table, &write.id, &before, &write.indexes)?;
        Ok(version)
    }

    /// Puts this record in the place of the row, whatever stands there.
    pub(crate) fn replace(&mut self, table: &str, id: &str, record: &[u8], indexes: &BTreeMap<String, String>) -> Outcome<()> {
        let before = self.stored(table, id)?.map(|stored| stored.indexes).unwrap_or_default();
        self.rows.insert((table, id), record)?;
        self.reindex(table, id, &before, indexes)
    }

    /// Removes the row if it has the version.
    pub(crate) fn delete(&mut self, table: Table, id: &str, version: u64) -> Outcome<()> {
        let Some(stored) = self.stored(table.as_str(), id)? else {
            return Ok(());
        };
        if stored.version != version {
            return Err(conflict(table, id, format!("has version {}, not {version}", stored.version)).into());
        }
        self.rows.remove((table.as_str(), id))?;
        self.reindex(table.as_str(), id, &stored.indexes, &BTreeMap::new())
    }

    fn stored(&self, table: &str, id: &str) -> Outcome<Option<Stored>> {
        let Some(bytes) = self.rows.get((table, id))? else {
            return Ok(None);
        };
        let record = RowRecord::decode(bytes.value()).map_err(|error| error.with("table", table).with("id", id))?;
        let (nonce, indexes) = (record.nonce.into_owned(), record.indexes.into_owned());
        Ok(Some(Stored { version: record.version, nonce, indexes }))
    }

    fn reindex(
        &mut self,
        table: &str,
        id: &str,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) -> Outcome<()> {
        for (name, value) in before.iter().filter(|(name, value)| after.get(*name) != Some(value)) {
            self.indexes.remove((table, name.as_str(), value.as_str(), id))?;
        }
        for (name, value) in after.iter().filter(|(name, value)| before.get(*name) != Some(value)) {
            self.indexes.insert((table, name.as_str(), value.as_str(), id), ())?;
        }
        self.changes.file = true;
        self.changes.rows = true;
        Ok(())
    }
}

fn next_version(table: Table, id: &str, seen: Option<u64>, expected: Expected) -> Result<u64> {
    match (seen, expected) {
        (None, Expected::Absent) => Ok(1),
        (Some(seen), Expected::Version(wanted)) if seen == wanted => Ok(seen + 1),
        (Some(seen), Expected::Absent) => Err(conflict(table, id, format!("exists with version {seen}"))),
        (Some(seen), Expected::Version(wanted)) => Err(conflict(table, id, format!("has version {seen}, not {wanted}"))),
        (None, Expected::Version(wanted)) => Err(conflict(table, id, format!("does not exist, let alone with version {wanted}"))),
    }
}

fn conflict(table: Table, id: &str, how: impl std::fmt::Display) -> Error {
    Error::new(Code::VersionConflict, format!("the document {how}")).with("table", table).with("id", id)
}
