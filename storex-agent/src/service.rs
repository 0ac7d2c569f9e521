//! The agent's HTTP service: any [`StoreHost`] behind bearer authentication.
//!
//! | route | answers |
//! |---|---|
//! | `POST /v1/deployments` | applies parts of a package |
//! | `GET /v1/deployments` | every store |
//! | `GET /v1/deployments/{id}` | one store, or 404 |
//! | `DELETE /v1/deployments/{id}` | withdraws parts |
//! | `GET /v1/deployments/{id}/logs?lines=` | the last log lines |
//! | `GET /v1/host` | free ports |
//! | `GET /v1/visit?host=&path=` | what a visitor gets through the router |
//! | `GET /healthz` | 200, without a token |
//!
//! Errors are problem documents. The service speaks plain HTTP and is to be bound to loopback.

mod access;
mod answer;
mod body;
mod deployments;

use answer::Refused;
use axum::Router;
use axum::middleware;
use axum::routing::get;
use std::sync::Arc;
use storex_core::{Code, Error, Secret, StoreHost};

/// What every handler needs.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    host: Arc<dyn StoreHost>,
    token: Arc<Secret<String>>,
}

/// The service over this host. Every route but `/healthz` wants `Authorization: Bearer` with the token.
pub fn router(host: Arc<dyn StoreHost>, token: Secret<String>) -> Router {
    let shared = Shared { host, token: Arc::new(token) };
    let guarded = Router::new()
        .route("/v1/deployments", get(deployments::list).post(deployments::apply))
        .route("/v1/deployments/{id}", get(deployments::find).delete(deployments::withdraw))
        .route("/v1/deployments/{id}/logs", get(deployments::logs))
        .route("/v1/host", get(deployments::facts))
        .route("/v1/visit", get(deployments::visit))
        .fallback(|| async { Refused(Error::new(Code::NotFound, "the agent has no such route")) })
        .method_not_allowed_fallback(|| async {
            Refused(Error::new(Code::MethodNotAllowed, "the route does not answer this method"))
        })
        .layer(middleware::from_fn_with_state(shared.clone(), access::check))
        .with_state(shared);
    Router::new().route("/healthz", get(deployments::health)).fallback_service(guarded)
}
