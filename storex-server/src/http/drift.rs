//! `/api/drift` and `/api/reconcile`: what stands differently from what should stand, and bringing it back.

use super::query::{Pairs, Parameters};
use super::{Refused, absent, body};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use storex_core::{Code, Controller, DriftQuery, Error, ReconcileOptions, Result};

/// What a reconcile is asked for; everything may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    store_id: Option<String>,
    page_token: Option<String>,
    limit: u32,
    dry_run: bool,
    accept_restore: bool,
}

/// `GET /api/drift`: the platform, the hosts and a page of stores, or one store.
pub(super) async fn show(State(controller): State<Controller>, pairs: Pairs) -> Result<Response, Refused> {
    let parameters = Parameters::read(pairs, &["store_id", "limit", "page_token"])?;
    let limit = parameters.whole_number("limit")?.unwrap_or(0);
    let query = query(parameters.text("store_id"), parameters.text("page_token"), limit)?;
    Ok(Json(controller.drift(&query).await?).into_response())
}

/// `POST /api/reconcile`: 202 with what was found and the operations begun; 200 with `dry_run`.
pub(super) async fn reconcile(State(controller): State<Controller>, request: Request) -> Result<Response, Refused> {
    let asked = read(body::json(request).await?)?;
    let query = query(asked.store_id.as_deref(), asked.page_token.as_deref(), asked.limit)?;
    let options = ReconcileOptions::of(query).dry_run(asked.dry_run).accept_restore(asked.accept_restore);
    let report = super::stores::detached(async move { controller.reconcile(&options).await }).await?;
    let status = if asked.dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(report)).into_response())
}

fn read(body: Value) -> Result<Asked> {
    let known = ["store_id", "page_token", "limit", "dry_run", "accept_restore"];
    if let Some(unknown) = body.as_object().and_then(|fields| fields.keys().find(|key| !known.contains(&key.as_str()))) {
        let message = format!("the field is not known; known are {}", known.join(", "));
        return Err(
            Error::new(Code::UnknownField, message).pointer(format!("/{}", unknown.replace('~', "~0").replace('/', "~1")))
        );
    }
    serde_json::from_value(body).map_err(|error| Error::new(Code::InvalidField, format!("the request cannot be used: {error}")))
}

fn query(store: Option<&str>, page_token: Option<&str>, limit: u32) -> Result<DriftQuery> {
    if let Some(store) = store.filter(|store| !store.is_empty()) {
        return Ok(DriftQuery::of_store(store.parse().map_err(|_| absent("store"))?));
    }
    let token = page_token.filter(|token| !token.is_empty()).map(str::to_owned);
    Ok(DriftQuery::page(token, usize::try_from(limit).unwrap_or(usize::MAX)))
}
