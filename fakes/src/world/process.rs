//! Controller processes: assembled of parts that a test may replace, each at the end of a line of its own.

use super::World;
use crate::{Faulty, Gate, Line, SeededEntropy, Watched};
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use storex_core::operation::Decide;
use storex_core::{
    Clock, Controller, DatabaseAdmin, DomainProvider, EdgePolicies, Keyring, Notifier, Resolver, Result, Settings, SingleHost,
    StoreHost, StoreRepo, TunnelRoutes,
};

/// A wrapper around the edge.
pub type Misread = fn(Arc<dyn DomainProvider>) -> Arc<dyn DomainProvider>;

/// What a controller process is made of. A test replaces what it wants broken.
#[derive(Debug)]
pub struct Parts {
    /// Documents, claims and leases.
    pub repo: Arc<dyn StoreRepo>,
    /// Zones and records.
    pub domains: Arc<dyn DomainProvider>,
    /// Tunnels.
    pub tunnel: Arc<dyn TunnelRoutes>,
    /// Settings, rules and certificates of the zones; none leaves zones as they are made.
    pub edge: Option<Arc<dyn EdgePolicies>>,
    /// Databases of stores; without it stores have none.
    pub databases: Option<Arc<dyn DatabaseAdmin>>,
    /// The one host.
    pub host: Arc<dyn StoreHost>,
    /// Time, as the process sees it.
    pub clock: Arc<dyn Clock>,
    /// Put around the edge as the process sees it, faults included: a client that misunderstands.
    pub misread: Option<Misread>,
    /// Another decision than the engine's.
    pub decide: Option<Decide>,
    /// What the process is told.
    pub settings: Settings,
}

/// A controller process.
#[derive(Debug)]
pub struct Process {
    /// The controller in it.
    pub controller: Controller,
    /// Stops and continues the process.
    pub gate: Gate,
}

/// The clock of a process: while the process is stopped, no sleep ends.
#[derive(Debug)]
struct Gated {
    clock: Arc<dyn Clock>,
    gate: Gate,
}

#[async_trait]
impl Clock for Gated {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
        self.gate.pass().await;
    }
}

impl World {
    /// The parts of a sound controller on this world: its twins under its tripwires.
    pub fn parts(&self) -> Parts {
        Parts {
            repo: Watched::new(self.stores.clone(), &self.wires, self.clock()),
            domains: Watched::new(self.domains.clone(), &self.wires, self.clock()),
            tunnel: Watched::new(self.tunnels.clone(), &self.wires, self.clock()),
            databases: self
                .serves_databases
                .then(|| Watched::new(self.databases.clone(), &self.wires, self.clock()) as Arc<dyn DatabaseAdmin>),
            host: Watched::new(self.host.clone(), &self.wires, self.clock()),
            ..self.bare_parts()
        }
    }

    /// The parts without tripwires, which judge by the documents in memory: for a controller whose documents are elsewhere.
    pub fn bare_parts(&self) -> Parts {
        Parts {
            repo: Arc::new(self.stores.clone()),
            domains: Arc::new(self.domains.clone()),
            tunnel: Arc::new(self.tunnels.clone()),
            edge: Some(Arc::new(self.edge.clone())),
            databases: self.serves_databases.then(|| Arc::new(self.databases.clone()) as Arc<dyn DatabaseAdmin>),
            host: Arc::new(self.host.clone()),
            clock: self.clock(),
            misread: None,
            decide: None,
            settings: self.settings(),
        }
    }

    /// Starts a controller process of these parts, with every call under the world's script. Leases stay as they are: another process that
    /// holds one keeps it.
    ///
    /// # Errors
    /// As [`storex_core::ControllerBuilder::build`].
    pub async fn start(&self, parts: Parts) -> Result<Process> {
        let gate = Gate::default();
        let line = || Line::new(self.script.clone(), gate.clone(), self.clock());
        let domains: Arc<dyn DomainProvider> = Arc::new(self.domains.before());
        let tunnel: Arc<dyn TunnelRoutes> = Arc::new(self.tunnels.before());
        let notifier: Arc<dyn Notifier> = Arc::new(self.notifier.clone());
        let edge: Arc<dyn DomainProvider> = Arc::new(Faulty::on(parts.domains, line()).with_before(domains));
        let dns: Arc<dyn Resolver> = Arc::new(self.dns.clone());
        let edge = parts.misread.map_or(Arc::clone(&edge), |misread| misread(edge));
        let mut builder = Controller::builder()
            .repo(Arc::new(Faulty::on(parts.repo, line())))
            .domains(edge)
            .dns(Arc::new(Faulty::on(dns, line())))
            .tunnel(Arc::new(Faulty::on(parts.tunnel, line()).with_before(tunnel)))
            .hosts(Arc::new(SingleHost(Arc::new(Faulty::on(parts.host, line())))))
            .insight(Arc::new(self.insight.clone()))
            .notifier(Arc::new(Faulty::on(notifier, line())))
            .clock(Arc::new(Gated { clock: parts.clock, gate: gate.clone() }))
            .entropy(Arc::new(SeededEntropy::new(self.next_seed())));
        if let Some(edge) = parts.edge {
            builder = builder.edge(Arc::new(Faulty::on(edge, line())));
        }
        if let Some(databases) = parts.databases {
            builder = builder.databases(Arc::new(Faulty::on(databases, line()))).keyring(keyring()?);
        }
        if let Some(decide) = parts.decide {
            builder = builder.decide(decide);
        }
        Ok(Process { controller: builder.build(parts.settings).await?, gate })
    }
}

/// The one key of every world: what one process seals, the next opens.
fn keyring() -> Result<Keyring> {
    Keyring::parse(Keyring::generate("world", &SeededEntropy::new(1))?.expose())
}
