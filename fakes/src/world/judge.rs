//! The one checker: every invariant once nothing moves any more.

use super::World;
use super::inventory::Lines;
use serde::Deserialize;
use std::collections::BTreeSet;
use storex_core::operation::{Direction, Outcome};
use storex_core::{StoreHost, Table};

/// What a test made inevitable, so that the judge does not mind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// An operation may be poisoned: its store is neither there nor gone, and keeps its claims.
    pub poisoned: bool,
    /// Somebody took something away: it may be missing, and nothing may be there that should not.
    pub missing: bool,
    /// The host came back with an older ledger: what stands on it may differ until it is reconciled.
    pub host: bool,
}

/// How one operation ended.
#[derive(Deserialize)]
struct Ended {
    flow: String,
    label: String,
    direction: Direction,
    params: Params,
    steps: Vec<EndedStep>,
}

/// What was asked for, as far as it names a store.
#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    store_id: Option<String>,
}

#[derive(Deserialize)]
struct EndedStep {
    key: EndedKey,
    #[serde(default)]
    found: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct EndedKey {
    name: String,
}

impl Ended {
    fn succeeded(&self, flow: &str) -> bool {
        self.flow == flow && self.direction == Direction::Done(Outcome::Succeeded)
    }

    /// The store it made: a username may be used again, its digits are not.
    fn made(&self) -> Option<String> {
        let step = self.steps.iter().find(|step| step.key.name == "store_digits")?;
        let digits = step.found.as_ref()?.get("name")?.as_str()?;
        Some(format!("{}-{digits}", self.label))
    }
}

impl World {
    /// Everything that is wrong, once every operation should be at rest: what the tripwires found, harmed sentinels, operations that are not at
    /// rest, stores that are neither wholly there nor wholly gone, objects of ours that no live store calls for, documents that disagree.
    /// Empty when all is well.
    pub async fn judge(&self, allow: Allowance) -> Vec<String> {
        let mut problems = self.wires.tripped();
        problems.extend(self.wires.harmed().into_iter().map(|what| format!("I7: the foreign {what} is not as it was")));
        let ended = self.ended(&mut problems);
        let poisoned = rest(&ended, allow, &mut problems);
        let (stores, unreadable) = self.store_records();
        problems.extend(unreadable);
        let mut wanted = Lines::new();
        if !poisoned.contains("platform") {
            self.wanted_by_platform(&mut wanted);
        }
        let mut live = BTreeSet::new();
        for store in &stores {
            let label = store.store_id.username().to_string();
            if poisoned.contains(&label) {
                continue;
            }
            self.wanted_by(store, &mut wanted);
            problems.extend(self.disagreements(store, allow));
            if !allow.missing && !allow.host {
                problems.extend(self.silent(store).await);
            }
            live.insert(store.store_id.to_string());
        }
        problems.extend(outcomes(&ended, &live, &poisoned));
        problems.extend(self.compare(&wanted, &poisoned, allow));
        problems
    }

    fn ended(&self, problems: &mut Vec<String>) -> Vec<Ended> {
        let mut ended = Vec::new();
        for row in self.stores.rows(Table::Operations) {
            match row.body.read() {
                Ok(one) => ended.push(one),
                Err(error) => problems.push(format!("the operation {} cannot be read: {error}", row.id)),
            }
        }
        ended
    }

    /// The names under which a store does not answer.
    async fn silent(&self, store: &storex_core::record::StoreRecord) -> Vec<String> {
        let mut silent = Vec::new();
        for name in [&store.domains.system].into_iter().chain(&store.domains.custom) {
            if !self.host.visit(name, "/health").await.is_ok_and(|visit| visit.status == 200) {
                silent.push(format!("I4: {} does not answer under {name}", store.store_id));
            }
        }
        silent
    }

    fn compare(&self, wanted: &Lines, poisoned: &BTreeSet<String>, allow: Allowance) -> Vec<String> {
        let found = self.inventory();
        let used: Vec<String> = self
            .domains
            .zones()
            .iter()
            .filter(|zone| self.is_used_by_others(zone))
            .map(|zone| format!("zone {}", zone.name))
            .collect();
        let judged = |line: &&String| !(allow.host && line.starts_with("part "));
        let orphans = found.difference(wanted).filter(judged).filter(|line| !used.contains(line) && poisoned.is_empty());
        let mut problems: Vec<String> = orphans.map(|line| format!("I6: orphan: {line}")).collect();
        if !allow.missing {
            problems.extend(wanted.difference(&found).filter(judged).map(|line| format!("I4: missing: {line}")));
        }
        for label in poisoned.iter().filter(|label| *label != "platform") {
            let keeps = |line: &String| line.starts_with("claim ") && line.ends_with(&format!(" for {label}"));
            if !found.iter().any(keeps) {
                problems.push(format!("the poisoned operation of {label} does not keep its claims"));
            }
        }
        problems
    }
}

/// Judges that every operation is at rest; answers the labels of the poisoned ones that are allowed.
fn rest(ended: &[Ended], allow: Allowance, problems: &mut Vec<String>) -> BTreeSet<String> {
    let mut poisoned = BTreeSet::new();
    for one in ended {
        match one.direction {
            Direction::Done(_) => {}
            Direction::Poisoned if allow.poisoned => {
                poisoned.insert(one.label.clone());
            }
            other => problems.push(format!("I13: {} of {} is {other:?}", one.flow, one.label)),
        }
    }
    poisoned
}

/// Judges that a store is there exactly when its operations say so: made by one that succeeded, and removed by none. Of a username with no
/// operation on record nothing is known.
fn outcomes(ended: &[Ended], live: &BTreeSet<String>, poisoned: &BTreeSet<String>) -> Vec<String> {
    let removed: BTreeSet<&String> =
        ended.iter().filter(|one| one.succeeded("delete_store")).filter_map(|one| one.params.store_id.as_ref()).collect();
    let made: BTreeSet<String> = ended
        .iter()
        .filter(|one| one.succeeded("create_store") && !poisoned.contains(&one.label))
        .filter_map(Ended::made)
        .filter(|id| !removed.contains(id))
        .collect();
    let known = |id: &&String| ended.iter().any(|one| id.rsplit_once('-').is_some_and(|(label, _)| label == one.label));
    let gone = made.difference(live).map(|id| format!("I5: {id} should be there and is not"));
    gone.chain(live.difference(&made).filter(known).map(|id| format!("I5: {id} is there and should be gone"))).collect()
}
