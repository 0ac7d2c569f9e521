//! The answer's envelope: `{success, errors, messages, result, result_info}` (Cloudflare API conventions), and the few
//! answers that are not one because a fault said so.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::Response;
use serde_json::{Value, json};

use super::paging::Page;

/// What a handler promises: a success to wrap or a refusal.
pub(super) type Outcome = Result<Success, Refusal>;

/// A successful result, not wrapped yet.
#[derive(Debug)]
pub(super) struct Success {
    shape: Shape,
    messages: Vec<Value>,
    info: Option<Value>,
    status: u16,
}

/// How a result goes into its answer.
#[derive(Debug)]
enum Shape {
    /// As `result` of an envelope.
    Result(Value),
    /// An envelope without `result`.
    Without,
    /// JSON without an envelope.
    Bare(Value),
    /// Plain text.
    Text(String),
    /// No body at all.
    Nothing,
}

impl Success {
    const fn shaped(shape: Shape, status: u16) -> Self {
        Self { shape, messages: Vec::new(), info: None, status }
    }

    /// A single result.
    pub(super) const fn of(result: Value) -> Self {
        Self::shaped(Shape::Result(result), 200)
    }

    /// An envelope that has no `result`.
    pub(super) const fn without_result() -> Self {
        Self::shaped(Shape::Without, 200)
    }

    /// JSON that is no envelope.
    pub(super) const fn bare(body: Value) -> Self {
        Self::shaped(Shape::Bare(body), 200)
    }

    /// Plain text.
    pub(super) const fn text(body: String) -> Self {
        Self::shaped(Shape::Text(body), 200)
    }

    /// 204 without a body.
    pub(super) const fn nothing() -> Self {
        Self::shaped(Shape::Nothing, 204)
    }

    /// One page of a list.
    pub(super) fn list(items: Vec<Value>, page: Page) -> Self {
        Self { info: Some(page.info()), ..Self::of(Value::Array(items)) }
    }

    /// A list that would go on behind a cursor; this one never does.
    pub(super) fn cursored(items: Vec<Value>) -> Self {
        let info = json!({"count": items.len(), "cursors": {}});
        Self { info: Some(info), ..Self::of(Value::Array(items)) }
    }

    /// The same with another HTTP status.
    pub(super) const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with a remark in `messages`.
    pub(super) fn remarking(mut self, message: Value) -> Self {
        self.messages.push(message);
        self
    }
}

/// Why Cloudflare says no: an HTTP status and at least one coded error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    code: i64,
    message: String,
    chain: Vec<(i64, String)>,
    pointer: Option<String>,
    retry_after: Option<u64>,
}

impl Refusal {
    /// A refusal with one error.
    pub(super) fn new(status: u16, code: i64, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), chain: Vec::new(), pointer: None, retry_after: None }
    }

    /// Adds a cause below the error (`error_chain`).
    pub(super) fn caused_by(mut self, code: i64, message: impl Into<String>) -> Self {
        self.chain.push((code, message.into()));
        self
    }

    /// Names the part of the request at fault (`source.pointer`).
    pub(super) fn at(mut self, pointer: &str) -> Self {
        self.pointer = Some(pointer.to_owned());
        self
    }

    /// Adds the `Retry-After` header, in seconds.
    pub(super) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Whether it says that the same record stands there already.
    pub(super) const fn is_duplicate(&self) -> bool {
        matches!(self.code, 81_057 | 81_058)
    }

    fn error(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(fields) = error.as_object_mut() {
            if let Some(pointer) = &self.pointer {
                fields.insert("source".to_owned(), json!({"pointer": pointer}));
            }
            if !self.chain.is_empty() {
                let chain = self.chain.iter().map(|(code, message)| json!({"code": code, "message": message}));
                fields.insert("error_chain".to_owned(), chain.collect());
            }
        }
        error
    }
}

/// What goes back over the wire.
#[derive(Debug)]
pub(super) enum Reply {
    /// An envelope.
    Envelope {
        /// HTTP status.
        status: u16,
        /// The envelope.
        body: Value,
        /// `Retry-After`, seconds.
        retry_after: Option<u64>,
    },
    /// A body that is no envelope.
    Text {
        /// HTTP status.
        status: u16,
        /// `Content-Type`.
        kind: &'static str,
        /// The body.
        body: String,
    },
    /// A page of HTML, as the edge sends when something in front of the API fails.
    Html {
        /// HTTP status.
        status: u16,
    },
    /// Nothing: the connection is dropped before a byte of the answer is sent.
    Dropped,
}

