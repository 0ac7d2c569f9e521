//! The reference: what a control plane that nothing disturbs does, username by username. It generates the sequences, too.

use crate::command::{Act, Command, DOMAINS, Edit, End, KEYS, NAMES, Pace, Side, troubles};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;
use storex_core::Code;
use storex_fakes::When;

/// What is done in a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Requests only: every answer is foreseen.
    Calm,
    /// Requests, and somebody changes things by hand.
    Hands,
    /// Everything.
    Storm,
}

/// What has become of a username.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Absent,
    /// A store is being made.
    Making(Option<usize>),
    Live(Option<usize>),
    /// A store, or what a refused request had taken, is going away.
    Going,
    /// An operation may have ended either way.
    Unknown,
}

/// What a key was used for.
type Payload = (usize, Option<usize>);

/// What a request will be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreseen {
    /// It begins an operation that succeeds.
    Begins,
    Refused(Code),
}

/// The reference's state.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) mood: Mood,
    pub(crate) fates: [Fate; NAMES.len()],
    /// Domains a request has touched since all was at rest.
    busy: [bool; DOMAINS.len()],
    keys: [Option<Payload>; KEYS],
    /// Creates asked for, by username.
    asked: [usize; NAMES.len()],
    /// True when a controller was or will be stopped.
    stopping: bool,
    /// True since something was done that the reference does not follow.
    pub(crate) disturbed: bool,
}

impl Model {
    pub(crate) fn begun(mood: Mood) -> Self {
        Self {
            mood,
            fates: [Fate::Absent; NAMES.len()],
            busy: [false; DOMAINS.len()],
            keys: [None; KEYS],
            asked: [0; NAMES.len()],
            stopping: false,
            disturbed: false,
        }
    }

    fn at_rest(&self) -> bool {
        !self.disturbed && self.fates.iter().all(|fate| matches!(fate, Fate::Absent | Fate::Live(_)))
    }

    fn is_under_way(&self) -> bool {
        self.fates.iter().any(|fate| matches!(fate, Fate::Making(_) | Fate::Going))
    }

    fn holds(&self, domain: usize) -> bool {
        self.fates.iter().any(|fate| matches!(fate, Fate::Live(Some(held)) | Fate::Making(Some(held)) if *held == domain))
    }

    /// What the request will be answered, where that is certain.
    pub(crate) fn foresees(&self, act: &Act) -> Option<Foreseen> {
        if !self.at_rest() {
            return None;
        }
        match *act {
            Act::Create { name, domain, key, .. } => Some(match key.and_then(|key| self.keys[key]) {
                Some(payload) if payload == (name, domain) => return None,
                Some(_) => Foreseen::Refused(Code::IdempotencyKeyReused),
                None if self.fates[name] != Fate::Absent => Foreseen::Refused(Code::UsernameTaken),
                None if domain.is_some_and(|domain| self.holds(domain)) => Foreseen::Refused(Code::DomainTaken),
                None => Foreseen::Begins,
            }),
            Act::Delete { name, older: false, key: None, .. } => Some(match self.fates[name] {
                Fate::Live(_) => Foreseen::Begins,
                _ => Foreseen::Refused(Code::NotFound),
            }),
            _ => None,
        }
    }

    fn create(&mut self, name: usize, domain: Option<usize>, key: Option<usize>) {
        self.asked[name] += 1;
        if let Some(key) = key {
            if self.keys[key].is_some() {
                return;
            }
            self.keys[key] = Some((name, domain));
        }
        let free = domain.is_none_or(|domain| !self.busy[domain]);
        let held = domain.is_some_and(|domain| self.holds(domain));
        self.fates[name] = match self.fates[name] {
            Fate::Absent if free && !held => Fate::Making(domain),
            // Refused, and what it had taken meanwhile goes away.
            Fate::Absent if free => Fate::Going,
            Fate::Live(of) => Fate::Live(of),
            _ => Fate::Unknown,
        };
        if let Some(domain) = domain {
            self.busy[domain] = true;
        }
    }

    fn delete(&mut self, name: usize, older: bool, key: Option<usize>) {
        if key.is_some() || older {
            // Which store the key was used for, and which one is older, only the world knows.
            self.disturbed = true;
            return;
        }
        self.fates[name] = match self.fates[name] {
            Fate::Absent => Fate::Absent,
            Fate::Live(domain) => {
                if let Some(domain) = domain {
                    self.busy[domain] = true;
                }
                Fate::Going
            }
            _ => Fate::Unknown,
        };
    }

    fn rests(&mut self) {
        self.busy = [false; DOMAINS.len()];
        for fate in &mut self.fates {
            *fate = match *fate {
                Fate::Making(domain) => Fate::Live(domain),
                Fate::Going => Fate::Absent,
                other => other,
            };
        }
    }
}

fn side() -> BoxedStrategy<Side> {
    prop_oneof![Just(Side::A), Just(Side::B)].boxed()
}

fn pace() -> BoxedStrategy<Pace> {
    prop_oneof![
        3 => (10u16..60).prop_map(Pace::Seconds),
        1 => (1u16..9).prop_map(Pace::Seconds),
        2 => (0u16..12).prop_map(Pace::Turns),
        2 => (0u16..40).prop_map(Pace::Turns),
    ]
    .boxed()
}

