//! The call budget: when the next call may be sent.
//!
//! Cloudflare allows 1,200 calls per five minutes and, once over it, blocks every call for the next five (Cloudflare docs, "Rate limits" of the
//! API). One call too many is an outage of the control plane, so calls wait here instead.

use jiff::Timestamp;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{Clock, Code, Error, Result, remaining};

/// Calls per window: nine tenths of what Cloudflare allows, since the account's other users draw on the same budget.
pub(crate) const CALLS: usize = 1_080;
/// The window.
pub(crate) const WINDOW: Duration = Duration::from_mins(5);

/// What a call draws on besides the budget all calls share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Nothing.
    General,
    /// Adding a zone: 25 per ten minutes and account (Cloudflare docs, "Add multiple sites via automation").
    ZoneSignup,
}

#[derive(Debug, Default)]
struct State {
    admitted: VecDeque<Timestamp>,
    closed_until: Option<Timestamp>,
    signups_closed_until: Option<Timestamp>,
}

/// A sliding window over the calls of one client, and the pause after an answer 429. Shared by all clones of the client.
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    calls: usize,
    window: Duration,
    state: Mutex<State>,
}

impl Budget {
    /// Admits at most `calls` calls in any `window`.
    pub(crate) fn new(clock: Arc<dyn Clock>, calls: usize, window: Duration) -> Self {
        Self { clock, calls, window, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more call may be sent, and counts it. Dropping the future counts nothing.
    ///
    /// # Errors
    /// `rate_limited` at once, refused, when the turn would come at or after `deadline`; without a deadline it waits.
    pub(crate) async fn admit(&self, lane: Lane, deadline: Option<Timestamp>) -> Result<()> {
        loop {
            let now = self.clock.now();
            let Some(turn) = self.try_admit(lane, now) else {
                return Ok(());
            };
            let wait = remaining(now, turn);
            if deadline.is_some_and(|deadline| turn >= deadline) {
                return Err(Error::new(
                    Code::RateLimited,
                    "the call budget for Cloudflare is used up until after the call's deadline",
                )
                .retry_after(wait));
            }
            // At least a millisecond, so that a clock standing between two of its ticks cannot make this spin.
            self.clock.sleep(wait.max(Duration::from_millis(1))).await;
        }
    }

    /// Counts a call, or answers when to ask again.
    fn try_admit(&self, lane: Lane, now: Timestamp) -> Option<Timestamp> {
        let mut state = self.state();
        while state.admitted.front().is_some_and(|oldest| now.duration_since(*oldest) >= signed(self.window)) {
            state.admitted.pop_front();
        }
        let closed =
            if lane == Lane::ZoneSignup { state.closed_until.max(state.signups_closed_until) } else { state.closed_until };
        if let Some(until) = closed.filter(|until| now < *until) {
            return Some(until);
        }
        if state.admitted.len() < self.calls {
            state.admitted.push_back(now);
            return None;
        }
        state.admitted.front().and_then(|oldest| oldest.checked_add(self.window).ok())
    }

    /// Sends nothing for this long: what an answer 429 asks for.
    pub(crate) fn close(&self, pause: Duration) {
        let until = self.clock.now().checked_add(pause).ok();
        let mut state = self.state();
        state.closed_until = state.closed_until.max(until);
    }

    /// Adds no zone for this long.
    pub(crate) fn close_signups(&self, pause: Duration) {
        let until = self.clock.now().checked_add(pause).ok();
        let mut state = self.state();
        state.signups_closed_until = state.signups_closed_until.max(until);
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("calls", &self.calls)
            .field("window", &self.window)
            .field("used", &self.state().admitted.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use storex_fakes::MemoryClock;

    fn budget(calls: usize, window: Duration) -> (Arc<MemoryClock>, Budget) {
        let clock = Arc::new(MemoryClock::new());
        (Arc::clone(&clock), Budget::new(clock, calls, window))
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_of_five_minutes_ever_holds_more_calls_than_the_budget() {
        let (clock, budget) = budget(CALLS, WINDOW);
        let admitted = Mutex::new(Vec::new());
        // Bursts that arrive at odd moments, the first two over the budget on their own.
        let bursts = [(0_u64, 1_500_u64), (7, 1_300), (450, 600), (611, 1_081)];
        join_all(bursts.iter().flat_map(|(after, count)| (0..*count).map(move |_| *after)).map(|after| {
            let (clock, budget, admitted) = (&clock, &budget, &admitted);
            async move {
                clock.sleep(Duration::from_secs(after)).await;
                budget.admit(Lane::General, None).await.expect("waits instead of failing");
                admitted.lock().unwrap().push(clock.now());
            }
        }))
        .await;
        let mut times = admitted.into_inner().unwrap();
        times.sort();
        assert_eq!(times.len(), 4_481, "every call was admitted");
        for pair in times.windows(CALLS + 1) {
            assert!(remaining(pair[0], pair[CALLS]) >= WINDOW, "{} and {} lie in one window", pair[0], pair[CALLS]);
        }
        let total = remaining(times[0], times[4_480]);
        assert!(total <= WINDOW * 5, "it waits no longer than it must: {total:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_whose_turn_comes_after_its_deadline_is_refused_at_once() {
        let (clock, budget) = budget(2, WINDOW);
        let start = clock.now();
        budget.admit(Lane::General, None).await.unwrap();
        budget.admit(Lane::General, None).await.unwrap();
        let error =
            budget.admit(Lane::General, Some(start + Duration::from_secs(299))).await.expect_err("no room before the deadline");
        assert_eq!((error.code(), error.is_unclear(), error.retry_delay()), (Code::RateLimited, false, Some(WINDOW)));
        assert_eq!(clock.now(), start, "it did not wait to find out");
        budget.admit(Lane::General, Some(start + Duration::from_secs(301))).await.expect("its turn comes in time");
        assert_eq!(remaining(start, clock.now()), WINDOW);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_was_asked_nothing_is_admitted_until_it_is_over() {
        let (clock, budget) = budget(CALLS, WINDOW);
        let start = clock.now();
        budget.close(Duration::from_mins(2));
        budget.close(Duration::from_secs(5));
        budget.admit(Lane::General, None).await.unwrap();
        assert_eq!(remaining(start, clock.now()), Duration::from_mins(2), "a shorter pause does not shorten a longer one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_of_zone_signups_holds_up_nothing_else() {
        let (clock, budget) = budget(CALLS, WINDOW);
        let start = clock.now();
        budget.close_signups(Duration::from_mins(10));
        budget.admit(Lane::General, None).await.unwrap();
        assert_eq!(clock.now(), start);
        budget.admit(Lane::ZoneSignup, None).await.unwrap();
        assert_eq!(remaining(start, clock.now()), Duration::from_mins(10));
    }
}
