//! The daemon's list, read tolerantly: fields may be missing, words may be new.

use super::prepare::{ENV_FILE_ARGUMENT, NAMESPACE};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use storex_core::{Code, Error, Port, ProcessSpec, ProcessStatus, Result, StoreId};

/// One process of ours in the daemon's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The daemon's number for it, valid until it is deleted.
    pub(super) id: u64,
    /// The store it belongs to.
    pub(super) store: StoreId,
    /// Its pid; PM2 keeps the old one between two restarts.
    pub(super) pid: Option<u32>,
    /// How PM2 says it is.
    pub(super) status: ProcessStatus,
    /// How often PM2 restarted it.
    pub(super) restarts: u32,
    /// What it was started with, as far as PM2 knows: the digest of the environment file is empty.
    pub(super) spec: Option<ProcessSpec>,
}

#[derive(Deserialize)]
struct Row {
    pm_id: u64,
    name: String,
    #[serde(default)]
    pid: Option<i64>,
    pm2_env: Details,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    restart_time: u32,
    #[serde(default)]
    pm_exec_path: String,
    #[serde(default)]
    pm_cwd: String,
    #[serde(default)]
    node_args: Vec<String>,
    #[serde(default)]
    max_memory_restart: u64,
    #[serde(default)]
    env: BTreeMap<String, Value>,
}

/// Our processes in the answer to `getMonitorData`; what others may have put into the daemon is passed over.
///
/// # Errors
/// `unavailable` when the answer is no list.
pub(super) fn parse(answer: Value) -> Result<Vec<Entry>> {
    let Value::Array(rows) = answer else {
        return Err(Error::new(Code::Unavailable, "the PM2 daemon answered something that is no list"));
    };
    Ok(rows.into_iter().filter_map(|row| entry(serde_json::from_value(row).ok()?)).collect())
}

fn entry(row: Row) -> Option<Entry> {
    let store: StoreId = row.name.parse().ok().filter(|_| row.pm2_env.namespace == NAMESPACE)?;
    let pid = row.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
    let status = status(&row.pm2_env.status, pid);
    let restarts = row.pm2_env.restart_time;
    Some(Entry { id: row.pm_id, spec: spec(&store, row.pm2_env), store, pid, status, restarts })
}

/// `online` is said right after the spawn and even of a process that could not be spawned, which then has no pid. `stopped` with a pid is a
/// process that has just ended and is about to be restarted.
fn status(word: &str, pid: Option<u32>) -> ProcessStatus {
    match (word, pid) {
        ("online", Some(_)) => ProcessStatus::Running,
        ("stopped", None) => ProcessStatus::Stopped,
        ("online", None) | ("errored", _) => ProcessStatus::Failed,
        _ => ProcessStatus::Unsettled,
    }
}

fn spec(store: &StoreId, env: Details) -> Option<ProcessSpec> {
    let text = |key: &str| env.env.get(key).and_then(Value::as_str);
    let port: Port = text("PORT")?.parse().ok()?;
    let environment_file = env.node_args.iter().find_map(|argument| argument.strip_prefix(ENV_FILE_ARGUMENT))?;
    Some(ProcessSpec {
        store: store.clone(),
        script: env.pm_exec_path.into(),
        directory: env.pm_cwd.into(),
        environment_file: environment_file.into(),
        environment_digest: String::new(),
        port,
        node_env: text("NODE_ENV").unwrap_or_default().to_owned(),
        max_memory_bytes: env.max_memory_restart,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(change: impl Fn(&mut Value)) -> Value {
        let mut row = json!({
            "pid": 4711, "name": "oceanbreeze-12345", "pm_id": 3, "monit": {"memory": 1, "cpu": 0.1},
            "pm2_env": {
                "namespace": "storex", "status": "online", "restart_time": 2, "pm_exec_path": "/s/app.js", "pm_cwd": "/s",
                "node_args": ["--env-file=/e/s.env"], "max_memory_restart": 1024, "env": {"PORT": "4001", "NODE_ENV": "production", "unique_id": "u"},
                "created_at": null, "something_new": [1]
            }
        });
        change(&mut row);
        row
    }

    fn only(change: impl Fn(&mut Value)) -> Entry {
        parse(json!([row(change)])).unwrap().remove(0)
    }

    #[test]
    fn a_running_process_is_read_with_what_pm2_knows_of_it() {
        let entry = only(|_| ());
        assert_eq!((entry.id, entry.pid, entry.status, entry.restarts), (3, Some(4711), ProcessStatus::Running, 2));
        let spec = entry.spec.unwrap();
        assert_eq!(
            (spec.port.get(), spec.environment_file.to_str().unwrap(), spec.environment_digest.as_str()),
            (4001, "/e/s.env", "")
        );
    }

    #[test]
    fn every_word_has_its_status_and_unknown_ones_are_unsettled() {
        let of = |word: &str, pid: Value| {
            only(|row| {
                row["pm2_env"]["status"] = word.into();
                row["pid"] = pid.clone();
            })
            .status
        };
        assert_eq!(of("stopped", 0.into()), ProcessStatus::Stopped);
        assert_eq!(of("stopped", 4711.into()), ProcessStatus::Unsettled);
        assert_eq!(of("errored", 0.into()), ProcessStatus::Failed);
        assert_eq!(of("online", Value::Null), ProcessStatus::Failed);
        for word in ["launching", "stopping", "waiting restart", "one-launch-status", "", "hibernating"] {
            assert_eq!(of(word, 4711.into()), ProcessStatus::Unsettled, "{word}");
        }
    }

    #[test]
    fn a_missing_pid_is_no_pid() {
        let entry = only(|row| {
            row.as_object_mut().unwrap().remove("pid");
        });
        assert_eq!((entry.pid, entry.status), (None, ProcessStatus::Failed));
    }

    #[test]
    fn processes_of_others_and_rows_that_cannot_be_read_are_passed_over() {
        let rows = json!([
            row(|row| row["pm2_env"]["namespace"] = "default".into()),
            row(|row| row["name"] = "somebody".into()),
            {"name": "broken"}, null, 7,
            row(|row| row["pm2_env"]["env"] = json!({})),
        ]);
        let entries = parse(rows).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].spec, None, "without a port there is no specification");
        assert!(parse(json!({"processes": []})).is_err());
    }
}
