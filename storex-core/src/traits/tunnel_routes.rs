//! The one tunnel and its ingress document.

use super::domain_provider::provider_id;
use crate::value::text_serde;
use crate::{Code, EffectCx, Error, Result};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt::{self, Debug};
use std::str::FromStr;

provider_id!(
    /// Immutable identifier of a tunnel: a UUID.
    TunnelId
);

impl TunnelId {
    /// The name DNS records point at to reach the tunnel; it answers only records of the same account.
    /// Source: Cloudflare, "DNS records" under "Routing to a tunnel".
    pub fn dns_target(&self) -> String {
        format!("{self}.cfargotunnel.com")
    }
}

/// What is known of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelFacts {
    /// Immutable identifier.
    pub id: TunnelId,
    /// Its name, unique among tunnels that are not deleted.
    pub name: String,
}

/// One ingress rule. Keys storex does not know are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IngressRule {
    /// Host name to match; none matches everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Where the request goes.
    pub service: String,
    /// Everything else the rule says.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The tunnel's configuration. Keys storex does not know are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TunnelDocument {
    /// Rules in matching order; the last one matches everything.
    #[serde(default)]
    pub ingress: Vec<IngressRule>,
    /// Everything else the document says.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Tunnels and their configuration. The configuration is one document without a precondition on the wire: the caller is its only writer.
///
/// # Cancellation
/// Dropping the future of a mutating call leaves its effect in doubt.
#[async_trait]
pub trait TunnelRoutes: Debug + Send + Sync + 'static {
    /// The tunnel of this name that is not deleted.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, `rate_limited`, `cloudflare_denied`, `cloudflare_answer`.
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>>;

    /// Makes the tunnel, configured from the API, or answers the one that exists.
    ///
    /// # Errors
    /// As [`TunnelRoutes::find`]; unclear when it may exist now.
    async fn ensure(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts>;

    /// The configuration and its version; version 0 and an empty document when none was stored yet.
    ///
    /// # Errors
    /// `not_found` when the tunnel is gone; else as [`TunnelRoutes::find`].
    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)>;

    /// Replaces the configuration if its version is still `expected_version`, read just before writing; answers the new version.
    ///
    /// # Errors
    /// `version_conflict` when somebody else wrote meanwhile; `cloudflare_refused` for a document Cloudflare rejects.
    async fn store(&self, cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected_version: u64) -> Result<u64>;

    /// Removes the tunnel; absent is success.
    ///
    /// # Errors
    /// As [`TunnelRoutes::find`].
    async fn remove(&self, cx: &EffectCx, id: &TunnelId) -> Result<()>;
}
