//! Tunnels and their configuration in memory.

use async_trait::async_trait;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{Code, EffectCx, Error, IngressRule, Result, TunnelDocument, TunnelFacts, TunnelId, TunnelRoutes};

#[derive(Clone, Debug)]
struct MemoryTunnel {
    facts: TunnelFacts,
    version: u64,
    document: TunnelDocument,
}

#[derive(Clone, Debug, Default)]
struct State {
    issued: u64,
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
/// It refuses a document whose rules Cloudflare refuses for their shape: no rule at all, a last rule that does not match
/// everything, an earlier one that does. It has no clock, so it does not look at deadlines.
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
}

fn check(rules: &[IngressRule]) -> Result<()> {
    let refuse = |why: String| Err(Error::new(Code::CloudflareRefused, why));
    let matches_everything = |rule: &IngressRule| {
        let any_path = rule.rest.get("path").and_then(|path| path.as_str()).is_none_or(str::is_empty);
        rule.hostname.as_deref().is_none_or(|name| name.is_empty() || name == "*") && any_path
    };
    let Some((last, before)) = rules.split_last() else {
        return refuse("the document has no ingress rules".to_owned());
    };
    if !matches_everything(last) {
        return refuse("the last ingress rule must match everything".to_owned());
    }
    match before.iter().position(matches_everything) {
        Some(index) => refuse(format!("rule {} matches everything, so no rule behind it is ever reached", index + 1)),
        None => Ok(()),
    }
}

#[async_trait]
impl TunnelRoutes for MemoryTunnels {
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>> {
        let state = self.state();
        Ok(state.seen(self.past).iter().find(|tunnel| tunnel.facts.name == name).map(|tunnel| tunnel.facts.clone()))
    }

    async fn ensure(&self, _cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        let mut state = self.state();
        if let Some(tunnel) = state.tunnels.iter().find(|tunnel| tunnel.facts.name == name) {
            return Ok(tunnel.facts.clone());
        }
        state.remember();
        state.issued += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", state.issued).parse()?;
        let facts = TunnelFacts { id, name: name.to_owned() };
        state.tunnels.push(MemoryTunnel { facts: facts.clone(), version: 0, document: TunnelDocument::default() });
        Ok(facts)
    }

    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)> {
        let state = self.state();
        let tunnel = state.seen(self.past).iter().find(|tunnel| tunnel.facts.id == *id).ok_or_else(|| missing(id))?;
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
        check(&document.ingress)?;
        state.remember();
        let tunnel = state.tunnel(id)?;
        tunnel.document = document.clone();
        tunnel.version += 1;
        Ok(tunnel.version)
    }

    async fn remove(&self, _cx: &EffectCx, id: &TunnelId) -> Result<()> {
        let mut state = self.state();
        state.remember();
        state.tunnels.retain(|tunnel| tunnel.facts.id != *id);
        Ok(())
    }
}
