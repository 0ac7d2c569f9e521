//! `/api/operations`: an operation as it is, or once it is at rest; the one a key has begun; cancelling it and trying it again.

use super::auth::Principal;
use super::detached::detached;
use super::idempotency::key;
use super::query::{Pairs, Parameters};
use super::{Named, Refused, absent};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use std::time::Duration;
use storex_core::{Code, Controller, Error, OperationId, Result};

/// Longest time a request waits for an operation, in seconds.
const LONGEST_WAIT: u32 = 60;
/// The parameter that names a key.
const KEY: &str = "idempotency_key";

/// `GET /api/operations/{id}`; with `?wait=SECONDS` once it is at rest or the time is over, more than 60 meaning 60.
pub(super) async fn show(
    State(controller): State<Controller>,
    id: Result<Path<Named>, PathRejection>,
    pairs: Pairs,
) -> Result<Response, Refused> {
    let wait = Parameters::read(pairs, &["wait"])?.whole_number("wait")?.unwrap_or(0).min(LONGEST_WAIT);
    let id = operation_id(id)?;
    let view = match wait {
        0 => controller.get_operation(&id).await,
        seconds => controller.wait_operation(&id, Duration::from_secs(seconds.into())).await,
    };
    Ok(Json(view.map_err(hide)?).into_response())
}

/// `GET /api/operations?idempotency_key=KEY`: the operation that a request of this key has begun, for whoever did not get its answer.
pub(super) async fn find(
    State(controller): State<Controller>,
    pairs: Pairs,
    principal: Option<Extension<Principal>>,
) -> Result<Response, Refused> {
    let parameters = Parameters::read(pairs, &[KEY])?;
    let text = parameters.text(KEY).ok_or_else(|| {
        let why = "operations are found by the Idempotency-Key of the request that began them: name it as idempotency_key";
        Error::new(Code::MissingField, why).pointer(format!("/{KEY}"))
    })?;
    let view = controller.find_operation(&key(text, principal)?).await.map_err(hide)?;
    Ok(Json(view).into_response())
}

/// `POST /api/operations/{id}/cancel`: 202, the operation turns back by itself.
pub(super) async fn cancel(
    State(controller): State<Controller>,
    id: Result<Path<Named>, PathRejection>,
    pairs: Pairs,
) -> Result<Response, Refused> {
    Parameters::read(pairs, &[])?;
    let id = operation_id(id)?;
    let view = detached(async move { controller.cancel_operation(&id).await }).await.map_err(hide)?;
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

/// `POST /api/operations/{id}/retry`: 202, the operation goes on by itself.
pub(super) async fn retry(
    State(controller): State<Controller>,
    id: Result<Path<Named>, PathRejection>,
    pairs: Pairs,
) -> Result<Response, Refused> {
    Parameters::read(pairs, &[])?;
    let id = operation_id(id)?;
    let view = detached(async move { controller.retry_operation(&id).await }).await.map_err(hide)?;
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

fn operation_id(id: Result<Path<Named>, PathRejection>) -> Result<OperationId> {
    id.ok().and_then(|Path(Named { id })| id.parse().ok()).ok_or_else(|| absent("operation"))
}

fn hide(error: Error) -> Error {
    if error.code() == Code::NotFound { absent("operation") } else { error }
}
