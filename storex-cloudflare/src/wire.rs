//! Shapes of what Cloudflare answers, read tolerantly: unknown fields are ignored, unknown words kept, codes may be numbers or text.

mod edge;
mod envelope;
mod graphql;
mod hostname;
mod record;
mod token;
mod tunnel;
mod zone;

pub(crate) use edge::{WireBots, WireOrdered, WirePack, WireRuleset, WireSetting, WireUniversal, WireVerification, WireZonePlan};
pub(crate) use envelope::{Answer, ApiError, Reading, ResultInfo, read, read_text};
pub(crate) use graphql::{WireEvents, WireGraphql, WireInsightLimits, WireTraffic, WireZones};
pub(crate) use hostname::{WireFallbackOrigin, WireHostname};
pub(crate) use record::{WireBatch, WireRecord, WireReview, WireUsage, unquoted};
pub(crate) use token::WireToken;
pub use token::{TokenFacts, TokenOwner, TokenStatus};
pub(crate) use tunnel::{WireConfiguration, WireConnector, WireTunnel};
pub use zone::AccountId;
pub(crate) use zone::WireZone;

use serde::{Deserialize, Deserializer};

/// What a removal answers, looked at by nobody: `{"id": …}`, or nothing.
#[derive(Debug, Deserialize)]
pub(crate) struct WireRemoved {
    #[expect(dead_code, reason = "its presence tells a bare answer from some other object")]
    id: String,
}

/// `null` is the default, as an absent field is.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
