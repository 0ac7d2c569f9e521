//! The trait over the shared state.

use crate::bounds;
use crate::stores::MongoStores;
use async_trait::async_trait;
use futures::{StreamExt, stream};
use storex_core::{
    Claim, ClaimOutcome, Error, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite, StoreRepo,
    Table, Wakeups,
};

#[async_trait]
impl StoreRepo for MongoStores {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.shared.get(table, id).await.map_err(during("repo.get"))
    }

    async fn put(&self, row: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        bounds::check_write(row, nonce).map_err(during("repo.put"))?;
        let version = self.shared.put(row, expected, nonce, fence).await.map_err(during("repo.put"))?;
        self.shared.wake();
        Ok(version)
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        self.shared.delete(table, id, version, fence).await.map_err(during("repo.delete"))?;
        self.shared.wake();
        Ok(())
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        bounds::check_page(page).map_err(during("repo.list"))?;
        self.shared.list(table, query, page).await.map_err(during("repo.list"))
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        self.shared.claim(claim, fence).await.map_err(during("repo.claim"))
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        self.shared.claim_first(claim, candidates, fence).await.map_err(during("repo.claim_first"))
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        self.shared.release(namespace, name, owner, fence).await.map_err(during("repo.release"))
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        self.shared.acquire(lease).await.map_err(during("repo.acquire"))
    }

    /// Own writes at once; those of others by a change stream, or on a standalone server once a second. Ends when the repo is dropped.
    fn wakeups(&self) -> Wakeups {
        let changed = self.shared.subscribe();
        stream::unfold(changed, |mut changed| async { changed.changed().await.ok().map(|()| ((), changed)) }).boxed()
    }
}

fn during(call: &'static str) -> impl FnOnce(Error) -> Error {
    move |error| error.during(call)
}
