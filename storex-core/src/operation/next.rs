//! The pure heart: which moves are enabled now.

use super::{Change, Direction, Flow, Intent, OperationDoc, Outcome, Proof, Step, StepState};
use crate::resource::Seen;
use crate::{Code, Error, ErrorRecord, Json};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What this driver knows of a step beyond the document. Lost in a crash, which is why nothing rests on it.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// The intent was written by this driver and nothing was sent, or what was sent was refused.
    Untouched,
    /// A look or an effect is on its way.
    Busy,
    /// A fresh observation, used once.
    Seen(Seen<Json>),
}

/// Everything this driver knows beyond the document, by step.
#[derive(Clone, Debug, Default)]
pub struct Facts(pub BTreeMap<usize, Known>);

/// One enabled move. The first group changes the journal only; the second touches the world and is offered only when the journal allows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Journal: the step begins with these values.
    Intend(usize, Intent),
    /// Journal: the step's goal in the current direction stands; for the way there with what was found.
    Settle(usize, Option<Json>),
    /// Journal: an effect in doubt was looked for after its time and is not there.
    Clear(usize),
    /// Journal: the operation turns back.
    Turn(ErrorRecord),
    /// Journal: the operation needs an operator.
    Poison(ErrorRecord),
    /// Journal: the operation ends.
    Finish(Outcome),
    /// World: observe the step's resource.
    Look(usize),
    /// World: bring the step's resource to its value.
    Bring(usize),
    /// World: bring the step's resource back to its value before.
    Revert(usize),
    /// World: remove the step's resource.
    Remove(usize),
    /// World: run the step's check.
    Check(usize),
    /// Nothing to do for some step until then.
    Wait(Timestamp),
}

impl Move {
    /// True when the move changes only the journal.
    pub fn is_journal(&self) -> bool {
        matches!(self, Self::Intend(..) | Self::Settle(..) | Self::Clear(_) | Self::Turn(_) | Self::Poison(_) | Self::Finish(_))
    }
}

