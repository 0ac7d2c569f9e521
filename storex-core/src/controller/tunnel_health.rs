//! How the tunnel is connected, as it was last seen: who asks often costs no call of the edge.

use super::Controller;
use super::view::whole_seconds;
use crate::ConnectorFacts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::PoisonError;

/// How the tunnel is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TunnelState {
    /// No connector is connected: no store is reached through the tunnel.
    Down,
    /// Stores are reached, but a connector is not connected, has fewer connections than it opens, or serves an older configuration.
    Degraded,
    /// Every connector has all its connections and serves the newest configuration.
    Healthy,
}

impl fmt::Display for TunnelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Degraded => "degraded",
            Self::Healthy => "healthy",
        })
    }
}

/// How the tunnel was connected at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelHealth {
    /// In one word.
    pub state: TunnelState,
    /// Connectors that are known.
    pub connectors: usize,
    /// Of those, with a connection that stands.
    pub connected: usize,
    /// Of those connected, with an older configuration than the newest; one that does not say is none.
    pub stale: usize,
    /// When that was seen, in whole seconds.
    pub seen_at: Timestamp,
    /// Seconds since then.
    pub age_seconds: u64,
}

impl TunnelHealth {
    /// From what is known of the connectors and the newest version of the configuration, seen at this moment.
    pub fn of(connectors: &[ConnectorFacts], newest: u64, seen_at: Timestamp) -> Self {
        use crate::ConnectorStatus::Healthy;
        let connected: Vec<&ConnectorFacts> = connectors.iter().filter(|connector| connector.connections > 0).collect();
        let is_stale = |connector: &&&ConnectorFacts| connector.config_version.is_some_and(|serves| serves < newest);
        let stale = connected.iter().filter(is_stale).count();
        let whole = stale == 0 && connectors.iter().all(|connector| connector.status() == Healthy);
        let state = match (connected.is_empty(), whole) {
            (true, _) => TunnelState::Down,
            (false, true) => TunnelState::Healthy,
            (false, false) => TunnelState::Degraded,
        };
        let (connectors, connected) = (connectors.len(), connected.len());
        Self { state, connectors, connected, stale, seen_at: whole_seconds(seen_at), age_seconds: 0 }
    }
}

/// In words, for people.
impl fmt::Display for TunnelHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, connectors, connected, stale, .. } = self;
        write!(f, "{state}: connectors {connectors}, connected {connected}, with an older configuration {stale}")
    }
}

impl Controller {
    /// How the tunnel was connected when it was last looked at; none before the first look. Asks nobody: it is looked at by
    /// [`Controller::run_tunnel_watch`] and by [`Controller::tunnel`], and while the edge does not answer, what was last seen grows old.
    ///
    /// A tunnel that is not connected makes no store stop, and storex makes stores all the same: it says nothing about [`Controller::readiness`].
    pub fn tunnel_health(&self) -> Option<TunnelHealth> {
        let seen = self.inner.seen_tunnel.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let age_seconds = self.providers().clock.now().duration_since(seen.seen_at).as_secs().try_into().unwrap_or(0);
        Some(TunnelHealth { age_seconds, ..seen })
    }

    pub(super) fn saw_tunnel(&self, connectors: &[ConnectorFacts], newest: u64) {
        let health = TunnelHealth::of(connectors, newest, self.providers().clock.now());
        *self.inner.seen_tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(health);
    }

    /// Looks at the tunnel's connectors again and again, [`Settings::tunnel_look`](crate::Settings::tunnel_look) apart, until the future is dropped. What
    /// changes is told in the log.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn run_tunnel_watch(&self) {
        let mut told = None;
        loop {
            match self.tunnel().await {
                Ok(_) => {
                    let health = self.tunnel_health();
                    let state = health.as_ref().map(|health| health.state);
                    if let Some(health) = health.filter(|_| state != told) {
                        tell(&health);
                    }
                    told = state;
                }
                Err(error) => tracing::warn!(%error, "the tunnel's connectors could not be looked at"),
            }
            self.providers().clock.sleep(self.settings().tunnel_look).await;
        }
    }
}

fn tell(health: &TunnelHealth) {
    if health.state == TunnelState::Healthy {
        tracing::info!(%health, "the tunnel is healthy");
    } else {
        tracing::warn!(%health, "the tunnel is not healthy");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connector with so many connections that serves this version.
    fn connector(connections: u32, config_version: Option<u64>) -> ConnectorFacts {
        ConnectorFacts {
            id: "c1".parse().unwrap(),
            version: "2026.8.0".to_owned(),
            config_version,
            connections,
            reconnecting: 0,
            opened_at: None,
        }
    }

    #[test]
    fn one_connector_that_is_short_of_anything_degrades_and_only_none_at_all_is_down() {
        let (whole, silent) = (connector(4, Some(7)), connector(4, None));
        let (short, old, gone) = (connector(2, Some(7)), connector(4, Some(6)), connector(0, None));
        let cases = [
            (vec![], (TunnelState::Down, 0, 0, 0)),
            (vec![gone.clone()], (TunnelState::Down, 1, 0, 0)),
            (vec![whole.clone(), silent], (TunnelState::Healthy, 2, 2, 0)),
            (vec![whole.clone(), gone.clone()], (TunnelState::Degraded, 2, 1, 0)),
            (vec![whole.clone(), short], (TunnelState::Degraded, 2, 2, 0)),
            (vec![whole, old.clone()], (TunnelState::Degraded, 2, 2, 1)),
            (vec![old, gone], (TunnelState::Degraded, 2, 1, 1)),
        ];
        for (connectors, wanted) in cases {
            let health = TunnelHealth::of(&connectors, 7, Timestamp::UNIX_EPOCH);
            assert_eq!((health.state, health.connectors, health.connected, health.stale), wanted, "{health}");
        }
    }
}
