//! Who may go now: the decisions of the call budget, without waiting and without a clock.

use super::ceiling::Ceilings;
use super::line::{Bell, Line, Waiter};
use super::window::{Limit, Window, after};
use super::{Quota, Rates};
use crate::lane::Lane;
use crate::rate_headers::RateHeaders;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// The background takes at most one in this many calls of the budget.
const BACKGROUND_SHARE: usize = 2;
/// Of the calls that go while somebody waits, one in this many may be a background call that has waited for a whole window.
const FAVOUR_SHARE: usize = 10;

/// What a waiter sees.
#[derive(Debug)]
pub(super) enum Look {
    /// Its turn has come, and it is counted.
    Go(Counted),
    /// It has not.
    Wait {
        /// When it comes, by what is known now.
        turn: Timestamp,
        /// When to look again.
        wake: Timestamp,
    },
}

/// The quota a call that went out was counted in, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    at: Timestamp,
    quota: Quota,
}

/// What a call that was let through was counted in.
#[derive(Debug)]
struct Grant {
    at: Timestamp,
    lane: Lane,
    counted: Counted,
    favoured: bool,
}

/// Everything the budget knows.
pub(super) struct State {
    open: bool,
    calls: Window,
    background: Window,
    favours: Window,
    signups: Window,
    certificates: Window,
    queries: Window,
    ceilings: Ceilings,
    closed_until: Timestamp,
    signups_closed_until: Timestamp,
    certificates_closed_until: Timestamp,
    queries_closed_until: Timestamp,
    lines: Vec<Line>,
    granted: BTreeMap<u64, Grant>,
    ringing: Vec<Bell>,
    next_ticket: u64,
    under_way: usize,
}

impl State {
    pub(super) fn new(rates: Option<Rates>) -> Self {
        let open = rates.is_none();
        let rates = rates.unwrap_or_default();
        let share = |one_in: usize| Window::new(Limit::new(rates.calls.calls / one_in, rates.calls.window), &[]);
        Self {
            open,
            calls: Window::new(rates.calls, &rates.further),
            background: share(BACKGROUND_SHARE),
            favours: share(FAVOUR_SHARE),
            signups: Window::new(rates.signups, &[]),
            certificates: Window::new(rates.certificates, &[]),
            queries: Window::new(rates.queries, &[]),
            ceilings: Ceilings::default(),
            closed_until: Timestamp::MIN,
            signups_closed_until: Timestamp::MIN,
            certificates_closed_until: Timestamp::MIN,
            queries_closed_until: Timestamp::MIN,
            lines: Line::all(),
            granted: BTreeMap::new(),
            ringing: Vec::new(),
            next_ticket: 0,
            under_way: 0,
        }
    }

