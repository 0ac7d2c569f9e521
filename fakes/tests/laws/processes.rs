//! The laws of `ProcessSupervisor` on the twin, and on twins with one defect each: every law must be failed by at least one of them.

use crate::tally::{Tally, on_a_runtime};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use storex_core::{
    Code, EffectCx, Error, ProcessFacts, ProcessSpec, ProcessStatus, ProcessSupervisor, Result, StoreId, SupervisorInfo,
};
use storex_fakes::MemoryProcesses;
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::process_supervisor::{Workshop, laws};

fn spec(username: &str) -> ProcessSpec {
    static NEXT_PORT: AtomicU16 = AtomicU16::new(4001);
    let directory = PathBuf::from(format!("/stores/{username}"));
    ProcessSpec {
        store: format!("{username}-12345").parse().unwrap(),
        script: directory.join("app.js"),
        environment_file: format!("/env/{username}.env").into(),
        directory,
        environment_digest: "digest".to_owned(),
        port: NEXT_PORT.fetch_add(1, Ordering::Relaxed).try_into().unwrap(),
        node_env: "production".to_owned(),
        max_memory_bytes: 1 << 30,
    }
}

/// A workshop over the twin with this defect.
fn workshop(defect: Option<Defect>) -> Arc<Workshop> {
    let twin = MemoryProcesses::default();
    let leaked: Leaked = Leaked::default();
    let supervisor: Arc<dyn ProcessSupervisor> = match defect {
        None => Arc::new(twin.clone()),
        Some(defect) => Arc::new(Defective { twin: twin.clone(), defect, leaked: Arc::clone(&leaked), logs: Mutex::default() }),
    };
    let (losing, killing, living) = (twin.clone(), twin.clone(), twin);
    Arc::new(Workshop {
        supervisor,
        spec: Box::new(spec),
        lose: Box::new(move |path| losing.lose(path)),
        kill: Box::new(move |pid| match defect {
            Some(Defect::NeverRestarts) => killing.crash(u32::MAX),
            _ => killing.crash(pid),
        }),
        is_alive: Box::new(move |pid, ticks| living.is_alive(pid, ticks) || leaked.lock().unwrap().contains(&(pid, ticks))),
    })
}

#[tokio::test(start_paused = true)]
async fn the_twin_keeps_every_law() {
    let laws = laws();
    assert!(laws.len() >= 12, "{} laws", laws.len());
    assert_eq!(broken_laws(&laws, &workshop(None)).await, []);
}

/// What the defective twins did; computed once.
pub(crate) fn tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let broken = |defect: &Defect| (*defect, workshop(Some(*defect)));
    TALLY.get_or_init(|| {
        on_a_runtime(true, async { Tally::count("ProcessSupervisor", laws(), DEFECTS.iter().map(broken).collect()).await })
    })
}

#[test]
fn every_law_is_failed_by_a_twin_with_one_defect_and_every_defect_is_found() {
    tally().assert_whole();
}

