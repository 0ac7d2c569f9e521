//! How an agent is put together.

use super::routes::RouteWriter;
use super::{Agent, Inner, Listening, SocketListening};
use crate::ledger::Ledger;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{Clock, Code, Error, PortRange, ProcessSupervisor, ProxyWriter, Result, StoreFiles};

const DAY: Duration = Duration::from_hours(24);

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Ports stores may listen on.
    pub(super) ports: PortRange,
    /// Where the router answers.
    pub(super) router: SocketAddr,
    /// How long a process may take until it listens.
    pub(super) start_limit: Duration,
}

/// Puts an [`Agent`] together; see [`Agent::builder`].
#[derive(Clone, Debug)]
pub struct AgentBuilder {
    files: Arc<dyn StoreFiles>,
    processes: Arc<dyn ProcessSupervisor>,
    proxy: Arc<dyn ProxyWriter>,
    clock: Arc<dyn Clock>,
    listening: Arc<dyn Listening>,
    ports: Option<PortRange>,
    router: SocketAddr,
    start_limit: Duration,
    debounce: Duration,
    keep: Duration,
}

impl AgentBuilder {
    pub(super) fn new(
        files: Arc<dyn StoreFiles>,
        processes: Arc<dyn ProcessSupervisor>,
        proxy: Arc<dyn ProxyWriter>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            files,
            processes,
            proxy,
            clock,
            listening: Arc::new(SocketListening),
            ports: None,
            router: (Ipv4Addr::LOCALHOST, 3000).into(),
            start_limit: Duration::from_secs(20),
            debounce: Duration::from_millis(100),
            keep: 7 * DAY,
        }
    }

    /// Ports stores may listen on; 4001 to 4999 unless said.
    #[must_use]
    pub fn ports(mut self, ports: PortRange) -> Self {
        self.ports = Some(ports);
        self
    }

    /// Where the router answers; 127.0.0.1:3000 unless said.
    #[must_use]
    pub fn router(mut self, router: SocketAddr) -> Self {
        self.router = router;
        self
    }

    /// How long a process may take until it listens on its port; 20 s unless said. A nearer deadline of the call counts instead.
    #[must_use]
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// How long a changed route waits for others to be committed together; 100 ms unless said.
    #[must_use]
    pub fn debounce(mut self, debounce: Duration) -> Self {
        self.debounce = debounce;
        self
    }

    /// How long the epoch of a store that is gone is remembered; 7 days unless said. Longer than any call's deadline lies ahead.
    #[must_use]
    pub fn keep_epochs(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// How to tell whether a process listens; asks the machine's sockets unless said.
    #[must_use]
    pub fn listening(mut self, listening: Arc<dyn Listening>) -> Self {
        self.listening = listening;
        self
    }

    /// Opens the ledger in this directory, which is made when absent, and answers the agent. Nothing is converged yet.
    ///
    /// # Errors
    /// `corrupt` when a ledger file cannot be understood; `unavailable` when the disk cannot be read or written.
    pub async fn open(self, ledger: &Path) -> Result<Agent> {
        let ports = match self.ports {
            Some(ports) => ports,
            None => "4001-4999".parse()?,
        };
        let (dir, now, keep) = (ledger.to_owned(), self.clock.now(), self.keep);
        let ledger = tokio::task::spawn_blocking(move || Ledger::open(&dir, now, keep)).await;
        let ledger = ledger.map_err(|error| Error::new(Code::Internal, format!("the ledger's reader ended: {error}")))??;
        let routes = RouteWriter::new(self.proxy, Arc::clone(&self.clock), self.debounce);
        for entry in ledger.all() {
            if let Some((store, rows)) = entry.rows() {
                routes.put(store, Some(rows.clone()));
            }
        }
        let inner = Inner {
            files: self.files,
            processes: self.processes,
            routes,
            clock: self.clock,
            listening: self.listening,
            ledger,
            settings: Settings { ports, router: self.router, start_limit: self.start_limit },
        };
        Ok(Agent { inner: Arc::new(inner) })
    }
}
