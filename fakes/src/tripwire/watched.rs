//! The wrapper under which every mutation meets the tripwires.

use super::Tripwires;
use crate::faulty::effect_of;
use async_trait::async_trait;
use std::sync::Arc;
use storex_core::{
    CertificateStatus, Claim, ClaimOutcome, Clock, ConnectorFacts, ConnectorId, DatabaseAdmin, DatabaseCapabilities,
    DatabaseFacts, DatabaseName, DatabaseUser, DatabaseUserFacts, Deployed, DomainCapabilities, DomainObject, DomainProvider,
    EffectCx, Expected, FallbackOrigin, Fence, Grant, HostFacts, Hostname, HostnameFacts, HostnameSpec, Lease, Nonce,
    OriginStatus, Page, Part, PartFacts, Query, RecordFacts, RecordSpec, Result, Row, RowPage, RowWrite, Secret, SnapshotFacts,
    StoreHost, StoreId, StorePackage, StoreRepo, Table, TunnelDocument, TunnelFacts, TunnelId, TunnelRoutes, Visit, Wakeups,
    ZoneFacts, ZoneId,
};

/// A twin whose mutations are judged as they happen.
#[derive(Debug)]
pub struct Watched<T> {
    inner: T,
    wires: Tripwires,
    clock: Arc<dyn Clock>,
}

impl<T> Watched<T> {
    /// Puts the twin under the tripwires of its world.
    pub fn new(inner: T, wires: &Tripwires, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { inner, wires: wires.clone(), clock })
    }
}

#[async_trait]
impl<T: StoreRepo> StoreRepo for Watched<T> {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.inner.get(table, id).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        let version = self.inner.put(write, expected, nonce, fence).await?;
        if write.table == Table::Operations {
            self.wires.journaled(write, version);
        } else {
            let subject = format!("{}/{}", write.table, write.id);
            if let Some(effect) = effect_of(nonce) {
                self.wires.intended_effect(&subject, effect.as_str());
            }
            self.wires.repo_changed(&subject);
        }
        Ok(version)
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        self.inner.delete(table, id, version, fence).await?;
        self.wires.repo_changed(&format!("{table}/{id}"));
        Ok(())
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.inner.list(table, query, page).await
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        let outcome = self.inner.claim(claim, fence).await?;
        if outcome == ClaimOutcome::Held {
            self.wires.claimed(&claim.namespace, &claim.name, &claim.owner);
        }
        Ok(outcome)
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        let name = self.inner.claim_first(claim, candidates, fence).await?;
        if let Some(name) = &name {
            self.wires.claimed(&claim.namespace, name, &claim.owner);
        }
        Ok(name)
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        self.inner.release(namespace, name, owner, fence).await?;
        self.wires.repo_changed(&format!("{namespace}/{name}"));
        Ok(())
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        let grant = self.inner.acquire(lease).await?;
        if let Some(grant) = grant {
            self.wires.leased(lease, grant.epoch, self.clock.now());
        }
        Ok(grant)
    }

    fn wakeups(&self) -> Wakeups {
        self.inner.wakeups()
    }
}

#[async_trait]
impl<T: DomainProvider> DomainProvider for Watched<T> {
    fn capabilities(&self) -> DomainCapabilities {
        self.inner.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        self.inner.find_zone(name).await
    }

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        let zone = self.inner.create_zone(cx, name).await?;
        self.wires.edge_changed("create_zone", cx);
        Ok(zone)
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        self.inner.list_records(zone, comment_prefix).await
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        let made = self.inner.ensure_records(cx, zone, records).await?;
        self.wires.edge_changed("ensure_records", cx);
        for record in &made {
            self.wires.named(&record.name, &cx.mark);
        }
        Ok(made)
    }

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        self.inner.find_hostname(zone, name).await
    }

    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        let made = self.inner.create_hostname(cx, zone, spec).await?;
        self.wires.edge_changed("create_hostname", cx);
        self.wires.named(spec.name.as_str(), &cx.mark);
        Ok(made)
    }

    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        let status = self.inner.ensure_fallback_origin(cx, zone, origin).await?;
        self.wires.edge_changed("ensure_fallback_origin", cx);
        Ok(status)
    }

    async fn fallback_origin(&self, zone: &ZoneId) -> Result<FallbackOrigin> {
        self.inner.fallback_origin(zone).await
    }

    async fn recheck(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        self.inner.recheck(cx, object).await
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        self.inner.list_hostnames(zone).await
    }

    async fn zone_certificate(&self, zone: &ZoneId) -> Result<Option<CertificateStatus>> {
        self.inner.zone_certificate(zone).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        self.inner.remove(cx, object).await?;
        self.wires.edge_changed("remove", cx);
        Ok(())
    }
}

