//! The driver: one task per operation. It leases the operation, waits for its turn, plans what is not planned, and runs it.

use super::health::Health;
use super::run::Run;
use super::{Decide, Flow, Journal, turn};
use crate::resource::{Providers, Scene};
use crate::{Code, EffectCx, EffectId, EntropyExt, Error, Grant, InstanceId, Lease, Mark, OperationId, Result};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Longest pause between two looks at whose turn it is.
const TURN_PAUSE: Duration = Duration::from_millis(500);

/// How fast and how long the engine tries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Hard limit of one effect.
    pub(crate) effect_limit: Duration,
    /// Lease of an operation.
    pub(crate) lease: Duration,
    /// First pause after a failure; doubles each time, with full jitter.
    pub(crate) first_pause: Duration,
    /// Longest pause.
    pub(crate) longest_pause: Duration,
    /// Tries of a step that can be rolled back.
    pub(crate) tries: u32,
}

/// Drives operations of one controller.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    pub(crate) providers: Providers,
    pub(crate) instance: InstanceId,
    /// Unique per running controller.
    pub(crate) holder: String,
    pub(crate) pace: Pace,
    /// What decides: [`super::next`].
    pub(crate) decide: Decide,
    /// How the dependencies are doing.
    pub(crate) health: Arc<Health>,
}

/// A lease this process has, and when it asked for it by its own clock: what is sent more than the lease's time later is sent without it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenure {
    pub(crate) grant: Grant,
    pub(crate) asked: Timestamp,
}

impl Driver {
    /// Drives the operation until it is at rest. The journal was read under this lease: one read before may be long overtaken.
    ///
    /// # Errors
    /// `version_conflict` and `stale_epoch` when another controller has taken over; what the repo answers when the journal cannot be written.
    ///
    /// # Cancellation
    /// Dropping the future is a crash: effects on their way are in doubt and the next driver looks for them.
    pub(crate) async fn drive(&self, flow: Arc<dyn Flow>, journal: &mut Journal, tenure: Tenure) -> Result<()> {
        if journal.doc.flow_version != flow.version() {
            return Err(Error::new(
                Code::Unsupported,
                format!("operation {} has version {} of {}", journal.doc.id, journal.doc.flow_version, flow.name()),
            ));
        }
        if journal.doc.is_over() {
            return self.close(flow.as_ref(), journal).await;
        }
        let tenure = self.await_turn(journal, tenure).await?;
        if !journal.doc.planned && journal.doc.cancelled_at.is_none() {
            let scene = self.planning(flow.as_ref(), journal, tenure.grant);
            journal.doc.steps = flow.plan(&scene, &journal.doc).await?;
            journal.doc.planned = true;
            journal.save().await?;
        }
        Run::new(self, Arc::clone(&flow), journal, tenure).run().await?;
        self.close(flow.as_ref(), journal).await
    }

    /// Gives up the turn of an operation that has ended.
    async fn close(&self, flow: &dyn Flow, journal: &mut Journal) -> Result<()> {
        if journal.doc.turn.is_some() && (journal.doc.is_over() || flow.gives_way()) {
            turn::give_up(self.providers.repo.as_ref(), &journal.doc, journal.fence).await?;
            journal.doc.turn = None;
            journal.save().await?;
        }
        Ok(())
    }

    /// Waits for the turn of an operation that takes one; a cancelled operation needs none.
    async fn await_turn(&self, journal: &mut Journal, mut tenure: Tenure) -> Result<Tenure> {
        while journal.doc.cancelled_at.is_none() {
            let Some(before) = turn::take(self.providers.repo.as_ref(), &journal.doc, tenure.grant.fence()).await? else { break };
            tracing::debug!(operation = %journal.doc.id, %before, "waits for its turn");
            let nudged = journal.nudged();
            tokio::select! {
                biased;
                () = nudged => {}
                () = self.providers.clock.sleep(TURN_PAUSE) => {}
            }
            tenure = self.lease(&journal.doc.id).await?;
            journal.fence = tenure.grant.fence();
            journal.refresh().await?;
        }
        Ok(tenure)
    }

    /// Takes or renews the lease of the operation.
    pub(crate) async fn lease(&self, operation: &OperationId) -> Result<Tenure> {
        let lease = Lease { name: operation.to_string(), holder: self.holder.clone(), duration: self.pace.lease };
        let clock = &self.providers.clock;
        let mut asked = clock.now();
        let mut grant = self.providers.repo.acquire(&lease).await?;
        while clock.now() >= asked + self.pace.lease {
            // The answer came so late that the lease it grants is over.
            asked = clock.now();
            grant = self.providers.repo.acquire(&lease).await?;
        }
        let grant =
            grant.ok_or_else(|| Error::new(Code::StaleEpoch, format!("another controller drives operation {operation}")))?;
        Ok(Tenure { grant, asked })
    }

    /// Where a plan looks at the world. It changes nothing, so its effect is none of the steps'.
    fn planning(&self, flow: &dyn Flow, journal: &Journal, grant: Grant) -> Scene {
        let mark = Mark {
            instance: self.instance.clone(),
            subject: flow.subject(&journal.doc),
            effect: EffectId::of(&journal.doc.id, usize::MAX, false),
        };
        let deadline = self.providers.clock.now() + self.pace.effect_limit;
        let cx = EffectCx { mark, epoch: grant.epoch, deadline };
        Scene { providers: self.providers.clone(), operation: journal.doc.id.clone(), cx, fence: grant.fence(), listed: None }
    }

    /// Full-jitter exponential backoff, or the delay the other side asked for.
    pub(super) fn pause(&self, failures: u32, error: Option<&Error>) -> Duration {
        if let Some(asked) = error.and_then(Error::retry_delay) {
            return asked;
        }
        let ceiling = self.pace.first_pause.saturating_mul(1 << failures.min(16)).min(self.pace.longest_pause);
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.providers.entropy.below(millis).unwrap_or(millis).max(1))
    }
}
