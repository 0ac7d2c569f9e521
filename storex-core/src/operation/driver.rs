//! The driver: one task per operation. It leases the operation, waits for its turn, plans what is not planned, and runs it.

use super::health::Health;
use super::run::Run;
use super::{Decide, Flow, Journal, turn};
use crate::resource::{Providers, Scene, implementation};
use crate::{Code, EffectCx, EffectId, EntropyExt, Epoch, Error, InstanceId, Lease, Mark, OperationId, Result};
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

impl Driver {
    /// Drives the operation until it is at rest. The journal was read under the lease of this epoch: one read before may be long overtaken.
    ///
    /// # Errors
    /// `version_conflict` and `stale_epoch` when another controller has taken over; what the repo answers when the journal cannot be written.
    ///
    /// # Cancellation
    /// Dropping the future is a crash: effects on their way are in doubt and the next driver looks for them.
    pub(crate) async fn drive(&self, flow: Arc<dyn Flow>, journal: &mut Journal, epoch: Epoch) -> Result<()> {
        if journal.doc.flow_version != flow.version() {
            return Err(Error::new(
                Code::Unsupported,
                format!("operation {} has version {} of {}", journal.doc.id, journal.doc.flow_version, flow.name()),
            ));
        }
        if journal.doc.is_over() {
            return self.close(flow.as_ref(), journal).await;
        }
        journal.led = true;
        let epoch = self.await_turn(journal, epoch).await?;
        if !journal.doc.planned && journal.doc.cancelled_at.is_none() {
            let scene = self.planning(flow.as_ref(), journal, epoch);
            journal.doc.steps = flow.plan(&scene, &journal.doc).await?;
            journal.doc.planned = true;
            journal.save().await?;
        }
        Run::new(self, Arc::clone(&flow), journal, epoch).run().await?;
        self.close(flow.as_ref(), journal).await
    }

    /// Gives up the turn of an operation that has ended.
    async fn close(&self, flow: &dyn Flow, journal: &mut Journal) -> Result<()> {
        if journal.doc.turn.is_some() && (journal.doc.is_over() || flow.gives_way()) {
            turn::give_up(self.providers.repo.as_ref(), &journal.doc).await?;
            journal.doc.turn = None;
            journal.save().await?;
        }
        Ok(())
    }

    /// Waits for the turn of an operation that takes one; a cancelled operation needs none.
    async fn await_turn(&self, journal: &mut Journal, mut epoch: Epoch) -> Result<Epoch> {
        while journal.doc.cancelled_at.is_none() {
            let Some(before) = turn::take(self.providers.repo.as_ref(), &journal.doc).await? else { break };
            tracing::debug!(operation = %journal.doc.id, %before, "waits for its turn");
            let nudged = journal.nudged();
            tokio::select! {
                () = nudged => {}
                () = self.providers.clock.sleep(TURN_PAUSE) => {}
            }
            epoch = self.lease(&journal.doc.id).await?;
            journal.refresh().await?;
        }
        Ok(epoch)
    }

    /// Takes back what an overtaken driver's last calls may have made after the operation was rolled back. Hosts refuse such calls by their epoch
    /// and the edge is swept; names and documents have neither.
    ///
    /// # Errors
    /// What the repo answers.
    pub(crate) async fn retract(&self, flow: &dyn Flow, journal: &Journal) -> Result<()> {
        let mut scene = self.planning(flow, journal, Epoch::default());
        // Backwards: a document that came twice goes back the way it came.
        for (index, step) in journal.doc.steps.iter().enumerate().rev() {
            if let Some(intent) = &step.intent {
                scene.cx.mark.effect = EffectId::of(&journal.doc.id, index, true);
                implementation(step.key.kind).retract(&scene, &intent.spec, intent.from.as_ref()).await?;
            }
        }
        Ok(())
    }

    /// Takes or renews the lease of the operation.
    pub(crate) async fn lease(&self, operation: &OperationId) -> Result<Epoch> {
        let lease = Lease { name: operation.to_string(), holder: self.holder.clone(), duration: self.pace.lease };
        let clock = &self.providers.clock;
        let mut asked = clock.now();
        let mut epoch = self.providers.repo.acquire(&lease).await?;
        while clock.now() >= asked + self.pace.lease {
            // The answer came so late that the lease it grants is over.
            asked = clock.now();
            epoch = self.providers.repo.acquire(&lease).await?;
        }
        epoch.ok_or_else(|| Error::new(Code::StaleEpoch, format!("another controller drives operation {operation}")))
    }

    /// Where a plan looks at the world. It changes nothing, so its effect is none of the steps'.
    fn planning(&self, flow: &dyn Flow, journal: &Journal, epoch: Epoch) -> Scene {
        let mark = Mark {
            instance: self.instance.clone(),
            subject: flow.subject(&journal.doc),
            effect: EffectId::of(&journal.doc.id, usize::MAX, false),
        };
        let deadline = self.providers.clock.now() + self.pace.effect_limit;
        Scene { providers: self.providers.clone(), operation: journal.doc.id.clone(), cx: EffectCx { mark, epoch, deadline } }
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
