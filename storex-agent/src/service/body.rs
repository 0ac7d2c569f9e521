//! Request bodies: declared as JSON, at most 256 KiB.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use storex_core::{Code, Error, Result};

/// Most that a body may hold, in bytes.
pub(super) const LIMIT: usize = 256 * 1024;

/// The whole body.
///
/// # Errors
/// `unsupported_media_type`, `body_too_large`; `invalid_json` when the body breaks off.
pub(super) async fn read(request: Request<Body>) -> Result<Vec<u8>> {
    if !is_json(request.headers()) {
        return Err(Error::new(Code::UnsupportedMediaType, "the body is not declared as application/json"));
    }
    match Limited::new(request.into_body(), LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::new(Code::BodyTooLarge, "the body is larger than 256 KiB")),
        Err(error) => Err(Error::new(Code::InvalidJson, format!("the body broke off: {error}"))),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
