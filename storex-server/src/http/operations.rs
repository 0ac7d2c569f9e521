//! `/api/operations/{id}`: an operation as it is, or once it is at rest.

use super::query::{Pairs, Parameters};
use super::{Refused, absent};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use storex_core::{Code, Controller, OperationId};

/// Longest time a request waits for an operation, in seconds.
const LONGEST_WAIT: u32 = 60;

/// `GET /api/operations/{id}`; with `?wait=SECONDS` once it is at rest or the time is over, more than 60 meaning 60.
pub(super) async fn show(
    State(controller): State<Controller>,
    id: Result<Path<String>, PathRejection>,
    pairs: Pairs,
) -> Result<Response, Refused> {
    let wait = Parameters::read(pairs, &["wait"])?.whole_number("wait")?.unwrap_or(0).min(LONGEST_WAIT);
    let id: Option<OperationId> = id.ok().and_then(|Path(text)| text.parse().ok());
    let id = id.ok_or_else(|| absent("operation"))?;
    let view = match wait {
        0 => controller.get_operation(&id).await,
        seconds => controller.wait_operation(&id, Duration::from_secs(seconds.into())).await,
    };
    let view = view.map_err(|error| if error.code() == Code::NotFound { absent("operation") } else { error })?;
    Ok(Json(view).into_response())
}