#[tokio::test]
async fn a_refused_start_leaves_nothing_and_the_next_one_goes_through() {
    let twin = MemoryProcesses::default();
    let spec = spec("oceanbreeze");
    let cx = EffectCx {
        mark: "storex/1 i=00ab12cd s=12345 e=1f".parse().unwrap(),
        epoch: storex_core::Epoch(1),
        deadline: "2100-01-01T00:00:00Z".parse().unwrap(),
    };
    twin.fail_next_start(Code::Unavailable);
    assert_eq!(twin.start(&cx, &spec).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(twin.list().await.unwrap(), []);
    twin.start(&cx, &spec).await.unwrap();
    twin.print(&spec.store, "hello");
    assert_eq!(twin.log_tail(&spec.store, 1).await.unwrap(), ["hello"]);
    twin.give_up(&spec.store);
    let given_up = twin.list().await.unwrap().remove(0);
    assert_eq!((given_up.status, given_up.pid), (ProcessStatus::Failed, None));
    assert_eq!(twin.start(&cx, &spec).await.unwrap().status, ProcessStatus::Running);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    AnswersWithoutPid,
    RestartsAlways,
    IgnoresDifferences,
    IgnoresMissingFiles,
    IgnoresDeadlines,
    LeaksReplaced,
    LeaksEnded,
    HasNoName,
    ListsWrongly,
    NeverRestarts,
    KeepsCounting,
    RemovesEverything,
    ForgetsStopped,
    StaysStopped,
    KeepsRemoved,
    RefusesAbsent,
    RefusesTwice,
    DropsErrorOutput,
    ShowsNewestFirst,
    KeepsLogs,
}

const DEFECTS: &[Defect] = &[
    Defect::AnswersWithoutPid,
    Defect::RestartsAlways,
    Defect::IgnoresDifferences,
    Defect::IgnoresMissingFiles,
    Defect::IgnoresDeadlines,
    Defect::LeaksReplaced,
    Defect::LeaksEnded,
    Defect::HasNoName,
    Defect::ListsWrongly,
    Defect::NeverRestarts,
    Defect::KeepsCounting,
    Defect::RemovesEverything,
    Defect::ForgetsStopped,
    Defect::StaysStopped,
    Defect::KeepsRemoved,
    Defect::RefusesAbsent,
    Defect::RefusesTwice,
    Defect::DropsErrorOutput,
    Defect::ShowsNewestFirst,
    Defect::KeepsLogs,
];

/// Processes that live on although the supervisor says they have ended.
type Leaked = Arc<Mutex<BTreeSet<(u32, u64)>>>;

#[derive(Debug)]
struct Defective {
    twin: MemoryProcesses,
    defect: Defect,
    leaked: Leaked,
    logs: Mutex<std::collections::BTreeMap<StoreId, Vec<String>>>,
}

impl Defective {
    async fn found(&self, store: &StoreId) -> Option<ProcessFacts> {
        let all = self.twin.list().await.unwrap();
        all.into_iter().find(|facts| facts.spec.store == *store)
    }

    fn leak(&self, facts: Option<&ProcessFacts>) {
        let identity = facts.and_then(|facts| facts.pid.zip(facts.start_ticks));
        self.leaked.lock().unwrap().extend(identity);
    }

    fn effect(&self, cx: &EffectCx) -> EffectCx {
        let mut cx = cx.clone();
        if self.defect == Defect::IgnoresDeadlines {
            cx.deadline = "2100-01-01T00:00:00Z".parse().unwrap();
        }
        cx
    }
}

#[async_trait]
impl ProcessSupervisor for Defective {
    async fn info(&self) -> Result<SupervisorInfo> {
        let mut info = self.twin.info().await?;
        if self.defect == Defect::HasNoName {
            info.name.clear();
        }
        Ok(info)
    }

    async fn list(&self) -> Result<Vec<ProcessFacts>> {
        let mut all = self.twin.list().await?;
        if self.defect == Defect::ListsWrongly {
            for facts in &mut all {
                facts.spec.max_memory_bytes += 1;
            }
        }
        Ok(all)
    }

    async fn start(&self, cx: &EffectCx, spec: &ProcessSpec) -> Result<ProcessFacts> {
        let cx = self.effect(cx);
        let before = self.found(&spec.store).await;
        match (self.defect, &before) {
            (Defect::RestartsAlways, Some(_)) => self.twin.stop(&cx, &spec.store).await?,
            (Defect::IgnoresDifferences, Some(facts)) if facts.pid.is_some() => return Ok(facts.clone()),
            (Defect::StaysStopped, Some(facts)) if facts.status == ProcessStatus::Stopped => return Ok(facts.clone()),
            (Defect::LeaksReplaced, Some(facts)) if facts.spec != *spec => self.leak(Some(facts)),
            _ => {}
        }
        let mut answer = self.twin.start(&cx, spec).await;
        match (self.defect, &mut answer) {
            (Defect::AnswersWithoutPid, Ok(facts)) => facts.pid = None,
            (Defect::KeepsCounting, Ok(facts)) => facts.restarts += before.map_or(0, |before| before.restarts),
            (Defect::IgnoresMissingFiles, Err(error)) if error.code() == Code::Unusable => {
                return Ok(ProcessFacts {
                    spec: spec.clone(),
                    status: ProcessStatus::Running,
                    pid: Some(1),
                    start_ticks: Some(1),
                    restarts: 0,
                });
            }
            _ => {}
        }
        answer
    }

    async fn stop(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let cx = self.effect(cx);
        let before = self.found(store).await;
        match (self.defect, &before) {
            (Defect::ForgetsStopped, _) => return self.twin.remove(&cx, store).await,
            (Defect::LeaksEnded, facts) => self.leak(facts.as_ref()),
            (Defect::RefusesAbsent, None) => return Err(Error::new(Code::NotFound, "no such process")),
            (Defect::RefusesTwice, Some(facts)) if facts.pid.is_none() => {
                return Err(Error::new(Code::NotFound, "not running"));
            }
            _ => {}
        }
        self.twin.stop(&cx, store).await
    }

    async fn remove(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let cx = self.effect(cx);
        match self.defect {
            Defect::KeepsRemoved => return self.twin.stop(&cx, store).await,
            Defect::LeaksEnded => self.leak(self.found(store).await.as_ref()),
            Defect::RemovesEverything => {
                for facts in self.twin.list().await? {
                    self.twin.remove(&cx, &facts.spec.store).await?;
                }
            }
            Defect::KeepsLogs => {
                let log = self.twin.log_tail(store, 100).await?;
                self.logs.lock().unwrap().insert(store.clone(), log);
            }
            _ => {}
        }
        self.twin.remove(&cx, store).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        let mut tail = self.twin.log_tail(store, lines).await?;
        match self.defect {
            Defect::DropsErrorOutput => tail.retain(|line| !line.starts_with("warning")),
            Defect::ShowsNewestFirst => tail.reverse(),
            Defect::KeepsLogs => tail.extend(self.logs.lock().unwrap().get(store).cloned().unwrap_or_default()),
            _ => {}
        }
        Ok(tail)
    }
}
