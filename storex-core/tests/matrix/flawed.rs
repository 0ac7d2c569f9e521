//! Twins with one flaw each, put between a process and the world.

use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use storex_core::{
    Claim, ClaimOutcome, Clock, Code, Deployed, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Epoch, Expected,
    Fence, Grant, HostFacts, Hostname, HostnameFacts, HostnameSpec, Lease, Nonce, OriginStatus, Page, Part, PartFacts, Query,
    RecordFacts, RecordSpec, Result, Row, RowPage, RowWrite, StoreHost, StoreId, StorePackage, StoreRepo, Table, Visit, Wakeups,
    ZoneFacts, ZoneId,
};
use storex_fakes::{MemoryDomains, MemoryStores};

/// What is wrong with a repo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RepoFlaw {
    /// A journal is written whatever its version is, and whoever has its lease.
    NoCompare,
    /// Every seventh journal write is acknowledged and lost.
    LosesWrites,
    /// Claims are granted to everybody and not kept.
    GrantsClaims,
    /// Names are never given up.
    KeepsClaims,
    /// Repeating a claim of one of several names takes another one.
    ClaimsAnother,
    /// Every lease is granted, to all holders at once.
    GrantsLeases,
    /// Documents are removed whatever stands there, and reported so before they are.
    KeepsDocuments,
    /// A write whose answer was lost is not recognised when it is repeated.
    ForgetsNonces,
    /// A write that comes after the end of its lease happens all the same.
    NoFence,
}

#[derive(Debug)]
pub(crate) struct FlawedRepo {
    pub(crate) inner: Arc<dyn StoreRepo>,
    pub(crate) stores: MemoryStores,
    pub(crate) flaw: RepoFlaw,
    pub(crate) count: AtomicU32,
}

impl FlawedRepo {
    fn fence(&self, fence: Fence) -> Fence {
        if self.flaw == RepoFlaw::NoFence { Fence::NONE } else { fence }
    }
}

#[async_trait]
impl StoreRepo for FlawedRepo {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.inner.get(table, id).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        let fence = self.fence(fence);
        let journal = write.table == Table::Operations;
        let count = self.count.fetch_add(u32::from(journal), Ordering::Relaxed) + 1;
        match self.flaw {
            RepoFlaw::LosesWrites if journal && count.is_multiple_of(7) => match expected {
                Expected::Absent => Ok(1),
                Expected::Version(version) => Ok(version + 1),
            },
            RepoFlaw::NoCompare if journal => {
                let expected =
                    self.stores.row(write.table, &write.id).map_or(Expected::Absent, |row| Expected::Version(row.version));
                self.inner.put(write, expected, nonce, Fence::NONE).await
            }
            RepoFlaw::ForgetsNonces => {
                let fresh = Nonce(format!("{}-{}", nonce.0, self.count.fetch_add(1, Ordering::Relaxed)));
                self.inner.put(write, expected, &fresh, fence).await
            }
            _ => self.inner.put(write, expected, nonce, fence).await,
        }
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        if self.flaw == RepoFlaw::KeepsDocuments {
            return Ok(());
        }
        self.inner.delete(table, id, version, self.fence(fence)).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.inner.list(table, query, page).await
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        if self.flaw == RepoFlaw::GrantsClaims {
            return Ok(ClaimOutcome::Held);
        }
        self.inner.claim(claim, self.fence(fence)).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        if self.flaw == RepoFlaw::ClaimsAnother {
            let free = |name: &&String| self.stores.holder(&claim.namespace, name).is_none();
            let free: Vec<String> = candidates.iter().filter(free).cloned().collect();
            return self.inner.claim_first(claim, &free, self.fence(fence)).await;
        }
        self.inner.claim_first(claim, candidates, self.fence(fence)).await
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        if self.flaw == RepoFlaw::KeepsClaims {
            return Ok(());
        }
        self.inner.release(namespace, name, owner, fence).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        if self.flaw == RepoFlaw::GrantsLeases {
            self.stores.void_leases();
        }
        self.inner.acquire(lease).await
    }

    fn wakeups(&self) -> Wakeups {
        self.inner.wakeups()
    }
}

/// What is wrong with the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EdgeFlaw {
    /// A listing shows its first half as if it were all.
    ShortPages,
    /// Every read shows what stood before the last change.
    AlwaysStale,
    /// Removing records removes all of the zone.
    RemovesAllRecords,
    /// Zones are not found.
    NoZones,
    /// Records are acknowledged and not made.
    MakesNothing,
    /// Zones are acknowledged as removed and stay.
    KeepsZones,
    /// Creating a zone that exists answers it.
    AnswersWhatExists,
}

#[derive(Debug)]
pub(crate) struct FlawedEdge {
    pub(crate) inner: Arc<dyn DomainProvider>,
    pub(crate) domains: MemoryDomains,
    pub(crate) flaw: EdgeFlaw,
}

