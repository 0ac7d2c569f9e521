//! Listing stores, page by page.

use crate::api::{Api, keys};
use std::collections::BTreeSet;

#[tokio::test(start_paused = true)]
async fn pages_hold_each_store_once_in_order_and_end_with_an_empty_token() {
    let api = Api::new().await;
    let mut created = BTreeSet::new();
    for username in ["eagle", "dove", "crane", "bittern", "auk"] {
        created.insert(api.create(username, None).await);
    }
    let (mut seen, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = api.get(&format!("/api/stores?page_size=2&page_token={token}")).await.json();
        assert_eq!(keys(&page), ["status", "stores", "next_page_token"]);
        assert_eq!(page["status"], "success");
        let stores = page["stores"].as_array().unwrap();
        seen.extend(stores.iter().map(|store| store["store_id"].as_str().unwrap().to_owned()));
        pages += 1;
        token = encoded(page["next_page_token"].as_str().unwrap());
        if token.is_empty() {
            break;
        }
        assert_eq!(stores.len(), 2);
    }
    assert_eq!((pages, seen), (3, created.into_iter().collect::<Vec<_>>()));
}

#[tokio::test(start_paused = true)]
async fn a_page_shows_stores_as_the_store_route_does_and_an_empty_one_is_empty() {
    let api = Api::new().await;
    assert_eq!(api.get("/api/stores").await.body, r#"{"status":"success","stores":[],"next_page_token":""}"#);
    let id = api.create("oceanbreeze", Some("oceanbreezestore.com")).await;
    let page = api.get("/api/stores").await.json();
    assert_eq!(page["stores"][0].to_string(), api.get(&format!("/api/stores/{id}")).await.body);
}

#[tokio::test(start_paused = true)]
async fn zero_means_the_usual_size_and_too_many_the_largest() {
    let api = Api::new().await;
    api.create("auk", None).await;
    api.create("bittern", None).await;
    for size in ["0", "1000", "100000", "99999999999999999999"] {
        let page = api.get(&format!("/api/stores?page_size={size}")).await.json();
        assert_eq!(page["stores"].as_array().map(Vec::len), Some(2), "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn parameters_that_make_no_sense_are_422_with_a_pointer() {
    let api = Api::new().await;
    for (query, code, pointer) in
        [("page_size=1&page_size=2", "invalid_field", "/page_size"), ("page_size=1&pagesize=1", "unknown_field", "/pagesize")]
    {
        let answer = api.get(&format!("/api/stores?{query}")).await;
        assert_eq!(answer.problem(422, code).as_deref(), Some(pointer), "{query}");
    }
}

/// A token as part of a query.
fn encoded(token: &str) -> String {
    token.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
}
