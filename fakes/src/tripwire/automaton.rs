//! I9: how a journal may move.

use serde::Deserialize;
use serde_json::Value;
use storex_core::operation::{Direction, Outcome, StepState};

/// One move of a journal, with the number of the call that made it durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalChange {
    /// Number of the call in the script's history.
    pub call: usize,
    /// The operation.
    pub operation: String,
    /// What moved.
    pub what: Moved,
}

/// What moved in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// A step.
    Step {
        /// Its number.
        index: usize,
        /// State before.
        from: StepState,
        /// State now.
        to: StepState,
    },
    /// A doubt about a step's effect was settled.
    Cleared(usize),
    /// The direction.
    Direction(Direction),
}

#[derive(Debug, Default)]
struct StepTrace {
    state: Option<StepState>,
    after: Vec<usize>,
    kind: String,
    intended: bool,
    doubted: bool,
}

impl StepTrace {
    fn settled(&self) -> bool {
        matches!(self.state, Some(StepState::Done | StepState::Skipped))
    }

    fn unmade(&self) -> bool {
        matches!(self.state, Some(StepState::Pending | StepState::Skipped | StepState::Undone))
    }
}

/// One operation as its durable documents showed it.
#[derive(Debug, Default)]
pub(super) struct Trace {
    version: u64,
    direction: Option<Direction>,
    turned: bool,
    steps: Vec<StepTrace>,
}

impl Trace {
    /// A journal that is there already.
    pub(super) fn of(body: &Value, version: u64) -> Self {
        let mut trace = Self { version: version.saturating_sub(1), ..Self::default() };
        trace.advance(body, version, |_| (), |_| ());
        trace
    }

    /// True when the intent of this step was durable at some time; `text` is its number and `f`, or `u` for the way back.
    pub(super) fn intended(&self, text: &str) -> bool {
        let back = text.ends_with('u');
        let step = text.trim_end_matches(['f', 'u']).parse::<usize>().ok().and_then(|index| self.steps.get(index));
        step.is_some_and(|step| step.intended) && (!back || self.turned)
    }

    /// True when the intent of a step of this kind was durable at some time.
    pub(super) fn begun(&self, kind: &str) -> bool {
        self.steps.iter().any(|step| step.kind == kind && step.intended)
    }

    /// The next durable document.
    pub(super) fn advance(&mut self, body: &Value, version: u64, mut broken: impl FnMut(String), mut moved: impl FnMut(Moved)) {
        if version == self.version {
            // The same write under its own name once more.
            return;
        }
        if version != self.version + 1 {
            broken(format!("went from version {} to {version}", self.version));
        }
        let Ok(direction) = Direction::deserialize(&body["direction"]) else {
            return broken(format!("has no direction it could have: {}", body["direction"]));
        };
        if let Some(before) = self.direction
            && !may_turn(before, direction)
        {
            broken(format!("turned from {before:?} to {direction:?}"));
        }
        if self.direction.is_some_and(|before| before != direction) {
            moved(Moved::Direction(direction));
        }
        self.turned |= direction != Direction::Forward && direction != Direction::Done(Outcome::Succeeded);
        self.version = version;
        self.direction = Some(direction);
        let steps = body["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.steps.resize_with(steps.len(), StepTrace::default);
        let mut moves = Vec::new();
        for (index, (known, step)) in self.steps.iter_mut().zip(steps).enumerate() {
            let Ok(state) = StepState::deserialize(&step["state"]) else {
                return broken(format!("has step {index} in no state it could have: {}", step["state"]));
            };
            if known.state.is_none() {
                known.kind = step["key"]["kind"].as_str().unwrap_or_default().to_owned();
                known.after = step["after"].as_array().into_iter().flatten().filter_map(as_index).collect();
            }
            let doubted = !step["doubt_until"].is_null();
            if known.doubted && !doubted && known.state == Some(state) {
                moved(Moved::Cleared(index));
            }
            known.doubted = doubted;
            known.intended |= state == StepState::Intent;
            let from = known.state.replace(state).unwrap_or(state);
            if from != state {
                moves.push((index, from, state));
                moved(Moved::Step { index, from, to: state });
            }
        }
        for (index, from, to) in moves {
            if let Some(why) = self.wrong(index, from, to, direction) {
                broken(format!("moved step {index} from {from:?} to {to:?} {why}"));
            }
        }
        if let Some(why) = self.wrong_end(direction) {
            broken(why.to_owned());
        }
    }

    fn wrong(&self, index: usize, from: StepState, to: StepState, direction: Direction) -> Option<&'static str> {
        use StepState::{Done, Intent, Pending, Skipped, Undone};
        let step = self.steps.get(index)?;
        let ready = step.after.iter().all(|before| self.steps.get(*before).is_some_and(StepTrace::settled));
        let free = !self.steps.iter().any(|other| other.after.contains(&index) && !other.unmade());
        match (from, to) {
            (Pending, Intent) | (Intent, Done) if direction == Direction::Forward && !ready => Some("before what it depends on"),
            (Intent | Done, Undone) if direction == Direction::Forward => Some("on the way forward"),
            (Intent | Done, Undone) if !free => Some("before what depends on it"),
            (Pending, Intent | Skipped) | (Intent, Done | Pending) | (Intent | Done, Undone) => None,
            _ => Some("which no step may"),
        }
    }

    fn wrong_end(&self, direction: Direction) -> Option<&'static str> {
        match direction {
            Direction::Done(Outcome::Succeeded) if !self.steps.iter().all(StepTrace::settled) => {
                Some("succeeded before every step was done")
            }
            Direction::Done(Outcome::RolledBack) if !self.steps.iter().all(StepTrace::unmade) => {
                Some("was rolled back before every step was undone")
            }
            Direction::Done(Outcome::RolledBack) if self.steps.iter().any(|step| step.doubted) => {
                Some("was rolled back with an effect in doubt")
            }
            _ => None,
        }
    }
}

fn may_turn(from: Direction, to: Direction) -> bool {
    match (from, to) {
        (Direction::Done(_), _) => false,
        (Direction::Forward | Direction::Poisoned, _) | (Direction::Backward, Direction::Backward | Direction::Poisoned) => true,
        (Direction::Backward, to) => to == Direction::Done(Outcome::RolledBack),
    }
}

fn as_index(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|index| usize::try_from(index).ok())
}
