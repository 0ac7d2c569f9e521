//! Which call fails, when and how; and what was called.

use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{Code, Error, Result};
use tokio::sync::Notify;

/// Whether the fault hits before or after the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The effect does not happen.
    Before,
    /// The effect happens, its answer is lost.
    After,
}

/// What happens to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Refused for good with this code.
    Refuse(Code),
    /// An error that says nothing about the effect.
    Unclear,
    /// The dependency cannot be reached; proved to have had no effect when it hits before.
    Unavailable,
    /// No answer until the rule is removed.
    Hold,
}

/// One entry of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Call to hit: `repo.put`, `notifier.deliver`, `host.apply`, …
    pub call: String,
    /// Only calls about a subject that contains this text: `outbox/…`, a domain, a part.
    #[serde(default)]
    pub subject: String,
    /// The how-many-th matching call from now is the first to be hit; 1 is the next.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many matching calls are hit from then on; 0 is for ever.
    #[serde(default = "one")]
    pub times: u32,
    /// Before or after the effect.
    pub when: When,
    /// What happens.
    pub fault: Fault,
    /// How many calls it has hit.
    #[serde(default)]
    pub fired: u32,
}

fn one() -> u32 {
    1
}

impl FaultRule {
    /// Hits the next call of this name about this subject, once.
    pub fn next(call: &str, subject: &str, when: When, fault: Fault) -> Self {
        Self { call: call.to_owned(), subject: subject.to_owned(), nth: 1, times: 1, when, fault, fired: 0 }
    }

    /// The same rule, hitting for ever.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.times = 0;
        self
    }
}

/// One call in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Name of the call, such as `repo.put`.
    pub name: &'static str,
    /// What it was about.
    pub subject: String,
    /// Whether a fault hit it.
    pub faulted: bool,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<FaultRule>,
    history: Vec<Call>,
}

/// A script of faults and the history of calls, shared by all [`Faulty`](crate::Faulty) wrappers of one world.
#[derive(Clone, Debug, Default)]
pub struct FaultScript {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
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

    /// How many calls of this name were made.
    pub fn count(&self, name: &str) -> usize {
        self.state().history.iter().filter(|call| call.name == name).count()
    }

    /// Records the call and answers the fault that hits it.
    fn enter(&self, name: &'static str, subject: &str) -> Option<(When, Fault)> {
        let mut state = self.state();
        let mut hit = None;
        for rule in &mut state.rules {
            if rule.call != name || !subject.contains(&rule.subject) {
                continue;
            }
            if rule.nth > 1 {
                rule.nth -= 1;
            } else if hit.is_none() && (rule.times == 0 || rule.fired < rule.times) {
                rule.fired += 1;
                hit = Some((rule.when, rule.fault));
            }
        }
        state.history.push(Call { name, subject: subject.to_owned(), faulted: hit.is_some() });
        hit
    }

    async fn strike<T>(&self, name: &'static str, when: When, fault: Fault) -> Result<T> {
        Err(match fault {
            Fault::Refuse(code) => Error::new(code, format!("{name} was refused by the fault script")),
            Fault::Unclear => Error::unclear(Code::Timeout, format!("{name} was lost by the fault script")),
            Fault::Unavailable if when == When::Before => {
                Error::new(Code::Unavailable, format!("{name} is down by the fault script"))
            }
            Fault::Unavailable => Error::unclear(Code::Unavailable, format!("{name} went down by the fault script")),
            Fault::Hold => {
                self.held().await;
                Error::unclear(Code::Timeout, format!("{name} was held by the fault script"))
            }
        })
    }

    async fn held(&self) {
        loop {
            let changed = self.changed.notified();
            if self.state().rules.is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// Runs a call under the script.
    ///
    /// # Errors
    /// The call's own, or the fault's.
    pub async fn call<T>(&self, name: &'static str, subject: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
        match self.enter(name, subject) {
            None => call.await,
            Some((When::Before, fault)) => self.strike(name, When::Before, fault).await,
            Some((When::After, fault)) => {
                call.await?;
                self.strike(name, When::After, fault).await
            }
        }
    }
}
