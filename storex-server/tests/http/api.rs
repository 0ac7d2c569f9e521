//! The router over a world in memory, and requests to it.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;
use storex_core::{Controller, OperationId};
use storex_fakes::World;
use storex_server::{ApiToken, router};
use tower::ServiceExt;

/// A day: virtual time costs nothing.
pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) struct Api {
    pub(crate) world: World,
    pub(crate) controller: Controller,
    pub(crate) router: Router,
    pub(crate) token: String,
}

impl Api {
    /// An API whose platform stands.
    pub(crate) async fn new() -> Self {
        let api = Self::unready().await;
        api.controller.ensure_platform("http://localhost:3000").await.unwrap();
        api
    }

    /// An API whose platform was not ensured yet.
    pub(crate) async fn unready() -> Self {
        Self::over(World::new().unwrap()).await
    }

    /// An API over this world, whose platform was not ensured yet.
    pub(crate) async fn over(world: World) -> Self {
        let controller = world.controller().await.unwrap();
        Self::of(world, controller)
    }

    /// The API of this controller.
    pub(crate) fn of(world: World, controller: Controller) -> Self {
        let token = format!("stx_{}", "0123456789abcdef".repeat(4));
        let router = router(controller.clone(), token.parse::<ApiToken>().unwrap());
        Self { world, controller, router, token }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// A request with the token.
    pub(crate) async fn call(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", self.token));
        self.send(request.header("content-type", "application/json").body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Body::empty()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, Body::empty()).await
    }

    pub(crate) async fn post(&self, body: impl Into<Body>) -> Answer {
        self.call(Method::POST, "/api/stores", body).await
    }

    /// Creates a store and waits until it is active; answers its id.
    pub(crate) async fn create(&self, username: &str, domain: Option<&str>) -> String {
        let answer = self.post(request(username, domain).to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        self.rest(&answer.header("operation-location")).await;
        answer.json()["store_id"].as_str().unwrap().to_owned()
    }

    /// Waits until the operation at this location is at rest; answers its document.
    pub(crate) async fn rest(&self, location: &str) -> Value {
        let id: OperationId = location.strip_prefix("/api/operations/").unwrap().parse().unwrap();
        self.controller.wait_operation(&id, DAY).await.unwrap();
        let document = self.get(location).await.json();
        assert_eq!(document["done"], true, "{document}");
        document
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// Checks that the answer is a problem document of this code and that its members are consistent; answers its pointer.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Option<String> {
        let document = self.json();
        assert_eq!((self.status.as_u16(), document["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(document["status"], status);
        assert_eq!(document["type"], format!("/problems/{code}"));
        for member in ["title", "detail", "next_step"] {
            assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {}", self.body);
        }
        document["pointer"].as_str().map(str::to_owned)
    }
}

/// The body of a request to create a store.
pub(crate) fn request(username: &str, domain: Option<&str>) -> Value {
    let mut body = json!({ "username": username });
    if let Some(domain) = domain {
        body["domain"] = domain.into();
    }
    body["storeDetails"] = json!({ "owner": "John Smith", "email": "john@example-mail.com" });
    body
}

/// The keys of an object, in order.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}
