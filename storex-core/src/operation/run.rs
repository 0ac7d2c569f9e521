//! One operation on its way: runs the enabled moves and folds their outcomes in one at a time.

use super::driver::{Driver, Tenure};
use super::flight::Flight;
use super::fold::{self, Hint, Report};
use super::health::Admission;
use super::patience::{Stakes, is_last};
use super::{Direction, Facts, Flow, Intent, Journal, Known, Move, OperationDoc, Step, StepState};
use crate::resource::{Attempt, Pending, ResourceKey, ResourceKind, Scene, implementation};
use crate::{Code, EffectCx, EffectId, Error, Grant, Json, Mark, Result, remaining};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What became of a move: its step, its deadline, the report.
type Outcome = (usize, Timestamp, Report);

/// One operation on its way.
pub(super) struct Run<'a> {
    driver: &'a Driver,
    flow: Arc<dyn Flow>,
    journal: &'a mut Journal,
    facts: Facts,
    flight: Flight<Outcome>,
    grant: Grant,
    /// A third of the lease after it was asked for: from then on nothing is sent before it is renewed.
    renew_at: Timestamp,
    /// The document has changed since it was last saved.
    changed: bool,
}

impl<'a> Run<'a> {
    /// Takes the operation up where its document is.
    pub(super) fn new(driver: &'a Driver, flow: Arc<dyn Flow>, journal: &'a mut Journal, tenure: Tenure) -> Self {
        let now = driver.providers.clock.now();
        let Tenure { grant, asked } = tenure;
        let renew_at = asked + driver.pace.lease / 3;
        let mut run =
            Self { driver, flow, journal, facts: Facts::default(), flight: Flight::default(), grant, renew_at, changed: false };
        run.doubt_what_was_begun(now);
        run
    }

    fn now(&self) -> Timestamp {
        self.driver.providers.clock.now()
    }

    /// After a restart every step that began is in doubt, for as long as what was sent can still take effect. The journal says so at once: an
    /// operation that has nothing to do but wait is seen to be taken up.
    fn doubt_what_was_begun(&mut self, now: Timestamp) {
        let driver = self.driver;
        for step in self.journal.doc.steps.iter_mut().filter(|step| step.state == StepState::Intent) {
            let window = implementation(step.key.kind).late_effect_window(&driver.providers);
            step.doubts = step.doubts.saturating_add(1);
            self.changed = true;
            if !window.is_zero() {
                step.doubt_until = step.doubt_until.max(Some(now + driver.pace.effect_limit + window));
            }
        }
    }

    /// Runs until the operation is at rest.
    pub(super) async fn run(&mut self) -> Result<()> {
        loop {
            let now = self.renew().await?;
            let (moves, journaled) = self.journal_moves(now);
            if self.changed || journaled {
                self.flight.beside(self.journal.save()).await?;
                self.changed = false;
            }
            if self.journal.doc.is_over() || self.journal.doc.is_at_rest() {
                return Ok(());
            }
            let mut wake_at = self.renew_at;
            for step in &moves {
                match step {
                    Move::Wait(until) => wake_at = wake_at.min(*until),
                    step => wake_at = self.launch(step, now)?.map_or(wake_at, |until| wake_at.min(until)),
                }
            }
            if self.journal.doc.direction == Direction::Forward && self.journal.doc.deadline > now {
                wake_at = wake_at.min(self.journal.doc.deadline);
            }
            self.changed = self.wait(wake_at).await?;
        }
    }

    /// Renews the lease in time, and learns of a request to cancel. Answers a moment at which the lease runs: the deadline of what is sent counts from
    /// there. Whoever slept past its lease, also in the middle of this, finds out here, before it sends anything.
    async fn renew(&mut self) -> Result<Timestamp> {
        loop {
            let now = self.now();
            if now < self.renew_at {
                return Ok(now);
            }
            self.changed |= self.take_again().await?;
        }
    }

