//! The controller role: the control plane over its repo, Cloudflare and the agent, behind the REST API.

use super::{DataDir, Edge, Ports, UpOptions, databases, secret, token_watch};
use crate::FileNotifier;
use crate::http::{router, serve};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use storex_agent::AgentClient;
use storex_cloudflare::{CloudflareAccount, CloudflareClient, CloudflareClientBuilder, in_background};
use storex_core::{Clock, Controller, Notifier, Result, SingleHost, StoreRepo, SystemClock};
use storex_fakes::{FaultScript, Faulty};
use storex_mongo::MongoStores;
use storex_redb::RedbStores;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Pause before something that is not there yet is asked again at the start.
const START_PAUSE: Duration = Duration::from_secs(2);
/// How long after its deadline a call to the simulator can still take effect. It drops a call whose caller is gone, and is on this machine.
const SIMULATED_LATE_EFFECTS: Duration = Duration::from_secs(2);

/// The simulator limits new zones only when it is told to, and then says so itself.
const SIMULATED_SIGNUPS: (usize, Duration) = (10_000, Duration::from_mins(10));

/// The control plane, running.
pub(super) struct Role {
    controller: Controller,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Role {
    /// Assembles the control plane and serves its API. The platform does not stand yet.
    pub(super) async fn start(
        dir: &DataDir,
        options: &UpOptions,
        listener: TcpListener,
        agent: SocketAddr,
        edge: Edge,
        faults: Option<FaultScript>,
    ) -> Result<Self> {
        let admin = DataDir::token(&dir.admin_token(), options.make_tokens)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let simulated = edge.loopback_only;
        let resolver = edge.resolver()?;
        let account = discover(options, edge, &clock).await?;
        let watching = token_watch::watch(account.client().clone(), options.primary_domain.clone(), Arc::clone(&clock));
        let repo = open_repo(dir, options, &clock).await?;
        let notifier: Arc<dyn Notifier> = Arc::new(FileNotifier::open(dir.root())?);
        let (repo, notifier) = match faults {
            Some(script) => sandboxed(repo, notifier, &script),
            None => (repo, notifier),
        };
        let host = AgentClient::new(agent, secret(&DataDir::token(&dir.agent_token(), false)?), Arc::clone(&clock))?;
        let builder = Controller::builder()
            .repo(repo)
            .domains(Arc::new(account.domains()))
            .dns(Arc::new(resolver))
            .tunnel(Arc::new(account.tunnels()))
            .edge(Arc::new(account.edge()))
            .insight(Arc::new(account.insight()))
            .hosts(Arc::new(SingleHost(Arc::new(host))))
            .notifier(notifier)
            .clock(clock);
        let builder = databases::assemble(builder, dir, &options.databases, options.make_tokens).await?;
        let controller = builder.build(options.settings()?).await?;
        let stop = CancellationToken::new();
        let api = router(controller.clone(), admin);
        let stopped = stop.clone();
        let serving = tokio::spawn(async move { serve(listener, api, stopped.cancelled_owned()).await });
        let mut role = Self { controller, stop, tasks: vec![serving] };
        role.keep(|controller| async move { controller.run_outbox().await });
        if !simulated {
            role.keep(|_| in_background(watching));
        }
        Ok(role)
    }

    /// Runs a task of the controller that has no end, until the role stops.
    fn keep<F: Future<Output = ()> + Send + 'static>(&mut self, task: impl FnOnce(Controller) -> F) {
        let (task, stopped) = (task(self.controller.clone()), self.stop.clone());
        self.tasks.push(tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = task => {}
            }
        }));
    }

    /// Makes the platform stand, takes up what a previous controller left, and from then on takes over operations nobody drives and mends what drifts.
    /// A dependency that is not there yet is waited for.
    pub(super) async fn stand(&mut self, ports: &Ports) -> Result<()> {
        let target = format!("http://localhost:{}", ports.router);
        while let Err(error) = self.controller.ensure_platform(&target).await {
            if !error.is_transient() {
                return Err(error);
            }
            tracing::warn!(%error, "the platform does not stand yet");
            tokio::time::sleep(START_PAUSE).await;
        }
        let resumed = self.controller.resume().await?;
        tracing::info!(resumed, "operations taken up");
        self.keep(|controller| async move { controller.run_recovery().await });
        // Its looks at the edge go behind whatever somebody waits for; what it mends runs in tasks of its own.
        self.keep(|controller| in_background(async move { controller.run_reconciler().await }));
        self.keep(|controller| in_background(async move { controller.run_domains().await }));
        self.keep(|controller| in_background(async move { controller.run_tunnel_watch().await }));
        Ok(())
    }

    /// Stops serving, delivering, recovering, reconciling and driving.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a task of the controller ended badly");
            }
        }
        self.controller.stop().await;
    }
}

/// The database that controllers share, or the file of this one.
async fn open_repo(dir: &DataDir, options: &UpOptions, clock: &Arc<dyn Clock>) -> Result<Arc<dyn StoreRepo>> {
    Ok(match &options.mongodb {
        Some(uri) => Arc::new(MongoStores::open(uri).await?),
        None => Arc::new(RedbStores::open(&dir.path("storex.redb"), Arc::clone(clock))?),
    })
}

/// A client of Cloudflare, or of the simulator on this machine.
pub(super) fn client(edge: Edge, clock: &Arc<dyn Clock>) -> Result<CloudflareClient> {
    let builder = CloudflareClient::builder()
        .base_url(edge.base_url)
        .token(edge.token)
        .loopback_only(edge.loopback_only)
        .clock(Arc::clone(clock));
    let simulated = |builder: CloudflareClientBuilder| {
        builder.late_effect_window(SIMULATED_LATE_EFFECTS).zone_signups(SIMULATED_SIGNUPS.0, SIMULATED_SIGNUPS.1)
    };
    let builder = if edge.loopback_only { simulated(builder) } else { builder };
    builder.build()
}

async fn discover(options: &UpOptions, edge: Edge, clock: &Arc<dyn Clock>) -> Result<CloudflareAccount> {
    let client = client(edge, clock)?;
    loop {
        match CloudflareAccount::discover(&client, &options.primary_domain).await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "Cloudflare does not answer yet");
                tokio::time::sleep(START_PAUSE).await;
            }
            other => return other,
        }
    }
}

/// The same repo and notifier under the sandbox's fault script.
fn sandboxed(
    repo: Arc<dyn StoreRepo>,
    notifier: Arc<dyn Notifier>,
    script: &FaultScript,
) -> (Arc<dyn StoreRepo>, Arc<dyn Notifier>) {
    (Arc::new(Faulty::new(repo, script.clone())), Arc::new(Faulty::new(notifier, script.clone())))
}
