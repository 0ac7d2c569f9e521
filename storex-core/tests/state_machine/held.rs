//! The capabilities of one controller, through which it can be stopped at any call.

use crate::accidents::{Accidents, Hold};
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{
    Claim, ClaimOutcome, Clock, Code, Deployed, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Error, Expected,
    Fence, Grant, HostFacts, Hostname, HostnameFacts, HostnameSpec, Lease, Nonce, OriginStatus, Page, Part, PartFacts, Query,
    RecordFacts, RecordSpec, Result, Row, RowPage, RowWrite, StoreHost, StoreId, StorePackage, StoreRepo, Table, Visit, Wakeups,
    ZoneFacts, ZoneId,
};
use storex_fakes::{Parts, World};

/// Puts the parts of a controller behind its hold.
pub(crate) fn held(parts: Parts, world: &World, hold: &Hold, accidents: &Accidents) -> Parts {
    let clock = world.clock();
    Parts {
        repo: Arc::new(Held { inner: parts.repo, hold: hold.clone(), clock: Arc::clone(&clock) }),
        host: Arc::new(Held { inner: parts.host, hold: hold.clone(), clock: Arc::clone(&clock) }),
        domains: Arc::new(HeldEdge {
            inner: parts.domains,
            before: Arc::new(world.domains.before()),
            accidents: accidents.clone(),
            hold: hold.clone(),
            clock: Arc::clone(&clock),
        }),
        clock: Arc::new(Held { inner: parts.clock, hold: hold.clone(), clock: Arc::clone(&clock) }),
        ..parts
    }
}

struct Held<T: ?Sized> {
    inner: Arc<T>,
    hold: Hold,
    clock: Arc<dyn Clock>,
}

struct HeldEdge {
    inner: Arc<dyn DomainProvider>,
    /// The edge before its last change.
    before: Arc<dyn DomainProvider>,
    accidents: Accidents,
    hold: Hold,
    clock: Arc<dyn Clock>,
}

macro_rules! opaque {
    ($($type:ty: $name:literal,)*) => {
        $(impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($name)
            }
        })*
    };
}
opaque! {
    Held<dyn StoreRepo>: "Held<StoreRepo>",
    Held<dyn StoreHost>: "Held<StoreHost>",
    Held<dyn Clock>: "Held<Clock>",
    HeldEdge: "HeldEdge",
}

/// A call without a deadline.
const NEVER: fn() -> Option<Error> = || None;

#[async_trait]
impl Clock for Held<dyn Clock> {
    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.inner.sleep(duration).await;
        self.hold.pass().await;
    }
}

#[async_trait]
impl StoreRepo for Held<dyn StoreRepo> {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.hold.call(NEVER, self.inner.get(table, id)).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        self.hold.call(NEVER, self.inner.put(write, expected, nonce, fence)).await
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        self.hold.call(NEVER, self.inner.delete(table, id, version, fence)).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.hold.call(NEVER, self.inner.list(table, query, page)).await
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        self.hold.call(NEVER, self.inner.claim(claim, fence)).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        self.hold.call(NEVER, self.inner.claim_first(claim, candidates, fence)).await
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        self.hold.call(NEVER, self.inner.release(namespace, name, owner, fence)).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        self.hold.call(NEVER, self.inner.acquire(lease)).await
    }

    fn wakeups(&self) -> Wakeups {
        self.inner.wakeups()
    }
}

#[async_trait]
impl StoreHost for Held<dyn StoreHost> {
    async fn facts(&self) -> Result<HostFacts> {
        self.hold.call(NEVER, self.inner.facts()).await
    }

    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>> {
        self.hold.call(NEVER, self.inner.find(store)).await
    }

    async fn list(&self) -> Result<Vec<Deployed>> {
        self.hold.call(NEVER, self.inner.list()).await
    }

    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        effect(&self.hold, &self.clock, cx, self.inner.apply(cx, package, part)).await
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        effect(&self.hold, &self.clock, cx, self.inner.withdraw(cx, store, part)).await
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        self.hold.call(NEVER, self.inner.visit(name, path)).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        self.hold.call(NEVER, self.inner.log_tail(store, lines)).await
    }
}

impl HeldEdge {
    fn source(&self) -> &dyn DomainProvider {
        if self.accidents.is_stale(self.clock.now()) { self.before.as_ref() } else { self.inner.as_ref() }
    }

    async fn effect<T>(&self, cx: &EffectCx, call: impl Future<Output = Result<T>>) -> Result<T> {
        let call = async {
            self.accidents.changed(self.clock.now());
            call.await
        };
        effect(&self.hold, &self.clock, cx, call).await
    }
}

/// An effect. What comes after its deadline was sent long ago: it lands, whatever has become of its sender.
async fn effect<T>(hold: &Hold, clock: &Arc<dyn Clock>, cx: &EffectCx, call: impl Future<Output = Result<T>>) -> Result<T> {
    if clock.now() >= cx.deadline {
        return call.await;
    }
    let refuse = || {
        let late = clock.now() >= cx.deadline;
        late.then(|| Error::new(Code::Timeout, "the deadline had passed before the call was sent"))
    };
    hold.call(refuse, call).await
}

#[async_trait]
impl DomainProvider for HeldEdge {
    fn capabilities(&self) -> DomainCapabilities {
        self.inner.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        self.hold.call(NEVER, async { self.source().find_zone(name).await }).await
    }

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        self.effect(cx, self.inner.create_zone(cx, name)).await
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        self.hold.call(NEVER, async { self.source().list_records(zone, comment_prefix).await }).await
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        self.effect(cx, self.inner.ensure_records(cx, zone, records)).await
    }

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        self.hold.call(NEVER, async { self.source().find_hostname(zone, name).await }).await
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        self.hold.call(NEVER, async { self.source().list_hostnames(zone).await }).await
    }

    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        self.effect(cx, self.inner.create_hostname(cx, zone, spec)).await
    }

    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        self.effect(cx, self.inner.ensure_fallback_origin(cx, zone, origin)).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        self.effect(cx, self.inner.remove(cx, object)).await
    }
}
