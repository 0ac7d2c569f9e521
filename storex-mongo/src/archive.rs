//! The content of the database, read whole and filled in.

use crate::claims::{CLAIMS, held, key};
use crate::failure::{COMMAND, Failure, limited};
use crate::leases::LEASES;
use crate::schema::{EPOCH, UNFINISHED, is_unfinished, unfinished};
use crate::stores::{MongoStores, Shared};
use crate::{connect, record};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReadConcern;
use storex_core::{ArchivedRow, Claim, Code, Epoch, Error, Nonce, Result, StoreArchive, Table};

/// Documents written at once.
const AT_ONCE: usize = 32;

#[async_trait]
impl StoreArchive for MongoStores {
    /// A lease that runs by the server's time, or a connection of a controller that serves this database. Of another user's connections the server
    /// tells only whoever has the right `inprog`.
    async fn busy(&self) -> Result<Option<String>> {
        let shared = &self.shared;
        let running = doc! { "$expr": { "$gt": ["$until", "$$NOW"] } };
        let leases = shared.collection(LEASES);
        if let Some(lease) = limited(leases.find_one(running).max_time(COMMAND)).await.map_err(Failure::of_read)? {
            let text = |key: &str| lease.get_str(key).unwrap_or_default().to_owned();
            return Ok(Some(format!("{} holds the lease {}", text("holder"), text("_id"))));
        }
        let served = connect::Purpose::Serve.mark(shared.database().name());
        let connected = connections(shared).await.into_iter().find(|connection| is_marked(connection, &served));
        let from = |connection: Document| connection.get_str("client").unwrap_or("an unknown address").to_owned();
        Ok(connected.map(|connection| format!("a controller is connected from {}", from(connection))))
    }

    async fn last_epoch(&self) -> Result<Epoch> {
        let meta = self.shared.meta();
        let counter = limited(meta.find_one(doc! { "_id": EPOCH }).max_time(COMMAND)).await.map_err(Failure::of_read)?;
        let last = counter.and_then(|counter| counter.get_i64("value").ok()).and_then(|last| u64::try_from(last).ok());
        last.map(Epoch).ok_or_else(|| {
            Error::new(Code::Corrupt, "the MongoDB database has lost its counter of epochs: restore the database from a backup")
        })
    }

    async fn export_rows(&self, table: Table, after: Option<&str>, limit: usize) -> Result<Vec<ArchivedRow>> {
        let filter = after.map(|id| doc! { "_id": { "$gt": id } }).unwrap_or_default();
        let found = self.shared.page(table.as_str(), filter, limit).await?;
        let archived = |document: &Document| {
            let nonce = Nonce(document.get_str("nonce").unwrap_or_default().to_owned());
            record::row(document).map(|row| ArchivedRow { row, nonce }).map_err(|error| error.with("table", table))
        };
        found.iter().map(archived).collect()
    }

    async fn export_claims(&self, after: Option<(&str, &str)>, limit: usize) -> Result<Vec<Claim>> {
        let filter = after.map(|(namespace, name)| doc! { "_id": { "$gt": key(namespace, name) } }).unwrap_or_default();
        Ok(self.shared.page(CLAIMS, filter, limit).await?.iter().map(held).collect())
    }

    async fn begin(&self) -> Result<()> {
        if is_unfinished(self.shared.database()).await? {
            return Err(unfinished(self.shared.database().name()));
        }
        self.check_empty().await?;
        let meta = self.shared.meta();
        match limited(meta.insert_one(doc! { "_id": UNFINISHED })).await {
            Ok(_) => {}
            Err(Failure::Duplicate) => return Err(unfinished(self.shared.database().name())),
            Err(failure) => return Err(failure.of_write()),
        }
        // From here on no controller starts on it; one that started just before is found now.
        let empty = self.check_empty().await;
        if empty.is_err() {
            limited(meta.delete_one(doc! { "_id": UNFINISHED })).await.map_err(Failure::of_write)?;
        }
        empty
    }

