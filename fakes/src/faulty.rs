//! The wrapper that makes any implementation fail by script.

use crate::FaultScript;
use async_trait::async_trait;
use std::sync::Arc;
use storex_core::{
    Claim, ClaimOutcome, Deployed, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Epoch, Expected, HostFacts,
    Hostname, Lease, Nonce, Notification, Notifier, Page, Part, PartFacts, Query, RecordFacts, RecordSpec, Result, Row, RowPage,
    RowWrite, StoreHost, StoreId, StorePackage, StoreRepo, Table, TunnelDocument, TunnelFacts, TunnelId, TunnelRoutes, Visit,
    Wakeups, ZoneFacts, ZoneId,
};

/// Any implementation of a trait under a [`FaultScript`], which also keeps the history of its calls.
#[derive(Debug)]
pub struct Faulty<T: ?Sized> {
    inner: Arc<T>,
    script: FaultScript,
}

impl<T: ?Sized> Faulty<T> {
    /// Puts the implementation under the script.
    pub fn new(inner: Arc<T>, script: FaultScript) -> Self {
        Self { inner, script }
    }
}

#[async_trait]
impl StoreRepo for Faulty<dyn StoreRepo> {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.script.call("repo.get", &format!("{table}/{id}"), self.inner.get(table, id)).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce) -> Result<u64> {
        self.script.call("repo.put", &format!("{}/{}", write.table, write.id), self.inner.put(write, expected, nonce)).await
    }

    async fn delete(&self, table: Table, id: &str, version: u64) -> Result<()> {
        self.script.call("repo.delete", &format!("{table}/{id}"), self.inner.delete(table, id, version)).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.script.call("repo.list", table.as_str(), self.inner.list(table, query, page)).await
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome> {
        self.script.call("repo.claim", &format!("{}/{}", claim.namespace, claim.name), self.inner.claim(claim)).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String]) -> Result<Option<String>> {
        self.script.call("repo.claim_first", &claim.namespace, self.inner.claim_first(claim, candidates)).await
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str) -> Result<()> {
        self.script.call("repo.release", &format!("{namespace}/{name}"), self.inner.release(namespace, name, owner)).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Epoch>> {
        self.script.call("repo.acquire", &lease.name, self.inner.acquire(lease)).await
    }

    fn wakeups(&self) -> Wakeups {
        self.inner.wakeups()
    }
}

#[async_trait]
impl DomainProvider for Faulty<dyn DomainProvider> {
    fn capabilities(&self) -> DomainCapabilities {
        self.inner.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        self.script.call("domains.find_zone", name.as_str(), self.inner.find_zone(name)).await
    }

    async fn ensure_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        self.script.call("domains.ensure_zone", name.as_str(), self.inner.ensure_zone(cx, name)).await
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        self.script.call("domains.list_records", zone.as_str(), self.inner.list_records(zone, comment_prefix)).await
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        self.script.call("domains.ensure_records", zone.as_str(), self.inner.ensure_records(cx, zone, records)).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        self.script.call("domains.remove", &format!("{object:?}"), self.inner.remove(cx, object)).await
    }
}

#[async_trait]
impl TunnelRoutes for Faulty<dyn TunnelRoutes> {
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>> {
        self.script.call("tunnel.find", name, self.inner.find(name)).await
    }

    async fn ensure(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        self.script.call("tunnel.ensure", name, self.inner.ensure(cx, name)).await
    }

    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)> {
        self.script.call("tunnel.load", id.as_str(), self.inner.load(id)).await
    }

    async fn store(&self, cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected_version: u64) -> Result<u64> {
        self.script.call("tunnel.store", id.as_str(), self.inner.store(cx, id, document, expected_version)).await
    }

    async fn remove(&self, cx: &EffectCx, id: &TunnelId) -> Result<()> {
        self.script.call("tunnel.remove", id.as_str(), self.inner.remove(cx, id)).await
    }
}

#[async_trait]
impl StoreHost for Faulty<dyn StoreHost> {
    async fn facts(&self) -> Result<HostFacts> {
        self.script.call("host.facts", "", self.inner.facts()).await
    }

    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>> {
        self.script.call("host.find", &store.to_string(), self.inner.find(store)).await
    }

    async fn list(&self) -> Result<Vec<Deployed>> {
        self.script.call("host.list", "", self.inner.list()).await
    }

    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        self.script.call("host.apply", &format!("{}/{part}", package.store_id), self.inner.apply(cx, package, part)).await
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        self.script.call("host.withdraw", &format!("{store}/{part}"), self.inner.withdraw(cx, store, part)).await
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        self.script.call("host.visit", name.as_str(), self.inner.visit(name, path)).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        self.script.call("host.log_tail", &store.to_string(), self.inner.log_tail(store, lines)).await
    }
}

#[async_trait]
impl Notifier for Faulty<dyn Notifier> {
    async fn deliver(&self, notification: &Notification) -> Result<()> {
        self.script.call("notifier.deliver", &notification.id, self.inner.deliver(notification)).await
    }
}
