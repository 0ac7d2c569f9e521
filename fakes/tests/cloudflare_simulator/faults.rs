//! Fault rules: before and after the effect, held and released, over HTTP and in Rust.

use std::time::Duration;

use serde_json::{Value, json};
use storex_fakes::cloudflare::{FaultAction, FaultError, FaultRule, Simulator, When};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Answer, attempt, control, get, post, records_of, simulator, zone};

const PATIENCE: Duration = Duration::from_secs(30);

fn shop() -> Value {
    json!({"name": "bluepeak-shop.com"})
}

fn spawn_post(simulator: &Simulator) -> JoinHandle<Option<Answer>> {
    let simulator = simulator.clone();
    tokio::spawn(async move { attempt(&simulator, "POST", "/zones", Some(shop())).await })
}

async fn until_held(simulator: &Simulator, count: usize) {
    timeout(PATIENCE, simulator.until_held(count)).await.expect("held in time");
}

fn has_shop(simulator: &Simulator) -> bool {
    simulator.state().zone_named("bluepeak-shop.com").is_some()
}

#[tokio::test]
async fn answers_that_replace_the_effect_leave_the_world_as_it_was() {
    let limited = FaultAction::RateLimited { retry_after: 17 };
    for (action, status) in [
        (FaultAction::answer(502, 0, "Bad gateway"), Some(502)),
        (limited, Some(429)),
        (FaultAction::Html, Some(502)),
        (FaultAction::Reset, None),
    ] {
        let simulator = simulator();
        let before = simulator.state();
        simulator.add_fault(FaultRule::before("POST", "/zones", action.clone())).expect("a good rule");
        let answer = attempt(&simulator, "POST", "/zones", Some(shop())).await;
        assert_eq!(answer.as_ref().map(|answer| answer.status), status, "{action:?}");
        assert_eq!(simulator.state(), before, "{action:?}");
        assert_eq!(simulator.calls()[0].status, status);
        assert_eq!(simulator.calls()[0].faults, ["fault-1"]);
        post(&simulator, "/zones", shop()).await.result();
    }
}

#[tokio::test]
async fn the_same_answers_after_the_effect_hide_that_it_happened() {
    for (action, status) in
        [(FaultAction::answer(503, 1500, "later"), Some(503)), (FaultAction::Html, Some(502)), (FaultAction::Reset, None)]
    {
        let simulator = simulator();
        simulator.add_fault(FaultRule::after("POST", "/zones", action.clone())).expect("a good rule");
        let answer = attempt(&simulator, "POST", "/zones", Some(shop())).await;
        assert_eq!(answer.map(|answer| answer.status), status, "{action:?}");
        assert!(has_shop(&simulator), "{action:?}");
        assert_eq!(post(&simulator, "/zones", shop()).await.refusal(), (400, 1061));
    }
}

