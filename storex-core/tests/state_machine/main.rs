//! Sequences of commands from people, faults and accidents on two controllers of one world, held against a simple reference. Controls: the same
//! sequences find every broken controller out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod accidents;
mod base;
mod book;
mod broken;
mod cases;
mod command;
mod hands;
mod held;
mod model;
mod regressions;
mod seats;
mod trial;
mod verdict;

use cases::{Tally, hunt, show, sweep};
use std::time::{Duration, Instant};

/// Seed of the cases in continuous integration.
const SEED: u64 = 11;
/// Cases there.
const CASES: usize = 500;
/// Cases tried before a broken controller counts as not found out.
const HUNTED: usize = 200;

#[test]
fn every_sequence_of_commands_ends_as_the_reference_says_and_broken_controllers_are_found_out() {
    let tally = sweep(SEED, CASES);
    let (broken, mut found, mut tried) = (broken::all(), 0, 0);
    // Only where sound controllers show nothing wrong does a broken one show itself.
    let sound = &tally.sound[..HUNTED.min(tally.sound.len())];
    for one in &broken {
        let shown = hunt(sound, one.assemble);
        found += usize::from(shown.is_some());
        tried += shown.as_ref().map_or(sound.len(), |(count, _)| *count);
        match shown {
            Some((count, why)) => println!("control: {:?} found out by case {count}: {why}", one.name),
            None => println!("control: {:?} NOT found out", one.name),
        }
    }
    println!(
        "state machine: {} cases, {} commands, {} violations (seed {SEED}); control: {found} of {} broken controllers found out in {tried} cases",
        tally.cases,
        tally.commands,
        tally.failures.len(),
        broken.len()
    );
    assert!(tally.failures.is_empty(), "{}", show(&tally.failures));
    assert_eq!(found, broken.len(), "a broken controller was not found out");
    assert!(tally.cases >= CASES, "too few cases");
}

/// The same with fresh seeds for `STOREX_SOAK_MINUTES` (10 by default).
#[test]
#[ignore = "runs as long as it is told; make soak"]
#[expect(clippy::disallowed_methods, reason = "a soak is told how long to run and begins with a seed nobody chose")]
fn soak() {
    let minutes = std::env::var("STOREX_SOAK_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |age| age.as_secs());
    let (begun, limit) = (Instant::now(), Duration::from_secs(minutes * 60));
    let (mut all, mut round) = (Tally::default(), 0);
    while begun.elapsed() < limit {
        all.add(sweep(seed + round, CASES));
        round += 1;
    }
    println!("soak: state machine seed {seed}, {} cases, {} violations", all.cases, all.failures.len());
    assert!(all.failures.is_empty(), "{}", show(&all.failures));
}
