//! The laws of `StoreHost` on the twin, and on twins with one defect each: every law must be failed by at least one of them.

mod drift;

use crate::tally::{Tally, on_a_runtime};
use async_trait::async_trait;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use storex_core::{
    Code, Deployed, EffectCx, Epoch, HostFacts, Hostname, Mark, Part, PartFacts, Port, Result, StoreHost, StoreId, StorePackage,
    Visit,
};
use storex_fakes::laws::{Law, broken_laws, store_host::LAWS};
use storex_fakes::{MemoryClock, MemoryHost};

fn twin() -> MemoryHost {
    MemoryHost::default().with_clock(Arc::new(MemoryClock::new()))
}

#[tokio::test]
async fn the_twin_keeps_every_law() {
    let host: Arc<dyn StoreHost> = Arc::new(twin());
    assert_eq!(broken_laws(LAWS, &host).await, []);
}

/// What the defective twins did; computed once.
pub(crate) fn tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let broken = |defect: &Defect| -> (Defect, Arc<dyn StoreHost>) {
        (*defect, Arc::new(Defective { host: twin(), defect: *defect, calls: AtomicU64::new(0) }))
    };
    let laws = || LAWS.iter().map(|law| Law { ..*law }).collect();
    TALLY.get_or_init(|| {
        let count = async { Tally::count("StoreHost", laws(), DEFECTS.iter().map(broken).collect()).await };
        on_a_runtime(false, async { count.await.and(drift::count().await) })
    })
}

#[test]
fn every_law_is_failed_by_a_twin_with_one_defect_and_every_defect_is_found() {
    tally().assert_whole();
}

#[tokio::test]
async fn a_silent_store_is_refused_with_its_log_and_leaves_no_process() {
    let host = twin();
    let port = host.facts().await.unwrap().free_ports[0];
    let package: StorePackage = serde_json::from_value(serde_json::json!({
        "store_id": "oceanbreeze-12345", "directory": "/stores/oceanbreeze", "environment": { "PORT": port, "INTERNAL_DOMAIN": "oceanbreeze.storex.com" },
        "symlinks": { "core_components": [], "static_assets": [] },
    }))
    .unwrap();
    let cx = |effect: &str| EffectCx {
        mark: format!("storex/1 i=00ab12cd s=12345 e={effect}").parse().unwrap(),
        epoch: Epoch(1),
        deadline: "2100-01-01T00:00:00Z".parse().unwrap(),
    };
    host.silence("oceanbreeze");
    host.apply(&cx("1f"), &package, Part::Files).await.unwrap();
    host.apply(&cx("2f"), &package, Part::Environment).await.unwrap();
    let error = host.apply(&cx("3f"), &package, Part::Process).await.unwrap_err();
    assert_eq!(error.code(), Code::ProcessNotServing);
    assert!(error.context().any(|(key, value)| key == "log" && value.contains("does not listen")), "{error}");
    assert!(!host.find(&package.store_id).await.unwrap().unwrap().parts.contains_key(&Part::Process));
    host.unsilence("oceanbreeze");
    host.apply(&cx("3f"), &package, Part::Process).await.unwrap();
    assert_eq!(host.history().last().map(String::as_str), Some("apply oceanbreeze-12345 process"));
    assert_eq!(host.stores(), [package.store_id]);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    ForgetsWhatItWasTold,
    KnowsEveryStore,
    ForgetsMarks,
    IgnoresEpochs,
    SeesEveryEpochAsItsFirst,
    RefusesAbsent,
    WithdrawsNothing,
    WithdrawsEverything,
    ForgetsEpochsWithTheLastPart,
    RandomDigests,
    ConstantDigests,
    ListsBackwards,
    OffersUsedPorts,
    OffersPortsBackwards,
    AnswersForNobody,
    AnswersForEverybody,
    SharesNames,
    SharesPorts,
    ForgetsUndo,
    ForgetsUndoByApply,
    IgnoresDeadlines,
    KeepsTheFirstMark,
    TellsTooMuchLog,
    LosesEveryFifthApply,
    StartsWithoutFiles,
}

const DEFECTS: [Defect; 25] = [
    Defect::ForgetsWhatItWasTold,
    Defect::KnowsEveryStore,
    Defect::ForgetsMarks,
    Defect::IgnoresEpochs,
    Defect::SeesEveryEpochAsItsFirst,
    Defect::RefusesAbsent,
    Defect::WithdrawsNothing,
    Defect::WithdrawsEverything,
    Defect::ForgetsEpochsWithTheLastPart,
    Defect::RandomDigests,
    Defect::ConstantDigests,
    Defect::ListsBackwards,
    Defect::OffersUsedPorts,
    Defect::OffersPortsBackwards,
    Defect::AnswersForNobody,
    Defect::AnswersForEverybody,
    Defect::SharesNames,
    Defect::SharesPorts,
    Defect::ForgetsUndo,
    Defect::ForgetsUndoByApply,
    Defect::IgnoresDeadlines,
    Defect::KeepsTheFirstMark,
    Defect::TellsTooMuchLog,
    Defect::LosesEveryFifthApply,
    Defect::StartsWithoutFiles,
];

/// The twin with one promise broken.
#[derive(Debug)]
struct Defective {
    host: MemoryHost,
    defect: Defect,
    calls: AtomicU64,
}

