//! What the other side says is left of its quotas, which other programs and people draw on too.

use super::window::after;
use crate::rate_headers::{Policy, Remaining};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Quotas kept in mind.
const MOST: usize = 8;

/// Calls sent when the time of a low figure is over, before an answer says how it stands now: whether a window ends all at once or call by call is not
/// documented.
const PROBES: usize = 1;
/// Shortest pause when nothing is left, so that finding out costs less than it may find.
const LEAST_PAUSE: Duration = Duration::from_secs(10);
/// How long such an answer is waited for.
const GRACE: Duration = Duration::from_secs(5);
/// What counts as a low figure: twice what may be sent before an answer comes.
const LOW: usize = 200;

#[derive(Clone, Copy, Debug)]
struct Ceiling {
    left: usize,
    until: Timestamp,
    /// Its time was over, and the first calls since are under way.
    probing: bool,
}

impl Ceiling {
    fn is_stale(&self, now: Timestamp) -> bool {
        self.until <= now && !self.probing && self.left <= LOW
    }
}

/// Calls that may still be sent before a quota's next window begins, by quota.
#[derive(Debug, Default)]
pub(super) struct Ceilings {
    known: BTreeMap<String, Ceiling>,
    /// A tenth of each quota, left to others.
    reserves: BTreeMap<String, usize>,
}

impl Ceilings {
    /// Takes in the size of a quota.
    pub(super) fn size(&mut self, policy: &Policy) {
        if self.reserves.len() < MOST || self.reserves.contains_key(&policy.name) {
            self.reserves.insert(policy.name.clone(), policy.quota.div_ceil(10));
        }
    }

    /// Takes in what is left, by an answer that came while this many further calls were under way: the other side may not have counted them yet.
    pub(super) fn learn(&mut self, remaining: &Remaining, under_way: usize, now: Timestamp) {
        let reserve = self.reserves.get(&remaining.name).copied().unwrap_or_default();
        let left = remaining.left.saturating_sub(reserve).saturating_sub(under_way);
        let until = after(now, if left == 0 { remaining.reset.max(LEAST_PAUSE) } else { remaining.reset });
        let same_window = |known: &&mut Ceiling| !known.probing && known.until > now && known.until >= until;
        let fresh = Ceiling { left, until, probing: false };
        let room = self.known.len() < MOST;
        match self.known.get_mut(&remaining.name) {
            // Answers overtake each other, so one that came while others were under way may only lower the figure.
            Some(known) if under_way > 0 && same_window(&known) => known.left = known.left.min(left),
            Some(known) => *known = fresh,
            None if room => drop(self.known.insert(remaining.name.clone(), fresh)),
            None => {}
        }
    }

    /// Counts a call.
    pub(super) fn count(&mut self, now: Timestamp) {
        for ceiling in self.known.values_mut() {
            if ceiling.is_stale(now) {
                *ceiling = Ceiling { left: PROBES, until: after(now, GRACE), probing: true };
            }
            ceiling.left = ceiling.left.saturating_sub(1);
        }
    }

    /// Takes a counted call back.
    pub(super) fn take_back(&mut self) {
        self.known.values_mut().for_each(|ceiling| ceiling.left = ceiling.left.saturating_add(1));
    }

    /// When a call with `ahead` others before it fits; `now` when it does now.
    pub(super) fn room(&self, ahead: usize, now: Timestamp) -> Timestamp {
        let blocked = |ceiling: &Ceiling| match ceiling {
            stale if stale.is_stale(now) => (ahead >= PROBES).then(|| after(now, GRACE)),
            known => (known.until > now && known.left <= ahead).then_some(known.until),
        };
        self.known.values().filter_map(blocked).max().unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn left(left: usize, reset: u64) -> Remaining {
        Remaining { name: "default".to_owned(), left, reset: Duration::from_secs(reset) }
    }

    #[test]
    fn what_is_left_counts_until_its_window_ends_and_calls_under_way_are_not_counted_on() {
        let mut ceilings = Ceilings::default();
        ceilings.learn(&left(5, 30), 2, at(0));
        assert_eq!((ceilings.room(2, at(0)), ceilings.room(3, at(0))), (at(0), at(30)));
        ceilings.learn(&left(9, 29), 1, at(1));
        assert_eq!(ceilings.room(3, at(1)), at(30), "an older answer raises nothing");
        ceilings.count(at(1));
        assert_eq!(ceilings.room(2, at(1)), at(30));
        ceilings.learn(&left(9, 28), 0, at(2));
        assert_eq!(ceilings.room(8, at(2)), at(2), "nothing was under way: the figure is exact");
        ceilings.learn(&left(0, 28), 0, at(2));
        assert_eq!((ceilings.room(0, at(29)), ceilings.room(0, at(30))), (at(30), at(30)));
        ceilings.learn(&left(100, 300), 3, at(31));
        assert_eq!(ceilings.room(96, at(31)), at(31), "a new window begins anew");
    }

    #[test]
    fn after_a_low_figure_one_call_finds_out_how_it_stands() {
        let mut ceilings = Ceilings::default();
        ceilings.learn(&left(0, 1), 0, at(0));
        assert_eq!((ceilings.room(0, at(9)), ceilings.room(0, at(10)), ceilings.room(1, at(10))), (at(10), at(10), at(15)));
        ceilings.count(at(10));
        assert_eq!((ceilings.room(0, at(10)), ceilings.room(0, at(15))), (at(15), at(15)), "no answer for so long: no news");
        ceilings.learn(&left(2, 30), 1, at(11));
        assert_eq!((ceilings.room(0, at(11)), ceilings.room(1, at(11))), (at(11), at(41)), "an answer counts at once");
    }

    #[test]
    fn a_tenth_of_a_quota_is_left_to_others() {
        let mut ceilings = Ceilings::default();
        ceilings.size(&Policy { name: "default".to_owned(), quota: 1_200, window: None });
        ceilings.learn(&left(121, 30), 0, at(0));
        assert_eq!((ceilings.room(0, at(0)), ceilings.room(1, at(0))), (at(0), at(30)));
    }
}
