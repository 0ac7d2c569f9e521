//! `/api/stores`: creating, listing, showing and deleting stores.

use super::query::{Pairs, Parameters};
use super::{Refused, absent, body};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::future::Future;
use storex_core::{Code, Controller, CreateStoreRequest, Error, IdempotencyKey, OperationId, RequestOptions, Result, StoreId};

/// `POST /api/stores`: 201 with exactly the specification's body; with `?dry_run=true` 200 with the plan.
pub(super) async fn create(State(controller): State<Controller>, pairs: Pairs, request: Request) -> Result<Response, Refused> {
    let dry_run = Parameters::read(pairs, &["dry_run"])?.flag("dry_run")?;
    let options = options(request.headers())?;
    let body = body::json(request).await?;
    let request = CreateStoreRequest::from_json(&body)?;
    if dry_run {
        return Ok(Json(controller.plan_create(&request).await?).into_response());
    }
    let accepted = detached(async move { controller.create_store_with(&request, &options).await }).await?;
    let location = ("location", format!("/api/stores/{}", accepted.answer.store_id));
    let answer = (StatusCode::CREATED, [location, operation_location(&accepted.operation)], Json(accepted.answer));
    Ok(replayed(answer.into_response(), accepted.replayed))
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

/// `DELETE /api/stores/{id}`: 202, the operation goes on by itself; with `?dry_run=true` 200 with the plan.
pub(super) async fn delete(
    State(controller): State<Controller>,
    id: Result<Path<String>, PathRejection>,
    pairs: Pairs,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let dry_run = Parameters::read(pairs, &["dry_run"])?.flag("dry_run")?;
    let (id, options) = (store_id(id)?, options(&headers)?);
    if dry_run {
        return Ok(Json(controller.plan_delete(&id).await.map_err(hide)?).into_response());
    }
    let accepted = detached(async move { controller.delete_store_with(&id, &options).await }).await.map_err(hide)?;
    let body = json!({ "status": "success", "operation": accepted.operation });
    let answer = (StatusCode::ACCEPTED, [operation_location(&accepted.operation)], Json(body));
    // Without a key a repetition is an ordinary answer.
    Ok(replayed(answer.into_response(), accepted.replayed && headers.contains_key(KEY)))
}

/// Header of the key under which a request may be repeated.
const KEY: &str = "idempotency-key";
/// Whose keys they are: the API has one token.
const PRINCIPAL: &str = "operator";

/// How the request is meant, from its headers.
fn options(headers: &HeaderMap) -> Result<RequestOptions> {
    let mut keys = headers.get_all(KEY).iter();
    let Some(key) = keys.next() else { return Ok(RequestOptions::default()) };
    if keys.next().is_some() {
        return Err(Error::new(Code::InvalidField, "the header appears twice").pointer("/Idempotency-Key"));
    }
    Ok(RequestOptions::with_key(IdempotencyKey::new(PRINCIPAL, key.to_str().unwrap_or_default())?))
}

fn replayed(mut answer: Response, replayed: bool) -> Response {
    if replayed {
        answer.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    answer
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
pub(super) async fn detached<T: Send + 'static>(call: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::spawn(call).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(%error, "a call ended without an answer");
            Err(Error::unclear(Code::Internal, "the call ended without an answer"))
        }
    }
}
