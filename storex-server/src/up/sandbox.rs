//! Faults of the controller's own dependencies, scripted beside the simulator's: `/__sim/storex/faults`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use storex_fakes::{FaultRule, FaultScript};

/// `GET` lists the rules, `POST` adds one, `DELETE` removes all and lets held calls go on. Calls are named `repo.put`, `notifier.deliver`, ….
pub(super) fn router(script: FaultScript) -> Router {
    Router::new().route("/__sim/storex/faults", get(list).post(add).delete(clear)).with_state(script)
}

async fn list(State(script): State<FaultScript>) -> Json<Vec<FaultRule>> {
    Json(script.rules())
}

async fn add(State(script): State<FaultScript>, Json(rule): Json<FaultRule>) -> StatusCode {
    script.add(rule);
    StatusCode::CREATED
}

async fn clear(State(script): State<FaultScript>) -> StatusCode {
    script.clear();
    StatusCode::NO_CONTENT
}
