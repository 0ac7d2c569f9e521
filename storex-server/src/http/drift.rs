//! `/api/drift` and `/api/reconcile`: what differs from what should be, and bringing it back.

use super::detached::detached;
use super::query::{Pairs, Parameters};
use super::{Refused, absent, body};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use storex_core::{Code, Controller, DriftQuery, Error, ReconcileOptions, Result, StoreId};

/// Keys of the body of a reconcile.
const KEYS: [&str; 5] = ["store_id", "dry_run", "accept_restore", "limit", "page_token"];

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
    let options = body::optional_json(request).await?.as_ref().map(options).transpose()?.unwrap_or_default();
    let status = if options.dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    let report = detached(async move { controller.reconcile(&options).await }).await.map_err(hide)?;
    Ok((status, Json(report)).into_response())
}

/// The options a body asks for. What is null counts as not there.
fn options(body: &Value) -> Result<ReconcileOptions> {
    let expected = |what: &str, pointer: String| Error::new(Code::InvalidField, format!("expected {what}")).pointer(pointer);
    let fields = body.as_object().ok_or_else(|| expected("an object", String::new()))?;
    let mut options = ReconcileOptions::default();
    for (key, value) in fields {
        let wrong = |what: &str| expected(what, format!("/{key}"));
        let flag = || value.as_bool().ok_or_else(|| wrong("true or false"));
        let text = || value.as_str().ok_or_else(|| wrong("text"));
        if value.is_null() && KEYS.contains(&key.as_str()) {
            continue;
        }
        match key.as_str() {
            "store_id" => options.query.store = Some(store_id(text()?)?),
            "dry_run" => options.dry_run = flag()?,
            "accept_restore" => options.accept_restore = flag()?,
            "limit" => {
                let limit = value.as_u64().ok_or_else(|| wrong("a whole number of at least 0"))?;
                options.query.limit = usize::try_from(limit).unwrap_or(usize::MAX);
            }
            "page_token" => options.query.page_token = Some(text()?.to_owned()).filter(|token| !token.is_empty()),
            _ => return Err(unknown(key)),
        }
    }
    Ok(options)
}

fn unknown(key: &str) -> Error {
    let shown: String = key.chars().take(60).collect();
    let pointer = format!("/{}", shown.replace('~', "~0").replace('/', "~1"));
    Error::new(Code::UnknownField, format!("the field {shown:?} is not known; known are {}", KEYS.join(", "))).pointer(pointer)
}

fn store_id(text: &str) -> Result<StoreId> {
    text.parse().map_err(|_| absent("store"))
}

fn hide(error: Error) -> Error {
    if error.code() == Code::NotFound { absent("store") } else { error }
}
