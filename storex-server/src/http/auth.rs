//! Access: who lets a request in, and whom it comes from.

use super::problem::Refused;
use crate::ApiToken;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use storex_core::{Code, Error, Result};

/// Who decides whether a request to a route that is not open is let in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Access {
    /// storex: whoever carries this token.
    Token(ApiToken),
    /// The program the router is mounted in. storex asks for no token, so whoever reaches the router may create and delete stores: mount it behind
    /// the program's own authentication, with no way around it.
    HostAuthenticates,
}

impl From<ApiToken> for Access {
    fn from(token: ApiToken) -> Self {
        Self::Token(token)
    }
}

impl Access {
    /// Whether these headers get in.
    ///
    /// # Errors
    /// `unauthenticated`.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<()> {
        match self {
            Self::HostAuthenticates => Ok(()),
            Self::Token(token) if bearer(headers).is_some_and(|sent| token.matches(sent)) => Ok(()),
            Self::Token(_) => Err(Error::new(Code::Unauthenticated, "the request carries no valid token")),
        }
    }
}

/// Whom a request comes from: an extension of the request that the program the router is mounted in may set once it has authenticated it.
///
/// Idempotency keys are kept apart by it, so that two people who choose the same key do not meet. Without it everybody is the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal(String);

impl Principal {
    /// The principal of this name: an account, a user, a service; the same for every request of theirs.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Principal {
    /// Who holds the one token.
    fn default() -> Self {
        Self::new("operator")
    }
}

/// Lets a request pass that gets in.
pub(super) async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.admit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => Refused(error).into_response(),
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
