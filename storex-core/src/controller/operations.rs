//! Running, watching and resuming operations.

use super::{Controller, Watchers};
use crate::operation::{Journal, OperationDoc, OperationView};
use crate::{Code, Error, OperationId, Page, Query, Result, Table, remaining, workflow};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Pause before an operation whose journal could not be written is taken up again.
const TAKE_UP_PAUSE: Duration = Duration::from_secs(1);
/// Operations listed at a time when they are resumed.
const RESUME_PAGE: usize = 200;

impl Controller {
    /// The operation as it is now.
    ///
    /// # Errors
    /// `not_found`; what the repo answers.
    pub async fn get_operation(&self, id: &OperationId) -> Result<OperationView> {
        let row = self.providers().repo.get(Table::Operations, id.as_str()).await?;
        let row = row.ok_or_else(|| Error::new(Code::NotFound, format!("there is no operation {id}")).with("operation", id))?;
        let doc = row.body.read::<OperationDoc>()?;
        Ok(OperationView::of(&doc, self.providers().clock.now()))
    }

    /// The operation once it is at rest, or as it is when the time is over.
    ///
    /// # Errors
    /// As [`Controller::get_operation`].
    ///
    /// # Cancellation
    /// Dropping the future stops the waiting, never the operation.
    pub async fn wait_operation(&self, id: &OperationId, limit: Duration) -> Result<OperationView> {
        if let Some(doc) = self.watch(id, limit, OperationDoc::is_at_rest).await {
            return Ok(OperationView::of(&doc, self.providers().clock.now()));
        }
        self.get_operation(id).await
    }

    /// Takes up every operation that is not at rest. Call once after a start; answers how many there were.
    ///
    /// # Errors
    /// What the repo answers.
    pub async fn resume(&self) -> Result<usize> {
        let mut page = Page::first(RESUME_PAGE);
        let mut resumed = 0;
        loop {
            let rows = self.providers().repo.list(Table::Operations, &Query::equals("open", "1"), &page).await?;
            for row in &rows.rows {
                self.spawn(row.id.parse()?);
                resumed += 1;
            }
            match rows.next {
                Some(next) => page.after = Some(next),
                None => return Ok(resumed),
            }
        }
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.inner.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the operation durable and starts it.
    pub(super) async fn start(&self, doc: OperationDoc) -> Result<()> {
        let id = doc.id.clone();
        let providers = self.providers();
        Journal::begin(&providers.repo, &providers.clock, &self.inner.driver.holder, doc).await?;
        self.spawn(id);
        Ok(())
    }

    /// Drives the operation in a task of its own, unless it is driven here already.
    fn spawn(&self, id: OperationId) {
        let sender = watch::Sender::new(None);
        if self.watchers().contains_key(&id) {
            return;
        }
        self.watchers().insert(id.clone(), sender.clone());
        let controller = self.clone();
        let mut tasks = self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            controller.drive_to_rest(&id, &sender).await;
            controller.watchers().remove(&id);
        });
    }

    async fn drive_to_rest(&self, id: &OperationId, watchers: &watch::Sender<Option<Arc<OperationDoc>>>) {
        while let Err(error) = self.drive(id, watchers).await {
            if matches!(error.code(), Code::VersionConflict | Code::StaleEpoch | Code::Unsupported | Code::NotFound) {
                tracing::error!(operation = %id, %error, "the operation is left to another controller");
                return;
            }
            tracing::warn!(operation = %id, %error, "the operation is taken up again");
            let healing = error.is_transient() || error.is_unclear();
            self.providers().clock.sleep(if healing { TAKE_UP_PAUSE } else { self.settings().longest_pause }).await;
        }
    }

    async fn drive(&self, id: &OperationId, watchers: &watch::Sender<Option<Arc<OperationDoc>>>) -> Result<()> {
        let providers = self.providers();
        let mut journal =
            Journal::load(&providers.repo, &providers.clock, &self.inner.driver.holder, id, watchers.clone()).await?;
        let flow = workflow::flow(&journal.doc.flow)?;
        tracing::info!(operation = %id, kind = flow.name(), label = %journal.doc.label, "driving");
        self.inner.driver.drive(flow, &mut journal).await?;
        tracing::info!(operation = %id, outcome = ?journal.doc.direction, "at rest");
        Ok(())
    }

    /// The document once it satisfies the condition; `None` when the time is over or the operation is not driven here.
    pub(super) async fn watch(
        &self,
        id: &OperationId,
        limit: Duration,
        done: impl Fn(&OperationDoc) -> bool + Send,
    ) -> Option<Arc<OperationDoc>> {
        let mut receiver = self.watchers().get(id).map(watch::Sender::subscribe)?;
        let clock = Arc::clone(&self.providers().clock);
        let until = clock.now() + limit;
        loop {
            let seen = receiver.borrow_and_update().clone();
            if let Some(doc) = seen.filter(|doc| done(doc)) {
                return Some(doc);
            }
            tokio::select! {
                changed = receiver.changed() => changed.ok()?,
                () = clock.sleep(remaining(clock.now(), until)) => return None,
            }
        }
    }
}
