//! `storex up` and `storex serve`: the roles of an installation, started in order and stopped in reverse.
//!
//! `up` runs the simulator (without a Cloudflare token), the agent with its router and processes, and the controller in one process; they talk
//! over HTTP all the same. `serve` runs one of them.

mod agent;
mod announce;
mod controller;
mod core_copy;
mod data_dir;
mod databases;
mod edge_options;
mod listen;
mod options;
mod sandbox;
mod setup;
mod simulator;
mod token_watch;

pub use announce::Announced;
pub use data_dir::DataDir;
pub use edge_options::{EdgeOptions, ZonePolicyName};
pub use options::{DatabaseOptions, DomainOptions, Ports, UpOptions};
pub use setup::{SetUp, set_up};

use crate::ApiToken;
use std::future::Future;
use std::pin::pin;
use storex_cloudflare::CloudflareResolver;
use storex_core::{Result, Secret};
use storex_fakes::FaultScript;
use tokio::net::TcpListener;

/// One role of `storex serve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleName {
    /// The control plane and its REST API.
    Controller,
    /// What runs on a store host, with its router and processes.
    Agent,
    /// The simulated Cloudflare.
    Simulator,
}

/// Runs everything until `shutdown` resolves, then stops all it started. `ready` is called once, when the stores are back and the platform stands.
///
/// # Errors
/// `directory_busy`, `port_busy`, `unusable` with what to do; `primary_zone_missing`; whatever keeps the platform from standing.
pub async fn run(
    options: UpOptions,
    shutdown: impl Future<Output = ()> + Send,
    ready: impl FnOnce(&Announced) + Send,
) -> Result<()> {
    let dir = DataDir::open(&options.data_dir)?;
    let _lock = dir.lock()?;
    let listeners = listen::all(&options.ports, options.cloudflare_token.is_none()).await?;
    let script = FaultScript::new();
    let simulator = match listeners.simulator {
        Some(listener) => Some(simulator::Role::start(&dir, &options, listener, &script).await?),
        None => None,
    };
    let outcome = match agent::Role::start(&dir, &options, listeners.agent).await {
        Ok(agent) => {
            let faults = simulator.is_some().then_some(script);
            let edge = simulator.as_ref().map(simulator::Role::edge);
            let outcome = with_controller(&dir, &options, listeners.controller, &agent, edge, faults, shutdown, ready).await;
            outcome.and(agent.stop().await)
        }
        Err(error) => Err(error),
    };
    if let Some(simulator) = simulator {
        simulator.stop().await;
    }
    dir.forget_announcement();
    outcome
}

/// Starts the controller and serves until `shutdown`, which also ends a start that waits for Cloudflare.
#[expect(clippy::too_many_arguments, reason = "the parts of one installation, each named once")]
async fn with_controller(
    dir: &DataDir,
    options: &UpOptions,
    listener: TcpListener,
    agent: &agent::Role,
    edge: Option<Edge>,
    faults: Option<FaultScript>,
    shutdown: impl Future<Output = ()> + Send,
    ready: impl FnOnce(&Announced) + Send,
) -> Result<()> {
    let mut shutdown = pin!(shutdown);
    let simulated = edge.is_some();
    let edge = match edge {
        Some(edge) => edge,
        None => options.cloudflare()?,
    };
    let controller = tokio::select! {
        biased;
        () = &mut shutdown => return Ok(()),
        started = controller::Role::start(dir, options, listener, agent.address(), edge, faults) => started?,
    };
    serve_until(dir, options, controller, simulated, shutdown, ready).await
}

async fn serve_until(
    dir: &DataDir,
    options: &UpOptions,
    mut controller: controller::Role,
    simulated: bool,
    shutdown: impl Future<Output = ()> + Send,
    ready: impl FnOnce(&Announced) + Send,
) -> Result<()> {
    let announced = Announced::new(dir, options.ports, simulated);
    let outcome = tokio::select! {
        biased;
        () = shutdown => Ok(()),
        outcome = async {
            controller.stand(&options.ports).await?;
            announced.write(dir)?;
            ready(&announced);
            std::future::pending::<Result<()>>().await
        } => outcome,
    };
    controller.stop().await;
    outcome
}

/// Runs one role until `shutdown` resolves, then stops all it started. The controller finds the agent by the ports of the options and the
/// token in the data directory.
///
/// # Errors
/// As [`run`].
pub async fn serve(
    role: RoleName,
    options: UpOptions,
    shutdown: impl Future<Output = ()> + Send,
    ready: impl FnOnce(&str) + Send,
) -> Result<()> {
    let dir = DataDir::open(&options.data_dir)?;
    match role {
        RoleName::Agent => {
            let _lock = dir.lock_role("agent")?;
            let agent = agent::Role::start(&dir, &options, listen::one("agent", options.ports.agent).await?).await?;
            ready("agent");
            shutdown.await;
            agent.stop().await
        }
        RoleName::Simulator => {
            let _lock = dir.lock_role("simulator")?;
            let listener = listen::one("simulator", options.ports.simulator).await?;
            let simulator = simulator::Role::start(&dir, &options, listener, &FaultScript::new()).await?;
            ready("simulator");
            shutdown.await;
            simulator.stop().await;
            Ok(())
        }
        RoleName::Controller => {
            // Controllers on one database may share a directory: it holds their tokens, and the database settles who does what.
            let _lock = options.mongodb.is_none().then(|| dir.lock_role("controller")).transpose()?;
            let edge = match &options.cloudflare_token {
                Some(_) => options.cloudflare()?,
                None => simulator::edge_of(&dir, options.ports.simulator)?,
            };
            let listener = listen::one("controller", options.ports.controller).await?;
            let agent = (std::net::Ipv4Addr::LOCALHOST, options.ports.agent).into();
            let mut shutdown = pin!(shutdown);
            let mut controller = tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                started = controller::Role::start(&dir, &options, listener, agent, edge, None) => started?,
            };
            let outcome = tokio::select! {
                biased;
                () = shutdown => Ok(()),
                outcome = async {
                    controller.stand(&options.ports).await?;
                    ready("controller");
                    std::future::pending::<Result<()>>().await
                } => outcome,
            };
            controller.stop().await;
            outcome
        }
    }
}

/// A token as the other end of a connection is given it.
fn secret(token: &ApiToken) -> Secret<String> {
    Secret::new(token.expose().to_owned())
}

/// Where Cloudflare's API is and the token for it.
#[derive(Clone, Debug)]
struct Edge {
    base_url: String,
    token: Secret<String>,
    /// Refuses to send anything anywhere but to this machine.
    loopback_only: bool,
}

impl Edge {
    /// The public DNS: Cloudflare's resolver, or the one the simulator has beside its API.
    fn resolver(&self) -> Result<CloudflareResolver> {
        if !self.loopback_only {
            return CloudflareResolver::new();
        }
        CloudflareResolver::at(&self.base_url.replace("/client/v4", "/dns-query"), true)
    }
}
