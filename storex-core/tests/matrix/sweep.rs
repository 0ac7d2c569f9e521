//! Running many scenarios on all cores.

use crate::run::{Detail, run};
use crate::scenario::Scenario;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use storex_core::operation::{Direction, Outcome as End};

/// What many scenarios showed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) total: usize,
    pub(crate) succeeded: usize,
    pub(crate) rolled_back: usize,
    pub(crate) poisoned: usize,
    /// Nothing was begun.
    pub(crate) never_begun: usize,
    /// Scenarios with a broken invariant, and how.
    pub(crate) violations: Vec<(Scenario, Vec<String>)>,
}

impl Tally {
    fn count(&mut self, scenario: &Scenario, ended: Option<Direction>, problems: Vec<String>) {
        self.total += 1;
        match ended {
            Some(Direction::Done(End::Succeeded)) => self.succeeded += 1,
            Some(Direction::Done(End::RolledBack)) => self.rolled_back += 1,
            Some(_) => self.poisoned += 1,
            None => self.never_begun += 1,
        }
        if !problems.is_empty() {
            self.violations.push((scenario.clone(), problems));
        }
    }

    /// How they ended, in words.
    pub(crate) fn ends(&self) -> String {
        format!(
            "{} succeeded, {} rolled back, {} poisoned, {} never begun, {} violations",
            self.succeeded,
            self.rolled_back,
            self.poisoned,
            self.never_begun,
            self.violations.len()
        )
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.total += other.total;
        self.succeeded += other.succeeded;
        self.rolled_back += other.rolled_back;
        self.poisoned += other.poisoned;
        self.never_begun += other.never_begun;
        self.violations.extend(other.violations);
    }
}

/// Does the work of `count` items on all cores; each thread adds to a tally of its own.
pub(crate) fn on_all_cores(count: usize, work: impl Fn(usize, &mut Tally) + Sync) -> Tally {
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut tally = Tally::default();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    work(index, &mut tally);
                }
                all.lock().unwrap().add(tally);
            });
        }
    });
    all.into_inner().unwrap()
}

/// Runs every scenario.
pub(crate) fn sweep(scenarios: &[Scenario]) -> Tally {
    on_all_cores(scenarios.len(), |index, tally| one(&scenarios[index], tally))
}

/// Runs one scenario into the tally.
pub(crate) fn one(scenario: &Scenario, tally: &mut Tally) {
    let outcome = run(scenario, Detail::Verdict);
    tally.count(scenario, outcome.ended, outcome.problems);
}

/// The violations in words: how often each kind at each call, with an example in full.
pub(crate) fn show(violations: &[(Scenario, Vec<String>)]) -> String {
    let mut groups: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (scenario, problems) in violations {
        let hits = scenario.hits.iter().map(|hit| format!("{:?} {:?} at {}", hit.kind.when, hit.kind.fault, hit.call));
        let class = problems.first().map(|first| first.split(' ').take(3).collect::<Vec<_>>().join(" "));
        let key = format!("{:?}: {}: {}", scenario.workflow, hits.collect::<Vec<_>>().join(", "), class.unwrap_or_default());
        let example = || format!("{scenario:?}\n      {}", problems.join("\n      "));
        groups.entry(key).or_insert_with(|| (0, example())).0 += 1;
    }
    let lines = groups.into_iter().map(|(key, (count, example))| format!("{count} x {key}\n    {example}"));
    format!("{} violations:\n  {}", violations.len(), lines.collect::<Vec<_>>().join("\n  "))
}
