//! Scenarios that once broke an invariant, found by runs with fresh seeds.

use crate::run::{Detail, run};
use crate::scenario::{Hit, Kind, Scenario, Then};
use crate::workflow::Workflow;
use storex_core::Code;
use storex_fakes::{Event, Fault, FaultRule, When};

const SEED: u64 = 1_795_588_905;

fn hit(nth: u32, call: &'static str, when: When, fault: Fault, times: u32) -> Hit {
    Hit { nth, call, kind: Kind { when, fault, times, then: Then::Plain } }
}

/// A workflow that turns back because a write of this table is refused.
fn turned_back(workflow: Workflow, table: &str, hits: Vec<Hit>) -> Scenario {
    let failing = FaultRule::next("repo.put", table, When::Before, Fault::Refuse(Code::Corrupt));
    Scenario { workflow, seed: SEED, failing: Some(failing), later: true, hits }
}

#[test]
fn a_pause_while_a_platform_turns_back_leaves_no_tunnel() {
    let hits = vec![
        hit(11, "tunnel.create", When::Before, Fault::RateLimited(30), 1),
        hit(54, "repo.get", When::After, Fault::Pause, 1),
    ];
    let outcome = run(&turned_back(Workflow::Platform, "platform", hits), Detail::Verdict);
    assert_eq!(outcome.problems, Vec::<String>::new());
}

#[test]
fn a_host_restored_while_a_store_turns_back_keeps_what_is_not_ours() {
    let hits = vec![
        hit(19, "repo.put", When::Before, Fault::Unavailable, 4),
        hit(21, "host.apply", When::After, Fault::Event(Event::HostRollback), 1),
    ];
    let outcome = run(&turned_back(Workflow::CreateSystem, "outbox", hits), Detail::Verdict);
    assert_eq!(outcome.problems, Vec::<String>::new());
}
