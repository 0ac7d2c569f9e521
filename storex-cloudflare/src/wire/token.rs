//! What a token check answers.

use super::or_default;
use jiff::Timestamp;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;
use storex_core::remaining;

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

impl fmt::Display for TokenStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Other(word) => word,
        })
    }
}

/// Who owns a token. A token is checked at its owner's route only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenOwner {
    /// A user: it ends with the user's membership.
    User,
    /// The account.
    Account,
}

/// How long before its end a token is warned of.
const ENDS_SOON: Duration = Duration::from_hours(14 * 24);

/// What is known of the token in use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenFacts {
    /// Whose it is.
    pub owner: TokenOwner,
    /// Whether it may be used.
    pub status: TokenStatus,
    /// When it ends, if it does.
    pub expires_on: Option<Timestamp>,
}

impl TokenFacts {
    /// What is left of the token's time when that is less than fourteen days.
    pub fn ends_soon(&self, now: Timestamp) -> Option<Duration> {
        self.expires_on.map(|end| remaining(now, end)).filter(|left| *left < ENDS_SOON)
    }
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
    pub(crate) fn facts(&self, owner: TokenOwner) -> TokenFacts {
        let status = match self.status.as_str() {
            "active" => TokenStatus::Active,
            "disabled" => TokenStatus::Disabled,
            "expired" => TokenStatus::Expired,
            other => TokenStatus::Other(other.to_owned()),
        };
        TokenFacts { owner, status, expires_on: self.expires_on.parse().ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_warned_of_in_its_last_fourteen_days() {
        let now: Timestamp = "2026-08-01T00:00:00Z".parse().expect("a time");
        let token = |end: &str| WireToken { status: "active".to_owned(), expires_on: end.to_owned() }.facts(TokenOwner::User);
        assert_eq!(token("").ends_soon(now), None);
        assert_eq!(token("2026-08-15T00:00:00Z").ends_soon(now), None);
        assert_eq!(token("2026-08-14T00:00:00Z").ends_soon(now), Some(Duration::from_hours(13 * 24)));
        assert_eq!(token("2026-07-01T00:00:00Z").ends_soon(now), Some(Duration::ZERO));
    }
}
