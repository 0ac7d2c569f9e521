//! What happens to the controllers of a trial at a call: they are gone or stop, and a read lags behind.

use crate::command::End;
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use storex_fakes::{Running, When};
use tokio::sync::Notify;

/// Longest time for which a read of the edge shows what stood before. An effect that lands 45 s late is seen within the window of late effects.
const LAG: Duration = Duration::from_secs(10);

struct Strike {
    end: End,
    nth: u32,
    when: When,
}

#[derive(Default)]
struct State {
    strikes: Vec<Strike>,
    /// When the edge changed last.
    changed_at: Option<Timestamp>,
    /// True when the next read of the edge lags behind, if it comes in time.
    lagging: bool,
}

/// The accidents of a world, shared by all its controllers.
#[derive(Clone, Default)]
pub(crate) struct Accidents {
    state: Arc<Mutex<State>>,
    struck: Arc<Notify>,
}

impl Accidents {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Whoever makes the how-many-th call from now is gone, or stops.
    pub(crate) fn strike(&self, end: End, nth: u32, when: When) {
        self.state().strikes.push(Strike { end, nth, when });
    }

    /// Returns once a controller was struck since the last time.
    pub(crate) async fn struck(&self) {
        self.struck.notified().await;
    }

    /// No accident happens any more.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.strikes.clear();
        state.lagging = false;
    }

    pub(crate) fn lag(&self) {
        self.state().lagging = true;
    }

    /// The edge changed.
    pub(crate) fn changed(&self, now: Timestamp) {
        self.state().changed_at = Some(now);
    }

    /// Whether this read of the edge lags behind.
    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let fresh = state.changed_at.is_some_and(|at| now.duration_since(at).unsigned_abs() <= LAG);
        fresh && std::mem::take(&mut state.lagging)
    }

    /// A call is made; answers what happens to whoever makes it.
    fn call(&self) -> Option<(End, When)> {
        let mut state = self.state();
        state.strikes.iter_mut().for_each(|strike| strike.nth -= 1);
        let place = state.strikes.iter().position(|strike| strike.nth == 0)?;
        let strike = state.strikes.remove(place);
        state.strikes.iter_mut().for_each(|strike| strike.nth = strike.nth.max(1));
        Some((strike.end, strike.when))
    }
}

/// Stops one controller and lets it go on. Those who wait go on in the order in which they came, so a trial repeats.
#[derive(Clone)]
pub(crate) struct Hold {
    accidents: Accidents,
    running: Arc<Mutex<Running>>,
    woken: Arc<Notify>,
}

impl Hold {
    pub(crate) fn new(accidents: &Accidents) -> Self {
        Self { accidents: accidents.clone(), running: Arc::new(Mutex::new(Running::Yes)), woken: Arc::default() }
    }

    pub(crate) fn running(&self) -> Running {
        *self.running.lock().unwrap()
    }

    pub(crate) fn halt(&self, end: End) {
        let mut running = self.running.lock().unwrap();
        *running = match (*running, end) {
            (Running::Crashed, _) | (_, End::Crash) => Running::Crashed,
            (_, End::Pause) => Running::Paused,
        };
        drop(running);
        self.accidents.struck.notify_one();
    }

    /// The controller never began: whatever of it runs waits for ever.
    pub(crate) fn abandon(&self) {
        *self.running.lock().unwrap() = Running::Crashed;
    }

    pub(crate) fn wake(&self) {
        let mut running = self.running.lock().unwrap();
        if *running == Running::Paused {
            *running = Running::Yes;
            self.woken.notify_waiters();
        }
    }

    /// Returns once the controller runs; never when it is gone.
    pub(crate) async fn pass(&self) {
        loop {
            let woken = self.woken.notified();
            if self.running() == Running::Yes {
                return;
            }
            woken.await;
        }
    }

    /// Makes a call, unless the controller is stopped before it or gone. `refuse` says why it is too late to send it after the stop.
    pub(crate) async fn call<T>(
        &self,
        refuse: impl FnOnce() -> Option<storex_core::Error>,
        call: impl Future<Output = storex_core::Result<T>>,
    ) -> storex_core::Result<T> {
        let strike = self.accidents.call();
        if let Some((end, When::Before)) = strike {
            self.halt(end);
        }
        self.pass().await;
        if let Some(error) = refuse() {
            return Err(error);
        }
        let answer = call.await;
        if let Some((end, When::After)) = strike {
            self.halt(end);
        }
        self.pass().await;
        answer
    }
}
