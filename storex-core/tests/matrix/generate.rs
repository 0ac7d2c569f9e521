//! The scenarios of a workflow, made from runs of the workflow itself: a step that is new is covered the moment it exists.

use crate::points::{Boundary, Spot, effect_of, spots};
use crate::run::{Detail, Outcome, run};
use crate::scenario::{Hit, Scenario, is_edge_read, kinds};
use crate::workflow::{TRIES, Workflow};
use std::collections::BTreeSet;
use std::time::Duration;
use storex_core::Code;
use storex_core::operation::{Change, Direction, OperationDoc, Outcome as End, Step, StepState};
use storex_core::resource::ResourceKind;
use storex_fakes::{Call, Fault, FaultRule, Moved, When};

/// How long a stale read can lag behind.
const LAG: Duration = Duration::from_secs(30);

/// The scenarios of one workflow and what they cover.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) scenarios: Vec<Scenario>,
    /// How many of them are on the way forward; they come first.
    pub(crate) forward: usize,
    /// Fewest scenarios there must be, computed from the steps alone.
    pub(crate) floor: usize,
    /// Spots that must be struck.
    pub(crate) wanted: BTreeSet<Spot>,
    /// Spots that are struck.
    pub(crate) struck: BTreeSet<Spot>,
}

/// Everything that strikes once, forward and on the way back from every step that can fail.
pub(crate) fn generate(workflow: Workflow, seed: u64) -> Generated {
    let plain = Scenario::fault_free(workflow, seed);
    let fault_free = run(&plain, Detail::Full);
    assert_eq!(fault_free.problems, Vec::<String>::new(), "{workflow:?} without faults");
    let document = fault_free.document.clone().unwrap();
    assert_eq!(document.direction, Direction::Done(End::Succeeded), "{workflow:?} without faults");
    let mut made = Generated {
        scenarios: Vec::new(),
        forward: 0,
        floor: floor(workflow, &document, &fault_free),
        wanted: wanted(workflow, &document),
        struck: BTreeSet::new(),
    };
    made.strike(&plain, &fault_free, 0);
    made.forward = made.scenarios.len();
    if !workflow.forward_only() {
        made.strike_and_fail_later(&plain, &document, &fault_free);
        for failing in failures(&document, &fault_free) {
            let refused = failing.times == 1;
            let nth = usize::try_from(failing.nth).unwrap();
            let primary = Scenario { failing: Some(failing), ..plain.clone() };
            let back = run(&primary, Detail::Full);
            // What is wrong with it the sweep tells.
            made.scenarios.push(primary.clone());
            assert_eq!(back.ended, Some(Direction::Done(End::RolledBack)), "{primary:?}");
            let turned = back.changes.iter().find(|change| change.what == Moved::Direction(Direction::Backward));
            made.strike(&primary, &back, if refused { nth } else { turned.unwrap().call });
        }
    }
    made
}

impl Generated {
    /// Every kind at every call forward, and then the failure of the last step: what a fault left behind must be found on the way back.
    fn strike_and_fail_later(&mut self, plain: &Scenario, document: &OperationDoc, run: &Outcome) {
        let Some(last) = effect_of(run, document.steps.len() - 1) else { return };
        let call = &run.calls[last];
        let subject = call.subject.split('/').next().unwrap();
        // A failure that an earlier call of the workflow meets first would come too soon.
        if run.calls[..last].iter().any(|other| other.name == call.name && other.subject.starts_with(subject)) {
            return;
        }
        let failing = FaultRule::next(call.name, subject, When::Before, Fault::Refuse(Code::Corrupt));
        for (number, hit) in hits(&run.calls, 0) {
            if number < last {
                self.scenarios.push(Scenario { failing: Some(failing.clone()), later: true, ..plain.with(hit) });
            }
        }
    }

    /// Every kind at every call of the run from this number on.
    fn strike(&mut self, base: &Scenario, run: &Outcome, from: usize) {
        let mut sides = BTreeSet::new();
        for (call, hit) in hits(&run.calls, from) {
            if sides.insert((call, hit.kind.when == When::Before)) {
                self.struck.extend(spots(run, call, hit.kind.when));
            }
            self.scenarios.push(base.with(hit));
        }
    }
}

/// Every kind at every call from this number on, with the call's number.
pub(crate) fn hits(calls: &[Call], from: usize) -> Vec<(usize, Hit)> {
    let mut hits = Vec::new();
    for (number, call) in calls.iter().enumerate().skip(from) {
        let nth = u32::try_from(number + 1).unwrap();
        hits.extend(kinds(call, is_fresh(calls, number)).into_iter().map(|kind| (number, Hit { nth, call: call.name, kind })));
    }
    hits
}

