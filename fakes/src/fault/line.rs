//! The line between one process and the world: where its calls are recorded, struck and stopped.

use super::{Call, Fault, FaultScript, When};
use futures::future::BoxFuture;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{Clock, Code, EffectCx, EffectId, Error, Result, remaining};
use tokio::sync::Notify;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// It runs.
    Yes,
    /// It is stopped and may go on.
    Paused,
    /// It is gone; what is left of it waits for ever.
    Crashed,
}

/// Stops every call of one process, at its entry and at its exit, as SIGSTOP would. Those who wait go on in the order in which they came, so that a
/// run repeats. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    running: Arc<Mutex<Running>>,
    opened: Arc<Notify>,
}

impl Default for Gate {
    /// An open gate.
    fn default() -> Self {
        Self { running: Arc::new(Mutex::new(Running::Yes)), opened: Arc::default() }
    }
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the process does.
    pub fn running(&self) -> Running {
        *self.state()
    }

    /// Stops the process.
    pub fn pause(&self) {
        *self.state() = Running::Paused;
    }

    /// Ends the process: none of its calls is sent or answered any more.
    pub fn crash(&self) {
        *self.state() = Running::Crashed;
    }

    /// Lets a stopped process go on.
    pub fn resume(&self) {
        let mut running = self.state();
        if *running == Running::Paused {
            *running = Running::Yes;
            self.opened.notify_waiters();
        }
    }

    /// Returns once the gate is open; never when the process is gone.
    pub async fn pass(&self) {
        loop {
            let opened = self.opened.notified();
            if self.running() == Running::Yes {
                return;
            }
            opened.await;
        }
    }
}

/// What every call of one process goes through: the world's script and the process's gate.
#[derive(Clone, Debug)]
pub struct Line {
    script: FaultScript,
    gate: Gate,
    clock: Option<Arc<dyn Clock>>,
}

/// What a call is, beside the call itself.
pub(crate) struct Head<'a> {
    pub(crate) name: &'static str,
    pub(crate) subject: &'a str,
    pub(crate) cx: Option<&'a EffectCx>,
    /// Names the effect of a call without a context.
    pub(crate) effect: Option<EffectId>,
}

