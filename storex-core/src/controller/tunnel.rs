//! The tunnel as people see it: its configuration's version, its connectors, and the reset of one of them.

use super::Controller;
use crate::record::Routing;
use crate::{
    Code, ConnectorFacts, ConnectorId, ConnectorStatus, EffectCx, EffectId, EntropyExt, Epoch, Error, Mark, Result, Subject,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A connector as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorView {
    /// Its identifier.
    pub id: ConnectorId,
    /// How it is doing.
    pub status: ConnectorStatus,
    /// Version of cloudflared.
    pub version: String,
    /// Version of the configuration it serves.
    pub config_version: Option<u64>,
    /// True when that is the newest.
    pub current: bool,
    /// Connections that stand.
    pub connections: u32,
    /// Connections it is opening again.
    pub reconnecting: u32,
    /// Since when it is connected.
    pub opened_at: Option<Timestamp>,
}

impl ConnectorView {
    fn of(facts: ConnectorFacts, newest: u64) -> Self {
        Self {
            status: facts.status(),
            current: facts.serves(newest),
            id: facts.id,
            version: facts.version,
            config_version: facts.config_version,
            connections: facts.connections,
            reconnecting: facts.reconnecting,
            opened_at: facts.opened_at,
        }
    }
}

/// The tunnel as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelView {
    /// Always `success`.
    pub status: String,
    /// Name of the tunnel.
    pub tunnel: String,
    /// How requests come from it to a store.
    pub routing: Routing,
    /// Version of its configuration.
    pub config_version: u64,
    /// True when a connector serves that version: what was routed is reached. False with no connector too: what is routed is accepted, not yet reached.
    pub serving: bool,
    /// Its connectors, by identifier.
    pub connectors: Vec<ConnectorView>,
}

impl Controller {
    /// The tunnel and its connectors, asked of the edge: two reads.
    ///
    /// # Errors
    /// `platform_not_ready`; what the edge answers.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn tunnel(&self) -> Result<TunnelView> {
        let platform = self.platform().await?;
        let tunnel = &self.providers().tunnel;
        let (newest, _) = tunnel.load(&platform.tunnel.id).await?;
        let facts = tunnel.connectors(&platform.tunnel.id).await?;
        self.saw_tunnel(&facts, newest);
        let mut connectors: Vec<ConnectorView> = facts.into_iter().map(|facts| ConnectorView::of(facts, newest)).collect();
        connectors.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(TunnelView {
            status: "success".to_owned(),
            tunnel: platform.tunnel.name,
            routing: platform.routing,
            config_version: newest,
            serving: connectors.iter().any(|connector| connector.current),
            connectors,
        })
    }

    /// Ends the connections of one connector and no other, and answers the tunnel as it is then. It connects again by itself if it still runs. The last
    /// one that serves is reset with `force` only: until it is back, no store is reached.
    ///
    /// # Errors
    /// `not_found` when the tunnel has no such connector; `denied` for the last one that serves; `platform_not_ready`; what the edge answers.
    ///
    /// # Cancellation
    /// Dropping the future leaves the connections ended or not.
    pub async fn reset_connector(&self, id: &ConnectorId, force: bool) -> Result<TunnelView> {
        let platform = self.platform().await?;
        let tunnel = &self.providers().tunnel;
        let connectors = tunnel.connectors(&platform.tunnel.id).await?;
        if !connectors.iter().any(|connector| connector.id == *id) {
            return Err(Error::new(Code::NotFound, "the tunnel has no such connector"));
        }
        let others_serve = connectors.iter().any(|other| other.id != *id && other.status() != ConnectorStatus::Down);
        if !others_serve && !force {
            let why =
                "it is the last connector that serves: until it is back no store is reached; to reset it all the same, say force";
            return Err(Error::new(Code::Denied, why));
        }
        let now = self.providers().clock.now();
        let operation = self.providers().entropy.operation_id(now)?;
        let mark = Mark {
            instance: self.inner.driver.instance.clone(),
            subject: Subject::Platform,
            effect: EffectId::of(&operation, 0, false),
        };
        let cx = EffectCx { mark, epoch: Epoch::default(), deadline: now + self.settings().effect_limit };
        tracing::info!(connector = %id, force, "resetting a connector of the tunnel");
        tunnel.reset_connector(&cx, &platform.tunnel.id, id).await?;
        self.tunnel().await
    }
}
