//! Copies that go on when the deadline of the call that began them passes.

use super::answer::Limit;
use super::snapshot::Job;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use storex_core::{Code, EffectCx, Error, Result, SnapshotFacts};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// How long before its deadline a call is answered, at most half of the time it has.
const MARGIN: Duration = Duration::from_secs(1);
/// Pause before a copy that goes on is waited for again.
const PAUSE: Duration = Duration::from_secs(1);

/// A copy that goes on by itself.
#[derive(Debug)]
struct Copying {
    /// Highest epoch it was asked for with.
    epoch: Arc<AtomicU64>,
    /// Whoever has the lock waits for it, and takes it away when it has ended.
    work: Mutex<Option<JoinHandle<Result<SnapshotFacts>>>>,
}

/// The copies of this process, by their effect; they end with the last of their owners.
#[derive(Debug, Default)]
pub(super) struct Copies(std::sync::Mutex<BTreeMap<String, Arc<Copying>>>);

impl Copies {
    /// Begins the copy of this effect, or goes on waiting for it, until shortly before the deadline.
    ///
    /// # Errors
    /// `snapshot_in_progress` when it goes on; `timeout` when the deadline had passed; else as [`Job::take`].
    pub(super) async fn wait(&self, cx: &EffectCx, job: impl FnOnce(Arc<AtomicU64>) -> Job) -> Result<SnapshotFacts> {
        let left = Limit::left(cx)?;
        let effect = cx.mark.effect.to_string();
        let copying = self.with(|all| {
            let begin = || {
                let epoch = Arc::new(AtomicU64::new(cx.epoch.0));
                let work = tokio::spawn(job(Arc::clone(&epoch)).take());
                Arc::new(Copying { epoch, work: Mutex::new(Some(work)) })
            };
            Arc::clone(all.entry(effect.clone()).or_insert_with(begin))
        });
        copying.epoch.fetch_max(cx.epoch.0, Ordering::Relaxed);
        let ended = async {
            let mut work = copying.work.lock().await;
            let ended = work.as_mut()?.await;
            *work = None;
            self.with(|all| all.remove(&effect));
            Some(ended)
        };
        match tokio::time::timeout(left.saturating_sub(MARGIN).max(left / 2), ended).await {
            Ok(Some(Ok(taken))) => taken,
            Ok(Some(Err(error))) => Err(Error::new(Code::Internal, format!("a copy ended early: {error}"))),
            // Or another call was answered instead, and says what became of it.
            Ok(None) | Err(_) => {
                let why = "the database is being copied, which takes longer than one call may";
                Err(Error::new(Code::SnapshotInProgress, why).retry_after(PAUSE))
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Arc<Copying>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // Nobody waits for them any more: whoever did would have kept this.
        let all = self.with(std::mem::take);
        let works = all.values().filter_map(|copying| copying.work.try_lock().ok()?.take());
        works.for_each(|work| work.abort());
    }
}