/// The same call once more, on its own.
pub(crate) type Again<'a, T> = &'a (dyn Fn() -> BoxFuture<'static, Result<T>> + Sync);

impl Line {
    /// A line without a gate or a clock: calls are never refused for their deadline.
    pub fn of(script: FaultScript) -> Self {
        Self { script, gate: Gate::default(), clock: None }
    }

    /// A line of a process with its gate. By the clock, a call whose deadline has passed when it passes the gate is refused, as every
    /// adapter does before it sends.
    pub fn new(script: FaultScript, gate: Gate, clock: Arc<dyn Clock>) -> Self {
        Self { script, gate, clock: Some(clock) }
    }

    /// Runs a read.
    pub(crate) async fn read<T: 'static>(
        &self,
        name: &'static str,
        subject: &str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.run(Head { name, subject, cx: None, effect: None }, call, None, None).await
    }

    /// Runs a read of a provider that can answer what stood before.
    pub(crate) async fn read_stale<T: 'static>(
        &self,
        name: &'static str,
        subject: &str,
        call: impl Future<Output = Result<T>>,
        stale: Option<BoxFuture<'_, Result<T>>>,
    ) -> Result<T> {
        self.run(Head { name, subject, cx: None, effect: None }, call, None, stale).await
    }

    /// Runs a call that changes something.
    pub(crate) async fn effect<T: Send + 'static>(
        &self,
        head: Head<'_>,
        call: impl Future<Output = Result<T>>,
        again: Again<'_, T>,
    ) -> Result<T> {
        self.run(head, call, Some(again), None).await
    }

    /// Lets the call happen so many seconds after its deadline. One type of task for every call: each type more is compiled as a whole.
    fn land_late(&self, cx: Option<&EffectCx>, seconds: u32, call: BoxFuture<'static, ()>) {
        let (Some(cx), Some(clock)) = (cx, self.clock.clone()) else { return };
        let pause = remaining(clock.now(), cx.deadline) + Duration::from_secs(u64::from(seconds));
        let landing = tokio::spawn(async move {
            clock.sleep(pause).await;
            call.await;
        });
        self.script.lands_late(landing.abort_handle());
    }

    async fn run<T: 'static>(
        &self,
        head: Head<'_>,
        call: impl Future<Output = Result<T>>,
        again: Option<Again<'_, T>>,
        stale: Option<BoxFuture<'_, Result<T>>>,
    ) -> Result<T> {
        self.gate.pass().await;
        let at = self.clock.as_ref().map(|clock| clock.now());
        let effect = head.cx.map(|cx| cx.mark.effect.clone()).or(head.effect);
        let entry = Call { name: head.name, subject: head.subject.to_owned(), effect, at, faulted: false };
        let answer = match (self.script.enter(entry), stale, again) {
            (None, ..) => self.send(head.cx, call).await,
            (Some((_, Fault::Stale)), Some(stale), _) => stale.await,
            (Some((_, Fault::Twice)), _, Some(again)) => {
                let answer = self.send(head.cx, call).await;
                // Its answer reaches nobody.
                drop(again().await);
                answer
            }
            // What is not sent is not late.
            (Some((_, Fault::Late(_))), ..) if self.is_overdue(head.cx) => Err(overdue()),
            (Some((_, Fault::Late(seconds))), _, Some(again)) => {
                let late = again();
                // Nobody is left to hear the answer.
                self.land_late(head.cx, seconds, Box::pin(async move { drop(late.await) }));
                Err(Error::unclear(Code::Timeout, format!("{} got no answer by the fault script", head.name)))
            }
            (Some((When::Before, fault)), ..) => match self.strike(head.name, head.cx, When::Before, fault).await {
                Ok(()) => self.send(head.cx, call).await,
                Err(error) => Err(error),
            },
            (Some((When::After, fault)), ..) => match self.send(head.cx, call).await {
                Ok(answer) => self.strike(head.name, head.cx, When::After, fault).await.map(|()| answer),
                Err(error) => Err(error),
            },
        };
        self.gate.pass().await;
        answer
    }

    async fn send<T>(&self, cx: Option<&EffectCx>, call: impl Future<Output = Result<T>>) -> Result<T> {
        if self.is_overdue(cx) { Err(overdue()) } else { call.await }
    }

    /// Whether the call's deadline has passed: adapters send nothing then.
    fn is_overdue(&self, cx: Option<&EffectCx>) -> bool {
        matches!((cx, &self.clock), (Some(cx), Some(clock)) if clock.now() >= cx.deadline)
    }

    /// The process stops here: for ever, or until its gate opens.
    async fn stop(&self, fault: Fault) {
        if fault == Fault::Crash {
            self.gate.crash();
        } else {
            self.gate.pause();
        }
        self.script.strike();
        self.gate.pass().await;
    }

    /// What the fault does at this side of the call; an error when it takes the answer's place.
    async fn strike(&self, name: &str, cx: Option<&EffectCx>, when: When, fault: Fault) -> Result<()> {
        let error = match fault {
            Fault::Crash | Fault::Pause => {
                self.stop(fault).await;
                return Ok(());
            }
            Fault::Event(event) => {
                self.script.happen(event);
                return Ok(());
            }
            Fault::Slow(milliseconds) => {
                if let Some(clock) = &self.clock {
                    clock.sleep(Duration::from_millis(u64::from(milliseconds))).await;
                }
                return Ok(());
            }
            Fault::Refuse(code) => return Err(Error::new(code, format!("{name} was refused by the fault script"))),
            Fault::Unavailable => Error::new(Code::Unavailable, format!("{name} is down by the fault script")),
            Fault::RateLimited(seconds) => {
                Error::new(Code::RateLimited, format!("{name} was called too often by the fault script"))
                    .retry_after(Duration::from_secs(u64::from(seconds)))
            }
            Fault::Denied => Error::new(Code::CloudflareDenied, format!("{name} was denied by the fault script")),
            Fault::Disk => Error::new(Code::Unavailable, format!("{name} could not write to the disk by the fault script")),
            Fault::Hold => {
                self.script.held().await;
                Error::unclear(Code::Timeout, format!("{name} was held by the fault script"))
            }
            Fault::NoAnswer => {
                if let (Some(cx), Some(clock)) = (cx, &self.clock) {
                    clock.sleep(remaining(clock.now(), cx.deadline)).await;
                }
                Error::unclear(Code::Timeout, format!("{name} did not answer in time by the fault script"))
            }
            Fault::Undecodable => {
                Error::unclear(Code::CloudflareAnswer, format!("{name} answered nothing readable by the fault script"))
            }
            Fault::Unclear | Fault::Late(_) | Fault::Twice | Fault::Stale => {
                Error::unclear(Code::Timeout, format!("{name} was lost by the fault script"))
            }
        };
        // After the effect no error proves that there was none.
        Err(if when == When::After { error.into_unclear() } else { error })
    }
}

fn overdue() -> Error {
    Error::new(Code::Timeout, "the deadline had passed before the call was sent")
}

impl<'a> Head<'a> {
    /// A call with an effect's context.
    pub(crate) fn of(name: &'static str, subject: &'a str, cx: &'a EffectCx) -> Self {
        Self { name, subject, cx: Some(cx), effect: None }
    }

    /// A change without an effect's context.
    pub(crate) fn bare(name: &'static str, subject: &'a str) -> Self {
        Self { name, subject, cx: None, effect: None }
    }
}
