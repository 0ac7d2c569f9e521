//! `/api/stores`: creating, listing, showing and deleting stores.

use super::auth::Principal;
use super::detached::detached;
use super::idempotency::{options, replayed};
use super::query::{Pairs, Parameters};
use super::{Named, Refused, absent, body};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use storex_core::{Code, Controller, CreateStoreRequest, Error, OperationId, Result, StoreId};

/// `POST /api/stores`: 201 with exactly the specification's body; with `?dry_run=true` 200 with the plan, and nothing is begun.
pub(super) async fn create(
    State(controller): State<Controller>,
    pairs: Pairs,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Refused> {
    let dry_run = Parameters::read(pairs, &["dry_run"])?.flag("dry_run")?;
    let options = options(&headers, principal)?;
    let body = body::json(request).await?;
    let request = CreateStoreRequest::from_json(&body)?;
    if dry_run {
        return Ok(Json(controller.plan_create(&request).await?).into_response());
    }
    let accepted = detached(async move { controller.create_store_with(&request, &options).await }).await?;
    let location = ("location", format!("/api/stores/{}", accepted.answer.store_id));
    let headers = [location, operation_location(&accepted.operation)];
    Ok((StatusCode::CREATED, headers, replayed(accepted.replayed), Json(accepted.answer)).into_response())
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
    id: Result<Path<Named>, PathRejection>,
) -> Result<Response, Refused> {
    let id = store_id(id)?;
    Ok(Json(controller.get_store(&id).await.map_err(hide)?).into_response())
}

/// `DELETE /api/stores/{id}`: 202, the operation goes on by itself; with `?dry_run=true` 200 with the plan, and nothing is begun.
pub(super) async fn delete(
    State(controller): State<Controller>,
    id: Result<Path<Named>, PathRejection>,
    pairs: Pairs,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let dry_run = Parameters::read(pairs, &["dry_run"])?.flag("dry_run")?;
    let options = options(&headers, principal)?;
    let id = store_id(id)?;
    if dry_run {
        return Ok(Json(controller.plan_delete(&id).await.map_err(hide)?).into_response());
    }
    // Without a key, too, a second delete finds the first one's operation; only one with a key is a repetition of it.
    let keyed = options.idempotency_key.is_some();
    let accepted = detached(async move { controller.delete_store_with(&id, &options).await }).await.map_err(hide)?;
    let body = json!({ "status": "success", "operation": accepted.operation });
    let headers = [operation_location(&accepted.operation)];
    Ok((StatusCode::ACCEPTED, headers, replayed(keyed && accepted.replayed), Json(body)).into_response())
}

fn operation_location(operation: &OperationId) -> (&'static str, String) {
    ("operation-location", format!("/api/operations/{operation}"))
}

fn store_id(id: Result<Path<Named>, PathRejection>) -> Result<StoreId> {
    id.ok().and_then(|Path(Named { id })| id.parse().ok()).ok_or_else(|| absent("store"))
}

fn hide(error: Error) -> Error {
    if error.code() == Code::NotFound { absent("store") } else { error }
}
