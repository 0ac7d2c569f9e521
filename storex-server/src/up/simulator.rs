//! The simulator role: a Cloudflare on this machine whose state outlives its process.

use super::{DataDir, Edge, UpOptions, sandbox, secret};
use storex_core::{Clock, Code, Error, Result, SystemClock};
use storex_fakes::FaultScript;
use storex_fakes::cloudflare::Simulator;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The simulated Cloudflare, running.
pub(super) struct Role {
    edge: Edge,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Role {
    pub(super) async fn start(dir: &DataDir, options: &UpOptions, listener: TcpListener, script: &FaultScript) -> Result<Self> {
        let broken = |error: &dyn std::fmt::Display| Error::new(Code::Unusable, format!("the simulator cannot start: {error}"));
        let token = secret(&DataDir::token(&dir.simulator_token(), true)?);
        let builder = Simulator::builder()
            .primary_domain(options.primary_domain.as_str())
            .token(token.expose().clone())
            .clock(|| SystemClock.now())
            .state_file(dir.path("simulator.json"));
        let built = tokio::task::spawn_blocking(move || builder.build()).await.map_err(|error| broken(&error))?;
        let simulator = built.map_err(|error| broken(&error))?;
        let address = listener.local_addr().map_err(|error| broken(&error))?;
        let edge = Edge { base_url: format!("http://{address}/client/v4"), token, loopback_only: true };
        let stop = CancellationToken::new();
        let router = simulator.router().merge(sandbox::router(script.clone()));
        let stopped = stop.clone();
        let task = tokio::spawn(async move { simulator.serve_router(listener, router, stopped.cancelled_owned()).await });
        Ok(Self { edge, stop, task })
    }

    pub(super) fn edge(&self) -> Edge {
        self.edge.clone()
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "the simulator ended badly");
        }
    }
}

/// The simulator that another process runs on this data directory.
pub(super) fn edge_of(dir: &DataDir, port: u16) -> Result<Edge> {
    let token = secret(&DataDir::token(&dir.simulator_token(), false)?);
    Ok(Edge { base_url: format!("http://127.0.0.1:{port}/client/v4"), token, loopback_only: true })
}
