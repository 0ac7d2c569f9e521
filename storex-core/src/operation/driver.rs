//! The driver: one task per operation that runs the enabled moves and folds their outcomes in one at a time.

use super::fold::{self, Hint, Report};
use super::{Decide, Direction, Facts, Flow, Journal, Known, Move, OperationDoc, Step, StepState};
use crate::resource::{Providers, Scene, implementation};
use crate::{Code, EffectCx, EffectId, EntropyExt, Epoch, Error, InstanceId, Lease, Mark, Result, remaining};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

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
}

type Flight = FuturesUnordered<BoxFuture<'static, (usize, Timestamp, Report)>>;

/// One operation on its way.
struct Run<'a> {
    driver: &'a Driver,
    flow: Arc<dyn Flow>,
    journal: &'a mut Journal,
    facts: Facts,
    flight: Flight,
    epoch: Epoch,
    renew_at: Timestamp,
}

impl Driver {
    /// Drives the operation until it is at rest.
    ///
    /// # Errors
    /// `version_conflict` and `stale_epoch` when another controller has taken over; what the repo answers when the journal cannot be written.
    ///
    /// # Cancellation
    /// Dropping the future is a crash: effects on their way are in doubt and the next driver looks for them.
    pub(crate) async fn drive(&self, flow: Arc<dyn Flow>, journal: &mut Journal) -> Result<()> {
        if journal.doc.flow_version != flow.version() {
            return Err(Error::new(
                Code::Unsupported,
                format!("operation {} has version {} of {}", journal.doc.id, journal.doc.flow_version, flow.name()),
            ));
        }
        let epoch = self.lease(journal).await?;
        let now = self.providers.clock.now();
        let mut run = Run {
            driver: self,
            flow,
            journal,
            facts: Facts::default(),
            flight: Flight::new(),
            epoch,
            renew_at: now + self.pace.lease / 3,
        };
        run.doubt_what_was_begun(now);
        run.run().await
    }

    async fn lease(&self, journal: &Journal) -> Result<Epoch> {
        let lease = Lease { name: journal.doc.id.to_string(), holder: self.holder.clone(), duration: self.pace.lease };
        let epoch = self.providers.repo.acquire(&lease).await?;
        epoch.ok_or_else(|| Error::new(Code::StaleEpoch, format!("another controller drives operation {}", journal.doc.id)))
    }

    /// Full-jitter exponential backoff, or the delay the other side asked for.
    fn pause(&self, failures: u32, error: Option<&Error>) -> Duration {
        if let Some(asked) = error.and_then(Error::retry_delay) {
            return asked;
        }
        let ceiling = self.pace.first_pause.saturating_mul(1 << failures.min(16)).min(self.pace.longest_pause);
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.providers.entropy.below(millis).unwrap_or(millis).max(1))
    }
}

