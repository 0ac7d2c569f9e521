//! What must be refused beyond the table of bad input (`table.rs`): how a body is sent, names that are taken, names of nothing.

use crate::api::{Api, request};
use axum::body::Body;
use axum::http::{Method, Request};
use futures::stream;

async fn traces(api: &Api) -> Vec<String> {
    tokio::time::sleep(crate::api::DAY).await;
    api.world.store_traces()
}

#[tokio::test(start_paused = true)]
async fn doubled_fields_are_422_with_their_pointer_and_misspelt_ones_get_a_hint() {
    let api = Api::new().await;
    for (body, code, pointer) in [
        (r#"{"username":"a","username":"b","storeDetails":{"owner":"J","email":"j@example.org"}}"#, "invalid_field", "/username"),
        (
            r#"{"username":"a","storeDetails":{"owner":"J","owner":"J","email":"j@example.org"}}"#,
            "invalid_field",
            "/storeDetails/owner",
        ),
    ] {
        assert_eq!(api.post(body).await.problem(422, code).as_deref(), Some(pointer), "{body}");
    }
    let hint = api.post(r#"{"usernmae":"a"}"#).await;
    assert!(hint.json()["detail"].as_str().unwrap().contains("did you mean \"username\"?"), "{}", hint.body);
    assert_eq!(traces(&api).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_username_or_domain_that_is_taken_is_409_in_every_spelling_and_names_the_conflict() {
    let api = Api::new().await;
    api.create("oceanbreeze", Some("bücher-laden.de")).await;
    let before = traces(&api).await;
    let answer = api.post(request("oceanbreeze", None).to_string()).await;
    assert_eq!(answer.problem(409, "username_taken").as_deref(), Some("/username"));
    for domain in [
        "bücher-laden.de",
        "BÜCHER-Laden.DE",
        "bücher-laden.de.",
        "xn--bcher-laden-thb.de",
        "XN--BCHER-LADEN-THB.de",
        "bücher-laden。de",
        "bu\u{308}cher-laden.de",
    ] {
        let answer = api.post(request("other", Some(domain)).to_string()).await;
        assert_eq!(answer.problem(409, "domain_taken").as_deref(), Some("/domain"), "{domain}");
        let problem = answer.json();
        assert!(problem["detail"].as_str().unwrap().contains("oceanbreeze"), "{problem}");
        assert!(problem["operation"].as_str().unwrap().starts_with("op_"), "{problem}");
        api.rest(&format!("/api/operations/{}", problem["operation"].as_str().unwrap())).await;
    }
    assert_eq!(traces(&api).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_json_is_400_and_one_that_is_not_declared_as_json_is_415() {
    let api = Api::new().await;
    for body in ["", "{", "{\"username\":", "username=a", "{} {}", "{'username':'a'}"] {
        api.post(body).await.problem(400, "invalid_json");
    }
    api.post(&b"{\"username\":\"\xff\"}"[..]).await.problem(400, "invalid_json");
    api.post("[".repeat(200_000)).await.problem(400, "invalid_json");
    for declared in [
        None,
        Some(""),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonx"),
        Some("application/json-patch+json"),
    ] {
        let mut builder = Request::post("/api/stores").header("authorization", format!("Bearer {}", api.token));
        if let Some(declared) = declared {
            builder = builder.header("content-type", declared);
        }
        let body = Body::from(request("oceanbreeze", None).to_string());
        api.send(builder.body(body).unwrap()).await.problem(415, "unsupported_media_type");
    }
    let request = Request::post("/api/stores").header("authorization", format!("Bearer {}", api.token));
    let request = request
        .header("content-type", "Application/JSON; charset=utf-8")
        .body(Body::from(self::request("oceanbreeze", None).to_string()));
    assert_eq!(api.send(request.unwrap()).await.status, 201, "the control");
}

#[tokio::test(start_paused = true)]
async fn a_body_over_256_kib_is_413_with_and_without_a_declared_length_and_one_below_is_read() {
    let api = Api::new().await;
    let body = |length: usize| {
        let start = request("oceanbreeze", None).to_string();
        let blanks = " ".repeat(length - start.len());
        format!("{start}{blanks}")
    };
    let chunked = |length: usize| {
        let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
            body(length).into_bytes().chunks(10_000).map(|chunk| Ok(chunk.to_vec())).collect();
        Body::from_stream(stream::iter(chunks))
    };
    for length in [256 * 1024 + 1, 300_000, 2_000_000] {
        api.post(body(length)).await.problem(413, "body_too_large");
        api.post(chunked(length)).await.problem(413, "body_too_large");
    }
    assert_eq!(traces(&api).await, Vec::<String>::new());
    assert_eq!(api.post(chunked(256 * 1024)).await.status, 201, "the control");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_refused_in_time() {
    let api = Api::new().await;
    let endless = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    api.post(endless).await.problem(400, "invalid_json");
}

#[tokio::test(start_paused = true)]
async fn unknown_deleted_and_malformed_ids_get_one_and_the_same_answer() {
    let api = Api::new().await;
    let deleted = api.create("oceanbreeze", None).await;
    let answer = api.delete(&format!("/api/stores/{deleted}")).await;
    api.rest(&answer.header("operation-location")).await;
    let ids = [
        deleted.as_str(),
        "oceanbreeze-12345",
        "OCEANBREEZE-12345",
        "x",
        "-",
        "oceanbreeze",
        "oceanbreeze-1",
        "oceanbreeze-012345",
        "%00",
        "%ff",
        "..%2f..%2fetc",
        "%7B%7D",
        "a%20b",
    ];
    for method in [Method::GET, Method::DELETE] {
        let first = api.call(method.clone(), "/api/stores/nobody-99999", Body::empty()).await;
        first.problem(404, "not_found");
        for id in ids {
            let answer = api.call(method.clone(), &format!("/api/stores/{id}"), Body::empty()).await;
            assert_eq!(
                (answer.status, &answer.headers, &answer.body),
                (first.status, &first.headers, &first.body),
                "{method} {id}"
            );
        }
    }
    let first = api.get("/api/operations/op_00000000000000000000000000000000").await;
    first.problem(404, "not_found");
    for id in ["x", "op_", "op_1", "%ff", "OP_00000000000000000000000000000000", &"a".repeat(500), "op_1?wait=1"] {
        let answer = api.get(&format!("/api/operations/{id}")).await;
        assert_eq!((answer.status, &answer.headers, &answer.body), (first.status, &first.headers, &first.body), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_routes_are_problems_too() {
    let api = Api::new().await;
    for path in [
        "/",
        "/api",
        "/api/",
        "/api/stores/",
        "/api/stores/a/b",
        "/API/stores",
        "//api/stores",
        "/metrics",
        "/api/operation",
        "/healthz/",
    ] {
        api.get(path).await.problem(404, "not_found");
    }
    let answer = api.send(Request::get("/favicon.ico").body(Body::empty()).unwrap()).await;
    answer.problem(404, "not_found");
}
