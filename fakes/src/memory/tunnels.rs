//! Tunnels and their configuration in memory.

use async_trait::async_trait;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{Code, EffectCx, Error, IngressRule, Result, TunnelDocument, TunnelFacts, TunnelId, TunnelRoutes};

#[derive(Debug)]
struct MemoryTunnel {
    facts: TunnelFacts,
    version: u64,
    document: TunnelDocument,
}

#[derive(Debug, Default)]
struct State {
    issued: u64,
    tunnels: Vec<MemoryTunnel>,
}

impl State {
    fn tunnel(&mut self, id: &TunnelId) -> Result<&mut MemoryTunnel> {
        let missing = || Error::new(Code::NotFound, format!("there is no tunnel {id}"));
        self.tunnels.iter_mut().find(|tunnel| tunnel.facts.id == *id).ok_or_else(missing)
    }
}

/// The [`TunnelRoutes`] without a provider. Clones share one world.
///
/// It refuses a document whose rules Cloudflare refuses for their shape: no rule at all, a last rule that does not match
/// everything, an earlier one that does. It has no clock, so it does not look at deadlines.
#[derive(Clone, Debug, Default)]
pub struct MemoryTunnels(Arc<Mutex<State>>);

impl MemoryTunnels {
    /// A world without tunnels.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        Ok(self.state().tunnels.iter().find(|tunnel| tunnel.facts.name == name).map(|tunnel| tunnel.facts.clone()))
    }

    async fn ensure(&self, _cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        let mut state = self.state();
        if let Some(tunnel) = state.tunnels.iter().find(|tunnel| tunnel.facts.name == name) {
            return Ok(tunnel.facts.clone());
        }
        state.issued += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", state.issued).parse()?;
        let facts = TunnelFacts { id, name: name.to_owned() };
        state.tunnels.push(MemoryTunnel { facts: facts.clone(), version: 0, document: TunnelDocument::default() });
        Ok(facts)
    }

    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)> {
        let mut state = self.state();
        let tunnel = state.tunnel(id)?;
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
        tunnel.document = document.clone();
        tunnel.version += 1;
        Ok(tunnel.version)
    }

    async fn remove(&self, _cx: &EffectCx, id: &TunnelId) -> Result<()> {
        self.state().tunnels.retain(|tunnel| tunnel.facts.id != *id);
        Ok(())
    }
}
