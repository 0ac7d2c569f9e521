//! The agent against its twin: whatever is asked of both, in whatever order and with whatever restarts between, both answer alike.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where it cannot go on")]

mod host_on_twins;

use host_on_twins::{Machine, context, package};
use proptest::prelude::*;
use std::collections::BTreeSet;
use storex_agent::Agent;
use storex_core::{Code, Deployed, Part, Result, StoreHost, StorePackage};
use storex_fakes::MemoryHost;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    Apply { store: usize, part: usize, step: usize, epoch: u64 },
    Withdraw { store: usize, part: usize, step: usize, epoch: u64, undo: bool },
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let call = || (0..3_usize, 0..4_usize, 0..6_usize, 1..4_u64);
    prop_oneof![
        6 => call().prop_map(|(store, part, step, epoch)| Event::Apply { store, part, step, epoch }),
        4 => (call(), any::<bool>())
            .prop_map(|((store, part, step, epoch), undo)| Event::Withdraw { store, part, step, epoch, undo }),
        1 => Just(Event::Restart),
    ]
}

/// Three stores; the last two want one port, and the first two share a custom domain.
fn packages() -> [StorePackage; 3] {
    let mut packages = [package("one-20001", 4001), package("two-20002", 4002), package("three-20003", 4002)];
    let shared = packages[0].environment["DOMAIN"].clone();
    packages[1].environment.insert("DOMAIN".to_owned(), shared);
    packages
}

/// What a host says of a store, without what only one of them can know.
fn told(found: Option<Deployed>) -> Option<String> {
    let found = found?;
    let parts: Vec<String> = found.parts.iter().map(|(part, facts)| format!("{part} by {}", facts.mark)).collect();
    Some(format!("epoch {}: {}", found.epoch, parts.join(", ")))
}

fn outcome<T>(result: Result<T>) -> Option<(Code, bool)> {
    result.err().map(|error| (error.code(), error.is_unclear()))
}

async fn happens(host: &dyn StoreHost, packages: &[StorePackage], event: &Event) -> Option<(Code, bool)> {
    match event {
        Event::Apply { store, part, step, epoch } => {
            let package = &packages[*store];
            let cx = context(&package.store_id, *epoch, *step, false);
            outcome(host.apply(&cx, package, Part::ALL[*part]).await)
        }
        Event::Withdraw { store, part, step, epoch, undo } => {
            let store = &packages[*store].store_id;
            outcome(host.withdraw(&context(store, *epoch, *step, *undo), store, Part::ALL[*part]).await)
        }
        Event::Restart => None,
    }
}

async fn opened(machine: &Machine) -> Agent {
    let agent = machine.builder().debounce(std::time::Duration::ZERO).open(machine.ledger()).await.unwrap();
    let report = agent.converge().await.unwrap();
    assert!(report.removed.is_empty(), "nothing was in doubt: {report:?}");
    agent
}

async fn agree(events: &[Event]) {
    let (machine, twin, packages) = (Machine::new(), MemoryHost::default(), packages());
    let mut agent = opened(&machine).await;
    for (nth, event) in events.iter().enumerate() {
        if matches!(event, Event::Restart) {
            machine.reboot().await;
            agent = opened(&machine).await;
        }
        let at = || format!("event {nth} of {events:?}");
        assert_eq!(happens(&agent, &packages, event).await, happens(&twin, &packages, event).await, "{}", at());
        for package in &packages {
            let seen = told(agent.find(&package.store_id).await.unwrap());
            assert_eq!(seen, told(twin.find(&package.store_id).await.unwrap()), "{}", at());
            let known = twin.find(&package.store_id).await.unwrap().map(|found| found.parts.into_keys().collect());
            let mut known: BTreeSet<Part> = known.unwrap_or_default();
            let standing = machine.standing(&package.store_id).await;
            if !known.contains(&Part::Files) || !known.contains(&Part::Environment) {
                // A process whose files were withdrawn goes on until the machine restarts; then it cannot come back.
                known.retain(|part| *part != Part::Process || standing.contains(part));
            }
            assert_eq!(standing, known, "{}", at());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_agent_and_its_twin_answer_alike(events in prop::collection::vec(event(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(agree(&events));
    }
}
