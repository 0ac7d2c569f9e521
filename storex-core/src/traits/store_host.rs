//! A machine that runs stores, seen from the controller as one door.
//!
//! The host keeps a ledger of what it was told, so it must see every part of a store: files, environment, process and route come through
//! one trait. On the host itself they are the capabilities [`StoreFiles`](crate::StoreFiles), [`ProcessSupervisor`](crate::ProcessSupervisor)
//! and [`ProxyWriter`](crate::ProxyWriter).

use crate::{EffectCx, Epoch, HostId, Hostname, Mark, Port, Result, StoreId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

/// What of a store lives on a host. Later parts need earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The directory with its links to the shared core.
    Files,
    /// The environment file.
    Environment,
    /// The running process, listening on its port.
    Process,
    /// The router's rows for the store's host names.
    Route,
}

impl Part {
    /// All parts, in the order in which they are made.
    pub const ALL: [Self; 4] = [Self::Files, Self::Environment, Self::Process, Self::Route];

    /// Stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Environment => "environment",
            Self::Process => "process",
            Self::Route => "route",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Links into the shared core that a store directory gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symlinks {
    /// Code folders.
    pub core_components: Vec<String>,
    /// Folders of files served as they are.
    pub static_assets: Vec<String>,
}

/// Everything a host needs to know to run a store; the specification's `store_deployment`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorePackage {
    /// The store.
    pub store_id: StoreId,
    /// Always `/stores/<username>`; the host maps it below its own root.
    pub directory: String,
    /// Environment of the store: text, whole numbers and booleans. `PORT` is the port to listen on; `INTERNAL_DOMAIN` and, when there is one,
    /// `DOMAIN` are the names routed to it.
    pub environment: BTreeMap<String, Value>,
    /// Links to the shared core.
    pub symlinks: Symlinks,
}

/// What a host knows of one part of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartFacts {
    /// Mark of the effect that last changed it.
    pub mark: Mark,
    /// Digest of the part's share of the package, equal for equal shares.
    pub digest: String,
    /// More facts: pid, start time and status of a process; generation of a route; path of a file. Where the host was asked about this one store:
    /// `drift`, how the part differs from what was applied, in words without any content. Applying the part under a new effect mends it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub detail: Value,
}

/// What a host knows of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployed {
    /// The store.
    pub store_id: StoreId,
    /// Highest fencing number accepted for it.
    pub epoch: Epoch,
    /// The parts that stand.
    pub parts: BTreeMap<Part, PartFacts>,
}

/// What a host says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Ports of its range that nothing listens on now, lowest first; at most 1,000.
    pub free_ports: Vec<Port>,
}

/// Answer of a store to a request sent through the router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// HTTP status.
    pub status: u16,
    /// The first 4 KiB of the body, invalid UTF-8 replaced.
    pub body: String,
}

/// A machine that runs stores.
///
/// # Guarantees
/// Calls are idempotent by mark: a repeated call with the mark of a finished one answers the same and does nothing. A call with a lower
/// epoch than the highest seen for the store is refused (`stale_epoch`). What `apply` acknowledged comes back after a restart of anything.
///
/// # Cancellation
/// Dropping the future of a mutating call leaves its effect in doubt; `find` tells.
#[async_trait]
pub trait StoreHost: Debug + Send + Sync + 'static {
    /// What the host says of itself.
    ///
    /// # Errors
    /// `unavailable`, `timeout`.
    async fn facts(&self) -> Result<HostFacts>;

    /// What the host knows of the store; `None` when nothing of it is there.
    ///
    /// # Errors
    /// `unavailable`, `timeout`.
    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>>;

    /// Every store the host knows, by ascending id.
    ///
    /// # Errors
    /// `unavailable`, `timeout`.
    async fn list(&self) -> Result<Vec<Deployed>>;

    /// Brings one part of the store to what the package says. A process part answers once the process listens on its port; a route part once
    /// every worker of the router routes by it.
    ///
    /// # Errors
    /// `process_not_serving` with the last log lines when the process does not listen in time (it is removed again); `invalid_field` for a
    /// package the host cannot take; `route_rejected`; `stale_epoch`; `foreign_object` when something storex did not make is in the way.
    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts>;

    /// Removes one part; absent is success. A removed route serves nothing any more when this answers.
    ///
    /// # Errors
    /// `stale_epoch`, `foreign_object`, `unavailable`, `timeout`.
    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()>;

    /// Sends `GET path` through the router under this host name.
    ///
    /// # Errors
    /// `unavailable` when the router does not answer; any answer of the store is no error.
    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit>;

    /// The last `lines` log lines of the store's process, oldest first; empty when there are none.
    ///
    /// # Errors
    /// `unavailable`, `timeout`.
    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>>;
}

/// The hosts by id.
pub trait Hosts: Debug + Send + Sync + 'static {
    /// The host of this id.
    fn get(&self, id: &HostId) -> Option<Arc<dyn StoreHost>>;
}

/// An installation with one host, [`HostId::local`].
#[derive(Clone, Debug)]
pub struct SingleHost(pub Arc<dyn StoreHost>);

impl Hosts for SingleHost {
    fn get(&self, id: &HostId) -> Option<Arc<dyn StoreHost>> {
        (*id == HostId::local()).then(|| Arc::clone(&self.0))
    }
}
