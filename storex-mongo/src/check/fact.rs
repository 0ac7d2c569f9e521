//! One fact: what it is called, what was seen of it, what to do about it.

use storex_core::Error;

/// Every fact, in the order of the report.
pub(super) const NAMES: &[&str] = &[
    "connection",
    "version",
    "primary",
    "fail-over",
    "rights",
    "scratch database",
    "collections and indexes",
    "unique keys",
    "compare-and-set",
    "confirmed writes",
    "order of texts",
    "server time",
    "leases",
    "time limits",
    "change notices",
    "layout",
    "cleaning up",
];

/// What a check says of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactState {
    /// It was proved.
    Holds,
    /// It is not so, and storex can do without.
    Warning,
    /// It is not so, and storex cannot work without.
    Fails,
    /// It rests on a fact that failed, or the check was ended before.
    Untested,
}

impl FactState {
    /// Stable name of the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "ok",
            Self::Warning => "warning",
            Self::Fails => "fails",
            Self::Untested => "untested",
        }
    }
}

/// A fact of the server that storex relies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Whether it holds.
    pub state: FactState,
    /// What was seen.
    pub seen: String,
    /// What to do about it, when there is something.
    pub next_step: Option<String>,
}

/// What was found out about a fact that is not named yet.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    state: FactState,
    seen: String,
    next_step: Option<String>,
}

impl Finding {
    pub(super) fn holds(seen: impl Into<String>) -> Self {
        Self { state: FactState::Holds, seen: seen.into(), next_step: None }
    }

    pub(super) fn warns(seen: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { state: FactState::Warning, seen: seen.into(), next_step: Some(next_step.into()) }
    }

    pub(super) fn fails(seen: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { state: FactState::Fails, seen: seen.into(), next_step: Some(next_step.into()) }
    }

    /// A fact that holds when what was seen is so; else it is the server's doing, and another server the way out.
    pub(super) fn judged(holds: bool, seen: impl Into<String>) -> Self {
        if holds {
            Self::holds(seen)
        } else {
            Self::fails(seen, "Use a MongoDB server that keeps this promise; storex cannot do without it.")
        }
    }

    pub(super) fn failed(error: &Error) -> Self {
        let context = error.context().map(|(key, value)| format!(" [{key}: {value}]"));
        Self::fails(format!("{}{}", error.message(), context.collect::<String>()), error.next_step())
    }

    pub(super) fn untested() -> Self {
        let next_step = Some("Mend what fails, then check again.".to_owned());
        Self { state: FactState::Untested, seen: "not tested".to_owned(), next_step }
    }

    pub(super) fn of(self, name: &'static str) -> Fact {
        Fact { name, state: self.state, seen: self.seen, next_step: self.next_step }
    }
}