    async fn take_again(&mut self) -> Result<bool> {
        let Tenure { grant, asked } = self.flight.beside(self.driver.lease(&self.journal.doc.id)).await?;
        if grant.epoch != self.grant.epoch {
            // Another controller may have driven the operation meanwhile and slept before it wrote: what is known here counts for nothing any more.
            return Err(Error::new(Code::LeaseExpired, "the lease ran out and was taken again"));
        }
        self.grant = grant;
        self.journal.fence = grant.fence();
        self.renew_at = asked + self.driver.pace.lease / 3;
        self.flight.beside(self.journal.refresh()).await
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

    /// Waits for an outcome, a request to cancel or the time; folds the outcomes that are there. Answers whether the document changed.
    async fn wait(&mut self, wake_at: Timestamp) -> Result<bool> {
        let clock = Arc::clone(&self.driver.providers.clock);
        let pause = remaining(clock.now(), wake_at);
        let nudged = self.journal.nudged();
        let mut dirty = false;
        tokio::select! {
            biased;
            () = self.flight.lands() => {}
            () = nudged => dirty |= self.flight.beside(self.journal.refresh()).await?,
            () = clock.sleep(pause) => {}
        }
        for outcome in self.flight.landed() {
            dirty |= self.fold(not_stale(outcome)?);
        }
        Ok(dirty)
    }

    fn fold(&mut self, (index, deadline, report): Outcome) -> bool {
        let error = report.error();
        let now = self.now();
        let Some(step) = self.journal.doc.steps.get(index) else { return false };
        let (failures, window) = (step.failures, implementation(step.key.kind).late_effect_window(&self.driver.providers));
        if let Some(dependency) = dependency(&step.key) {
            self.driver.health.report(&dependency, error, now);
        }
        if error.is_some_and(|error| error.code() == Code::LeaseExpired) {
            // This process slept: what it sends next, it sends under a lease of now, or not at all.
            self.renew_at = now;
        }
        if let Some(error) = error {
            tracing::warn!(operation = %self.journal.doc.id, resource = %step.key, failures, %error, "a move did not succeed");
        }
        let may_turn = self.journal.doc.direction == Direction::Forward && !self.flow.forward_only();
        let stakes = if may_turn { Stakes::Turn { tries: self.driver.pace.tries } } else { Stakes::Operator };
        // Sent on the way there and refused on the way back: there is nothing to try again, the way back looks for itself.
        let bygone =
            self.journal.doc.direction == Direction::Backward && matches!(report, Report::Brought(_) | Report::Checked(_));
        let failing_for = step.failing_since.map_or(Duration::ZERO, |since| now.duration_since(since).unsigned_abs());
        let hint = Hint {
            now,
            doubt_until: (!window.is_zero()).then(|| deadline.max(now) + window),
            retry_at: now + self.driver.pause(failures, error),
            last: error.filter(|_| !bygone).is_some_and(|error| {
                let patience = if step.may_be_in_its_own_way(error) { &looked_at_again() } else { error };
                is_last(patience, failures + 1, failing_for, stakes)
            }),
        };
        fold::fold(&mut self.journal.doc, &mut self.facts, index, report, &hint)
    }

    /// Starts a move that touches the world, or answers when it may be started.
    fn launch(&mut self, step: &Move, now: Timestamp) -> Result<Option<Timestamp>> {
        let (Move::Look(index) | Move::Bring(index) | Move::Revert(index) | Move::Remove(index) | Move::Check(index)) = *step
        else {
            return Ok(None);
        };
        let doc = &self.journal.doc;
        let subject = doc.steps.get(index).ok_or_else(|| Error::new(Code::Internal, "a move names no step"))?;
        if let Some(dependency) = dependency(&subject.key)
            && let Admission::Until(until) = self.driver.health.admit(&dependency, subject.failures > 0, now)
        {
            return Ok(Some(until));
        }
        let deadline = now + self.driver.pace.effect_limit;
        let scene = self.scene(doc, index, step, deadline);
        let work = perform(step.clone(), subject.clone(), scene, self.values(doc, index)?);
        let clock = Arc::clone(&self.driver.providers.clock);
        let limit = self.driver.pace.effect_limit;
        let step = step.clone();
        self.facts.0.insert(index, Known::Busy);
        self.flight.begin(async move {
            tokio::select! {
                biased;
                report = work => (index, deadline, report),
                // The adapter keeps the deadline itself; this is for one that does not.
                () = clock.sleep(limit + limit / 4) => (index, deadline, overdue(&step)),
            }
        });
        Ok(None)
    }

    fn values(&self, doc: &OperationDoc, index: usize) -> Result<Intent> {
        let values = doc.steps.get(index).and_then(Step::values).cloned();
        match values {
            Some(values) => Ok(values),
            None => self.flow.resolve(doc, index).map(|(from, spec)| Intent { from, spec }),
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
            cx: EffectCx { mark, epoch: self.grant.epoch, deadline },
            fence: self.grant.fence(),
            listed: None,
        }
    }
}

/// A call refused for its epoch says nothing of the step: somebody else drives the operation by now.
fn not_stale(outcome: Outcome) -> Result<Outcome> {
    match outcome.2.error() {
        Some(error) if error.code() == Code::StaleEpoch => Err(Error::new(Code::StaleEpoch, error.message())),
        _ => Ok(outcome),
    }
}

/// The dependency behind a resource, as far as it has a circuit of its own: the edge, the database server, or a host. The repo has none: without it nothing goes on.
fn dependency(key: &ResourceKey) -> Option<String> {
    match key.kind {
        ResourceKind::Zone
        | ResourceKind::Records
        | ResourceKind::PrimaryZone
        | ResourceKind::ReferenceZone
        | ResourceKind::Hostname
        | ResourceKind::FallbackOrigin
        | ResourceKind::Tunnel
        | ResourceKind::Ingress
        | ResourceKind::TunnelRoute
        | ResourceKind::ZonePolicy
        | ResourceKind::Certificate
        | ResourceKind::PolicyLook => Some("edge".to_owned()),
        ResourceKind::Database => Some("databases".to_owned()),
        ResourceKind::HostPart => key.host.as_ref().map(|host| format!("host:{host}")),
        _ => None,
    }
}

async fn perform(step: Move, subject: Step, scene: Scene, values: Intent) -> Report {
    let resource = implementation(subject.key.kind);
    // What stood is gone once the step is undone: anything seen afterwards under our claim is a late effect of ours, whatever its id.
    let found = subject.found.as_ref().filter(|_| subject.state != StepState::Undone);
    match step {
        Move::Bring(_) => Report::Brought(resource.bring(&scene, &values.spec, values.from.as_ref()).await),
        Move::Check(_) => Report::Checked(resource.bring(&scene, &values.spec, None).await.and_then(at_once)),
        Move::Remove(_) => Report::Removed(resource.remove(&scene, &values.spec, found).await),
        Move::Revert(_) => {
            let before = values.from.unwrap_or_else(|| serde_json::Value::Null.into());
            Report::Reverted(resource.bring(&scene, &before, Some(&values.spec)).await.and_then(at_once))
        }
        _ => Report::Looked(resource.observe(&scene, &values.spec, found).await),
    }
}

/// A check and the way back wait for nobody: they are tried again.
fn at_once(attempt: Attempt<Json>) -> Result<Json> {
    match attempt {
        Attempt::Done(found) => Ok(found),
        Attempt::Pending(Pending { what, pause, .. }) => Err(Error::new(Code::Unavailable, what).retry_after(pause)),
    }
}

/// What a refusal counts as when a look will tell whether the step itself is in its way.
fn looked_at_again() -> Error {
    Error::new(Code::Unavailable, "an earlier effect of the step may have landed")
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
