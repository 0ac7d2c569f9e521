//! What an engine is told, as the Python side writes it.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where calls go.
#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Mode {
    /// A world of twins in memory, with a fault script.
    Sandbox(SandboxSettings),
    /// The engine in this process.
    Embedded(EmbeddedSettings),
    /// A controller behind its REST API.
    Remote(RemoteSettings),
}

/// A sandbox.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SandboxSettings {
    /// Time passes only while somebody waits, and then at once.
    pub(crate) virtual_time: bool,
    /// What its randomness begins with.
    pub(crate) seed: u64,
    /// Connection string of the MongoDB database that keeps the documents instead of memory.
    pub(crate) mongodb: Option<String>,
}

/// An engine. What is not given is a twin in memory.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmbeddedSettings {
    /// File of the documents.
    pub(crate) data: Option<PathBuf>,
    /// Connection string of the MongoDB database of the documents.
    pub(crate) mongodb: Option<String>,
    /// Domain below which every store has its system name.
    pub(crate) primary_domain: String,
    /// Where the tunnel leads.
    pub(crate) router: String,
    /// Zones, records and tunnels.
    pub(crate) edge: EdgeSettings,
    /// The store host's agent.
    pub(crate) agent: Option<AgentSettings>,
    /// Looks for drift in the background and repairs it.
    pub(crate) reconcile: bool,
}

/// The edge.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum EdgeSettings {
    /// Twins in memory.
    Memory,
    /// A simulated Cloudflare over HTTP on loopback, in this process.
    Simulator {
        /// Keeps its state in this file.
        state: Option<PathBuf>,
    },
    /// Cloudflare.
    Cloudflare {
        /// API token.
        token: String,
        /// Account, when the token reaches several.
        account: Option<String>,
    },
}

/// The agent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentSettings {
    /// Its address, on loopback.
    pub(crate) address: SocketAddr,
    /// Its token.
    pub(crate) token: String,
}

/// A controller behind its REST API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoteSettings {
    /// Its address.
    pub(crate) url: String,
    /// Its token.
    pub(crate) token: String,
}
