//! A scenario: a workflow, and what strikes which of its calls.

use crate::workflow::Workflow;
use storex_core::Code;
use storex_fakes::{Allowance, Call, Event, Fault, FaultRule, When};

/// What follows a strike that stops a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    /// A crash: the next process starts at once and no lease is left, as with a repo in one file. A pause: the process goes on only when
    /// the next one is done.
    Plain,
    /// A crash: the next process waits for the lease. A pause: the process goes on while the next one is at work.
    Other,
}

/// What strikes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    pub(crate) when: When,
    pub(crate) fault: Fault,
    /// How many calls in a row.
    pub(crate) times: u32,
    pub(crate) then: Then,
}

impl Kind {
    const fn new(when: When, fault: Fault) -> Self {
        Self { when, fault, times: 1, then: Then::Plain }
    }

    const fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    const fn other(self) -> Self {
        Self { then: Then::Other, ..self }
    }
}

use When::{After, Before};

/// F12, F13, F15: what can happen to the process at any call.
const PROCESS: [Kind; 8] = [
    Kind::new(Before, Fault::Crash),
    Kind::new(After, Fault::Crash),
    Kind::new(Before, Fault::Crash).other(),
    Kind::new(After, Fault::Crash).other(),
    Kind::new(Before, Fault::Pause),
    Kind::new(After, Fault::Pause),
    Kind::new(Before, Fault::Pause).other(),
    Kind::new(After, Fault::Pause).other(),
];
/// F1 to F5, F9, F14, F16: writes of the repo, the journal's among them.
const REPO_WRITE: [Kind; 7] = [
    Kind::new(Before, Fault::Unavailable),
    Kind::new(Before, Fault::Unavailable).times(4),
    Kind::new(Before, Fault::Unclear),
    Kind::new(After, Fault::Unclear),
    Kind::new(After, Fault::Unavailable),
    Kind::new(After, Fault::Unclear).times(4),
    Kind::new(Before, Fault::Twice),
];
/// F1, F4.
const REPO_READ: [Kind; 2] = [Kind::new(Before, Fault::Unavailable), Kind::new(Before, Fault::Unclear)];
/// F1, F2, F4, F7, F8, F11 as far as it is noticed, F17, F20.
const EDGE_READ: [Kind; 10] = [
    Kind::new(Before, Fault::Unavailable),
    Kind::new(Before, Fault::Unclear),
    Kind::new(Before, Fault::NoAnswer),
    Kind::new(Before, Fault::RateLimited(30)),
    Kind::new(Before, Fault::RateLimited(300)),
    Kind::new(Before, Fault::Undecodable),
    Kind::new(Before, Fault::Denied),
    Kind::new(Before, Fault::Event(Event::RecordAdded)),
    Kind::new(Before, Fault::Event(Event::RecordsRemoved)),
    Kind::new(Before, Fault::Event(Event::ZonesRemoved)),
];
/// F1, F4 of the public DNS.
const DNS_READ: [Kind; 2] = [Kind::new(Before, Fault::Unavailable), Kind::new(Before, Fault::NoAnswer)];
/// F10.
const STALE: Kind = Kind::new(Before, Fault::Stale);
/// F1 to F9, F17, F20, and a refusal for good.
const EDGE_EFFECT: [Kind; 19] = [
    Kind::new(Before, Fault::Unavailable),
    Kind::new(Before, Fault::Unclear),
    Kind::new(After, Fault::Unclear),
    Kind::new(After, Fault::Unavailable),
    Kind::new(Before, Fault::NoAnswer),
    Kind::new(After, Fault::NoAnswer),
    Kind::new(Before, Fault::Late(12)),
    Kind::new(Before, Fault::Late(25)),
    Kind::new(Before, Fault::Late(45)),
    Kind::new(Before, Fault::RateLimited(30)),
    Kind::new(Before, Fault::RateLimited(300)),
    Kind::new(Before, Fault::Undecodable),
    Kind::new(After, Fault::Undecodable),
    Kind::new(Before, Fault::Twice),
    Kind::new(Before, Fault::Denied),
    Kind::new(Before, Fault::Refuse(Code::CloudflareRefused)),
    Kind::new(After, Fault::Event(Event::RecordAdded)),
    Kind::new(After, Fault::Event(Event::RecordsRemoved)),
    Kind::new(After, Fault::Event(Event::ZonesRemoved)),
];
/// F1, F4 of the database server, whose looks are never stale.
const DATABASE_READ: [Kind; 3] =
    [Kind::new(Before, Fault::Unavailable), Kind::new(Before, Fault::Unclear), Kind::new(Before, Fault::NoAnswer)];