/// The moves enabled now. Pure: no input but its arguments.
pub fn next(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Vec<Move> {
    match doc.direction {
        Direction::Forward => forward(doc, facts, now, flow),
        Direction::Backward => backward(doc, facts, now),
        Direction::Done(_) | Direction::Poisoned => Vec::new(),
    }
}

fn forward(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Vec<Move> {
    if let Some(error) = reason_to_stop(doc, now, flow) {
        // Who needs an operator leaves nothing behind that could still appear: others go on meanwhile.
        let late = doc.steps.iter().filter_map(|step| step.doubt_until).max().filter(|until| flow.forward_only() && *until > now);
        return vec![late.map_or_else(|| stop(flow, error), Move::Wait)];
    }
    if doc.steps.iter().all(Step::is_settled) {
        return vec![Move::Finish(Outcome::Succeeded)];
    }
    let mut moves = Vec::new();
    for (index, step) in doc.steps.iter().enumerate() {
        let known = facts.0.get(&index);
        let enabled = step.after.iter().all(|before| doc.steps.get(*before).is_some_and(Step::is_settled));
        if step.is_settled() || known == Some(&Known::Busy) || !enabled {
            continue;
        }
        if let Some(until) = step.retry_at.filter(|at| *at > now) {
            moves.push(Move::Wait(until));
            continue;
        }
        moves.push(match step.state {
            StepState::Pending => begin(doc, flow, index, step, known),
            _ => pursue(index, step, known),
        });
    }
    if let Some(error) = moves.iter().find_map(|step| if let Move::Turn(error) = step { Some(error.clone()) } else { None }) {
        return vec![stop(flow, error)];
    }
    moves
}

/// The end of the way forward: back, or to an operator where there is no way back.
fn stop(flow: &dyn Flow, error: ErrorRecord) -> Move {
    if flow.forward_only() { Move::Poison(error) } else { Move::Turn(error) }
}

/// Why the way forward is closed, if it is.
fn reason_to_stop(doc: &OperationDoc, now: Timestamp, flow: &dyn Flow) -> Option<ErrorRecord> {
    if doc.cancelled_at.is_some() && !flow.forward_only() {
        return Some(ErrorRecord::from(&Error::new(Code::Cancelled, "the operation was cancelled on request")));
    }
    if let Some(step) = doc.steps.iter().find(|step| step.hopeless) {
        return step.error.clone();
    }
    let waits = doc.steps.iter().any(|step| step.waits.as_ref().is_some_and(|wait| now < wait.until));
    if flow.forward_only() || now < doc.deadline || waits {
        return None;
    }
    let last = doc.steps.iter().find_map(|step| step.error.clone().filter(|_| !step.is_settled()));
    Some(last.unwrap_or_else(|| ErrorRecord::from(&Error::new(Code::Timeout, "the operation did not finish by its deadline"))))
}

/// First move of a step whose dependencies are done.
fn begin(doc: &OperationDoc, flow: &dyn Flow, index: usize, step: &Step, known: Option<&Known>) -> Move {
    let values = match step.values() {
        Some(known) => known.clone(),
        None => match flow.resolve(doc, index) {
            Ok((from, spec)) => Intent { from, spec },
            Err(error) => return Move::Turn(ErrorRecord::from(&error)),
        },
    };
    if step.proof != Proof::Absence || step.change != Change::Bring || values.from.is_some() {
        return Move::Intend(index, values);
    }
    // What can carry no mark must be seen absent before we make it; only then is it ours afterwards.
    match known {
        Some(Known::Seen(Seen::Absent)) => Move::Intend(index, values),
        Some(Known::Seen(seen)) => Move::Turn(ErrorRecord::from(&in_the_way(step, seen))),
        _ => Move::Look(index),
    }
}

fn in_the_way(step: &Step, seen: &Seen<Json>) -> Error {
    let what = match seen {
        Seen::Foreign(what) => what.clone(),
        _ => format!("{} exists already and was not made by this operation", step.key),
    };
    Error::new(step.key.kind.conflict_code(), what)
}

/// Next move of a step whose intent is durable, on the way there.
fn pursue(index: usize, step: &Step, known: Option<&Known>) -> Move {
    let effect = match step.change {
        Change::Bring => Move::Bring(index),
        Change::Remove => Move::Remove(index),
        Change::Check => return Move::Check(index),
    };
    match (step.change, known) {
        (Change::Bring, Some(Known::Seen(Seen::Ours { found, complete: true }))) => Move::Settle(index, Some(found.clone())),
        (Change::Bring, Some(Known::Seen(seen @ Seen::Foreign(_)))) => Move::Turn(ErrorRecord::from(&in_the_way(step, seen))),
        // A removal looks itself, and knows what an absence is worth. Else nothing was sent yet, or what is there is not what is wanted: the same
        // effect again, under the same mark.
        (Change::Remove, _) | (_, Some(Known::Untouched | Known::Seen(_))) => effect,
        _ => Move::Look(index),
    }
}

fn backward(doc: &OperationDoc, facts: &Facts, now: Timestamp) -> Vec<Move> {
    if let Some(step) = doc.steps.iter().find(|step| step.hopeless && !step.is_unmade()) {
        return step.error.clone().map(Move::Poison).into_iter().collect();
    }
    let clean = doc.steps.iter().all(|step| step.doubt_until.is_none());
    if clean && doc.steps.iter().all(Step::is_unmade) {
        return vec![Move::Finish(Outcome::RolledBack)];
    }
    let mut moves = Vec::new();
    for (index, step) in doc.steps.iter().enumerate() {
        let known = facts.0.get(&index);
        let needed =
            doc.steps.iter().any(|other| other.after.contains(&index) && (!other.is_unmade() || other.doubt_until.is_some()));
        if known == Some(&Known::Busy) || needed {
            continue;
        }
        if let Some(until) = step.retry_at.filter(|at| *at > now) {
            moves.push(Move::Wait(until));
            continue;
        }
        match step.state {
            StepState::Intent | StepState::Done => moves.push(unmake(index, step, known)),
            StepState::Undone | StepState::Pending | StepState::Skipped => moves.extend(sweep(index, step, known, now)),
        }
    }
    moves
}

/// Next move towards the value before.
fn unmake(index: usize, step: &Step, known: Option<&Known>) -> Move {
    if step.change == Change::Check {
        return Move::Settle(index, None);
    }
    let effect =
        if step.values().is_some_and(|values| values.from.is_some()) { Move::Revert(index) } else { Move::Remove(index) };
    match (step.state, known) {
        // Nothing was sent, or nothing of ours is there.
        (StepState::Intent, Some(Known::Untouched)) if step.doubts > 0 => effect,
        (StepState::Intent, Some(Known::Untouched | Known::Seen(Seen::Absent | Seen::Foreign(_)))) => Move::Settle(index, None),
        (StepState::Intent, None) => Move::Look(index),
        _ => effect,
    }
}

/// An effect whose answer was lost can appear after it was looked for. It is looked for once more when its time is over, before the
/// claims that made it ours are given up.
fn sweep(index: usize, step: &Step, known: Option<&Known>, now: Timestamp) -> Option<Move> {
    let until = step.doubt_until?;
    if until > now {
        return Some(Move::Wait(until));
    }
    if step.values().is_some_and(|values| values.from.is_some()) {
        // Whether the value before stands, bringing it back tells: it changes nothing where it does.
        return Some(Move::Revert(index));
    }
    Some(match known {
        Some(Known::Seen(Seen::Absent | Seen::Foreign(_))) => Move::Clear(index),
        Some(Known::Seen(Seen::Ours { .. } | Seen::Repeatable)) => Move::Remove(index),
        _ => Move::Look(index),
    })
}
