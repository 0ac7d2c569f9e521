//! Controls: controllers with one thing broken, made at run time. The matrix must find every one of them out.

use crate::dice::Dice;
use crate::flawed::{EdgeFlaw, FastClock, FlawedEdge, FlawedHost, FlawedRepo, HostFlaw, Misreading, RepoFlaw};
use crate::generate::Generated;
use crate::run::{Assemble, Detail, run_with};
use crate::scenario::Scenario;
use crate::workflow::{Workflow, parts};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use storex_core::operation::{
    Change, Decide, Direction, Facts, Flow, Intent, Known, Move, OperationDoc, Outcome, Step, StepState, next,
};
use storex_core::resource::{ClaimSpec, Claimed, ResourceKind};
use storex_core::{Code, Json};
use storex_fakes::{Parts, World};

/// Scenarios tried before a mutant counts as survived.
const LIMIT: usize = 8_000;

/// A controller with one thing broken.
pub(crate) struct Mutant {
    name: &'static str,
    assemble: Assemble,
}

/// What became of a mutant: the scenario that killed it, how many it took, and why.
pub(crate) struct Verdict {
    pub(crate) name: &'static str,
    pub(crate) killed_by: Option<(String, usize, String)>,
}

/// Tries scenarios in the order of the seed until one shows each mutant broken.
pub(crate) fn hunt(made: &[Generated], seed: u64) -> Vec<Verdict> {
    let mut shuffled: Vec<&Scenario> = made.iter().flat_map(|one| &one.scenarios).collect();
    Dice(seed).shuffle(&mut shuffled);
    let plain: Vec<Scenario> =
        [Workflow::CreateForeign].into_iter().chain(Workflow::ALL).map(|workflow| Scenario::fault_free(workflow, seed)).collect();
    let scenarios: Vec<&Scenario> = plain.iter().chain(shuffled).take(LIMIT).collect();
    all().into_iter().map(|mutant| Verdict { name: mutant.name, killed_by: kill(&mutant, &scenarios) }).collect()
}

fn kill(mutant: &Mutant, scenarios: &[&Scenario]) -> Option<(String, usize, String)> {
    scenarios.iter().enumerate().find_map(|(index, scenario)| {
        let problems = run_with(scenario, Detail::Verdict, mutant.assemble).problems;
        // A broken controller takes other ways, on which a strike can miss; that alone shows nothing.
        let problem = problems.into_iter().find(|problem| !problem.starts_with("did not fire"))?;
        let hits: Vec<_> = scenario
            .hits
            .iter()
            .map(|hit| format!("{:?} {:?} at {} {}", hit.kind.when, hit.kind.fault, hit.call, hit.nth))
            .collect();
        let failing = scenario.failing.as_ref().map_or("", |_| ", on the way back");
        Some((format!("{:?} {}{failing}", scenario.workflow, hits.join(", ")), index + 1, problem))
    })
}

/// Every mutant.
fn all() -> Vec<Mutant> {
    macro_rules! decides {
        ($($name:literal: $decide:expr,)*) => { [$(Mutant { name: $name, assemble: |world| decided(world, $decide) },)*] };
    }
    macro_rules! flawed {
        ($maker:ident: $($name:literal: $flaw:expr,)*) => { [$(Mutant { name: $name, assemble: |world| $maker(world, $flaw) },)*] };
    }
    let mut all = Vec::new();
    all.extend(decides! {
        "the step in doubt is not undone": doubt_not_undone,
        "effects come before intents": effects_first,
        "nothing settles": settle_zero,
        "settling does not sweep": settle_blindly,
        "claims are given up first": claims_first,
        "rolled back when the host is clean": rolled_back_early,
        "succeeded when the host is done": succeeded_early,
        "poisons instead of turning back": poisons,
        "names are not claimed": claims_skipped,
        "unclear counts as done": unclear_is_done,
        "unclear counts as refused": unclear_is_refused,
        "the process does not wait for its files": no_order,
        "undone in any order": no_order_back,
        "values before are not brought back": no_revert,
        "doubts of what succeeded later are forgotten": doubts_forgotten,
        "removals on the host are assumed": removals_assumed,
    });
    all.extend(flawed! { with_repo:
        "no compare-and-swap on the journal": RepoFlaw::NoCompare,
        "the repo loses a write": RepoFlaw::LosesWrites,
        "the repo grants every claim": RepoFlaw::GrantsClaims,
        "the repo keeps every claim": RepoFlaw::KeepsClaims,
        "a repeated claim takes another name": RepoFlaw::ClaimsAnother,
        "the repo grants every lease": RepoFlaw::GrantsLeases,
        "the repo keeps every document": RepoFlaw::KeepsDocuments,
        "the repo does not know a repeated write": RepoFlaw::ForgetsNonces,
        "writes after the end of a lease happen": RepoFlaw::NoFence,
    });
    all.extend(flawed! { with_edge:
        "a short page counts as all": EdgeFlaw::ShortPages,
        "every read is stale": EdgeFlaw::AlwaysStale,
        "records are removed whoever made them": EdgeFlaw::RemovesAllRecords,
        "zones are not found": EdgeFlaw::NoZones,
        "records are not made": EdgeFlaw::MakesNothing,
        "zones are not removed": EdgeFlaw::KeepsZones,
    });
    all.extend(flawed! { with_host:
        "no epoch": HostFlaw::NoEpoch,
        "parts are not removed": HostFlaw::KeepsParts,
        "routes are not made": HostFlaw::ForgetsRoutes,
        "epochs fall": HostFlaw::FallingEpoch,
    });
    // The look and the creation guard a foreign zone; each alone is enough.
    all.push(Mutant { name: "a foreign zone is taken for ours", assemble: |world| unguarded(world, foreign_ignored) });
    all.push(Mutant { name: "a zone is not looked for before it is made", assemble: |world| unguarded(world, no_proof) });
    all.push(Mutant { name: "a failed listing counts as empty", assemble: misread });
    all.push(Mutant { name: "the clock runs a hundred times too fast", assemble: fast });
    all
}

