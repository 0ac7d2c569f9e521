//! The header `Idempotency-Key` of a request that may be repeated, and `Idempotency-Replayed` of the answer to a repetition.

use axum::http::HeaderMap;
use axum::response::AppendHeaders;
use storex_core::{Code, Error, IdempotencyKey, RequestOptions, Result};

/// Name of the header.
const HEADER: &str = "Idempotency-Key";
/// Who sends requests: there is one token, the operator's.
const PRINCIPAL: &str = "operator";

/// How the request is meant, by its headers.
///
/// # Errors
/// `invalid_field` with the header as pointer: for a key that cannot be used, and for two of them.
pub(super) fn options(headers: &HeaderMap) -> Result<RequestOptions> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(RequestOptions::default()) };
    if values.next().is_some() {
        return Err(Error::new(Code::InvalidField, "the header appears twice").pointer(format!("/{HEADER}")));
    }
    // What is no UTF-8 becomes a character no key may have.
    let key = String::from_utf8_lossy(value.as_bytes());
    Ok(RequestOptions::with_key(IdempotencyKey::new(PRINCIPAL, &key)?))
}

/// The header that tells a repetition from the first request.
pub(super) fn replayed(replayed: bool) -> AppendHeaders<Option<(&'static str, &'static str)>> {
    AppendHeaders(replayed.then_some(("idempotency-replayed", "true")))
}
