//! A repo that takes one of the writer's guards away.

use async_trait::async_trait;
use serde_json::Value;
use storex_core::{
    Claim, ClaimOutcome, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite, StoreRepo, Table,
    Wakeups,
};
use storex_fakes::MemoryStores;

/// What a trial does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Without {
    /// Nothing: this is storex.
    Nothing,
    /// The lease and the ledger all writers share: each has its own.
    Fence,
    /// The comparison of versions before a write.
    Compare,
    /// The memory of a write whose answer was lost.
    Doubt,
}

/// The documents, as one controller sees them.
#[derive(Debug)]
pub(crate) struct Guarded {
    pub(crate) inner: MemoryStores,
    pub(crate) without: Without,
    /// Tells the controllers apart.
    pub(crate) name: String,
}

impl Guarded {
    fn is_ledger(table: Table, id: &str) -> bool {
        table == Table::Platform && id.starts_with("tunnel_")
    }

    fn id(&self, table: Table, id: &str) -> String {
        let own = self.without == Without::Fence && Self::is_ledger(table, id);
        if own { format!("{id}@{}", self.name) } else { id.to_owned() }
    }
}

#[async_trait]
impl StoreRepo for Guarded {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.inner.get(table, &self.id(table, id)).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        let mut write = write.clone();
        if self.without == Without::Doubt && Self::is_ledger(write.table, &write.id) {
            let mut body = write.body.value();
            if let Value::Object(fields) = &mut body {
                fields.remove("writing");
            }
            write.body = body.into();
        }
        write.id = self.id(write.table, &write.id);
        self.inner.put(&write, expected, nonce, fence).await
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        self.inner.delete(table, id, version, fence).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.inner.list(table, query, page).await
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        self.inner.claim(claim, fence).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        self.inner.claim_first(claim, candidates, fence).await
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        self.inner.release(namespace, name, owner, fence).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        let mut lease = lease.clone();
        if self.without == Without::Fence && lease.name.starts_with("tunnel:") {
            lease.name = format!("{}@{}", lease.name, self.name);
        }
        self.inner.acquire(&lease).await
    }

    fn wakeups(&self) -> Wakeups {
        self.inner.wakeups()
    }
}
