//! Writing operation documents by compare-and-swap, and telling those who watch.

use super::{Direction, OperationDoc, Outcome};
use crate::{Clock, Code, Error, Expected, Fence, Grant, Json, Nonce, OperationId, Result, RowWrite, StoreRepo, Table};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

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
    /// The document as it was last written.
    saved: Json,
    pub(crate) doc: OperationDoc,
    /// The end of the lease under which it is written: whoever was overtaken writes nothing more.
    pub(crate) fence: Fence,
    ears: Ears,
}

/// Those who watch an operation, and how they make its driver look up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ears {
    /// The document as it changes.
    pub(crate) watchers: watch::Sender<Option<Arc<OperationDoc>>>,
    /// Somebody else wrote into the document.
    pub(crate) nudge: Arc<Notify>,
}

impl Journal {
    /// Begins the journal of a new operation: the document is durable when this answers.
    pub(crate) async fn begin(repo: &Arc<dyn StoreRepo>, clock: &Arc<dyn Clock>, writer: &str, doc: OperationDoc) -> Result<()> {
        let mut journal = Self {
            repo: Arc::clone(repo),
            clock: Arc::clone(clock),
            writer: writer.to_owned(),
            version: 0,
            saved: Json::of(&doc)?,
            doc,
            fence: Fence::NONE,
            ears: Ears::default(),
        };
        journal.save().await
    }

    /// Loads the journal of an operation, to be written under this lease.
    pub(crate) async fn load(
        repo: &Arc<dyn StoreRepo>,
        clock: &Arc<dyn Clock>,
        writer: &str,
        id: &OperationId,
        grant: Grant,
        ears: Ears,
    ) -> Result<Self> {
        let row = repo.get(Table::Operations, id.as_str()).await?;
        let row = row.ok_or_else(|| Error::new(Code::NotFound, format!("there is no operation {id}")).with("operation", id))?;
        let doc = decode(&row.body)?;
        ears.watchers.send_replace(Some(Arc::new(OperationDoc::clone(&doc))));
        Ok(Self {
            repo: Arc::clone(repo),
            clock: Arc::clone(clock),
            writer: writer.to_owned(),
            version: row.version,
            saved: Json::of(&doc)?,
            doc,
            fence: grant.fence(),
            ears,
        })
    }

    /// Writes the document. A lost answer is settled by repeating the write under its own name; a request to cancel that somebody wrote
    /// meanwhile is taken over.
    ///
    /// # Errors
    /// `version_conflict` when another driver has written meanwhile, `lease_expired` when one may have.
    pub(crate) async fn save(&mut self) -> Result<()> {
        let mut repeats = 0;
        loop {
            let write = self.row()?;
            let expected = if self.version == 0 { Expected::Absent } else { Expected::Version(self.version) };
            let nonce = Nonce(format!("{}.{}", self.writer, self.version));
            match self.repo.put(&write, expected, &nonce, self.fence).await {
                Ok(version) => {
                    self.version = version;
                    self.saved = write.body;
                    self.ears.watchers.send_replace(Some(Arc::new(self.doc.clone())));
                    return Ok(());
                }
                Err(error) if error.code() == Code::LeaseExpired => return Err(error),
                Err(error) if (error.is_unclear() || error.is_transient()) && repeats < REPEATS => {
                    repeats += 1;
                    self.clock.sleep(REPEAT_PAUSE).await;
                }
                Err(error) if error.code() == Code::VersionConflict && self.version > 0 => {
                    if !self.take_over_cancellation().await? {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn row(&mut self) -> Result<RowWrite> {
        self.doc.updated_at = self.clock.now();
        let doc = &self.doc;
        Ok(RowWrite { table: Table::Operations, id: doc.id.to_string(), body: Json::of(doc)?, indexes: doc.indexes() })
    }

    /// Waits until somebody else wrote into the document.
    pub(crate) fn nudged(&self) -> impl Future<Output = ()> + use<> {
        let nudge = Arc::clone(&self.ears.nudge);
        async move { nudge.notified().await }
    }

    /// Reads what somebody else wrote: a request to cancel. Answers whether the document changed.
    ///
    /// # Errors
    /// `version_conflict` when it is anything else.
    pub(crate) async fn refresh(&mut self) -> Result<bool> {
        match self.repo.get(Table::Operations, self.doc.id.as_str()).await? {
            Some(row) if row.version == self.version => Ok(false),
            _ if self.take_over_cancellation().await? => Ok(true),
            _ => Err(Error::new(Code::VersionConflict, format!("another controller writes operation {}", self.doc.id))),
        }
    }

    /// Takes a request to cancel over when the stored document is the one last written here plus that request.
    async fn take_over_cancellation(&mut self) -> Result<bool> {
        let Some(row) = self.repo.get(Table::Operations, self.doc.id.as_str()).await? else { return Ok(false) };
        let mut stored = decode(&row.body)?;
        let cancelled_at = stored.cancelled_at.take();
        if cancelled_at.is_none() || self.doc.cancelled_at.is_some() || Json::of(&stored)? != self.saved {
            return Ok(false);
        }
        tracing::info!(operation = %self.doc.id, "asked to cancel");
        self.version = row.version;
        self.saved = row.body;
        self.doc.cancelled_at = cancelled_at;
        if self.doc.direction == Direction::Done(Outcome::Succeeded) {
            // Nobody was told: the request came first.
            self.doc.direction = Direction::Forward;
        }
        Ok(true)
    }
}

/// Reads a document.
pub(crate) fn decode(body: &Json) -> Result<OperationDoc> {
    body.read()
}
