//! How long things take at the simulated Cloudflare. What is published says where; the rest is not, and is a number a test
//! may choose.

use serde::{Deserialize, Serialize};

const DAY: u64 = 86_400;

/// Delays in seconds of virtual time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Timings {
    /// From a zone's creation to the first look at its nameservers (documentation, "Zone status": 60 seconds).
    pub first_check_s: u64,
    /// Longest pause between two looks at a pending zone. That pauses grow is published, how is not: they double.
    pub longest_check_s: u64,
    /// Pause between two looks at a zone that is or was active. Not published.
    pub recheck_s: u64,
    /// How long a free zone may be pending (documentation: 28 days).
    pub pending_s: u64,
    /// How long a zone may be moved (documentation: 7 days).
    pub moved_s: u64,
    /// How long a deleted zone answers DNS (documentation: 7 days).
    pub purge_s: u64,
    /// Between two steps of a certificate. The documentation promises minutes to a day for all of them together.
    pub certificate_step_s: u64,
    /// Until the first answer of a custom hostname is followed by one with validation records. Not published.
    pub records_s: u64,
    /// Between two steps of a fallback origin. Not published.
    pub fallback_step_s: u64,
    /// How long a custom hostname may be moved before it is deleted (documentation: 7 days).
    pub hostname_moved_s: u64,
    /// How long a connector serves the former configuration after a PUT. Seconds in practice; not published.
    pub connector_lag_s: u64,
    /// Between two states of DNSSEC. Not published.
    pub dnssec_step_s: u64,
    /// How long a scan for records runs. Not published.
    pub scan_s: u64,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            first_check_s: 60,
            longest_check_s: 4 * 3600,
            recheck_s: 3600,
            pending_s: 28 * DAY,
            moved_s: 7 * DAY,
            purge_s: 7 * DAY,
            certificate_step_s: 60,
            records_s: 5,
            fallback_step_s: 30,
            hostname_moved_s: 7 * DAY,
            connector_lag_s: 0,
            dnssec_step_s: 300,
            scan_s: 10,
        }
    }
}

impl Timings {
    /// The pause after the `done`th look at a pending zone.
    pub(super) fn check_pause(&self, done: u32) -> u64 {
        let doubled = self.first_check_s.max(1).saturating_mul(1_u64.checked_shl(done.min(40)).unwrap_or(u64::MAX));
        doubled.min(self.longest_check_s.max(1))
    }
}

/// Checks of a custom hostname before it is given up (documentation, "Validation backoff schedule": 75 over seven days).
pub(super) const HOSTNAME_CHECKS: u32 = 75;

/// The pause after check `done` (from 0) of a custom hostname: 60·1.05ⁿ seconds for the first ten, then 60·1.15ⁿ, at most
/// four hours (documentation, "Validation backoff schedule").
pub(super) fn hostname_pause(done: u32) -> u64 {
    let (numerator, growth) = if done < 10 { (60_000_000_u64, 105) } else { (60_000_000_u64, 115) };
    let grown = (0..done.min(60)).fold(numerator, |pause, _| pause.saturating_mul(growth) / 100);
    (grown / 1_000_000).min(4 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ten_checks_take_twelve_and_a_half_minutes_and_all_of_them_seven_days() {
        let first: u64 = (0..10).map(hostname_pause).sum();
        assert!((745..=760).contains(&first), "{first} s");
        let all: u64 = (0..HOSTNAME_CHECKS).map(hostname_pause).sum();
        assert!((7 * DAY..8 * DAY).contains(&all), "{} days", all / DAY);
        assert_eq!((hostname_pause(0), hostname_pause(1), hostname_pause(10), hostname_pause(74)), (60, 63, 242, 14_400));
    }

    #[test]
    fn looks_at_a_pending_zone_come_at_growing_pauses() {
        let pauses: Vec<u64> = (1..=10).map(|done| Timings::default().check_pause(done)).collect();
        assert_eq!(pauses, [120, 240, 480, 960, 1920, 3840, 7680, 14_400, 14_400, 14_400]);
    }
}
