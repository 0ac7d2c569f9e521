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
        if self.due().await?.is_empty() || !self.has_turn().await? {
            return Ok(0);
        }
        let delivered = self.deliver_all().await;
        // The next controller need not wait for the lease to run out; when this is lost, it does.
        let _ends_by_itself = self.lease(Duration::ZERO).await;
        delivered
    }

    /// Delivers what is due while it is this controller's turn. What was seen before the turn came may be delivered by now, so it is looked for again.
    async fn deliver_all(&self) -> Result<usize> {
        let mut delivered = 0;
        for row in self.due().await? {
            // One message may take longer than the lease runs; then another controller goes on.
            if !self.has_turn().await? {
                break;
            }
            delivered += usize::from(self.deliver(row).await?);
        }
        Ok(delivered)
    }

    /// Takes or keeps the turn to deliver.
    async fn has_turn(&self) -> Result<bool> {
        self.lease(self.settings().lease).await
    }

    async fn lease(&self, duration: Duration) -> Result<bool> {
        let lease = Lease { name: LEASE.to_owned(), holder: self.inner.driver.holder.clone(), duration };
        Ok(self.providers().repo.acquire(&lease).await?.is_some())
    }

    async fn due(&self) -> Result<Vec<Row>> {
        let query = Query::Index { name: DUE.to_owned(), from: None, to: Some(sortable(self.providers().clock.now())) };
        Ok(self.providers().repo.list(Table::Outbox, &query, &Page::first(BATCH)).await?.rows)
    }

    /// Delivers one message and writes that down. What was delivered is written down also when the turn is over by then: the row's version tells whether
    /// another controller was faster.
    async fn deliver(&self, row: Row) -> Result<bool> {
        let mut record: OutboxRecord = decode(&row)?;
        let now = self.providers().clock.now();
        let mut indexes = BTreeMap::new();
        match self.inner.notifier.deliver(&record.notification).await {
            // What was delivered is the receiver's; the outbox keeps only what was not.
            Ok(()) => return self.providers().repo.delete(Table::Outbox, &row.id, row.version, Fence::NONE).await.map(|()| true),
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
        self.providers().repo.put(&write, Expected::Version(row.version), &nonce, Fence::NONE).await?;
        Ok(false)
    }
}
