//! Copying a database to files, in the layout of `mongodump`: a `.bson` file with the documents of each collection and a `.metadata.json` beside it.

use super::DatabaseSettings;
use super::answer::{Failed, Limit, limited};
use super::dump::{Documents, Dump};
use futures::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use storex_core::{Code, DatabaseName, EffectCx, Error, Result, SnapshotFacts};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Documents are written once so many bytes are there.
const CHUNK: usize = 1 << 20;
/// Of the time until a call's deadline, what is kept for writing the finished copy down, at most half of it.
const MARGIN: Duration = Duration::from_secs(3);
/// Pause before a copy that goes on is waited for again.
const PAUSE: Duration = Duration::from_secs(1);

/// What was copied so far.
#[derive(Debug, Default)]
struct Figures {
    documents: u64,
    bytes: u64,
}

/// Copies every document; answers once it is on disk.
///
/// # Errors
/// `unusable` when it is too large or cannot be written; what a read answers. Nothing is left then.
async fn take(database: Database, cx: EffectCx, name: DatabaseName, settings: DatabaseSettings) -> Result<SnapshotFacts> {
    let mut dump = Dump::begin(&settings.snapshots, format!("{name}.{}", cx.mark.effect)).await?;
    match copy(&database, &mut dump, settings.largest_snapshot).await {
        Ok(Figures { documents, bytes }) => {
            let place = dump.finish().await?.display().to_string();
            Ok(SnapshotFacts { mark: cx.mark, place, documents, bytes })
        }
        Err(error) => {
            dump.give_up().await;
            Err(error)
        }
    }
}

/// A copy that goes on by itself; whoever has the lock waits for it, and takes it away when it has ended.
type Copying = Arc<Mutex<Option<JoinHandle<Result<SnapshotFacts>>>>>;

/// The copies of this process, by their effect. They go on when a call's deadline passes, and end with the last of their owners.
#[derive(Debug, Default)]
pub(super) struct Copies(std::sync::Mutex<BTreeMap<String, Copying>>);

impl Copies {
    /// Begins the copy of this effect, or goes on waiting for it, until shortly before the deadline.
    ///
    /// # Errors
    /// `snapshot_in_progress` when it goes on; `timeout` when the deadline had passed; else as [`take`].
    pub(super) async fn wait(
        &self,
        database: &Database,
        cx: &EffectCx,
        name: &DatabaseName,
        settings: &DatabaseSettings,
    ) -> Result<SnapshotFacts> {
        let left = Limit::left(cx)?;
        let effect = cx.mark.effect.to_string();
        let copying = self.with(|all| {
            let begin = || tokio::spawn(take(database.clone(), cx.clone(), name.clone(), settings.clone()));
            Arc::clone(all.entry(effect.clone()).or_insert_with(|| Arc::new(Mutex::new(Some(begin())))))
        });
        let ended = async {
            let mut waited = copying.lock().await;
            let ended = waited.as_mut()?.await;
            *waited = None;
            self.with(|all| all.remove(&effect));
            Some(ended)
        };
        match tokio::time::timeout(left.saturating_sub(MARGIN).max(left / 2), ended).await {
            Ok(Some(Ok(taken))) => taken,
            Ok(Some(Err(error))) => Err(Error::new(Code::Internal, format!("a copy ended early: {error}"))),
            // Or another call was answered instead, and says what became of it.
            Ok(None) | Err(_) => {
                let why = format!("the database {name} is being copied, which takes longer than one call may");
                Err(Error::new(Code::SnapshotInProgress, why).retry_after(PAUSE))
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Copying>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // Nobody waits for them any more: whoever did would have kept this.
        let all = self.with(std::mem::take);
        let copies = all.values().filter_map(|copying| copying.try_lock().ok()?.take());
        copies.for_each(|copy| copy.abort());
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
