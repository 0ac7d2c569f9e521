//! A whole world in memory: the twins, one fault script over all of them, and controllers that come and go.

use crate::{
    FaultScript, Faulty, MemoryClock, MemoryDomains, MemoryHost, MemoryNotifier, MemoryStores, MemoryTunnels, SeededEntropy,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storex_core::{
    Controller, DomainProvider, Hostname, Notifier, PortRange, Result, Settings, SingleHost, StoreHost, StoreRepo, Table,
    TunnelRoutes,
};

/// The twins of every trait. Controllers are built on it and may be stopped at any time; the world stays.
#[derive(Debug)]
pub struct World {
    /// Documents and claims.
    pub stores: MemoryStores,
    /// Zones and records.
    pub domains: MemoryDomains,
    /// Tunnels.
    pub tunnels: MemoryTunnels,
    /// The one host.
    pub host: MemoryHost,
    /// Delivered messages.
    pub notifier: MemoryNotifier,
    /// Faults of every call a controller makes, and their history.
    pub script: FaultScript,
    clock: MemoryClock,
    primary: Hostname,
    controllers: AtomicU64,
}

impl World {
    /// A world whose primary domain is `storex.com`, with the ports 4001 to 4999.
    ///
    /// # Errors
    /// Never in practice; the constants are parsed.
    pub fn new() -> Result<Self> {
        let clock = MemoryClock::new();
        let primary: Hostname = "storex.com".parse()?;
        Ok(Self {
            stores: MemoryStores::new(Arc::new(clock.clone())),
            domains: MemoryDomains::new(primary.clone()),
            tunnels: MemoryTunnels::default(),
            host: MemoryHost::new("4001-4999".parse::<PortRange>()?),
            notifier: MemoryNotifier::default(),
            script: FaultScript::new(),
            clock,
            primary,
            controllers: AtomicU64::new(0),
        })
    }

    /// Settings that suit a world in memory.
    pub fn settings(&self) -> Settings {
        Settings::new(self.primary.clone())
    }

    /// A new controller process on this world, with every capability under the fault script. Its randomness differs from the earlier ones'.
    ///
    /// # Errors
    /// As [`storex_core::ControllerBuilder::build`].
    pub async fn controller(&self) -> Result<Controller> {
        self.controller_over(Arc::new(self.domains.clone())).await
    }

    /// The same over another domain provider, such as a broken one that a test must find out.
    ///
    /// # Errors
    /// As [`World::controller`].
    pub async fn controller_over(&self, domains: Arc<dyn DomainProvider>) -> Result<Controller> {
        // A process that is gone holds no lease: this is what a repo in one file grants.
        self.stores.void_leases();
        self.assemble(domains, Arc::new(self.stores.clone())).await
    }

    /// The same over another repo, such as one in a file.
    ///
    /// # Errors
    /// As [`World::controller`].
    pub async fn controller_with_repo(&self, repo: Arc<dyn StoreRepo>) -> Result<Controller> {
        self.assemble(Arc::new(self.domains.clone()), repo).await
    }

    async fn assemble(&self, domains: Arc<dyn DomainProvider>, repo: Arc<dyn StoreRepo>) -> Result<Controller> {
        let seed = self.controllers.fetch_add(1, Ordering::Relaxed);
        let tunnel: Arc<dyn TunnelRoutes> = Arc::new(self.tunnels.clone());
        let host: Arc<dyn StoreHost> = Arc::new(self.host.clone());
        let notifier: Arc<dyn Notifier> = Arc::new(self.notifier.clone());
        Controller::builder()
            .repo(Arc::new(Faulty::new(repo, self.script.clone())))
            .domains(Arc::new(Faulty::new(domains, self.script.clone())))
            .tunnel(Arc::new(Faulty::new(tunnel, self.script.clone())))
            .hosts(Arc::new(SingleHost(Arc::new(Faulty::new(host, self.script.clone())))))
            .notifier(Arc::new(Faulty::new(notifier, self.script.clone())))
            .clock(Arc::new(self.clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(seed.wrapping_mul(0x5DEE_CE66))))
            .build(self.settings())
            .await
    }

    /// A controller whose platform stands.
    ///
    /// # Errors
    /// As [`World::controller`] and [`Controller::ensure_platform`].
    pub async fn ready_controller(&self) -> Result<Controller> {
        let controller = self.controller().await?;
        controller.ensure_platform("http://localhost:3000").await?;
        Ok(controller)
    }

    /// Everything that belongs to stores anywhere in the world, one line each. Empty when no store was ever made or all are wholly gone.
    pub fn store_traces(&self) -> Vec<String> {
        let mut traces = Vec::new();
        for zone in self.domains.zones().into_iter().filter(|zone| zone.name != self.primary) {
            traces.push(format!("zone {}", zone.name));
        }
        for zone in self.domains.zones() {
            let records = self.domains.records(&zone.id).into_iter();
            traces.extend(
                records
                    .filter(|record| record.name != format!("*.{}", self.primary))
                    .map(|record| format!("record {}", record.name)),
            );
        }
        traces.extend(self.host.stores().iter().map(|store| format!("deployment {store}")));
        traces.extend(self.stores.claims().iter().map(|claim| format!("claim {}/{}", claim.namespace, claim.name)));
        let kept = |table: Table| !matches!(table, Table::Operations | Table::Platform);
        traces.extend(
            self.stores.dump().keys().filter(|(table, _)| kept(*table)).map(|(table, id)| format!("document {table}/{id}")),
        );
        traces
    }
}
