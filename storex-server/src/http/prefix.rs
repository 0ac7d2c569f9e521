//! Below a prefix of another program: addresses in answers begin with it.

use super::Problem;
use axum::Json;
use axum::extract::{OriginalUri, Request};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Headers of answers that hold an address of the API.
const ADDRESSES: [&str; 2] = ["location", "operation-location"];

/// Puts what the host program has stripped off the request's path in front of every address of the answer: `Location`, `Operation-Location` and the
/// `type` of a problem.
pub(super) async fn carry(request: Request, next: Next) -> Response {
    let prefix = stripped(&request);
    let mut response = next.run(request).await;
    let problem = response.extensions_mut().remove::<Problem>();
    let Some(prefix) = prefix else { return response };
    for name in ADDRESSES {
        let address =
            response.headers().get(name).and_then(|value| value.to_str().ok()).filter(|address| address.starts_with('/'));
        if let Some(Ok(whole)) = address.map(|address| HeaderValue::from_str(&format!("{prefix}{address}"))) {
            response.headers_mut().insert(name, whole);
        }
    }
    match problem {
        Some(problem) => rendered_again(response, Problem { address: format!("{prefix}{}", problem.address), ..problem }),
        None => response,
    }
}

/// What stands before the path as the API sees it; none at the root.
fn stripped(request: &Request) -> Option<String> {
    let OriginalUri(original) = request.extensions().get()?;
    let prefix = original.path().strip_suffix(request.uri().path())?;
    (!prefix.is_empty()).then(|| prefix.to_owned())
}

/// The same answer with this document.
fn rendered_again(response: Response, problem: Problem) -> Response {
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    let (document, body) = Json(problem).into_response().into_parts();
    if let Some(length) = document.headers.get(CONTENT_LENGTH) {
        head.headers.insert(CONTENT_LENGTH, length.clone());
    }
    Response::from_parts(head, body)
}
