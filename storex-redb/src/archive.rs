//! The content of the file, read whole and filled in.

use crate::batch::{Batch, Outcome};
use crate::failure::Stop;
use crate::record::{ClaimRecord, RowRecord, encode};
use crate::schema::{CLAIMS, EPOCH, META, ROWS, UNFINISHED, unfinished};
use crate::stores::RedbStores;
use crate::writer::write;
use async_trait::async_trait;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use std::ops::Bound;
use std::sync::PoisonError;
use storex_core::{ArchivedRow, Claim, Code, Epoch, Error, Nonce, Result, StoreArchive, Table};

#[async_trait]
impl StoreArchive for RedbStores {
    /// Whoever else had the file open could not be: only leases of this process can run.
    async fn busy(&self) -> Result<Option<String>> {
        let now = self.shared.clock.now();
        Ok(self.shared.leases.lock().unwrap_or_else(PoisonError::into_inner).running(now))
    }

    async fn last_epoch(&self) -> Result<Epoch> {
        self.read(|database| {
            let meta = database.begin_read()?.open_table(META)?;
            Ok(Epoch(meta.get(EPOCH)?.map_or(0, |epoch| epoch.value())))
        })
        .await
    }

    async fn export_rows(&self, table: Table, after: Option<&str>, limit: usize) -> Result<Vec<ArchivedRow>> {
        let after = after.map(str::to_owned);
        self.read(move |database| rows(database, table, after.as_deref(), limit)).await
    }

    async fn export_claims(&self, after: Option<(&str, &str)>, limit: usize) -> Result<Vec<Claim>> {
        let after = after.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
        self.read(move |database| claims(database, after.as_ref(), limit)).await
    }

    async fn begin(&self) -> Result<()> {
        if let Some(who) = self.busy().await? {
            return Err(Error::new(Code::Unusable, format!("the destination is in use: {who}")));
        }
        write(&self.shared, |batch| {
            batch.check_unused()?;
            batch.meta.insert(UNFINISHED, 1)?;
            batch.changes.file = true;
            Ok(())
        })
        .await
    }

    async fn import_rows(&self, table: Table, rows: &[ArchivedRow]) -> Result<()> {
        let rows = rows.to_vec();
        write(&self.shared, move |batch| batch.import_rows(table, &rows)).await
    }

    async fn import_claims(&self, claims: &[Claim]) -> Result<()> {
        let claims = claims.to_vec();
        write(&self.shared, move |batch| batch.import_claims(&claims)).await
    }

    async fn finish(&self, last: Epoch) -> Result<()> {
        write(&self.shared, move |batch| batch.finish(last)).await
    }
}

fn rows(database: &Database, table: Table, after: Option<&str>, limit: usize) -> std::result::Result<Vec<ArchivedRow>, Stop> {
    let rows = database.begin_read()?.open_table(ROWS)?;
    let start = after.map_or(Bound::Included((table.as_str(), "")), |id| Bound::Excluded((table.as_str(), id)));
    let mut found = Vec::new();
    for entry in rows.range::<(&str, &str)>((start, Bound::Unbounded))? {
        let (key, bytes) = entry?;
        let (in_table, id) = key.value();
        if in_table != table.as_str() || found.len() == limit {
            break;
        }
        let record = RowRecord::decode(bytes.value()).map_err(|error| error.with("table", table).with("id", id))?;
        let nonce = Nonce(record.nonce.clone().into_owned());
        found.push(ArchivedRow { row: record.into_row(id), nonce });
    }
    Ok(found)
}

fn claims(database: &Database, after: Option<&(String, String)>, limit: usize) -> std::result::Result<Vec<Claim>, Stop> {
    let claims = database.begin_read()?.open_table(CLAIMS)?;
    let start = after.map_or(Bound::Unbounded, |(namespace, name)| Bound::Excluded((namespace.as_str(), name.as_str())));
    let mut found = Vec::new();
    for entry in claims.range::<(&str, &str)>((start, Bound::Unbounded))?.take(limit) {
        let (key, bytes) = entry?;
        let (namespace, name) = key.value();
        let record = ClaimRecord::decode(bytes.value()).map_err(|error| error.with("namespace", namespace).with("name", name))?;
        found.push(record.into_claim(namespace, name));
    }
    Ok(found)
}

impl Batch<'_> {
    fn check_unused(&self) -> Outcome<()> {
        if self.meta.get(UNFINISHED)?.is_some() {
            return Err(unfinished().into());
        }
        let last = self.meta.get(EPOCH)?.map_or(0, |epoch| epoch.value());
        if last > 0 || !self.rows.is_empty()? || !self.claims.is_empty()? {
            let what = "the destination was used before: name a file that does not exist yet";
            return Err(Error::new(Code::Unusable, what).into());
        }
        Ok(())
    }

    fn check_unfinished(&self) -> Outcome<()> {
        match self.meta.get(UNFINISHED)? {
            Some(_) => Ok(()),
            None => Err(Error::new(Code::Unusable, "no copy into this file was begun").into()),
        }
    }

    fn import_rows(&mut self, table: Table, rows: &[ArchivedRow]) -> Outcome<()> {
        self.check_unfinished()?;
        for ArchivedRow { row, nonce } in rows {
            let record = encode(&RowRecord::new(row.version, &nonce.0, &row.indexes, &row.body))?;
            self.replace(table.as_str(), &row.id, &record, &row.indexes)?;
        }
        Ok(())
    }

    fn import_claims(&mut self, claims: &[Claim]) -> Outcome<()> {
        self.check_unfinished()?;
        for claim in claims {
            let record = encode(&ClaimRecord::new(claim))?;
            self.claims.insert((claim.namespace.as_str(), claim.name.as_str()), record.as_slice())?;
        }
        self.changes.file = true;
        Ok(())
    }

    fn finish(&mut self, last: Epoch) -> Outcome<()> {
        self.check_unfinished()?;
        self.meta.insert(EPOCH, last.0)?;
        self.meta.remove(UNFINISHED)?;
        self.changes.file = true;
        Ok(())
    }
}
