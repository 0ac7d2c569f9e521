//! The script: the rules and the history, shared by all wrappers of one world.

use super::{Call, Event, Fault, FaultRule, When};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::Result;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

type OnEvent = Arc<dyn Fn(Event) + Send + Sync>;

#[derive(Default)]
struct State {
    rules: Vec<FaultRule>,
    history: Vec<Call>,
    late: Vec<AbortHandle>,
    on_event: Option<OnEvent>,
}

/// A script of faults and the history of calls, shared by all [`Faulty`](crate::Faulty) wrappers of one world.
#[derive(Clone)]
pub struct FaultScript {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
    /// How many times a process was crashed or paused.
    strikes: watch::Sender<u32>,
}

impl fmt::Debug for FaultScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultScript").field("rules", &self.state().rules).finish_non_exhaustive()
    }
}

impl Default for FaultScript {
    fn default() -> Self {
        Self { state: Arc::default(), changed: Arc::default(), strikes: watch::Sender::new(0) }
    }
}

impl FaultScript {
    /// An empty script.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a rule.
    pub fn add(&self, rule: FaultRule) {
        self.state().rules.push(rule);
    }

    /// The rules with how often each has fired.
    pub fn rules(&self) -> Vec<FaultRule> {
        self.state().rules.clone()
    }

    /// Removes all rules and lets held calls go on.
    pub fn clear(&self) {
        self.state().rules.clear();
        self.changed.notify_waiters();
    }

    /// Every call so far, oldest first.
    pub fn history(&self) -> Vec<Call> {
        self.state().history.clone()
    }

    /// How many calls were made so far; the last one has the number below.
    pub fn calls(&self) -> usize {
        self.state().history.len()
    }

    /// How many calls of this name were made.
    pub fn count(&self, name: &str) -> usize {
        self.state().history.iter().filter(|call| call.name == name).count()
    }

    /// What happens at an [`Event`]. Replaces what was set before.
    pub fn on_event(&self, hook: impl Fn(Event) + Send + Sync + 'static) {
        self.state().on_event = Some(Arc::new(hook));
    }

    /// Returns once [`Fault::Crash`] or [`Fault::Pause`] has struck more than `before` times; answers how many times.
    pub async fn struck(&self, before: u32) -> u32 {
        let mut strikes = self.strikes.subscribe();
        // The sender lives in self, so this cannot end without a strike.
        strikes.wait_for(|count| *count > before).await.map_or(before, |count| *count)
    }

    /// How many effects are still to land.
    pub fn late(&self) -> usize {
        self.state().late.iter().filter(|task| !task.is_finished()).count()
    }

    /// Runs a call that carries no effect's context under the script.
    ///
    /// # Errors
    /// The call's own, or the fault's.
    pub async fn call<T: 'static>(&self, name: &'static str, subject: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
        super::Line::of(self.clone()).read(name, subject, call).await
    }

    /// Records the call and answers the fault that hits it.
    pub(super) fn enter(&self, call: Call) -> Option<(When, Fault)> {
        let mut state = self.state();
        let mut hit = None;
        for rule in &mut state.rules {
            if !rule.matches(call.name, &call.subject) {
                continue;
            }
            if rule.nth > 1 {
                rule.nth -= 1;
            } else if hit.is_none() && (rule.times == 0 || rule.fired < rule.times) {
                rule.fired += 1;
                hit = Some((rule.when, rule.fault));
            }
        }
        state.history.push(Call { faulted: hit.is_some(), ..call });
        hit
    }

    pub(super) fn strike(&self) {
        self.strikes.send_modify(|count| *count += 1);
    }

    pub(super) fn happen(&self, event: Event) {
        let hook = self.state().on_event.clone();
        if let Some(hook) = hook {
            hook(event);
        }
    }

    pub(super) fn lands_late(&self, task: AbortHandle) {
        self.state().late.push(task);
    }

    pub(super) async fn held(&self) {
        loop {
            let changed = self.changed.notified();
            if self.state().rules.is_empty() {
                return;
            }
            changed.await;
        }
    }
}
