//! What PM2 is told about a process: paths, `PORT` and `NODE_ENV`, nothing else.

use super::{Pm2Settings, logs};
use serde_json::{Value, json};
use std::path::Path;
use storex_core::{ProcessSpec, StoreId};

/// Label of our processes in the daemon's list.
pub(super) const NAMESPACE: &str = "storex";
/// How node is told of the environment file; the rest of the argument is its path.
pub(super) const ENV_FILE_ARGUMENT: &str = "--env-file=";

/// Name of a store's process: the store id, so that it can be read back.
pub(super) fn name(store: &StoreId) -> String {
    store.to_string()
}

/// The one argument of PM2's `prepare`.
///
/// `instances` is absent, which makes one process. PM2 copies scalars of this object into the process's environment, so nothing secret is in it.
/// With `pmx` a process would end when the daemon does. Both streams go to one file, in the order in which they arrive. `treekill`: what the
/// process started ends with it.
pub(super) fn argument(settings: &Pm2Settings, spec: &ProcessSpec) -> Value {
    // `json!` would panic on a path that is not UTF-8; such paths have been refused before.
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let log = text(&logs::path(settings, &spec.store));
    json!({
        "name": name(&spec.store),
        "namespace": NAMESPACE,
        "pm_exec_path": text(&spec.script),
        "pm_cwd": text(&spec.directory),
        "exec_interpreter": text(&settings.node),
        "exec_mode": "fork_mode",
        "node_args": [format!("{ENV_FILE_ARGUMENT}{}", text(&spec.environment_file))],
        "args": [],
        "pm_out_log_path": log,
        "pm_err_log_path": log,
        "pm_pid_path": text(&settings.pid_dir.join(format!("{}.pid", spec.store))),
        "autostart": true,
        "autorestart": true,
        "treekill": true,
        "pmx": false,
        "vizion": false,
        "merge_logs": true,
        "kill_retry_time": 10,
        "kill_timeout": 5000,
        "max_memory_restart": spec.max_memory_bytes,
        "env": { "PORT": spec.port.to_string(), "NODE_ENV": spec.node_env },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn pm2_is_told_exactly_this() {
        let settings = Pm2Settings {
            node: "/opt/storex/bin/node".into(),
            pm2_daemon: "/opt/storex/node_modules/pm2/lib/Daemon.js".into(),
            home: "/d/home".into(),
            log_dir: "/d/log".into(),
            pid_dir: "/d/pid".into(),
            state_dir: "/d/state".into(),
            stores_root: "/d/stores".into(),
            user: None,
            start_limit: Duration::from_secs(1),
        };
        let spec = ProcessSpec {
            store: "oceanbreeze-12345".parse().unwrap(),
            script: "/d/stores/oceanbreeze/app.js".into(),
            directory: "/d/stores/oceanbreeze".into(),
            environment_file: "/d/env/oceanbreeze.env".into(),
            environment_digest: "digest".into(),
            port: 4001.try_into().unwrap(),
            node_env: "production".into(),
            max_memory_bytes: 1 << 30,
        };
        let wanted = r#"{"name":"oceanbreeze-12345","namespace":"storex","pm_exec_path":"/d/stores/oceanbreeze/app.js","pm_cwd":"/d/stores/oceanbreeze","exec_interpreter":"/opt/storex/bin/node","exec_mode":"fork_mode","node_args":["--env-file=/d/env/oceanbreeze.env"],"args":[],"pm_out_log_path":"/d/log/oceanbreeze-12345.log","pm_err_log_path":"/d/log/oceanbreeze-12345.log","pm_pid_path":"/d/pid/oceanbreeze-12345.pid","autostart":true,"autorestart":true,"treekill":true,"pmx":false,"vizion":false,"merge_logs":true,"kill_retry_time":10,"kill_timeout":5000,"max_memory_restart":1073741824,"env":{"PORT":"4001","NODE_ENV":"production"}}"#;
        assert_eq!(argument(&settings, &spec).to_string(), wanted);
    }
}
