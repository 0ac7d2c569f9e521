//! The agent role: files, PM2, Nginx and the ledger over them, behind the agent's HTTP service.

use super::{DataDir, UpOptions, core_copy, secret};
use crate::http::serve;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storex_agent::files::{FilesSettings, UnixFiles};
use storex_agent::nginx::{NginxProxy, NginxSettings, PATIENCE};
use storex_agent::pm2::{Pm2Processes, Pm2Settings};
use storex_agent::proc::User;
use storex_agent::tools::{NamedTools, Tools};
use storex_agent::{Agent, service};
use storex_core::{Clock, Code, Error, ProcessSupervisor, Result, SystemClock};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// User the stores run as when the agent is root.
const STORES_USER: &str = "storex-apps";
/// How long processes get to end when the agent stops.
const END_LIMIT: Duration = Duration::from_mins(1);
/// How often the router is looked at; a dead one is started again.
const ROUTER_LOOK: Duration = Duration::from_secs(2);
/// How long the PM2 daemon gets to answer.
const DAEMON_LIMIT: Duration = Duration::from_secs(20);

/// The programs below the agent: they outlive its process, so whoever starts them stops them.
struct Programs {
    processes: Arc<Pm2Processes>,
    proxy: NginxProxy,
}

impl Programs {
    /// Starts both or takes over what runs already; leaves neither behind when one cannot be had.
    async fn start(host: &Path, tools: &Tools, user: Option<User>, router: SocketAddr, clock: &Arc<dyn Clock>) -> Result<Self> {
        let processes = Pm2Processes::connect(pm2_settings(host, tools, user.clone()), Arc::clone(clock)).await?;
        let binary = tools.nginx.clone();
        let settings = NginxSettings { binary, prefix: host.join("nginx"), listen: router, user, workers: 2, patience: PATIENCE };
        match NginxProxy::start(settings).await {
            Ok(proxy) => Ok(Self { processes: Arc::new(processes), proxy }),
            Err(error) => {
                warn_if_left("the PM2 daemon", processes.shutdown(END_LIMIT).await);
                Err(error)
            }
        }
    }

    /// Stops the router, then every process and the daemon.
    async fn stop(&self) -> Result<()> {
        let proxy = self.proxy.shutdown().await;
        let processes = self.processes.shutdown(END_LIMIT).await;
        proxy.and(processes)
    }
}

fn warn_if_left(what: &str, outcome: Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{what} may be left; the next start takes it over");
    }
}

/// The agent, running.
pub(super) struct Role {
    address: SocketAddr,
    programs: Programs,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Role {
    /// Starts or takes over everything, and answers when every store of the ledger is back. A start that fails leaves nothing running.
    pub(super) async fn start(dir: &DataDir, options: &UpOptions, listener: TcpListener) -> Result<Self> {
        let token = DataDir::token(&dir.agent_token(), options.make_tokens)?;
        let address =
            listener.local_addr().map_err(|error| Error::new(Code::Unusable, format!("the agent's address: {error}")))?;
        let user = stores_user(dir)?;
        let tools = Tools::find(&options.tool_prefixes, &NamedTools::default())?;
        tools.check_versions(user.as_ref()).await?;
        let host = dir.folder("host", 0o711)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let settings = FilesSettings { root: host.clone(), core: copied_core(dir, options).await?, user: user.clone() };
        let files = blocking(move || UnixFiles::open(settings)).await?;
        let router = SocketAddr::from((Ipv4Addr::LOCALHOST, options.ports.router));
        let programs = Programs::start(&host, &tools, user, router, &clock).await?;
        let agent = match converged(options, &host, files, &programs, router, &clock).await {
            Ok(agent) => agent,
            Err(error) => {
                warn_if_left("a program of the agent", programs.stop().await);
                return Err(error);
            }
        };
        let stop = CancellationToken::new();
        let (service, stopped, keeper) = (service::router(Arc::new(agent), secret(&token)), stop.clone(), programs.proxy.clone());
        let task = tokio::spawn(async move {
            tokio::select! {
                () = serve(listener, service, stopped.cancelled_owned()) => {}
                () = keep_alive(&keeper) => {}
            }
        });
        Ok(Self { address, programs, stop, task })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the service, the router and every process. The stores come back at the next start.
    pub(super) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "the agent's service ended badly");
        }
        self.programs.stop().await
    }
}

/// The agent over these programs, with every store of its ledger back.
async fn converged(
    options: &UpOptions,
    host: &Path,
    files: UnixFiles,
    programs: &Programs,
    router: SocketAddr,
    clock: &Arc<dyn Clock>,
) -> Result<Agent> {
    let supervisor: Arc<dyn ProcessSupervisor> = programs.processes.clone();
    let agent = Agent::builder(Arc::new(files), supervisor, Arc::new(programs.proxy.clone()), Arc::clone(clock))
        .ports(options.store_ports)
        .router(router)
        .start_limit(options.start_limit)
        // The router needs about 100 ms to switch, and changes that come meanwhile go together: waiting longer gains nothing.
        .debounce(Duration::ZERO)
        .open(&host.join("ledger"))
        .await?;
    let report = agent.converge().await?;
    for failed in &report.failed {
        tracing::error!(?failed, "a store is not back");
    }
    Ok(agent)
}

/// Starts the router again whenever it is gone. Never returns.
async fn keep_alive(proxy: &NginxProxy) {
    loop {
        tokio::time::sleep(ROUTER_LOOK).await;
        match proxy.revive().await {
            Ok(false) => {}
            Ok(true) => tracing::warn!("the router was gone and was started again"),
            Err(error) => tracing::error!(%error, "the router is gone and could not be started"),
        }
    }
}

fn stores_user(dir: &DataDir) -> Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let user = User::named(STORES_USER)?;
    user.check_can_enter(dir.root())?;
    Ok(Some(user))
}

fn pm2_settings(host: &Path, tools: &Tools, user: Option<User>) -> Pm2Settings {
    Pm2Settings {
        node: tools.node.clone(),
        pm2_daemon: tools.pm2_daemon.clone(),
        home: host.join("pm2"),
        log_dir: host.join("log"),
        pid_dir: host.join("pid"),
        state_dir: host.join("processes"),
        stores_root: host.join("stores"),
        user,
        start_limit: DAEMON_LIMIT,
    }
}

async fn copied_core(dir: &DataDir, options: &UpOptions) -> Result<PathBuf> {
    let into = dir.folder("core", 0o711)?;
    let source = options.core.clone();
    blocking(move || core_copy::install(&source, &into)).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::new(Code::Internal, format!("blocking work broke off: {error}")))?
}
