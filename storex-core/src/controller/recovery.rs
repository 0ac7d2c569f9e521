//! Taking up operations nobody drives any more, and forgetting those that ended long ago.

use super::Controller;
use crate::operation::{ENDED, OPEN, OperationDoc};
use crate::record::sortable;
use crate::{Fence, Page, Query, Result, Table};
use std::time::Duration;

/// Operations listed at a time.
const PAGE: usize = 200;
/// Finished operations forgotten in one pass.
const FORGOTTEN: usize = 100;
/// How many times in the time of a lease open operations are looked at. A lease that ends is found free after a lease's fifth at most, and a look costs one
/// listing and a read for each operation that another controller drives.
const LOOKS: u32 = 5;
/// How long a key of a finished operation is remembered.
const KEY_KEPT: Duration = Duration::from_hours(24);

impl Controller {
    /// Takes up every operation that is not at rest and not driven here; answers how many those were. One that another controller drives is left to
    /// it. Call once after a start; [`Controller::run_recovery`] does it again and again.
    ///
    /// # Errors
    /// What the repo answers.
    ///
    /// # Cancellation
    /// Dropping the future stops nothing that was taken up; the rest is taken up by the next call.
    pub async fn resume(&self) -> Result<usize> {
        let mut page = Page::first(PAGE);
        let mut resumed = 0;
        loop {
            let rows = self.providers().repo.list(Table::Operations, &Query::equals(OPEN, "1"), &page).await?;
            for row in &rows.rows {
                resumed += usize::from(self.spawn(row.id.parse()?));
            }
            match rows.next {
                Some(next) => page.after = Some(next),
                None => return Ok(resumed),
            }
        }
    }

    /// Takes over from controllers that are gone, and forgets what ended long ago, until the future is dropped. An operation is taken over within
    /// a lease and its fifth after its controller's end: with the usual lease of 15 s, within 18 s.
    ///
    /// # Cancellation
    /// Dropping the future stops nothing that was taken up.
    pub async fn run_recovery(&self) {
        loop {
            for _ in 0..LOOKS {
                self.providers().clock.sleep(self.settings().lease / LOOKS).await;
                if let Err(error) = self.resume().await {
                    tracing::warn!(%error, "the open operations could not be listed");
                }
            }
            if let Err(error) = self.forget().await {
                tracing::warn!(%error, "finished operations could not be forgotten");
            }
        }
    }

    /// Forgets keys a day after their operation ended, and operations after [`crate::Settings::operation_retention`]. Answers how many operations
    /// were forgotten; a pass is bounded, so a long list takes several.
    ///
    /// # Errors
    /// What the repo answers.
    ///
    /// # Cancellation
    /// Dropping the future leaves some forgotten and the rest for the next call.
    pub async fn forget(&self) -> Result<usize> {
        let now = self.providers().clock.now();
        let repo = &self.providers().repo;
        let kept = self.settings().operation_retention;
        let before = |age: Duration| sortable(now - age.min(Duration::from_hours(24 * 365 * 100)));
        let query = Query::Index { name: ENDED.to_owned(), from: None, to: Some(before(KEY_KEPT.min(kept))) };
        let mut forgotten = 0;
        for row in repo.list(Table::Operations, &query, &Page::first(FORGOTTEN)).await?.rows {
            let doc: OperationDoc = row.body.read()?;
            if let Some(key) = &doc.idempotency {
                repo.release(super::idempotency::NAMESPACE, &key.name, doc.id.as_str(), Fence::NONE).await?;
            }
            if row.indexes.get(ENDED).is_some_and(|ended| *ended <= before(kept)) {
                repo.delete(Table::Operations, &row.id, row.version, Fence::NONE).await?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}
