//! `/api/stores/{id}/cache/purge`, `/certificate/reissue` and `/insight`: what people ask of the edge for one store.

use super::detached::detached;
use super::query::{Pairs, Parameters};
use super::{Refused, absent, body};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use storex_core::{Code, Controller, Error, Result, StoreId};

/// How far back insight goes when nobody says.
const USUAL_SECONDS: u32 = 3_600;

/// `POST /api/stores/{id}/cache/purge`: 200 with the hosts nothing is cached of any more.
pub(super) async fn purge(
    State(controller): State<Controller>,
    id: Result<Path<String>, PathRejection>,
    pairs: Pairs,
) -> Result<Response, Refused> {
    Parameters::read(pairs, &[])?;
    let id = store_id(id)?;
    let view = detached(async move { controller.purge_cache(&id).await }).await.map_err(hide)?;
    Ok(Json(view).into_response())
}

/// `POST /api/stores/{id}/certificate/reissue`, with `{"force": true}` or without a body: 202 when an operation does it, 200 when there is nothing to do.
pub(super) async fn reissue(
    State(controller): State<Controller>,
    id: Result<Path<String>, PathRejection>,
    pairs: Pairs,
    request: Request,
) -> Result<Response, Refused> {
    Parameters::read(pairs, &[])?;
    let id = store_id(id)?;
    let force = body::force(request).await?;
    let view = detached(async move { controller.reissue_certificate(&id, force).await }).await.map_err(hide)?;
    let status = if view.operation.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    let location = view.operation.as_ref().map(|operation| [("operation-location", format!("/api/operations/{operation}"))]);
    Ok(match location {
        Some(location) => (status, location, Json(view)).into_response(),
        None => (status, Json(view)).into_response(),
    })
}

/// `GET /api/stores/{id}/insight`: what the edge counted in the last hour; with `?seconds=N` in the last N seconds, as far as the plan tells.
pub(super) async fn insight(
    State(controller): State<Controller>,
    id: Result<Path<String>, PathRejection>,
    pairs: Pairs,
) -> Result<Response, Refused> {
    let seconds = Parameters::read(pairs, &["seconds"])?.whole_number("seconds")?.unwrap_or(USUAL_SECONDS).max(1);
    let id = store_id(id)?;
    let view = controller.store_insight(&id, Duration::from_secs(seconds.into())).await.map_err(hide)?;
    Ok(Json(view).into_response())
}

pub(super) fn store_id(id: Result<Path<String>, PathRejection>) -> Result<StoreId> {
    id.ok().and_then(|Path(text)| text.parse().ok()).ok_or_else(|| absent("store"))
}

pub(super) fn hide(error: Error) -> Error {
    if error.code() == Code::NotFound { absent("store") } else { error }
}
