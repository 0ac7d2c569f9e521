//! `/api/drift` and `/api/reconcile`.

use crate::api::{Answer, Api, keys};
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use std::time::Duration;
use storex_core::{DomainProvider, Expected, Fence, Lease, Nonce, Part, RowWrite, StoreRepo};
use storex_fakes::World;

const DOMAIN: &str = "oceanbreezestore.com";

/// Removes the DNS records of the custom domain by hand.
async fn remove_records(api: &Api) {
    let zone = api.world.domains.find_zone(&DOMAIN.parse().unwrap()).await.unwrap().unwrap();
    api.world.domains.edit_records(&zone.id, Vec::clear);
}

async fn reconcile(api: &Api, body: &Value) -> Answer {
    api.call(Method::POST, "/api/reconcile", body.to_string()).await
}

/// The resources a report names.
fn resources(report: &Value) -> Vec<&str> {
    report["drift"].as_array().unwrap().iter().map(|drift| drift["resource"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_by_hand_is_shown_and_brought_back() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", Some(DOMAIN)).await;
    let whole = api.create("mountainpeak", None).await;
    let report = api.get("/api/drift").await.json();
    assert_eq!(keys(&report), ["status", "checked", "drift", "safe_mode", "next_page_token"]);
    assert_eq!((report["checked"].as_u64(), resources(&report)), (Some(2), vec![]));

    remove_records(&api).await;
    let report = api.get("/api/drift").await.json();
    assert_eq!(resources(&report), [format!("records/{DOMAIN}")]);
    let drift = &report["drift"][0];
    assert_eq!(keys(drift), ["store_id", "resource", "state", "detail", "action"]);
    assert_eq!((&drift["store_id"], &drift["state"], &drift["action"]), (&json!(id), &json!("missing"), &json!("repair")));
    assert_eq!(resources(&api.get(&format!("/api/drift?store_id={whole}")).await.json()), Vec::<&str>::new());
    assert_eq!(resources(&api.get(&format!("/api/drift?store_id={id}")).await.json()), [format!("records/{DOMAIN}")]);

    let said = reconcile(&api, &json!({ "dry_run": true })).await;
    assert_eq!((said.status.as_u16(), &said.json()["operations"]), (200, &json!([])));
    assert_eq!(resources(&said.json()), [format!("records/{DOMAIN}")]);
    let other = reconcile(&api, &json!({ "store_id": whole })).await;
    assert_eq!((other.status.as_u16(), &other.json()["operations"]), (202, &json!([])), "only that store");

    let done = reconcile(&api, &json!({ "store_id": null, "dry_run": false, "limit": 10 })).await;
    assert_eq!(done.status, 202);
    let report = done.json();
    assert_eq!(keys(&report), ["status", "checked", "drift", "operations", "held_back", "next_page_token"]);
    assert_eq!(report["operations"].as_array().map(Vec::len), Some(1));
    let operation = api.rest(&format!("/api/operations/{}", report["operations"][0].as_str().unwrap())).await;
    assert_eq!((&operation["kind"], &operation["state"]), (&json!("reconcile"), &json!("succeeded")));
    assert_eq!(resources(&api.get("/api/drift").await.json()), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn a_part_that_differs_on_the_host_is_shown_and_mended() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", None).await;
    api.world.host.damage(&id.parse().unwrap(), Part::Process, "the process does not run");
    let report = api.get(&format!("/api/drift?store_id={id}&page_token=")).await.json();
    assert_eq!((resources(&report), &report["drift"][0]["action"]), (vec!["host_part/process@local"], &json!("repair")));
    let done = reconcile(&api, &json!({ "page_token": "" })).await.json();
    let operation = api.rest(&format!("/api/operations/{}", done["operations"][0].as_str().unwrap())).await;
    assert_eq!(operation["state"], "succeeded");
    assert_eq!(resources(&api.get("/api/drift").await.json()), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_needs_no_body_and_a_body_is_declared() {
    let api = Api::new().await;
    let send = |declared: Option<&str>, body: &'static str| {
        let mut request = Request::post("/api/reconcile").header("authorization", format!("Bearer {}", api.token));
        if let Some(declared) = declared {
            request = request.header("content-type", declared);
        }
        api.send(request.body(Body::from(body)).unwrap())
    };
    assert_eq!(send(None, "").await.status, 202);
    assert_eq!(send(Some("application/json"), "{}").await.status, 202);
    send(None, "{}").await.problem(415, "unsupported_media_type");
    send(Some("application/json"), "{").await.problem(400, "invalid_json");
}

#[tokio::test(start_paused = true)]
async fn pages_hold_each_store_once() {
    let api = Api::new().await;
    for username in ["auk", "bittern", "crane"] {
        api.create(username, None).await;
    }
    let first = api.get("/api/drift?limit=2").await.json();
    let token = first["next_page_token"].as_str().unwrap();
    let encoded: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    let second = api.get(&format!("/api/drift?limit=2&page_token={encoded}")).await.json();
    assert_eq!((first["checked"].as_u64(), second["checked"].as_u64()), (Some(2), Some(1)));
    assert_eq!(second["next_page_token"], Value::Null);
    let second = reconcile(&api, &json!({ "limit": 2, "page_token": token, "dry_run": true })).await.json();
    assert_eq!((second["checked"].as_u64(), &second["next_page_token"]), (Some(1), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn documents_older_than_the_world_stop_a_reconcile_until_an_operator_accepts_them() {
    let api = Api::new().await;
    api.create("oceanbreeze", None).await;
    let backup = api.world.stores.dump();
    for number in 0..20 {
        let holder = format!("holder{number}");
        let lease = Lease { name: holder.clone(), holder, duration: Duration::from_secs(1) };
        api.world.stores.acquire(&lease).await.unwrap();
    }
    api.create("mountainpeak", None).await;
    api.controller.stop().await;

    // The same world with the documents of the backup: the count of epochs has fallen back.
    let mut world = World::new().unwrap();
    world.host = api.world.host.clone();
    world.domains = api.world.domains.clone();
    world.tunnels = api.world.tunnels.clone();
    for ((table, id), row) in backup {
        let write = RowWrite { table, id, body: row.body, indexes: row.indexes };
        world.stores.put(&write, Expected::Absent, &Nonce(String::new()), Fence::NONE).await.unwrap();
    }
    let api = Api::over(world).await;
    api.controller.ensure_platform("http://localhost:3000").await.unwrap();
    assert!(api.get("/api/drift").await.json()["safe_mode"].as_str().is_some_and(|why| why.contains("older than the world")));
    reconcile(&api, &json!({})).await.problem(409, "safe_mode");
    assert_eq!(reconcile(&api, &json!({ "accept_restore": true })).await.status, 202);
    assert_eq!(reconcile(&api, &json!({})).await.status, 202, "accepted once");
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_422_with_a_pointer_and_an_unknown_store_404() {
    let api = Api::new().await;
    for (query, code, pointer) in [
        ("limit=-1", "invalid_field", "/limit"),
        ("limit=", "invalid_field", "/limit"),
        ("limit=1&limit=2", "invalid_field", "/limit"),
        ("page_token=nonsense", "invalid_field", "/page_token"),
        ("store=oceanbreeze-12345", "unknown_field", "/store"),
    ] {
        assert_eq!(api.get(&format!("/api/drift?{query}")).await.problem(422, code).as_deref(), Some(pointer), "{query}");
    }
    for (body, code, pointer) in [
        (json!([]), "invalid_field", ""),
        (json!(["oceanbreeze-12345"]), "invalid_field", ""),
        (json!(null), "invalid_field", ""),
        (json!({ "store_id": 5 }), "invalid_field", "/store_id"),
        (json!({ "dry_run": "true" }), "invalid_field", "/dry_run"),
        (json!({ "accept_restore": 1 }), "invalid_field", "/accept_restore"),
        (json!({ "limit": -1 }), "invalid_field", "/limit"),
        (json!({ "limit": 1.5 }), "invalid_field", "/limit"),
        (json!({ "page_token": {} }), "invalid_field", "/page_token"),
        (json!({ "page_token": "nonsense" }), "invalid_field", "/page_token"),
        (json!({ "dryrun": true }), "unknown_field", "/dryrun"),
        (json!({ "a/b": null }), "unknown_field", "/a~1b"),
    ] {
        assert_eq!(reconcile(&api, &body).await.problem(422, code).as_deref(), Some(pointer), "{body}");
    }
    let twice = api.call(Method::POST, "/api/reconcile", r#"{"limit":1,"limit":2}"#).await;
    assert_eq!(twice.problem(422, "invalid_field").as_deref(), Some("/limit"));
    let query = api.call(Method::POST, "/api/reconcile?dry_run=true", Body::empty()).await;
    assert_eq!(query.problem(422, "unknown_field").as_deref(), Some("/dry_run"));
    let first = api.get("/api/drift?store_id=nobody-99999").await;
    first.problem(404, "not_found");
    for id in ["x", "", "OCEANBREEZE-12345"] {
        assert_eq!(api.get(&format!("/api/drift?store_id={id}")).await.body, first.body);
        assert_eq!(reconcile(&api, &json!({ "store_id": id })).await.body, first.body);
    }
}
