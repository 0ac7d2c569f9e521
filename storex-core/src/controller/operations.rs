//! Starting, driving and watching operations.

use super::{Controller, Driven};
use crate::operation::{Direction, Ears, Journal, OperationDoc, OperationView, Outcome};
use crate::{Code, Error, OperationId, Result, Table, remaining, workflow};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Pause before an operation whose journal could not be written is taken up again.
const TAKE_UP_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two looks at an operation another controller drives.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

impl Controller {
    /// The operation as it is now.
    ///
    /// # Errors
    /// `not_found`; what the repo answers.
    pub async fn get_operation(&self, id: &OperationId) -> Result<OperationView> {
        let (doc, _) = self.operation(id).await?;
        Ok(OperationView::of(&doc, self.providers().clock.now()))
    }

    /// The document of an operation and the version of its row.
    pub(super) async fn operation(&self, id: &OperationId) -> Result<(OperationDoc, u64)> {
        let row = self.providers().repo.get(Table::Operations, id.as_str()).await?;
        let row = row.ok_or_else(|| Error::new(Code::NotFound, format!("there is no operation {id}")).with("operation", id))?;
        Ok((row.body.read()?, row.version))
    }

    /// The operation once it is at rest, or as it is when the time is over; whichever controller drives it.
    ///
    /// # Errors
    /// As [`Controller::get_operation`].
    ///
    /// # Cancellation
    /// Dropping the future stops the waiting, never the operation.
    pub async fn wait_operation(&self, id: &OperationId, limit: Duration) -> Result<OperationView> {
        let doc = self.watch(id, limit, OperationDoc::is_at_rest).await?;
        Ok(OperationView::of(&doc, self.providers().clock.now()))
    }

    pub(super) fn driven(&self) -> MutexGuard<'_, Driven> {
        self.inner.driven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the operation durable and starts it.
    pub(super) async fn start(&self, doc: OperationDoc) -> Result<()> {
        let id = doc.id.clone();
        let providers = self.providers();
        Journal::begin(&providers.repo, &providers.clock, &self.inner.driver.holder, doc).await?;
        self.spawn(id);
        Ok(())
    }

    /// Drives the operation in a task of its own, unless it is driven here already. Answers whether it was not.
    pub(super) fn spawn(&self, id: OperationId) -> bool {
        let ears = Ears::default();
        if self.driven().contains_key(&id) {
            return false;
        }
        self.driven().insert(id.clone(), ears.clone());
        let controller = self.clone();
        let mut tasks = self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let overtaken = controller.drive_to_rest(&id, &ears).await;
            controller.driven().remove(&id);
            if overtaken {
                controller.make_amends(&id).await;
            }
        });
        true
    }

    /// Drives the operation until it is at rest or another controller has it. Answers whether it was taken from this one.
    async fn drive_to_rest(&self, id: &OperationId, ears: &Ears) -> bool {
        let mut led = false;
        while let Err(error) = self.drive(id, ears, &mut led).await {
            if matches!(error.code(), Code::VersionConflict | Code::StaleEpoch | Code::Unsupported | Code::NotFound) {
                tracing::debug!(operation = %id, %error, "the operation is left to another controller");
                return led;
            }
            tracing::warn!(operation = %id, %error, "the operation is taken up again");
            let healing = error.is_transient() || error.is_unclear();
            self.providers().clock.sleep(if healing { TAKE_UP_PAUSE } else { self.settings().longest_pause }).await;
        }
        false
    }

    /// After another controller took the operation over: what was on its way here may have come after the other one looked. Once the operation is
    /// at rest, what it took back is taken back once more.
    async fn make_amends(&self, id: &OperationId) {
        loop {
            self.providers().clock.sleep(self.settings().lease).await;
            match self.amend(id).await {
                Ok(true) => return,
                Err(error) if error.code() == Code::NotFound => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(operation = %id, %error, "what came late is not taken back yet"),
            }
        }
    }

    /// Answers whether the operation is at rest, and nothing of it is left if it was rolled back.
    async fn amend(&self, id: &OperationId) -> Result<bool> {
        let providers = self.providers();
        let journal = Journal::load(&providers.repo, &providers.clock, &self.inner.driver.holder, id, Ears::default()).await?;
        if journal.doc.direction == Direction::Done(Outcome::RolledBack) {
            self.inner.driver.retract(workflow::flow(&journal.doc.flow)?.as_ref(), &journal).await?;
        }
        Ok(journal.doc.is_at_rest())
    }

    async fn drive(&self, id: &OperationId, ears: &Ears, led: &mut bool) -> Result<()> {
        let providers = self.providers();
        let epoch = self.inner.driver.lease(id).await?;
        let mut journal = Journal::load(&providers.repo, &providers.clock, &self.inner.driver.holder, id, ears.clone()).await?;
        let flow = workflow::flow(&journal.doc.flow)?;
        tracing::info!(operation = %id, kind = flow.name(), label = %journal.doc.label, "driving");
        let driven = self.inner.driver.drive(flow, &mut journal, epoch).await;
        *led |= journal.led;
        driven?;
        tracing::info!(operation = %id, outcome = ?journal.doc.direction, "at rest");
        Ok(())
    }

    /// The document once it satisfies the condition, or as it is when the time is over.
    pub(super) async fn watch(
        &self,
        id: &OperationId,
        limit: Duration,
        done: impl Fn(&OperationDoc) -> bool + Send,
    ) -> Result<Arc<OperationDoc>> {
        let clock = Arc::clone(&self.providers().clock);
        let until = clock.now() + limit;
        loop {
            // Driven here: every change is told. Driven elsewhere, or over before it could be watched: the document is read again and again.
            let receiver = self.driven().get(id).map(|ears| ears.watchers.subscribe());
            if let Some(doc) = match receiver {
                Some(receiver) => self.told(receiver, until, &done).await,
                None => None,
            } {
                return Ok(doc);
            }
            let (doc, _) = self.operation(id).await?;
            if done(&doc) || clock.now() >= until {
                return Ok(Arc::new(doc));
            }
            clock.sleep(LOOK_PAUSE.min(remaining(clock.now(), until))).await;
        }
    }

    /// The document once it satisfies the condition; none when it is no longer driven here or the time is over.
    async fn told(
        &self,
        mut receiver: watch::Receiver<Option<Arc<OperationDoc>>>,
        until: jiff::Timestamp,
        done: &(impl Fn(&OperationDoc) -> bool + Send),
    ) -> Option<Arc<OperationDoc>> {
        let clock = Arc::clone(&self.providers().clock);
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
