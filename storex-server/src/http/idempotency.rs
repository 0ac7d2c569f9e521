//! The header `Idempotency-Key` of a request that may be repeated, and `Idempotency-Replayed` of the answer to a repetition.

use super::auth::Principal;
use axum::Extension;
use axum::http::HeaderMap;
use axum::response::AppendHeaders;
use storex_core::{Code, Error, IdempotencyKey, RequestOptions, Result};

/// Name of the header.
const HEADER: &str = "Idempotency-Key";

/// How the request is meant, by its headers and whom it comes from.
///
/// # Errors
/// `invalid_field` with the header as pointer: for a key that cannot be used, and for two of them.
pub(super) fn options(headers: &HeaderMap, principal: Option<Extension<Principal>>) -> Result<RequestOptions> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(RequestOptions::default()) };
    if values.next().is_some() {
        return Err(Error::new(Code::InvalidField, "the header appears twice").pointer(format!("/{HEADER}")));
    }
    // What is no UTF-8 becomes a character no key may have.
    let key = String::from_utf8_lossy(value.as_bytes());
    let Extension(principal) = principal.unwrap_or_default();
    Ok(RequestOptions::with_key(IdempotencyKey::new(principal.as_str(), &key)?))
}

/// The key of this principal, as a parameter of the query names it.
///
/// # Errors
/// `invalid_field` with the parameter as pointer for a key that cannot be used.
pub(super) fn key(text: &str, principal: Option<Extension<Principal>>) -> Result<IdempotencyKey> {
    let Extension(principal) = principal.unwrap_or_default();
    IdempotencyKey::new(principal.as_str(), text).map_err(|error| error.pointer("/idempotency_key"))
}

/// The header that tells a repetition from the first request.
pub(super) fn replayed(replayed: bool) -> AppendHeaders<Option<(&'static str, &'static str)>> {
    AppendHeaders(replayed.then_some(("idempotency-replayed", "true")))
}
