//! A tunnel, its configuration and its connectors.

use super::or_default;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use storex_core::{ConnectorFacts, Result, TunnelDocument, TunnelFacts};

/// A tunnel as answered.
#[derive(Debug, Deserialize)]
pub(crate) struct WireTunnel {
    id: String,
    /// Its name.
    pub(crate) name: String,
    /// Set once it is deleted; deleted tunnels are still listed.
    #[serde(default)]
    pub(crate) deleted_at: Option<String>,
}

impl WireTunnel {
    /// What is known of the tunnel.
    ///
    /// # Errors
    /// `cloudflare_answer` when the identifier cannot be one.
    pub(crate) fn facts(&self) -> Result<TunnelFacts> {
        Ok(TunnelFacts { id: self.id.parse()?, name: self.name.clone() })
    }
}

/// A tunnel's configuration as answered. Before the first one is stored the document is absent.
#[derive(Debug, Deserialize)]
pub(crate) struct WireConfiguration {
    /// Rises with every PUT, also one that changes nothing.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) version: u64,
    /// The document.
    #[serde(default, deserialize_with = "document")]
    pub(crate) config: TunnelDocument,
}

/// Absent and `null` are the empty document, a `null` list of rules an empty one.
fn document<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TunnelDocument, D::Error> {
    let mut fields = Option::<Map<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
    if fields.get("ingress").is_some_and(Value::is_null) {
        fields.remove("ingress");
    }
    TunnelDocument::deserialize(Value::Object(fields)).map_err(D::Error::custom)
}

/// A connector as answered. Source: Cloudflare API reference, "List Cloudflare Tunnel connections".
#[derive(Debug, Deserialize)]
pub(crate) struct WireConnector {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    version: String,
    #[serde(default)]
    config_version: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    conns: Vec<WireConnection>,
}

#[derive(Debug, Deserialize)]
struct WireConnection {
    #[serde(default)]
    opened_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    is_pending_reconnect: bool,
}

impl WireConnector {
    /// What is known of the connector.
    ///
    /// # Errors
    /// `cloudflare_answer` when the identifier cannot be one.
    pub(crate) fn facts(&self) -> Result<ConnectorFacts> {
        let standing = || self.conns.iter().filter(|connection| !connection.is_pending_reconnect);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let connections = standing().count();
        Ok(ConnectorFacts {
            id: self.id.parse()?,
            version: self.version.clone(),
            config_version: self.config_version,
            connections: count(connections),
            reconnecting: count(self.conns.len() - connections),
            opened_at: standing().filter_map(|connection| connection.opened_at).min(),
        })
    }
}
