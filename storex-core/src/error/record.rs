//! The form in which an error is stored in a document or crosses a wire.

use super::{Certainty, Code, Error};
use serde::{Deserialize, Serialize};

/// An error as data: what operation documents keep and what the agent answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// Stable code.
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// JSON pointer of the offending field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Facts, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<(String, String)>,
    /// Whether the effect was in doubt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unclear: bool,
}

impl From<&Error> for ErrorRecord {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code(),
            message: error.message().to_owned(),
            pointer: error.pointer_str().map(str::to_owned),
            context: error.context().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            unclear: error.certainty() == Certainty::Unclear,
        }
    }
}

impl From<ErrorRecord> for Error {
    fn from(record: ErrorRecord) -> Self {
        let mut error = Self::new(record.code, record.message);
        for (key, value) in record.context {
            error = error.with(known_key(&key), value);
        }
        if let Some(pointer) = record.pointer {
            error = error.pointer(pointer);
        }
        if record.unclear { error.into_unclear() } else { error }
    }
}

/// Context keys are static in memory; a key from a wire maps to one of ours or to `detail`.
fn known_key(key: &str) -> &'static str {
    const KEYS: &[&str] = &[
        "log",
        "store",
        "domain",
        "username",
        "port",
        "path",
        "status",
        "cloudflare_code",
        "cloudflare_message",
        "operation",
        "epoch",
        "pid",
        "host",
        "rules",
        "bytes",
        "limit",
    ];
    KEYS.iter().find(|known| **known == key).copied().unwrap_or("detail")
}
