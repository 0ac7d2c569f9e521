//! A whole world in memory: the twins, one fault script and tripwires over all of them, and controller processes that come and go.

mod events;
mod inventory;
mod judge;
mod process;
mod sentinels;
mod snapshot;

pub use judge::Allowance;
pub use process::{Misread, Parts, Process};
pub use snapshot::Snapshot;

use crate::{
    FaultScript, MemoryClock, MemoryDomains, MemoryEdge, MemoryHost, MemoryInsight, MemoryNotifier, MemoryResolver, MemoryStores,
    MemoryTunnels, Tripwires,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storex_core::policy::ZonePolicy;
use storex_core::{Clock, Controller, DomainProvider, Hostname, PortRange, Result, Settings, StoreRepo, Table};

/// The twins of every trait. Controllers are built on it and may be stopped at any time; the world stays.
#[derive(Debug)]
pub struct World {
    /// Documents and claims.
    pub stores: MemoryStores,
    /// Zones, records and custom hostnames.
    pub domains: MemoryDomains,
    /// The public DNS.
    pub dns: MemoryResolver,
    /// Tunnels.
    pub tunnels: MemoryTunnels,
    /// Settings, rules and certificates of the zones.
    pub edge: MemoryEdge,
    /// Visits of the zones.
    pub insight: MemoryInsight,
    /// The one host.
    pub host: MemoryHost,
    /// Delivered messages.
    pub notifier: MemoryNotifier,
    /// Faults of every call a controller makes, and their history.
    pub script: FaultScript,
    /// Invariants judged at the moment of each mutation.
    pub wires: Tripwires,
    clock: MemoryClock,
    primary: Hostname,
    /// What the randomness of the next controller begins with.
    seed: AtomicU64,
}

/// A controller on a world in memory of its own, whose platform stands: the one-line assembly. Nothing outside the process is touched, and
/// nothing outlives it.
///
/// Who wants to look at the world behind it, or to make it fail, makes a [`World`] and asks it for its [`World::ready_controller`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> storex_core::Result<()> {
/// let controller = storex_fakes::sandbox().await?;
/// assert!(controller.readiness().ready);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Never in practice; as [`World::ready_controller`].
///
/// # Cancellation
/// Dropping the future leaves nothing behind.
pub async fn sandbox() -> Result<Controller> {
    World::new()?.ready_controller().await
}

impl World {
    /// A world whose primary domain is `storex.com`, with the ports 4001 to 4999.
    ///
    /// # Errors
    /// Never in practice; the constants are parsed.
    pub fn new() -> Result<Self> {
        Self::on("storex.com".parse()?)
    }

    /// The same on another primary domain.
    ///
    /// # Errors
    /// As [`World::new`].
    pub fn on(primary: Hostname) -> Result<Self> {
        let clock = MemoryClock::new();
        let (stores, domains) = (MemoryStores::new(Arc::new(clock.clone())), MemoryDomains::new(primary.clone()));
        let host = MemoryHost::new("4001-4999".parse::<PortRange>()?).with_clock(Arc::new(clock.clone()));
        let edge = MemoryEdge::of(domains.clone());
        Ok(Self::over(clock, primary, stores, (domains, edge), MemoryTunnels::default(), host))
    }

    fn over(
        clock: MemoryClock,
        primary: Hostname,
        stores: MemoryStores,
        (domains, edge): (MemoryDomains, MemoryEdge),
        tunnels: MemoryTunnels,
        host: MemoryHost,
    ) -> Self {
        let script = FaultScript::new();
        events::listen(&script, &primary, &domains, &host);
        let wires = Tripwires::new(script.clone(), &stores, &domains, &tunnels, &host);
        let insight = MemoryInsight::of(domains.clone());
        let (notifier, seed, dns) = (MemoryNotifier::default(), AtomicU64::new(0), MemoryResolver::new());
        Self { stores, domains, dns, tunnels, edge, insight, host, notifier, script, wires, clock, primary, seed }
    }

    /// Settings that suit a world in memory.
    pub fn settings(&self) -> Settings {
        Settings::new(self.primary.clone())
    }

    /// The world's clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    /// What the randomness of the controllers begins with from now on: the same seed and the same faults give the same run.
    pub fn seed(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
    }

    fn next_seed(&self) -> u64 {
        self.seed.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x5DEE_CE66)
    }

    /// Ends all leases: those who held them are gone.
    pub fn void_leases(&self) {
        self.stores.void_leases();
        self.wires.leases_voided();
    }

    /// What the tripwires found so far.
    pub fn tripped(&self) -> Vec<String> {
        self.wires.tripped()
    }

    /// A new controller process on this world, with every capability under the fault script. Its randomness differs from the earlier ones'.
    ///
    /// # Errors
    /// As [`storex_core::ControllerBuilder::build`].
    pub async fn controller(&self) -> Result<Controller> {
        // A process that is gone holds no lease: this is what a repo in one file grants.
        self.void_leases();
        Ok(self.start(self.parts()).await?.controller)
    }

    /// The same over another domain provider, such as a broken one that a test must find out. Its zones are left as it makes them: the world's edge does not
    /// know them.
    ///
    /// # Errors
    /// As [`World::controller`].
    pub async fn controller_over(&self, domains: Arc<dyn DomainProvider>) -> Result<Controller> {
        self.void_leases();
        let mut parts = Parts { domains, ..self.parts() };
        parts.settings.zone_policy = ZonePolicy::none();
        Ok(self.start(parts).await?.controller)
    }

    /// The same over another repo, such as one in a file.
    ///
    /// # Errors
    /// As [`World::controller`].
    pub async fn controller_with_repo(&self, repo: Arc<dyn StoreRepo>) -> Result<Controller> {
        // The tripwires judge against the repo in memory.
        let parts = Parts { repo, ..self.bare_parts() };
        Ok(self.start(parts).await?.controller)
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

    fn is_of_platform(&self, record: &str) -> bool {
        ["*", "fallback", "shops"].iter().any(|label| record == format!("{label}.{}", self.primary))
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
                records.filter(|record| !self.is_of_platform(&record.name)).map(|record| format!("record {}", record.name)),
            );
        }
        traces.extend(self.domains.hostnames().iter().map(|hostname| format!("hostname {}", hostname.name)));
        traces.extend(self.host.stores().iter().map(|store| format!("deployment {store}")));
        // A key belongs to a request, which may be repeated for a day.
        let claims = self.stores.claims().into_iter().filter(|claim| claim.namespace != "idempotency_key");
        traces.extend(claims.map(|claim| format!("claim {}/{}", claim.namespace, claim.name)));
        let kept = |table: Table| !matches!(table, Table::Operations | Table::Platform);
        traces.extend(
            self.stores.dump().keys().filter(|(table, _)| kept(*table)).map(|(table, id)| format!("document {table}/{id}")),
        );
        traces
    }
}
