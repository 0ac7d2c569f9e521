//! The agent: what a store host is told, done with its files, processes and router, and remembered in a ledger.
//!
//! It keeps a ledger, not a workflow: each call is an upsert of one part, fenced by epoch and made idempotent by mark. Calls about one store
//! take turns. What a call has begun it ends, even when the caller stops waiting; a reader of the store waits for that end.

mod apply;
mod converge;
mod drift;
mod listening;
mod log;
mod process;
mod routes;
mod settings;
mod visit;
mod withdraw;

pub use converge::Converged;
pub use listening::{AssumeListening, Listening, SocketListening};
pub use settings::AgentBuilder;

use crate::ledger::Ledger;
use async_trait::async_trait;
use routes::RouteWriter;
use settings::Settings;
use std::sync::Arc;
use storex_core::{
    Clock, Code, Deployed, EffectCx, Error, HostFacts, Hostname, Part, PartFacts, ProcessSupervisor, ProxyWriter, Result,
    StoreFiles, StoreHost, StoreId, StorePackage, Visit,
};

/// How many ports a host names as free at most.
const FREE_PORTS: usize = 1000;

/// A store host on this machine. Clones are the same host.
#[derive(Clone, Debug)]
pub struct Agent {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: Arc<dyn StoreFiles>,
    processes: Arc<dyn ProcessSupervisor>,
    clock: Arc<dyn Clock>,
    listening: Arc<dyn Listening>,
    ledger: Ledger,
    routes: RouteWriter,
    settings: Settings,
}

impl Agent {
    /// Begins an agent over what this machine has.
    pub fn builder(
        files: Arc<dyn StoreFiles>,
        processes: Arc<dyn ProcessSupervisor>,
        proxy: Arc<dyn ProxyWriter>,
        clock: Arc<dyn Clock>,
    ) -> AgentBuilder {
        AgentBuilder::new(files, processes, proxy, clock)
    }

    /// How many tables the router was made to route by since this agent began.
    pub fn route_commits(&self) -> u64 {
        self.inner.routes.commits()
    }

    /// Brings the host to its ledger: to be called once, before the first call of [`StoreHost`]. Every part that was acknowledged stands again;
    /// what bears our mark and was never acknowledged, or was being withdrawn, is removed. A ledger that was made just now proves nothing, so
    /// then nothing is removed.
    ///
    /// # Errors
    /// When files or processes cannot be listed, or the router does not take its table. A store that fails alone is in the report.
    ///
    /// # Cancellation
    /// Safe: call it again.
    pub async fn converge(&self) -> Result<Converged> {
        self.inner.converge().await
    }
}

impl Inner {
    fn check_deadline(&self, cx: &EffectCx) -> Result<()> {
        if self.clock.now() >= cx.deadline {
            return Err(Error::new(Code::Timeout, "the deadline had passed before anything was done"));
        }
        Ok(())
    }
}

/// Runs a call to its end even when its caller stops waiting.
async fn to_the_end<T: Send + 'static>(call: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let ended = tokio::spawn(call).await;
    ended.unwrap_or_else(|error| Err(Error::unclear(Code::Internal, format!("the call broke off: {error}"))))
}

#[async_trait]
impl StoreHost for Agent {
    async fn facts(&self) -> Result<HostFacts> {
        let inner = &self.inner;
        let mut free_ports = Vec::new();
        for port in inner.settings.ports.iter() {
            if inner.ledger.is_unclaimed(port) && !inner.listening.is_taken(port).await {
                free_ports.push(port);
            }
            if free_ports.len() == FREE_PORTS {
                break;
            }
        }
        Ok(HostFacts { free_ports })
    }

    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>> {
        let _route_turn = self.inner.ledger.route_turn(store).await;
        let _turn = self.inner.ledger.turn(store).await;
        let Some(entry) = self.inner.ledger.get(store) else { return Ok(None) };
        let found = self.inner.with_process_facts(entry.deployed().into_iter().collect()).await.pop();
        match found {
            Some(deployed) => self.inner.with_drift(deployed, &entry).await.map(Some),
            None => Ok(None),
        }
    }

    /// Does not wait for calls that are going on: a part under way is listed when it stands.
    async fn list(&self) -> Result<Vec<Deployed>> {
        let entries = self.inner.ledger.all();
        let found = entries.iter().filter_map(|entry| entry.deployed()).collect();
        Ok(self.inner.with_process_facts(found).await)
    }

    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        let (inner, cx, package) = (Arc::clone(&self.inner), cx.clone(), package.clone());
        let outcome = to_the_end(async move { inner.apply(&cx, &package, part).await }).await;
        outcome.map_err(|error| error.during("agent.apply"))
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        let (inner, cx, store) = (Arc::clone(&self.inner), cx.clone(), store.clone());
        let outcome = to_the_end(async move { inner.withdraw(&cx, &store, part).await }).await;
        outcome.map_err(|error| error.during("agent.withdraw"))
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        visit::get(self.inner.settings.router, name, path).await.map_err(|error| error.during("agent.visit"))
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        self.inner.log_tail(store, lines).await
    }
}
