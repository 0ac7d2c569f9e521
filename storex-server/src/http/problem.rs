//! Errors as `application/problem+json` (RFC 9457), made from the code table of the core. No other file renders an error.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use storex_core::{Code, Error};

/// Key of the context entry that names the operation concerned.
const OPERATION: &str = "operation";
/// Key of the context entry that holds the last log lines.
const LOG: &str = "log";

/// A problem document: what the API answers instead of data, and what the command line prints with `--json` when it fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// Address of a page about the code, relative to the API.
    #[serde(rename = "type")]
    pub address: String,
    /// What the code means, for people.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened this time, one sentence.
    pub detail: String,
    /// Stable code.
    pub code: String,
    /// JSON pointer of the offending field or query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What the reader can do.
    pub next_step: String,
    /// Identifier of the operation concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// True when the effect may have happened: look before trying again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unclear: bool,
    /// Further facts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
    /// Last log lines of the store concerned, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

impl Problem {
    /// Exit code of a command that fails with this problem. A code this version does not know counts by its HTTP status.
    pub fn exit_code(&self) -> u8 {
        match (Code::parse(&self.code), self.status) {
            (Some(code), _) => code.entry().exit_code,
            (None, 401 | 403) => 4,
            (None, 404) => 3,
            (None, 409) => 5,
            (None, 400..=499) => 6,
            (None, 500) => 1,
            (None, _) => 7,
        }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let entry = error.code().entry();
        let mut context = Map::new();
        let (mut operation, mut log) = (None, Vec::new());
        for (key, value) in error.context() {
            match key {
                OPERATION => operation = Some(value.to_owned()),
                LOG => log.extend(value.lines().map(str::to_owned)),
                _ => drop(context.insert(key.to_owned(), value.into())),
            }
        }
        Self {
            address: format!("/problems/{}", entry.name),
            title: entry.title.to_owned(),
            status: entry.http_status,
            detail: error.message().to_owned(),
            code: entry.name.to_owned(),
            pointer: error.pointer_str().map(str::to_owned),
            next_step: error.next_step().to_owned(),
            operation,
            unclear: error.is_unclear(),
            context,
            log,
        }
    }
}

/// An error on its way to the caller.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let problem = Problem::from(&error);
        if problem.status >= 500 {
            tracing::error!(%error, "a request failed");
        }
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&problem)).into_response();
        response.extensions_mut().insert(problem);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if error.code() == Code::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(delay) = error.retry_delay() {
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_error_keeps_its_facts_in_the_document_and_its_order_of_keys() {
        let error = Error::unclear(Code::ProcessNotServing, "it does not listen")
            .with("operation", "op_1")
            .with("log", "one\ntwo")
            .with("port", 4001)
            .pointer("/username");
        let problem = serde_json::to_value(Problem::from(&error)).unwrap();
        let expected = serde_json::json!({
            "type": "/problems/process_not_serving",
            "title": Code::ProcessNotServing.entry().title,
            "status": 502,
            "detail": "it does not listen",
            "code": "process_not_serving",
            "pointer": "/username",
            "next_step": Code::ProcessNotServing.entry().next_step,
            "operation": "op_1",
            "unclear": true,
            "context": { "port": "4001" },
            "log": ["one", "two"],
        });
        assert_eq!(problem.to_string(), expected.to_string());
    }

    #[test]
    fn the_delay_of_a_retry_is_told_in_whole_seconds_rounded_up() {
        let header = |delay: Duration| {
            let response = Refused(Error::new(Code::RateLimited, "slow down").retry_after(delay)).into_response();
            response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(header(Duration::from_millis(1200)).as_deref(), Some("2"));
        assert_eq!(header(Duration::ZERO).as_deref(), Some("1"));
        let response = Refused(Error::new(Code::Unavailable, "gone")).into_response();
        assert!(response.headers().get(RETRY_AFTER).is_none());
    }

    #[test]
    fn every_code_leads_to_its_own_exit_code_and_an_unknown_one_to_that_of_its_status() {
        for entry in Code::table() {
            assert_eq!(Problem::from(&Error::new(entry.code, "x")).exit_code(), entry.exit_code, "{}", entry.name);
        }
        let mut problem = Problem::from(&Error::new(Code::NotFound, "x"));
        problem.code = "from_the_future".to_owned();
        for (status, exit) in [(401, 4), (403, 4), (404, 3), (409, 5), (422, 6), (500, 1), (503, 7)] {
            problem.status = status;
            assert_eq!(problem.exit_code(), exit, "{status}");
        }
    }
}
