//! The trait on the repo: bounds, then one read or one queued write per call.

use crate::bounds;
use crate::listing;
use crate::stores::RedbStores;
use crate::writer::write;
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use storex_core::{
    Claim, ClaimOutcome, Error, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite, StoreRepo,
    Table, Wakeups,
};

#[async_trait]
impl StoreRepo for RedbStores {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        let id = id.to_owned();
        self.read(move |database| listing::get(database, table, &id)).await.map_err(during("repo.get"))
    }

    async fn put(&self, row: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        bounds::check_write(row, nonce).map_err(during("repo.put"))?;
        let (row, nonce) = (row.clone(), nonce.clone());
        write(&self.shared, move |batch| batch.fenced(fence)?.put(&row, expected, &nonce)).await.map_err(during("repo.put"))
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        let id = id.to_owned();
        write(&self.shared, move |batch| batch.fenced(fence)?.delete(table, &id, version)).await.map_err(during("repo.delete"))
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        bounds::check_page(page).map_err(during("repo.list"))?;
        let (query, page) = (query.clone(), page.clone());
        self.read(move |database| listing::list(database, table, &query, &page)).await.map_err(during("repo.list"))
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        let claim = claim.clone();
        write(&self.shared, move |batch| batch.fenced(fence)?.claim(&claim)).await.map_err(during("repo.claim"))
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        let (claim, candidates) = (claim.clone(), candidates.to_vec());
        write(&self.shared, move |batch| batch.fenced(fence)?.claim_first(&claim, &candidates))
            .await
            .map_err(during("repo.claim_first"))
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        let (namespace, name, owner) = (namespace.to_owned(), name.to_owned(), owner.to_owned());
        write(&self.shared, move |batch| batch.fenced(fence)?.release(&namespace, &name, &owner))
            .await
            .map_err(during("repo.release"))
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        let lease = lease.clone();
        write(&self.shared, move |batch| batch.acquire(&lease)).await.map_err(during("repo.acquire"))
    }

    /// Ends when the file is closed.
    fn wakeups(&self) -> Wakeups {
        let changed = self.shared.changed.subscribe();
        stream::unfold(changed, |mut changed| async { changed.changed().await.ok().map(|()| ((), changed)) }).boxed()
    }
}

fn during(call: &'static str) -> impl FnOnce(Error) -> Error {
    move |error| error.during(call)
}