#[tokio::test]
async fn the_faulty_answers_have_the_outline_of_real_ones() {
    let simulator = simulator();
    let rule = |action| FaultRule::before("GET", "/zones", action);
    simulator.add_fault(rule(FaultAction::answer(500, 1500, "Internal"))).expect("a good rule");
    assert_eq!(get(&simulator, "/zones").await.refusal(), (500, 1500));
    simulator.add_fault(rule(FaultAction::RateLimited { retry_after: 17 })).expect("a good rule");
    let limited = get(&simulator, "/zones").await;
    assert_eq!((limited.refusal(), limited.header("retry-after")), ((429, 971), "17"));
    simulator.add_fault(rule(FaultAction::Html)).expect("a good rule");
    let html = get(&simulator, "/zones").await;
    assert_eq!(html.header("content-type"), "text/html; charset=UTF-8");
    assert!(html.text.starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn a_call_held_before_its_effect_has_it_once_it_is_released() {
    let simulator = simulator();
    simulator.add_fault(FaultRule::before("POST", "/zones", FaultAction::Hold).named("wait")).expect("a good rule");
    let waiting = spawn_post(&simulator);
    until_held(&simulator, 1).await;
    assert!(!has_shop(&simulator));
    let held = simulator.held();
    assert_eq!(
        (held[0].method.as_str(), held[0].path.as_str(), held[0].when, held[0].fault.as_str()),
        ("POST", "/zones", When::Before, "wait")
    );
    assert_eq!(simulator.calls()[0].status, None, "no answer yet");
    get(&simulator, "/zones").await.result();
    assert!(simulator.release(held[0].id));
    waiting.await.expect("no panic").expect("an answer").result();
    assert!(has_shop(&simulator));
    assert_eq!((simulator.held(), simulator.calls()[0].status), (vec![], Some(200)));
    assert!(!simulator.release(held[0].id), "it is held no longer");
}

#[tokio::test]
async fn a_call_held_after_its_effect_has_happened_already() {
    let simulator = simulator();
    simulator.add_fault(FaultRule::after("POST", "/zones", FaultAction::Hold)).expect("a good rule");
    let waiting = spawn_post(&simulator);
    until_held(&simulator, 1).await;
    assert!(has_shop(&simulator));
    assert_eq!(simulator.held()[0].when, When::After);
    assert_eq!(simulator.release_all(), 1);
    assert_eq!(waiting.await.expect("no panic").expect("an answer").result()["name"], "bluepeak-shop.com");
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_its_held_call_with_it() {
    for (rule, happened) in [
        (FaultRule::before("POST", "/zones", FaultAction::Hold), false),
        (FaultRule::after("POST", "/zones", FaultAction::Hold), true),
    ] {
        let simulator = simulator();
        simulator.add_fault(rule).expect("a good rule");
        let waiting = spawn_post(&simulator);
        until_held(&simulator, 1).await;
        waiting.abort();
        assert!(waiting.await.expect_err("aborted").is_cancelled());
        assert_eq!((simulator.held(), simulator.release_all()), (vec![], 0));
        assert_eq!(has_shop(&simulator), happened);
        assert_eq!(simulator.calls()[0].status, None);
    }
}

#[tokio::test]
async fn held_calls_are_dropped_when_the_simulator_stops() {
    let simulator = simulator();
    simulator.add_fault(FaultRule::after("POST", "/zones", FaultAction::Hold).times(0)).expect("a good rule");
    let waiting = spawn_post(&simulator);
    until_held(&simulator, 1).await;
    simulator.drop_held();
    assert!(waiting.await.expect("no panic").is_none(), "no answer");
    let later = attempt(&simulator, "POST", "/zones", Some(json!({"name": "other-shop.com"})));
    assert!(timeout(PATIENCE, later).await.expect("not held").is_none(), "nor do later ones get one");
    assert!(simulator.state().zone_named("other-shop.com").is_some());
}

#[tokio::test]
async fn only_the_nth_call_and_the_ones_after_it_are_struck() {
    let simulator = simulator();
    let rule = FaultRule::before("POST", "/zones/{zone}/dns_records", FaultAction::answer(500, 1, "no")).nth(2).times(2);
    simulator.add_fault(rule).expect("a good rule");
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    let mut statuses = Vec::new();
    for number in 0..5 {
        let body = json!({"type": "A", "name": format!("h{number}"), "content": "192.0.2.1"});
        statuses.push(post(&simulator, &records, body).await.status);
        get(&simulator, &records).await.result();
        post(&simulator, &format!("{records}/batch"), json!({})).await.result();
    }
    assert_eq!(statuses, [200, 500, 500, 200, 200]);
    let status = &simulator.faults()[0];
    assert_eq!((status.met, status.fired), (5, 2));
}

#[tokio::test]
async fn a_rule_can_mean_one_zone_only() {
    let simulator = simulator();
    let (one, two) = (zone(&simulator, "one-shop.com").await, zone(&simulator, "two-shop.com").await);
    let rule = FaultRule::before("*", &format!("/zones/{one}"), FaultAction::answer(403, 10000, "Authentication error")).times(0);
    let id = simulator.add_fault(rule).expect("a good rule");
    for path in ["", "/dns_records", "/settings/ssl"] {
        assert_eq!(get(&simulator, &format!("/zones/{one}{path}")).await.refusal(), (403, 10000));
        get(&simulator, &format!("/zones/{two}{path}")).await.result();
    }
    assert!(simulator.remove_fault(&id));
    get(&simulator, &format!("/zones/{one}")).await.result();
}

#[tokio::test]
async fn one_call_can_be_struck_on_both_sides() {
    let simulator = simulator();
    simulator.add_fault(FaultRule::before("POST", "/zones", FaultAction::Hold).named("first")).expect("a good rule");
    simulator.add_fault(FaultRule::before("POST", "/zones", FaultAction::Reset).named("shadowed")).expect("a good rule");
    simulator
        .add_fault(FaultRule::after("POST", "/zones", FaultAction::answer(504, 0, "late")).named("second"))
        .expect("a good rule");
    let waiting = spawn_post(&simulator);
    until_held(&simulator, 1).await;
    simulator.release_all();
    assert_eq!(waiting.await.expect("no panic").expect("an answer").status, 504);
    assert!(has_shop(&simulator));
    assert_eq!(simulator.calls()[0].faults, ["first", "second"]);
    let fired: Vec<u64> = simulator.faults().iter().map(|known| known.fired).collect();
    assert_eq!(fired, [1, 0, 1], "only what acted counts as fired");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_call_is_answered_late_and_in_full() {
    let simulator = simulator();
    let delay = FaultAction::Delay { milliseconds: 60_000 };
    simulator.add_fault(FaultRule::before("POST", "/zones", delay)).expect("a good rule");
    let clock = storex_fakes::MemoryClock::new();
    let start = storex_core::Clock::now(&clock);
    post(&simulator, "/zones", shop()).await.result();
    assert_eq!(storex_core::Clock::now(&clock).duration_since(start).as_secs(), 60);
    assert!(has_shop(&simulator));
}

#[tokio::test]
async fn rules_are_added_shown_and_removed_over_http() {
    let simulator = simulator();
    let rule = json!({"id": "mine", "method": "POST", "path": "/zones", "nth": 2, "times": 0, "when": "after", "action": {"hold": true}});
    let added = control(&simulator, "POST", "/faults", Some(rule.clone())).await;
    assert_eq!((added.status, &added.body), (201, &json!({"id": "mine"})));
    let short = json!({"method": "GET", "path": "/zones", "action": {"status": 502, "code": 7, "message": "no"}});
    assert_eq!(control(&simulator, "POST", "/faults", Some(short)).await.body, json!({"id": "fault-1"}));
    get(&simulator, "/zones").await.refusal();
    let shown = control(&simulator, "GET", "/faults", None).await.body;
    assert_eq!(shown[0], json!({"rule": rule, "met": 0, "fired": 0}));
    assert_eq!((&shown[1]["met"], &shown[1]["fired"], &shown[1]["rule"]["when"]), (&json!(1), &json!(1), &json!("before")));
    assert_eq!(control(&simulator, "DELETE", "/faults/mine", None).await.status, 204);
    assert_eq!(control(&simulator, "DELETE", "/faults/mine", None).await.status, 404);
    assert_eq!(control(&simulator, "DELETE", "/faults", None).await.status, 204);
    assert_eq!(control(&simulator, "GET", "/faults", None).await.body, json!([]));
}

#[tokio::test]
async fn rules_that_cannot_work_are_refused_over_http() {
    let simulator = simulator();
    let good = json!({"id": "a", "method": "GET", "path": "/zones", "action": {"reset": true}});
    assert_eq!(control(&simulator, "POST", "/faults", Some(good.clone())).await.status, 201);
    assert_eq!(control(&simulator, "POST", "/faults", Some(good)).await.status, 409);
    for (body, status) in [
        (json!({"method": "GET", "path": "/zones"}), 422),
        (json!({"method": "GET", "path": "/zones", "action": {}}), 422),
        (json!({"method": "GET", "path": "/zones", "action": {"hold": true, "reset": true}}), 422),
        (json!({"method": "GET", "path": "/zones", "action": {"hold": true}, "count": 1}), 422),
        (json!({"method": "GET", "path": "/zones", "action": {"hold": true}, "when": "during"}), 422),
        (json!({"method": "GET", "path": "/zones", "action": {"hold": true}, "nth": 0}), 400),
        (json!({"method": "GET", "path": "zones", "action": {"hold": true}}), 400),
    ] {
        let answer = control(&simulator, "POST", "/faults", Some(body.clone())).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body["error"].is_string(), "{}", answer.text);
    }
    assert_eq!(simulator.faults().len(), 1);
    let zero = FaultRule::before("GET", "/zones", FaultAction::Hold).nth(0);
    assert_eq!(simulator.add_fault(zero), Err(FaultError::NthZero));
}

#[tokio::test]
async fn held_calls_are_listed_and_released_over_http() {
    let simulator = simulator();
    simulator.add_fault(FaultRule::after("POST", "/zones", FaultAction::Hold).times(0).named("h")).expect("a good rule");
    let (first, second) = (spawn_post(&simulator), spawn_post(&simulator));
    until_held(&simulator, 2).await;
    let held = control(&simulator, "GET", "/held", None).await.body;
    assert_eq!(held[0], json!({"id": 1, "method": "POST", "path": "/zones", "when": "after", "fault": "h"}));
    assert_eq!(control(&simulator, "POST", "/held/1/release", None).await.body, json!({"released": 1}));
    assert_eq!(control(&simulator, "POST", "/held/99/release", None).await.status, 404);
    assert_eq!(control(&simulator, "POST", "/held/release", None).await.body, json!({"released": 1}));
    let mut statuses = Vec::new();
    for waiting in [first, second] {
        statuses.push(waiting.await.expect("no panic").expect("an answer").status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "one of the two found the zone there");
}
