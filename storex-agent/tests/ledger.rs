//! The ledger: whatever breaks off between two writes, an agent that starts on the same ledger brings host and ledger to agree.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "a test damages files on purpose")]

mod host_on_twins;

use async_trait::async_trait;
use futures::future::try_join_all;
use host_on_twins::{Machine, apply_all, code, context, package, withdraw_all};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use storex_agent::Agent;
use storex_core::{Clock, Code, Part, StoreHost, StoreId, StorePackage, SystemClock};
use storex_fakes::{Fault, FaultRule, FaultScript, When};
use tokio::sync::Semaphore;

/// Every mutating call of a create, and of its undo.
const MAKING: [&str; 4] = ["files.ensure_tree", "files.ensure_environment", "processes.start", "proxy.commit"];
const REMOVING: [&str; 4] = ["proxy.commit", "processes.remove", "files.remove_environment", "files.remove_tree"];

async fn acknowledged(agent: &Agent, store: &StoreId) -> BTreeSet<Part> {
    agent.find(store).await.unwrap().map(|found| found.parts.into_keys().collect()).unwrap_or_default()
}

/// Lets the rule's call hang, as the machine's death would, and returns once it does.
async fn dies_at(script: &FaultScript, call: &str, when: When, work: impl Future) {
    script.add(FaultRule::next(call, "", when, Fault::Hold));
    let struck = async {
        while script.rules().iter().all(|rule| rule.fired == 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // A fault after the effect strikes before the effect has happened: let it happen.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = work => panic!("{call} was not reached"),
        () = struck => {}
    }
}

#[tokio::test]
async fn what_a_crash_left_under_construction_beside_the_pages_is_gone_after_the_next_start() {
    let machine = Machine::new();
    machine.agent().await;
    let unfinished = machine.ledger().join(".storex-new-4711-3");
    fs::write(&unfinished, "half a page").unwrap();
    machine.agent().await;
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn a_create_that_dies_anywhere_converges_and_can_be_finished_and_undone() {
    for call in MAKING {
        for when in [When::Before, When::After] {
            let machine = Machine::new();
            let package = package("oceanbreeze-12345", 4001);
            let store = &package.store_id;
            let dying = machine.faulty_builder().open(machine.ledger()).await.unwrap();
            dies_at(&machine.script, call, when, apply_all(&dying, &package)).await;

            let agent = machine.agent().await;
            let report = agent.converge().await.unwrap();
            assert!(report.failed.is_empty(), "{call} {when:?}: {report:?}");
            let known = acknowledged(&agent, store).await;
            assert_eq!(machine.standing(store).await, known, "{call} {when:?}: the world and the ledger differ");
            assert!(known.len() < 4, "{call} {when:?}: what was never acknowledged stands");
            let is_after = when == When::After && call != "proxy.commit";
            assert_eq!(!report.removed.is_empty(), is_after, "{call} {when:?}: {report:?}");

            apply_all(&agent, &package).await.unwrap();
            assert_eq!(machine.standing(store).await.len(), 4, "{call} {when:?}: the repeated create is not whole");
            withdraw_all(&agent, store).await.unwrap();
            assert!(machine.standing(store).await.is_empty() && agent.find(store).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn a_delete_that_dies_anywhere_is_ended_by_the_next_start() {
    for call in REMOVING {
        for when in [When::Before, When::After] {
            let machine = Machine::new();
            let package = package("oceanbreeze-12345", 4001);
            let store = &package.store_id;
            let dying = machine.faulty_builder().open(machine.ledger()).await.unwrap();
            apply_all(&dying, &package).await.unwrap();
            dies_at(&machine.script, call, when, withdraw_all(&dying, store)).await;

            let agent = machine.agent().await;
            let report = agent.converge().await.unwrap();
            assert!(report.failed.is_empty(), "{call} {when:?}: {report:?}");
            let left = acknowledged(&agent, store).await;
            assert_eq!(machine.standing(store).await, left, "{call} {when:?}: the world and the ledger differ");
            let begun = REMOVING.iter().position(|one| *one == call).unwrap() + 1;
            assert_eq!(left.len(), 4 - begun, "{call} {when:?}: a withdraw that began is ended, no other is begun");

            withdraw_all(&agent, store).await.unwrap();
            assert!(machine.standing(store).await.is_empty() && agent.find(store).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn a_caller_that_stops_waiting_stops_nothing_and_the_next_reader_waits_for_the_end() {
    let machine = Machine::new();
    let package = package("oceanbreeze-12345", 4001);
    let agent = machine.faulty_builder().open(machine.ledger()).await.unwrap();
    let cx = context(&package.store_id, 1, 1, false);
    dies_at(&machine.script, "files.ensure_tree", When::Before, agent.apply(&cx, &package, Part::Files)).await;
    // The caller is gone; the call goes on once nothing holds it, and fails as the script says.
    let reader = tokio::spawn({
        let (agent, store) = (agent.clone(), package.store_id.clone());
        async move { agent.find(&store).await }
    });
    tokio::task::yield_now().await;
    assert!(!reader.is_finished(), "the reader did not wait for the call that is under way");
    machine.script.clear();
    let found = reader.await.unwrap().unwrap().unwrap();
    assert_eq!(found.parts[&Part::Files].digest, "", "a part in doubt equals nothing that is wanted");
    assert_eq!(found.parts[&Part::Files].mark, cx.mark);
    // Observed in doubt, the controller may go either way.
    agent.apply(&cx, &package, Part::Files).await.unwrap();
    assert_ne!(agent.find(&package.store_id).await.unwrap().unwrap().parts[&Part::Files].digest, "");
}

#[tokio::test]
async fn after_a_restart_of_everything_all_stores_stand_again() {
    let machine = Machine::new();
    let agent = machine.agent().await;
    let packages: Vec<_> = (0..20).map(|n| package(&format!("shop{n}-{}", 20_000 + n), 4001 + n)).collect();
    try_join_all(packages.iter().map(|package| apply_all(&agent, package))).await.unwrap();
    let before = agent.list().await.unwrap();
    drop(agent);
    machine.reboot().await;

    let agent = machine.agent().await;
    let converging = tokio::spawn({
        let agent = agent.clone();
        async move { agent.converge().await }
    });
    let report = converging.await.unwrap().unwrap();
    assert_eq!(report.restored.len(), 20, "{report:?}");
    assert_eq!((report.removed.len(), report.failed.len(), agent.route_commits()), (0, 0, 1), "{report:?}");
    for (store, then) in agent.list().await.unwrap().iter().zip(&before) {
        assert_eq!(machine.standing(&store.store_id).await.len(), 4);
        for (part, facts) in &store.parts {
            assert_eq!((&facts.mark, &facts.digest), (&then.parts[part].mark, &then.parts[part].digest));
        }
        assert_ne!(store.parts[&Part::Process].detail["pid"], then.parts[&Part::Process].detail["pid"]);
    }
}

#[tokio::test]
async fn a_restart_of_the_agent_alone_restarts_no_process() {
    let machine = Machine::new();
    let package = package("oceanbreeze-12345", 4001);
    apply_all(&machine.agent().await, &package).await.unwrap();
    let agent = machine.agent().await;
    agent.converge().await.unwrap();
    assert_eq!(machine.pid(&package.store_id).await, Some(1001));
    // A repeated call is answered from the ledger and does nothing.
    let again = agent.apply(&context(&package.store_id, 1, 3, false), &package, Part::Process).await.unwrap();
    assert_eq!((again.detail["pid"].clone(), machine.pid(&package.store_id).await), (1001.into(), Some(1001)));
}

#[tokio::test]
async fn a_process_that_does_not_come_back_is_reported_and_stops_no_other() {
    let machine = Machine::new();
    let (well, ill) = (package("well-20001", 4001), package("ill-20002", 4002));
    let agent = machine.agent().await;
    apply_all(&agent, &well).await.unwrap();
    apply_all(&agent, &ill).await.unwrap();
    machine.reboot().await;
    machine.sockets.silence(4002);

    let agent = machine.agent().await;
    let report = agent.converge().await.unwrap();
    assert_eq!(report.restored, std::slice::from_ref(&well.store_id));
    let [(store, part, error)] = &report.failed[..] else { panic!("{report:?}") };
    assert_eq!((store, *part, error.code()), (&ill.store_id, Part::Process, Code::ProcessNotServing));
    assert_eq!(machine.standing(&well.store_id).await.len(), 4);
    assert_eq!(agent.find(&ill.store_id).await.unwrap().unwrap().parts.len(), 4, "the ledger still knows what it was told");

    // Mended, the next start brings it back.
    machine.sockets.unsilence(4002);
    let agent = machine.agent().await;
    assert_eq!(agent.converge().await.unwrap().restored.len(), 2);
    assert_eq!(machine.standing(&ill.store_id).await.len(), 4);
}

#[tokio::test]
async fn an_older_controller_stays_refused_after_a_restart_whether_anything_stands_or_not() {
    for stands in [true, false] {
        let machine = Machine::new();
        let package = package("oceanbreeze-12345", 4001);
        let store = &package.store_id;
        let agent = machine.agent().await;
        agent.apply(&context(store, 7, 1, false), &package, Part::Files).await.unwrap();
        if !stands {
            agent.withdraw(&context(store, 7, 2, false), store, Part::Files).await.unwrap();
        }
        let agent = machine.agent().await;
        agent.converge().await.unwrap();
        assert_eq!(code(agent.apply(&context(store, 6, 3, false), &package, Part::Files).await), Code::StaleEpoch);
        assert_eq!(code(agent.withdraw(&context(store, 6, 4, false), store, Part::Files).await), Code::StaleEpoch);
        assert_eq!(agent.find(store).await.unwrap().is_some(), stands);
    }
}

#[tokio::test]
async fn the_epoch_is_on_disk_before_the_effect_begins() {
    let machine = Machine::new();
    let package = package("oceanbreeze-12345", 4001);
    let dying = machine.faulty_builder().open(machine.ledger()).await.unwrap();
    let cx = context(&package.store_id, 9, 1, false);
    dies_at(&machine.script, "files.ensure_tree", When::Before, dying.apply(&cx, &package, Part::Files)).await;
    let agent = machine.agent().await;
    agent.converge().await.unwrap();
    assert_eq!(code(agent.apply(&context(&package.store_id, 8, 2, false), &package, Part::Files).await), Code::StaleEpoch);
}

/// A clock under which the first sleepers wait for one another: nobody wakes before so many sleep.
#[derive(Debug)]
struct Together {
    missing: AtomicUsize,
    awake: Semaphore,
}

#[async_trait]
impl Clock for Together {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn sleep(&self, _: Duration) {
        if self.missing.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.awake.close();
        }
        // Answers at once when closed.
        let _ = self.awake.acquire().await;
    }
}

#[tokio::test]
async fn fifty_stores_at_once_cost_one_route_commit() {
    let machine = Machine::new();
    // Every store has put its row before the first debounce ends.
    let clock = Together { missing: AtomicUsize::new(50), awake: Semaphore::new(0) };
    let agent = machine.builder_by(Arc::new(clock)).open(machine.ledger()).await.unwrap();
    let packages: Vec<_> = (0..50).map(|n| package(&format!("shop{n}-{}", 20_000 + n), 4001 + n)).collect();
    let route = |package: StorePackage| {
        let agent = agent.clone();
        async move { agent.apply(&context(&package.store_id, 1, 1, false), &package, Part::Route).await }
    };
    try_join_all(packages.iter().cloned().map(route)).await.unwrap();
    assert_eq!(agent.route_commits(), 1);
    for package in &packages {
        assert_eq!(machine.standing(&package.store_id).await, [Part::Route].into());
    }
    // The control: one after another, each needs its own.
    let agent = machine.agent().await;
    for package in &packages[..10] {
        agent.withdraw(&context(&package.store_id, 1, 2, false), &package.store_id, Part::Route).await.unwrap();
    }
    assert_eq!(agent.route_commits(), 10);
}

#[tokio::test]
async fn a_new_ledger_removes_nothing_it_does_not_know() {
    let machine = Machine::new();
    let package = package("oceanbreeze-12345", 4001);
    apply_all(&machine.agent().await, &package).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let agent = machine.builder().open(elsewhere.path()).await.unwrap();
    let report = agent.converge().await.unwrap();
    assert!(
        report.removed.is_empty() && report.failed.iter().all(|(.., error)| error.code() == Code::ForeignObject),
        "{report:?}"
    );
    assert_eq!(report.failed.len(), 3, "{report:?}");
    assert!(machine.standing(&package.store_id).await.is_superset(&[Part::Files, Part::Environment, Part::Process].into()));
}

#[tokio::test]
async fn a_failed_listing_removes_nothing() {
    for call in ["processes.list", "files.list"] {
        let machine = Machine::new();
        let package = package("oceanbreeze-12345", 4001);
        drop(machine.agent().await);
        // Something the ledger does not know, which a start would remove.
        apply_all(&machine.builder().open(tempfile::tempdir().unwrap().path()).await.unwrap(), &package).await.unwrap();
        let agent = machine.faulty_builder().open(machine.ledger()).await.unwrap();
        machine.script.add(FaultRule::next(call, "", When::Before, Fault::Unavailable));
        assert_eq!(code(agent.converge().await), Code::Unavailable);
        assert_eq!(machine.standing(&package.store_id).await.len(), 4, "{call}");
        assert_eq!(agent.converge().await.unwrap().removed.len(), 3, "{call}: the control");
    }
}

#[tokio::test]
async fn ledger_files_are_private_and_a_tombstone_holds_nothing_of_the_store() {
    let machine = Machine::new();
    let package = package("oceanbreeze-12345", 4001);
    let agent = machine.agent().await;
    apply_all(&agent, &package).await.unwrap();
    let file = machine.ledger().join("oceanbreeze-12345.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(machine.ledger()).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(fs::read_to_string(&file).unwrap().contains("correct horse"), "the environment comes back from here");

    withdraw_all(&agent, &package.store_id).await.unwrap();
    let tombstone = fs::read_to_string(&file).unwrap();
    assert!(!tombstone.contains("correct horse") && !tombstone.contains("DB_NAME"), "{tombstone}");
    assert!(tombstone.contains("\"epoch\": 1"), "{tombstone}");
    let names: BTreeSet<_> =
        fs::read_dir(machine.ledger()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["format".to_owned(), "oceanbreeze-12345.json".to_owned()].into());
}

#[tokio::test]
async fn tombstones_are_forgotten_after_their_time_and_not_before() {
    let machine = Machine::new();
    let package = package("oceanbreeze-12345", 4001);
    let agent = machine.agent().await;
    agent.apply(&context(&package.store_id, 7, 1, false), &package, Part::Files).await.unwrap();
    agent.withdraw(&context(&package.store_id, 7, 2, false), &package.store_id, Part::Files).await.unwrap();
    let old = |agent: Agent| async move { agent.apply(&context(&package.store_id, 1, 3, false), &package, Part::Files).await };
    let file = machine.ledger().join("oceanbreeze-12345.json");
    drop(machine.agent().await);
    assert!(file.exists());
    let agent = machine.builder().keep_epochs(Duration::ZERO).open(machine.ledger()).await.unwrap();
    assert!(!file.exists());
    old(agent).await.unwrap();
}

#[tokio::test]
async fn a_damaged_ledger_file_is_named_and_nothing_is_touched() {
    let machine = Machine::new();
    let package = package("oceanbreeze-12345", 4001);
    apply_all(&machine.agent().await, &package).await.unwrap();
    let file = machine.ledger().join("oceanbreeze-12345.json");
    fs::write(&file, &fs::read(&file).unwrap()[..100]).unwrap();
    let error = machine.builder().open(machine.ledger()).await.unwrap_err();
    assert_eq!(error.code(), Code::Corrupt);
    assert!(error.to_string().contains("oceanbreeze-12345.json"), "{error}");
    assert_eq!(machine.standing(&package.store_id).await.len(), 4);
    // A file under another store's name is damage, too.
    fs::write(&file, "{}").unwrap();
    assert_eq!(machine.builder().open(machine.ledger()).await.unwrap_err().code(), Code::Corrupt);
}

#[tokio::test]
async fn a_disk_that_refuses_the_ledger_leaves_the_part_in_doubt() {
    let machine = Machine::new();
    let package = package("oceanbreeze-12345", 4001);
    let agent = machine.agent().await;
    agent.apply(&context(&package.store_id, 1, 1, false), &package, Part::Files).await.unwrap();
    let away = machine.ledger().with_extension("away");
    fs::rename(machine.ledger(), &away).unwrap();
    let cx = context(&package.store_id, 1, 2, false);
    assert!(agent.apply(&cx, &package, Part::Environment).await.unwrap_err().is_unclear());
    let found = agent.find(&package.store_id).await.unwrap().unwrap();
    assert_eq!((found.parts[&Part::Environment].digest.as_str(), &found.parts[&Part::Environment].mark), ("", &cx.mark));
    assert_eq!(code(agent.apply(&context(&package.store_id, 2, 3, false), &package, Part::Files).await), Code::Unavailable);
    fs::rename(&away, machine.ledger()).unwrap();
    agent.apply(&cx, &package, Part::Environment).await.unwrap();
    assert_eq!(acknowledged(&agent, &package.store_id).await, [Part::Files, Part::Environment].into());
}

#[tokio::test]
async fn an_update_that_dies_is_taken_back_to_what_was_acknowledged() {
    let machine = Machine::new();
    let mut package = package("oceanbreeze-12345", 4001);
    let store = package.store_id.clone();
    let agent = machine.faulty_builder().open(machine.ledger()).await.unwrap();
    apply_all(&agent, &package).await.unwrap();
    package.environment.insert("STORE_NAME".to_owned(), "Another".into());
    let cx = context(&store, 1, 5, false);
    let update = agent.apply(&cx, &package, Part::Environment);
    dies_at(&machine.script, "files.ensure_environment", When::After, update).await;
    assert!(machine.files.environment(&store).unwrap().contains_key("STORE_NAME"), "the effect happened");

    let agent = machine.agent().await;
    let report = agent.converge().await.unwrap();
    assert_eq!((report.restored.as_slice(), report.removed.len()), (std::slice::from_ref(&store), 0), "{report:?}");
    assert!(!machine.files.environment(&store).unwrap().contains_key("STORE_NAME"));
    assert_eq!(machine.standing(&store).await.len(), 4);
}
