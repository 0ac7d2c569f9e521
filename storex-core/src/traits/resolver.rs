//! The public DNS, as anybody sees it.

use crate::Result;
use async_trait::async_trait;
use std::fmt::Debug;

/// Which records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lookup {
    /// Texts.
    Txt,
    /// Name servers.
    Ns,
}

impl Lookup {
    /// The record type as DNS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Txt => "TXT",
            Self::Ns => "NS",
        }
    }
}

/// Reads of the public DNS.
///
/// # Guarantees
/// An empty answer is a complete one: a lookup that did not get an answer is an error. Aliases are followed.
///
/// # Cancellation
/// Nothing is changed, so dropping the future does no harm.
#[async_trait]
pub trait Resolver: Debug + Send + Sync + 'static {
    /// The records of this type at `name`: of a text its strings joined and without quotes, of name servers their names in lower case without a
    /// final dot. The name may begin with an underscore, so it is no host name.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, `rate_limited`, `cloudflare_answer`.
    async fn lookup(&self, name: &str, kind: Lookup) -> Result<Vec<String>>;
}
