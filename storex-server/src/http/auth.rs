//! Access: everything the table does not call open needs the token.

use super::problem::Refused;
use super::router::ROUTES;
use crate::ApiToken;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use storex_core::{Code, Error};

/// Lets a request pass when its route is open or it carries the token once.
pub(super) async fn check(State(token): State<ApiToken>, request: Request, next: Next) -> Response {
    if !needs_token(&request) || bearer(request.headers()).is_some_and(|sent| token.matches(sent)) {
        return next.run(request).await;
    }
    Refused(Error::new(Code::Unauthenticated, "the request carries no valid token")).into_response()
}

/// A route needs the token unless the table calls it open; an address without a route needs it below `/api`.
fn needs_token(request: &Request) -> bool {
    match request.extensions().get::<MatchedPath>() {
        Some(matched) => !ROUTES.iter().any(|route| route.open && route.path == matched.as_str()),
        None => request.uri().path().split('/').nth(1) == Some("api"),
    }
}

/// The credentials of the only `Authorization` header; the scheme's case does not count (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, credentials) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_one_well_formed_header_counts() {
        let read = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
            }
            bearer(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(read(&[b"Bearer stx_1"]), Some(b"stx_1".to_vec()));
        assert_eq!(read(&[b"bEARER stx_1"]), Some(b"stx_1".to_vec()));
        for bad in [&b"stx_1"[..], b"Bearer", b"Basic stx_1", b"Bearerstx_1", b""] {
            assert_eq!(read(&[bad]), None);
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[b"Bearer stx_1", b"Bearer stx_1"]), None);
    }
}
