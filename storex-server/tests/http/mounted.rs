//! The router in another axum program: below a prefix, behind the host's own authentication, tracing and metrics.

use crate::api::request;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http_body_util::BodyExt;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storex_core::Controller;
use storex_fakes::World;
use storex_server::{Access, ApiToken, Principal, router};
use tower::ServiceExt;
use tracing::span;
use tracing::subscriber::Interest;

const DAY: Duration = Duration::from_hours(24);

/// What the host has counted: its metrics.
type Counted = Arc<Mutex<Vec<String>>>;

struct Host {
    app: Router,
    controller: Controller,
    counted: Counted,
}

/// Lets in `Key ada` and `Key ben`, and says who they are.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let key = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(name @ ("ada" | "ben")) = key.strip_prefix("Key ") else {
        return (StatusCode::FORBIDDEN, "the host says no").into_response();
    };
    let principal = Principal::new(name);
    request.extensions_mut().insert(principal);
    next.run(request).await
}

async fn count(State(counted): State<Counted>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    counted.lock().unwrap().push(format!("{} {}", route.unwrap_or_default(), response.status().as_u16()));
    response
}

async fn host() -> Host {
    let controller = World::new().unwrap().ready_controller().await.unwrap();
    let counted = Counted::default();
    let shops = router(controller.clone(), Access::HostAuthenticates).layer(middleware::from_fn(authenticate));
    let app = Router::new()
        .route("/", get(|| async { "the host" }))
        .nest("/tenants/{tenant}/shops", shops)
        .layer(middleware::from_fn_with_state(Arc::clone(&counted), count))
        .layer(Extension(1_u8));
    Host { app, controller, counted }
}

struct Answer {
    status: u16,
    location: String,
    operation: String,
    replayed: bool,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn send(app: &Router, method: Method, path: &str, authorization: &str, key: &str, body: String) -> Answer {
    let request = Request::builder().method(method).uri(path).header("authorization", authorization);
    let request = if key.is_empty() { request } else { request.header("idempotency-key", key) };
    let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    if let Ok(length) = header("content-length").parse::<usize>() {
        assert_eq!(length, body.len(), "the length is that of the body");
    }
    let replayed = header("idempotency-replayed") == "true";
    Answer { status: head.status.as_u16(), location: header("location"), operation: header("operation-location"), replayed, body }
}

#[tokio::test(start_paused = true)]
async fn below_a_prefix_every_address_in_an_answer_leads_back_to_its_object() {
    let host = host().await;
    let get = |path: String| async { send(&host.app, Method::GET, &{ path }, "Key ada", "", String::new()).await };
    let made =
        send(&host.app, Method::POST, "/tenants/7/shops/api/stores", "Key ada", "", request("oceanbreeze", None).to_string())
            .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(made.location.starts_with("/tenants/7/shops/api/stores/oceanbreeze-"), "{}", made.location);
    assert!(made.operation.starts_with("/tenants/7/shops/api/operations/op_"), "{}", made.operation);
    let id = made.operation.rsplit('/').next().unwrap().parse().unwrap();
    host.controller.wait_operation(&id, DAY).await.unwrap();
    assert_eq!(get(made.location.clone()).await.json()["state"], "active");
    assert_eq!(get(made.operation).await.json()["state"], "succeeded");
    let gone = get("/tenants/7/shops/api/stores/oceanbreeze-99999".to_owned()).await;
    let page = gone.json()["type"].as_str().unwrap().to_owned();
    assert_eq!((gone.status, page.as_str()), (404, "/tenants/7/shops/problems/not_found"));
    assert!(get(page).await.body.starts_with("# not_found"));
    assert_eq!(get("/tenants/7/shops/nowhere".to_owned()).await.json()["type"], "/tenants/7/shops/problems/not_found");
    let deleted = send(&host.app, Method::DELETE, &made.location, "Key ada", "", String::new()).await;
    assert!(deleted.status == 202 && deleted.operation.starts_with("/tenants/7/shops/api/operations/"), "{}", deleted.operation);
}

#[tokio::test(start_paused = true)]
async fn the_host_authenticates_and_storex_asks_for_no_token_of_its_own() {
    let host = host().await;
    for (authorization, status) in
        [("Key ada", 200), ("Key eve", 403), ("Bearer stx_0123456789abcdef0123456789abcdef", 403), ("", 403)]
    {
        let answer = send(&host.app, Method::GET, "/tenants/7/shops/api/stores", authorization, "", String::new()).await;
        assert_eq!(answer.status, status, "{authorization:?}: {}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_token_a_mounted_router_still_asks_for_it_and_leaves_open_what_is_open() {
    let controller = World::new().unwrap().ready_controller().await.unwrap();
    let token = format!("stx_{}", "0123456789abcdef".repeat(2));
    let shops = router(controller, token.parse::<ApiToken>().unwrap());
    let nested = Router::new().nest("/shops", shops.clone());
    let service = Router::new().nest_service("/shops", shops);
    for app in [nested, service] {
        for (path, authorization, status) in [
            ("/shops/api/stores", "", 401),
            ("/shops/api/stores", &format!("Bearer {token}")[..], 200),
            ("/shops/api/operations/op_1/cancel", "", 401),
            ("/shops/api/nowhere", "", 401),
            ("/shops/healthz", "", 200),
            ("/shops/problems/not_found", "", 200),
        ] {
            let answer = send(&app, Method::GET, path, authorization, "", String::new()).await;
            assert_eq!(answer.status, status, "{path} {authorization:?}: {}", answer.body);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_people_of_the_host_who_choose_one_key_do_not_meet() {
    let host = host().await;
    let create = |who: &'static str, name: &'static str| {
        let body = request(name, None).to_string();
        send(&host.app, Method::POST, "/tenants/7/shops/api/stores", who, "order-1", body)
    };
    assert_eq!(create("Key ada", "oceanbreeze").await.status, 201);
    let bens = create("Key ben", "mountainpeak").await;
    assert_eq!((bens.status, bens.replayed), (201, false), "{}", bens.body);
    let adas_again = create("Key ada", "oceanbreeze").await;
    assert_eq!((adas_again.status, adas_again.replayed), (201, true));
    assert_eq!(create("Key ada", "cedarforest").await.json()["code"], "idempotency_key_reused", "the control: one person's key");
}

/// A subscriber that only keeps the names of spans.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<&'static str>>>);

impl tracing::Subscriber for Spans {
    fn register_callsite(&self, _: &'static tracing::Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        self.0.lock().unwrap().push(attributes.metadata().name());
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn the_hosts_metrics_see_the_route_and_its_subscriber_the_span() {
    let host = host().await;
    let spans = Spans::default();
    let guard = tracing::subscriber::set_default(spans.clone());
    send(&host.app, Method::GET, "/tenants/7/shops/api/stores/oceanbreeze-12345", "Key ada", "", String::new()).await;
    send(&host.app, Method::GET, "/", "", "", String::new()).await;
    drop(guard);
    assert_eq!(*host.counted.lock().unwrap(), ["/tenants/{tenant}/shops/api/stores/{id} 404", "/ 200"]);
    assert_eq!(*spans.0.lock().unwrap(), ["request"], "the host's own route has no span of storex");
}
