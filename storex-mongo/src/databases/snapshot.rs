//! Copying a database to files, in the layout of `mongodump`: a `.bson` file with the documents of each collection and a `.metadata.json` beside it.

use super::DatabaseSettings;
use super::answer::{Failed, Limit, limited};
use super::dump::{Documents, Dump};
use futures::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use storex_core::{Code, DatabaseName, EffectCx, Error, Result, SnapshotFacts};

/// Documents are written once so many bytes are there.
const CHUNK: usize = 1 << 20;

/// What was copied so far.
#[derive(Debug, Default)]
struct Figures {
    documents: u64,
    bytes: u64,
}

/// Copies every document; answers once it is on disk.
///
/// # Errors
/// `unusable` when it is too large or cannot be written; `timeout` by the deadline. Nothing is left then.
pub(super) async fn take(
    database: &Database,
    cx: &EffectCx,
    name: &DatabaseName,
    settings: &DatabaseSettings,
) -> Result<SnapshotFacts> {
    let mut dump = Dump::begin(&settings.snapshots, format!("{name}.{}", cx.mark.effect)).await?;
    match limited_copy(database, cx, &mut dump, settings.largest_snapshot).await {
        Ok(Figures { documents, bytes }) => {
            let place = dump.finish().await?.display().to_string();
            Ok(SnapshotFacts { mark: cx.mark.clone(), place, documents, bytes })
        }
        Err(error) => {
            dump.give_up().await;
            Err(error)
        }
    }
}

async fn limited_copy(database: &Database, cx: &EffectCx, dump: &mut Dump, largest: u64) -> Result<Figures> {
    let copied = tokio::time::timeout(Limit::left(cx)?, copy(database, dump, largest)).await;
    copied.unwrap_or_else(|_| {
        Err(Error::new(Code::Timeout, "the deadline passed while the database was copied: nothing of the copy is kept"))
    })
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
        "the database {} holds more than the {largest} bytes a snapshot may have: copy it with mongodump, or raise the limit",
        database.name()
    );
    Error::new(Code::Unusable, what)
}
