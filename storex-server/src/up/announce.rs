//! `up.json`: what runs where, for the CLI and for scripts.

use super::{DataDir, Ports};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use storex_agent::atomic;
use storex_core::{Code, Error, Result};

/// Where something answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Base URL.
    pub url: String,
}

/// What `storex up` runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// The REST API.
    pub controller: Place,
    /// The agent.
    pub agent: Place,
    /// The router.
    pub router: Place,
    /// The simulated Cloudflare; none with a real account.
    pub simulator: Option<Place>,
    /// Process id of `storex up`.
    pub pid: u32,
    /// File with the token of the REST API.
    pub admin_token_file: PathBuf,
}

impl Announced {
    pub(super) fn new(dir: &DataDir, ports: Ports, simulated: bool) -> Self {
        let place = |port: u16| Place { url: format!("http://127.0.0.1:{port}") };
        Self {
            controller: place(ports.controller),
            agent: place(ports.agent),
            router: place(ports.router),
            simulator: simulated.then(|| place(ports.simulator)),
            pid: std::process::id(),
            admin_token_file: dir.admin_token(),
        }
    }

    pub(super) fn write(&self, dir: &DataDir) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::new(Code::Internal, format!("up.json cannot be written: {error}")))?;
        atomic::write(&dir.announcement(), &text, 0o644, None)
    }
}
