//! Assembling the engine: real parts where they were named, twins in memory for the rest.

use crate::embedded::Plan;
use crate::settings::{AgentSettings, EdgeSettings, EmbeddedSettings, SandboxSettings};
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use storex_agent::AgentClient;
use storex_cloudflare::{CloudflareAccount, CloudflareClient, CloudflareResolver, in_background};
use storex_core::{
    Clock, Code, Controller, Error, Hostname, PortRange, Result, Secret, Settings, SingleHost, StoreHost, StoreRepo, SystemClock,
};
use storex_fakes::cloudflare::{RunningSimulator, Simulator};
use storex_fakes::{MemoryDomains, MemoryHost, MemoryNotifier, MemoryStores, MemoryTunnels, World};
use storex_mongo::MongoStores;
use storex_redb::RedbStores;
use tokio::task::JoinSet;

/// Ports of the host in memory.
const PORTS: &str = "4001-4999";
/// Where the tunnel of a sandbox leads.
const ROUTER: &str = "http://localhost:3000";
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
    /// Where its documents are, when they are not in the world.
    pub(crate) documents: Option<Arc<dyn StoreRepo>>,
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
    let documents = match &settings.mongodb {
        Some(_) if settings.virtual_time => return Err(Error::new(Code::Unusable, "a database is asked in real time only")),
        Some(uri) => Some(mongodb(uri).await?),
        None => None,
    };
    let controller = match &documents {
        Some(repo) => world.controller_with_repo(Arc::clone(repo)).await?,
        None => world.controller().await?,
    };
    let opened = Opened { controller, world: Some(world), documents, tasks: Mutex::default(), _simulator: None };
    stand(&opened, ROUTER).await?;
    // In virtual time a task without an end would let time run on while somebody waits; messages are delivered when they are asked for.
    if !settings.virtual_time {
        opened.keep(|controller| async move { controller.run_outbox().await });
        opened.keep(|controller| async move { controller.run_recovery().await });
    }
    Ok(opened)
}

/// What stands before the stores.
enum Edge {
    /// Twins in memory.
    Memory,
    /// An account of Cloudflare's API, the public DNS, and the simulator behind both.
    Account(Box<CloudflareAccount>, CloudflareResolver, Option<RunningSimulator>),
}

async fn embedded(settings: &EmbeddedSettings) -> Result<Opened> {
    let primary: Hostname = settings.primary_domain.parse()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let repo = repo(settings, &clock).await?;
    let host = host(settings.agent.as_ref(), &clock)?;
    let builder = Controller::builder()
        .repo(repo)
        .hosts(Arc::new(SingleHost(host)))
        .notifier(Arc::new(MemoryNotifier::default()))
        .clock(Arc::clone(&clock));
    let (builder, simulator, outside) = match edge(&settings.edge, &primary, &clock).await? {
        Edge::Memory => {
            let builder = builder.domains(Arc::new(MemoryDomains::new(primary.clone())));
            (builder.tunnel(Arc::new(MemoryTunnels::default())), None, false)
        }
        Edge::Account(account, resolver, simulator) => {
            let builder = builder.domains(Arc::new(account.domains())).tunnel(Arc::new(account.tunnels()));
            let builder = builder.edge(Arc::new(account.edge())).insight(Arc::new(account.insight()));
            (builder.dns(Arc::new(resolver)), simulator, true)
        }
    };
    let controller = builder.build(Settings::new(primary)).await?;
    let opened = Opened { controller, world: None, documents: None, tasks: Mutex::default(), _simulator: simulator };
    stand(&opened, &settings.router).await?;
    if outside {
        opened.keep(|controller| in_background(async move { controller.run_domains().await }));
        opened.keep(|controller| in_background(async move { controller.run_tunnel_watch().await }));
    }
    opened.keep(|controller| async move { controller.run_outbox().await });
    opened.keep(|controller| async move { controller.run_recovery().await });
    if settings.reconcile {
        opened.keep(|controller| in_background(async move { controller.run_reconciler().await }));
    }
    Ok(opened)
}

/// Makes the platform stand and takes up what an earlier engine left. When that fails, nothing goes on: what was begun would hold the documents' file.
async fn stand(opened: &Opened, router: &str) -> Result<()> {
    let standing = async {
        opened.controller.ensure_platform(router).await?;
        opened.controller.resume().await
    };
    match standing.await {
        Ok(_) => Ok(()),
        Err(error) => {
            opened.stop().await;
            Err(error)
        }
    }
}

async fn repo(settings: &EmbeddedSettings, clock: &Arc<dyn Clock>) -> Result<Arc<dyn StoreRepo>> {
    Ok(match (&settings.mongodb, &settings.data) {
        (Some(uri), _) => mongodb(uri).await?,
        (None, Some(path)) => Arc::new(RedbStores::open(path, Arc::clone(clock))?),
        (None, None) => Arc::new(MemoryStores::new(Arc::clone(clock))),
    })
}

/// The database this connection string names. What is refused about it names the server's setting; the context names the argument.
async fn mongodb(uri: &str) -> Result<Arc<dyn StoreRepo>> {
    let stores = MongoStores::open(&Secret::new(uri.to_owned())).await;
    Ok(Arc::new(stores.map_err(|error| error.with("argument", "mongodb"))?))
}

fn host(agent: Option<&AgentSettings>, clock: &Arc<dyn Clock>) -> Result<Arc<dyn StoreHost>> {
    Ok(match agent {
        Some(agent) => Arc::new(AgentClient::new(agent.address, Secret::new(agent.token.clone()), Arc::clone(clock))?),
        None => Arc::new(MemoryHost::new(PORTS.parse::<PortRange>()?).with_clock(Arc::clone(clock))),
    })
}

async fn edge(settings: &EdgeSettings, primary: &Hostname, clock: &Arc<dyn Clock>) -> Result<Edge> {
    let client = CloudflareClient::builder().clock(Arc::clone(clock));
    let (client, resolver, simulator) = match settings {
        EdgeSettings::Memory => return Ok(Edge::Memory),
        EdgeSettings::Simulator { state } => {
            let simulator = simulator(state.as_deref(), primary).await?;
            let client = client
                .base_url(simulator.base_url())
                .token(Secret::new(SIMULATED_TOKEN.to_owned()))
                .loopback_only(true)
                .late_effect_window(SIMULATED_LATE_EFFECTS)
                .zone_signups(SIMULATED_SIGNUPS.0, SIMULATED_SIGNUPS.1);
            (client.build()?, CloudflareResolver::at(&simulator.resolver_url(), true)?, Some(simulator))
        }
        EdgeSettings::Cloudflare { token, account } => {
            let account = account.as_deref().map(str::parse).transpose()?;
            (client.token(Secret::new(token.clone())).account(account).build()?, CloudflareResolver::new()?, None)
        }
    };
    let account = CloudflareAccount::discover(&client, primary).await?;
    Ok(Edge::Account(Box::new(account), resolver, simulator))
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
