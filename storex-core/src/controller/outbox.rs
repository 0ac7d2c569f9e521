//! Delivering messages from the outbox: at least once, in the order they are due.

use super::Controller;
use crate::record::{DUE, OutboxRecord, decode, sortable};
use crate::{EntropyExt, Expected, Fence, Json, Lease, Nonce, Page, Query, Result, Row, RowWrite, Table};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest time between two looks at the outbox.
const POLL: Duration = Duration::from_secs(5);
/// Messages delivered in one look.
const BATCH: usize = 50;
/// The lease of whoever delivers.
const LEASE: &str = "outbox";

impl Controller {
    /// Delivers messages until the future is dropped.
    ///
    /// # Cancellation
    /// Dropping the future at any moment loses no message; the one being delivered may be delivered again.
    pub async fn run_outbox(&self) {
        let mut wakeups = self.providers().repo.wakeups();
        loop {
            if let Err(error) = self.deliver_due().await {
                tracing::warn!(%error, "the outbox could not be read");
            }
            tokio::select! {
                biased;
                _ = wakeups.next() => {}
                () = self.providers().clock.sleep(POLL) => {}
            }
        }
    }

    /// Delivers what is due now; answers how many messages were delivered. Of several controllers one delivers at a time, under a lease: the others have
    /// nothing to do meanwhile.
    ///
    /// # Errors
    /// What the repo answers; a message that cannot be delivered is no error.
    ///
    /// # Cancellation
    /// Dropping the future loses no message; the one being delivered may be delivered again.
    pub async fn deliver_due(&self) -> Result<usize> {
        if self.due().await?.is_empty() {
            return Ok(0);
        }
        let (holder, duration) = (self.inner.driver.holder.clone(), self.settings().lease);
        let lease = Lease { name: LEASE.to_owned(), holder, duration };
        let Some(grant) = self.providers().repo.acquire(&lease).await? else { return Ok(0) };
        let delivered = self.deliver_all(grant.fence()).await;
        // The next controller need not wait for the lease to run out; when this is lost, it does.
        let _ends_by_itself = self.providers().repo.acquire(&Lease { duration: Duration::ZERO, ..lease }).await;
        delivered
    }

    async fn due(&self) -> Result<Vec<Row>> {
        let query = Query::Index { name: DUE.to_owned(), from: None, to: Some(sortable(self.providers().clock.now())) };
        Ok(self.providers().repo.list(Table::Outbox, &query, &Page::first(BATCH)).await?.rows)
    }

    /// Delivers what is due while the fence is open: what was seen before it opened may be delivered by now.
    async fn deliver_all(&self, fence: Fence) -> Result<usize> {
        let mut delivered = 0;
        for row in self.due().await? {
            delivered += usize::from(self.deliver(row, fence).await?);
        }
        Ok(delivered)
    }

    async fn deliver(&self, row: Row, fence: Fence) -> Result<bool> {
        let mut record: OutboxRecord = decode(&row)?;
        let now = self.providers().clock.now();
        let mut indexes = BTreeMap::new();
        match self.inner.notifier.deliver(&record.notification).await {
            // What was delivered is the receiver's; the outbox keeps only what was not.
            Ok(()) => return self.providers().repo.delete(Table::Outbox, &row.id, row.version, fence).await.map(|()| true),
            Err(error) if error.is_transient() || error.is_unclear() => {
                record.failures += 1;
                let pause = Duration::from_secs(1 << record.failures.min(12));
                indexes.insert(DUE.to_owned(), sortable(now + pause));
            }
            Err(error) => {
                tracing::error!(notification = %record.notification.id, %error, "the message can never be delivered");
                record.dead = Some(error.to_string());
            }
        }
        let write = RowWrite { table: Table::Outbox, id: row.id, body: Json::of(&record)?, indexes };
        let nonce = Nonce(self.providers().entropy.hex(8)?);
        self.providers().repo.put(&write, Expected::Version(row.version), &nonce, fence).await?;
        Ok(false)
    }
}
