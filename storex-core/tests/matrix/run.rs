//! Running one scenario: the process that is struck, the next one, and the end.

use crate::scenario::{Scenario, Then};
use crate::workflow::{parts, runtime};
use std::time::Duration;
use storex_core::operation::{Direction, OperationDoc, Outcome as End};
use storex_core::{Settings, Table};
use storex_fakes::{Call, Gate, JournalChange, Parts, Process, Running, Snapshot, World};
use tokio::task::JoinSet;

/// How long a scenario may take before it counts as never ending.
const PATIENCE: Duration = Duration::from_hours(24);
/// How long nothing must happen after the end.
const AFTERMATH: Duration = Duration::from_mins(10);

/// What a process of a scenario is made of.
pub(crate) type Assemble = fn(&World) -> Parts;

/// How a scenario went.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What is wrong; empty when all is well.
    pub(crate) problems: Vec<String>,
    /// How the workflow's operation ended; none when it never began.
    pub(crate) ended: Option<Direction>,
    /// Every call from the request on.
    pub(crate) calls: Vec<Call>,
    /// How the journals moved; their call numbers count from the request on, from 0.
    pub(crate) changes: Vec<JournalChange>,
    /// The workflow's operation.
    pub(crate) document: Option<OperationDoc>,
}

/// How much of an outcome is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Whether all is well.
    Verdict,
    /// Calls and journal too.
    Full,
}

/// Runs a scenario of sound processes.
pub(crate) fn run(scenario: &Scenario, detail: Detail) -> Outcome {
    run_with(scenario, detail, parts)
}

/// Runs a scenario of processes made like this.
pub(crate) fn run_with(scenario: &Scenario, detail: Detail, assemble: Assemble) -> Outcome {
    // The base is made in a runtime of its own.
    let base = scenario.workflow.base();
    runtime().block_on(Run::drive(base, scenario, detail, assemble))
}

struct Run<'a> {
    scenario: &'a Scenario,
    assemble: Assemble,
    world: World,
    /// The process that got the request.
    asked: Gate,
    /// The processes that are not gone.
    processes: Vec<Process>,
    /// Their tasks that take over what nobody drives.
    recoveries: JoinSet<()>,
}

