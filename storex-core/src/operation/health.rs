//! How the dependencies of operations are doing: a circuit breaker and a budget of retries for each. One per controller, asked by the driver
//! alone; below it nobody retries an effect.

use crate::{Code, Error, Kind};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failures in a row that open the circuit.
const FAILURES: u32 = 5;
/// How long it stays open: first, and at most; doubles while the probes fail.
const OPEN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// Retries in hand at most, what a success adds, and what a second adds, all in hundredths of a retry. A tenth of the successes: retries cannot
/// multiply the load of a struggling dependency.
const BUDGET: (i64, i64, i64) = (1000, 10, 20);

/// What may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Send.
    Go,
    /// Nothing before then.
    Until(Timestamp),
}

#[derive(Debug)]
struct Dependency {
    failures: u32,
    open_until: Option<Timestamp>,
    probing: bool,
    budget: i64,
    filled_at: Timestamp,
}

/// The dependencies by name. What was never asked is healthy.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<BTreeMap<String, Dependency>>);

impl Health {
    fn with<T>(&self, name: &str, now: Timestamp, act: impl FnOnce(&mut Dependency) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(name.to_owned()).or_insert_with(|| Dependency {
            failures: 0,
            open_until: None,
            probing: false,
            budget: BUDGET.0,
            filled_at: now,
        });
        act(known)
    }

    /// Whether a call to the dependency may be sent now. `retry` calls are paid from the budget.
    pub(super) fn admit(&self, name: &str, retry: bool, now: Timestamp) -> Admission {
        self.with(name, now, |known| known.admit(retry, now))
    }

    /// How the call went: `None` for a call that went through, whatever it answered.
    pub(super) fn report(&self, name: &str, error: Option<&Error>, now: Timestamp) {
        let is_failure = |error: &&Error| match error.code() {
            // Long work that goes well.
            Code::SnapshotInProgress => false,
            _ => matches!(error.kind(), Kind::Unavailable | Kind::Timeout | Kind::RateLimited) || error.is_unclear(),
        };
        let failed = error.filter(is_failure);
        self.with(name, now, |known| known.report(failed, now));
    }
}

impl Dependency {
    fn admit(&mut self, retry: bool, now: Timestamp) -> Admission {
        if let Some(until) = self.open_until {
            if until > now {
                return Admission::Until(until);
            }
            if self.probing {
                return Admission::Until(now + OPEN.0);
            }
            // Half open: one call finds out.
            self.probing = true;
            return Admission::Go;
        }
        if !retry {
            return Admission::Go;
        }
        let seconds = now.duration_since(self.filled_at).as_secs();
        if seconds > 0 {
            self.filled_at = now;
            self.budget = self.budget.saturating_add(seconds.saturating_mul(BUDGET.2)).min(BUDGET.0);
        }
        if self.budget < 100 {
            return Admission::Until(now + Duration::from_secs(1));
        }
        self.budget -= 100;
        Admission::Go
    }

    fn report(&mut self, failed: Option<&Error>, now: Timestamp) {
        self.probing = false;
        let Some(error) = failed else {
            self.failures = 0;
            self.open_until = None;
            self.budget = (self.budget + BUDGET.1).min(BUDGET.0);
            return;
        };
        self.failures = self.failures.saturating_add(1);
        let asked = error.retry_delay().filter(|_| error.kind() == Kind::RateLimited);
        let grown = OPEN.0.saturating_mul(1 << self.failures.saturating_sub(FAILURES).min(10)).min(OPEN.1);
        let pause = if self.failures >= FAILURES { asked.map(|asked| asked.max(grown)).or(Some(grown)) } else { asked };
        self.open_until = pause.map(|pause| now + pause).max(self.open_until.filter(|until| *until > now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_circuit_opens_after_failures_in_a_row_and_one_probe_closes_it() {
        let health = Health::default();
        let down = Error::new(Code::Unavailable, "");
        for _ in 0..FAILURES - 1 {
            health.report("edge", Some(&down), at(0));
            assert_eq!(health.admit("edge", false, at(0)), Admission::Go);
        }
        health.report("edge", Some(&down), at(0));
        assert_eq!(health.admit("edge", false, at(0)), Admission::Until(at(1)));
        assert_eq!(health.admit("host", false, at(0)), Admission::Go, "another dependency has its own circuit");
        assert_eq!(health.admit("edge", false, at(1)), Admission::Go);
        assert_eq!(health.admit("edge", false, at(1)), Admission::Until(at(2)), "one probe at a time");
        health.report("edge", Some(&down), at(1));
        assert_eq!(health.admit("edge", false, at(2)), Admission::Until(at(3)), "a failed probe doubles the pause");
        assert_eq!(health.admit("edge", false, at(3)), Admission::Go);
        health.report("edge", None, at(3));
        assert_eq!(health.admit("edge", false, at(3)), Admission::Go);
        assert_eq!(health.admit("edge", false, at(3)), Admission::Go);
    }

    #[test]
    fn a_throttling_dependency_is_left_alone_for_as_long_as_it_asked() {
        let health = Health::default();
        health.report("edge", Some(&Error::new(Code::RateLimited, "").retry_after(Duration::from_mins(5))), at(0));
        assert_eq!(health.admit("edge", false, at(299)), Admission::Until(at(300)));
        assert_eq!(health.admit("edge", false, at(300)), Admission::Go);
    }

    #[test]
    fn retries_are_a_tenth_of_the_successes_and_a_trickle() {
        let health = Health::default();
        let retries = |now: i64| (0..100).filter(|_| health.admit("edge", true, at(now)) == Admission::Go).count();
        assert_eq!(retries(0), 10);
        for _ in 0..50 {
            health.report("edge", None, at(0));
        }
        assert_eq!(retries(0), 5);
        assert_eq!(retries(10), 2);
        assert_eq!(health.admit("edge", false, at(10)), Admission::Go, "a first try costs nothing");
    }

    #[test]
    fn a_refusal_is_an_answer_and_closes_the_circuit() {
        let health = Health::default();
        for _ in 0..20 {
            health.report("edge", Some(&Error::new(Code::ForeignObject, "")), at(0));
            health.report("databases", Some(&Error::new(Code::SnapshotInProgress, "")), at(0));
        }
        assert_eq!(health.admit("databases", false, at(0)), Admission::Go, "long work that goes well is no failure");
        assert_eq!(health.admit("edge", false, at(0)), Admission::Go);
    }
}
