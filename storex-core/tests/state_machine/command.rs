//! What can be done to a control plane and its world, one command at a time, and how a sequence of them reads.

use std::fmt;
use storex_core::Code;
use storex_fakes::{Fault, When};

/// Usernames asked for: few, so that requests collide and names are used again.
pub(crate) const NAMES: [&str; 3] = ["oceanbreeze", "mountainpeak", "citylights"];
/// Custom domains asked for.
pub(crate) const DOMAINS: [&str; 2] = ["oceanbreezestore.com", "peak-shop.com"];
/// Idempotency keys.
pub(crate) const KEYS: usize = 3;

/// One command, and how far everything else gets before the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) act: Act,
    pub(crate) pace: Pace,
}

/// How far everything else gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many turns of the scheduler: operations stop in the middle.
    Turns(u16),
    /// So many seconds: undisturbed operations come to rest.
    Seconds(u16),
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A request to create a store, to one of the two controllers.
    Create { by: Side, name: usize, domain: Option<usize>, key: Option<usize> },
    /// A request to delete the store of this username: the newest known one, or the one before.
    Delete { by: Side, name: usize, older: bool, key: Option<usize> },
    /// A request to cancel an operation; 0 is the newest.
    Cancel { by: Side, age: usize },
    /// A request to take up an operation that waits for an operator.
    Retry { by: Side },
    /// A request to reconcile the store of this username, or everything.
    Reconcile { by: Side, name: Option<usize>, dry_run: bool },
    /// A controller is gone, or stops, at the how-many-th call from now, whoever makes it.
    Strike { end: End, nth: u32, when: When },
    /// This controller is gone, or stops, now.
    Halt { by: Side, end: End },
    /// Stopped controllers go on.
    Wake,
    /// The how-many-th such call from now meets this trouble.
    Trouble { trouble: Trouble, nth: u32 },
    /// Somebody changes something by hand.
    Edit(Edit),
    /// The clock jumps.
    Jump { minutes: u16 },
    /// The operator mends everything and waits until all is at rest.
    Rest,
}

/// One of the two controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

/// How a controller ends or stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Crash,
    Pause,
}

/// What is wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A fault of this call.
    Call(&'static str, When, Fault),
    /// The next read of the edge shows what stood before its last change, if that was within 30 s.
    StaleRead,
}

/// What somebody does by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Our records of the domain lead elsewhere.
    RecordsChanged(usize),
    /// Our records of the domain are removed.
    RecordsRemoved(usize),
    /// A record of somebody else's appears in the domain's zone.
    ForeignRecord(usize),
    /// A zone of the domain appears that is somebody else's.
    ForeignZone(usize),
    /// Our zone of the domain is removed.
    ZoneRemoved(usize),
    /// The process of the store stops.
    ProcessStopped(usize),
    /// A link in the files of the store is removed.
    LinkRemoved(usize),
}

/// Calls that change something and whose answer can be lost.
const EFFECTS: [&str; 11] = [
    "domains.create_zone",
    "domains.ensure_records",
    "domains.remove",
    "host.apply",
    "host.withdraw",
    "repo.put",
    "repo.claim",
    "repo.claim_first",
    "repo.release",
    "repo.delete",
    "repo.acquire",
];

/// Everything that can be wrong with a call, the simplest first.
pub(crate) fn troubles() -> Vec<Trouble> {
    use Fault::{Denied, Late, NoAnswer, Refuse, Unavailable, Unclear, Undecodable};
    use When::{After, Before};
    let mut all = vec![Trouble::StaleRead];
    for call in EFFECTS {
        all.extend([Trouble::Call(call, Before, Unclear), Trouble::Call(call, After, Unclear)]);
    }
    for call in &EFFECTS[..5] {
        all.extend([12, 25, 45].map(|seconds| Trouble::Call(call, Before, Late(seconds))));
        all.extend([Trouble::Call(call, Before, NoAnswer), Trouble::Call(call, After, NoAnswer)]);
    }
    for call in ["domains.find_zone", "domains.create_zone", "domains.ensure_records", "domains.remove"] {
        all.push(Trouble::Call(call, Before, Denied));
    }
    for call in ["domains.find_zone", "domains.list_records", "host.find", "host.list", "repo.get", "repo.list"] {
        all.push(Trouble::Call(call, Before, Unavailable));
    }
    // A short page: an adapter finds out and answers that it cannot be understood.
    all.extend([Trouble::Call("domains.list_records", Before, Undecodable); 4]);
    for (call, code) in [
        ("host.apply", Code::HostRefused),
        ("host.withdraw", Code::HostRefused),
        ("domains.ensure_records", Code::CloudflareRefused),
        ("domains.remove", Code::CloudflareRefused),
    ] {
        all.push(Trouble::Call(call, Before, Refuse(code)));
    }
    all
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.act)?;
        match self.pace {
            Pace::Turns(turns) => write!(f, "; {turns} turns pass"),
            Pace::Seconds(seconds) => write!(f, "; {seconds} s pass"),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let under = |key: &Option<usize>| key.map_or_else(String::new, |key| format!(" under key {key}"));
        match self {
            Self::Create { by, name, domain, key } => {
                let domain = domain.map_or_else(String::new, |domain| format!(" with {}", DOMAINS[domain]));
                write!(f, "{by:?}: create {}{domain}{}", NAMES[*name], under(key))
            }
            Self::Delete { by, name, older, key } => {
                let which = if *older { "an older store of " } else { "" };
                write!(f, "{by:?}: delete {which}{}{}", NAMES[*name], under(key))
            }
            Self::Cancel { by, age: 0 } => write!(f, "{by:?}: cancel the newest operation"),
            Self::Cancel { by, age } => write!(f, "{by:?}: cancel the newest operation but {age}"),
            Self::Retry { by } => write!(f, "{by:?}: retry what waits for an operator"),
            Self::Reconcile { by, name, dry_run } => {
                let what = name.map_or("everything", |name| NAMES[name]);
                write!(f, "{by:?}: reconcile {what}{}", if *dry_run { ", only said" } else { "" })
            }
            Self::Strike { end, nth, when } => write!(f, "{end:?} {when:?} call {nth} from now"),
            Self::Halt { by, end } => write!(f, "{end:?} of {by:?} now"),
            Self::Wake => f.write_str("the stopped go on"),
            Self::Trouble { trouble, nth } => write!(f, "{trouble:?} at number {nth} from now"),
            Self::Edit(edit) => write!(f, "by hand: {edit:?}"),
            Self::Jump { minutes } => write!(f, "the clock jumps by {minutes} min"),
            Self::Rest => f.write_str("all is mended and comes to rest"),
        }
    }
}
