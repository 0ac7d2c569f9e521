//! The client of the API: plain HTTP to this machine, one connection per call.

use super::failure::{Failure, Outcome};
use crate::{ApiToken, Problem};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::uri::Scheme;
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use storex_core::{Code, Error, Result};
use tokio::net::TcpStream;

/// Longest time until a connection stands.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longest time of a call; more than the server allows itself.
const CALL_LIMIT: Duration = Duration::from_secs(75);
/// Largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Where a key that cannot be used is, as the API names it.
const KEY_POINTER: &str = "/Idempotency-Key";

/// A client of one API.
#[derive(Debug)]
pub(super) struct Client {
    /// `host:port`, as written.
    authority: String,
    host: String,
    port: u16,
    token: ApiToken,
}

/// An answer that is data.
#[derive(Debug)]
pub(super) struct Answer {
    /// The document.
    pub(super) body: Value,
    /// Identifier in `Operation-Location`.
    pub(super) operation: Option<String>,
    /// True when the request was a repetition and began nothing.
    pub(super) replayed: bool,
}

impl Client {
    /// A client for this address.
    ///
    /// # Errors
    /// `unusable` for what is no address; `unsupported` for https, and for any machine but this one: the token would travel readable.
    pub(super) fn new(url: &str, token: ApiToken) -> Result<Self> {
        let no_url = || Error::new(Code::Unusable, format!("{url:?} is no address such as http://127.0.0.1:8080"));
        let uri: Uri = url.parse().map_err(|_| no_url())?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(no_url());
        };
        let has_more = authority.as_str().contains('@') || uri.path() != "/" || uri.query().is_some();
        if has_more || (*scheme != Scheme::HTTP && *scheme != Scheme::HTTPS) {
            return Err(no_url());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_here = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if *scheme == Scheme::HTTPS || !is_here {
            let message = format!(
                "{url} cannot be reached safely: only http to this machine is supported; forward its port, as with ssh -L"
            );
            return Err(Error::new(Code::Unsupported, message));
        }
        Ok(Self { authority: authority.to_string(), host, port: authority.port_u16().unwrap_or(80), token })
    }

    pub(super) async fn get(&self, path: &str) -> Outcome<Answer> {
        self.call(Method::GET, path, None, None).await
    }

    /// Sends a document; with a key the request may be repeated.
    pub(super) async fn post(&self, path: &str, body: &Value, key: Option<&str>) -> Outcome<Answer> {
        self.call(Method::POST, path, Some(body), key).await
    }

