//! Errors as problem documents, and back.

use serde::{Deserialize, Serialize};
use storex_core::{Code, Error, ErrorRecord};

/// Media type of a problem document (RFC 9457).
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document. `code`, `pointer`, `context` and `unclear` are those of the error; `detail` is its message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    context: Vec<(String, String)>,
    #[serde(default)]
    unclear: bool,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let (entry, record) = (error.code().entry(), ErrorRecord::from(error));
        Self {
            kind: format!("urn:storex:error:{}", entry.name),
            title: entry.title.to_owned(),
            status: entry.http_status,
            detail: record.message,
            code: entry.name.to_owned(),
            pointer: record.pointer,
            context: record.context,
            unclear: record.unclear,
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        // An agent that is newer than this client may know more codes.
        let code = Code::parse(&problem.code).unwrap_or(Code::HostRefused);
        let Problem { detail: message, pointer, context, unclear, .. } = problem;
        ErrorRecord { code, message, pointer, context, unclear }.into()
    }
}

/// The error an answer that is no success stands for. Without a problem document a 4xx is a refusal; anything else says nothing about
/// the effect.
pub(crate) fn problem_of(status: u16, content_type: Option<&str>, body: &[u8]) -> Error {
    if content_type.is_some_and(|content_type| content_type.starts_with(MEDIA_TYPE))
        && let Ok(problem) = serde_json::from_slice::<Problem>(body)
    {
        return problem.into();
    }
    let error =
        Error::new(Code::HostRefused, format!("the store host answered {status} without saying why")).with("status", status);
    if (400..500).contains(&status) { error } else { error.into_unclear() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_crosses_the_wire_whole() {
        for (error, unclear) in
            [(Error::new(Code::ProcessNotServing, "silent"), false), (Error::unclear(Code::Timeout, "lost"), true)]
        {
            let error = error.pointer("/environment/PORT").with("log", "one\ntwo").with("port", 4001);
            let document = serde_json::to_vec(&Problem::from(&error)).unwrap();
            let back = problem_of(502, Some(MEDIA_TYPE), &document);
            assert_eq!(ErrorRecord::from(&back), ErrorRecord::from(&error));
            assert_eq!(back.is_unclear(), unclear);
        }
    }

    #[test]
    fn an_answer_that_explains_nothing_is_a_refusal_below_500_only() {
        assert!(!problem_of(404, None, b"").is_unclear());
        assert!(problem_of(502, Some("text/html"), b"<html>").is_unclear());
        assert!(problem_of(500, Some(MEDIA_TYPE), b"{").is_unclear());
        let unknown = br#"{"type":"x","title":"x","status":409,"detail":"why","code":"not_yet_known"}"#;
        assert_eq!(problem_of(409, Some(MEDIA_TYPE), unknown).code(), Code::HostRefused);
    }
}