#[async_trait]
impl<T: TunnelRoutes> TunnelRoutes for Watched<T> {
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>> {
        self.inner.find(name).await
    }

    async fn create(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        let tunnel = self.inner.create(cx, name).await?;
        self.wires.edge_changed("tunnel.create", cx);
        Ok(tunnel)
    }

    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)> {
        self.inner.load(id).await
    }

    async fn store(&self, cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected_version: u64) -> Result<u64> {
        let version = self.inner.store(cx, id, document, expected_version).await?;
        self.wires.edge_changed("tunnel.store", cx);
        Ok(version)
    }

    async fn remove(&self, cx: &EffectCx, id: &TunnelId) -> Result<()> {
        self.inner.remove(cx, id).await?;
        self.wires.edge_changed("tunnel.remove", cx);
        Ok(())
    }

    async fn connectors(&self, id: &TunnelId) -> Result<Vec<ConnectorFacts>> {
        self.inner.connectors(id).await
    }

    async fn reset_connector(&self, cx: &EffectCx, id: &TunnelId, connector: &ConnectorId) -> Result<()> {
        // No step of an operation: an operator asks for it, so no intent comes before.
        self.inner.reset_connector(cx, id, connector).await
    }

    async fn run_token(&self, id: &TunnelId) -> Result<Secret<String>> {
        self.inner.run_token(id).await
    }
}

#[async_trait]
impl<T: StoreHost> StoreHost for Watched<T> {
    async fn facts(&self) -> Result<HostFacts> {
        self.inner.facts().await
    }

    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>> {
        self.inner.find(store).await
    }

    async fn list(&self) -> Result<Vec<Deployed>> {
        self.inner.list().await
    }

    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        let facts = self.inner.apply(cx, package, part).await?;
        self.wires.host_changed("apply", cx, &package.store_id);
        self.wires.applied(package, part);
        Ok(facts)
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        self.inner.withdraw(cx, store, part).await?;
        self.wires.host_changed("withdraw", cx, store);
        Ok(())
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        self.inner.visit(name, path).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        self.inner.log_tail(store, lines).await
    }
}

#[async_trait]
impl<T: DatabaseAdmin> DatabaseAdmin for Watched<T> {
    fn capabilities(&self) -> DatabaseCapabilities {
        self.inner.capabilities()
    }

    async fn find(&self, name: &DatabaseName) -> Result<Option<DatabaseFacts>> {
        self.inner.find(name).await
    }

    async fn list_owned(&self, mark_prefix: &str) -> Result<Vec<DatabaseName>> {
        self.inner.list_owned(mark_prefix).await
    }

    async fn ensure_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<DatabaseFacts> {
        let facts = self.inner.ensure_database(cx, name).await?;
        self.wires.database_changed("ensure_database", cx, name);
        Ok(facts)
    }

    async fn ensure_user(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        let facts = self.inner.ensure_user(cx, name, user, password).await?;
        self.wires.database_changed("ensure_user", cx, name);
        Ok(facts)
    }

    async fn set_password(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        let facts = self.inner.set_password(cx, name, user, password).await?;
        self.wires.database_changed("set_password", cx, name);
        Ok(facts)
    }

    async fn remove_user(&self, cx: &EffectCx, name: &DatabaseName, user: &DatabaseUser) -> Result<()> {
        self.inner.remove_user(cx, name, user).await?;
        self.wires.database_changed("remove_user", cx, name);
        Ok(())
    }

    async fn snapshot(&self, cx: &EffectCx, name: &DatabaseName) -> Result<SnapshotFacts> {
        self.inner.snapshot(cx, name).await
    }

    async fn remove_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<()> {
        self.inner.remove_database(cx, name).await?;
        self.wires.database_changed("remove_database", cx, name);
        Ok(())
    }
}
