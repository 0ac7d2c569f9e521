//! The exhaustive fault matrix: every fault at every call of every workflow, there and back, and pairs of them. Afterwards every store is
//! wholly there or wholly gone and no foreign object was touched.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod generate;
mod points;
mod run;
mod scenario;
mod sweep;
mod workflow;

use generate::generate;
use sweep::{Tally, show, sweep};
use workflow::Workflow;

/// Seed of the runs in continuous integration.
const SEED: u64 = 7;

/// Every single fault of every workflow; prints a line each.
fn singles(seed: u64) -> Tally {
    let mut all = Tally::default();
    for workflow in Workflow::ALL {
        let made = generate(workflow, seed);
        let missed: Vec<_> = made.wanted.difference(&made.struck).collect();
        assert!(missed.is_empty(), "{workflow:?}: no strike at {missed:?}");
        assert!(made.scenarios.len() >= made.floor, "{workflow:?}: {} scenarios, floor {}", made.scenarios.len(), made.floor);
        let tally = sweep(&made.scenarios);
        println!(
            "matrix: {workflow:?}: {} scenarios ({} forward, floor {}), {} of {} spots; {} succeeded, {} rolled back, {} poisoned, {} never begun, {} violations",
            tally.total,
            made.forward,
            made.floor,
            made.wanted.len(),
            made.wanted.len(),
            tally.succeeded,
            tally.rolled_back,
            tally.poisoned,
            tally.never_begun,
            tally.violations.len()
        );
        all.add(tally);
    }
    all
}

#[test]
fn every_fault_at_every_call_leaves_every_store_wholly_there_or_wholly_gone() {
    let tally = singles(SEED);
    assert!(tally.violations.is_empty(), "{}", show(&tally.violations));
    println!("matrix: {} scenarios, {} violations", tally.total, tally.violations.len());
}
