//! A world as it stood, from which others begin.

use super::World;
use crate::{
    MemoryClock, MemoryDatabases, MemoryDomains, MemoryEdge, MemoryHost, MemoryResolver, MemoryStores, MemoryTunnels, Sentinels,
};
use jiff::Timestamp;
use std::sync::Arc;
use storex_core::{Clock, Hostname};

/// A world as it stood. Cheap to begin from; shared between threads.
#[derive(Debug)]
pub struct Snapshot {
    stores: MemoryStores,
    domains: MemoryDomains,
    dns: MemoryResolver,
    tunnels: MemoryTunnels,
    databases: MemoryDatabases,
    serves_databases: bool,
    edge: MemoryEdge,
    host: MemoryHost,
    sentinels: Sentinels,
    primary: Hostname,
    at: Timestamp,
}

impl World {
    /// This world as it stands: twins, time and guarded sentinels. Scripts, messages and controllers do not belong to it.
    pub fn snapshot(&self) -> Snapshot {
        let domains = self.domains.fork();
        Snapshot {
            stores: self.stores.fork(self.clock()),
            edge: self.edge.fork(domains.clone()),
            domains,
            dns: self.dns.fork(),
            tunnels: self.tunnels.fork(),
            databases: self.databases.fork(),
            serves_databases: self.serves_databases,
            host: self.host.fork(self.clock()),
            sentinels: self.wires.sentinels(),
            primary: self.primary.clone(),
            at: self.clock.now(),
        }
    }

    /// A world of its own that begins as that one stood, at the same time, without leases.
    pub fn of(snapshot: &Snapshot) -> Self {
        let clock = MemoryClock::at(snapshot.at);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let stores = snapshot.stores.fork(Arc::clone(&shared));
        stores.void_leases();
        let host = snapshot.host.fork(shared);
        let domains = snapshot.domains.fork();
        let edge = snapshot.edge.fork(domains.clone());
        let (edge, machines) = ((domains, edge), (snapshot.databases.fork(), host));
        let mut world = Self::over(clock, snapshot.primary.clone(), stores, edge, snapshot.tunnels.fork(), machines);
        world.serves_databases = snapshot.serves_databases;
        world.dns = snapshot.dns.fork();
        world.wires.guard(snapshot.sentinels.clone());
        world
    }
}
