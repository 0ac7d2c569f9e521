//! Documents, claims and leases under a script.

use super::{Faulty, again};
use crate::fault::Head;
use async_trait::async_trait;
use storex_core::{
    Claim, ClaimOutcome, EffectId, Epoch, Expected, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite, StoreRepo, Table,
    Wakeups,
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

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce) -> Result<u64> {
        let subject = format!("{}/{}", write.table, write.id);
        let head = Head { effect: effect_of(nonce), ..Head::bare("repo.put", &subject) };
        let again = again!(self, [write, nonce], |inner| inner.put(&write, expected, &nonce));
        self.line.effect(head, self.inner.put(write, expected, nonce), &again).await
    }

    async fn delete(&self, table: Table, id: &str, version: u64) -> Result<()> {
        let subject = format!("{table}/{id}");
        let again = again!(self, [id], |inner| inner.delete(table, &id, version));
        self.line.effect(Head::bare("repo.delete", &subject), self.inner.delete(table, id, version), &again).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.line.read("repo.list", table.as_str(), self.inner.list(table, query, page)).await
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome> {
        let subject = format!("{}/{}", claim.namespace, claim.name);
        let again = again!(self, [claim], |inner| inner.claim(&claim));
        self.line.effect(Head::bare("repo.claim", &subject), self.inner.claim(claim), &again).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String]) -> Result<Option<String>> {
        let again = again!(self, [claim, candidates], |inner| inner.claim_first(&claim, &candidates));
        let head = Head::bare("repo.claim_first", &claim.namespace);
        self.line.effect(head, self.inner.claim_first(claim, candidates), &again).await
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str) -> Result<()> {
        let subject = format!("{namespace}/{name}");
        let again = again!(self, [namespace, name, owner], |inner| inner.release(&namespace, &name, &owner));
        self.line.effect(Head::bare("repo.release", &subject), self.inner.release(namespace, name, owner), &again).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Epoch>> {
        let again = again!(self, [lease], |inner| inner.acquire(&lease));
        self.line.effect(Head::bare("repo.acquire", &lease.name), self.inner.acquire(lease), &again).await
    }

    fn wakeups(&self) -> Wakeups {
        self.inner.wakeups()
    }
}
