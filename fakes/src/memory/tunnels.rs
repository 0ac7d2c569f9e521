//! Tunnels, their configuration and their connectors in memory.

mod refusals;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{
    CONNECTOR_CONNECTIONS, Code, ConnectorFacts, ConnectorId, EffectCx, Error, IngressRule, Result, Secret, TunnelDocument,
    TunnelFacts, TunnelId, TunnelRoutes,
};

/// When the first connection of this world was opened; each later one a second after the one before.
const FIRST_OPENED: Timestamp = Timestamp::constant(1_700_000_000, 0);

#[derive(Clone, Debug)]
struct MemoryConnector {
    id: ConnectorId,
    connections: u32,
    opened: i64,
    /// The version it stays at.
    stuck_at: Option<u64>,
}

#[derive(Clone, Debug)]
struct MemoryTunnel {
    facts: TunnelFacts,
    version: u64,
    document: TunnelDocument,
    connectors: Vec<MemoryConnector>,
}

impl MemoryTunnel {
    fn connector(&mut self, id: &ConnectorId) -> Option<&mut MemoryConnector> {
        self.connectors.iter_mut().find(|connector| connector.id == *id)
    }

    fn shown(&self, connector: &MemoryConnector) -> ConnectorFacts {
        let opened_at = FIRST_OPENED.saturating_add(SignedDuration::from_secs(connector.opened)).ok();
        ConnectorFacts {
            id: connector.id.clone(),
            version: "2026.8.0".to_owned(),
            config_version: Some(connector.stuck_at.unwrap_or(self.version)),
            connections: connector.connections,
            reconnecting: 0,
            opened_at: opened_at.filter(|_| connector.connections > 0),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    issued: u64,
    /// Connections opened so far.
    opened: i64,
    tunnels: Vec<MemoryTunnel>,
    /// The tunnels before the last change.
    before: Vec<MemoryTunnel>,
}

impl State {
    fn tunnel(&mut self, id: &TunnelId) -> Result<&mut MemoryTunnel> {
        self.tunnels.iter_mut().find(|tunnel| tunnel.facts.id == *id).ok_or_else(|| missing(id))
    }

    fn seen(&self, past: bool) -> &[MemoryTunnel] {
        if past { &self.before } else { &self.tunnels }
    }

    fn seen_tunnel(&self, past: bool, id: &TunnelId) -> Result<&MemoryTunnel> {
        self.seen(past).iter().find(|tunnel| tunnel.facts.id == *id).ok_or_else(|| missing(id))
    }

    /// The number of a connection opened now.
    fn open(&mut self) -> i64 {
        self.opened += 1;
        self.opened
    }

    /// What stands now is what stood before the change that follows.
    fn remember(&mut self) {
        self.before.clone_from(&self.tunnels);
    }
}

fn missing(id: &TunnelId) -> Error {
    Error::new(Code::NotFound, format!("there is no tunnel {id}"))
}

/// The [`TunnelRoutes`] without a provider. Clones share one world.
///
/// It refuses the documents cloudflared refuses, and new rules storex would not write. It has no clock, so it does not look at deadlines. A connector
/// whose connections are ended opens new ones.
#[derive(Clone, Debug, Default)]
pub struct MemoryTunnels {
    state: Arc<Mutex<State>>,
    /// True for the view of what stood before the last change.
    past: bool,
}

impl MemoryTunnels {
    /// A world without tunnels.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same world as it stood before its last change. Reads of this view are stale; it changes nothing.
    #[must_use]
    pub fn before(&self) -> Self {
        Self { state: Arc::clone(&self.state), past: true }
    }

    /// A world of its own that begins as this one is now.
    #[must_use]
    pub fn fork(&self) -> Self {
        let state = self.state().clone();
        Self { state: Arc::new(Mutex::new(state)), past: false }
    }

    /// The configuration of the tunnel of this name; none when there is no such tunnel.
    pub fn document(&self, name: &str) -> Option<TunnelDocument> {
        self.state().tunnels.iter().find(|tunnel| tunnel.facts.name == name).map(|tunnel| tunnel.document.clone())
    }

    /// True when the tunnel of this name has exactly this rule.
    pub fn has_rule(&self, name: &str, rule: &IngressRule) -> bool {
        self.state().tunnels.iter().any(|tunnel| tunnel.facts.name == name && tunnel.document.ingress.contains(rule))
    }

    /// Every tunnel, oldest first.
    pub fn tunnels(&self) -> Vec<TunnelFacts> {
        self.state().tunnels.iter().map(|tunnel| tunnel.facts.clone()).collect()
    }

    /// Writes the configuration as somebody else would, and answers its new version.
    ///
    /// # Errors
    /// `not_found` when there is no such tunnel.
    pub fn overwrite(&self, id: &TunnelId, document: TunnelDocument) -> Result<u64> {
        let mut state = self.state();
        let tunnel = state.tunnel(id)?;
        tunnel.document = document;
        tunnel.version += 1;
        Ok(tunnel.version)
    }

    /// Runs a connector, which serves the newest configuration from then on.
    ///
    /// # Errors
    /// `not_found` when there is no such tunnel.
    pub fn attach_connector(&self, id: &TunnelId) -> Result<ConnectorId> {
        let mut state = self.state();
        let opened = state.open();
        let connector: ConnectorId = format!("00000000-0000-4000-9000-{opened:012x}").parse()?;
        let attached = MemoryConnector { id: connector.clone(), connections: CONNECTOR_CONNECTIONS, opened, stuck_at: None };
        state.tunnel(id)?.connectors.push(attached);
        Ok(connector)
    }

    /// Ends every connector of the tunnel.
    ///
    /// # Errors
    /// `not_found` when there is no such tunnel.
    pub fn detach_connectors(&self, id: &TunnelId) -> Result<()> {
        self.state().tunnel(id).map(|tunnel| tunnel.connectors.clear())
    }

    /// Lets the connector stay at the version it serves, or follow again.
    ///
    /// # Errors
    /// `not_found` when there is no such tunnel or connector.
    pub fn stick_connector(&self, id: &TunnelId, connector: &ConnectorId, stuck: bool) -> Result<()> {
        let mut state = self.state();
        let tunnel = state.tunnel(id)?;
        let version = stuck.then_some(tunnel.version);
        let known = tunnel.connector(connector);
        known.map(|known| known.stuck_at = version).ok_or_else(|| no_connector(connector))
    }

    /// Leaves the connector this many connections.
    ///
    /// # Errors
    /// `not_found` when there is no such tunnel or connector.
    pub fn limit_connections(&self, id: &TunnelId, connector: &ConnectorId, connections: u32) -> Result<()> {
        let mut state = self.state();
        let known = state.tunnel(id)?.connector(connector);
        known.map(|known| known.connections = connections).ok_or_else(|| no_connector(connector))
    }
}

fn no_connector(id: &ConnectorId) -> Error {
    Error::new(Code::NotFound, format!("there is no connector {id}"))
}

#[async_trait]
impl TunnelRoutes for MemoryTunnels {
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>> {
        let state = self.state();
        Ok(state.seen(self.past).iter().find(|tunnel| tunnel.facts.name == name).map(|tunnel| tunnel.facts.clone()))
    }

    async fn create(&self, _cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        let mut state = self.state();
        if state.tunnels.iter().any(|tunnel| tunnel.facts.name == name) {
            return Err(Error::new(Code::ForeignObject, format!("there is a tunnel {name} already")));
        }
        state.remember();
        state.issued += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", state.issued).parse()?;
        let facts = TunnelFacts { id, name: name.to_owned() };
        let document = TunnelDocument::default();
        state.tunnels.push(MemoryTunnel { facts: facts.clone(), version: 0, document, connectors: Vec::new() });
        Ok(facts)
    }

    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)> {
        let state = self.state();
        let tunnel = state.seen_tunnel(self.past, id)?;
        Ok((tunnel.version, tunnel.document.clone()))
    }

    async fn store(&self, _cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected_version: u64) -> Result<u64> {
        let mut state = self.state();
        let tunnel = state.tunnel(id)?;
        if tunnel.version != expected_version {
            let message = format!("the configuration has version {}, not {expected_version}", tunnel.version);
            return Err(Error::new(Code::VersionConflict, message));
        }
        if tunnel.document == *document {
            return Ok(tunnel.version);
        }
        refusals::check(document, &tunnel.document)?;
        state.remember();
        let tunnel = state.tunnel(id)?;
        tunnel.document = document.clone();
        tunnel.version += 1;
        Ok(tunnel.version)
    }

    async fn remove(&self, _cx: &EffectCx, id: &TunnelId) -> Result<()> {
        let mut state = self.state();
        if state.tunnels.iter().any(|tunnel| tunnel.facts.id == *id && !tunnel.connectors.is_empty()) {
            return Err(Error::new(Code::CloudflareRefused, "connectors serve the tunnel"));
        }
        state.remember();
        state.tunnels.retain(|tunnel| tunnel.facts.id != *id);
        Ok(())
    }

    async fn connectors(&self, id: &TunnelId) -> Result<Vec<ConnectorFacts>> {
        let state = self.state();
        let tunnel = state.seen_tunnel(self.past, id)?;
        Ok(tunnel.connectors.iter().map(|connector| tunnel.shown(connector)).collect())
    }

    async fn reset_connector(&self, _cx: &EffectCx, id: &TunnelId, connector: &ConnectorId) -> Result<()> {
        let mut state = self.state();
        state.remember();
        let opened = state.open();
        if let Some(known) = state.tunnel(id)?.connector(connector) {
            (known.connections, known.opened) = (CONNECTOR_CONNECTIONS, opened);
        }
        Ok(())
    }

    async fn run_token(&self, id: &TunnelId) -> Result<Secret<String>> {
        let state = self.state();
        Ok(Secret::new(format!("run-token-of-{}", state.seen_tunnel(self.past, id)?.facts.id)))
    }
}
