//! Writing operation documents by compare-and-swap, and telling those who watch.

use super::OperationDoc;
use crate::{Clock, Code, Error, Expected, Json, Nonce, OperationId, Result, RowWrite, StoreRepo, Table};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Name of the index that lists operations not at rest.
pub(crate) const OPEN: &str = "open";

/// Pause before a write whose answer was lost is repeated.
const REPEAT_PAUSE: Duration = Duration::from_millis(200);
/// How often it is repeated.
const REPEATS: usize = 25;

/// The journal of one operation: its document, its version, and those who watch it.
#[derive(Debug)]
pub(crate) struct Journal {
    repo: Arc<dyn StoreRepo>,
    clock: Arc<dyn Clock>,
    writer: String,
    version: u64,
    pub(crate) doc: OperationDoc,
    watchers: watch::Sender<Option<Arc<OperationDoc>>>,
}

impl Journal {
    /// Begins the journal of a new operation: the document is durable when this answers.
    pub(crate) async fn begin(repo: &Arc<dyn StoreRepo>, clock: &Arc<dyn Clock>, writer: &str, doc: OperationDoc) -> Result<()> {
        let watchers = watch::Sender::new(None);
        let mut journal =
            Self { repo: Arc::clone(repo), clock: Arc::clone(clock), writer: writer.to_owned(), version: 0, doc, watchers };
        journal.save().await
    }

    /// Loads the journal of an operation.
    pub(crate) async fn load(
        repo: &Arc<dyn StoreRepo>,
        clock: &Arc<dyn Clock>,
        writer: &str,
        id: &OperationId,
        watchers: watch::Sender<Option<Arc<OperationDoc>>>,
    ) -> Result<Self> {
        let row = repo.get(Table::Operations, id.as_str()).await?;
        let row = row.ok_or_else(|| Error::new(Code::NotFound, format!("there is no operation {id}")).with("operation", id))?;
        let doc = decode(&row.body)?;
        watchers.send_replace(Some(Arc::new(OperationDoc::clone(&doc))));
        Ok(Self {
            repo: Arc::clone(repo),
            clock: Arc::clone(clock),
            writer: writer.to_owned(),
            version: row.version,
            doc,
            watchers,
        })
    }

    /// Writes the document. A lost answer is settled by repeating the write under its own name.
    ///
    /// # Errors
    /// `version_conflict` when another driver has written meanwhile.
    pub(crate) async fn save(&mut self) -> Result<()> {
        self.doc.updated_at = self.clock.now();
        let mut indexes = BTreeMap::new();
        if !self.doc.is_at_rest() {
            indexes.insert(OPEN.to_owned(), "1".to_owned());
        }
        let write = RowWrite { table: Table::Operations, id: self.doc.id.to_string(), body: Json::of(&self.doc)?, indexes };
        let expected = if self.version == 0 { Expected::Absent } else { Expected::Version(self.version) };
        let nonce = Nonce(format!("{}.{}", self.writer, self.version));
        let mut repeats = 0;
        loop {
            match self.repo.put(&write, expected, &nonce).await {
                Ok(version) => {
                    self.version = version;
                    self.watchers.send_replace(Some(Arc::new(self.doc.clone())));
                    return Ok(());
                }
                Err(error) if (error.is_unclear() || error.is_transient()) && repeats < REPEATS => {
                    repeats += 1;
                    self.clock.sleep(REPEAT_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads a document.
pub(crate) fn decode(body: &Json) -> Result<OperationDoc> {
    body.read()
}
