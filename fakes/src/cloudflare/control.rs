//! Control routes under `/__sim/`: what a person or a script outside the process uses to look and to break things. They
//! ask for no token; the sandbox binds loopback only.

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::control_world;
use super::fault::{FaultError, FaultRule};
use super::simulator::{Simulator, SimulatorError};
use super::state::ZoneStatus;

pub(super) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/__sim/state", get(state))
        .route("/__sim/calls", get(calls).delete(clear_calls))
        .route("/__sim/counts", get(counts))
        .route("/__sim/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/__sim/faults/{id}", delete(remove_fault))
        .route("/__sim/held", get(held))
        .route("/__sim/held/release", post(release_all))
        .route("/__sim/held/{id}/release", post(release))
        .route("/__sim/zones/{zone}/status", post(set_zone_status))
        .route("/__sim/tunnels/{tunnel}/connectors", post(attach).delete(detach))
        .with_state(simulator.clone())
        .merge(control_world::router(simulator))
}

/// A control call that cannot be served.
#[derive(Debug)]
pub(super) struct Refused(pub(super) StatusCode, pub(super) String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

impl From<FaultError> for Refused {
    fn from(error: FaultError) -> Self {
        let status = if matches!(error, FaultError::Duplicate(_)) { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
        Self(status, error.to_string())
    }
}

impl From<SimulatorError> for Refused {
    fn from(error: SimulatorError) -> Self {
        let known = !matches!(error, SimulatorError::Unknown(_));
        let status = if known { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::NOT_FOUND };
        Self(status, error.to_string())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallsQuery {
    #[serde(default)]
    after: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusBody {
    status: ZoneStatus,
}

async fn state(State(simulator): State<Simulator>) -> Response {
    Json(simulator.state()).into_response()
}

async fn calls(State(simulator): State<Simulator>, Query(query): Query<CallsQuery>) -> Response {
    Json(simulator.calls_after(query.after)).into_response()
}

async fn clear_calls(State(simulator): State<Simulator>) -> StatusCode {
    simulator.clear_calls();
    StatusCode::NO_CONTENT
}

async fn counts(State(simulator): State<Simulator>) -> Response {
    Json(simulator.counts()).into_response()
}

async fn faults(State(simulator): State<Simulator>) -> Response {
    Json(simulator.faults()).into_response()
}

async fn add_fault(
    State(simulator): State<Simulator>,
    rule: Result<Json<FaultRule>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let Json(rule) = rule?;
    Ok((StatusCode::CREATED, Json(json!({"id": simulator.add_fault(rule)?}))))
}

async fn clear_faults(State(simulator): State<Simulator>) -> StatusCode {
    simulator.clear_faults();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(simulator): State<Simulator>, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    let removed = simulator.remove_fault(&id);
    removed.then_some(StatusCode::NO_CONTENT).ok_or_else(|| Refused(StatusCode::NOT_FOUND, format!("no fault rule {id}")))
}

async fn held(State(simulator): State<Simulator>) -> Response {
    Json(simulator.held()).into_response()
}

async fn release_all(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!({"released": simulator.release_all()}))
}

async fn release(State(simulator): State<Simulator>, Path(id): Path<u64>) -> Result<Json<Value>, Refused> {
    let released = simulator.release(id);
    released.then(|| Json(json!({"released": 1}))).ok_or_else(|| Refused(StatusCode::NOT_FOUND, format!("no held call {id}")))
}

async fn set_zone_status(
    State(simulator): State<Simulator>,
    Path(zone): Path<String>,
    body: Result<Json<StatusBody>, JsonRejection>,
) -> Result<StatusCode, Refused> {
    let Json(body) = body?;
    simulator.set_zone_status(&zone, body.status)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn attach(State(simulator): State<Simulator>, Path(tunnel): Path<String>) -> Result<(StatusCode, Json<Value>), Refused> {
    Ok((StatusCode::CREATED, Json(json!({"id": simulator.attach_connector(&tunnel)?}))))
}

async fn detach(State(simulator): State<Simulator>, Path(tunnel): Path<String>) -> Result<StatusCode, Refused> {
    simulator.detach_connectors(&tunnel)?;
    Ok(StatusCode::NO_CONTENT)
}