/// F1 to F6, F9, and a refusal for good.
const DATABASE_EFFECT: [Kind; 11] = [
    Kind::new(Before, Fault::Unavailable),
    Kind::new(Before, Fault::Unclear),
    Kind::new(After, Fault::Unclear),
    Kind::new(After, Fault::Unavailable),
    Kind::new(Before, Fault::NoAnswer),
    Kind::new(After, Fault::NoAnswer),
    Kind::new(Before, Fault::Late(12)),
    Kind::new(Before, Fault::Late(25)),
    Kind::new(Before, Fault::Late(45)),
    Kind::new(Before, Fault::Twice),
    Kind::new(Before, Fault::Refuse(Code::ForeignObject)),
];
/// F1, F4, F19.
const HOST_READ: [Kind; 3] = [
    Kind::new(Before, Fault::Unavailable),
    Kind::new(Before, Fault::Unclear),
    Kind::new(Before, Fault::Event(Event::HostRestart)),
];
/// F1 to F6, F8, F9, F18, F19, and a refusal for good.
const HOST_EFFECT: [Kind; 15] = [
    Kind::new(Before, Fault::Unavailable),
    Kind::new(Before, Fault::Unclear),
    Kind::new(After, Fault::Unclear),
    Kind::new(After, Fault::Unavailable),
    Kind::new(Before, Fault::NoAnswer),
    Kind::new(After, Fault::NoAnswer),
    Kind::new(Before, Fault::Late(12)),
    Kind::new(Before, Fault::Late(25)),
    Kind::new(Before, Fault::Late(45)),
    Kind::new(After, Fault::Undecodable),
    Kind::new(Before, Fault::Twice),
    Kind::new(Before, Fault::Disk),
    Kind::new(Before, Fault::Refuse(Code::HostRefused)),
    Kind::new(After, Fault::Event(Event::HostRestart)),
    Kind::new(After, Fault::Event(Event::HostRollback)),
];

/// Everything that can strike this call; `fresh` when its provider was changed within the last 30 s.
pub(crate) fn kinds(call: &Call, fresh: bool) -> Vec<Kind> {
    let (provider, method) = call.name.split_once('.').unwrap();
    let own: &[Kind] = match (provider, method) {
        ("repo", "get" | "list") => &REPO_READ,
        ("repo", _) => &REPO_WRITE,
        ("domains", "find_zone" | "list_records" | "find_hostname")
        | ("tunnel", "find" | "load")
        | ("edge", "limits" | "setting" | "rules" | "certificates") => &EDGE_READ,
        ("dns", _) => &DNS_READ,
        ("domains" | "tunnel" | "edge", _) => &EDGE_EFFECT,
        ("databases", "find") => &DATABASE_READ,
        ("databases", _) => &DATABASE_EFFECT,
        ("host", "apply" | "withdraw") => &HOST_EFFECT,
        ("host", _) => &HOST_READ,
        _ => panic!("no kinds are known for {}", call.name),
    };
    let stale = (fresh && is_edge_read(call)).then_some(STALE);
    own.iter().copied().chain(stale).chain(PROCESS).collect()
}

pub(crate) fn is_edge_read(call: &Call) -> bool {
    matches!(call.name, "domains.find_zone" | "domains.list_records" | "domains.find_hostname" | "tunnel.find" | "tunnel.load")
}

/// One strike: the kind, at the call of this number from the request on; 1 is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hit {
    pub(crate) nth: u32,
    /// Its name, for people.
    pub(crate) call: &'static str,
    pub(crate) kind: Kind,
}

/// A workflow under its strikes.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) workflow: Workflow,
    /// What the randomness of its controllers begins with.
    pub(crate) seed: u64,
    /// The failure that turns it back, when it is about the way back.
    pub(crate) failing: Option<FaultRule>,
    /// True when that failure comes only after the strikes, unless they end the operation before.
    pub(crate) later: bool,
    pub(crate) hits: Vec<Hit>,
}

impl Scenario {
    pub(crate) fn fault_free(workflow: Workflow, seed: u64) -> Self {
        Self { workflow, seed, failing: None, later: false, hits: Vec::new() }
    }

    pub(crate) fn with(&self, hit: Hit) -> Self {
        let mut hits = self.hits.clone();
        hits.push(hit);
        Self { hits, ..self.clone() }
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        let hits = self
            .hits
            .iter()
            .map(|hit| FaultRule { times: hit.kind.times, ..FaultRule::at(hit.nth, hit.kind.when, hit.kind.fault) });
        hits.chain(self.failing.clone()).collect()
    }

    /// True when the one strike passes by itself, so that nothing must fail for it.
    pub(crate) fn must_succeed(&self) -> bool {
        let passes = |kind: Kind| !matches!(kind.fault, Fault::Refuse(_) | Fault::Event(_)) && kind.times == 1;
        self.workflow != Workflow::CreateForeign
            && self.failing.is_none()
            && matches!(self.hits.as_slice(), [hit] if passes(hit.kind))
    }

    /// What the judge must not mind, because a strike made it inevitable.
    pub(crate) fn allowance(&self) -> Allowance {
        let any = |wanted: fn(Fault) -> bool| self.hits.iter().any(|hit| wanted(hit.kind.fault));
        Allowance {
            poisoned: any(|fault| matches!(fault, Fault::Refuse(_))),
            missing: any(|fault| matches!(fault, Fault::Event(Event::RecordsRemoved | Event::ZonesRemoved))),
            host: any(|fault| fault == Fault::Event(Event::HostRollback)),
        }
    }
}
