//! Starting, driving and watching operations.

use super::{Controller, Driven};
use crate::operation::{Ears, Journal, OperationDoc, OperationView};
use crate::{Code, EntropyExt, Error, OperationId, Result, Table, remaining, workflow};
use std::collections::hash_map::Entry;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Pause before an operation whose journal could not be written is taken up again.
const TAKE_UP_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two looks at an operation another controller drives.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// An operation under way here. However its task ends, those who watch it are told that it is no longer driven here.
struct Driving {
    controller: Controller,
    id: OperationId,
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.controller.driven().remove(&self.id);
    }
}

impl Controller {
    /// The operation as it is now.
    ///
    /// # Errors
    /// `not_found`; what the repo answers.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
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
        // Of two requests that begin the same operation at a time only one has begun it.
        Journal::begin(&providers.repo, &providers.clock, &providers.entropy.hex(8)?, doc).await?;
        self.spawn(id);
        Ok(())
    }

    /// Drives the operation in a task of its own, unless it is driven here already. Answers whether it was not.
    pub(super) fn spawn(&self, id: OperationId) -> bool {
        let ears = Ears::default();
        match self.driven().entry(id.clone()) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(free) => drop(free.insert(ears.clone())),
        }
        let driving = Driving { controller: self.clone(), id };
        let mut tasks = self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move { driving.controller.drive_to_rest(&driving.id, &ears).await });
        true
    }

    /// Drives the operation until it is at rest or another controller has it.
    async fn drive_to_rest(&self, id: &OperationId, ears: &Ears) {
        while let Err(error) = self.drive(id, ears).await {
            if matches!(error.code(), Code::VersionConflict | Code::StaleEpoch | Code::Unsupported | Code::NotFound) {
                tracing::debug!(operation = %id, %error, "the operation is left to another controller");
                return;
            }
            tracing::warn!(operation = %id, %error, "the operation is taken up again");
            let healing = error.is_transient() || error.is_unclear();
            self.providers().clock.sleep(if healing { TAKE_UP_PAUSE } else { self.settings().longest_pause }).await;
        }
    }

    async fn drive(&self, id: &OperationId, ears: &Ears) -> Result<()> {
        let providers = self.providers();
        let tenure = self.inner.driver.lease(id).await?;
        let mut journal =
            Journal::load(&providers.repo, &providers.clock, &self.inner.driver.holder, id, tenure.grant, ears.clone()).await?;
        let flow = workflow::flow(&journal.doc.flow)?;
        tracing::info!(operation = %id, kind = flow.name(), label = %journal.doc.label, "driving");
        self.inner.driver.drive(flow, &mut journal, tenure).await?;
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
                biased;
                changed = receiver.changed() => changed.ok()?,
                () = clock.sleep(remaining(clock.now(), until)) => return None,
            }
        }
    }
}
