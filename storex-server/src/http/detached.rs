//! Calls with an effect outlive the caller who hangs up.

use std::future::Future;
use storex_core::{Code, Error, Result};

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