fn decided(world: &World, decide: Decide) -> Parts {
    Parts { decide: Some(decide), ..parts(world) }
}

fn with_repo(world: &World, flaw: RepoFlaw) -> Parts {
    let sound = parts(world);
    let repo = FlawedRepo { inner: Arc::clone(&sound.repo), stores: world.stores.clone(), flaw, count: AtomicU32::new(0) };
    Parts { repo: Arc::new(repo), ..sound }
}

fn with_edge(world: &World, flaw: EdgeFlaw) -> Parts {
    let sound = parts(world);
    let edge = FlawedEdge { inner: Arc::clone(&sound.domains), domains: world.domains.clone(), flaw };
    Parts { domains: Arc::new(edge), ..sound }
}

fn unguarded(world: &World, decide: Decide) -> Parts {
    Parts { decide: Some(decide), ..with_edge(world, EdgeFlaw::AnswersWhatExists) }
}

fn misread(world: &World) -> Parts {
    Parts { misread: Some(|inner| Arc::new(Misreading(inner))), ..parts(world) }
}

fn with_host(world: &World, flaw: HostFlaw) -> Parts {
    let sound = parts(world);
    Parts { host: Arc::new(FlawedHost { inner: Arc::clone(&sound.host), flaw }), ..sound }
}

fn fast(world: &World) -> Parts {
    let sound = parts(world);
    let (inner, start) = (Arc::clone(&sound.clock), sound.clock.now());
    Parts { clock: Arc::new(FastClock { inner, start }), ..sound }
}

type Moves = Vec<Move>;

/// The engine's decision with each move replaced.
fn replaced(moves: Moves, doc: &OperationDoc, replace: impl Fn(usize, &Step, Move) -> Move) -> Moves {
    let step_of = |one: &Move| match one {
        Move::Intend(index, _)
        | Move::Settle(index, _)
        | Move::Clear(index)
        | Move::Look(index)
        | Move::Bring(index)
        | Move::Revert(index)
        | Move::Remove(index)
        | Move::Check(index) => Some(*index),
        _ => None,
    };
    moves
        .into_iter()
        .map(|one| match step_of(&one) {
            Some(index) => replace(index, &doc.steps[index], one),
            None => one,
        })
        .collect()
}

fn back(doc: &OperationDoc) -> bool {
    doc.direction == Direction::Backward
}

fn doubt_not_undone(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    replaced(next(doc, facts, now, flow), doc, |index, step, one| {
        if back(doc) && step.state == StepState::Intent { Move::Settle(index, None) } else { one }
    })
}

fn effects_first(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    replaced(next(doc, facts, now, flow), doc, |index, step, one| match one {
        Move::Intend(..) if step.key.kind == ResourceKind::HostPart && step.change == Change::Bring => Move::Bring(index),
        other => other,
    })
}

fn settle_zero(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    let waiting = |step: &Step| back(doc) && step.is_unmade() && step.doubt_until.is_some();
    let clear: Moves = (0..doc.steps.len()).filter(|index| waiting(&doc.steps[*index])).map(Move::Clear).collect();
    if clear.is_empty() { next(doc, facts, now, flow) } else { clear }
}

fn settle_blindly(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    replaced(next(doc, facts, now, flow), doc, |index, step, one| match one {
        Move::Look(_) if back(doc) && step.is_unmade() => Move::Clear(index),
        other => other,
    })
}

fn claims_first(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    let mut moves = next(doc, facts, now, flow);
    for (index, step) in doc.steps.iter().enumerate().filter(|_| back(doc)) {
        let held = step.key.kind == ResourceKind::Claim && step.state == StepState::Done;
        if held && facts.0.get(&index) != Some(&Known::Busy) && !moves.contains(&Move::Remove(index)) {
            moves.push(Move::Remove(index));
        }
    }
    moves
}

