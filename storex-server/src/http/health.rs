//! What may be asked without a token: whether the server runs, whether stores can be made, what an error code means.

use super::{Refused, absent};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use storex_core::{Code, Controller, Error, TunnelHealth};

/// `GET /healthz`: 200 as long as the server runs.
pub(super) async fn alive() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// That stores can be made.
#[derive(Serialize)]
struct Ready {
    status: &'static str,
    /// How the tunnel was connected when it was last looked at; left out before the first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<TunnelHealth>,
}

/// `GET /readyz`: 200 when stores can be made, else 503 with what is missing. A tunnel that is not connected is told and is no reason for 503: a load balancer
/// that took the controller out for it would take away what an operator mends it with.
pub(super) async fn ready(State(controller): State<Controller>) -> Result<Response, Refused> {
    let readiness = controller.readiness();
    if readiness.ready {
        return Ok(Json(Ready { status: "ready", tunnel: controller.tunnel_health() }).into_response());
    }
    Err(Refused(Error::new(Code::PlatformNotReady, readiness.missing)))
}

/// The parameter of a page about a code.
#[derive(Deserialize)]
pub(super) struct Coded {
    code: String,
}

/// `GET /problems/{code}`: the page the `type` of a problem document leads to.
pub(super) async fn problem(code: Result<Path<Coded>, PathRejection>) -> Result<Response, Refused> {
    let code = code.ok().and_then(|Path(Coded { code })| Code::parse(&code)).ok_or_else(|| absent("page"))?;
    let entry = code.entry();
    let page = format!(
        "# {}\n\n{}.\n\nWhat to do: {}\n\nHTTP status {}, exit code {}.\n",
        entry.name, entry.title, entry.next_step, entry.http_status, entry.exit_code
    );
    Ok(([(CONTENT_TYPE, "text/markdown; charset=utf-8")], page).into_response())
}
