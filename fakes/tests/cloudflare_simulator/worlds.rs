//! Laws over random worlds: what holds whatever is done in whatever order.

use proptest::prelude::*;
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

fn fields() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("@"), Just("a"), Just("b"), Just("*"), Just("bad name")];
    let shape = prop_oneof![
        Just(("A", "192.0.2.1")),
        Just(("A", "192.0.2.2")),
        Just(("A", "10.0.0.1")),
        Just(("AAAA", "2001:db8::1")),
        Just(("CNAME", "t.example.net")),
        Just(("TXT", "text")),
        Just(("NS", "ns.example.net")),
        Just(("A", "nonsense")),
    ];
    let comment = prop_oneof![3 => Just(json!(null)), 1 => Just(json!("mark")), 1 => Just(json!("x".repeat(101)))];
    (name, shape, any::<bool>(), comment).prop_map(|(name, (kind, content), proxied, comment)| {
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
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future);
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
                assert!(
                    record.kind != other.kind || record.content != other.content,
                    "{record:?} twice"
                );
                assert_ne!(record.id, other.id);
            }
            assert!(!record.proxied || record.ttl == 1);
            assert!(record.comment.as_ref().is_none_or(|comment| comment.chars().count() <= 100));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_refused_change_changes_nothing_and_an_accepted_one_breaks_no_rule(changes in prop::collection::vec(change(), 1..25)) {
        run(async {
            let simulator = simulator();
            let records = records_of(&simulator, "bluepeak-shop.com").await;
            for change in &changes {
                let before = simulator.state();
                if !apply(&simulator, &records, change).await {
                    assert_eq!(simulator.state(), before, "{change:?}");
                }
                check(&simulator.state());
            }
        });
    }

    #[test]
    fn a_batch_does_what_its_changes_do_one_by_one_or_nothing(
        standing in prop::collection::vec(fields(), 0..6),
        changes in prop::collection::vec(change(), 0..8),
    ) {
        run(async {
            let (batched, single) = (simulator(), simulator());
            let records = records_of(&batched, "bluepeak-shop.com").await;
            prop_assert_same(&records, &records_of(&single, "bluepeak-shop.com").await);
            for fields in standing {
                post(&batched, &records, fields.clone()).await;
                post(&single, &records, fields).await;
            }
            let ids = ids(&batched, &records).await;
            let id = |index: usize| ids.get(index).cloned().unwrap_or_else(|| "0".repeat(32));
            let with_id = |index: usize, fields: &Value| {
                let mut fields = fields.clone();
                fields["id"] = json!(id(index));
                fields
            };
            let (mut deletes, mut patches, mut puts, mut posts) = (vec![], vec![], vec![], vec![]);
            for change in &changes {
                match change {
                    Change::Delete(index) => deletes.push(json!({"id": id(*index)})),
                    Change::Patch(index, fields) => patches.push(with_id(*index, fields)),
                    Change::Put(index, fields) => puts.push(with_id(*index, fields)),
                    Change::Post(fields) => posts.push(fields.clone()),
                }
            }
            let before = batched.state();
            let body = json!({"posts": posts, "puts": puts, "patches": patches, "deletes": deletes});
            let answer = post(&batched, &format!("{records}/batch"), body).await;
            let mut first_refusal = None;
            for (method, list) in [("DELETE", &deletes), ("PATCH", &patches), ("PUT", &puts), ("POST", &posts)] {
                for fields in list {
                    let path = fields["id"].as_str().map_or_else(|| records.clone(), |id| format!("{records}/{id}"));
                    let alone = call(&single, method, &path, Some(fields.clone())).await;
                    if alone.status != 200 && first_refusal.is_none() {
                        first_refusal = Some(alone.body["errors"].clone());
                    }
                }
            }
            match first_refusal {
                Some(errors) => {
                    assert_eq!(answer.body["errors"], errors);
                    assert_eq!(batched.state(), before);
                }
                None => assert_eq!(contents(&batched), contents(&single), "{}", answer.text),
            }
        });
    }
}

fn prop_assert_same(first: &str, second: &str) {
    assert_eq!(first, second, "two simulators with one seed issue the same ids");
}

/// Records without their dates, which count mutations.
fn contents(simulator: &Simulator) -> Vec<(String, String, String, String, bool, Option<String>)> {
    let world = simulator.state();
    let zone = world.zone_named("bluepeak-shop.com").expect("there").clone();
    zone.records
        .into_iter()
        .map(|r| (r.id, r.kind, r.name, r.content, r.proxied, r.comment))
        .collect()
}
