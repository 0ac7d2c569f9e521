//! Folding moves and their outcomes into the document. Pure.

use super::{Change, Direction, Facts, Known, Move, OperationDoc, Step, StepState, Wait};
use crate::resource::{Attempt, Removal, Seen};
use crate::{Code, Error, ErrorRecord, Json, Result};
use jiff::Timestamp;

/// Outcome of a move that touched the world.
#[derive(Debug)]
pub(super) enum Report {
    /// A look.
    Looked(Result<Seen<Json>>),
    /// Bringing a resource to a value, forward.
    Brought(Result<Attempt<Json>>),
    /// Bringing it back to the value before.
    Reverted(Result<Json>),
    /// Removing it.
    Removed(Result<Removal>),
    /// A check.
    Checked(Result<Json>),
}

impl Report {
    /// Why it did not succeed.
    pub(super) fn error(&self) -> Option<&Error> {
        match self {
            Self::Looked(Err(error))
            | Self::Brought(Err(error))
            | Self::Reverted(Err(error))
            | Self::Removed(Err(error))
            | Self::Checked(Err(error)) => Some(error),
            _ => None,
        }
    }
}

/// What the driver adds to an outcome: the time, and when to try again or stop trying.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    pub(super) now: Timestamp,
    /// Until when the effect can still appear if its answer was lost; none when the other side refuses late effects.
    pub(super) doubt_until: Option<Timestamp>,
    /// When to try again.
    pub(super) retry_at: Timestamp,
    /// True when this failure is the last that is tolerated.
    pub(super) last: bool,
}

/// Applies a move that changes only the journal.
pub(super) fn apply(doc: &mut OperationDoc, facts: &mut Facts, step: &Move, now: Timestamp) {
    match step {
        Move::Intend(index, intent) => {
            if let Some(step) = doc.steps.get_mut(*index) {
                step.state = StepState::Intent;
                step.intent = Some(intent.clone());
                step.given = None;
                step.started_at.get_or_insert(now);
                facts.0.insert(*index, Known::Untouched);
            }
        }
        Move::Settle(index, found) => {
            facts.0.remove(index);
            let forward = doc.direction == Direction::Forward;
            if let Some(step) = doc.steps.get_mut(*index) {
                if forward {
                    // One of the effects in doubt has landed. If it was the only one, nothing can appear any more.
                    step.doubts = step.doubts.saturating_sub(1);
                    step.doubt_until = step.doubt_until.filter(|_| step.doubts > 0);
                    done(step, found.clone(), now);
                } else {
                    step.state = StepState::Undone;
                }
            }
        }
        Move::Clear(index) => {
            facts.0.remove(index);
            if let Some(step) = doc.steps.get_mut(*index) {
                step.doubt_until = None;
            }
        }
        Move::Turn(error) => turn(doc, error),
        Move::Poison(error) => {
            doc.direction = Direction::Poisoned;
            doc.error = Some(error.clone());
        }
        Move::Finish(outcome) => doc.direction = Direction::Done(*outcome),
        Move::Look(_) | Move::Bring(_) | Move::Revert(_) | Move::Remove(_) | Move::Check(_) | Move::Wait(_) => {}
    }
}

fn turn(doc: &mut OperationDoc, error: &ErrorRecord) {
    doc.direction = Direction::Backward;
    doc.error = Some(error.clone());
    for step in &mut doc.steps {
        step.succeed();
        step.failed = step.hopeless;
        step.hopeless = false;
    }
}

fn done(step: &mut Step, found: Option<Json>, now: Timestamp) {
    step.state = StepState::Done;
    if step.change != Change::Remove {
        // A document that is read back says nothing where nothing was found.
        step.found = found.filter(|found| found.as_str() != "null");
    }
    step.error = None;
    step.succeed();
    step.ended_at = Some(now);
}