/// True when the read's provider was changed shortly before it.
fn is_fresh(calls: &[Call], number: usize) -> bool {
    let call = &calls[number];
    let provider = call.name.split('.').next();
    is_edge_read(call)
        && calls[..number].iter().any(|other| {
            let changes = !is_edge_read(other) && other.name.split('.').next() == provider && !other.faulted;
            changes && call.at.unwrap().duration_since(other.at.unwrap()).unsigned_abs() <= LAG
        })
}

/// A failure of every step: refused for good at its effect; at the edge also unclear until nobody tries any more, without effect and
/// with late ones, so that it settles.
fn failures(document: &OperationDoc, run: &Outcome) -> Vec<FaultRule> {
    use ResourceKind::{Database, FallbackOrigin, Hostname, Ingress, Records, Tunnel, Zone};
    let mut failures = Vec::new();
    for (index, step) in document.steps.iter().enumerate().filter(|(_, step)| step.state != StepState::Skipped) {
        let call = effect_of(run, index).unwrap();
        let nth = u32::try_from(call + 1).unwrap();
        let name = run.calls[call].name;
        let refusal = match name.split('.').next().unwrap() {
            "repo" => Code::Corrupt,
            "host" => Code::HostRefused,
            "databases" => Code::ForeignObject,
            _ => Code::CloudflareRefused,
        };
        match step.key.kind {
            // The check tries until its time is over.
            ResourceKind::Connectivity => {
                failures.push(FaultRule::next(name, "", When::Before, Fault::Unavailable).forever());
            }
            _ => failures.push(FaultRule::at(nth, When::Before, Fault::Refuse(refusal))),
        }
        if matches!(step.key.kind, Database | Zone | Records | Tunnel | Ingress | Hostname | FallbackOrigin) {
            for fault in [Fault::Unclear, Fault::Late(45)] {
                failures.push(FaultRule { times: TRIES, ..FaultRule::next(name, "", When::Before, fault) });
            }
        }
    }
    failures
}

/// Fewest scenarios of a workflow, from its steps alone: every kind of each step's effect, and on the way back from each step every kind of the
/// effect of everything it hangs on.
fn floor(workflow: Workflow, document: &OperationDoc, run: &Outcome) -> usize {
    let weight = |index: usize| effect_of(run, index).map_or(0, |call| kinds(&run.calls[call], false).len());
    let real = |index: &usize| document.steps[*index].state != StepState::Skipped;
    let indexes = (0..document.steps.len()).filter(real);
    let forward: usize = indexes.clone().map(weight).sum();
    if workflow.forward_only() {
        return forward;
    }
    let undone = |index: &usize| {
        let step = &document.steps[*index];
        real(index) && step.change != Change::Check && removal_calls(step)
    };
    let backward: usize = indexes
        .map(|failed| above(document, failed).iter().filter(|one| undone(one)).map(|one| weight(*one)).sum::<usize>())
        .sum();
    forward + backward
}

/// Everything a step hangs on.
fn above(document: &OperationDoc, index: usize) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    for before in &document.steps[index].after {
        all.insert(*before);
        all.extend(above(document, *before));
    }
    all
}

/// Whether taking it away calls anybody: the policy of a zone that storex made goes with the zone.
fn removal_calls(step: &Step) -> bool {
    step.key.kind != ResourceKind::ZonePolicy
}

/// All boundaries of all steps, there and, where there is one, back.
fn wanted(workflow: Workflow, document: &OperationDoc) -> BTreeSet<Spot> {
    use Boundary::{B0, B1, B2, B3, B4, B5};
    let mut wanted = BTreeSet::new();
    for (index, step) in document.steps.iter().enumerate().filter(|(_, step)| step.state != StepState::Skipped) {
        let calls = step.change != Change::Remove || removal_calls(step);
        let there = [B0, B1, B4, B5].into_iter().chain(calls.then_some([B2, B3]).into_iter().flatten());
        wanted.extend(there.map(|boundary| Spot { step: index, back: false, boundary }));
        let last = !document.steps.iter().any(|other| other.after.contains(&index));
        if !workflow.forward_only() && step.change != Change::Check && !last {
            let back = [B4, B5].into_iter().chain(removal_calls(step).then_some([B2, B3]).into_iter().flatten());
            wanted.extend(back.map(|boundary| Spot { step: index, back: true, boundary }));
        }
    }
    wanted
}
