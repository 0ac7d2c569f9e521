//! Batches: their order, their echo, and that a refused one applies nothing.

use serde_json::{Value, json};
use storex_fakes::cloudflare::{Limits, Plan, Simulator};

use crate::client::{builder, call, get, post, records_of, simulator};

fn host(name: &str, address: &str) -> Value {
    json!({"type": "A", "name": name, "content": address})
}

async fn furnished() -> (Simulator, String, Vec<String>) {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    let mut ids = Vec::new();
    for (name, address) in [("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "192.0.2.3")] {
        ids.push(post(&simulator, &records, host(name, address)).await.id());
    }
    (simulator, records, ids)
}

async fn batch(simulator: &Simulator, records: &str, body: Value) -> crate::client::Answer {
    post(simulator, &format!("{records}/batch"), body).await
}

#[tokio::test]
async fn a_batch_does_all_four_kinds_and_echoes_the_records() {
    let (simulator, records, ids) = furnished().await;
    let body = json!({
        "posts": [host("d", "192.0.2.4"), {"type": "CNAME", "name": "@", "content": "t.example.net", "proxied": true}],
        "puts": [{"id": ids[1], "type": "A", "name": "b", "content": "192.0.2.20"}],
        "patches": [{"id": ids[2], "comment": "kept"}],
        "deletes": [{"id": ids[0]}],
    });
    let answer = batch(&simulator, &records, body).await;
    let result = answer.result();
    let count = |key: &str| result[key].as_array().map(Vec::len);
    assert_eq!([count("deletes"), count("patches"), count("puts"), count("posts")], [Some(1), Some(1), Some(1), Some(2)]);
    assert_eq!(result["deletes"][0]["id"], json!(ids[0]));
    assert_eq!(result["puts"][0]["content"], "192.0.2.20");
    let mut names = get(&simulator, &records).await.column("name");
    names.sort();
    assert_eq!(names, ["b.bluepeak-shop.com", "bluepeak-shop.com", "c.bluepeak-shop.com", "d.bluepeak-shop.com"]);
}

#[tokio::test]
async fn deletes_come_before_patches_before_puts_before_posts() {
    let (simulator, records, ids) = furnished().await;
    let body = json!({
        "posts": [{"type": "CNAME", "name": "b", "content": "t.example.net"}],
        "puts": [{"id": ids[1], "type": "A", "name": "c2", "content": "192.0.2.2"}],
        "patches": [{"id": ids[2], "name": "a", "content": "192.0.2.1"}],
        "deletes": [{"id": ids[0]}],
    });
    batch(&simulator, &records, body).await.result();
    let (simulator, records, ids) = furnished().await;
    let reversed =
        json!({"posts": [host("a", "192.0.2.9")], "patches": [{"id": ids[0], "type": "CNAME", "content": "t.example.net"}]});
    assert_eq!(batch(&simulator, &records, reversed).await.refusal(), (400, 81054), "the post meets the patched record");
}

#[tokio::test]
async fn the_first_refusal_is_the_answer_and_nothing_is_applied() {
    let (simulator, records, ids) = furnished().await;
    let before = simulator.state();
    let missing = "0".repeat(32);
    let good = || host("d", "192.0.2.4");
    for (body, refusal) in [
        (json!({"deletes": [{"id": ids[0]}, {"id": missing}], "posts": [good()]}), (404, 81044)),
        (json!({"deletes": [{"id": ids[0]}, {"id": ids[0]}]}), (404, 81044)),
        (json!({"deletes": [{"id": ids[0]}], "patches": [{"id": ids[0], "ttl": 60}]}), (404, 81044)),
        (json!({"deletes": [{"id": ids[0]}], "patches": [{"id": ids[1], "content": "x"}], "posts": [good()]}), (400, 1004)),
        (
            json!({"patches": [{"id": ids[1], "ttl": 60}], "puts": [{"id": missing, "type": "A"}], "posts": [{"type": "?"}]}),
            (404, 81044),
        ),
        (json!({"puts": [{"id": ids[1], "content": "192.0.2.9"}]}), (400, 1004)),
        (json!({"deletes": [{"id": ids[1]}], "posts": [good(), good()]}), (400, 81058)),
        (json!({"posts": [good(), {"type": "CNAME", "name": "d", "content": "t.example.net"}]}), (400, 81053)),
        (json!({"posts": [good(), {"type": "A", "name": "e", "content": "192.0.2.1", "tags": ["a:b"]}]}), (400, 1004)),
        (json!({"deletes": [{}]}), (400, 9207)),
        (json!({"deletes": [{"id": 7}]}), (400, 9207)),
        (json!({"posts": ["d"]}), (400, 9207)),
        (json!({"posts": good()}), (400, 9207)),
    ] {
        assert_eq!(batch(&simulator, &records, body.clone()).await.refusal(), refusal, "{body}");
        assert_eq!(simulator.state(), before, "{body}");
    }
}

#[tokio::test]
async fn an_empty_batch_changes_no_record() {
    let (simulator, records, _) = furnished().await;
    let before = simulator.state().zones;
    for body in [json!({}), json!({"posts": null, "deletes": []})] {
        let answer = batch(&simulator, &records, body).await;
        assert_eq!(answer.result(), &json!({"deletes": [], "patches": [], "puts": [], "posts": []}));
    }
    assert_eq!(simulator.state().zones, before);
}

#[tokio::test]
async fn a_batch_is_as_long_as_the_plan_allows() {
    let (simulator, records, _) = furnished().await;
    let posts = |count: usize| (0..count).map(|n| host(&format!("h{n}"), "192.0.2.1")).collect::<Vec<_>>();
    assert_eq!(batch(&simulator, &records, json!({"posts": posts(201)})).await.refusal(), (400, 9208));
    assert_eq!(batch(&simulator, &records, json!({"posts": posts(198)})).await.refusal(), (400, 81045), "3 stand already");
    batch(&simulator, &records, json!({"posts": posts(197)})).await.result();

    let mut limits = Limits::default();
    limits.plan = Plan::Pro;
    let paid = builder().limits(limits).build().expect("built");
    let records = records_of(&paid, "bluepeak-shop.com").await;
    assert_eq!(batch(&paid, &records, json!({"posts": posts(3501)})).await.refusal(), (400, 9208));
    assert_eq!(
        batch(&paid, &records, json!({"posts": posts(1000)})).await.result()["posts"].as_array().map(Vec::len),
        Some(1000)
    );
}

#[tokio::test]
async fn room_made_by_the_deletes_of_a_batch_serves_its_posts() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    let posts: Vec<Value> = (0..200).map(|n| host(&format!("h{n}"), "192.0.2.1")).collect();
    let made = batch(&simulator, &records, json!({"posts": posts})).await;
    let first = made.result()["posts"][0]["id"].clone();
    batch(&simulator, &records, json!({"deletes": [{"id": first}], "posts": [host("new", "192.0.2.1")]})).await.result();
    assert_eq!(call(&simulator, "GET", &format!("{records}?per_page=500"), None).await.column("name").len(), 200);
}