    /// Deletes; with a key the request may be repeated.
    pub(super) async fn delete(&self, path: &str, key: Option<&str>) -> Outcome<Answer> {
        self.call(Method::DELETE, path, None, key).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>, key: Option<&str>) -> Outcome<Answer> {
        let effect = method != Method::GET;
        let mut request = self.request(method, path, body)?;
        if let Some(key) = key {
            let refuse = |_| Error::new(Code::InvalidField, "the key has characters no header can carry").pointer(KEY_POINTER);
            request.headers_mut().insert("idempotency-key", HeaderValue::try_from(key).map_err(refuse)?);
        }
        let exchange = tokio::time::timeout(CALL_LIMIT, self.exchange(request)).await;
        let late = |_| Error::new(Code::Timeout, format!("{} does not answer", self.authority));
        let doubtful = |error: Error| {
            if effect && error.code() == Code::Timeout { error.into_unclear() } else { error }
        };
        exchange.map_err(late).and_then(|done| done).map_err(doubtful)?.into_data()
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>> {
        let unsendable = |why: &str| Error::new(Code::Unusable, format!("the request cannot be sent: {why}"));
        let mut token =
            HeaderValue::try_from(format!("Bearer {}", self.token.expose())).map_err(|_| unsendable("the token is no header"))?;
        token.set_sensitive(true);
        let bytes = body.map(ToString::to_string).unwrap_or_default();
        let request = Request::builder().method(method).uri(path).header(HOST, &self.authority).header(AUTHORIZATION, token);
        let request =
            request.header(ACCEPT, "application/json, application/problem+json").header(CONTENT_TYPE, "application/json");
        request.body(Full::from(bytes)).map_err(|error| unsendable(&error.to_string()))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Received> {
        let silent = |why: &dyn std::fmt::Display| {
            let message = format!("nothing answers at http://{}: {why}; is storex up running?", self.authority);
            Error::new(Code::Unavailable, message)
        };
        let stream = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect((self.host.as_str(), self.port))).await;
        let stream = stream.map_err(|_| silent(&"no connection in time"))?.map_err(|error| silent(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| silent(&error))?;
        // How the connection ends is told by the answer.
        tokio::spawn(async move { drop(connection.await) });
        let broken = |why: &dyn std::fmt::Display| {
            Error::unclear(Code::Unavailable, format!("http://{} broke off the answer: {why}", self.authority))
        };
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| broken(&error))?.to_bytes();
        let operation = head.headers.get("operation-location").and_then(|value| value.to_str().ok());
        let operation = operation.and_then(|path| path.rsplit('/').next()).map(str::to_owned);
        let replayed = head.headers.get("idempotency-replayed").is_some_and(|value| value == "true");
        Ok(Received { status: head.status, operation, replayed, body })
    }
}

/// An answer as it came.
#[derive(Debug)]
struct Received {
    status: StatusCode,
    operation: Option<String>,
    replayed: bool,
    body: Bytes,
}

impl Received {
    fn into_data(self) -> Outcome<Answer> {
        let document = serde_json::from_slice::<Value>(&self.body);
        if self.status.is_success() {
            let body = document.map_err(|error| {
                Error::new(Code::Unavailable, format!("the answer is not JSON, so no storex gave it: {error}"))
            })?;
            return Ok(Answer { body, operation: self.operation, replayed: self.replayed });
        }
        let problem = document.ok().and_then(|document| serde_json::from_value::<Problem>(document).ok());
        Err(problem.unwrap_or_else(|| foreign(self.status)).into())
    }
}

/// The problem behind an answer without a problem document, as something between us and the API may give.
fn foreign(status: StatusCode) -> Problem {
    let code = match status.as_u16() {
        401 | 403 => Code::Unauthenticated,
        404 => Code::NotFound,
        _ => Code::Unavailable,
    };
    let mut problem =
        Problem::from(&Error::new(code, format!("the answer is {status} without a problem document, so no storex gave it")));
    problem.status = status.as_u16();
    problem
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect::<Vec<_>>().concat()
}

impl Failure {
    /// The problem a failure tells of, when it is one.
    pub(super) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem, _) => Some(problem),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ApiToken {
        format!("stx_{}", "0".repeat(32)).parse().unwrap()
    }

    #[test]
    fn the_token_is_only_sent_to_this_machine() {
        for good in ["http://127.0.0.1:8080", "http://localhost:1/", "http://[::1]:8080", "http://127.9.9.9"] {
            Client::new(good, token()).expect(good);
        }
        for bad in [
            "https://127.0.0.1:8080",
            "http://192.168.1.1:8080",
            "http://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.nip.io",
        ] {
            assert_eq!(Client::new(bad, token()).expect_err(bad).code(), Code::Unsupported, "{bad}");
        }
        for bad in [
            "",
            "127.0.0.1:8080",
            "/x",
            "ftp://127.0.0.1",
            "http://u@127.0.0.1:80",
            "http://127.0.0.1/api",
            "http://127.0.0.1:80/?x",
        ] {
            assert_eq!(Client::new(bad, token()).expect_err(bad).code(), Code::Unusable, "{bad}");
        }
    }

    #[test]
    fn no_identifier_leaves_its_segment() {
        assert_eq!(segment("oceanbreeze-12345"), "oceanbreeze-12345");
        assert_eq!(segment("../x?y#ä"), "%2E%2E%2Fx%3Fy%23%C3%A4");
        assert_eq!(segment(""), "");
    }
}