fn key() -> BoxedStrategy<Option<usize>> {
    prop_oneof![3 => Just(None), 1 => (0..KEYS).prop_map(Some)].boxed()
}

fn requests(model: &Model) -> Vec<(u32, BoxedStrategy<Act>)> {
    let name = || 0..NAMES.len();
    let domain = prop_oneof![1 => Just(None), 2 => (0..DOMAINS.len()).prop_map(Some)];
    let create = (side(), name(), domain, key()).prop_map(|(by, name, domain, key)| Act::Create { by, name, domain, key });
    let mut all = vec![(8, create.boxed())];
    if model.asked.iter().any(|asked| *asked > 0) {
        let older = prop_oneof![6 => Just(false), 1 => Just(true)];
        let delete = (side(), name(), older, key()).prop_map(|(by, name, older, key)| Act::Delete { by, name, older, key });
        let age = prop_oneof![4 => Just(0usize), 1 => 0usize..5];
        let cancel = (side(), age).prop_map(|(by, age)| Act::Cancel { by, age });
        let which = proptest::option::of(name());
        let reconcile = (side(), which, any::<bool>()).prop_map(|(by, name, dry_run)| Act::Reconcile { by, name, dry_run });
        let likely = if model.is_under_way() { 8 } else { 1 };
        all.extend([(5, delete.boxed()), (likely, cancel.boxed()), (2, reconcile.boxed())]);
    }
    all
}

fn edits() -> BoxedStrategy<Act> {
    let domain = || 0..DOMAINS.len();
    let name = || 0..NAMES.len();
    prop_oneof![
        3 => domain().prop_map(Edit::RecordsChanged),
        3 => domain().prop_map(Edit::RecordsRemoved),
        2 => domain().prop_map(Edit::ForeignRecord),
        2 => domain().prop_map(Edit::ForeignZone),
        1 => domain().prop_map(Edit::ZoneRemoved),
        3 => name().prop_map(Edit::ProcessStopped),
        3 => name().prop_map(Edit::LinkRemoved),
    ]
    .prop_map(Act::Edit)
    .boxed()
}

fn storms(model: &Model) -> Vec<(u32, BoxedStrategy<Act>)> {
    let end = || prop_oneof![Just(End::Crash), Just(End::Pause)];
    let when = prop_oneof![Just(When::Before), Just(When::After)];
    let strike = (end(), 1u32..60, when).prop_map(|(end, nth, when)| Act::Strike { end, nth, when });
    let halt = (side(), end()).prop_map(|(by, end)| Act::Halt { by, end });
    let trouble = (proptest::sample::select(troubles()), 1u32..4).prop_map(|(trouble, nth)| Act::Trouble { trouble, nth });
    let jump = prop_oneof![3 => 1u16..10, 1 => 10u16..180].prop_map(|minutes| Act::Jump { minutes });
    let mut all =
        vec![(4, strike.boxed()), (1, halt.boxed()), (8, trouble.boxed()), (1, jump.boxed()), (1, Just(Act::Rest).boxed())];
    all.push((1, side().prop_map(|by| Act::Retry { by }).boxed()));
    if model.stopping {
        all.push((4, Just(Act::Wake).boxed()));
    }
    all
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Command;

    fn init_state() -> BoxedStrategy<Self> {
        prop_oneof![1 => Just(Mood::Calm), 2 => Just(Mood::Hands), 7 => Just(Mood::Storm)]
            .prop_map(Self::begun)
            .no_shrink()
            .boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Command> {
        let mut acts = requests(model);
        if model.mood != Mood::Calm {
            acts.push((4, edits()));
        }
        if model.mood == Mood::Storm {
            acts.extend(storms(model));
        }
        let act = proptest::strategy::Union::new_weighted(acts);
        (act, pace()).prop_map(|(act, pace)| Command { act, pace }).boxed()
    }

    fn preconditions(model: &Self, command: &Command) -> bool {
        match command.act {
            Act::Delete { .. } | Act::Cancel { .. } | Act::Reconcile { .. } => model.asked.iter().any(|asked| *asked > 0),
            Act::Wake => model.stopping,
            _ => true,
        }
    }

    fn apply(mut model: Self, command: &Command) -> Self {
        match command.act {
            Act::Create { name, domain, key, .. } => model.create(name, domain, key),
            Act::Delete { name, older, key, .. } => model.delete(name, older, key),
            Act::Reconcile { .. } | Act::Retry { .. } => {}
            // What is at rest can no longer be cancelled.
            Act::Cancel { .. } if model.at_rest() => {}
            Act::Cancel { .. } | Act::Trouble { .. } | Act::Edit(_) | Act::Jump { .. } => model.disturbed = true,
            Act::Strike { .. } | Act::Halt { .. } => (model.disturbed, model.stopping) = (true, true),
            Act::Wake => model.stopping = false,
            Act::Rest => {
                model.stopping = false;
                model.rests();
            }
        }
        if matches!(command.pace, Pace::Seconds(10..)) {
            model.rests();
        }
        model
    }
}
