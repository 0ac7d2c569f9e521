//! How many calls in how much time: a log of calls under sliding limits.

use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

/// At most `calls` calls in any `window`, wherever it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Calls; at least one.
    pub(crate) calls: usize,
    /// The window.
    pub(crate) window: Duration,
}

impl Limit {
    /// A limit that lets at least one call through.
    pub(crate) fn new(calls: usize, window: Duration) -> Self {
        Self { calls: calls.max(1), window }
    }

    /// Whether whoever keeps `other` keeps this one too.
    fn is_implied_by(self, other: Self) -> bool {
        self.calls >= other.calls && self.window <= other.window
    }
}

/// The calls of the last while, oldest first, and the limits they keep.
#[derive(Debug)]
pub(super) struct Window {
    base: Limit,
    further: Vec<Limit>,
    /// Limits the other side named, each under its name.
    told: Vec<(String, Limit)>,
    log: VecDeque<Timestamp>,
}

/// Limits of the other side that are kept in mind.
const MOST_TOLD: usize = 8;

impl Window {
    /// A log under these limits. Turns further ahead are reckoned by the first.
    pub(super) fn new(base: Limit, further: &[Limit]) -> Self {
        Self { base, further: further.to_vec(), told: Vec::new(), log: VecDeque::new() }
    }

    /// Calls in the log.
    pub(super) fn used(&self) -> usize {
        self.log.len()
    }

    /// The limit turns are reckoned by.
    pub(super) fn base(&self) -> Limit {
        self.base
    }

    fn limits(&self) -> impl Iterator<Item = Limit> {
        [self.base].into_iter().chain(self.further.iter().copied()).chain(self.told.iter().map(|(_, limit)| *limit))
    }

    /// Keeps a limit the other side named; one that says nothing new is dropped. The newest under a name counts.
    pub(super) fn tell(&mut self, name: &str, limit: Limit) {
        self.told.retain(|(known, _)| known != name);
        if !limit.is_implied_by(self.base) && self.told.len() < MOST_TOLD {
            self.told.push((name.to_owned(), limit));
        }
    }

    /// Forgets calls no limit looks at any more.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let span = self.limits().map(|limit| limit.window).max().unwrap_or_default();
        while self.log.front().is_some_and(|oldest| now.duration_since(*oldest) >= signed(span)) {
            self.log.pop_front();
        }
    }

    /// When one more call fits; `now` or earlier when it does now.
    pub(super) fn room(&self, now: Timestamp) -> Timestamp {
        let free = |limit: Limit| {
            let before = self.log.len().checked_sub(limit.calls).and_then(|index| self.log.get(index));
            before.map_or(now, |call| after(*call, limit.window))
        };
        self.limits().map(free).max().unwrap_or(now)
    }

    /// When the call with `ahead` others before it has its turn, by what is known now.
    pub(super) fn turn(&self, ahead: usize, now: Timestamp) -> Timestamp {
        let Limit { calls, window } = self.base;
        // Whoever comes a whole budget later comes a window later.
        let (rounds, ahead) = (ahead / calls, ahead % calls);
        let first = match (self.log.len() + ahead).checked_sub(calls).and_then(|index| self.log.get(index)) {
            Some(call) => after(*call, window).max(now),
            None => now,
        };
        let later = window.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        after(first, later).max(self.room(now))
    }

    /// Counts a call. A clock that was set back does not disorder the log.
    pub(super) fn count(&mut self, now: Timestamp) -> Timestamp {
        let at = self.log.back().map_or(now, |last| now.max(*last));
        self.log.push_back(at);
        at
    }

    /// Counts the call of this time from now on: the other side may have counted it as late as this.
    pub(super) fn count_again(&mut self, at: Timestamp, now: Timestamp) {
        self.take_back(at);
        self.count(now);
    }

    /// Takes back a call that was counted at this time and not sent.
    pub(super) fn take_back(&mut self, at: Timestamp) {
        if let Some(index) = self.log.iter().rposition(|call| *call == at) {
            self.log.remove(index);
        }
    }
}

/// The time that much later, or the latest there is.
pub(super) fn after(time: Timestamp, delay: Duration) -> Timestamp {
    time.checked_add(delay).unwrap_or(Timestamp::MAX)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn of(calls: usize, seconds: u64) -> Limit {
        Limit::new(calls, Duration::from_secs(seconds))
    }

    #[test]
    fn turns_further_ahead_follow_the_calls_that_leave_the_window() {
        let mut window = Window::new(of(3, 300), &[]);
        for second in [0, 10, 20] {
            assert_eq!(window.room(at(second)), at(second));
            window.count(at(second));
        }
        let turns: Vec<Timestamp> = (0..8).map(|ahead| window.turn(ahead, at(30))).collect();
        assert_eq!(turns, [300, 310, 320, 600, 610, 620, 900, 910].map(at));
        window.forget(at(305));
        assert_eq!((window.used(), window.room(at(305))), (2, at(305)));
    }

    #[test]
    fn the_strictest_of_several_limits_counts_and_one_that_says_nothing_new_is_not_kept() {
        let mut window = Window::new(of(10, 300), &[of(2, 1)]);
        window.count(at(0));
        window.count(at(0));
        assert_eq!(window.room(at(0)), at(1));
        window.tell("burst", of(2, 60));
        assert_eq!(window.room(at(1)), at(60));
        window.tell("burst", of(20, 60));
        assert_eq!(window.room(at(1)), at(1), "the newest counts");
    }

    #[test]
    fn a_call_whose_answer_took_a_while_counts_from_its_answer() {
        let mut window = Window::new(of(2, 60), &[]);
        window.count(at(0));
        window.count(at(1));
        window.count_again(at(0), at(3));
        assert_eq!(window.room(at(4)), at(61), "the other one left first");
        window.count_again(at(1), at(2));
        assert_eq!((window.used(), window.room(at(4))), (2, at(63)), "a clock that was set back disorders nothing");
    }

    #[test]
    fn a_clock_that_was_set_back_neither_disorders_the_log_nor_makes_room() {
        let mut window = Window::new(of(2, 300), &[]);
        window.count(at(100));
        assert_eq!(window.count(at(50)), at(100));
        assert_eq!(window.room(at(50)), at(400));
        window.take_back(at(100));
        assert_eq!(window.used(), 1);
    }
}
