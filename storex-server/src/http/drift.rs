//! `/api/drift` and `/api/reconcile`: what differs from what should be, and bringing it back.

use super::detached::detached;
use super::query::{Pairs, Parameters};
use super::{Refused, absent, body};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use storex_core::{Code, Controller, DriftQuery, Error, ReconcileOptions, Result, StoreId};

/// `GET /api/drift`: the drift of a store, or of a page of stores. `limit` 0 or none means 50, more than 200 means 200.
pub(super) async fn show(State(controller): State<Controller>, pairs: Pairs) -> Result<Response, Refused> {
    let parameters = Parameters::read(pairs, &["store_id", "limit", "page_token"])?;
    let limit = usize::try_from(parameters.whole_number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let token = parameters.text("page_token").filter(|token| !token.is_empty());
    let mut query = DriftQuery::page(token.map(str::to_owned), limit);
    query.store = parameters.text("store_id").map(store_id).transpose()?;
    Ok(Json(controller.drift(&query).await.map_err(hide)?).into_response())
}

/// `POST /api/reconcile`: 202, the operations it began go on by themselves; 200 when it only says what it would do.
pub(super) async fn reconcile(State(controller): State<Controller>, pairs: Pairs, request: Request) -> Result<Response, Refused> {
    Parameters::read(pairs, &[])?;
    let options = body::optional_json(request).await?.as_ref().map(ReconcileOptions::from_json).transpose()?.unwrap_or_default();
    let status = if options.dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    let report = detached(async move { controller.reconcile(&options).await }).await.map_err(hide)?;
    Ok((status, Json(report)).into_response())
}

fn store_id(text: &str) -> Result<StoreId> {
    text.parse().map_err(|_| absent("store"))
}

fn hide(error: Error) -> Error {
    if error.code() == Code::NotFound { absent("store") } else { error }
}