    async fn import_rows(&self, table: Table, rows: &[ArchivedRow]) -> Result<()> {
        let document = |ArchivedRow { row, nonce }: &ArchivedRow| {
            let mut document = doc! { "_id": row.id.as_str() };
            document.extend(record::stored_fields(row, &nonce.0));
            document
        };
        self.fill(table.as_str(), rows.iter().map(document).collect()).await
    }

    async fn import_claims(&self, claims: &[Claim]) -> Result<()> {
        let document = |claim: &Claim| {
            let key = key(&claim.namespace, &claim.name);
            doc! { "_id": key, "owner": claim.owner.as_str(), "label": claim.label.as_str() }
        };
        self.fill(CLAIMS, claims.iter().map(document).collect()).await
    }

    async fn finish(&self, last: Epoch) -> Result<()> {
        self.check_unfinished().await?;
        let meta = self.shared.meta();
        let value = doc! { "$set": { "value": record::stored(last.0) } };
        limited(meta.update_one(doc! { "_id": EPOCH }, value)).await.map_err(Failure::of_write)?;
        limited(meta.delete_one(doc! { "_id": UNFINISHED })).await.map(|_| ()).map_err(Failure::of_write)
    }
}

impl MongoStores {
    async fn check_empty(&self) -> Result<()> {
        if let Some(who) = self.busy().await? {
            return Err(Error::new(Code::Unusable, format!("the destination is in use: {who}")));
        }
        let mut used = self.last_epoch().await? > Epoch(0) || !self.shared.page(CLAIMS, doc! {}, 1).await?.is_empty();
        for table in Table::ALL {
            used |= !self.shared.page(table.as_str(), doc! {}, 1).await?.is_empty();
        }
        let what = "the destination was used before: name a database that does not exist yet";
        if used { Err(Error::new(Code::Unusable, what)) } else { Ok(()) }
    }

    async fn check_unfinished(&self) -> Result<()> {
        let what = "no copy into this database was begun";
        if is_unfinished(self.shared.database()).await? { Ok(()) } else { Err(Error::new(Code::Unusable, what)) }
    }

    /// Puts documents in the place of those with their ids, each confirmed by a majority.
    async fn fill(&self, collection: &str, documents: Vec<Document>) -> Result<()> {
        self.check_unfinished().await?;
        let rows = self.shared.collection(collection);
        let put = |document: Document| {
            let rows = rows.clone();
            let filter = doc! { "_id": document.get("_id").cloned().unwrap_or(Bson::Null) };
            async move { limited(rows.replace_one(filter, document).upsert(true)).await.map(|_| ()) }
        };
        let written = stream::iter(documents).map(put).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await;
        written.map(|_| ()).map_err(Failure::of_write)
    }
}

impl Shared {
    /// Documents that match, by ascending `_id`.
    async fn page(&self, collection: &str, filter: Document, limit: usize) -> Result<Vec<Document>> {
        let rows = self.collection(collection);
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = rows.find(filter).sort(doc! { "_id": 1 }).limit(most).max_time(COMMAND);
        let mut cursor = limited(find).await.map_err(Failure::of_read)?;
        let mut found = Vec::new();
        while let Some(document) = limited(cursor.try_next()).await.map_err(Failure::of_read)? {
            found.push(document);
        }
        Ok(found)
    }
}

/// Connections the server tells of, all or, when this user may see no others', its own; none when it tells nothing
/// (<https://www.mongodb.com/docs/manual/reference/operator/aggregation/currentOp/>).
async fn connections(shared: &Shared) -> Vec<Document> {
    let admin = shared.database().client().database("admin");
    for all in [true, false] {
        let stages = [doc! { "$currentOp": { "allUsers": all, "idleConnections": true } }];
        let look = async {
            let cursor = admin.aggregate(stages).read_concern(ReadConcern::local()).max_time(COMMAND).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        if let Ok(seen) = limited(look).await {
            return seen;
        }
    }
    Vec::new()
}

fn is_marked(connection: &Document, mark: &str) -> bool {
    let driver = connection.get_document("clientMetadata").and_then(|client| client.get_document("driver"));
    driver.is_ok_and(|driver| driver.get_str("name").is_ok_and(|name| name.split('|').any(|part| part == mark)))
}
