//! Zones, DNS records and custom hostnames at the edge.

use super::{CertificateStatus, FallbackOrigin, HostnameFacts, HostnameId, HostnameSpec, OriginStatus};
use crate::value::text_serde;
use crate::{Code, EffectCx, Error, Hostname, RecordContent, RecordSpec, Result};
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
    /// Content; of a type storex writes in its one spelling, see [`RecordContent`].
    pub content: String,
    /// Whether the edge proxies it.
    pub proxied: bool,
    /// Time to live in seconds; 1 is automatic.
    #[serde(default = "automatic")]
    pub ttl: u32,
    /// Comment; ours holds an owner mark.
    pub comment: Option<String>,
}

fn automatic() -> u32 {
    1
}

impl RecordFacts {
    /// What it holds, when it is of a type storex writes and within what storex would write.
    pub fn typed_content(&self) -> Option<RecordContent> {
        RecordContent::parse(self.record_type.parse().ok()?, &self.content).ok()
    }
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
    /// A custom hostname with its certificate.
    Hostname {
        /// Zone it leads into.
        zone: ZoneId,
        /// The hostname.
        id: HostnameId,
    },
    /// Where custom hostnames of a zone go, when it is this name; another one is absent.
    FallbackOrigin {
        /// The zone.
        zone: ZoneId,
        /// The name.
        origin: Hostname,
    },
}

/// Zones, DNS records and custom hostnames of one account.
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

    /// Makes the zone. One that exists already is left as it is, whosever it is: a zone carries no mark, so only who made it knows.
    ///
    /// # Errors
    /// `zone_exists` when the account has one of this name; `invalid_domain` when the provider cannot serve the name; else as [`DomainProvider::find_zone`]; unclear when it may exist now.
    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts>;

    /// All records of the zone; with `comment_prefix` only those whose comment begins so.
    ///
    /// # Errors
    /// `not_found` when the zone is gone; else as [`DomainProvider::find_zone`].
    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>>;

    /// Makes the records exist as specified, with `cx.mark` as comment, all or none. A record of the same owner (same name and type, a mark of
    /// the same instance and subject) is brought to the specification. Answers the records in the order asked.
    ///
    /// # Errors
    /// `foreign_object` when a record storex did not make is in the way; `invalid_field` when records of the set exclude each other; `quota` when they do
    /// not all fit; else as [`DomainProvider::find_zone`].
    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>>;

    /// The custom hostname of exactly this name that leads into the zone.
    ///
    /// # Errors
    /// `not_found` when the zone is gone; else as [`DomainProvider::find_zone`].
    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>>;

    /// All custom hostnames that lead into the zone; none from a provider that cannot list them, which are then looked for one by one.
    ///
    /// # Errors
    /// As [`DomainProvider::find_hostname`].
    async fn list_hostnames(&self, _zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        Ok(None)
    }

    /// Makes the custom hostname and asks for its certificate. One that exists already is left as it is, whosever it is: a hostname carries no
    /// mark, so only who made it knows.
    ///
    /// # Errors
    /// `foreign_object` when one of this name exists; `invalid_domain` when the provider cannot serve the name; `rate_limited` when too many
    /// certificates were asked for; else as [`DomainProvider::list_records`]; unclear when it may exist now.
    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts>;

    /// Makes `origin`, a proxied name of the zone, the place its custom hostnames go, and says how far that is. Where it is that already nothing
    /// changes.
    ///
    /// # Errors
    /// `foreign_object` when they go somewhere else; `cloudflare_refused` when the name has no proxied record; else as
    /// [`DomainProvider::list_records`].
    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus>;

    /// Where custom hostnames of the zone go; untold by a provider that cannot say.
    ///
    /// # Errors
    /// As [`DomainProvider::list_records`].
    async fn fallback_origin(&self, _zone: &ZoneId) -> Result<FallbackOrigin> {
        Ok(FallbackOrigin::Untold)
    }

    /// Makes `origin` the place custom hostnames of the zone go where they go to `other` now; else as [`DomainProvider::ensure_fallback_origin`].
    ///
    /// # Errors
    /// `foreign_object` when they go to neither; else as [`DomainProvider::ensure_fallback_origin`].
    async fn replace_fallback_origin(
        &self,
        cx: &EffectCx,
        zone: &ZoneId,
        other: &Hostname,
        origin: &Hostname,
    ) -> Result<OriginStatus> {
        if self.fallback_origin(zone).await? != FallbackOrigin::Set(other.clone()) {
            return self.ensure_fallback_origin(cx, zone, origin).await;
        }
        self.remove(cx, &DomainObject::FallbackOrigin { zone: zone.clone(), origin: other.clone() }).await?;
        // They go nowhere meanwhile, so no error after this proves that nothing happened.
        self.ensure_fallback_origin(cx, zone, origin).await.map_err(Error::into_unclear)
    }

    /// Asks the provider to look at the registrar or the DNS of a zone or custom hostname now instead of when its own schedule says. Nothing of
    /// ours changes, so no intent goes before it. A provider that always looks in time has nothing to do.
    ///
    /// # Errors
    /// `rate_limited` when it was asked a short time ago; `not_found` when there is no such thing; else as [`DomainProvider::find_zone`].
    async fn recheck(&self, _cx: &EffectCx, _object: &DomainObject) -> Result<()> {
        Ok(())
    }

    /// Where the certificate of a zone is that the provider issues by itself once the zone is active; none when it does not tell.
    ///
    /// # Errors
    /// As [`DomainProvider::list_records`].
    async fn zone_certificate(&self, _zone: &ZoneId) -> Result<Option<CertificateStatus>> {
        Ok(None)
    }

    /// Removes the object; absent is success.
    ///
    /// # Errors
    /// As [`DomainProvider::find_zone`]; unclear when it may be gone.
    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()>;
}
