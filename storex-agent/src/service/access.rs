//! Who may call: whoever sends the token.

use super::Shared;
use super::answer::Refused;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use storex_core::{Code, Error};
use subtle::ConstantTimeEq;

/// Lets requests with the token pass. How long the comparison takes tells at most the token's length.
pub(super) async fn check(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let expected = shared.token.expose().as_bytes();
    // An empty token would let everybody in.
    let is_known =
        !expected.is_empty() && bearer(request.headers()).is_some_and(|sent| bool::from(sent.as_bytes().ct_eq(expected)));
    if is_known {
        next.run(request).await
    } else {
        Refused(Error::new(Code::Unauthenticated, "the request carries no valid token")).into_response()
    }
}

/// The token of `Authorization: Bearer <token>`; the scheme's case does not count (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
