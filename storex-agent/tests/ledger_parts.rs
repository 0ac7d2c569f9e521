//! The parts one by one: ports, names, processes that do not serve, routes the router refuses.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod host_on_twins;

use host_on_twins::{Machine, apply_all, code, context, package};
use std::collections::BTreeSet;
use std::time::Duration;
use storex_agent::Agent;
use storex_core::{Code, Part, ProcessSupervisor, Result, StoreHost, StorePackage, SystemClock};
use storex_fakes::{Fault, FaultRule, When};

async fn apply_until_process(agent: &Agent, package: &StorePackage) -> Result<()> {
    for (step, part) in (1..).zip([Part::Files, Part::Environment, Part::Process]) {
        agent.apply(&context(&package.store_id, 1, step, false), package, part).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_process_that_never_listens_is_removed_and_its_last_lines_are_told_without_secrets() {
    let machine = Machine::new();
    let agent = machine.agent().await;
    let package = package("oceanbreeze-12345", 4001);
    let long = "x".repeat(5000);
    let mut log: Vec<String> = (0..30).map(|n| format!("line {n}")).collect();
    log.extend([long, "connecting with correct horse".to_owned()]);
    machine.sockets.silence(4001);
    let writes = async {
        machine.started(&package.store_id).await;
        for line in &log {
            machine.processes.print(&package.store_id, line);
        }
    };
    let (outcome, ()) = tokio::join!(apply_until_process(&agent, &package), writes);
    let error = outcome.unwrap_err();
    assert_eq!((error.code(), error.is_unclear()), (Code::ProcessNotServing, false));
    assert!(error.message().contains("0.5 s"), "{}", error.message());
    let (_, told) = error.context().find(|(key, _)| *key == "log").unwrap();
    assert!(told.ends_with("connecting with ***") && told.len() <= 4096, "{told}");
    assert!(!error.to_string().contains("correct horse"));
    assert_eq!(machine.standing(&package.store_id).await, [Part::Files, Part::Environment].into());
    assert_eq!(agent.find(&package.store_id).await.unwrap().unwrap().parts.len(), 2);
    assert!(agent.facts().await.unwrap().free_ports.contains(&4001.try_into().unwrap()), "the port is free again");
    // The same step may be repeated once the application is mended.
    machine.sockets.unsilence(4001);
    apply_until_process(&agent, &package).await.unwrap();
}

#[tokio::test]
async fn a_process_that_ends_again_and_again_is_given_up_before_the_limit() {
    for is_given_up in [true, false] {
        let machine = Machine::new();
        let builder = machine.builder().start_limit(Duration::from_mins(10));
        let agent = builder.open(machine.ledger()).await.unwrap();
        let package = package("oceanbreeze-12345", 4001);
        let store = &package.store_id;
        machine.sockets.silence(4001);
        let ends = async {
            machine.started(store).await;
            for _ in 0..3 {
                machine.processes.crash(machine.pid(store).await.unwrap());
            }
            if is_given_up {
                machine.processes.give_up(store);
            }
        };
        let (outcome, ()) = tokio::join!(apply_until_process(&agent, &package), ends);
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), Code::ProcessNotServing);
        assert!(error.message().contains("again and again"), "{error}");
        assert!(!machine.standing(store).await.contains(&Part::Process));
    }
}

#[tokio::test]
async fn a_near_deadline_ends_the_wait_for_a_process() {
    let machine = Machine::new();
    let agent = machine.builder().start_limit(Duration::from_mins(10)).open(machine.ledger()).await.unwrap();
    let package = package("oceanbreeze-12345", 4001);
    machine.sockets.silence(4001);
    for (step, part) in (1..).zip([Part::Files, Part::Environment]) {
        agent.apply(&context(&package.store_id, 1, step, false), &package, part).await.unwrap();
    }
    let mut cx = context(&package.store_id, 1, 3, false);
    cx.deadline = storex_core::Clock::now(&SystemClock) + Duration::from_millis(600);
    let error = agent.apply(&cx, &package, Part::Process).await.unwrap_err();
    assert_eq!((error.code(), error.is_unclear()), (Code::ProcessNotServing, false));
    assert!(storex_core::Clock::now(&SystemClock) < cx.deadline + Duration::from_mins(1));
}

