//! Copying a database to files, in the layout of `mongodump`: a `.bson` file with the documents of each collection and a `.metadata.json` beside it.

use super::DatabaseSettings;
use super::answer::{Failed, Limit, limited};
use super::dump::{Documents, Dump};
use super::marks::Marks;
use futures::TryStreamExt;
use jiff::Timestamp;
use mongodb::Database;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storex_core::{Code, DatabaseName, EffectCx, Epoch, Error, Mark, Result, SnapshotFacts};

/// Documents are written once so many bytes are there.
const CHUNK: usize = 1 << 20;

/// What was copied so far.
#[derive(Debug, Default)]
struct Figures {
    documents: u64,
    bytes: u64,
}

/// What a copy needs. It may outlast the call that began it.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) database: Database,
    pub(super) name: DatabaseName,
    pub(super) marks: Marks,
    pub(super) settings: DatabaseSettings,
    /// The effect it belongs to; of the epoch the highest counts with which it was asked for.
    pub(super) mark: Mark,
    pub(super) epoch: Arc<AtomicU64>,
}

impl Job {
    /// Copies every document; answers once it is on disk and written down.
    ///
    /// # Errors
    /// `unusable` when it is too large or cannot be written; `stale_epoch` or `not_found` when another controller goes on with the effect; what a read
    /// answers. Nothing is left then.
    pub(super) async fn take(self) -> Result<SnapshotFacts> {
        // One that ended since its caller looked.
        let marked = self.marks.find(&self.name, Limit::ALONE).await?;
        if let Some(taken) = marked.and_then(|marked| marked.snapshot).filter(|taken| taken.mark == self.mark) {
            return Ok(taken);
        }
        let mut dump = Dump::begin(&self.settings.snapshots, format!("{}.{}", self.name, self.mark.effect)).await?;
        let Figures { documents, bytes } = match self.fill(&mut dump).await {
            Ok(figures) => figures,
            Err(error) => {
                dump.give_up().await;
                return Err(error);
            }
        };
        let place = dump.finish().await?.display().to_string();
        let taken = SnapshotFacts { mark: self.mark.clone(), place, documents, bytes };
        self.marks.record(&self.cx(), &self.name, &taken).await?;
        Ok(taken)
    }

    async fn fill(&self, dump: &mut Dump) -> Result<Figures> {
        let figures = copy(&self.database, dump, self.settings.largest_snapshot).await?;
        // Whoever took over meanwhile may have removed some of it before it was read.
        match self.marks.enter(&self.cx(), &self.name, Limit::ALONE).await? {
            Some(_) => Ok(figures),
            None => Err(Error::new(Code::NotFound, format!("the database {} was removed while it was copied", self.name))),
        }
    }

    fn cx(&self) -> EffectCx {
        EffectCx { mark: self.mark.clone(), epoch: Epoch(self.epoch.load(Ordering::Relaxed)), deadline: Timestamp::MAX }
    }
}

async fn copy(database: &Database, dump: &mut Dump, largest: u64) -> Result<Figures> {
    let mut figures = Figures::default();
    let listed = database.run_cursor_command(doc! { "listCollections": 1, "cursor": {} });
    let list = async { listed.await?.try_collect::<Vec<Document>>().await };
    for found in limited(Limit::READ, list).await.map_err(Failed::of_read)? {
        let name = found.get_str("name").unwrap_or_default();
        if name.is_empty() || name.starts_with("system.") {
            continue;
        }
        let is_view = found.get_str("type").is_ok_and(|kind| kind == "view");
        let indexes = if is_view { Vec::new() } else { indexes(database, name).await? };
        let documents = dump.collection(name, description(&found, name, indexes)).await?;
        let documents =
            if is_view { documents } else { copy_documents(database, name, documents, &mut figures, largest).await? };
        documents.close().await?;
    }
    Ok(figures)
}

/// What `mongorestore` makes the collection with.
fn description(found: &Document, name: &str, indexes: Vec<Document>) -> Document {
    let options = found.get_document("options").cloned().unwrap_or_default();
    let kind = found.get_str("type").unwrap_or("collection");
    doc! { "collectionName": name, "type": kind, "options": options, "indexes": indexes.into_iter().map(Bson::from).collect::<Vec<_>>() }
}

async fn indexes(database: &Database, collection: &str) -> Result<Vec<Document>> {
    let listed = database.run_cursor_command(doc! { "listIndexes": collection, "cursor": {} });
    let list = async { listed.await?.try_collect::<Vec<Document>>().await };
    limited(Limit::READ, list).await.map_err(Failed::of_read)
}

async fn copy_documents(
    database: &Database,
    collection: &str,
    mut documents: Documents,
    figures: &mut Figures,
    largest: u64,
) -> Result<Documents> {
    let collection = database.collection::<RawDocumentBuf>(collection);
    let mut cursor = limited(Limit::READ, collection.find(doc! {})).await.map_err(Failed::of_read)?;
    let mut chunk = Vec::new();
    while let Some(document) = limited(Limit::READ, cursor.try_next()).await.map_err(Failed::of_read)? {
        figures.documents += 1;
        figures.bytes += document.as_bytes().len() as u64;
        if figures.bytes > largest {
            return Err(too_large(database, largest));
        }
        chunk.extend_from_slice(document.as_bytes());
        if chunk.len() >= CHUNK {
            documents = documents.append(std::mem::take(&mut chunk)).await?;
        }
    }
    documents.append(chunk).await
}

fn too_large(database: &Database, largest: u64) -> Error {
    let what = format!(
        "the database {} holds more than the {largest} bytes a snapshot may have: start storex with a larger STOREX_LARGEST_SNAPSHOT_GIB, then retry",
        database.name()
    );
    Error::new(Code::Unusable, what)
}
