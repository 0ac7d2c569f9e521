//! Who gets in: every route of the table, every way to get the token wrong.

use crate::api::Api;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use storex_server::ROUTES;

/// All that is open, written down here again: a new open route has to be agreed to.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/problems/{code}"];

fn filled(path: &str) -> String {
    path.replace("{id}", "oceanbreeze-12345").replace("{code}", "not_found")
}

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

#[tokio::test(start_paused = true)]
async fn no_route_but_the_open_ones_lets_anybody_in_without_the_token() {
    let api = Api::new().await;
    let wrong = format!("Bearer stx_{}", "f".repeat(64));
    let token = &api.token;
    let attempts: Vec<Vec<String>> = vec![
        vec![],
        vec![wrong],
        vec![token.clone()],
        vec!["Bearer".to_owned()],
        vec!["Bearer ".to_owned()],
        vec![format!("Basic {token}")],
        vec![format!("Bearer  {token}")],
        vec![format!("Bearer {token}x")],
        vec![format!("Bearer {}", &token[..token.len() - 1])],
        vec![format!("Bearer {}", token.to_uppercase())],
        vec![format!("Bearer {token}"), format!("Bearer {token}")],
        vec![format!("Bearer {token}"), "Bearer other".to_owned()],
    ];
    let closed: Vec<String> = ROUTES.iter().filter(|route| !OPEN.contains(&route.path)).map(|route| filled(route.path)).collect();
    assert!(closed.len() >= 3, "the table is empty");
    let unrouted = ["/api", "/api/", "/api/other"].map(str::to_owned);
    for path in closed.iter().chain(&unrouted) {
        for method in METHODS {
            for attempt in &attempts {
                let mut request = Request::builder().method(&method).uri(path).body(Body::empty()).unwrap();
                for value in attempt {
                    request.headers_mut().append("authorization", HeaderValue::from_str(value).unwrap());
                }
                let answer = api.send(request).await;
                assert_eq!(answer.status, 401, "{method} {path} {attempt:?}: {}", answer.body);
                assert_eq!(answer.header("www-authenticate"), "Bearer");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_opens_every_route_for_its_methods_and_no_other() {
    let api = Api::new().await;
    for route in ROUTES {
        for method in METHODS {
            let answer = api.call(method.clone(), &filled(route.path), Body::empty()).await;
            assert_ne!(answer.status, 401, "{method} {route:?}");
            let answers = route.methods.contains(&method.as_str()) || (method == Method::HEAD && route.methods.contains(&"GET"));
            assert_eq!(answer.status != 405, answers, "{method} {route:?}: {}", answer.body);
            if !answers {
                if method != Method::HEAD {
                    answer.problem(405, "method_not_allowed");
                }
                let allowed = answer.header("allow");
                assert!(route.methods.iter().all(|method| allowed.contains(method)), "{route:?}: {allowed}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_open_needs_no_token_and_the_scheme_may_be_spelt_in_any_case() {
    let api = Api::new().await;
    for path in OPEN {
        let answer = api.send(Request::get(filled(path)).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    let request =
        Request::get("/api/stores").header("authorization", format!("bearer {}", api.token)).body(Body::empty()).unwrap();
    assert_eq!(api.send(request).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn health_is_always_good_and_readiness_says_what_is_missing() {
    let api = Api::unready().await;
    assert_eq!(api.get("/healthz").await.body, r#"{"status":"ok"}"#);
    let answer = api.get("/readyz").await;
    answer.problem(503, "platform_not_ready");
    assert!(answer.json()["detail"].as_str().unwrap().contains("platform"), "{}", answer.body);
    api.post(crate::api::request("oceanbreeze", None).to_string()).await.problem(503, "platform_not_ready");
    api.controller.ensure_platform("http://localhost:3000").await.unwrap();
    assert_eq!(api.get("/readyz").await.body, r#"{"status":"ready"}"#);
}

#[tokio::test(start_paused = true)]
async fn the_page_of_every_code_is_served() {
    let api = Api::new().await;
    for entry in storex_core::Code::table() {
        let answer = api.get(&format!("/problems/{}", entry.name)).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(entry.next_step), "{}", answer.body);
    }
    api.get("/problems/nonsense").await.problem(404, "not_found");
}
