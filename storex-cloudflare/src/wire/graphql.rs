//! Answers of the GraphQL Analytics API: `{data, errors}` under the HTTP status 200, whatever they say.

use super::or_default;
use serde::Deserialize;
use serde_json::Value;
use storex_core::{Code, Error, HostEvents, Result};

/// An answer.
#[derive(Debug, Deserialize)]
pub(crate) struct WireGraphql {
    #[serde(default)]
    data: Option<WireZones>,
    #[serde(default, deserialize_with = "or_default")]
    errors: Vec<Value>,
}

impl WireGraphql {
    /// What was asked for. Data beside errors is not whole.
    ///
    /// # Errors
    /// `cloudflare_refused` with Cloudflare's words; `cloudflare_answer` when it says neither.
    pub(crate) fn data(self) -> Result<WireZones> {
        if let Some(first) = self.errors.first() {
            let words: String = first.get("message").and_then(Value::as_str).unwrap_or_default().chars().take(300).collect();
            return Err(Error::new(Code::CloudflareRefused, format!("Cloudflare refused POST /graphql: {words}")));
        }
        self.data.ok_or_else(|| Error::new(Code::CloudflareAnswer, "POST /graphql answered neither data nor errors"))
    }
}

/// The zones of an answer, each with what was asked about it.
#[derive(Debug, Deserialize)]
pub(crate) struct WireZones {
    viewer: WireViewer,
}

#[derive(Debug, Deserialize)]
struct WireViewer {
    #[serde(default, deserialize_with = "or_default")]
    zones: Vec<Value>,
}

impl WireZones {
    /// One node for each zone.
    pub(crate) fn zones(self) -> Vec<Value> {
        self.viewer.zones
    }
}

/// What may be asked about a zone.
#[derive(Debug, Deserialize)]
pub(crate) struct WireInsightLimits {
    settings: WireSettings,
}

#[derive(Debug, Deserialize)]
struct WireSettings {
    #[serde(rename = "httpRequestsAdaptiveGroups", default, deserialize_with = "or_default")]
    requests: WireNode,
    #[serde(rename = "firewallEventsAdaptiveGroups", default, deserialize_with = "or_default")]
    events: WireNode,
}

/// What may be asked of one dataset.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct WireNode {
    /// Whether it is there.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) enabled: bool,
    /// Longest window in seconds.
    #[serde(default, deserialize_with = "or_default", rename = "maxDuration")]
    pub(crate) max_duration: u64,
    /// How many seconds back a window may begin.
    #[serde(default, deserialize_with = "or_default", rename = "notOlderThan")]
    pub(crate) not_older_than: u64,
}

impl WireInsightLimits {
    /// Of requests, and of security events.
    pub(crate) fn nodes(self) -> (WireNode, WireNode) {
        (self.settings.requests, self.settings.events)
    }
}

/// Requests of one host, status and cache status.
#[derive(Debug, Deserialize)]
pub(crate) struct WireTraffic {
    /// How many.
    pub(crate) count: u64,
    #[serde(default, deserialize_with = "or_default")]
    sum: WireSum,
    dimensions: WireDimensions,
}

#[derive(Debug, Default, Deserialize)]
struct WireSum {
    #[serde(default, deserialize_with = "or_default", rename = "edgeResponseBytes")]
    bytes: u64,
}

#[derive(Debug, Default, Deserialize)]
struct WireDimensions {
    #[serde(default, deserialize_with = "or_default", rename = "clientRequestHTTPHost")]
    host: String,
    #[serde(default, deserialize_with = "or_default", rename = "edgeResponseStatus")]
    status: u16,
    #[serde(default, deserialize_with = "or_default", rename = "cacheStatus")]
    cache: String,
    #[serde(default, deserialize_with = "or_default")]
    action: String,
    #[serde(default, deserialize_with = "or_default")]
    source: String,
}

impl WireTraffic {
    /// The host in lower case.
    pub(crate) fn host(&self) -> String {
        self.dimensions.host.to_lowercase()
    }

    /// HTTP status the edge answered.
    pub(crate) fn status(&self) -> u16 {
        self.dimensions.status
    }

    /// Bytes the edge sent.
    pub(crate) fn bytes(&self) -> u64 {
        self.sum.bytes
    }

    /// Whether the answer came out of the cache (docs, "Cache statuses": these were served by it).
    pub(crate) fn is_cached(&self) -> bool {
        matches!(self.dimensions.cache.as_str(), "hit" | "stale" | "updating" | "revalidated")
    }
}

/// Security events of one host, action and source.
#[derive(Debug, Deserialize)]
pub(crate) struct WireEvents {
    count: u64,
    dimensions: WireDimensions,
}

impl WireEvents {
    /// What is known of them.
    pub(crate) fn facts(self) -> HostEvents {
        let WireDimensions { host, action, source, .. } = self.dimensions;
        HostEvents { host: host.to_lowercase(), action, source, count: self.count }
    }
}
