//! Documents, claims and leases under a script.

use super::{Faulty, again};
use crate::fault::Head;
use async_trait::async_trait;
use storex_core::{
    Claim, ClaimOutcome, EffectId, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite, StoreRepo,
    Table, Wakeups,
};

/// The effect a write belongs to: documents written by a step are named by its effect.
pub(crate) fn effect_of(nonce: &Nonce) -> Option<EffectId> {
    let named = nonce.0.contains('.') && nonce.0.ends_with(['f', 'u']);
    if named { nonce.0.parse().ok() } else { None }
}

#[async_trait]
impl StoreRepo for Faulty<dyn StoreRepo> {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.line.read("repo.get", &format!("{table}/{id}"), self.inner.get(table, id)).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        let subject = format!("{}/{}", write.table, write.id);
        let head = Head { effect: effect_of(nonce), ..Head::bare("repo.put", &subject) };
        let again = again!(self, [write, nonce], |inner| inner.put(&write, expected, &nonce, fence));
        self.line.effect(head, self.inner.put(write, expected, nonce, fence), &again).await
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        let subject = format!("{table}/{id}");
        let again = again!(self, [id], |inner| inner.delete(table, &id, version, fence));
        self.line.effect(Head::bare("repo.delete", &subject), self.inner.delete(table, id, version, fence), &again).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.line.read("repo.list", table.as_str(), self.inner.list(table, query, page)).await
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        let subject = format!("{}/{}", claim.namespace, claim.name);
        let again = again!(self, [claim], |inner| inner.claim(&claim, fence));
        self.line.effect(Head::bare("repo.claim", &subject), self.inner.claim(claim, fence), &again).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        let again = again!(self, [claim, candidates], |inner| inner.claim_first(&claim, &candidates, fence));
        let head = Head::bare("repo.claim_first", &claim.namespace);
        self.line.effect(head, self.inner.claim_first(claim, candidates, fence), &again).await
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        let subject = format!("{namespace}/{name}");
        let again = again!(self, [namespace, name, owner], |inner| inner.release(&namespace, &name, &owner, fence));
        self.line.effect(Head::bare("repo.release", &subject), self.inner.release(namespace, name, owner, fence), &again).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        let again = again!(self, [lease], |inner| inner.acquire(&lease));
        self.line.effect(Head::bare("repo.acquire", &lease.name), self.inner.acquire(lease), &again).await
    }

    fn wakeups(&self) -> Wakeups {
        self.inner.wakeups()
    }
}
