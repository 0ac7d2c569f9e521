//! The REST API below a path of another axum program, behind that program's own authentication.
//!
//! `cargo run --example mount_in_axum` asks itself a few questions and ends; `axum::serve(listener, app)` would serve it.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::BodyExt;
use serde_json::json;
use std::error::Error;
use storex_server::{Access, Principal, router};
use tower::ServiceExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let controller = storex_fakes::sandbox().await?;

    // Leaving out storex's own token has to be spelled out, and here is what stands in its place.
    let shops = router(controller, Access::HostAuthenticates).layer(middleware::from_fn(authenticate));
    let app = Router::new().route("/", get(|| async { "my program" })).nest("/ops/shops", shops);

    println!("GET  /                     {}", ask(&app, "GET", "/", "", Body::empty()).await?);
    println!("GET  /ops/shops/api/stores {}", ask(&app, "GET", "/ops/shops/api/stores", "", Body::empty()).await?);
    let body = json!({
        "username": "oceanbreeze",
        "storeDetails": { "owner": "John Smith", "email": "john@oceanbreezestore.com" }
    });
    let created = ask(&app, "POST", "/ops/shops/api/stores", "ada", Body::from(body.to_string())).await?;
    println!("POST /ops/shops/api/stores {created}");
    println!("GET  /ops/shops/readyz     {}", ask(&app, "GET", "/ops/shops/readyz", "ada", Body::empty()).await?);
    Ok(())
}

/// The program's own authentication: a session, mutual TLS, a gateway's header. Whom it let in keeps idempotency keys apart.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let user = request.headers().get("x-user").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(user) = user.filter(|user| user == "ada") else {
        return (StatusCode::FORBIDDEN, "sign in first").into_response();
    };
    request.extensions_mut().insert(Principal::new(user));
    next.run(request).await
}

/// Sends a request through the program as a connection would; answers its status, where it says the new thing is, and its body.
async fn ask(app: &Router, method: &str, path: &str, user: &str, body: Body) -> Result<String, Box<dyn Error>> {
    let request = Request::builder().method(method).uri(path).header("x-user", user).header("content-type", "application/json");
    let (head, body) = app.clone().oneshot(request.body(body)?).await?.into_parts();
    let location = head.headers.get("location").map(|value| value.to_str().unwrap_or_default().to_owned());
    let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
    Ok(format!("{} {} {body}", head.status.as_u16(), location.unwrap_or_default()))
}