    /// Goes to the end of its line.
    pub(super) fn line_up(&mut self, lane: Lane, quota: Quota, now: Timestamp, bell: &Bell) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(line) = self.lines.iter_mut().find(|line| line.lane == lane && line.quota == quota) {
            line.push(Waiter { ticket, since: now, bell: bell.clone() });
        }
        ticket
    }

    /// Lets through whoever may go now, and says how it stands with this ticket.
    pub(super) fn look(&mut self, ticket: u64, now: Timestamp) -> Look {
        self.let_through(now);
        if let Some(Grant { counted, .. }) = self.granted.remove(&ticket) {
            self.under_way += 1;
            return Look::Go(counted);
        }
        let Some(line) = self.lines.iter().find(|line| line.position(ticket).is_some()) else {
            // Nobody has this ticket; looking again later does no harm.
            return Look::Wait { turn: now, wake: now };
        };
        let own = line.before(ticket);
        let before_all = |lane: Lane| self.lines.iter().filter(move |line| line.lane == lane && line.quota == Quota::Calls);
        let ahead: usize = match line.lane {
            Lane::Interactive => before_all(Lane::Interactive).map(|line| line.before(ticket)).sum(),
            Lane::Background => before_all(Lane::Interactive).map(Line::len).sum::<usize>() + own,
        };
        let mut turn = self.calls.turn(ahead, now).max(self.ceilings.room(ahead, now)).max(self.closed_until);
        turn = turn.max(self.quota_turn(line.quota, own, now));
        if line.lane == Lane::Background {
            turn = turn.max(self.background.turn(own, now));
        }
        // Who is next in its line keeps the watch for the others; it is woken when that changes.
        let wake = if own == 0 { self.room(line.lane, line.quota, now) } else { turn };
        Look::Wait { turn, wake }
    }

    /// Takes a ticket back, also one that was let through and is not used.
    pub(super) fn leave(&mut self, ticket: u64, now: Timestamp) {
        if let Some(grant) = self.granted.remove(&ticket) {
            self.calls.take_back(grant.at);
            self.ceilings.take_back();
            if grant.lane == Lane::Background {
                self.background.take_back(grant.at);
            }
            if grant.favoured {
                self.favours.take_back(grant.at);
            }
            if let Some(quota) = self.quota(grant.counted.quota) {
                quota.take_back(grant.counted.at);
            }
        } else if !self.lines.iter_mut().any(|line| line.remove(ticket)) {
            return;
        }
        self.let_through(now);
        self.ring_heads();
    }

    /// A call that was let through has its answer. Nobody says when the other side counted it: of quotas that are used up to the last call, it counts from now.
    pub(super) fn answered(&mut self, counted: Counted, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        if !self.open
            && let Some(quota) = self.quota(counted.quota)
        {
            quota.count_again(counted.at, now);
        }
    }

    /// Takes in an answer's headers. The answer's own call is still under way.
    pub(super) fn learn(&mut self, headers: &RateHeaders, now: Timestamp) {
        for policy in &headers.policies {
            self.ceilings.size(policy);
            if let Some(window) = policy.window {
                self.calls.tell(&policy.name, Limit::new(policy.quota - policy.quota.div_ceil(10), window));
            }
        }
        let others = self.under_way.saturating_sub(1) + self.granted.len();
        for remaining in &headers.remaining {
            self.ceilings.learn(remaining, others, now);
        }
        self.ring_heads();
    }

    /// Lets nothing through before this time.
    pub(super) fn close(&mut self, until: Timestamp) {
        self.closed_until = self.closed_until.max(until);
        self.ring_all();
    }

    /// Lets nothing through before this time that draws on the quota.
    pub(super) fn close_quota(&mut self, quota: Quota, until: Timestamp) {
        match quota {
            Quota::Calls => self.closed_until = self.closed_until.max(until),
            Quota::ZoneSignup => self.signups_closed_until = self.signups_closed_until.max(until),
            Quota::HostnameCertificate => self.certificates_closed_until = self.certificates_closed_until.max(until),
            Quota::Analytics => self.queries_closed_until = self.queries_closed_until.max(until),
        }
        self.ring_all();
    }

    /// Who is to be woken, once the lock is released.
    pub(super) fn take_ringing(&mut self) -> Vec<Bell> {
        std::mem::take(&mut self.ringing)
    }

    fn quota(&mut self, quota: Quota) -> Option<&mut Window> {
        match quota {
            Quota::Calls => None,
            Quota::ZoneSignup => Some(&mut self.signups),
            Quota::HostnameCertificate => Some(&mut self.certificates),
            Quota::Analytics => Some(&mut self.queries),
        }
    }

    fn quota_turn(&self, quota: Quota, ahead: usize, now: Timestamp) -> Timestamp {
        match quota {
            Quota::Calls => now,
            Quota::ZoneSignup => self.signups.turn(ahead, now).max(self.signups_closed_until),
            Quota::HostnameCertificate => self.certificates.turn(ahead, now).max(self.certificates_closed_until),
            Quota::Analytics => self.queries.turn(ahead, now).max(self.queries_closed_until),
        }
    }

    /// When the next call of all fits.
    fn room_for_all(&self, now: Timestamp) -> Timestamp {
        self.calls.room(now).max(self.ceilings.room(0, now)).max(self.closed_until)
    }

    /// When the next call of this lane and quota fits.
    fn room(&self, lane: Lane, quota: Quota, now: Timestamp) -> Timestamp {
        let lane = if lane == Lane::Background { self.background.room(now) } else { now };
        self.room_for_all(now).max(lane).max(self.quota_turn(quota, 0, now))
    }

    fn let_through(&mut self, now: Timestamp) {
        let own = [&mut self.signups, &mut self.certificates, &mut self.queries];
        for window in [&mut self.calls, &mut self.background, &mut self.favours].into_iter().chain(own) {
            window.forget(now);
        }
        let mut moved = false;
        while self.open || self.room_for_all(now) <= now {
            let Some((index, favoured)) = self.next(now) else {
                break;
            };
            moved |= self.grant(index, favoured, now);
        }
        if moved {
            self.ring_heads();
        }
    }

    /// The line whose head goes next, and whether it goes before somebody who waits.
    fn next(&self, now: Timestamp) -> Option<(usize, bool)> {
        let earliest = |lane: Lane| {
            let fits = |line: &Line| self.open || self.room(line.lane, line.quota, now) <= now;
            let heads = self.lines.iter().enumerate().filter(|(_, line)| line.lane == lane && fits(line));
            heads.filter_map(|(index, line)| line.head().map(|head| (head.ticket, index, head.since))).min()
        };
        let overdue = |since: Timestamp| after(since, self.calls.base().window) <= now && self.favours.room(now) <= now;
        match (earliest(Lane::Interactive), earliest(Lane::Background)) {
            (Some(_), Some((_, index, since))) if overdue(since) => Some((index, true)),
            (Some((_, index, _)), _) | (None, Some((_, index, _))) => Some((index, false)),
            (None, None) => None,
        }
    }

    fn grant(&mut self, index: usize, favoured: bool, now: Timestamp) -> bool {
        let Some((lane, quota, waiter)) = self.lines.get_mut(index).and_then(|line| Some((line.lane, line.quota, line.pop()?)))
        else {
            return false;
        };
        let at = if self.open { now } else { self.calls.count(now) };
        self.ceilings.count(at);
        let counted = Counted { at: self.quota(quota).map_or(at, |window| window.count(at)), quota };
        if lane == Lane::Background {
            self.background.count(at);
        }
        if favoured {
            self.favours.count(at);
        }
        self.granted.insert(waiter.ticket, Grant { at, lane, counted, favoured });
        self.ringing.push(waiter.bell);
        true
    }

    fn ring_heads(&mut self) {
        let heads = self.lines.iter().filter_map(Line::head).map(|waiter| waiter.bell.clone());
        self.ringing.extend(heads);
    }

    fn ring_all(&mut self) {
        let all = self.lines.iter().flat_map(Line::waiters).map(|waiter| waiter.bell.clone());
        self.ringing.extend(all);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("calls", &self.calls.base().calls)
            .field("window", &self.calls.base().window)
            .field("used", &self.calls.used())
            .field("waiting", &self.lines.iter().map(Line::len).sum::<usize>())
            .finish_non_exhaustive()
    }
}