/// Folds an outcome in. Answers whether the document changed.
pub(super) fn fold(doc: &mut OperationDoc, facts: &mut Facts, index: usize, report: Report, hint: &Hint) -> bool {
    facts.0.remove(&index);
    let forward = doc.direction == Direction::Forward;
    let waited = doc.steps.get(index).and_then(|step| step.waits.as_ref()).map(|wait| hint.now.duration_since(wait.since));
    if let Some(waited) = waited.filter(|_| matches!(report, Report::Brought(Ok(Attempt::Done(_))))) {
        // Waiting for others is not the operation's time.
        doc.deadline = doc.deadline.checked_add(waited).unwrap_or(doc.deadline);
    }
    let Some(step) = doc.steps.get_mut(index) else { return false };
    match report {
        Report::Looked(Ok(seen)) => {
            facts.0.insert(index, Known::Seen(seen));
            return false;
        }
        Report::Brought(Ok(Attempt::Pending(pending))) => {
            // What is waited for was accepted or refused for now; the same effect again, under the same mark, when its time comes.
            facts.0.insert(index, Known::Untouched);
            let since = step.waits.as_ref().map_or(hint.now, |wait| wait.since);
            let until = since + pending.limit;
            if hint.now < until {
                step.succeed();
                step.retry_at = Some((hint.now + pending.pause).min(until));
                step.waits = Some(Wait { who: pending.who, what: pending.what, since, until });
            } else {
                let why = format!("waited for {} until the time was over: {}", pending.who, pending.what);
                failed(step, &Error::new(Code::Timeout, why), &Hint { last: true, ..*hint });
            }
        }
        Report::Brought(Ok(Attempt::Done(found))) | Report::Checked(Ok(found)) => done(step, Some(found), hint.now),
        Report::Reverted(Ok(_)) => unmade(step),
        Report::Removed(Ok(removal)) if removal.unseen && is_first_look(step, hint) => not_seen(step, forward, hint),
        Report::Removed(Ok(removal)) => {
            step.debt = removal.debt;
            step.doubt_until = step.doubt_until.filter(|until| !forward || *until > hint.now);
            if forward { done(step, None, hint.now) } else { unmade(step) }
        }
        Report::Brought(Err(error)) => effect_failed(step, facts, index, &error, hint),
        Report::Looked(Err(error)) | Report::Checked(Err(error)) | Report::Reverted(Err(error)) | Report::Removed(Err(error)) => {
            failed(step, &error, hint);
        }
    }
    true
}

/// True when an absence was not yet looked at again, where reads can lag behind.
fn is_first_look(step: &Step, hint: &Hint) -> bool {
    hint.doubt_until.is_some() && step.state != StepState::Undone && step.doubt_until.is_none_or(|until| until > hint.now)
}

/// What was known to stand was not seen. On the way there the removal is tried once more when reads have caught up; on the way back the
/// sweep looks.
fn not_seen(step: &mut Step, forward: bool, hint: &Hint) {
    step.doubt_until = step.doubt_until.max(hint.doubt_until);
    if forward {
        step.retry_at = step.doubt_until;
    } else {
        unmade(step);
    }
}

fn unmade(step: &mut Step) {
    if step.state == StepState::Undone {
        // A late effect was found by the sweep and removed.
        step.doubt_until = None;
    }
    step.state = StepState::Undone;
    step.succeed();
}

fn failed(step: &mut Step, error: &Error, hint: &Hint) {
    step.failures += 1;
    step.failing_since.get_or_insert(hint.now);
    step.waits = None;
    step.error = Some(ErrorRecord::from(error));
    step.retry_at = Some(hint.retry_at);
    step.hopeless = hint.last;
}

fn effect_failed(step: &mut Step, facts: &mut Facts, index: usize, error: &Error, hint: &Hint) {
    failed(step, error, hint);
    if error.is_unclear() {
        step.doubts = step.doubts.saturating_add(1);
        step.doubt_until = step.doubt_until.max(hint.doubt_until);
    } else if step.may_be_in_its_own_way(error) {
        // What stands there may be an effect of ours whose answer was lost: a look tells.
    } else if step.hopeless && step.doubts == 0 {
        // Proved to have had no effect, now and before: there is nothing to undo.
        step.state = StepState::Pending;
    } else {
        facts.0.insert(index, Known::Untouched);
    }
}
