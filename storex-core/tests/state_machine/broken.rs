//! Controls: controllers with one thing broken, made at run time. The same sequences must find them out.

use crate::base::{Assemble, parts};
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use storex_core::operation::{Decide, Direction, Facts, Flow, Move, OperationDoc, StepState, next};
use storex_core::{
    Claim, ClaimOutcome, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Expected, Fence, Grant, Hostname,
    HostnameFacts, HostnameSpec, Lease, Nonce, OriginStatus, Page, Query, RecordFacts, RecordSpec, Result, Row, RowPage,
    RowWrite, StoreRepo, Table, Wakeups, ZoneFacts, ZoneId, ZoneStatus,
};
use storex_fakes::{MemoryStores, Parts, World};

/// A controller with one thing broken.
pub(crate) struct Broken {
    pub(crate) name: &'static str,
    pub(crate) assemble: Assemble,
}

/// Every broken controller.
pub(crate) fn all() -> [Broken; 6] {
    let broken = |name, assemble| Broken { name, assemble };
    [
        broken("the step in doubt is not undone", |world| decided(world, doubt_not_undone)),
        broken("cancelling is not obeyed", |world| decided(world, never_cancels)),
        broken("no compare-and-swap on the journal", |world| flawed(world, Flaw::NoCompare)),
        broken("every lease is granted", |world| flawed(world, Flaw::GrantsLeases)),
        broken("keys of requests are forgotten", |world| flawed(world, Flaw::ForgetsKeys)),
        broken("a pending zone counts as absent", |world| Parts {
            misread: Some(|inner| Arc::new(Misreading(inner))),
            ..parts(world)
        }),
    ]
}

fn decided(world: &World, decide: Decide) -> Parts {
    Parts { decide: Some(decide), ..parts(world) }
}

fn flawed(world: &World, flaw: Flaw) -> Parts {
    let sound = parts(world);
    Parts { repo: Arc::new(FlawedRepo { inner: Arc::clone(&sound.repo), stores: world.stores.clone(), flaw }), ..sound }
}

fn doubt_not_undone(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Vec<Move> {
    let in_doubt = |index: usize| doc.direction == Direction::Backward && doc.steps[index].state == StepState::Intent;
    let moves = next(doc, facts, now, flow).into_iter();
    moves
        .map(|one| match one {
            Move::Look(index) | Move::Remove(index) | Move::Revert(index) if in_doubt(index) => Move::Settle(index, None),
            other => other,
        })
        .collect()
}

fn never_cancels(doc: &OperationDoc, facts: &Facts, now: Timestamp, flow: &dyn Flow) -> Vec<Move> {
    let deaf = OperationDoc { cancelled_at: None, ..doc.clone() };
    next(&deaf, facts, now, flow)
}

/// What is wrong with a repo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// A journal is written whatever its version is.
    NoCompare,
    /// Every lease is granted, to all holders at once.
    GrantsLeases,
    /// A key is free whoever used it before.
    ForgetsKeys,
}

#[derive(Debug)]
struct FlawedRepo {
    inner: Arc<dyn StoreRepo>,
    stores: MemoryStores,
    flaw: Flaw,
}

#[async_trait]
impl StoreRepo for FlawedRepo {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.inner.get(table, id).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        let blind = self.flaw == Flaw::NoCompare && write.table == Table::Operations;
        let fence = if blind { Fence::NONE } else { fence };
        let row = self.stores.row(write.table, &write.id).filter(|_| blind);
        self.inner.put(write, row.map_or(expected, |row| Expected::Version(row.version)), nonce, fence).await
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        self.inner.delete(table, id, version, fence).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.inner.list(table, query, page).await
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        if self.flaw == Flaw::ForgetsKeys && claim.namespace == "idempotency_key" {
            return Ok(ClaimOutcome::Held);
        }
        self.inner.claim(claim, fence).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        self.inner.claim_first(claim, candidates, fence).await
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        self.inner.release(namespace, name, owner, fence).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        if self.flaw == Flaw::GrantsLeases {
            self.stores.void_leases();
        }
        self.inner.acquire(lease).await
    }

    fn wakeups(&self) -> Wakeups {
        self.inner.wakeups()
    }
}

/// A client that sees no zone that is not active yet.
#[derive(Debug)]
struct Misreading(Arc<dyn DomainProvider>);

#[async_trait]
impl DomainProvider for Misreading {
    fn capabilities(&self) -> DomainCapabilities {
        self.0.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        Ok(self.0.find_zone(name).await?.filter(|zone| zone.status == ZoneStatus::Active))
    }

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        self.0.create_zone(cx, name).await
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        self.0.list_records(zone, comment_prefix).await
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
