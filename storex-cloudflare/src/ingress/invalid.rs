//! Why a document is refused.

use super::Stricter;
use std::fmt;
use storex_core::{Code, Error};

/// Why a document is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    stricter: Option<Stricter>,
    message: String,
}

impl Invalid {
    /// cloudflared's own refusal, in its words.
    pub(super) fn by_cloudflared(message: impl Into<String>) -> Self {
        Self { stricter: None, message: message.into() }
    }

    /// A refusal of storex's own of rule number `index` (from 0).
    pub(super) fn by_storex(kind: Stricter, index: usize, detail: &str) -> Self {
        let message = format!("{}: rule #{} has {detail}; cloudflared accepts this, storex does not", kind.name(), index + 1);
        Self { stricter: Some(kind), message }
    }

    /// The name of the refusal where it is storex's own; none where cloudflared refuses too.
    pub fn stricter(&self) -> Option<Stricter> {
        self.stricter
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Invalid {}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::new(Code::InvalidField, invalid.message).pointer("/ingress")
    }
}