impl Run<'_> {
    fn now(&self) -> Timestamp {
        self.driver.providers.clock.now()
    }

    /// After a restart every step that began is in doubt, for as long as what was sent can still take effect.
    fn doubt_what_was_begun(&mut self, now: Timestamp) {
        let driver = self.driver;
        for step in self.journal.doc.steps.iter_mut().filter(|step| step.state == StepState::Intent) {
            let window = implementation(step.key.kind).late_effect_window(&driver.providers);
            step.doubted = true;
            if !window.is_zero() {
                step.doubt_until = step.doubt_until.max(Some(now + driver.pace.effect_limit + window));
            }
        }
    }

    async fn run(&mut self) -> Result<()> {
        let mut changed = false;
        loop {
            let now = self.now();
            let (moves, journaled) = self.journal_moves(now);
            if changed || journaled {
                self.journal.save().await?;
            }
            if self.journal.doc.is_at_rest() {
                return Ok(());
            }
            let mut wake_at = self.renew_at;
            for step in &moves {
                match step {
                    Move::Wait(until) => wake_at = wake_at.min(*until),
                    step => self.launch(step, now)?,
                }
            }
            if self.journal.doc.direction == Direction::Forward && self.journal.doc.deadline > now {
                wake_at = wake_at.min(self.journal.doc.deadline);
            }
            changed = self.wait(wake_at).await?;
        }
    }

    /// Applies the moves that change only the journal until none is left. Answers the moves that touch the world, and whether anything changed;
    /// one write makes it all durable before any of those moves begins.
    fn journal_moves(&mut self, now: Timestamp) -> (Vec<Move>, bool) {
        let mut changed = false;
        loop {
            let (journal, world): (Vec<Move>, Vec<Move>) =
                (self.driver.decide)(&self.journal.doc, &self.facts, now, self.flow.as_ref())
                    .into_iter()
                    .partition(Move::is_journal);
            if journal.is_empty() {
                return (world, changed);
            }
            changed = true;
            for step in &journal {
                fold::apply(&mut self.journal.doc, &mut self.facts, step, now);
            }
        }
    }

    /// Waits for an outcome or the time; folds the outcomes that are there. Answers whether the document changed.
    async fn wait(&mut self, wake_at: Timestamp) -> Result<bool> {
        let clock = Arc::clone(&self.driver.providers.clock);
        let pause = remaining(clock.now(), wake_at);
        let mut dirty = false;
        tokio::select! {
            biased;
            Some(outcome) = self.flight.next() => {
                dirty |= self.fold(outcome);
                while let Some(Some(outcome)) = futures::FutureExt::now_or_never(self.flight.next()) {
                    dirty |= self.fold(outcome);
                }
            }
            () = clock.sleep(pause) => {}
        }
        if self.now() >= self.renew_at {
            self.epoch = self.driver.lease(self.journal).await?;
            self.renew_at = self.now() + self.driver.pace.lease / 3;
        }
        Ok(dirty)
    }

    fn fold(&mut self, (index, deadline, report): (usize, Timestamp, Report)) -> bool {
        let error = match &report {
            Report::Looked(Err(error))
            | Report::Brought(Err(error))
            | Report::Reverted(Err(error))
            | Report::Removed(Err(error))
            | Report::Checked(Err(error)) => Some(error),
            _ => None,
        };
        let now = self.now();
        let step = self.journal.doc.steps.get(index);
        let failures = step.map_or(0, |step| step.failures);
        let window = step.map_or(Duration::ZERO, |step| implementation(step.key.kind).late_effect_window(&self.driver.providers));
        let may_stop = self.journal.doc.direction == Direction::Forward && !self.flow.forward_only();
        if let Some(error) = error {
            tracing::warn!(operation = %self.journal.doc.id, resource = step.map(|step| step.key.to_string()), failures, %error, "a move did not succeed");
        }
        let hint = Hint {
            now,
            doubt_until: (!window.is_zero()).then(|| deadline.max(now) + window),
            retry_at: now + self.driver.pause(failures, error),
            last: may_stop && failures + 1 >= self.driver.pace.tries,
        };
        fold::fold(&mut self.journal.doc, &mut self.facts, index, report, &hint)
    }

    /// Starts a move that touches the world.
    fn launch(&mut self, step: &Move, now: Timestamp) -> Result<()> {
        let (Move::Look(index) | Move::Bring(index) | Move::Revert(index) | Move::Remove(index) | Move::Check(index)) = *step
        else {
            return Ok(());
        };
        let doc = &self.journal.doc;
        let subject = doc.steps.get(index).ok_or_else(|| Error::new(Code::Internal, "a move names no step"))?;
        let deadline = now + self.driver.pace.effect_limit;
        let scene = self.scene(doc, index, step, deadline);
        let work = perform(step.clone(), subject.clone(), scene, self.values(doc, index)?);
        let clock = Arc::clone(&self.driver.providers.clock);
        let limit = self.driver.pace.effect_limit;
        let step = step.clone();
        self.facts.0.insert(index, Known::Busy);
        self.flight.push(Box::pin(async move {
            tokio::select! {
                report = work => (index, deadline, report),
                // The adapter keeps the deadline itself; this is for one that does not.
                () = clock.sleep(limit + limit / 4) => (index, deadline, overdue(&step)),
            }
        }));
        Ok(())
    }

    fn values(&self, doc: &OperationDoc, index: usize) -> Result<super::Intent> {
        let values = doc.steps.get(index).and_then(Step::values).cloned();
        match values {
            Some(values) => Ok(values),
            None => self.flow.resolve(doc, index).map(|(from, spec)| super::Intent { from, spec }),
        }
    }

    fn scene(&self, doc: &OperationDoc, index: usize, step: &Move, deadline: Timestamp) -> Scene {
        let undo = matches!(step, Move::Revert(_)) || (matches!(step, Move::Remove(_)) && doc.direction == Direction::Backward);
        let mark = Mark {
            instance: self.driver.instance.clone(),
            subject: self.flow.subject(doc),
            effect: EffectId::of(&doc.id, index, undo),
        };
        Scene {
            providers: self.driver.providers.clone(),
            operation: doc.id.clone(),
            cx: EffectCx { mark, epoch: self.epoch, deadline },
        }
    }
}

async fn perform(step: Move, subject: Step, scene: Scene, values: super::Intent) -> Report {
    let resource = implementation(subject.key.kind);
    let found = subject.found.as_ref();
    match step {
        Move::Bring(_) => Report::Brought(resource.bring(&scene, &values.spec, values.from.as_ref()).await),
        Move::Check(_) => Report::Checked(resource.bring(&scene, &values.spec, None).await),
        Move::Remove(_) => Report::Removed(resource.remove(&scene, &values.spec, found).await),
        Move::Revert(_) => {
            let before = values.from.unwrap_or_else(|| serde_json::Value::Null.into());
            Report::Reverted(resource.bring(&scene, &before, Some(&values.spec)).await)
        }
        _ => Report::Looked(resource.observe(&scene, &values.spec, found).await),
    }
}

fn overdue(step: &Move) -> Report {
    let error = Error::unclear(Code::Timeout, "the provider did not keep its deadline");
    match step {
        Move::Bring(_) => Report::Brought(Err(error)),
        Move::Check(_) => Report::Checked(Err(error)),
        Move::Remove(_) => Report::Removed(Err(error)),
        Move::Revert(_) => Report::Reverted(Err(error)),
        _ => Report::Looked(Err(error)),
    }
}
