//! The limits that can be switched, and the call budget with its five-minute block.

use jiff::{SignedDuration, Timestamp};

use serde::{Deserialize, Serialize};

use super::envelope::Refusal;
use super::state::Plan;
use super::timings::Timings;

/// Limits of the simulated Cloudflare. The default has plan quotas only; rates are off, so that a test that is not about
/// them never meets them. [`Limits::published`] switches on what Cloudflare publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a limit that is switched on by itself")]
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
    /// Calls per second of one address; Cloudflare allows 200.
    pub calls_per_second: Option<u32>,
    /// GraphQL queries per five minutes, beside the other calls; Cloudflare allows 300.
    pub graphql_per_5_minutes: Option<u32>,
    /// Whether each token has a call budget of its own. The documentation says both; off means one budget for all.
    pub budget_per_token: bool,
    /// Whether a zone's activation check has a pace: once an hour on the Free plan, once in five minutes above it.
    pub activation_pace: bool,
    /// Custom hostnames that may be made per minute; Cloudflare allows 15.
    pub hostnames_per_minute: Option<u32>,
    /// How long none may be made after that many; Cloudflare says 30 seconds.
    pub hostname_block_s: u64,
    /// Custom hostnames included in a zone; more may be made, and cost.
    pub hostnames_allocated: u32,
    /// Custom hostnames a zone can have at all; 50,000 below Enterprise.
    pub hostnames_most: u32,
    /// Advanced certificates a zone may order; 0 without the Advanced Certificate Manager add-on.
    pub advanced_certificates: u32,
    /// Whether purges have a pace.
    pub purge: bool,
    /// For how many seconds after its creation a zone's own routes answer 403/10000; seen in practice, never documented.
    pub young_zone_s: u64,
    /// Plan of new zones, and of the primary zone of a new world; it decides their quotas.
    pub plan: Plan,
    /// Answer an identical record with the older code 81057 instead of 81058.
    pub older_duplicate_code: bool,
    /// Numbers of refusals that no public source confirms.
    pub codes: Codes,
    /// How long things take.
    pub timings: Timings,
}

/// Numbers of refusals that no public source confirms, so that a client can be held to not relying on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Codes {
    /// A tunnel configuration that is not valid.
    pub bad_configuration: i64,
    /// A phase without a ruleset.
    pub no_entrypoint: i64,
    /// More pending than active zones.
    pub pending_zones: i64,
    /// More records than the plan has.
    pub record_quota: i64,
}

impl Default for Codes {
    fn default() -> Self {
        Self { bad_configuration: 1056, no_entrypoint: 10_003, pending_zones: 1118, record_quota: 81_045 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            zones_per_10_minutes: None,
            pending_rule_from: None,
            calls_per_5_minutes: None,
            calls_per_second: None,
            graphql_per_5_minutes: None,
            budget_per_token: false,
            activation_pace: false,
            hostnames_per_minute: None,
            hostname_block_s: 30,
            hostnames_allocated: 100,
            hostnames_most: 50_000,
            advanced_certificates: 0,
            purge: false,
            young_zone_s: 0,
            plan: Plan::Free,
            older_duplicate_code: false,
            codes: Codes::default(),
            timings: Timings::default(),
        }
    }
}

impl Limits {
    /// Every limit Cloudflare publishes, at its figure.
    pub fn published() -> Self {
        Self {
            zones_per_10_minutes: Some(25),
            pending_rule_from: Some(50),
            calls_per_5_minutes: Some(QUOTA),
            calls_per_second: Some(200),
            graphql_per_5_minutes: Some(300),
            activation_pace: true,
            hostnames_per_minute: Some(15),
            purge: true,
            ..Self::default()
        }
    }
}

const WINDOW: SignedDuration = SignedDuration::from_mins(5);
const QUOTA: u32 = 1200;

/// How much of the call budget is used. Belongs to the process: a restarted simulator starts with a fresh budget.
#[derive(Debug, Default)]
pub(super) struct CallBudget {
    window_start: Option<Timestamp>,
    used: u32,
    blocked_until: Option<Timestamp>,
    second: Option<Timestamp>,
    in_second: u32,
}

impl CallBudget {
    /// Accounts for one call at `now` under `quota` calls per five minutes.
    ///
    /// # Errors
    /// 429 when the budget is exhausted, until five minutes after it was; then a new window begins.
    pub(super) fn spend(&mut self, quota: Option<u32>, now: Timestamp) -> Result<(), Refusal> {
        if quota.is_some() && self.blocked_until.is_some_and(|until| now < until) {
            return Err(throttled(seconds_until(self.blocked_until, now)));
        }
        let lifted = self.blocked_until.take().is_some();
        if lifted || self.window_start.is_none_or(|start| now.duration_since(start) >= WINDOW) {
            (self.window_start, self.used) = (Some(now), 0);
        }
        self.used = self.used.saturating_add(1);
        if quota.is_some_and(|quota| self.used > quota) {
            self.blocked_until = now.checked_add(WINDOW).ok();
            return Err(throttled(seconds_until(self.blocked_until, now)));
        }
        Ok(())
    }

    /// Accounts for one call of an address.
    ///
    /// # Errors
    /// 429 until the second is over.
    pub(super) fn spend_second(&mut self, most: Option<u32>, now: Timestamp) -> Result<(), Refusal> {
        if self.second.is_none_or(|start| now.duration_since(start) >= SignedDuration::from_secs(1)) {
            (self.second, self.in_second) = (Some(now), 0);
        }
        self.in_second = self.in_second.saturating_add(1);
        if most.is_some_and(|most| self.in_second > most) { Err(throttled(1)) } else { Ok(()) }
    }

    /// The two headers every answer carries: remaining calls and seconds to the reset, and the quota per window.
    pub(super) fn headers(&self, quota: Option<u32>, now: Timestamp) -> [(&'static str, String); 2] {
        let quota = quota.unwrap_or(QUOTA);
        let blocked = self.blocked_until.filter(|until| now < *until);
        let reset = seconds_until(blocked.or_else(|| self.window_start.and_then(|start| start.checked_add(WINDOW).ok())), now);
        let left = if blocked.is_some() { 0 } else { quota.saturating_sub(self.used) };
        [
            ("ratelimit", format!("\"default\";r={left};t={reset}")),
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
        let quota = Some(3);
        let mut budget = CallBudget::default();
        for second in 0..3 {
            assert_eq!(budget.spend(quota, at(second)), Ok(()));
        }
        assert_eq!(budget.spend(quota, at(10)), Err(throttled(300)));
        assert_eq!(budget.spend(quota, at(305)), Err(throttled(5)), "a new window does not lift the block");
        assert_eq!(budget.spend(quota, at(310)), Ok(()));
    }

    #[test]
    fn without_a_limit_nothing_is_refused_and_the_headers_still_count() {
        let mut budget = CallBudget::default();
        for _ in 0..2000 {
            assert_eq!(budget.spend(None, at(7)), Ok(()));
        }
        assert_eq!(budget.headers(None, at(8))[0].1, "\"default\";r=0;t=299");
    }
}
