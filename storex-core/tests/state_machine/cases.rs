//! Many cases from one seed on all cores, and the shortest sequence that shows what is wrong.

use crate::base::{Assemble, parts};
use crate::command::Command;
use crate::model::Model;
use crate::trial::run;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use proptest_state_machine::ReferenceStateMachine;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Commands of a case, at least and at most.
const LENGTH: std::ops::RangeInclusive<usize> = 20..=60;

/// Shorter sequences tried of a failing case.
const SHRINKS: usize = 700;

type Value = (Model, Vec<Command>);

/// A case that shows something wrong.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) commands: Vec<Command>,
    pub(crate) problems: Vec<String>,
}

impl Failure {
    /// What is wrong, without names and numbers.
    pub(crate) fn class(&self) -> String {
        class(&self.problems[0])
    }
}

/// What many cases showed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) cases: usize,
    pub(crate) commands: usize,
    /// Every failing case, the first of each class shrunken.
    pub(crate) failures: Vec<Failure>,
    /// Seeds of the cases that showed nothing wrong.
    pub(crate) sound: Vec<u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.commands += other.commands;
        self.failures.extend(other.failures);
        self.sound.extend(other.sound);
    }
}

/// The kind of a problem: its words without what belongs to the case.
pub(crate) fn class(problem: &str) -> String {
    let head: String = problem.split('(').next().unwrap_or_default().chars().filter(|c| !c.is_ascii_digit()).collect();
    head.split(' ').take(4).collect::<Vec<_>>().join(" ")
}

/// The randomness of case `number` of the seed.
pub(crate) fn case_seed(seed: u64, number: usize) -> u64 {
    seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number as u64)
}

fn tree(seed: u64) -> impl ValueTree<Value = Value> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    let sequences = Model::sequential_strategy(LENGTH).prop_map(|(model, commands, seen)| {
        if let Some(seen) = seen {
            // A trial is judged at its end: it has seen them all.
            seen.store(commands.len(), Ordering::SeqCst);
        }
        (model, commands)
    });
    sequences.new_tree(&mut runner).unwrap()
}

/// The commands of a case.
pub(crate) fn sequence(seed: u64) -> Value {
    tree(seed).current()
}

/// Runs the case; answers how many commands it has and what is wrong.
fn one(seed: u64, assemble: Assemble) -> (Value, Vec<String>) {
    let value = sequence(seed);
    let problems = run(&value.0, &value.1, seed, assemble);
    (value, problems)
}

/// The shortest sequence that still shows something of this class.
fn shrunken(failure: Failure, assemble: Assemble) -> Failure {
    let wanted = failure.class();
    let mut tree = tree(failure.seed);
    let mut best = failure;
    // Only a case that was looked at counts as seen.
    drop(tree.current());
    if !tree.simplify() {
        return best;
    }
    for _ in 0..SHRINKS {
        let (model, commands) = tree.current();
        let mut problems = run(&model, &commands, best.seed, assemble);
        let shows = problems.iter().position(|problem| class(problem) == wanted);
        let more = match shows {
            Some(place) => {
                problems.swap(0, place);
                best = Failure { commands, problems, ..best };
                tree.simplify()
            }
            None => tree.complicate(),
        };
        if !more {
            break;
        }
    }
    best
}

/// Runs so many cases of sound controllers.
pub(crate) fn sweep(seed: u64, count: usize) -> Tally {
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let classes = Mutex::new(BTreeMap::<String, usize>::new());
    on_all_cores(|| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let seed = case_seed(seed, number);
            let ((_, commands), problems) = one(seed, parts);
            let failure = (!problems.is_empty()).then(|| {
                let failure = Failure { seed, commands: commands.clone(), problems };
                let first = *classes.lock().unwrap().entry(failure.class()).and_modify(|count| *count += 1).or_insert(1) == 1;
                if first { shrunken(failure, parts) } else { failure }
            });
            let mut tally = all.lock().unwrap();
            tally.cases += 1;
            tally.commands += commands.len();
            match failure {
                Some(failure) => tally.failures.push(failure),
                None => tally.sound.push(seed),
            }
        }
    });
    let mut tally = all.into_inner().unwrap();
    tally.sound.sort_unstable();
    tally
}

/// Runs the cases of these seeds on other controllers until one shows something wrong; answers the first that does, and what.
pub(crate) fn hunt(seeds: &[u64], assemble: Assemble) -> Option<(usize, String)> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(None::<(usize, String)>));
    on_all_cores(|| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let is_over = found.lock().unwrap().as_ref().is_some_and(|(first, _)| *first <= index);
            let Some(seed) = seeds.get(index).filter(|_| !is_over) else { return };
            let Some(problem) = one(*seed, assemble).1.into_iter().next() else { continue };
            let mut found = found.lock().unwrap();
            if found.as_ref().is_none_or(|(first, _)| index + 1 < *first) {
                *found = Some((index + 1, problem));
            }
        }
    });
    found.into_inner().unwrap()
}

pub(crate) fn on_all_cores(work: impl Fn() + Sync) {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&work);
        }
    });
}

/// Each item on a line of its own.
fn lines<T: std::fmt::Display>(before: &str, items: &[T]) -> String {
    items.iter().flat_map(|item| [before.to_owned(), item.to_string(), "\n".to_owned()]).collect()
}

/// The failures in words: how many of each class, with the shortest sequence of it.
pub(crate) fn show(failures: &[Failure]) -> String {
    let mut classes: BTreeMap<String, (usize, &Failure)> = BTreeMap::new();
    for failure in failures {
        let known = classes.entry(failure.class()).or_insert((0, failure));
        known.0 += 1;
        if failure.commands.len() < known.1.commands.len() {
            known.1 = failure;
        }
    }
    let classes = classes.into_iter().map(|(class, (count, failure))| {
        let commands = lines("    ", &failure.commands);
        let problems = lines("    -> ", &failure.problems);
        format!(
            "{count} x {class}; the shortest, from seed {:#x}:\n{commands}{problems}    {:?}\n",
            failure.seed, failure.commands
        )
    });
    format!("{} cases with violations:\n{}", failures.len(), classes.collect::<String>())
}
