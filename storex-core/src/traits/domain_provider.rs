//! Zones and DNS records at the edge.

use crate::value::text_serde;
use crate::{Code, EffectCx, Error, Hostname, Result};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Debug};
use std::str::FromStr;
use std::time::Duration;

macro_rules! provider_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The identifier as text: letters, digits and hyphens, safe in a URL path.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                if text.is_empty() || text.len() > 64 || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                    return Err(Error::new(Code::CloudflareAnswer, concat!("not a ", stringify!($name))));
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        text_serde!($name);
    };
}
pub(super) use provider_id;

provider_id!(
    /// Immutable identifier of a zone.
    ZoneId
);
provider_id!(
    /// Immutable identifier of a DNS record.
    RecordId
);

/// Where a zone is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ZoneStatus {
    /// Waits for the registrar to name its name servers.
    Pending,
    /// Answers for the domain.
    Active,
    /// The registrar names other name servers again.
    Moved,
    /// A status this version does not know, as the provider spelled it.
    Other(String),
}

/// What is known of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneFacts {
    /// Immutable identifier.
    pub id: ZoneId,
    /// Domain of the zone.
    pub name: Hostname,
    /// Where it is in its life.
    pub status: ZoneStatus,
    /// Name servers the registrar must name, as the provider answered them.
    pub name_servers: Vec<String>,
    /// When it was made, by the provider's clock.
    pub created_at: Option<Timestamp>,
}

/// Type of a DNS record storex writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum RecordType {
    /// IPv4 address.
    A,
    /// IPv6 address.
    Aaaa,
    /// Alias.
    Cname,
    /// Text.
    Txt,
    /// Mail exchanger.
    Mx,
}

/// A DNS record as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RecordSpec {
    /// Type.
    #[serde(rename = "type")]
    pub record_type: RecordType,
    /// Full name: a host name, or one with `*` as its first label.
    pub name: String,
    /// Content: a host name for CNAME.
    pub content: String,
    /// Whether the edge proxies it.
    pub proxied: bool,
}

/// A DNS record as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFacts {
    /// Immutable identifier.
    pub id: RecordId,
    /// Type as the provider spells it, since foreign records can have any.
    #[serde(rename = "type")]
    pub record_type: String,
    /// Full name in lower case.
    pub name: String,
    /// Content.
    pub content: String,
    /// Whether the edge proxies it.
    pub proxied: bool,
    /// Comment; ours holds an owner mark.
    pub comment: Option<String>,
}

/// What a provider can do and what it costs to be unsure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DomainCapabilities {
    /// Longest time after a call's deadline at which its effect can still appear. Settling waits this long.
    pub late_effect_window: Duration,
}

impl DomainCapabilities {
    /// Capabilities with this window.
    pub fn new(late_effect_window: Duration) -> Self {
        Self { late_effect_window }
    }
}

/// An object to remove, by immutable id only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomainObject {
    /// A whole zone.
    Zone(ZoneId),
    /// Records of a zone, all or none.
    Records {
        /// Zone of the records.
        zone: ZoneId,
        /// The records.
        ids: Vec<RecordId>,
    },
}

/// Zones and DNS records of one account.
///
/// # Guarantees
/// Lists are complete or an error. Nothing without our owner mark is changed or removed by `ensure_records`. Retries of reads and waiting out
/// a rate limit may happen inside; effects are sent once per call.
///
/// # Cancellation
/// Dropping the future of a mutating call leaves its effect in doubt.
#[async_trait]
pub trait DomainProvider: Debug + Send + Sync + 'static {
    /// What the provider can do.
    fn capabilities(&self) -> DomainCapabilities;

    /// The zone of exactly this name in our account.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, `rate_limited`, `cloudflare_denied`, `cloudflare_answer`.
    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>>;

    /// Makes the zone, or answers the one that exists. Whose an existing one is, the caller must know beforehand.
    ///
    /// # Errors
    /// `invalid_domain` when the provider cannot serve the name; else as [`DomainProvider::find_zone`]; unclear when it may exist now.
    async fn ensure_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts>;

    /// All records of the zone; with `comment_prefix` only those whose comment begins so.
    ///
    /// # Errors
    /// `not_found` when the zone is gone; else as [`DomainProvider::find_zone`].
    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>>;

    /// Makes the records exist as specified, with `cx.mark` as comment, all or none. A record of the same owner (same name and type, a mark of
    /// the same instance and subject) is brought to the specification. Answers the records in the order asked.
    ///
    /// # Errors
    /// `foreign_object` when a record storex did not make is in the way; else as [`DomainProvider::find_zone`].
    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>>;

    /// Removes the object; absent is success.
    ///
    /// # Errors
    /// As [`DomainProvider::find_zone`]; unclear when it may be gone.
    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()>;
}
