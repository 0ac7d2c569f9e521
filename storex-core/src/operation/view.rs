//! An operation as people see it: states computed from the document, steps and tasks by the specification's names.

use super::{Direction, OperationDoc, Outcome, Step, StepState, Wait};
use crate::{ErrorRecord, OperationId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// State of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationState {
    /// Nothing has begun.
    Queued,
    /// Steps are on their way.
    Running,
    /// Every open step waits for a time.
    Waiting,
    /// Everything is as wanted.
    Succeeded,
    /// On the way back.
    Unwinding,
    /// Back, waiting out effects whose answers were lost.
    Settling,
    /// Everything is as before.
    RolledBack,
    /// Needs an operator.
    Poisoned,
}

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskState {
    /// Not begun.
    Pending,
    /// Begun.
    Running,
    /// Done.
    Succeeded,
    /// Nothing to do in this operation.
    Skipped,
    /// Did not succeed.
    Failed,
    /// Was done and is gone again.
    Undone,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    /// Name in the specification.
    pub name: String,
    /// State.
    pub state: TaskState,
    /// Why it is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it did not succeed yet, or at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorRecord>,
    /// Tries that did not succeed.
    pub failures: u32,
    /// On whom it waits, which is no failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_on: Option<Wait>,
    /// What had to be left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub debts: Vec<String>,
}

/// A step of the specification with its tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// Name in the specification.
    pub action: String,
    /// Its tasks, in order.
    pub tasks: Vec<TaskView>,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationView {
    /// Identifier.
    pub id: OperationId,
    /// What it does, such as `create_store`.
    pub kind: String,
    /// Whom it is about: a username or `platform`.
    pub label: String,
    /// State.
    pub state: OperationState,
    /// True when the state will not change without an operator.
    pub done: bool,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Steps with their tasks.
    pub steps: Vec<StepView>,
    /// Why it was rolled back or poisoned.
    pub error: Option<ErrorRecord>,
}

impl OperationView {
    /// The document as people see it at `now`.
    pub fn of(doc: &OperationDoc, now: Timestamp) -> Self {
        let mut steps: Vec<StepView> = Vec::new();
        for step in &doc.steps {
            if !steps.iter().any(|view| view.action == step.group) {
                steps.push(StepView { action: step.group.clone(), tasks: Vec::new() });
            }
            if let Some(view) = steps.iter_mut().find(|view| view.action == step.group) {
                merge(&mut view.tasks, step);
            }
        }
        Self {
            id: doc.id.clone(),
            kind: doc.flow.clone(),
            label: doc.label.clone(),
            state: state(doc, now),
            done: doc.is_at_rest(),
            created_at: doc.created_at,
            updated_at: doc.updated_at,
            steps,
            error: doc.error.clone(),
        }
    }
}

fn state(doc: &OperationDoc, now: Timestamp) -> OperationState {
    match doc.direction {
        Direction::Done(Outcome::Succeeded) => OperationState::Succeeded,
        Direction::Done(Outcome::RolledBack) => OperationState::RolledBack,
        Direction::Poisoned => OperationState::Poisoned,
        Direction::Backward if doc.steps.iter().any(|step| step.doubt_until.is_some() && step.is_unmade()) => {
            OperationState::Settling
        }
        Direction::Backward => OperationState::Unwinding,
        Direction::Forward => forward_state(doc, now),
    }
}

fn forward_state(doc: &OperationDoc, now: Timestamp) -> OperationState {
    if doc.steps.iter().all(|step| matches!(step.state, StepState::Pending | StepState::Skipped) && step.failures == 0) {
        return OperationState::Queued;
    }
    let mut open = doc.steps.iter().filter(|step| step.state == StepState::Intent).peekable();
    let waiting = open.peek().is_some() && open.all(|step| step.retry_at.is_some_and(|at| at > now));
    if waiting { OperationState::Waiting } else { OperationState::Running }
}

fn merge(tasks: &mut Vec<TaskView>, step: &Step) {
    let state = task_state(step);
    let debt = step.debt.clone();
    match tasks.iter_mut().find(|task| task.name == step.task) {
        Some(task) => {
            task.state = combine(task.state, state);
            task.reason = task.reason.take().or_else(|| step.skipped.clone());
            task.error = task.error.take().or_else(|| step.error.clone());
            task.failures += step.failures;
            task.waits_on = task.waits_on.take().or_else(|| step.waits.clone());
            task.debts.extend(debt);
        }
        None => tasks.push(TaskView {
            name: step.task.clone(),
            state,
            reason: step.skipped.clone(),
            error: step.error.clone(),
            failures: step.failures,
            waits_on: step.waits.clone(),
            debts: debt.into_iter().collect(),
        }),
    }
}

fn task_state(step: &Step) -> TaskState {
    match step.state {
        _ if step.hopeless || step.failed => TaskState::Failed,
        StepState::Pending => TaskState::Pending,
        StepState::Skipped => TaskState::Skipped,
        StepState::Intent => TaskState::Running,
        StepState::Done => TaskState::Succeeded,
        StepState::Undone => TaskState::Undone,
    }
}

/// State of a task made of several steps: the most telling one.
fn combine(one: TaskState, other: TaskState) -> TaskState {
    use TaskState::{Failed, Pending, Running, Skipped, Succeeded, Undone};
    match (one, other) {
        (Failed, _) | (_, Failed) => Failed,
        (Undone, _) | (_, Undone) => Undone,
        (Running, _) | (_, Running) | (Pending, Succeeded) | (Succeeded, Pending) => Running,
        (Pending, _) | (_, Pending) => Pending,
        (Succeeded, _) | (_, Succeeded) => Succeeded,
        (Skipped, Skipped) => Skipped,
    }
}
