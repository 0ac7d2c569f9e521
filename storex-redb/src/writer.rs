//! Group commit: writes of concurrent tasks share one durable commit.
//!
//! A write joins the queue; the first to join an idle queue starts one blocking task that drains it. While a commit flushes to disk the
//! next batch gathers. Each operation of a batch succeeds or is refused by itself, and all of them answer after the commit.

use crate::batch::{Batch, Changes, Outcome};
use crate::failure::{Failure, Stop};
use crate::stores::Shared;
use redb::Durability;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{Code, Error, Result};
use tokio::sync::oneshot;

/// Most operations in one commit: bounds how long the first of them waits.
const LARGEST_BATCH: usize = 256;

/// Writes that wait for a commit.
#[derive(Default)]
pub(crate) struct Writer(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Box<dyn Job>>,
    /// Whether a task drains the queue.
    draining: bool,
}

impl Writer {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the queue; true when the caller must start a drain.
    fn join(&self, job: Box<dyn Job>) -> bool {
        let mut queue = self.queue();
        queue.waiting.push_back(job);
        !std::mem::replace(&mut queue.draining, true)
    }

    /// How many writes wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.queue().waiting.len()
    }

    fn next_batch(&self) -> Vec<Box<dyn Job>> {
        let mut queue = self.queue();
        let size = queue.waiting.len().min(LARGEST_BATCH);
        queue.waiting.drain(..size).collect()
    }

    /// Ends the drain if nothing waits.
    fn rest(&self) -> bool {
        let mut queue = self.queue();
        queue.draining = !queue.waiting.is_empty();
        !queue.draining
    }

    /// Ends the drain and drops what waits, whose callers then hear that it may not have been done.
    fn abandon(&self) {
        let dropped = {
            let mut queue = self.queue();
            queue.draining = false;
            std::mem::take(&mut queue.waiting)
        };
        drop(dropped);
    }
}

/// One operation on its way through a batch.
trait Job: Send {
    /// Does it in the batch; an error stops the whole batch.
    fn apply(&mut self, batch: &mut Batch<'_>) -> std::result::Result<(), Failure>;
    /// Answers the caller.
    fn answer(self: Box<Self>, commit: std::result::Result<(), Failure>);
}

struct Task<T, F> {
    work: Option<F>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&mut Batch<'_>) -> Outcome<T> + Send> Job for Task<T, F> {
    fn apply(&mut self, batch: &mut Batch<'_>) -> std::result::Result<(), Failure> {
        let Some(work) = self.work.take() else { return Ok(()) };
        self.outcome = Some(match work(batch) {
            Ok(answer) => Ok(answer),
            Err(Stop::Refused(error)) => Err(error),
            Err(Stop::Failed(failure)) => return Err(failure),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, commit: std::result::Result<(), Failure>) {
        let Self { outcome, reply, .. } = *self;
        let answer = match (commit, outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(Error::unclear(Code::Internal, "a batch left out one of its operations")),
            // A refusal may rest on what the failed batch wrote before it, so it counts for nothing either.
            (Err(failure), _) => Err(failure.unclear()),
        };
        // A caller that went away needs no answer.
        let _ = reply.send(answer);
    }
}

/// Does `work` in a batch and answers when the batch is durable. Must run inside a tokio runtime.
pub(crate) async fn write<T, F>(shared: &Arc<Shared>, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&mut Batch<'_>) -> Outcome<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    if shared.writer.join(Box::new(Task { work: Some(work), outcome: None, reply })) {
        let drain = Drain(Some(Arc::clone(shared)));
        tokio::task::spawn_blocking(move || drain.run());
    }
    answer.await.unwrap_or_else(|_| Err(Error::unclear(Code::Unavailable, "the write was given up on: storex is stopping")))
}

/// The one task that drains the queue. Dropped before it ran, by a runtime that stops, it gives up on what waits.
struct Drain(Option<Arc<Shared>>);

impl Drain {
    fn run(mut self) {
        while let Some(shared) = &self.0 {
            let mut jobs = shared.writer.next_batch();
            let commit =
                catch_unwind(AssertUnwindSafe(|| shared.commit(&mut jobs))).unwrap_or_else(|_| Err(Failure::broken_down()));
            if shared.writer.rest() {
                // The file is let go before the last answers, so that a caller who then drops its repo finds the file closed.
                self.0 = None;
            }
            for job in jobs {
                job.answer(commit.clone());
            }
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.writer.abandon();
        }
    }
}

impl Shared {
    /// Applies the jobs in one transaction and commits it, if any of them changed the file.
    fn commit(&self, jobs: &mut [Box<dyn Job>]) -> std::result::Result<(), Failure> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let changes = {
            let mut batch = Batch::open(&transaction, &leases, now)?;
            jobs.iter_mut().try_for_each(|job| job.apply(&mut batch))?;
            batch.changes
        };
        let Changes { file, rows, leases: given } = changes;
        if file {
            transaction.commit()?;
            self.commits.fetch_add(1, Ordering::Relaxed);
        } else {
            transaction.abort()?;
        }
        leases.settle(given, now);
        if rows {
            self.changed.send_replace(());
        }
        Ok(())
    }
}
