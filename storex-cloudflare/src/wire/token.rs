//! What a token check answers.

use super::or_default;
use jiff::Timestamp;
use serde::Deserialize;

/// Whether a token may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenStatus {
    /// It may.
    Active,
    /// Switched off by its owner.
    Disabled,
    /// Past its end.
    Expired,
    /// A status this version does not know, as Cloudflare spelled it.
    Other(String),
}

/// What is known of the token in use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenFacts {
    /// Whether it may be used.
    pub status: TokenStatus,
    /// When it ends, if it does.
    pub expires_on: Option<Timestamp>,
}

/// A token as answered.
#[derive(Debug, Deserialize)]
pub(crate) struct WireToken {
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    expires_on: String,
}

impl WireToken {
    /// What is known of the token.
    pub(crate) fn facts(&self) -> TokenFacts {
        let status = match self.status.as_str() {
            "active" => TokenStatus::Active,
            "disabled" => TokenStatus::Disabled,
            "expired" => TokenStatus::Expired,
            other => TokenStatus::Other(other.to_owned()),
        };
        TokenFacts { status, expires_on: self.expires_on.parse().ok() }
    }
}
