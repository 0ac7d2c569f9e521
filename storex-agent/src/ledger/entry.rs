//! What is remembered of one store, and which calls it lets pass.

use super::Share;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use storex_core::{Code, Deployed, EffectCx, Epoch, Error, Hostname, Mark, Part, PartFacts, Port, Result, StoreId};

/// How many finished effects are remembered per store. A create and its undo are eight.
const EFFECTS: usize = 64;

/// What is remembered of one store.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) store_id: StoreId,
    /// Highest fencing number seen.
    pub(crate) epoch: Epoch,
    /// The parts that stand.
    pub(crate) parts: BTreeMap<Part, Standing>,
    /// Parts whose last effect began and is not known to have ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) doubts: BTreeMap<Part, Doubt>,
    /// Finished effects, oldest first.
    pub(crate) effects: Vec<Finished>,
    /// Since when nothing of the store stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retired_at: Option<Timestamp>,
}

/// A part that stands.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standing {
    pub(crate) facts: PartFacts,
    /// What it was made from.
    pub(crate) share: Share,
}

/// An effect that began and is not known to have ended.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Doubt {
    pub(crate) mark: Mark,
    /// True for a withdraw, which a restart ends; an apply that nobody acknowledged is taken back.
    pub(crate) is_leaving: bool,
}

/// A finished effect.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finished {
    mark: Mark,
    part: Part,
    /// What the apply answered; none for a withdraw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<PartFacts>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.parts.keys().collect();
        f.debug_struct("Entry")
            .field("store_id", &self.store_id)
            .field("epoch", &self.epoch)
            .field("parts", &parts)
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// A store of which nothing is known.
    pub(crate) fn new(store: &StoreId) -> Self {
        Self {
            store_id: store.clone(),
            epoch: Epoch(0),
            parts: BTreeMap::new(),
            doubts: BTreeMap::new(),
            effects: Vec::new(),
            retired_at: None,
        }
    }

    /// Refuses an older controller; takes a newer one's epoch and answers whether it rose.
    ///
    /// # Errors
    /// `stale_epoch`.
    pub(crate) fn fence(&mut self, cx: &EffectCx) -> Result<bool> {
        if cx.epoch < self.epoch {
            let message = format!("{} is under epoch {}; the call came with {}", self.store_id, self.epoch, cx.epoch);
            return Err(Error::new(Code::StaleEpoch, message).with("epoch", self.epoch));
        }
        let rose = cx.epoch > self.epoch;
        self.epoch = cx.epoch;
        Ok(rose)
    }

    /// Refuses an apply whose own step was undone: it was on its way when the controller turned back.
    ///
    /// # Errors
    /// `stale_epoch`.
    pub(crate) fn check_not_undone(&self, cx: &EffectCx) -> Result<()> {
        let undone = self.effects.iter().any(|done| undoes(&done.mark, &cx.mark));
        if undone {
            return Err(
                Error::new(Code::StaleEpoch, format!("the effect {} has been undone", cx.mark.effect)).with("epoch", self.epoch)
            );
        }
        Ok(())
    }

    /// The answer of this apply when it is finished already.
    pub(crate) fn applied(&self, mark: &Mark, part: Part) -> Option<&PartFacts> {
        self.finished(mark, part).find_map(|done| done.answer.as_ref())
    }

    /// True when this withdraw is finished already.
    pub(crate) fn withdrawn(&self, mark: &Mark, part: Part) -> bool {
        self.finished(mark, part).any(|done| done.answer.is_none())
    }

    fn finished(&self, mark: &Mark, part: Part) -> impl Iterator<Item = &Finished> {
        self.effects.iter().filter(move |done| done.part == part && done.mark == *mark)
    }

    /// The part stands now as these facts say.
    pub(crate) fn stands(&mut self, part: Part, standing: Standing) {
        self.finish(&standing.facts.mark.clone(), part, Some(standing.facts.clone()));
        self.doubts.remove(&part);
        self.parts.insert(part, standing);
        self.retired_at = None;
    }

    /// The effect of this mark on the part has begun and may have happened.
    pub(crate) fn doubt(&mut self, part: Part, mark: &Mark, is_leaving: bool) {
        self.doubts.insert(part, Doubt { mark: mark.clone(), is_leaving });
        self.retired_at = None;
    }

    /// The part is proved absent; without any other the entry becomes a tombstone.
    pub(crate) fn gone(&mut self, part: Part, now: Timestamp) {
        self.parts.remove(&part);
        self.doubts.remove(&part);
        if self.parts.is_empty() && self.doubts.is_empty() {
            self.retired_at = Some(now);
        }
    }

    /// True when the part was acknowledged and is not being withdrawn: after a restart it stands again.
    pub(crate) fn is_acknowledged(&self, part: Part) -> bool {
        self.parts.contains_key(&part) && !self.doubts.get(&part).is_some_and(|doubt| doubt.is_leaving)
    }

    /// Remembers a finished effect.
    pub(crate) fn finish(&mut self, mark: &Mark, part: Part, answer: Option<PartFacts>) {
        self.effects.push(Finished { mark: mark.clone(), part, answer });
        let surplus = self.effects.len().saturating_sub(EFFECTS);
        self.effects.drain(..surplus);
    }

    /// The store as it is reported: a part in doubt has no digest, so it equals nothing that is wanted. `None` when nothing of it is there.
    pub(crate) fn deployed(&self) -> Option<Deployed> {
        let mut parts: BTreeMap<Part, PartFacts> =
            self.parts.iter().map(|(part, standing)| (*part, standing.facts.clone())).collect();
        for (part, doubt) in &self.doubts {
            let detail = json!({ "in_doubt": true });
            parts.insert(*part, PartFacts { mark: doubt.mark.clone(), digest: String::new(), detail });
        }
        (!parts.is_empty()).then(|| Deployed { store_id: self.store_id.clone(), epoch: self.epoch, parts })
    }

    /// The rows of the store's route, when it is acknowledged.
    pub(crate) fn rows(&self) -> Option<(&StoreId, &BTreeMap<Hostname, Port>)> {
        match &self.parts.get(&Part::Route).filter(|_| self.is_acknowledged(Part::Route))?.share {
            Share::Route { rows } => Some((&self.store_id, rows)),
            _ => None,
        }
    }

    /// Environment of the store as it was applied.
    pub(crate) fn environment(&self) -> Option<&BTreeMap<String, Value>> {
        match &self.parts.get(&Part::Environment)?.share {
            Share::Environment { environment } => Some(environment),
            _ => None,
        }
    }
}