impl Run<'_> {
    async fn drive(base: &Snapshot, scenario: &Scenario, detail: Detail, assemble: Assemble) -> Outcome {
        let world = World::of(base);
        world.seed(scenario.seed);
        world.host.keep_backup();
        let first = world.start(assemble(&world)).await.unwrap();
        let from = world.script.calls();
        for rule in scenario.rules() {
            world.script.add(rule);
        }
        let before: Vec<String> = world.stores.rows(Table::Operations).iter().map(|row| row.id.clone()).collect();
        let acting = tokio::spawn(scenario.workflow.act(first.controller.clone()));
        let asked = first.gate.clone();
        let mut run = Run { scenario, assemble, world, asked, processes: vec![first], recoveries: JoinSet::new() };
        let mut problems = run.until_quiet(&acting).await;
        acting.abort();
        problems.extend(run.unfired());
        problems.extend(run.world.judge(scenario.allowance()).await);
        let mut outcome = run.outcome(problems, detail, from, &before);
        if scenario.must_succeed() && !matches!(outcome.ended, None | Some(Direction::Done(End::Succeeded))) {
            outcome.problems.push(format!("I26: a fault that passes made it end {:?}", outcome.ended));
        }
        outcome
    }

    fn settings(&self) -> Settings {
        crate::workflow::settings(&self.world)
    }

    /// Returns once every operation is at rest, every effect has landed and no process is stopped.
    async fn until_quiet(&mut self, acting: &tokio::task::JoinHandle<Result<(), storex_core::Error>>) -> Vec<String> {
        let clock = self.world.clock();
        let end = clock.now() + PATIENCE;
        let (mut strikes, mut pause) = (0, Duration::from_millis(200));
        while clock.now() < end {
            tokio::select! {
                biased;
                count = self.world.script.struck(strikes) => {
                    strikes = self.replace(count).await;
                    pause = Duration::from_millis(200);
                }
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(30)),
            }
            if !self.is_at_rest() {
                continue;
            }
            self.processes.iter().for_each(|one| one.gate.resume());
            let answered = acting.is_finished() || self.asked.running() == Running::Crashed;
            if answered && self.world.script.late() == 0 {
                tokio::time::sleep(AFTERMATH).await;
                if self.is_at_rest() && self.world.script.late() == 0 {
                    return Vec::new();
                }
            }
        }
        vec![format!("I13: not at rest after {PATIENCE:?}")]
    }

    fn is_at_rest(&self) -> bool {
        self.world.stores.rows(Table::Operations).iter().all(|row| !row.indexes.contains_key("open"))
    }

    /// A process was struck: another one takes over.
    async fn replace(&mut self, mut strikes: u32) -> u32 {
        let lease = self.settings().lease + Duration::from_secs(1);
        let (crashed, then) = (self.processes.iter().position(|one| one.gate.running() == Running::Crashed), self.then());
        if let Some(place) = crashed {
            self.processes.remove(place).controller.stop().await;
        }
        let crashed = crashed.is_some();
        if crashed && then == Then::Plain {
            self.world.void_leases();
        }
        loop {
            // A process that cannot start, or is struck while it starts, is started again.
            tokio::select! {
                biased;
                count = self.world.script.struck(strikes) => strikes = count,
                next = self.start() => if let Ok(next) = next {
                    self.processes.push(next);
                    break;
                },
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        if !(crashed && then == Then::Plain) {
            tokio::time::sleep(lease).await;
        }
        // From now on everybody looks for operations nobody drives, as a server does.
        self.recoveries.abort_all();
        for process in &self.processes {
            let controller = process.controller.clone();
            self.recoveries.spawn(async move { controller.run_recovery().await });
        }
        if !crashed && then == Then::Other {
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.processes.iter().for_each(|one| one.gate.resume());
        }
        strikes
    }

    /// A new process that looks at once for what nobody drives; a lease that runs keeps it off.
    async fn start(&self) -> Result<Process, storex_core::Error> {
        let next = self.world.start((self.assemble)(&self.world)).await?;
        next.controller.resume().await?;
        Ok(next)
    }

    fn then(&self) -> Then {
        let rules = self.world.script.rules();
        let hits = self.scenario.hits.iter().zip(&rules).rev();
        hits.filter(|(_, rule)| rule.fired > 0).map(|(hit, _)| hit.kind.then).next().unwrap_or(Then::Plain)
    }

    /// Strikes that never struck: then the scenario shows nothing.
    fn unfired(&self) -> Vec<String> {
        let mut rules = self.world.script.rules();
        if self.scenario.later {
            rules.truncate(self.scenario.hits.len());
        }
        rules.iter().filter(|rule| rule.fired == 0).map(|rule| format!("did not fire: {rule:?}")).collect()
    }

    fn outcome(self, problems: Vec<String>, detail: Detail, from: usize, before: &[String]) -> Outcome {
        let flow = self.scenario.workflow.flow();
        let mut rows = self.world.stores.rows(Table::Operations);
        rows.retain(|row| !before.contains(&row.id));
        if detail == Detail::Verdict {
            let direction = rows.first().and_then(|row| ended(row.body.as_str()));
            return Outcome { problems, ended: direction, calls: Vec::new(), changes: Vec::new(), document: None };
        }
        let documents = rows.iter().map(|row| row.body.read::<OperationDoc>().unwrap());
        let document = documents.into_iter().find(|doc| doc.flow == flow);
        let mut changes = self.world.wires.changes();
        for change in &mut changes {
            change.call -= from;
        }
        Outcome {
            problems,
            ended: document.as_ref().map(|doc| doc.direction),
            calls: self.world.script.history().split_off(from),
            changes,
            document,
        }
    }
}

fn ended(text: &str) -> Option<Direction> {
    #[derive(serde::Deserialize)]
    struct Shown {
        direction: Direction,
    }
    serde_json::from_str::<Shown>(text).ok().map(|shown| shown.direction)
}
