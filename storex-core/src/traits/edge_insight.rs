//! What the edge counted: requests, cache hits, errors and security events of hosts over a time.

use super::ZoneId;
use crate::Result;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::time::Duration;

/// A stretch of time: from its beginning on, up to and without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsightWindow {
    /// First moment that counts.
    pub from: Timestamp,
    /// First moment that does not.
    pub until: Timestamp,
}

/// What may be asked about a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsightLimits {
    /// The zone.
    pub zone: ZoneId,
    /// How far back a window may begin.
    pub oldest: Duration,
    /// How long it may be.
    pub longest: Duration,
    /// Whether security events are told.
    pub events: bool,
}

/// Requests of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTraffic {
    /// Host as visitors named it, in lower case; it need not be anybody's.
    pub host: String,
    /// Requests in all.
    pub requests: u64,
    /// Of those, answered from the cache.
    pub cached: u64,
    /// Of those, answered 400 to 499.
    pub client_errors: u64,
    /// Of those, answered 500 or more.
    pub server_errors: u64,
    /// Bytes sent to visitors.
    pub bytes: u64,
}

/// Security events of one host, of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEvents {
    /// Host as visitors named it, in lower case.
    pub host: String,
    /// What was done, as the provider spells it, such as `block`.
    pub action: String,
    /// What did it, as the provider spells it, such as `ratelimit`.
    pub source: String,
    /// How often.
    pub count: u64,
}

/// What was counted in one zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneInsight<T> {
    /// The zone.
    pub zone: ZoneId,
    /// One entry for each host, or host and kind.
    pub hosts: Vec<T>,
}

/// What the edge counted. Reads only, sampled where the provider samples.
///
/// # Guarantees
/// Answers name the zones asked for, in that order, each once. An answer is complete or an error: never one that was cut short.
///
/// # Cancellation
/// Nothing changes, so nothing is left in doubt.
#[async_trait]
pub trait EdgeInsight: Debug + Send + Sync + 'static {
    /// What may be asked about the zones.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, `rate_limited`, `cloudflare_denied`, `cloudflare_answer`; `cloudflare_refused` for a zone that is not there.
    async fn limits(&self, zones: &[ZoneId]) -> Result<Vec<InsightLimits>>;

    /// Requests per host.
    ///
    /// # Errors
    /// As [`EdgeInsight::limits`]; `cloudflare_refused` also for a window the plan does not allow.
    async fn traffic(&self, zones: &[ZoneId], window: &InsightWindow) -> Result<Vec<ZoneInsight<HostTraffic>>>;

    /// Security events per host, action and source.
    ///
    /// # Errors
    /// As [`EdgeInsight::traffic`].
    async fn events(&self, zones: &[ZoneId], window: &InsightWindow) -> Result<Vec<ZoneInsight<HostEvents>>>;
}
