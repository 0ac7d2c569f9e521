//! The calls of a run as points: which step each belongs to, and on which side of its intent and its end it lies.

use crate::run::Outcome;
use storex_core::operation::{Change, OperationDoc, Step, StepState};
use storex_core::resource::{ClaimSpec, RecordRow, ResourceKind};
use storex_fakes::{Call, Moved, When};

/// Where a strike lies in the life of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Boundary {
    /// Before the intent is durable.
    B0,
    /// After it, before anything is sent.
    B1,
    /// At the effect, before it happens.
    B2,
    /// At the effect, after it happened.
    B3,
    /// Before the end of the step is durable.
    B4,
    /// After it.
    B5,
}

/// A step of a way at one of its boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) step: usize,
    /// On the way back.
    pub(crate) back: bool,
    pub(crate) boundary: Boundary,
}

/// The spots of a strike at the call of this number (from 0), on this side.
pub(crate) fn spots(run: &Outcome, call: usize, when: When) -> Vec<Spot> {
    let Some(document) = &run.document else { return Vec::new() };
    let side = |before, after| if when == When::Before { before } else { after };
    let mut spots = Vec::new();
    for change in run.changes.iter().filter(|change| change.call == call && change.operation == document.id.to_string()) {
        let Moved::Step { index, to, .. } = change.what else { continue };
        let (back, boundary) = match to {
            StepState::Intent => (false, side(Boundary::B0, Boundary::B1)),
            StepState::Done => (false, side(Boundary::B4, Boundary::B5)),
            StepState::Undone => (true, side(Boundary::B4, Boundary::B5)),
            StepState::Pending | StepState::Skipped => continue,
        };
        spots.push(Spot { step: index, back, boundary });
    }
    let Some(at) = run.calls.get(call) else { return spots };
    for (index, step) in document.steps.iter().enumerate() {
        for back in [false, true] {
            if is_effect(document, index, step, back, at) {
                spots.push(Spot { step: index, back, boundary: side(Boundary::B2, Boundary::B3) });
            }
        }
    }
    spots
}

/// The number of the first call (from 0) that brings about the step's effect.
pub(crate) fn effect_of(run: &Outcome, index: usize) -> Option<usize> {
    let document = run.document.as_ref()?;
    let step = document.steps.get(index)?;
    run.calls.iter().position(|call| is_effect(document, index, step, false, call))
}

/// True when the call is the step's effect on this way. Effects name themselves; claims, removals of documents and checks are known by what
/// they are about. A kind that is neither fails the coverage.
fn is_effect(document: &OperationDoc, index: usize, step: &Step, back: bool, call: &Call) -> bool {
    if let Some(effect) = &call.effect {
        let (operation, number) = effect.as_str().split_once('.').unwrap_or_default();
        let way = if back { "u" } else { "f" };
        return document.id.as_str().strip_prefix("op_") == Some(operation) && number == format!("{index}{way}");
    }
    if !is_bare_effect(call) {
        return false;
    }
    let Some(values) = step.values() else { return false };
    let removes = step.change == Change::Remove || back;
    match (step.key.kind, step.change) {
        (ResourceKind::Connectivity, _) => !back && call.name == "host.visit",
        (ResourceKind::PrimaryZone, _) => !back && call.name == "domains.find_zone",
        (ResourceKind::Claim, _) => values.spec.read::<ClaimSpec>().is_ok_and(|spec| is_claim(&spec, removes, call)),
        (ResourceKind::Record, _) if removes => {
            let row = values.spec.read::<RecordRow>();
            call.name == "repo.delete" && row.is_ok_and(|row| call.subject == format!("{}/{}", row.table, row.id))
        }
        _ => false,
    }
}

/// True when the call can be an effect that does not name itself. The specs of steps are read for these alone.
fn is_bare_effect(call: &Call) -> bool {
    matches!(call.name, "host.visit" | "domains.find_zone" | "repo.claim" | "repo.claim_first" | "repo.release" | "repo.delete")
}

fn is_claim(spec: &ClaimSpec, removes: bool, call: &Call) -> bool {
    let named = |subject: &str| {
        let name = subject.strip_prefix(spec.namespace.as_str()).and_then(|rest| rest.strip_prefix('/'));
        name.is_some_and(|name| spec.candidates.iter().any(|candidate| candidate == name))
    };
    match call.name {
        "repo.release" => removes && named(&call.subject),
        "repo.claim" => !removes && named(&call.subject),
        "repo.claim_first" => !removes && call.subject == spec.namespace,
        _ => false,
    }
}
