//! The limits that can be switched, and the call budget with its five-minute block.

use jiff::{SignedDuration, Timestamp};

use super::envelope::Refusal;
use super::state::Plan;

/// Limits of the simulated Cloudflare. The default has plan quotas only; rates are off, so that a test that is not about
/// them never meets them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Zones that may be added per ten minutes; Cloudflare allows 25 (automation guide of its documentation). Over it:
    /// 429 with `Retry-After`.
    pub zones_per_10_minutes: Option<u32>,
    /// With at least this many zones in the account a new one is refused (1118) while pending zones outnumber active
    /// ones; Cloudflare's figure is 50.
    pub pending_rule_from: Option<usize>,
    /// Calls per five minutes; Cloudflare allows 1,200. The call over it is answered 429, and so is every call of the
    /// following five minutes.
    pub calls_per_5_minutes: Option<u32>,
    /// Plan of new zones, and of the primary zone of a new world; it decides their quotas.
    pub plan: Plan,
    /// Answer an identical record with the older code 81057 instead of 81058.
    pub older_duplicate_code: bool,
}

const WINDOW: SignedDuration = SignedDuration::from_mins(5);
const QUOTA: u32 = 1200;

/// How much of the call budget is used. Belongs to the process: a restarted simulator starts with a fresh budget.
#[derive(Debug, Default)]
pub(super) struct CallBudget {
    window_start: Option<Timestamp>,
    used: u32,
    blocked_until: Option<Timestamp>,
}

impl CallBudget {
    /// Accounts for one call at `now`.
    ///
    /// # Errors
    /// 429 when the budget is exhausted, until five minutes after it was.
    pub(super) fn spend(&mut self, limits: &Limits, now: Timestamp) -> Result<(), Refusal> {
        if self.window_start.is_none_or(|start| now.duration_since(start) >= WINDOW) {
            (self.window_start, self.used) = (Some(now), 0);
        }
        self.used = self.used.saturating_add(1);
        let Some(quota) = limits.calls_per_5_minutes else {
            return Ok(());
        };
        if self.blocked_until.is_some_and(|until| now < until) {
            return Err(throttled(seconds_until(self.blocked_until, now)));
        }
        if self.used > quota {
            self.blocked_until = now.checked_add(WINDOW).ok();
            return Err(throttled(seconds_until(self.blocked_until, now)));
        }
        Ok(())
    }

    /// The two headers every answer carries: remaining calls and seconds to the reset, and the quota per window.
    pub(super) fn headers(&self, limits: &Limits, now: Timestamp) -> [(&'static str, String); 2] {
        let quota = limits.calls_per_5_minutes.unwrap_or(QUOTA);
        let reset = seconds_until(self.window_start.and_then(|start| start.checked_add(WINDOW).ok()), now);
        [
            ("ratelimit", format!("\"default\";r={};t={reset}", quota.saturating_sub(self.used))),
            ("ratelimit-policy", format!("\"default\";q={quota};w={}", WINDOW.as_secs())),
        ]
    }
}

/// The answer to a throttled caller.
pub(super) fn throttled(retry_after: u64) -> Refusal {
    Refusal::new(429, 971, "Please wait and consider throttling your request speed").retry_after(retry_after)
}

/// Whole seconds from `now` to `moment`, rounded up; 0 when it passed or is unknown.
pub(super) fn seconds_until(moment: Option<Timestamp>, now: Timestamp) -> u64 {
    let left = moment.map_or(SignedDuration::ZERO, |moment| moment.duration_since(now));
    let whole = u64::try_from(left.as_secs()).unwrap_or(0);
    whole + u64::from(left.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a small number")
    }

    #[test]
    fn the_call_over_the_budget_blocks_every_call_for_five_minutes() {
        let limits = Limits { calls_per_5_minutes: Some(3), ..Limits::default() };
        let mut budget = CallBudget::default();
        for second in 0..3 {
            assert_eq!(budget.spend(&limits, at(second)), Ok(()));
        }
        assert_eq!(budget.spend(&limits, at(10)), Err(throttled(300)));
        assert_eq!(budget.spend(&limits, at(305)), Err(throttled(5)), "a new window does not lift the block");
        assert_eq!(budget.spend(&limits, at(310)), Ok(()));
    }

    #[test]
    fn without_a_limit_nothing_is_refused_and_the_headers_still_count() {
        let mut budget = CallBudget::default();
        for _ in 0..2000 {
            assert_eq!(budget.spend(&Limits::default(), at(7)), Ok(()));
        }
        assert_eq!(budget.headers(&Limits::default(), at(8))[0].1, "\"default\";r=0;t=299");
    }
}
