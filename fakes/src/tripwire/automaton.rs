//! I9: how a journal may move.

use serde::Deserialize;
use serde::de::IgnoredAny;
use storex_core::Json;
use storex_core::operation::{Direction, Outcome, StepState};
use storex_core::resource::ResourceKind;

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

/// What of an operation's document is judged here.
#[derive(Deserialize)]
struct Shown {
    direction: Direction,
    steps: Vec<ShownStep>,
}

#[derive(Deserialize)]
struct ShownStep {
    state: StepState,
    key: ShownKey,
    after: Vec<usize>,
    #[serde(default)]
    doubt_until: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ShownKey {
    kind: ResourceKind,
}

#[derive(Debug, Default)]
struct StepTrace {
    state: Option<StepState>,
    after: Vec<usize>,
    kind: Option<ResourceKind>,
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
    pub(super) fn of(body: &Json, version: u64) -> Self {
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
    pub(super) fn begun(&self, kind: ResourceKind) -> bool {
        self.steps.iter().any(|step| step.kind == Some(kind) && step.intended)
    }

    /// The next durable document.
    pub(super) fn advance(&mut self, body: &Json, version: u64, mut broken: impl FnMut(String), mut moved: impl FnMut(Moved)) {
        if version == self.version {
            // The same write under its own name once more.
            return;
        }
        if version != self.version + 1 {
            broken(format!("went from version {} to {version}", self.version));
        }
        self.version = version;
        let shown: Shown = match body.read() {
            Ok(shown) => shown,
            Err(error) => return broken(format!("became something the automaton does not know: {error}")),
        };
        let direction = shown.direction;
        if let Some(before) = self.direction.replace(direction)
            && before != direction
        {
            if !may_turn(before, direction) {
                broken(format!("turned from {before:?} to {direction:?}"));
            }
            moved(Moved::Direction(direction));
        }
        self.turned |= direction != Direction::Forward && direction != Direction::Done(Outcome::Succeeded);
        for (index, from, to) in self.take(shown.steps, &mut moved) {
            if let Some(why) = self.wrong(index, from, to, direction) {
                broken(format!("moved step {index} from {from:?} to {to:?} {why}"));
            }
        }
        if let Some(why) = self.wrong_end(direction) {
            broken(why.to_owned());
        }
    }

    /// Takes the states the document shows; answers the steps that moved.
    fn take(&mut self, shown: Vec<ShownStep>, moved: &mut impl FnMut(Moved)) -> Vec<(usize, StepState, StepState)> {
        self.steps.resize_with(shown.len(), StepTrace::default);
        let mut moves = Vec::new();
        for (index, (known, step)) in self.steps.iter_mut().zip(shown).enumerate() {
            if known.state.is_none() {
                known.kind = Some(step.key.kind);
                known.after = step.after;
            }
            let doubted = step.doubt_until.is_some();
            if known.doubted && !doubted && known.state == Some(step.state) {
                moved(Moved::Cleared(index));
            }
            known.doubted = doubted;
            known.intended |= step.state == StepState::Intent;
            let from = known.state.replace(step.state).unwrap_or(step.state);
            if from != step.state {
                moves.push((index, from, step.state));
                moved(Moved::Step { index, from, to: step.state });
            }
        }
        moves
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
