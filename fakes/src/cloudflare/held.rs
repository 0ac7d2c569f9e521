//! Calls that wait for somebody to release them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

use super::fault::When;

/// A call that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldCall {
    /// Name to release it by; the call's number in the journal.
    pub id: u64,
    /// HTTP method.
    pub method: String,
    /// Path below `/client/v4`.
    pub path: String,
    /// Whether its effect has happened already.
    pub when: When,
    /// The rule that holds it.
    pub fault: String,
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Released,
    /// The simulator stopped; the call is dropped.
    Stopped,
}

/// The waiting calls. A caller that goes away takes its call with it.
#[derive(Debug)]
pub(super) struct Waiting {
    table: Mutex<Table>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Table {
    stopped: bool,
    calls: BTreeMap<u64, (HeldCall, oneshot::Sender<()>)>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { table: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Waiting {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self) {
        let count = self.table().calls.len();
        self.count.send_replace(count);
    }

    /// Holds a call until it is released or the simulator stops. Cancel safe: dropping the future removes the call.
    pub(super) async fn hold(&self, call: HeldCall) -> Ended {
        let id = call.id;
        let (sender, receiver) = oneshot::channel();
        {
            let mut table = self.table();
            if table.stopped {
                return Ended::Stopped;
            }
            table.calls.insert(id, (call, sender));
        }
        let guard = Leaving { waiting: self, id };
        self.publish();
        let ended = if receiver.await.is_ok() { Ended::Released } else { Ended::Stopped };
        drop(guard);
        ended
    }

    pub(super) fn list(&self) -> Vec<HeldCall> {
        self.table().calls.values().map(|(call, _)| call.clone()).collect()
    }

    /// Releases one call; whether it was held.
    pub(super) fn release(&self, id: u64) -> bool {
        let taken = self.table().calls.remove(&id);
        self.publish();
        taken.is_some_and(|(_, sender)| sender.send(()).is_ok())
    }

    /// Releases every call and returns how many there were.
    pub(super) fn release_all(&self) -> usize {
        let ids: Vec<u64> = self.table().calls.keys().copied().collect();
        ids.into_iter().filter(|id| self.release(*id)).count()
    }

    /// Drops every held call, and every later one at once.
    pub(super) fn stop(&self) {
        let calls = {
            let mut table = self.table();
            table.stopped = true;
            std::mem::take(&mut table.calls)
        };
        drop(calls);
        self.publish();
    }

    /// Waits until at least `count` calls are held. Cancel safe.
    pub(super) async fn at_least(&self, count: usize) {
        let mut seen = self.count.subscribe();
        // The sender lives as long as `self`, so the wait can only end by the count.
        let _ = seen.wait_for(|held| *held >= count).await;
    }
}

/// Removes a call whose caller went away.
#[derive(Debug)]
struct Leaving<'w> {
    waiting: &'w Waiting,
    id: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let left = self.waiting.table().calls.remove(&self.id);
        drop(left);
        self.waiting.publish();
    }
}
