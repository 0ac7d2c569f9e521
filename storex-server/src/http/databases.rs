//! `/api/stores/{id}/database/rotate`: another password for a store's database.

use super::Refused;
use super::detached::detached;
use super::edge::{hide, store_id};
use super::query::{Pairs, Parameters};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use storex_core::{Controller, Result};

/// `POST /api/stores/{id}/database/rotate`: 202, the operation goes on by itself.
pub(super) async fn rotate(
    State(controller): State<Controller>,
    id: Result<Path<String>, PathRejection>,
    pairs: Pairs,
) -> Result<Response, Refused> {
    Parameters::read(pairs, &[])?;
    let id = store_id(id)?;
    let begun = detached(async move { controller.rotate_database_password(&id).await }).await;
    let operation = begun.map_err(hide)?.id().clone();
    let location = [("operation-location", format!("/api/operations/{operation}"))];
    Ok((StatusCode::ACCEPTED, location, Json(json!({ "status": "success", "operation": operation }))).into_response())
}