impl Reply {
    /// The status a caller sees; `None` when it sees none.
    pub(super) const fn status(&self) -> Option<u16> {
        match self {
            Self::Envelope { status, .. } | Self::Text { status, .. } | Self::Html { status } => Some(*status),
            Self::Dropped => None,
        }
    }

    /// The first half of the same answer.
    pub(super) fn truncated(self) -> Self {
        let half = |body: String| body.chars().take(body.chars().count() / 2).collect();
        match self {
            Self::Envelope { status, body, .. } => Self::Text { status, kind: JSON, body: half(body.to_string()) },
            Self::Text { status, kind, body } => Self::Text { status, kind, body: half(body) },
            other => other,
        }
    }
}

const JSON: &str = "application/json";

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(Success { shape, messages, info, status }) => {
                let mut body = json!({"success": true, "errors": [], "messages": messages});
                let result = match shape {
                    Shape::Result(result) => Some(result),
                    Shape::Without => None,
                    Shape::Bare(body) => return Self::Text { status, kind: JSON, body: body.to_string() },
                    Shape::Text(body) => return Self::Text { status, kind: "text/plain; charset=utf-8", body },
                    Shape::Nothing => return Self::Text { status, kind: JSON, body: String::new() },
                };
                if let Some(fields) = body.as_object_mut() {
                    let more = [("result", result), ("result_info", info)];
                    fields.extend(more.into_iter().filter_map(|(key, value)| value.map(|value| (key.to_owned(), value))));
                }
                Self::Envelope { status, body, retry_after: None }
            }
            Err(refusal) => {
                let body = json!({"success": false, "errors": [refusal.error()], "messages": [], "result": null});
                Self::Envelope { status: refusal.status, body, retry_after: refusal.retry_after }
            }
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::from(Err(refusal))
    }
}

/// Turns a reply into an HTTP response. `sequence` becomes the `cf-ray` header every answer of the edge carries.
pub(super) fn respond(reply: Reply, sequence: u64, rate_headers: [(&'static str, String); 2]) -> Response {
    let (status, kind, body, retry_after) = match reply {
        Reply::Envelope { status, body, retry_after } => (status, JSON, body.to_string(), retry_after),
        Reply::Text { status, kind, body } => (status, kind, body, None),
        Reply::Html { status } => (status, "text/html; charset=UTF-8", html(status), None),
        Reply::Dropped => return dropped(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.try_into().unwrap_or(axum::http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(ray) = HeaderValue::try_from(format!("{sequence:016x}-SIM")) {
        headers.insert("cf-ray", ray);
    }
    for (name, value) in rate_headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn html(status: u16) -> String {
    format!("<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>Error {status}</h1></body></html>")
}

/// A response whose body fails at once: the connection is closed before its head is flushed (a test holds this to it).
fn dropped() -> Response {
    let failure = Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    Response::new(Body::from_stream(futures::stream::iter([failure])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_the_envelope_of_a_failure() {
        let refusal = Refusal::new(400, 1004, "DNS Validation Error").caused_by(9005, "not an address").at("/content");
        let Reply::Envelope { status, body, retry_after } = Reply::from(refusal) else { panic!("an envelope") };
        assert_eq!((status, retry_after), (400, None));
        assert_eq!(
            body.to_string(),
            r#"{"success":false,"errors":[{"code":1004,"message":"DNS Validation Error","source":{"pointer":"/content"},"error_chain":[{"code":9005,"message":"not an address"}]}],"messages":[],"result":null}"#
        );
    }

    #[test]
    fn a_single_result_has_no_page_information() {
        let Reply::Envelope { body, .. } = Reply::from(Ok(Success::of(json!({"id": "x"})))) else { panic!("an envelope") };
        assert_eq!(body.to_string(), r#"{"success":true,"errors":[],"messages":[],"result":{"id":"x"}}"#);
    }
}
