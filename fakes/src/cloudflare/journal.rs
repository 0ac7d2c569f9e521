//! What was called: a journal to assert on and counters to measure by. Both belong to the process and hold no secrets:
//! neither headers nor bodies are kept.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Calls kept at most; older ones fall out of the journal and stay in the counts.
const CAPACITY: usize = 100_000;

/// One call to the simulated API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// 1 for the first call of this process; never reused, also not after the journal was cleared.
    pub sequence: u64,
    /// HTTP method.
    pub method: String,
    /// Path below `/client/v4`.
    pub path: String,
    /// Query as it was sent, without the question mark.
    pub query: String,
    /// Template of the endpoint; `None` when there is none for this call.
    pub route: Option<String>,
    /// Status of the answer; `None` while the call is held, and for ever when no answer was sent.
    pub status: Option<u16>,
    /// Whether the method may change something.
    pub mutating: bool,
    /// Fault rules that fired on it.
    pub faults: Vec<String>,
    /// Id of the token that was presented, as verify names it; `None` for none that is known.
    pub principal: Option<String>,
    /// When it arrived, in the simulator's time.
    pub at: Timestamp,
}

/// A call at its arrival.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) route: Option<&'a str>,
    pub(super) principal: Option<String>,
    pub(super) at: Timestamp,
}

/// How often what was called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All calls, whatever their answer.
    pub total: u64,
    /// Calls whose method may change something.
    pub mutating: u64,
    /// Calls per method and route template, as `"POST /zones"`; `"GET (no route)"` for calls that lead nowhere.
    pub routes: BTreeMap<String, u64>,
    /// Answers per HTTP status.
    pub statuses: BTreeMap<u16, u64>,
}

/// Journal and counters.
#[derive(Debug, Default)]
pub(super) struct Journal {
    last: u64,
    calls: VecDeque<Call>,
    counts: Counts,
}

impl Journal {
    /// Notes an arriving call and returns its number.
    pub(super) fn arrive(&mut self, arrival: Arrival<'_>, faults: Vec<String>) -> u64 {
        let Arrival { method, path, query, route, principal, at } = arrival;
        self.last += 1;
        let mutating = !matches!(method, "GET" | "HEAD" | "OPTIONS");
        self.counts.total += 1;
        self.counts.mutating += u64::from(mutating);
        *self.counts.routes.entry(format!("{method} {}", route.unwrap_or("(no route)"))).or_default() += 1;
        self.calls.push_back(Call {
            sequence: self.last,
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            route: route.map(str::to_owned),
            status: None,
            mutating,
            faults,
            principal,
            at,
        });
        if self.calls.len() > CAPACITY {
            self.calls.pop_front();
        }
        self.last
    }

    /// Notes the answer of call `sequence`.
    pub(super) fn answer(&mut self, sequence: u64, status: Option<u16>) {
        if let Some(status) = status {
            *self.counts.statuses.entry(status).or_default() += 1;
        }
        if let Some(call) = self.calls.iter_mut().rev().find(|call| call.sequence == sequence) {
            call.status = status;
        }
    }

    /// Calls after number `after`, oldest first.
    pub(super) fn after(&self, after: u64) -> Vec<Call> {
        self.calls.iter().filter(|call| call.sequence > after).cloned().collect()
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// Forgets calls and counts; numbering goes on.
    pub(super) fn clear(&mut self) {
        self.calls.clear();
        self.counts = Counts::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival<'a>(method: &'a str, path: &'a str, route: Option<&'a str>) -> Arrival<'a> {
        Arrival { method, path, query: "", route, principal: None, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn counts_outlive_the_calls_the_journal_drops() {
        let mut journal = Journal::default();
        for _ in 0..=CAPACITY {
            journal.arrive(arrival("GET", "/zones", Some("/zones")), Vec::new());
        }
        assert_eq!(journal.after(0).len(), CAPACITY);
        assert_eq!(journal.after(0)[0].sequence, 2);
        assert_eq!(journal.counts().routes["GET /zones"], CAPACITY as u64 + 1);
    }

    #[test]
    fn numbers_go_on_after_the_journal_was_cleared() {
        let mut journal = Journal::default();
        journal.arrive(arrival("POST", "/zones", Some("/zones")), Vec::new());
        journal.clear();
        assert_eq!(journal.counts(), Counts::default());
        assert_eq!(journal.arrive(arrival("GET", "/nowhere", None), Vec::new()), 2);
        assert_eq!(journal.counts().routes.keys().collect::<Vec<_>>(), ["GET (no route)"]);
    }
}
