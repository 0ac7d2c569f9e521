//! Laws over random worlds: what holds whatever is done in whatever order.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use storex_fakes::cloudflare::{CloudState, Simulator};

use crate::client::{attempt, call, get, post, records_of, simulator};

/// A random record change; ids are chosen among those that exist when it runs.
#[derive(Debug, Clone)]
enum Change {
    Delete(usize),
    Patch(usize, Value),
    Put(usize, Value),
    Post(Value),
}

/// Mostly good fields, over few names, so that changes meet each other.
fn fields() -> impl Strategy<Value = Value> {
    let name = prop_oneof![8 => "[a-e]", 1 => Just("@".to_owned()), 1 => Just("*".to_owned()), 1 => Just("bad name".to_owned())];
    let shape = prop_oneof![
        3 => Just(("A", "192.0.2.1")),
        3 => Just(("A", "192.0.2.2")),
        3 => Just(("TXT", "text")),
        2 => Just(("AAAA", "2001:db8::1")),
        2 => Just(("CNAME", "t.example.net")),
        1 => Just(("NS", "ns.example.net")),
        1 => Just(("A", "10.0.0.1")),
        1 => Just(("A", "nonsense")),
    ];
    let comment = prop_oneof![8 => Just(json!(null)), 8 => Just(json!("mark")), 1 => Just(json!("x".repeat(101)))];
    (name, shape, prop::bool::weighted(0.2), comment).prop_map(|(name, (kind, content), proxied, comment)| {
        json!({"type": kind, "name": name, "content": content, "proxied": proxied, "comment": comment})
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        1 => (0..6_usize).prop_map(Change::Delete),
        1 => (0..6_usize, fields()).prop_map(|(index, fields)| Change::Patch(index, fields)),
        1 => (0..6_usize, fields()).prop_map(|(index, fields)| Change::Put(index, fields)),
        3 => fields().prop_map(Change::Post),
    ]
}

fn run<F: Future<Output = ()>>(future: F) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future);
}

async fn ids(simulator: &Simulator, records: &str) -> Vec<String> {
    get(simulator, records).await.column("id")
}

async fn apply(simulator: &Simulator, records: &str, change: &Change) -> bool {
    let ids = ids(simulator, records).await;
    let path = |index: &usize| format!("{records}/{}", ids.get(*index).cloned().unwrap_or_else(|| "0".repeat(32)));
    let answer = match change {
        Change::Delete(index) => attempt(simulator, "DELETE", &path(index), None).await,
        Change::Patch(index, fields) => attempt(simulator, "PATCH", &path(index), Some(fields.clone())).await,
        Change::Put(index, fields) => attempt(simulator, "PUT", &path(index), Some(fields.clone())).await,
        Change::Post(fields) => attempt(simulator, "POST", records, Some(fields.clone())).await,
    };
    answer.expect("an answer").status == 200
}

/// What no order of calls may bring about.
fn check(world: &CloudState) {
    for zone in &world.zones {
        for (index, record) in zone.records.iter().enumerate() {
            for other in zone.records.iter().skip(index + 1).filter(|other| other.name == record.name) {
                let kinds = [record.kind.as_str(), other.kind.as_str()];
                let hosts = kinds.iter().filter(|kind| matches!(**kind, "A" | "AAAA" | "CNAME")).count();
                assert!(!(kinds.contains(&"CNAME") && hosts == 2), "{record:?} beside {other:?}");
                assert!(record.kind != other.kind || record.content != other.content, "{record:?} twice");
                assert_ne!(record.id, other.id);
            }
            assert!(!record.proxied || record.ttl == 1);
            assert!(record.comment.as_ref().is_none_or(|comment| comment.chars().count() <= 100));
        }
    }
}

