//! What can go wrong with a call, where a rule strikes, and what was called.

mod line;
mod script;

pub(crate) use line::Head;
pub use line::{Gate, Line, Running};
pub use script::FaultScript;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storex_core::{Code, EffectId};

/// Whether the fault hits before or after the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The effect does not happen.
    Before,
    /// The effect happens, its answer is lost.
    After,
}

/// What happens to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Refused for good with this code.
    Refuse(Code),
    /// An error that says nothing about the effect.
    Unclear,
    /// The dependency cannot be reached; proved to have had no effect when it hits before.
    Unavailable,
    /// No answer until the rule is removed.
    Hold,
    /// The call takes so many milliseconds longer and goes well. It sleeps by the clock of the line it is on; without one, not at all.
    Slow(u32),
    /// No answer until the call's deadline, then an error that says nothing about the effect. A call without a deadline: at once.
    NoAnswer,
    /// Too many requests, proved to have had no effect; seconds until the next one is welcome.
    RateLimited(u32),
    /// An answer that cannot be decoded; says nothing about the effect.
    Undecodable,
    /// The token is refused although it is good; proved to have had no effect.
    Denied,
    /// Unclear at once; the effect happens so many seconds after the call's deadline. Only for calls with an effect's context.
    Late(u32),
    /// The effect happens twice, one answer comes back.
    Twice,
    /// The answer to a read is what stood before the last change. Only for reads of a twin that remembers it.
    Stale,
    /// The disk is full or broken; nothing was written.
    Disk,
    /// The process of the caller is gone: the call never returns. Told by [`FaultScript::struck`].
    Crash,
    /// The whole process of the caller stops until its [`Gate`] is opened. Told by [`FaultScript::struck`].
    Pause,
    /// Something else happens in the world at this moment; the call itself goes well.
    Event(Event),
}

/// Something that happens beside a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The host starts anew: its agent converges to its ledger.
    HostRestart,
    /// The host comes back with an older ledger.
    HostRollback,
    /// Somebody puts a record of their own into every zone that has one of ours beside the primary.
    RecordAdded,
    /// Somebody removes our records from every zone but the primary.
    RecordsRemoved,
    /// Somebody removes every zone but the primary that has no foreign record.
    ZonesRemoved,
}

/// One entry of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Call to hit: `repo.put`, `notifier.deliver`, `host.apply`, …; empty for any call.
    pub call: String,
    /// Only calls about a subject that contains this text: `outbox/…`, a domain, a part.
    #[serde(default)]
    pub subject: String,
    /// The how-many-th matching call from now is the first to be hit; 1 is the next.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many matching calls are hit from then on; 0 is for ever.
    #[serde(default = "one")]
    pub times: u32,
    /// Before or after the effect.
    pub when: When,
    /// What happens.
    pub fault: Fault,
    /// How many calls it has hit.
    #[serde(default)]
    pub fired: u32,
}

fn one() -> u32 {
    1
}

impl FaultRule {
    /// Hits the next call of this name about this subject, once.
    pub fn next(call: &str, subject: &str, when: When, fault: Fault) -> Self {
        Self { call: call.to_owned(), subject: subject.to_owned(), nth: 1, times: 1, when, fault, fired: 0 }
    }

    /// Hits the call of this number from now, whatever it is; 1 is the next.
    pub fn at(nth: u32, when: When, fault: Fault) -> Self {
        Self { nth, ..Self::next("", "", when, fault) }
    }

    /// The same rule, hitting for ever.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.times = 0;
        self
    }

    fn matches(&self, name: &str, subject: &str) -> bool {
        (self.call.is_empty() || self.call == name) && subject.contains(&self.subject)
    }
}

/// One call in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Name of the call, such as `repo.put`.
    pub name: &'static str,
    /// What it was about.
    pub subject: String,
    /// The effect it brings about, when it carries an effect's context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<EffectId>,
    /// When it began, by the world's clock; none when the script has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Whether a fault hit it.
    pub faulted: bool,
}
