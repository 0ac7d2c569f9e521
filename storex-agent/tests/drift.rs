//! The look at how each part really stands: its words for each change, what it leaves alone, and that applying mends what it told.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod host_on_twins;

use async_trait::async_trait;
use host_on_twins::{Machine, MachineHand, apply_all, code, context, name, package};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storex_agent::Agent;
use storex_core::{Code, Committed, Error, Part, ProxyWriter, Result, RouteTable, StoreFiles, StoreHost, StoreId, SystemClock};
use storex_fakes::laws::store_host::Hand;
use storex_fakes::{Fault, FaultRule, MemoryProxy, When};

const STORE: &str = "oceanbreeze-12345";

/// What is said of each part's drift.
async fn told(agent: &Agent, store: &StoreId) -> BTreeMap<Part, String> {
    let parts = agent.find(store).await.unwrap().unwrap().parts;
    let words = |facts: &storex_core::PartFacts| facts.detail.get("drift").and_then(Value::as_str).map(str::to_owned);
    parts.iter().filter_map(|(part, facts)| Some((*part, words(facts)?))).collect()
}

fn said(parts: &[(Part, &str)]) -> BTreeMap<Part, String> {
    parts.iter().map(|(part, words)| (*part, (*words).to_owned())).collect()
}

#[tokio::test]
async fn each_change_is_told_in_its_own_words() {
    let machine = Machine::new();
    let agent = machine.agent().await;
    let package = package(STORE, 4001);
    let store = &package.store_id;
    apply_all(&agent, &package).await.unwrap();
    assert_eq!(told(&agent, store).await, BTreeMap::new());
    let hand = MachineHand(machine.clone());
    for part in Part::ALL {
        hand.change(store, part).await.unwrap();
    }
    let changed = [
        (Part::Files, "the directory is not there"),
        (Part::Environment, "the environment file was changed"),
        (Part::Process, "the process does not run, or does not listen on port 4001"),
        (Part::Route, "the router does not route every name of the store to its port"),
    ];
    assert_eq!(told(&agent, store).await, said(&changed));
    machine.files.remove_environment(&context(store, 0, 0, false), store).await.unwrap();
    assert_eq!(told(&agent, store).await[&Part::Environment], "the environment file is not there");
}

#[tokio::test]
async fn a_process_that_runs_and_does_not_listen_is_told() {
    let machine = Machine::new();
    let agent = machine.agent().await;
    let package = package(STORE, 4001);
    apply_all(&agent, &package).await.unwrap();
    machine.sockets.silence(4001);
    let words = said(&[(Part::Process, "the process does not run, or does not listen on port 4001")]);
    assert_eq!(told(&agent, &package.store_id).await, words);
    machine.sockets.unsilence(4001);
    assert_eq!(told(&agent, &package.store_id).await, BTreeMap::new());
}

#[tokio::test]
async fn a_look_changes_nothing() {
    let machine = Machine::new();
    let agent = machine.agent().await;
    let package = package(STORE, 4001);
    let store = &package.store_id;
    apply_all(&agent, &package).await.unwrap();
    let hand = MachineHand(machine.clone());
    for part in Part::ALL {
        hand.change(store, part).await.unwrap();
    }
    let before = (machine.standing(store).await, agent.route_commits());
    for _ in 0..5 {
        told(&agent, store).await;
    }
    assert_eq!((machine.standing(store).await, agent.route_commits()), before);
}

#[tokio::test]
async fn a_part_in_doubt_is_in_doubt_and_not_drift() {
    let machine = Machine::new();
    let agent = machine.faulty_builder().open(machine.ledger()).await.unwrap();
    let package = package(STORE, 4001);
    let store = &package.store_id;
    apply_all(&agent, &package).await.unwrap();
    machine.script.add(FaultRule::next("files.remove_tree", "", When::Before, Fault::Unclear));
    let withdrawn = agent.withdraw(&context(store, 1, 5, false), store, Part::Files).await;
    assert!(withdrawn.unwrap_err().is_unclear());
    MachineHand(machine.clone()).change(store, Part::Files).await.unwrap();
    assert_eq!(told(&agent, store).await, BTreeMap::new(), "nobody knows how the directory should stand");
}

#[tokio::test]
async fn a_look_that_fails_is_an_error_and_says_nothing_of_drift() {
    let machine = Machine::new();
    let agent = machine.faulty_builder().open(machine.ledger()).await.unwrap();
    let package = package(STORE, 4001);
    apply_all(&agent, &package).await.unwrap();
    machine.script.add(FaultRule::next("processes.list", "", When::Before, Fault::Unavailable).forever());
    assert_eq!(code(agent.find(&package.store_id).await), Code::Unavailable);
    machine.script.clear();
    assert_eq!(told(&agent, &package.store_id).await, BTreeMap::new());
}

/// A router whose table somebody may have written without care.
#[derive(Debug)]
struct Scribbled {
    inner: MemoryProxy,
    is_scribbled: Arc<AtomicBool>,
}

#[async_trait]
impl ProxyWriter for Scribbled {
    async fn load(&self) -> Result<(u64, RouteTable)> {
        if self.is_scribbled.load(Ordering::Relaxed) {
            return Err(Error::new(Code::Corrupt, "the file is not as storex writes it"));
        }
        self.inner.load().await
    }

    async fn check(&self, table: &RouteTable) -> Result<()> {
        self.inner.check(table).await
    }

    async fn commit(&self, table: &RouteTable, expected_generation: u64) -> Result<Committed> {
        let committed = self.inner.commit(table, expected_generation).await?;
        self.is_scribbled.store(false, Ordering::Relaxed);
        Ok(committed)
    }
}

#[tokio::test]
async fn the_agent_that_runs_puts_back_a_route_that_was_removed_and_a_table_that_was_scribbled_on() {
    let machine = Machine::new();
    let is_scribbled = Arc::new(AtomicBool::new(false));
    let proxy = Arc::new(Scribbled { inner: machine.proxy.clone(), is_scribbled: Arc::clone(&is_scribbled) });
    let (files, processes) = (Arc::new(machine.files.clone()), Arc::new(machine.processes.clone()));
    let builder = Agent::builder(files, processes, proxy, Arc::new(SystemClock));
    let builder = builder.debounce(Duration::from_millis(2)).listening(Arc::new(machine.sockets.clone()));
    let agent = builder.open(machine.ledger()).await.unwrap();
    let (package, other) = (package(STORE, 4001), package("mountainpeak-23456", 4002));
    let store = &package.store_id;
    apply_all(&agent, &package).await.unwrap();
    apply_all(&agent, &other).await.unwrap();

    MachineHand(machine.clone()).change(store, Part::Route).await.unwrap();
    assert_eq!(machine.proxy.route(&name(store, "storex.com")), None);
    agent.apply(&context(store, 1, 5, false), &package, Part::Route).await.unwrap();
    assert_eq!(machine.proxy.route(&name(store, "storex.com")), Some(4001.try_into().unwrap()));
    assert_eq!(told(&agent, store).await, BTreeMap::new());

    is_scribbled.store(true, Ordering::Relaxed);
    for store in [store, &other.store_id] {
        assert_eq!(told(&agent, store).await.into_keys().collect::<Vec<_>>(), [Part::Route], "nothing is sure of any route");
    }
    agent.apply(&context(store, 1, 6, false), &package, Part::Route).await.unwrap();
    for store in [store, &other.store_id] {
        assert_eq!(told(&agent, store).await, BTreeMap::new());
    }
}
