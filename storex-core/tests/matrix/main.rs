//! The exhaustive fault matrix: every fault at every call of every workflow, there and back, and pairs of them. Afterwards every store is
//! wholly there or wholly gone and no foreign object was touched. Controls: the same harness finds every broken controller out.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod dice;
mod flawed;
mod found;
mod generate;
mod mutants;
mod pairs;
mod points;
mod run;
mod scenario;
mod sweep;
mod workflow;

use generate::{Generated, generate};
use std::time::{Duration, Instant};
use sweep::{Tally, show, sweep};
use workflow::Workflow;

/// Seed of the runs in continuous integration.
const SEED: u64 = 7;
/// Sampled pairs there.
const PAIRS: usize = 100_000;

/// The scenarios of every workflow; fails when one is not covered.
fn generated(seed: u64) -> Vec<Generated> {
    let made = Workflow::ALL.map(|workflow| {
        let made = generate(workflow, seed);
        let missed: Vec<_> = made.wanted.difference(&made.struck).collect();
        assert!(missed.is_empty(), "{workflow:?}: no strike at {missed:?}");
        assert!(made.scenarios.len() >= made.floor, "{workflow:?}: {} scenarios, floor {}", made.scenarios.len(), made.floor);
        made
    });
    made.into_iter().collect()
}

/// Every single fault of every workflow; prints a line each.
fn singles(made: &[Generated]) -> Tally {
    let mut all = Tally::default();
    for (workflow, made) in Workflow::ALL.into_iter().zip(made) {
        let tally = sweep(&made.scenarios);
        println!(
            "matrix: {workflow:?}: {} scenarios ({} forward; floor {}), {} of {} spots: {}",
            made.scenarios.len(),
            made.forward,
            made.floor,
            made.wanted.intersection(&made.struck).count(),
            made.wanted.len(),
            tally.ends()
        );
        all.add(tally);
    }
    all
}

/// Every crash after every crash of a create forward, and `count` sampled pairs; prints a line each.
fn pairs(made: &[Generated], count: usize, seed: u64) -> Tally {
    let mut all = Tally::default();
    for (workflow, made) in Workflow::ALL.into_iter().zip(made) {
        if matches!(workflow, Workflow::CreateCustom | Workflow::CreateSystem) {
            let tally = pairs::crash_after_crash(made);
            println!("matrix: {workflow:?}: {} pairs, every crash after every crash forward: {}", tally.total, tally.ends());
            all.add(tally);
        }
    }
    let tally = pairs::sampled(made, count, seed);
    println!("matrix: {} pairs sampled from seed {seed}: {}", tally.total, tally.ends());
    all.add(tally);
    all
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it says how long it took")]
fn every_fault_and_every_pair_leaves_every_store_wholly_there_or_wholly_gone_and_every_mutant_is_found_out() {
    let begun = Instant::now();
    let made = generated(SEED);
    let singles = singles(&made);
    println!("matrix: {} scenarios in {} s", singles.total, begun.elapsed().as_secs());
    assert!(singles.violations.is_empty(), "{}", show(&singles.violations));
    let begun = Instant::now();
    let verdicts = mutants::hunt(&made, SEED);
    for verdict in &verdicts {
        match &verdict.killed_by {
            Some((scenario, count, why)) => println!("mutants: {:?} killed by scenario {count}: {scenario}: {why}", verdict.name),
            None => println!("mutants: {:?} SURVIVED", verdict.name),
        }
    }
    let killed = verdicts.iter().filter(|verdict| verdict.killed_by.is_some()).count();
    println!("mutants: {killed} of {} killed in {} s", verdicts.len(), begun.elapsed().as_secs());
    let begun = Instant::now();
    let pairs = pairs(&made, PAIRS, SEED);
    println!("matrix: {} pairs in {} s", pairs.total, begun.elapsed().as_secs());
    println!(
        "matrix: {} scenarios, {} pairs, {} violations; mutants: {killed} of {} killed",
        singles.total,
        pairs.total,
        singles.violations.len() + pairs.violations.len(),
        verdicts.len()
    );
    assert!(pairs.violations.is_empty(), "{}", show(&pairs.violations));
    assert_eq!(killed, verdicts.len(), "a mutant survived");
    assert!(singles.total >= 24_000 && pairs.total >= 100_000 && killed >= 20, "the matrix shrank");
}

/// The same with fresh seeds for `STOREX_SOAK_MINUTES` (10 by default).
#[test]
#[ignore = "runs as long as it is told; make soak"]
#[expect(clippy::disallowed_methods, reason = "a soak is told how long to run and begins with a seed nobody chose")]
fn soak() {
    let minutes = std::env::var("STOREX_SOAK_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |age| age.as_secs());
    let (begun, limit) = (Instant::now(), Duration::from_secs(minutes * 60));
    let (mut singles, mut pairs) = (Tally::default(), Tally::default());
    let mut round = 0;
    while begun.elapsed() < limit {
        let made = generated(seed + round);
        if round == 0 {
            for one in &made {
                singles.add(sweep(&one.scenarios));
            }
        }
        while begun.elapsed() < limit {
            let batch = pairs::sampled(&made, 20_000, seed + round);
            pairs.add(batch);
            round += 1;
            if round % 10 == 0 {
                break;
            }
        }
    }
    let violations = singles.violations.len() + pairs.violations.len();
    println!(
        "soak: matrix seed {seed}, {} rounds, {} scenarios, {} pairs, {violations} violations in {} min",
        round,
        singles.total,
        pairs.total,
        begun.elapsed().as_secs() / 60
    );
    singles.add(pairs);
    assert!(singles.violations.is_empty(), "{}", show(&singles.violations));
}