/// Runs a law over `cases` values, the same ones each time.
fn law<S: Strategy>(cases: u32, values: &S, holds: impl Fn(S::Value)) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(values, |value| {
        holds(value);
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn a_refused_change_changes_nothing_and_an_accepted_one_breaks_no_rule() {
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    law(96, &prop::collection::vec(change(), 1..25), |changes| {
        run(async {
            let simulator = simulator();
            let records = records_of(&simulator, "bluepeak-shop.com").await;
            for change in &changes {
                let before = simulator.state();
                if apply(&simulator, &records, change).await {
                    accepted.set(accepted.get() + 1);
                } else {
                    refused.set(refused.get() + 1);
                    assert_eq!(simulator.state(), before, "{change:?}");
                }
                check(&simulator.state());
            }
        });
    });
    assert!(accepted.get() > 200 && refused.get() > 200, "{accepted:?} {refused:?}");
}

/// The lists of a batch in the order Cloudflare executes them, with the method of a change on its own.
fn lists(changes: &[Change], ids: &[String]) -> [(&'static str, &'static str, Vec<Value>); 4] {
    let with_id = |index: usize, fields: &Value| {
        let mut fields = fields.clone();
        fields["id"] = json!(ids.get(index).cloned().unwrap_or_else(|| "0".repeat(32)));
        fields
    };
    let (mut deletes, mut patches, mut puts, mut posts) = (vec![], vec![], vec![], vec![]);
    for change in changes {
        match change {
            Change::Delete(index) => deletes.push(with_id(*index, &json!({}))),
            Change::Patch(index, fields) => patches.push(with_id(*index, fields)),
            Change::Put(index, fields) => puts.push(with_id(*index, fields)),
            Change::Post(fields) => posts.push(fields.clone()),
        }
    }
    [("DELETE", "deletes", deletes), ("PATCH", "patches", patches), ("PUT", "puts", puts), ("POST", "posts", posts)]
}

/// Makes every change on its own and returns the errors of the first refusal.
async fn one_by_one(simulator: &Simulator, records: &str, lists: &[(&str, &str, Vec<Value>)]) -> Option<Value> {
    let mut first = None;
    for (method, _, list) in lists {
        for fields in list {
            let path = fields["id"].as_str().map_or_else(|| records.to_owned(), |id| format!("{records}/{id}"));
            let answer = call(simulator, method, &path, Some(fields.clone())).await;
            if answer.status != 200 {
                first.get_or_insert(answer.body["errors"].clone());
            }
        }
    }
    first
}

#[test]
fn a_batch_does_what_its_changes_do_one_by_one_or_nothing() {
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    let values = (prop::collection::vec(fields(), 0..6), prop::collection::vec(change(), 1..5));
    law(160, &values, |(standing, changes)| {
        run(async {
            let (batched, single) = (simulator(), simulator());
            let records = records_of(&batched, "bluepeak-shop.com").await;
            assert_eq!(records, records_of(&single, "bluepeak-shop.com").await, "one seed, one set of ids");
            for fields in standing {
                post(&batched, &records, fields.clone()).await;
                post(&single, &records, fields).await;
            }
            let lists = lists(&changes, &ids(&batched, &records).await);
            let before = batched.state();
            let body: Value = lists.iter().map(|(_, key, list)| ((*key).to_owned(), json!(list))).collect();
            let answer = post(&batched, &format!("{records}/batch"), body).await;
            if let Some(errors) = one_by_one(&single, &records, &lists).await {
                refused.set(refused.get() + 1);
                assert_eq!(answer.body["errors"], errors);
                assert_eq!(batched.state(), before);
            } else {
                accepted.set(accepted.get() + 1);
                assert_eq!(contents(&batched), contents(&single), "{}", answer.text);
            }
        });
    });
    assert!(accepted.get() > 20 && refused.get() > 20, "{accepted:?} {refused:?}");
}

/// Records without their dates, which count mutations.
fn contents(simulator: &Simulator) -> Vec<(String, String, String, String, bool, Option<String>)> {
    let world = simulator.state();
    let zone = world.zone_named("bluepeak-shop.com").expect("there").clone();
    zone.records.into_iter().map(|r| (r.id, r.kind, r.name, r.content, r.proxied, r.comment)).collect()
}
