//! What changed in an operation since the last look, by the specification's names.

use super::streams::paragraph;
use std::collections::HashMap;
use storex_core::operation::{OperationView, TaskState, TaskView};

/// What was told of an operation.
#[derive(Debug, Default)]
pub(super) struct Progress {
    told: HashMap<(String, String), TaskState>,
    state: Option<String>,
}

impl Progress {
    /// Lines about what is new, in the order of steps and tasks.
    pub(super) fn news(&mut self, view: &OperationView) -> Vec<String> {
        let mut lines = Vec::new();
        for step in &view.steps {
            for task in &step.tasks {
                let key = (step.action.clone(), task.name.clone());
                if task.state == TaskState::Pending || self.told.get(&key) == Some(&task.state) {
                    continue;
                }
                lines.push(format!("{:<9}  {} / {}", word(task.state), step.action, line(task)));
                self.told.insert(key, task.state);
            }
        }
        let state = state(view);
        if self.state.as_ref() != Some(&state) {
            lines.push(format!("operation {} is {}", view.id, state.replace('_', " ")));
            self.state = Some(state);
        }
        lines
    }
}

/// The whole operation as a tree.
pub(super) fn tree(view: &OperationView) -> String {
    let state = state(view).replace('_', " ");
    let mut lines = vec![format!("{} {} {}: {state}", view.id, view.kind, view.label)];
    for step in &view.steps {
        lines.push(format!("  {}", step.action));
        lines.extend(step.tasks.iter().map(|task| format!("    {:<9}  {}", word(task.state), line(task))));
    }
    lines.extend(view.error.iter().map(|error| format!("error: {} ({})", error.message, error.code.as_str())));
    paragraph(lines)
}

fn line(task: &TaskView) -> String {
    let why = task.reason.clone().or_else(|| task.error.as_ref().map(|error| error.message.clone()));
    let mut line = task.name.clone();
    line.extend(why.map(|why| format!(": {why}")));
    line.extend(task.debts.iter().map(|debt| format!("; left behind: {debt}")));
    line
}

/// The state as the API writes it.
fn state(view: &OperationView) -> String {
    serde_json::to_value(view.state).ok().and_then(|state| state.as_str().map(str::to_owned)).unwrap_or_default()
}

fn word(state: TaskState) -> &'static str {
    match state {
        TaskState::Pending => "pending",
        TaskState::Running => "running",
        TaskState::Succeeded => "succeeded",
        TaskState::Skipped => "skipped",
        TaskState::Failed => "failed",
        TaskState::Undone => "undone",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn view(first: &str, second: &str, state: &str) -> OperationView {
        let task = |name: &str, state: &str, reason: Option<&str>| json!({ "name": name, "state": state, "reason": reason, "failures": 0 });
        let tasks = json!([
            task("Setup system subdomain", first, None),
            task("Create Cloudflare zone", second, Some("the store has none"))
        ]);
        serde_json::from_value(json!({
            "id": "op_1", "kind": "create_store", "label": "oceanbreeze", "state": state, "done": false,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
            "steps": [{ "action": "Configure Domains", "tasks": tasks }], "error": null,
        }))
        .unwrap()
    }

    #[test]
    fn each_change_is_told_once() {
        let mut progress = Progress::default();
        assert_eq!(progress.news(&view("pending", "pending", "queued")), ["operation op_1 is queued"]);
        let lines = progress.news(&view("running", "skipped", "running"));
        let expected = [
            "running    Configure Domains / Setup system subdomain",
            "skipped    Configure Domains / Create Cloudflare zone: the store has none",
            "operation op_1 is running",
        ];
        assert_eq!(lines, expected);
        assert_eq!(progress.news(&view("running", "skipped", "running")), Vec::<String>::new());
        assert_eq!(
            progress.news(&view("succeeded", "skipped", "rolled_back")).last().map(String::as_str),
            Some("operation op_1 is rolled back")
        );
    }

    #[test]
    fn the_tree_has_steps_and_tasks_in_order() {
        let text = tree(&view("succeeded", "skipped", "succeeded"));
        let expected = "op_1 create_store oceanbreeze: succeeded\n  Configure Domains\n    succeeded  Setup system subdomain\n    \
                        skipped    Create Cloudflare zone: the store has none\n";
        assert_eq!(text, expected);
    }
}
