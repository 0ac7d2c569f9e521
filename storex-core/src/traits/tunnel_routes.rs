//! The one tunnel, its ingress document, and the connectors that serve it.

use super::domain_provider::provider_id;
use crate::value::text_serde;
use crate::{Code, EffectCx, Error, Result, Secret};
use async_trait::async_trait;
use jiff::Timestamp;
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

provider_id!(
    /// Identifier of a connector, a running cloudflared: a UUID it makes up at each start.
    ConnectorId
);

/// Connections a connector opens when nobody says otherwise. Source: cloudflared, `ha-connections` in `cmd/cloudflared/tunnel/cmd.go`.
pub const CONNECTOR_CONNECTIONS: u32 = 4;

/// How a connector is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConnectorStatus {
    /// None of its connections stands: it serves nothing.
    Down,
    /// It serves with fewer connections than it opens.
    Degraded,
    /// All its connections stand.
    Healthy,
}

/// What is known of a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorFacts {
    /// Its identifier.
    pub id: ConnectorId,
    /// Version of cloudflared; empty when it does not say.
    pub version: String,
    /// Version of the configuration it serves; none when it does not say. One that cannot read a configuration stays at the version before.
    pub config_version: Option<u64>,
    /// Connections that stand.
    pub connections: u32,
    /// Connections it is opening again.
    pub reconnecting: u32,
    /// Since when the oldest of its standing connections is open; none when none stands.
    pub opened_at: Option<Timestamp>,
}

impl ConnectorFacts {
    /// How it is doing.
    pub fn status(&self) -> ConnectorStatus {
        match self.connections {
            0 => ConnectorStatus::Down,
            few if few < CONNECTOR_CONNECTIONS || self.reconnecting > 0 => ConnectorStatus::Degraded,
            _ => ConnectorStatus::Healthy,
        }
    }

    /// Whether requests that reach it are routed by this version of the configuration or a later one.
    pub fn serves(&self, version: u64) -> bool {
        self.connections > 0 && self.config_version.is_some_and(|serves| serves >= version)
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

/// Tunnels, their configuration and their connectors. The configuration is one document without a precondition on the wire: the caller is its only
/// writer.
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

    /// Makes the tunnel, configured from the API. One that exists already is left as it is, whosever it is.
    ///
    /// # Errors
    /// `foreign_object` when the account has one of this name; else as [`TunnelRoutes::find`]; unclear when it may exist now.
    async fn create(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts>;

    /// The configuration and its version; version 0 and an empty document when none was stored yet.
    ///
    /// # Errors
    /// `not_found` when the tunnel is gone; else as [`TunnelRoutes::find`].
    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)>;

    /// Replaces the configuration if its version is still `expected_version`, read just before writing; answers the new version.
    ///
    /// The whole document must be one cloudflared accepts, and a rule that is not there yet must be one storex would write: a lower-case ASCII host name,
    /// named by no other rule, that some request can reach. Rules that are there already are kept as they are.
    ///
    /// # Errors
    /// `version_conflict` when somebody else wrote meanwhile; `cloudflare_refused` for a document that is not like that, naming the rule and the reason: it
    /// changes nothing.
    async fn store(&self, cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected_version: u64) -> Result<u64>;

    /// Removes the tunnel; absent is success.
    ///
    /// # Errors
    /// `cloudflare_refused` while connectors serve it; else as [`TunnelRoutes::find`].
    async fn remove(&self, cx: &EffectCx, id: &TunnelId) -> Result<()>;

    /// Every connector of the tunnel, in no order.
    ///
    /// # Errors
    /// `not_found` when the tunnel is gone; else as [`TunnelRoutes::find`].
    async fn connectors(&self, id: &TunnelId) -> Result<Vec<ConnectorFacts>>;

    /// Ends the connections of this one connector and no other; it opens new ones if it still runs. One that is not there is success.
    ///
    /// # Errors
    /// `not_found` when the tunnel is gone; else as [`TunnelRoutes::find`].
    async fn reset_connector(&self, cx: &EffectCx, id: &TunnelId, connector: &ConnectorId) -> Result<()>;

    /// What `cloudflared tunnel run` is given to serve the tunnel. Whoever has it can take the tunnel's requests.
    ///
    /// # Errors
    /// `not_found` when the tunnel is gone; else as [`TunnelRoutes::find`].
    async fn run_token(&self, id: &TunnelId) -> Result<Secret<String>>;
}
