//! Pairs of faults: every crash after every crash of a create on its way forward, and any after any from a seed.

use crate::dice::Dice;
use crate::generate::{Generated, hits};
use crate::run::{Detail, Outcome, run};
use crate::scenario::{Hit, Scenario, Then};
use crate::sweep::{Tally, on_all_cores, one};
use storex_fakes::{Call, Fault};

/// Strikes tried after one first strike.
const SECONDS: usize = 40;

fn is_plain_crash(hit: &Hit) -> bool {
    hit.kind.fault == Fault::Crash && hit.kind.then == Then::Plain
}

/// The calls of a run until its journals moved for the last time; afterwards processes only look whether there is anything to do.
fn at_work(run: Outcome) -> Vec<Call> {
    let last = run.changes.iter().map(|change| change.call).max().unwrap_or_default();
    let mut calls = run.calls;
    calls.truncate(last + 3);
    calls
}

/// Every plain crash at every call after every plain crash on the way forward.
pub(crate) fn crash_after_crash(made: &Generated) -> Tally {
    let firsts: Vec<&Scenario> = made.scenarios[..made.forward].iter().filter(|one| is_plain_crash(&one.hits[0])).collect();
    on_all_cores(firsts.len(), |index, tally| {
        let first = firsts[index];
        let from = usize::try_from(first.hits[0].nth).unwrap();
        let calls = at_work(run(first, Detail::Full));
        for (_, hit) in hits(&calls, from).into_iter().filter(|(_, hit)| is_plain_crash(hit)) {
            one(&first.with(hit), tally);
        }
    })
}

/// At least `count` pairs whose first strike is any scenario of these and whose second is any strike after it, from this seed.
pub(crate) fn sampled(made: &[Generated], count: usize, seed: u64) -> Tally {
    let scenarios: Vec<&Scenario> = made.iter().flat_map(|one| &one.scenarios).filter(|one| !one.hits.is_empty()).collect();
    on_all_cores(count.div_ceil(SECONDS), |index, tally| {
        let mut dice = Dice(seed.wrapping_add(u64::try_from(index).unwrap().wrapping_mul(0xD129_0DDB)));
        let wanted = tally.total + SECONDS;
        while tally.total < wanted {
            let first = scenarios[dice.below(scenarios.len())];
            let from = usize::try_from(first.hits[0].nth).unwrap();
            let calls = at_work(run(first, Detail::Full));
            let mut seconds = hits(&calls, from);
            dice.shuffle(&mut seconds);
            for (_, hit) in seconds.into_iter().take(wanted - tally.total) {
                one(&first.with(hit), tally);
            }
        }
    })
}
