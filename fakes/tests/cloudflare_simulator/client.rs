//! A client of a few lines: it knows HTTP and JSON and nothing about Cloudflare.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use storex_fakes::cloudflare::{Simulator, SimulatorBuilder};
use tower::ServiceExt;

/// The token every test simulator accepts.
pub(crate) const TOKEN: &str = "sandbox-token_1";

/// A simulator as most tests want it.
pub(crate) fn simulator() -> Simulator {
    builder().build().expect("a simulator")
}

pub(crate) fn builder() -> SimulatorBuilder {
    Simulator::builder().token(TOKEN)
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The result of a call that must have succeeded.
    pub(crate) fn result(&self) -> &Value {
        assert_eq!(self.body["success"], true, "{}", self.text);
        &self.body["result"]
    }

    /// Status and code of a call that must have been refused, with the outline of a refusal.
    pub(crate) fn refusal(&self) -> (u16, i64) {
        assert_eq!(self.body["success"], false, "{}", self.text);
        assert_eq!((&self.body["result"], &self.body["messages"]), (&Value::Null, &json!([])), "{}", self.text);
        assert_ne!(self.body["errors"][0]["message"], json!(""), "{}", self.text);
        (self.status, self.body["errors"][0]["code"].as_i64().expect("a code"))
    }

    /// The code of the first cause.
    pub(crate) fn cause(&self) -> i64 {
        self.body["errors"][0]["error_chain"][0]["code"].as_i64().unwrap_or_default()
    }

    /// The text of the first cause, or of the error when there is none.
    pub(crate) fn message(&self) -> &str {
        let error = &self.body["errors"][0];
        error["error_chain"][0]["message"].as_str().or_else(|| error["message"].as_str()).unwrap_or_default()
    }

    pub(crate) fn id(&self) -> String {
        self.result()["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// One field of every item of a list.
    pub(crate) fn column(&self, field: &str) -> Vec<String> {
        let items = self.result().as_array().expect("a list");
        items.iter().map(|item| item[field].as_str().expect("text").to_owned()).collect()
    }
}

/// Sends a request to a router; the body of a dropped connection is an error.
pub(crate) async fn send(router: Router, request: Request<Body>) -> Option<Answer> {
    let response = router.oneshot(request).await.expect("routers are infallible");
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.ok()?.to_bytes();
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body, text })
}

fn request(method: &str, uri: &str, authorization: Option<&str>, body: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    request.body(body.map_or_else(Body::empty, |text| Body::from(text.to_owned()))).expect("a request")
}

/// Calls the API with any authorization and any body.
pub(crate) async fn raw(
    simulator: &Simulator,
    method: &str,
    path: &str,
    authorization: Option<&str>,
    body: Option<&str>,
) -> Option<Answer> {
    send(simulator.router(), request(method, &format!("/client/v4{path}"), authorization, body)).await
}

/// Calls the API and returns nothing when the connection was dropped.
pub(crate) async fn attempt(simulator: &Simulator, method: &str, path: &str, body: Option<Value>) -> Option<Answer> {
    let text = body.map(|body| body.to_string());
    raw(simulator, method, path, Some(&format!("Bearer {TOKEN}")), text.as_deref()).await
}

/// Calls the API as its owner does.
pub(crate) async fn call(simulator: &Simulator, method: &str, path: &str, body: Option<Value>) -> Answer {
    attempt(simulator, method, path, body).await.expect("an answer")
}

pub(crate) async fn get(simulator: &Simulator, path: &str) -> Answer {
    call(simulator, "GET", path, None).await
}

pub(crate) async fn post(simulator: &Simulator, path: &str, body: Value) -> Answer {
    call(simulator, "POST", path, Some(body)).await
}

/// Calls a control route.
pub(crate) async fn control(simulator: &Simulator, method: &str, path: &str, body: Option<Value>) -> Answer {
    let text = body.map(|body| body.to_string());
    let request = request(method, &format!("/__sim{path}"), None, text.as_deref());
    send(simulator.router(), request).await.expect("an answer")
}

/// Adds a zone and returns its id.
pub(crate) async fn zone(simulator: &Simulator, name: &str) -> String {
    let account = simulator.account().id;
    post(simulator, "/zones", json!({"name": name, "account": {"id": account}, "type": "full"})).await.id()
}

/// Adds a zone and returns the path of its records.
pub(crate) async fn records_of(simulator: &Simulator, name: &str) -> String {
    format!("/zones/{}/dns_records", zone(simulator, name).await)
}

/// The path of the account's tunnels.
pub(crate) fn tunnels_of(simulator: &Simulator) -> String {
    format!("/accounts/{}/cfd_tunnel", simulator.account().id)
}