#[tokio::test]
async fn a_silent_process_that_cannot_be_removed_stays_in_doubt() {
    let machine = Machine::new();
    let agent = machine.faulty_builder().open(machine.ledger()).await.unwrap();
    let package = package("oceanbreeze-12345", 4001);
    machine.sockets.silence(4001);
    machine.script.add(FaultRule::next("processes.remove", "", When::Before, Fault::Unavailable));
    let error = apply_until_process(&agent, &package).await.unwrap_err();
    assert_eq!((error.code(), error.is_unclear()), (Code::ProcessNotServing, true));
    let found = agent.find(&package.store_id).await.unwrap().unwrap();
    assert_eq!(found.parts[&Part::Process].digest, "");
    agent.withdraw(&context(&package.store_id, 1, 3, true), &package.store_id, Part::Process).await.unwrap();
    assert!(!machine.standing(&package.store_id).await.contains(&Part::Process));
}

#[tokio::test]
async fn only_free_ports_of_the_range_are_taken_and_offered() {
    let machine = Machine::new();
    let agent = machine.builder().ports("4001-4005".parse().unwrap()).open(machine.ledger()).await.unwrap();
    apply_all(&agent, &package("first-20001", 4001)).await.unwrap();
    machine.sockets.occupy(4003);
    let free: Vec<u16> = agent.facts().await.unwrap().free_ports.into_iter().map(u16::from).collect();
    assert_eq!(free, [4002, 4004, 4005]);
    for (port, wanted) in [(4001, Code::PortBusy), (4003, Code::PortBusy), (4006, Code::InvalidField), (8081, Code::InvalidField)]
    {
        let package = package(&format!("shop{port}-30000"), port);
        assert_eq!(code(apply_until_process(&agent, &package).await), wanted, "process on {port}");
        if port != 4003 {
            let cx = context(&package.store_id, 1, 4, false);
            assert_eq!(code(agent.apply(&cx, &package, Part::Route).await), wanted, "route to {port}");
        }
    }
    assert_eq!(machine.processes.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn at_most_a_thousand_ports_are_offered() {
    let machine = Machine::new();
    let agent = machine.agent().await;
    let free: Vec<u16> = agent.facts().await.unwrap().free_ports.into_iter().map(u16::from).collect();
    assert_eq!(free, (4001..=4999).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_name_the_router_refuses_fails_its_store_alone() {
    let machine = Machine::new();
    let agent = machine.faulty_builder().debounce(Duration::from_millis(50)).open(machine.ledger()).await.unwrap();
    let (good, bad) = (package("good-20001", 4001), package("refused-20002", 4002));
    let apply = |package: StorePackage| {
        let agent = agent.clone();
        async move { agent.apply(&context(&package.store_id, 1, 1, false), &package, Part::Route).await }
    };
    let (good_outcome, bad_outcome) = tokio::join!(apply(good.clone()), apply(bad.clone()));
    good_outcome.unwrap();
    let error = bad_outcome.unwrap_err();
    assert_eq!((error.code(), error.is_unclear()), (Code::RouteRejected, false));
    assert!(error.message().contains("refused.s"), "{error}");
    assert_eq!(agent.find(&bad.store_id).await.unwrap(), None);
    assert_eq!(machine.standing(&good.store_id).await, [Part::Route].into());
    // Its names and its port are free for others.
    let mut other = package("other-20003", 4002);
    other.environment.insert("DOMAIN".to_owned(), "refused.example.com".into());
    assert_eq!(code(apply(other.clone()).await), Code::RouteRejected);
}

#[tokio::test]
async fn a_router_that_fails_leaves_the_former_routes_and_no_row_of_the_failed_store() {
    let machine = Machine::new();
    let agent = machine.faulty_builder().open(machine.ledger()).await.unwrap();
    let (first, second) = (package("first-20001", 4001), package("second-20002", 4002));
    agent.apply(&context(&first.store_id, 1, 1, false), &first, Part::Route).await.unwrap();
    for (fault, when, wanted) in
        [(Fault::Refuse(Code::RouteRejected), When::Before, Code::RouteRejected), (Fault::Unclear, When::After, Code::Timeout)]
    {
        machine.script.add(FaultRule::next("proxy.commit", "", when, fault));
        let cx = context(&second.store_id, 1, 1, false);
        assert_eq!(code(agent.apply(&cx, &second, Part::Route).await), wanted);
        assert_eq!(agent.find(&second.store_id).await.unwrap(), None, "{fault:?}");
        assert_eq!(machine.standing(&second.store_id).await, BTreeSet::new(), "{fault:?}");
        assert_eq!(machine.standing(&first.store_id).await, [Part::Route].into(), "{fault:?}");
    }
    agent.apply(&context(&second.store_id, 1, 1, false), &second, Part::Route).await.unwrap();
}

#[tokio::test]
async fn a_router_that_stays_down_leaves_the_route_in_doubt_until_it_is_withdrawn() {
    let machine = Machine::new();
    let agent = machine.faulty_builder().open(machine.ledger()).await.unwrap();
    let package = package("oceanbreeze-12345", 4001);
    machine.script.add(FaultRule::next("proxy.commit", "", When::After, Fault::Unclear).forever());
    let error = agent.apply(&context(&package.store_id, 1, 4, false), &package, Part::Route).await.unwrap_err();
    assert!(error.is_unclear());
    assert_eq!(agent.find(&package.store_id).await.unwrap().unwrap().parts[&Part::Route].digest, "");
    machine.script.clear();
    agent.withdraw(&context(&package.store_id, 1, 4, true), &package.store_id, Part::Route).await.unwrap();
    assert_eq!(
        (machine.standing(&package.store_id).await, agent.find(&package.store_id).await.unwrap()),
        (BTreeSet::new(), None)
    );
}

#[tokio::test]
async fn a_standing_part_is_looked_at_before_an_equal_apply_is_believed() {
    let machine = Machine::new();
    let agent = machine.agent().await;
    let package = package("oceanbreeze-12345", 4001);
    apply_all(&agent, &package).await.unwrap();
    let process = |step| {
        let (agent, package) = (agent.clone(), package.clone());
        async move { agent.apply(&context(&package.store_id, 1, step, false), &package, Part::Process).await.unwrap() }
    };
    assert_eq!(process(5).await.mark, context(&package.store_id, 1, 5, false).mark);
    assert_eq!(machine.pid(&package.store_id).await, Some(1001), "what runs was left alone");
    machine.reboot().await;
    assert_eq!(agent.find(&package.store_id).await.unwrap().unwrap().parts[&Part::Process].detail["status"], "absent");
    process(6).await;
    assert_eq!(machine.pid(&package.store_id).await, Some(1002));
    let commits = agent.route_commits();
    agent.apply(&context(&package.store_id, 1, 7, false), &package, Part::Route).await.unwrap();
    assert_eq!(agent.route_commits(), commits, "an equal route costs no commit");
}

#[tokio::test]
async fn a_process_runs_with_the_environment_that_was_written_and_no_other() {
    let machine = Machine::new();
    let agent = machine.agent().await;
    let mut package = package("oceanbreeze-12345", 4001);
    apply_all(&agent, &package).await.unwrap();
    package.environment.insert("STORE_NAME".to_owned(), "Another".into());
    let apply = |step, part| {
        let (agent, package) = (agent.clone(), package.clone());
        async move { agent.apply(&context(&package.store_id, 1, step, false), &package, part).await }
    };
    assert_eq!(code(apply(5, Part::Process).await), Code::Unusable);
    apply(6, Part::Environment).await.unwrap();
    apply(7, Part::Process).await.unwrap();
    assert_eq!(machine.pid(&package.store_id).await, Some(1002), "another environment is another process");
}

#[tokio::test]
async fn a_visit_sees_at_most_4_kib_and_a_silent_router_is_unavailable() {
    let machine = Machine::new();
    let body = "ä".repeat(10_000);
    let service = axum::Router::new().fallback(move || async move { body });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let router = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    let agent = machine.builder().router(router).open(machine.ledger()).await.unwrap();
    let name = "oceanbreeze.storex.com".parse().unwrap();
    let visit = agent.visit(&name, "/health?x=1").await.unwrap();
    assert_eq!((visit.status, visit.body.len()), (200, 4096));
    assert_eq!(code(agent.visit(&name, "no slash").await), Code::InvalidField);
    assert_eq!(code(agent.visit(&name, "/a b").await), Code::InvalidField);
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
    assert_eq!(code(agent.visit(&name, "/").await), Code::Unavailable);
}