fn on_host(doc: &OperationDoc, done: impl Fn(&Step) -> bool) -> bool {
    let mut parts = doc.steps.iter().filter(|step| step.key.kind == ResourceKind::HostPart).peekable();
    parts.peek().is_some() && parts.all(done)
}

fn rolled_back_early(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    if back(doc) && on_host(doc, Step::is_unmade) {
        return vec![Move::Finish(Outcome::RolledBack)];
    }
    next(doc, facts, now, flow)
}

fn succeeded_early(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    if doc.direction == Direction::Forward && on_host(doc, Step::is_settled) {
        return vec![Move::Finish(Outcome::Succeeded)];
    }
    next(doc, facts, now, flow)
}

fn poisons(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    let moves = next(doc, facts, now, flow).into_iter();
    moves.map(|one| if let Move::Turn(error) = one { Move::Poison(error) } else { one }).collect()
}

fn claims_skipped(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    replaced(next(doc, facts, now, flow), doc, |index, step, one| match &one {
        Move::Intend(_, Intent { spec, .. }) if step.key.kind == ResourceKind::Claim && step.change == Change::Bring => {
            let spec: ClaimSpec = spec.read().unwrap();
            let name = spec.candidates[0].clone();
            let held = Claimed { namespace: spec.namespace, name, owner: doc.id.to_string() };
            Move::Settle(index, Some(Json::of(&held).unwrap()))
        }
        _ => one,
    })
}

fn foreign_ignored(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    let zone = doc.steps.iter().position(|step| step.key.kind == ResourceKind::Zone && step.state == StepState::Pending);
    let moves = next(doc, facts, now, flow).into_iter();
    moves
        .map(|one| match (&one, zone) {
            (Move::Turn(error), Some(index)) if error.code == Code::ZoneExists => {
                Move::Intend(index, doc.steps[index].values().unwrap().clone())
            }
            _ => one,
        })
        .collect()
}

fn no_proof(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    replaced(next(doc, facts, now, flow), doc, |index, step, one| match one {
        Move::Look(_) if step.state == StepState::Pending => Move::Intend(index, step.values().unwrap().clone()),
        other => other,
    })
}

fn unclear_is_done(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    replaced(next(doc, facts, now, flow), doc, |index, step, one| match one {
        Move::Look(_) if step.doubts > 0 && step.key.kind == ResourceKind::HostPart && !back(doc) => Move::Settle(index, None),
        other => other,
    })
}

fn unclear_is_refused(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    let doubted = |step: &Step| back(doc) && step.is_unmade() && step.doubt_until.is_some();
    let clear: Moves = (0..doc.steps.len()).filter(|index| doubted(&doc.steps[*index])).map(Move::Clear).collect();
    if clear.is_empty() { doubt_not_undone(doc, facts, now, flow) } else { clear }
}

fn no_order(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    let mut moves = next(doc, facts, now, flow);
    let store = |doc: &OperationDoc| doc.steps.iter().any(|step| step.key.name == "stores/self" && step.is_settled());
    for (index, step) in doc.steps.iter().enumerate().filter(|_| doc.direction == Direction::Forward && store(doc)) {
        let early = step.key.name == "process" && step.state == StepState::Pending && step.change == Change::Bring;
        let offered = moves.iter().any(|one| matches!(one, Move::Intend(other, _) if *other == index));
        if let (true, Ok((from, spec))) = (early && !offered, flow.resolve(doc, index)) {
            moves.push(Move::Intend(index, Intent { from, spec }));
        }
    }
    moves
}

fn no_order_back(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    let mut moves = next(doc, facts, now, flow);
    for (index, step) in doc.steps.iter().enumerate().filter(|_| back(doc)) {
        let made = step.state == StepState::Done && step.change == Change::Bring;
        let plain = step.values().is_some_and(|values| values.from.is_none());
        if made && plain && facts.0.get(&index) != Some(&Known::Busy) && !moves.contains(&Move::Remove(index)) {
            moves.push(Move::Remove(index));
        }
    }
    moves
}

fn no_revert(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    replaced(next(doc, facts, now, flow), doc, |index, step, one| match one {
        Move::Revert(_) if step.is_unmade() => Move::Clear(index),
        Move::Revert(_) => Move::Settle(index, None),
        other => other,
    })
}

fn doubts_forgotten(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    let forgotten = |step: &Step| back(doc) && step.is_unmade() && step.doubt_until.is_some() && step.ended_at.is_some();
    let clear: Moves = (0..doc.steps.len()).filter(|index| forgotten(&doc.steps[*index])).map(Move::Clear).collect();
    if clear.is_empty() { next(doc, facts, now, flow) } else { clear }
}

fn removals_assumed(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Moves {
    replaced(next(doc, facts, now, flow), doc, |index, step, one| match one {
        Move::Remove(_) if !back(doc) && step.key.kind == ResourceKind::HostPart => Move::Settle(index, None),
        other => other,
    })
}
