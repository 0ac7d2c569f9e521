//! The operation document: the journal of one operation.

use crate::record::sortable;
use crate::resource::ResourceKey;
use crate::{Error, ErrorRecord, Json, OperationId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the index that lists operations not at rest.
pub(crate) const OPEN: &str = "open";
/// Name of the index that lists the operations of a key under which a request may be repeated.
pub(crate) const KEY: &str = "key";
/// Name of the index that lists the operations that have, or wait for, a turn.
pub(super) const TURN: &str = "turn";
/// Name of the index that lists finished operations by the time they ended.
pub(crate) const ENDED: &str = "ended";

/// Which way an operation goes, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Towards the goal.
    Forward,
    /// Back to where it began.
    Backward,
    /// Ended.
    Done(Outcome),
    /// Needs an operator; keeps its claims.
    Poisoned,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything is as wanted.
    Succeeded,
    /// Everything is as before.
    RolledBack,
}

/// What a step does to its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Brings the resource to a value.
    Bring,
    /// Removes the resource.
    Remove,
    /// Reads only.
    Check,
}

/// How an object is known to be ours once it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It carries our owner mark.
    Mark,
    /// Our own store of documents or the host's ledger says so.
    Journal,
    /// It can carry no mark; it was seen absent under our exclusive claim before we made it.
    Absence,
}

/// Where a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Nothing was sent, or what was sent is proved to have had no effect.
    Pending,
    /// Has nothing to do in this operation.
    Skipped,
    /// The intent is durable; the effect may or may not have happened.
    Intent,
    /// The effect is known to have happened.
    Done,
    /// The effect is known to be gone.
    Undone,
}

/// What a step is about to do, with all that undoing it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Json before; none means absent.
    pub from: Option<Json>,
    /// Json wanted: what to bring about, or what to remove.
    pub spec: Json,
}

/// On whom a step waits. A wait is no failure: it lasts until somebody acts or its time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Who has to act, such as `cloudflare` or `storex`.
    pub who: String,
    /// What is waited for.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when it is waited; then the step has failed.
    pub until: Timestamp,
}

/// The request an operation answers, for those who repeat it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// Name of the claim on the key.
    pub name: String,
    /// Digest of the request.
    pub fingerprint: String,
}

/// One transition or check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Step of the specification it belongs to, such as `Configure Domains`.
    pub group: String,
    /// Task of the specification it belongs to, such as `Create Cloudflare zone`.
    pub task: String,
    /// The resource.
    pub key: ResourceKey,
    /// What is done to it.
    pub change: Change,
    /// How the resource is known to be ours.
    pub proof: Proof,
    /// Steps that must have succeeded before; undone only after all that depend on it.
    pub after: Vec<usize>,
    /// Where it is.
    pub state: StepState,
    /// Why it is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Its values when they are known from the start, until it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Intent>,
    /// Its values once it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// What stands since it is done, or what is to be removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Json>,
    /// Effects that may have happened without our knowing.
    #[serde(default, skip_serializing_if = "is_default")]
    pub doubts: u32,
    /// Until when one of them can still appear; none when the other side refuses late effects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt_until: Option<Timestamp>,
    /// Tries in the current direction that did not succeed.
    #[serde(default)]
    pub failures: u32,
    /// Since when they do not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// On whom it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Wait>,
    /// Earliest next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Why the last try did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorRecord>,
    /// True when `error` cannot heal by trying again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hopeless: bool,
    /// True when its failure turned the operation back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// What had to be left behind, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debt: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Step {
    /// True when steps that depend on it may go on.
    pub fn is_settled(&self) -> bool {
        matches!(self.state, StepState::Done | StepState::Skipped)
    }

    /// True when there is nothing of it to undo.
    pub fn is_unmade(&self) -> bool {
        matches!(self.state, StepState::Pending | StepState::Skipped | StepState::Undone)
    }

    /// True when the refusal may come from an earlier effect of the step itself, whose answer was lost.
    pub(super) fn may_be_in_its_own_way(&self, error: &Error) -> bool {
        self.doubts > 0 && self.proof == Proof::Absence && error.code() == self.key.kind.conflict_code()
    }

    /// Takes up a step an operator was needed for.
    pub(crate) fn take_up(&mut self) {
        self.succeed();
        self.hopeless = false;
    }

    /// Forgets the tries that did not succeed.
    pub(super) fn succeed(&mut self) {
        self.failures = 0;
        self.failing_since = None;
        self.retry_at = None;
        self.waits = None;
    }

    /// Values of the step, as far as they are known.
    pub fn values(&self) -> Option<&Intent> {
        self.intent.as_ref().or(self.given.as_ref())
    }
}

/// The journal of one operation. Changed only by compare-and-swap on the version of its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationDoc {
    /// Identifier.
    pub id: OperationId,
    /// Name of the flow.
    pub flow: String,
    /// Version of the flow.
    pub flow_version: u32,
    /// Whom it is about, in words people understand: a username or `platform`.
    pub label: String,
    /// What was asked for. Never a secret.
    pub params: Json,
    /// What only one operation may change at a time: a store id. Operations on it take turns in the order in which they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<String>,
    /// The key under which it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// False until its steps are known: an operation that takes turns plans when its turn comes.
    #[serde(default = "yes")]
    pub planned: bool,
    /// When somebody asked to cancel it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
    /// Which way it goes.
    pub direction: Direction,
    /// Its transitions and checks.
    pub steps: Vec<Step>,
    /// Why it turned back or was poisoned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorRecord>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the document last changed.
    pub updated_at: Timestamp,
    /// When it turns back if it has not succeeded.
    pub deadline: Timestamp,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn yes() -> bool {
    true
}

impl OperationDoc {
    /// Name of the index by which the operations of a turn are listed.
    pub(crate) const TURN: &str = TURN;

    /// True when nothing will change any more without an operator. One that has ended is at rest once its turn is given up, so that no crash in
    /// between leaves the turn taken.
    pub fn is_at_rest(&self) -> bool {
        self.direction == Direction::Poisoned || (self.is_over() && self.turn.is_none())
    }

    /// True when it has ended, so that nothing of it is left to do.
    pub fn is_over(&self) -> bool {
        matches!(self.direction, Direction::Done(_))
    }

    /// By what its row is listed.
    pub(crate) fn indexes(&self) -> BTreeMap<String, String> {
        let mut indexes = BTreeMap::new();
        if !self.is_at_rest() {
            indexes.insert(OPEN.to_owned(), "1".to_owned());
        }
        if self.is_over() && self.is_at_rest() {
            indexes.insert(ENDED.to_owned(), sortable(self.updated_at));
        }
        if let Some(turn) = self.turn.as_ref().filter(|_| !self.is_over()) {
            indexes.insert(TURN.to_owned(), turn.clone());
        }
        if let Some(key) = &self.idempotency {
            indexes.insert(KEY.to_owned(), key.name.clone());
        }
        indexes
    }

    /// What stands at the resource, as the finished step that made it found it.
    pub fn found(&self, key: &ResourceKey) -> Option<&Json> {
        self.made(key).and_then(|step| step.found.as_ref())
    }

    /// Until when another effect of the finished step that made the resource can still appear.
    pub(crate) fn late_until(&self, key: &ResourceKey) -> Option<Timestamp> {
        self.made(key).and_then(|step| step.doubt_until)
    }

    fn made(&self, key: &ResourceKey) -> Option<&Step> {
        self.steps.iter().rev().find(|step| step.key == *key && step.state == StepState::Done)
    }
}
