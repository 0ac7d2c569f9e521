//! Assembling the engine: real parts where they were named, twins in memory for the rest.

use crate::embedded::Plan;
use crate::settings::{AgentSettings, EdgeSettings, EmbeddedSettings, SandboxSettings};
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use storex_agent::AgentClient;
use storex_cloudflare::{CloudflareAccount, CloudflareClient, in_background};
use storex_core::{
    Clock, Code, Controller, DomainProvider, Error, Hostname, PortRange, Result, Secret, Settings, SingleHost, StoreHost,
    StoreRepo, SystemClock, TunnelRoutes,
};
use storex_fakes::cloudflare::{RunningSimulator, Simulator};
use storex_fakes::{MemoryDomains, MemoryHost, MemoryNotifier, MemoryStores, MemoryTunnels, World};
use storex_redb::RedbStores;
use tokio::task::JoinSet;

/// Ports of the host in memory.
const PORTS: &str = "4001-4999";
/// Token of the simulator in this process: it listens on loopback and holds nothing of worth.
const SIMULATED_TOKEN: &str = "stx_simulated";
/// How long after its deadline a call to the simulator can still take effect: it drops a call whose caller is gone.
const SIMULATED_LATE_EFFECTS: Duration = Duration::from_secs(2);
/// The simulator limits new zones only when it is told to.
const SIMULATED_SIGNUPS: (usize, Duration) = (10_000, Duration::from_mins(10));

/// An engine that runs.
pub(crate) struct Opened {
    pub(crate) controller: Controller,
    /// The world of a sandbox.
    pub(crate) world: Option<World>,
    /// Tasks without an end.
    tasks: Mutex<JoinSet<()>>,
    /// Served as long as this lives.
    _simulator: Option<RunningSimulator>,
}

impl Opened {
    /// Stops what runs without an end, and driving operations.
    pub(crate) async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
        self.controller.stop().await;
    }

    fn keep<F: Future<Output = ()> + Send + 'static>(&self, task: impl FnOnce(Controller) -> F) {
        let task = task(self.controller.clone());
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }
}

/// Assembles the engine, makes its platform stand and takes up what an earlier one left.
pub(crate) async fn open(plan: &Plan) -> Result<Opened> {
    match plan {
        Plan::Sandbox(settings) => sandbox(settings).await,
        Plan::Embedded(settings) => embedded(settings).await,
    }
}

async fn sandbox(settings: &SandboxSettings) -> Result<Opened> {
    let world = World::new()?;
    world.seed(settings.seed);
    let controller = world.ready_controller().await?;
    let opened = Opened { controller, world: Some(world), tasks: Mutex::default(), _simulator: None };
    // In virtual time a task without an end would let time run on while somebody waits; messages are delivered when they are asked for.
    if !settings.virtual_time {
        opened.keep(|controller| async move { controller.run_outbox().await });
        opened.keep(|controller| async move { controller.run_recovery().await });
    }
    Ok(opened)
}

/// Zones and tunnels, and the simulator behind them.
type Edge = (Arc<dyn DomainProvider>, Arc<dyn TunnelRoutes>, Option<RunningSimulator>);

async fn embedded(settings: &EmbeddedSettings) -> Result<Opened> {
    let primary: Hostname = settings.primary_domain.parse()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let repo = repo(settings.data.as_deref(), &clock)?;
    let host = host(settings.agent.as_ref(), &clock)?;
    let (domains, tunnel, simulator) = edge(&settings.edge, &primary, &clock).await?;
    let controller = Controller::builder()
        .repo(repo)
        .domains(domains)
        .tunnel(tunnel)
        .hosts(Arc::new(SingleHost(host)))
        .notifier(Arc::new(MemoryNotifier::default()))
        .clock(clock)
        .build(Settings::new(primary))
        .await?;
    let opened = Opened { controller, world: None, tasks: Mutex::default(), _simulator: simulator };
    if let Err(error) = stand(&opened.controller, &settings.router).await {
        // What was begun holds the documents' file.
        opened.stop().await;
        return Err(error);
    }
    opened.keep(|controller| async move { controller.run_outbox().await });
    opened.keep(|controller| async move { controller.run_recovery().await });
    if settings.reconcile {
        opened.keep(|controller| in_background(async move { controller.run_reconciler().await }));
    }
    Ok(opened)
}

async fn stand(controller: &Controller, router: &str) -> Result<()> {
    controller.ensure_platform(router).await?;
    controller.resume().await.map(drop)
}

fn repo(data: Option<&Path>, clock: &Arc<dyn Clock>) -> Result<Arc<dyn StoreRepo>> {
    Ok(match data {
        Some(path) => Arc::new(RedbStores::open(path, Arc::clone(clock))?),
        None => Arc::new(MemoryStores::new(Arc::clone(clock))),
    })
}

fn host(agent: Option<&AgentSettings>, clock: &Arc<dyn Clock>) -> Result<Arc<dyn StoreHost>> {
    Ok(match agent {
        Some(agent) => Arc::new(AgentClient::new(agent.address, Secret::new(agent.token.clone()), Arc::clone(clock))?),
        None => Arc::new(MemoryHost::new(PORTS.parse::<PortRange>()?).with_clock(Arc::clone(clock))),
    })
}

async fn edge(settings: &EdgeSettings, primary: &Hostname, clock: &Arc<dyn Clock>) -> Result<Edge> {
    let client = CloudflareClient::builder().clock(Arc::clone(clock));
    let (client, simulator) = match settings {
        EdgeSettings::Memory => {
            return Ok((Arc::new(MemoryDomains::new(primary.clone())), Arc::new(MemoryTunnels::default()), None));
        }
        EdgeSettings::Simulator { state } => {
            let simulator = simulator(state.as_deref(), primary).await?;
            let client = client
                .base_url(simulator.base_url())
                .token(Secret::new(SIMULATED_TOKEN.to_owned()))
                .loopback_only(true)
                .late_effect_window(SIMULATED_LATE_EFFECTS)
                .zone_signups(SIMULATED_SIGNUPS.0, SIMULATED_SIGNUPS.1);
            (client.build()?, Some(simulator))
        }
        EdgeSettings::Cloudflare { token, account } => {
            let account = account.as_deref().map(str::parse).transpose()?;
            (client.token(Secret::new(token.clone())).account(account).build()?, None)
        }
    };
    let account = CloudflareAccount::discover(&client, primary).await?;
    Ok((Arc::new(account.domains()), Arc::new(account.tunnels()), simulator))
}

async fn simulator(state: Option<&Path>, primary: &Hostname) -> Result<RunningSimulator> {
    let broken = |error: &dyn std::fmt::Display| Error::new(Code::Unusable, format!("the simulator cannot start: {error}"));
    let mut builder = Simulator::builder().primary_domain(primary.as_str()).token(SIMULATED_TOKEN).clock(|| SystemClock.now());
    if let Some(path) = state {
        builder = builder.state_file(path);
    }
    let simulator = builder.build().map_err(|error| broken(&error))?;
    simulator.start_on_loopback().await.map_err(|error| broken(&error))
}
