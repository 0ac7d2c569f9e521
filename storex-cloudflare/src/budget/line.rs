//! The lines calls wait in: one for each lane and quota, each in the order of arrival.

use super::Quota;
use crate::lane::Lane;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Notify;

/// Wakes one waiter. A ring before the waiter listens is not lost.
#[derive(Clone, Default)]
pub(super) struct Bell(Arc<Notify>);

impl Bell {
    /// Wakes the waiter.
    pub(super) fn ring(&self) {
        self.0.notify_one();
    }

    /// Returns once it was rung.
    pub(super) async fn rung(&self) {
        self.0.notified().await;
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}

/// Somebody in a line.
#[derive(Debug)]
pub(super) struct Waiter {
    /// Number in the order of arrival over all lines.
    pub(super) ticket: u64,
    /// When it came.
    pub(super) since: Timestamp,
    /// How it is woken.
    pub(super) bell: Bell,
}

/// One line.
#[derive(Debug)]
pub(super) struct Line {
    /// Whom its calls are for.
    pub(super) lane: Lane,
    /// What they draw on.
    pub(super) quota: Quota,
    waiters: VecDeque<Waiter>,
}

impl Line {
    /// Every line there can be, empty.
    pub(super) fn all() -> Vec<Self> {
        let of = |lane| {
            [Quota::Calls, Quota::ZoneSignup, Quota::HostnameCertificate, Quota::Analytics].map(|quota| Self {
                lane,
                quota,
                waiters: VecDeque::new(),
            })
        };
        [of(Lane::Interactive), of(Lane::Background)].into_iter().flatten().collect()
    }

    /// Who is next.
    pub(super) fn head(&self) -> Option<&Waiter> {
        self.waiters.front()
    }

    /// Everybody in it, in order.
    pub(super) fn waiters(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.iter()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Goes to the end. Tickets only rise.
    pub(super) fn push(&mut self, waiter: Waiter) {
        self.waiters.push_back(waiter);
    }

    /// The next one leaves.
    pub(super) fn pop(&mut self) -> Option<Waiter> {
        self.waiters.pop_front()
    }

    /// How many came before this ticket.
    pub(super) fn before(&self, ticket: u64) -> usize {
        self.waiters.partition_point(|waiter| waiter.ticket < ticket)
    }

    /// Where the ticket stands, if it does.
    pub(super) fn position(&self, ticket: u64) -> Option<usize> {
        self.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }

    /// Takes the ticket out; true when it stood here.
    pub(super) fn remove(&mut self, ticket: u64) -> bool {
        self.position(ticket).is_some_and(|index| self.waiters.remove(index).is_some())
    }
}
