//! `Idempotency-Key`: requests that may be repeated.

use crate::api::{Answer, Api, request};
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use storex_fakes::{Fault, FaultRule, When};

/// A request with these keys.
async fn keyed(api: &Api, method: Method, path: &str, keys: &[&[u8]], body: &str) -> Answer {
    let builder = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", api.token));
    let mut request = builder.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap();
    for key in keys {
        request.headers_mut().append("idempotency-key", HeaderValue::from_bytes(key).unwrap());
    }
    api.send(request).await
}

async fn create(api: &Api, keys: &[&[u8]], username: &str) -> Answer {
    keyed(api, Method::POST, "/api/stores", keys, &request(username, Some("oceanbreezestore.com")).to_string()).await
}

async fn stores(api: &Api) -> usize {
    api.get("/api/stores").await.json()["stores"].as_array().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn a_repeated_create_answers_the_same_bytes_says_so_and_makes_one_store() {
    let api = Api::new().await;
    let first = create(&api, &[b"order-4711"], "oceanbreeze").await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed").as_str()), (201, ""));
    let at_once = create(&api, &[b"order-4711"], "oceanbreeze").await;
    api.rest(&first.header("operation-location")).await;
    let later = create(&api, &[b"order-4711"], "oceanbreeze").await;
    for again in [at_once, later] {
        assert_eq!((again.status.as_u16(), again.header("idempotency-replayed").as_str()), (201, "true"));
        assert_eq!(again.body, first.body);
        for name in ["location", "operation-location"] {
            assert_eq!(again.header(name), first.header(name));
        }
    }
    assert_eq!(stores(&api).await, 1);
    create(&api, &[b"order-4712"], "oceanbreeze").await.problem(409, "username_taken");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_delete_answers_the_same_bytes_also_when_the_store_is_gone() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", None).await;
    let path = format!("/api/stores/{id}");
    let first = keyed(&api, Method::DELETE, &path, &[b"k"], "").await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed").as_str()), (202, ""));
    api.rest(&first.header("operation-location")).await;
    let again = keyed(&api, Method::DELETE, &path, &[b"k"], "").await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed").as_str()), (202, "true"));
    assert_eq!((&again.body, again.header("operation-location")), (&first.body, first.header("operation-location")));
    keyed(&api, Method::DELETE, &path, &[b"other"], "").await.problem(404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn a_second_delete_without_a_key_finds_the_same_operation_and_is_no_repetition() {
    let api = Api::new().await;
    let path = format!("/api/stores/{}", api.create("oceanbreeze", None).await);
    api.world.script.add(FaultRule::next("host.withdraw", "", When::Before, Fault::Hold));
    let (first, second) = (api.delete(&path).await, api.delete(&path).await);
    assert_eq!((second.status.as_u16(), &second.body), (202, &first.body));
    assert_eq!(second.header("idempotency-replayed"), "");
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_request_is_422_and_names_the_operation_it_began() {
    let api = Api::new().await;
    let first = create(&api, &[b"k"], "oceanbreeze").await;
    let other = create(&api, &[b"k"], "other").await;
    assert_eq!(other.problem(422, "idempotency_key_reused").as_deref(), Some("/Idempotency-Key"));
    let location = format!("/api/operations/{}", other.json()["operation"].as_str().unwrap());
    assert_eq!(location, first.header("operation-location"));
    let delete = keyed(&api, Method::DELETE, &first.header("location"), &[b"k"], "").await;
    assert_eq!(delete.problem(422, "idempotency_key_reused").as_deref(), Some("/Idempotency-Key"));
    assert_eq!(stores(&api).await, 1);
}

#[tokio::test(start_paused = true)]
async fn two_keys_and_keys_that_cannot_be_used_are_422_and_nothing_is_begun() {
    let api = Api::new().await;
    let long = [b'a'; 256];
    let cases: [&[&[u8]]; 8] =
        [&[b"a", b"b"], &[b"a", b"a"], &[b""], &[b"a b"], &[b"\xff"], &["ä".as_bytes()], &[b"a\tb"], &[&long]];
    for keys in cases {
        let answer = create(&api, keys, "oceanbreeze").await;
        assert_eq!(answer.problem(422, "invalid_field").as_deref(), Some("/Idempotency-Key"), "{keys:?}");
        let answer = keyed(&api, Method::DELETE, "/api/stores/oceanbreeze-12345", keys, "").await;
        assert_eq!(answer.problem(422, "invalid_field").as_deref(), Some("/Idempotency-Key"), "{keys:?}");
    }
    assert_eq!(api.world.store_traces(), Vec::<String>::new());
    assert_eq!(create(&api, &[&long[..255]], "oceanbreeze").await.status, 201, "the control");
}

#[tokio::test(start_paused = true)]
async fn whoever_did_not_get_the_answer_finds_the_operation_by_its_key() {
    let api = Api::new().await;
    let path = "/api/operations?idempotency_key=order-4711";
    api.get(path).await.problem(404, "not_found");
    let first = create(&api, &[b"order-4711"], "oceanbreeze").await;
    let found = api.get(path).await;
    assert_eq!((found.status.as_u16(), found.json()["kind"].as_str()), (200, Some("create_store")));
    assert_eq!(format!("/api/operations/{}", found.json()["id"].as_str().unwrap()), first.header("operation-location"));
    assert_eq!(found.json(), api.get(&first.header("operation-location")).await.json());
    api.get("/api/operations?idempotency_key=order-4712").await.problem(404, "not_found");
    assert_eq!(stores(&api).await, 1, "looking begins nothing");
}
