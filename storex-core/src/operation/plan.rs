//! Building the list of steps.

use super::{Change, Intent, Step, StepState};
use crate::Json;
use crate::resource::ResourceKey;
use jiff::Timestamp;

/// A list of steps under construction. Steps are added in order and may depend on earlier ones only, so there are no cycles.
#[derive(Debug, Default)]
pub struct Plan {
    steps: Vec<Step>,
    group: &'static str,
    task: &'static str,
}

impl Plan {
    /// The following steps belong to this task.
    pub fn task(&mut self, group: &'static str, task: &'static str) -> &mut Self {
        self.group = group;
        self.task = task;
        self
    }

    fn push(&mut self, key: ResourceKey, change: Change, after: &[usize]) -> &mut Step {
        let proof = key.kind.proof();
        self.steps.push(Step {
            group: self.group.to_owned(),
            task: self.task.to_owned(),
            key,
            change,
            proof,
            after: after.to_vec(),
            state: StepState::Pending,
            skipped: None,
            given: None,
            intent: None,
            found: None,
            doubts: 0,
            doubt_until: None,
            failures: 0,
            failing_since: None,
            waits: None,
            retry_at: None,
            error: None,
            hopeless: false,
            failed: false,
            debt: None,
            started_at: None,
            ended_at: None,
        });
        let last = self.steps.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the element was pushed in the line above")]
        &mut self.steps[last]
    }

    fn last(&self) -> usize {
        self.steps.len().saturating_sub(1)
    }

    /// Brings a resource to a value known now. Answers the number of the step.
    pub fn bring(&mut self, key: ResourceKey, spec: Json, after: &[usize]) -> usize {
        self.push(key, Change::Bring, after).given = Some(Intent { from: None, spec });
        self.last()
    }

    /// Brings a resource to a value its flow resolves when the steps before are done.
    pub fn bring_later(&mut self, key: ResourceKey, after: &[usize]) -> usize {
        self.push(key, Change::Bring, after);
        self.last()
    }

    /// Changes a resource from one known value to another.
    pub fn change(&mut self, key: ResourceKey, from: Option<Json>, spec: Json, after: &[usize]) -> usize {
        self.push(key, Change::Bring, after).given = Some(Intent { from, spec });
        self.last()
    }

    /// Removes a resource that stands as `found`. Only for flows that never turn back.
    pub fn remove(&mut self, key: ResourceKey, spec: Json, found: Option<Json>, after: &[usize]) -> usize {
        let step = self.push(key, Change::Remove, after);
        step.given = Some(Intent { from: None, spec });
        step.found = found;
        self.last()
    }

    /// The step just added begins at this time at the earliest.
    pub fn not_before(&mut self, at: Option<Timestamp>) {
        if let Some(step) = self.steps.last_mut() {
            step.retry_at = at;
        }
    }

    /// Checks something, reading only; the flow resolves the values.
    pub fn check(&mut self, key: ResourceKey, given: Option<Json>, after: &[usize]) -> usize {
        self.push(key, Change::Check, after).given = given.map(|spec| Intent { from: None, spec });
        self.last()
    }

    /// A task with nothing to do, and why.
    pub fn skip(&mut self, key: ResourceKey, why: &str, after: &[usize]) -> usize {
        let step = self.push(key, Change::Check, after);
        step.state = StepState::Skipped;
        step.skipped = Some(why.to_owned());
        self.last()
    }

    /// The steps.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}
