//! `/api/tunnel`: the tunnel, its connectors, and the reset of one of them.

use super::detached::detached;
use super::query::{Pairs, Parameters};
use super::{Refused, absent, body};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use storex_core::{Code, ConnectorId, Controller, Error, Result};

/// `GET /api/tunnel/connectors`: the tunnel with its connectors.
pub(super) async fn show(State(controller): State<Controller>, pairs: Pairs) -> Result<Response, Refused> {
    Parameters::read(pairs, &[])?;
    Ok(Json(controller.tunnel().await?).into_response())
}

/// `POST /api/tunnel/connectors/{id}/reset`: ends the connections of this one; `{"force": true}` also of the last one that serves.
pub(super) async fn reset(
    State(controller): State<Controller>,
    id: Result<Path<String>, PathRejection>,
    pairs: Pairs,
    request: Request,
) -> Result<Response, Refused> {
    Parameters::read(pairs, &[])?;
    let id: ConnectorId = id.ok().and_then(|Path(text)| text.parse().ok()).ok_or_else(|| absent("connector"))?;
    let force = body::force(request).await?;
    let view = detached(async move { controller.reset_connector(&id, force).await }).await.map_err(hide)?;
    Ok(Json(view).into_response())
}

fn hide(error: Error) -> Error {
    if error.code() == Code::NotFound { absent("connector") } else { error }
}
