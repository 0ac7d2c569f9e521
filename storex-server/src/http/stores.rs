//! `/api/stores`: creating, listing, showing and deleting stores.

use super::query::{Pairs, Parameters};
use super::{Refused, absent, body};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::future::Future;
use storex_core::{Code, Controller, CreateStoreRequest, Error, OperationId, Result, StoreId};

/// `POST /api/stores`: 201 with exactly the specification's body.
pub(super) async fn create(State(controller): State<Controller>, request: Request) -> Result<Response, Refused> {
    let body = body::json(request).await?;
    let request = CreateStoreRequest::from_json(&body)?;
    let (created, operation) = detached(async move { controller.create_store(&request).await }).await?;
    let location = ("location", format!("/api/stores/{}", created.store_id));
    Ok((StatusCode::CREATED, [location, operation_location(&operation)], Json(created)).into_response())
}

/// `GET /api/stores`: a page of stores. `page_size` 0 or none means 50, more than 1000 means 1000.
pub(super) async fn list(State(controller): State<Controller>, pairs: Pairs) -> Result<Response, Refused> {
    let parameters = Parameters::read(pairs, &["page_size", "page_token"])?;
    let size = parameters.whole_number("page_size")?.unwrap_or(0);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let page = controller.list_stores(size, parameters.text("page_token")).await?;
    Ok(Json(page).into_response())
}

/// `GET /api/stores/{id}`.
pub(super) async fn show(
    State(controller): State<Controller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refused> {
    let id = store_id(id)?;
    Ok(Json(controller.get_store(&id).await.map_err(hide)?).into_response())
}

/// `DELETE /api/stores/{id}`: 202, the operation goes on by itself.
pub(super) async fn delete(
    State(controller): State<Controller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refused> {
    let id = store_id(id)?;
    let operation = detached(async move { controller.delete_store(&id).await }).await.map_err(hide)?;
    let body = json!({ "status": "success", "operation": operation });
    Ok((StatusCode::ACCEPTED, [operation_location(&operation)], Json(body)).into_response())
}

fn operation_location(operation: &OperationId) -> (&'static str, String) {
    ("operation-location", format!("/api/operations/{operation}"))
}

fn store_id(id: Result<Path<String>, PathRejection>) -> Result<StoreId> {
    id.ok().and_then(|Path(text)| text.parse().ok()).ok_or_else(|| absent("store"))
}

fn hide(error: Error) -> Error {
    if error.code() == Code::NotFound { absent("store") } else { error }
}

/// Runs a call with an effect to its end even when the caller hangs up: dropped between the durable intent and its start, an operation would
/// lie until the next start of the controller.
async fn detached<T: Send + 'static>(call: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::spawn(call).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(%error, "a call ended without an answer");
            Err(Error::unclear(Code::Internal, "the call ended without an answer"))
        }
    }
}
