//! Routers that each break one promise.

use async_trait::async_trait;
use std::sync::{Mutex, MutexGuard};
use storex_core::{Code, Committed, Error, ProxyWriter, Result, RouteTable};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    ReadingCounts,
    AnswersTheNextGeneration,
    GenerationStands,
    TakesThePast,
    TakesTheFuture,
    CheckCommits,
    Merges,
    KeepsTheLastRoute,
    SkipsTheSame,
    LosesLongNames,
    LooksThenActs,
    KeepsPorts,
    CommitsInTwoSteps,
}

/// A router with one defect.
#[derive(Debug)]
pub(crate) struct BrokenProxy {
    defect: Defect,
    in_force: Mutex<(u64, RouteTable)>,
}

impl BrokenProxy {
    /// Every defect and the law it breaks.
    pub(crate) const ALL: &[(Defect, &str)] = &[
        (Defect::ReadingCounts, "PW-01"),
        (Defect::AnswersTheNextGeneration, "PW-02"),
        (Defect::GenerationStands, "PW-03"),
        (Defect::TakesThePast, "PW-04"),
        (Defect::TakesTheFuture, "PW-05"),
        (Defect::CheckCommits, "PW-06"),
        (Defect::Merges, "PW-07"),
        (Defect::KeepsTheLastRoute, "PW-08"),
        (Defect::SkipsTheSame, "PW-09"),
        (Defect::LosesLongNames, "PW-10"),
        (Defect::LooksThenActs, "PW-11"),
        (Defect::KeepsPorts, "PW-12"),
        (Defect::CommitsInTwoSteps, "PW-13"),
    ];

    pub(crate) fn new(defect: Defect) -> Self {
        Self { defect, in_force: Mutex::default() }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn in_force(&self) -> MutexGuard<'_, (u64, RouteTable)> {
        self.in_force.lock().expect("nobody panicked")
    }

    fn set(&self, generation: u64, table: RouteTable) {
        *self.in_force() = (generation, table);
    }

    /// The table a commit would leave in force.
    fn bent(&self, former: &RouteTable, table: &RouteTable) -> RouteTable {
        let mut table = table.clone();
        if self.has(Defect::Merges) {
            table.routes.extend(former.routes.clone());
        }
        if self.has(Defect::KeepsTheLastRoute) && table.routes.is_empty() {
            table = former.clone();
        }
        if self.has(Defect::LosesLongNames) {
            table.routes.retain(|name, _| name.as_str().len() < 250);
        }
        if self.has(Defect::KeepsPorts) {
            for (name, port) in &mut table.routes {
                *port = former.routes.get(name).copied().unwrap_or(*port);
            }
        }
        table
    }
}

#[async_trait]
impl ProxyWriter for BrokenProxy {
    async fn load(&self) -> Result<(u64, RouteTable)> {
        let mut in_force = self.in_force();
        if self.has(Defect::ReadingCounts) {
            in_force.0 += 1;
        }
        Ok(in_force.clone())
    }

    async fn check(&self, table: &RouteTable) -> Result<()> {
        if self.has(Defect::CheckCommits) {
            self.in_force().1 = table.clone();
        }
        Ok(())
    }

    async fn commit(&self, table: &RouteTable, expected_generation: u64) -> Result<Committed> {
        let (generation, former) = self.in_force().clone();
        let taken = match self.defect {
            Defect::TakesThePast => expected_generation <= generation,
            Defect::TakesTheFuture => expected_generation >= generation,
            _ => expected_generation == generation,
        };
        if !taken {
            return Err(Error::new(Code::VersionConflict, "another table is in force"));
        }
        if self.has(Defect::LooksThenActs) {
            tokio::task::yield_now().await;
        }
        if self.has(Defect::SkipsTheSame) && former == *table {
            return Ok(Committed { generation, quarantined: Vec::new() });
        }
        let table = self.bent(&former, table);
        let next = if self.has(Defect::GenerationStands) { generation } else { generation + 1 };
        if self.has(Defect::CommitsInTwoSteps) {
            let half = RouteTable { routes: table.routes.clone().into_iter().take(1).collect() };
            self.set(generation, half);
            tokio::task::yield_now().await;
        }
        self.set(next, table);
        let told = if self.has(Defect::AnswersTheNextGeneration) { next + 1 } else { next };
        Ok(Committed { generation: told, quarantined: Vec::new() })
    }
}