/// True when `undo` is the way back of the step whose way there is `effect` (see `EffectId::of`).
fn undoes(undo: &Mark, effect: &Mark) -> bool {
    let step = effect.effect.as_str().strip_suffix('f');
    undo.same_owner(effect) && step.is_some() && step == undo.effect.as_str().strip_suffix('u')
}

#[cfg(test)]
mod tests {
    use super::*;
    use storex_core::{EffectId, OperationId};

    fn mark(step: usize, undo: bool) -> Mark {
        let operation: OperationId = format!("op_{}", "0a".repeat(16)).parse().unwrap();
        let effect = EffectId::of(&operation, step, undo);
        Mark { effect, .."storex/1 i=00ab12cd s=12345 e=x".parse().unwrap() }
    }

    #[test]
    fn an_undo_closes_its_own_step_and_no_other() {
        assert!(undoes(&mark(1, true), &mark(1, false)));
        assert!(!undoes(&mark(1, true), &mark(11, false)));
        assert!(!undoes(&mark(1, false), &mark(1, false)));
        assert!(!undoes(&mark(1, true), &mark(1, true)));
    }

    #[test]
    fn only_the_newest_effects_are_remembered() {
        let mut entry = Entry::new(&"ocean-12345".parse().unwrap());
        for step in 0..100 {
            entry.finish(&mark(step, false), Part::Files, None);
        }
        assert_eq!(entry.effects.len(), EFFECTS);
        assert!(entry.withdrawn(&mark(99, false), Part::Files) && !entry.withdrawn(&mark(0, false), Part::Files));
    }
}