impl Defective {
    fn number(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// A mark the twin has never seen.
    fn new_mark(&self, mark: &Mark) -> Mark {
        Mark { effect: format!("n{}", self.number()).parse().unwrap(), ..mark.clone() }
    }

    fn context(&self, cx: &EffectCx) -> EffectCx {
        let mut cx = cx.clone();
        match self.defect {
            Defect::ForgetsMarks => cx.mark = self.new_mark(&cx.mark),
            Defect::ForgetsUndo => cx.mark.effect = cx.mark.effect.as_str().replace('u', "v").parse().unwrap(),
            Defect::IgnoresEpochs => cx.epoch = Epoch(1_000_000),
            Defect::SeesEveryEpochAsItsFirst => cx.epoch = Epoch(1),
            Defect::IgnoresDeadlines => cx.deadline = "2100-01-01T00:00:00Z".parse().unwrap(),
            _ => {}
        }
        cx
    }

    fn seen(&self, mut facts: PartFacts) -> PartFacts {
        match self.defect {
            Defect::RandomDigests => facts.digest = format!("{:x}", self.number()),
            Defect::ConstantDigests => "same".clone_into(&mut facts.digest),
            Defect::KeepsTheFirstMark => facts.mark = "storex/1 i=00ab12cd s=12345 e=first".parse().unwrap(),
            _ => {}
        }
        facts
    }

    async fn used_ports(&self) -> Vec<Port> {
        let deployed = self.host.list().await.unwrap();
        let ports = deployed.iter().filter_map(|one| one.parts.get(&Part::Process)?.detail.get("port")?.as_u64());
        ports.map(|port| u16::try_from(port).unwrap().try_into().unwrap()).collect()
    }
}

#[async_trait]
impl StoreHost for Defective {
    async fn facts(&self) -> Result<HostFacts> {
        let mut facts = self.host.facts().await?;
        if self.has(Defect::OffersUsedPorts) {
            facts.free_ports.extend(self.used_ports().await);
            facts.free_ports.sort_unstable();
        }
        if self.has(Defect::OffersPortsBackwards) {
            facts.free_ports.reverse();
        }
        Ok(facts)
    }

    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>> {
        let empty = Deployed { store_id: store.clone(), epoch: Epoch(0), parts: [].into() };
        match self.host.find(store).await? {
            Some(_) if self.has(Defect::ForgetsWhatItWasTold) => Ok(None),
            None if self.has(Defect::KnowsEveryStore) => Ok(Some(empty)),
            found => Ok(found),
        }
    }

    async fn list(&self) -> Result<Vec<Deployed>> {
        let mut listed = self.host.list().await?;
        if self.has(Defect::ListsBackwards) {
            listed.reverse();
        }
        Ok(listed)
    }

    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        let mut package = package.clone();
        match self.defect {
            Defect::SharesPorts if matches!(part, Part::Process | Part::Route) => {
                let free = self.host.facts().await?.free_ports[0];
                package.environment.insert("PORT".to_owned(), free.get().into());
            }
            Defect::SharesNames if part == Part::Route => {
                package.environment.insert("DOMAIN".to_owned(), format!("n{}.laws-shop.com", self.number()).into());
            }
            Defect::LosesEveryFifthApply if self.number() % 5 == 4 => {
                return Ok(PartFacts { mark: cx.mark.clone(), digest: String::new(), detail: Value::Null });
            }
            Defect::StartsWithoutFiles => {
                let other = |step| EffectCx { mark: self.new_mark(&cx.mark), deadline: step, ..cx.clone() };
                self.host.apply(&other(cx.deadline), &package, Part::Files).await?;
                self.host.apply(&other(cx.deadline), &package, Part::Environment).await?;
            }
            _ => {}
        }
        let mut cx = self.context(cx);
        if self.has(Defect::ForgetsUndoByApply) {
            cx.mark.effect = cx.mark.effect.as_str().replace('u', "v").parse().unwrap();
        }
        Ok(self.seen(self.host.apply(&cx, &package, part).await?))
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        let cx = self.context(cx);
        let stands = self.host.find(store).await?.is_some_and(|found| found.parts.contains_key(&part));
        match self.defect {
            Defect::RefusesAbsent if !stands => Err(storex_core::Error::new(Code::NotFound, "absent")),
            Defect::WithdrawsNothing => Ok(()),
            Defect::WithdrawsEverything => {
                for part in Part::ALL {
                    self.host.withdraw(&EffectCx { mark: self.new_mark(&cx.mark), ..cx.clone() }, store, part).await?;
                }
                Ok(())
            }
            Defect::ForgetsEpochsWithTheLastPart => {
                let epoch = Epoch(1);
                match self.host.withdraw(&EffectCx { epoch, ..cx.clone() }, store, part).await {
                    Err(_) => self.host.withdraw(&cx, store, part).await,
                    done => done,
                }
            }
            _ => self.host.withdraw(&cx, store, part).await,
        }
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        match self.defect {
            Defect::AnswersForNobody => Ok(Visit { status: 502, body: String::new() }),
            Defect::AnswersForEverybody => Ok(Visit { status: 200, body: String::new() }),
            _ => self.host.visit(name, path).await,
        }
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        let lines = if self.has(Defect::TellsTooMuchLog) { lines + 1 } else { lines };
        self.host.log_tail(store, lines).await
    }
}
