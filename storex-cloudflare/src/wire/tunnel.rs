//! A tunnel and its configuration.

use super::or_default;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use storex_core::{Result, TunnelDocument, TunnelFacts};

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
