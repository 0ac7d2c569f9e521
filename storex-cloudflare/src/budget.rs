//! The call budget: when the next call may be sent, and whose turn it is.
//!
//! Cloudflare allows 1,200 calls per five minutes and token and 200 per second and address and, once over the first, blocks every call for the next
//! five minutes (Cloudflare docs, "Rate limits" under API reference, updated 2026-04-20). One call too many is an outage of the control plane, so
//! calls wait here instead: in the order they came, those somebody waits for before sweeps.

mod ceiling;
mod line;
mod state;
mod window;

#[cfg(test)]
mod tests;

pub(crate) use window::Limit;

use crate::lane::Lane;
use crate::rate_headers::RateHeaders;
use jiff::Timestamp;
use line::Bell;
use state::{Counted, Look, State};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{Clock, Code, Error, Result, remaining};

/// Calls per window: nine tenths of what Cloudflare allows, since the account's other users draw on the same budget.
pub(crate) const CALLS: Limit = Limit { calls: 1_080, window: Duration::from_mins(5) };
/// Calls per second: half of what Cloudflare allows an address, since those of one second can arrive together with those of the next.
pub(crate) const BURST: Limit = Limit { calls: 100, window: Duration::from_secs(1) };
/// New zones per account (Cloudflare docs, "Add multiple sites via automation").
pub(crate) const ZONE_SIGNUPS: Limit = Limit { calls: 25, window: Duration::from_mins(10) };
/// Certificates submitted for custom hostnames (Cloudflare docs, "Cloudflare for SaaS: troubleshooting").
pub(crate) const CERTIFICATES: Limit = Limit { calls: 15, window: Duration::from_mins(1) };

/// Queries of analytics per window: nine tenths of what Cloudflare allows a user (Cloudflare docs, "GraphQL Analytics API: limits").
pub(crate) const QUERIES: Limit = Limit { calls: 270, window: Duration::from_mins(5) };

/// What a call draws on besides the budget all calls share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quota {
    /// Nothing.
    Calls,
    /// Adding a zone.
    ZoneSignup,
    /// Adding a custom hostname, or asking for its certificate again.
    HostnameCertificate,
    /// Asking analytics. Its answers' rate headers speak of its own limit.
    Analytics,
}

/// How much may be sent.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    /// Calls of all kinds. Turns further ahead are reckoned by it.
    pub(crate) calls: Limit,
    /// Further limits on calls of all kinds.
    pub(crate) further: Vec<Limit>,
    /// Limit on new zones.
    pub(crate) signups: Limit,
    /// Limit on certificates for custom hostnames.
    pub(crate) certificates: Limit,
    /// Limit on queries of analytics.
    pub(crate) queries: Limit,
}

impl Default for Rates {
    fn default() -> Self {
        Self { calls: CALLS, further: vec![BURST], signups: ZONE_SIGNUPS, certificates: CERTIFICATES, queries: QUERIES }
    }
}

/// The turns of all users of one token. Shared by all clones of a client.
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Budget {
    /// A budget of which nothing is used. Without rates everything is let through at once.
    pub(crate) fn new(clock: Arc<dyn Clock>, rates: Option<Rates>) -> Self {
        Self { clock, state: Mutex::new(State::new(rates)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more call may be sent, and counts it. The call is under way until the answer is dropped.
    ///
    /// # Errors
    /// `rate_limited`, refused, saying when there is room, as soon as it shows that the turn would come at or after `deadline`; without a deadline it
    /// waits.
    ///
    /// # Cancellation
    /// Dropping the future gives the place in the line back and counts nothing.
    pub(crate) async fn admit(&self, lane: Lane, quota: Quota, deadline: Option<Timestamp>) -> Result<UnderWay<'_>> {
        let bell = Bell::default();
        let ticket = self.state().line_up(lane, quota, self.clock.now(), &bell);
        let mut place = Place { budget: self, ticket: Some(ticket) };
        loop {
            let now = self.clock.now();
            let (look, ringing) = {
                let mut state = self.state();
                (state.look(ticket, now), state.take_ringing())
            };
            ringing.iter().for_each(Bell::ring);
            let (turn, wake) = match look {
                Look::Go(counted) => {
                    place.ticket = None;
                    return Ok(UnderWay { budget: self, counted });
                }
                Look::Wait { turn, wake } => (turn, wake),
            };
            if deadline.is_some_and(|deadline| turn >= deadline || now >= deadline) {
                let message = "the call budget for Cloudflare is used up until after the call's deadline";
                return Err(Error::new(Code::RateLimited, message).retry_after(remaining(now, turn)));
            }
            let wake = deadline.map_or(wake, |deadline| wake.min(deadline));
            // At least a millisecond, so that a clock standing between two of its ticks cannot make this spin.
            let nap = remaining(now, wake).max(Duration::from_millis(1));
            tokio::select! {
                biased;
                () = bell.rung() => {}
                () = self.clock.sleep(nap) => {}
            }
        }
    }

    /// Takes in what an answer's headers say.
    pub(crate) fn learn(&self, headers: &RateHeaders) {
        let now = self.clock.now();
        self.change(|state| state.learn(headers, now));
    }

    /// Sends nothing for this long: what an answer 429 asks for.
    pub(crate) fn close(&self, pause: Duration) {
        let until = window::after(self.clock.now(), pause);
        self.change(|state| state.close(until));
    }

    /// Sends nothing that draws on this quota for this long.
    pub(crate) fn close_quota(&self, quota: Quota, pause: Duration) {
        let until = window::after(self.clock.now(), pause);
        self.change(|state| state.close_quota(quota, until));
    }

    /// Changes the state and wakes whom it concerns.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let ringing = {
            let mut state = self.state();
            change(&mut state);
            state.take_ringing()
        };
        ringing.iter().for_each(Bell::ring);
    }
}

/// A place in the line, given back when its holder goes away.
struct Place<'b> {
    budget: &'b Budget,
    ticket: Option<u64>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.budget.clock.now();
            self.budget.change(|state| state.leave(ticket, now));
        }
    }
}

/// A call that was let through and has no answer yet.
#[derive(Debug)]
pub(crate) struct UnderWay<'b> {
    budget: &'b Budget,
    counted: Counted,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let now = self.budget.clock.now();
        self.budget.state().answered(self.counted, now);
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}