#[async_trait]
impl DomainProvider for FlawedEdge {
    fn capabilities(&self) -> DomainCapabilities {
        self.inner.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        match self.flaw {
            EdgeFlaw::AlwaysStale => self.domains.before().find_zone(name).await,
            EdgeFlaw::NoZones if name.as_str() != "storex.com" => Ok(None),
            _ => self.inner.find_zone(name).await,
        }
    }

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        match self.inner.create_zone(cx, name).await {
            Err(error) if self.flaw == EdgeFlaw::AnswersWhatExists && error.code() == Code::ZoneExists => {
                self.inner.find_zone(name).await?.ok_or(error)
            }
            other => other,
        }
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        match self.flaw {
            EdgeFlaw::AlwaysStale => self.domains.before().list_records(zone, comment_prefix).await,
            EdgeFlaw::ShortPages => {
                let mut records = self.inner.list_records(zone, comment_prefix).await?;
                records.truncate(records.len() / 2);
                Ok(records)
            }
            _ => self.inner.list_records(zone, comment_prefix).await,
        }
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        if self.flaw == EdgeFlaw::MakesNothing {
            return Ok(Vec::new());
        }
        self.inner.ensure_records(cx, zone, records).await
    }

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        self.inner.find_hostname(zone, name).await
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        self.inner.list_hostnames(zone).await
    }

    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        self.inner.create_hostname(cx, zone, spec).await
    }

    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        self.inner.ensure_fallback_origin(cx, zone, origin).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        match (self.flaw, object) {
            (EdgeFlaw::KeepsZones, DomainObject::Zone(_)) => Ok(()),
            (EdgeFlaw::RemovesAllRecords, DomainObject::Records { zone, .. }) => {
                let ids = self.domains.records(zone).into_iter().map(|record| record.id).collect();
                self.inner.remove(cx, &DomainObject::Records { zone: zone.clone(), ids }).await
            }
            _ => self.inner.remove(cx, object).await,
        }
    }
}

/// A client that takes every error of a listing for an empty one.
#[derive(Debug)]
pub(crate) struct Misreading(pub(crate) Arc<dyn DomainProvider>);

#[async_trait]
impl DomainProvider for Misreading {
    fn capabilities(&self) -> DomainCapabilities {
        self.0.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        self.0.find_zone(name).await
    }

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        self.0.create_zone(cx, name).await
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        Ok(self.0.list_records(zone, comment_prefix).await.unwrap_or_default())
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        self.0.ensure_records(cx, zone, records).await
    }

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        self.0.find_hostname(zone, name).await
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        self.0.list_hostnames(zone).await
    }

    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        self.0.create_hostname(cx, zone, spec).await
    }

    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        self.0.ensure_fallback_origin(cx, zone, origin).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        self.0.remove(cx, object).await
    }
}

/// What is wrong with a host, or with how it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostFlaw {
    /// Every call carries the same epoch.
    NoEpoch,
    /// Removals are acknowledged and nothing is removed.
    KeepsParts,
    /// Routes are acknowledged and not made.
    ForgetsRoutes,
    /// Epochs fall.
    FallingEpoch,
}

#[derive(Debug)]
pub(crate) struct FlawedHost {
    pub(crate) inner: Arc<dyn StoreHost>,
    pub(crate) flaw: HostFlaw,
}

impl FlawedHost {
    fn context(&self, cx: &EffectCx) -> EffectCx {
        let epoch = match self.flaw {
            HostFlaw::NoEpoch => Epoch(u64::MAX),
            HostFlaw::FallingEpoch => Epoch(1_000_000 - cx.epoch.0),
            _ => cx.epoch,
        };
        EffectCx { epoch, ..cx.clone() }
    }
}

#[async_trait]
impl StoreHost for FlawedHost {
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
        if self.flaw == HostFlaw::ForgetsRoutes && part == Part::Route {
            return Ok(PartFacts { mark: cx.mark.clone(), digest: String::new(), detail: serde_json::Value::Null });
        }
        self.inner.apply(&self.context(cx), package, part).await
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        if self.flaw == HostFlaw::KeepsParts {
            return Ok(());
        }
        self.inner.withdraw(&self.context(cx), store, part).await
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        self.inner.visit(name, path).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        self.inner.log_tail(store, lines).await
    }
}

/// A clock by which time passes a hundred times as fast as it does.
#[derive(Debug)]
pub(crate) struct FastClock {
    pub(crate) inner: Arc<dyn Clock>,
    pub(crate) start: Timestamp,
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        self.start + self.inner.now().duration_since(self.start).unsigned_abs() * 100
    }

    async fn sleep(&self, duration: Duration) {
        self.inner.sleep(duration / 100).await;
    }
}
