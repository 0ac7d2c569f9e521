//! Twins of the archive that each break one promise on purpose.

use async_trait::async_trait;
use futures::{StreamExt, stream};
use std::time::Duration;
use storex_core::{
    ArchivedRow, Claim, ClaimOutcome, Epoch, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite,
    StoreArchive, StoreRepo, Table, Wakeups,
};
use storex_fakes::MemoryStores;

/// The promise that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twist {
    NamesOneEpochMore,
    LosesIndexValues,
    LosesNonces,
    StartsVersionsAnew,
    LosesLabels,
    LosesClaims,
    ForgetsTheEpoch,
    CarriesALease,
    SkipsBetweenPages,
    NeverWakes,
    TakesWhatItExports,
    IsNeverBusy,
    BeginsAnything,
    FillsAnything,
    RaisesWhatItRepeats,
    KeepsWhatIsThere,
}

impl Twist {
    /// Every broken promise.
    pub(crate) const ALL: &[Self] = &[
        Self::NamesOneEpochMore,
        Self::LosesIndexValues,
        Self::LosesNonces,
        Self::StartsVersionsAnew,
        Self::LosesLabels,
        Self::LosesClaims,
        Self::ForgetsTheEpoch,
        Self::CarriesALease,
        Self::SkipsBetweenPages,
        Self::NeverWakes,
        Self::TakesWhatItExports,
        Self::IsNeverBusy,
        Self::BeginsAnything,
        Self::FillsAnything,
        Self::RaisesWhatItRepeats,
        Self::KeepsWhatIsThere,
    ];
}

/// The twin in memory with one promise broken.
#[derive(Debug)]
pub(crate) struct Twin {
    pub(crate) inner: MemoryStores,
    pub(crate) twist: Twist,
}

impl Twin {
    fn is(&self, twist: Twist) -> bool {
        self.twist == twist
    }

    /// The row as this twin keeps it; `None` when it does not.
    async fn kept(&self, table: Table, archived: &ArchivedRow) -> Result<Option<ArchivedRow>> {
        let mut kept = archived.clone();
        let there = self.inner.get(table, &archived.row.id).await?;
        match self.twist {
            Twist::LosesIndexValues => kept.row.indexes.clear(),
            Twist::LosesNonces => kept.nonce = Nonce(String::new()),
            Twist::StartsVersionsAnew => kept.row.version = 1,
            Twist::RaisesWhatItRepeats if there.is_some() => kept.row.version += 1,
            Twist::KeepsWhatIsThere if there.is_some() => return Ok(None),
            _ => {}
        }
        Ok(Some(kept))
    }
}

#[async_trait]
impl StoreArchive for Twin {
    async fn busy(&self) -> Result<Option<String>> {
        if self.is(Twist::IsNeverBusy) { Ok(None) } else { self.inner.busy().await }
    }

    async fn last_epoch(&self) -> Result<Epoch> {
        let more = u64::from(self.is(Twist::NamesOneEpochMore));
        self.inner.last_epoch().await.map(|last| Epoch(last.0 + more))
    }

    async fn export_rows(&self, table: Table, after: Option<&str>, limit: usize) -> Result<Vec<ArchivedRow>> {
        let mut rows = self.inner.export_rows(table, after, limit).await?;
        if self.is(Twist::SkipsBetweenPages) && after.is_some() {
            rows.truncate(rows.len().saturating_sub(1));
        }
        Ok(rows)
    }

    async fn export_claims(&self, after: Option<(&str, &str)>, limit: usize) -> Result<Vec<Claim>> {
        let claims = self.inner.export_claims(after, limit).await?;
        if self.is(Twist::TakesWhatItExports) {
            for claim in &claims {
                self.inner.release(&claim.namespace, &claim.name, &claim.owner, Fence::NONE).await?;
            }
        }
        Ok(claims)
    }

    async fn begin(&self) -> Result<()> {
        let begun = self.inner.begin().await;
        if self.is(Twist::BeginsAnything) { Ok(()) } else { begun }
    }

    async fn import_rows(&self, table: Table, rows: &[ArchivedRow]) -> Result<()> {
        let mut kept = Vec::new();
        for row in rows {
            kept.extend(self.kept(table, row).await?);
        }
        let filled = self.inner.import_rows(table, &kept).await;
        if self.is(Twist::FillsAnything) { Ok(()) } else { filled }
    }

    async fn import_claims(&self, claims: &[Claim]) -> Result<()> {
        let mut claims = claims.to_vec();
        if self.is(Twist::LosesLabels) {
            for claim in &mut claims {
                claim.label.clear();
            }
        }
        if self.is(Twist::LosesClaims) {
            claims.clear();
        }
        self.inner.import_claims(&claims).await
    }

    async fn finish(&self, last: Epoch) -> Result<()> {
        self.inner.finish(if self.is(Twist::ForgetsTheEpoch) { Epoch(0) } else { last }).await?;
        if self.is(Twist::CarriesALease) {
            let lease = Lease { name: "op".to_owned(), holder: "gone".to_owned(), duration: Duration::from_secs(1000) };
            self.inner.acquire(&lease).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl StoreRepo for Twin {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.inner.get(table, id).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        self.inner.put(write, expected, nonce, fence).await
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
        self.inner.acquire(lease).await
    }

    fn wakeups(&self) -> Wakeups {
        if self.is(Twist::NeverWakes) { stream::pending().boxed() } else { self.inner.wakeups() }
    }
}
