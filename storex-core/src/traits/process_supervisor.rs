//! Processes of stores on one host.

use crate::{EffectCx, Port, Result, StoreId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::path::PathBuf;

/// A process to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Store it belongs to; one process per store.
    pub store: StoreId,
    /// Entry file, absolute.
    pub script: PathBuf,
    /// Working directory, absolute.
    pub directory: PathBuf,
    /// Environment file, absolute; the only carrier of anything but `PORT` and `NODE_ENV`.
    pub environment_file: PathBuf,
    /// Digest of the environment file: another digest means a restart.
    pub environment_digest: String,
    /// Port it must listen on, on 127.0.0.1.
    pub port: Port,
    /// Value of `NODE_ENV`.
    pub node_env: String,
    /// Resident memory in bytes above which it is restarted.
    pub max_memory_bytes: u64,
}

/// How a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProcessStatus {
    /// Has a living pid. Says nothing about serving.
    Running,
    /// Was stopped on request.
    Stopped,
    /// Ended too often and is not restarted any more.
    Failed,
    /// Anything else, such as between two restarts.
    Unsettled,
}

/// What is known of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFacts {
    /// The specification it was started with.
    pub spec: ProcessSpec,
    /// How it is.
    pub status: ProcessStatus,
    /// Process id while it lives.
    pub pid: Option<u32>,
    /// Start time of the process in clock ticks since boot; with the pid it names one process for ever.
    pub start_ticks: Option<u64>,
    /// Restarts since it was started on request.
    pub restarts: u32,
}

/// What the supervisor is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorInfo {
    /// Its name, such as `pm2`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Runs store processes and restarts them when they end.
///
/// # Guarantees
/// At most one process per store. A process gets `PORT`, `NODE_ENV` and its environment file, and nothing of the caller's environment.
///
/// # Cancellation
/// Dropping the future of a mutating call leaves its effect in doubt; `list` tells.
#[async_trait]
pub trait ProcessSupervisor: Debug + Send + Sync + 'static {
    /// What the supervisor is; also proves that it answers.
    ///
    /// # Errors
    /// `unavailable`, `timeout`.
    async fn info(&self) -> Result<SupervisorInfo>;

    /// All store processes it knows, running or not.
    ///
    /// # Errors
    /// `unavailable`, `timeout`.
    async fn list(&self) -> Result<Vec<ProcessFacts>>;

    /// Makes the store's process run as specified: started when absent, replaced when its specification differs, left alone when it runs as
    /// specified. Answers once it has a pid; whether it serves is the caller's question.
    ///
    /// # Errors
    /// `unusable` when the script, directory or environment file is missing; `unavailable`, `timeout`.
    async fn start(&self, cx: &EffectCx, spec: &ProcessSpec) -> Result<ProcessFacts>;

    /// Stops the store's process and keeps it listed; absent is success. The process has ended when this answers.
    ///
    /// # Errors
    /// `unavailable`, `timeout`.
    async fn stop(&self, cx: &EffectCx, store: &StoreId) -> Result<()>;

    /// Stops and forgets the store's process; absent is success. The process has ended when this answers.
    ///
    /// # Errors
    /// `unavailable`, `timeout`.
    async fn remove(&self, cx: &EffectCx, store: &StoreId) -> Result<()>;

    /// The last `lines` lines of the process's output and error output, oldest first.
    ///
    /// # Errors
    /// `unavailable` when the logs cannot be read; no log is an empty answer.
    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>>;
}
