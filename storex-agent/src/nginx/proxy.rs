//! [`ProxyWriter`] over the router.

use super::layout::Layout;
use super::master::{self, Master};
use super::render::{self, Purpose};
use super::settings::NginxSettings;
use super::workers::{self, LogEnd, Workers};
use crate::atomic;
use async_trait::async_trait;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{Code, Committed, Error, ProxyWriter, Result, RouteTable};
use tokio::sync::Mutex;

/// How long a trial may take; 0.12 s with 100,000 routes.
const TRIAL: Duration = Duration::from_secs(30);

/// The router of one host.
///
/// The routes on disk are the truth: they survive everything, and whoever starts the router serves them at once. Only one instance may write
/// to a prefix at a time.
#[derive(Clone, Debug)]
pub struct NginxProxy(Arc<Router>);

#[derive(Debug)]
struct Router {
    settings: NginxSettings,
    layout: Layout,
    /// One change at a time.
    gate: Mutex<()>,
}

impl NginxProxy {
    /// Starts the router, or takes over the one that runs on this prefix, and answers when every worker routes by the table on disk. Workers
    /// left by a killed master are ended first. A router taken over is brought to these settings.
    ///
    /// # Errors
    /// `unusable` for settings or a machine that cannot work, with nginx's words where it has some; `port_busy`; `unavailable` when the prefix
    /// cannot be written; `timeout`.
    ///
    /// # Cancellation
    /// May leave a router running; the next start takes it over.
    pub async fn start(settings: NginxSettings) -> Result<Self> {
        let prepared = settings.clone();
        let layout = blocking(move || Layout::prepare(&prepared)).await?;
        let router = Self(Arc::new(Router { settings, layout, gate: Mutex::new(()) }));
        let task = Arc::clone(&router.0);
        detached(async move { task.begin().await }).await?;
        Ok(router)
    }

    /// Starts the router again when its master does not live any more; true when that was so.
    ///
    /// # Errors
    /// As [`NginxProxy::start`].
    pub async fn revive(&self) -> Result<bool> {
        let router = Arc::clone(&self.0);
        detached(async move {
            let _gate = router.gate.lock().await;
            let dead = router.layout.master().is_none();
            router.running().await?;
            Ok(dead)
        })
        .await
    }

    /// Stops the router: requests under way get a few seconds. The routes on disk stay.
    ///
    /// # Errors
    /// `denied` when its processes are not ours to signal; `timeout` when they outlive SIGKILL.
    pub async fn shutdown(&self) -> Result<()> {
        let router = Arc::clone(&self.0);
        detached(async move {
            let _gate = router.gate.lock().await;
            master::stop(&router.layout).await
        })
        .await
    }
}

#[async_trait]
impl ProxyWriter for NginxProxy {
    async fn load(&self) -> Result<(u64, RouteTable)> {
        let router = Arc::clone(&self.0);
        blocking(move || router.on_disk()?.parsed()).await.map_err(|error| error.during("proxy.load"))
    }

    async fn check(&self, table: &RouteTable) -> Result<()> {
        let (router, table) = (Arc::clone(&self.0), table.clone());
        detached(async move { router.check(&table).await }).await.map_err(|error| error.during("proxy.check"))
    }

    /// Once begun it ends, whether or not the future is dropped: there is no state between two tables.
    async fn commit(&self, table: &RouteTable, expected_generation: u64) -> Result<Committed> {
        let (router, table) = (Arc::clone(&self.0), table.clone());
        detached(async move { router.commit(&table, expected_generation).await })
            .await
            .map_err(|error| error.during("proxy.commit"))
    }
}

/// The file of routes as it is.
struct OnDisk(String);

impl OnDisk {
    fn parsed(&self) -> Result<(u64, RouteTable)> {
        render::parse_routes(&self.0).ok_or_else(Self::corrupt)
    }

    /// The generation alone: reading 10,000 rows takes longer than asking nginx what it thinks of them.
    fn generation(&self) -> Result<u64> {
        render::parse_generation(&self.0).ok_or_else(Self::corrupt)
    }

    fn corrupt() -> Error {
        Error::new(Code::Corrupt, "the router's file of routes is not as storex writes it")
    }
}

impl Router {
    fn on_disk(&self) -> Result<OnDisk> {
        let path = self.layout.routes();
        fs::read_to_string(&path).map(OnDisk).map_err(|error| {
            Error::new(Code::Unavailable, format!("the router's routes cannot be read: {error}")).with("path", path.display())
        })
    }

    async fn begin(self: &Arc<Self>) -> Result<()> {
        let _gate = self.gate.lock().await;
        let router = Arc::clone(self);
        let (generation, table) = blocking(move || router.first_routes()).await?;
        // Tells an unusable machine (an unreadable prefix, a foreign nginx build) from a bad table while nothing has been touched yet.
        self.try_out(render::routes(generation, &table)).await.map_err(unusable)?;
        let Some(found) = self.layout.master() else {
            return self.running().await.map(drop);
        };
        tracing::info!(pid = found.0, generation, "took over the running router");
        let taken = self.switch(found, generation).await;
        if !matches!(&taken, Err(error) if error.code() == Code::Timeout) {
            return taken;
        }
        // A master that does not follow is of no use to anybody.
        tracing::warn!(pid = found.0, "the router found does not follow; starting another");
        master::stop(&self.layout).await?;
        self.running().await.map(drop)
    }

    /// The table on disk, an empty one of generation 0 when there is none. What cannot be understood is replaced: the caller knows the routes.
    fn first_routes(&self) -> Result<(u64, RouteTable)> {
        let path = self.layout.routes();
        match fs::read_to_string(&path) {
            Ok(text) => {
                if let Some(found) = render::parse_routes(&text) {
                    return Ok(found);
                }
                tracing::error!(path = %path.display(), "the file of routes is not as storex writes it; starting without routes");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Error::new(Code::Unavailable, format!("the router's routes cannot be read: {error}"))
                    .with("path", path.display()));
            }
        }
        let empty = RouteTable::default();
        atomic::write(&path, render::routes(0, &empty).as_bytes(), 0o600, None)?;
        Ok((0, empty))
    }

    /// The living master, started when there is none.
    async fn running(&self) -> Result<Master> {
        if let Some(master) = self.layout.master() {
            return Ok(master);
        }
        let generation = self.on_disk()?.generation()?;
        master::launch(&self.layout, &self.settings, generation).await
    }

    async fn check(self: &Arc<Self>, table: &RouteTable) -> Result<()> {
        let _gate = self.gate.lock().await;
        self.try_out(render::routes(0, table)).await
    }

    async fn commit(self: &Arc<Self>, table: &RouteTable, expected: u64) -> Result<Committed> {
        let _gate = self.gate.lock().await;
        let former = self.on_disk()?;
        let in_force = former.generation()?;
        if in_force != expected {
            return Err(Error::new(Code::VersionConflict, format!("table {in_force} is in force, not {expected}")));
        }
        let master = self.running().await?;
        let generation = in_force + 1;
        self.try_out(render::routes(generation, table)).await?;
        let router = Arc::clone(self);
        blocking(move || router.put_candidate()).await?;
        match self.switch(master, generation).await {
            // Names and ports are parsed values: nginx has no row to refuse on its own account.
            Ok(()) => Ok(Committed { generation, quarantined: Vec::new() }),
            Err(error) => Err(self.restore(master, former, in_force, error).await),
        }
    }

    /// Writes a candidate and has nginx read it in the private copy, as the workers' user.
    async fn try_out(self: &Arc<Self>, text: String) -> Result<()> {
        let router = Arc::clone(self);
        blocking(move || router.layout.write_candidate(&text)).await?;
        let finished = self.layout.program(Purpose::Trial, self.settings.user.as_ref()).run(TRIAL).await?;
        if finished.status.success() {
            return Ok(());
        }
        let said = finished.stderr_text() + "\n";
        let words = workers::first_emergency(&said).unwrap_or_else(|| said.chars().take(500).collect());
        Err(Error::new(Code::RouteRejected, format!("nginx refuses the configuration: {}", words.trim())))
    }

    /// Moves the very file that was tried to its place.
    fn put_candidate(&self) -> Result<()> {
        let (from, to) = (self.layout.candidate(), self.layout.routes());
        let failed =
            |error: io::Error| Error::new(Code::Unavailable, format!("the routes cannot be moved to their place: {error}"));
        fs::rename(&from, &to).map_err(failed)?;
        let folder = to.parent().unwrap_or(&to);
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(error).into_unclear())
    }

    /// Has the master read what is on disk and waits until every worker routes by it.
    async fn switch(&self, master: Master, generation: u64) -> Result<()> {
        let (old, log): (Workers, LogEnd) = (workers::accepting(master.0), LogEnd::now(&self.layout));
        if !master::reload(master)? {
            return master::launch(&self.layout, &self.settings, generation).await.map(drop);
        }
        workers::switched(&self.layout, master.0, &old, self.settings.workers, generation, &log, self.settings.patience).await
    }

    /// Puts the former table back in force and answers the error of the failed commit, in doubt only when that was not to be had.
    async fn restore(self: &Arc<Self>, master: Master, former: OnDisk, generation: u64, why: Error) -> Error {
        tracing::warn!(generation, error = %why, "restoring the former routes");
        let path = self.layout.routes();
        let put = blocking(move || atomic::write(&path, former.0.as_bytes(), 0o640, None)).await;
        let back = match put {
            Ok(()) => self.switch(master, generation).await,
            Err(error) => Err(error),
        };
        match back {
            Ok(()) => Error::new(why.code(), why.message()),
            // The master refused the new configuration and now refuses this one: the workers of before never went.
            Err(error) if error.code() == Code::RouteRejected && workers::generation(&self.layout).await == Some(generation) => {
                Error::new(why.code(), why.message())
            }
            Err(error) => {
                why.with("detail", format!("the former routes could not be restored: {}", error.message())).into_unclear()
            }
        }
    }
}

/// A refused trial at the start is the machine's fault, not a table's.
fn unusable(error: Error) -> Error {
    match error.code() {
        Code::RouteRejected => Error::new(Code::Unusable, error.message()),
        _ => error,
    }
}

/// Runs to its end even when the caller is dropped.
async fn detached<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(ended_early(&error)))
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(ended_early(&error)))
}

fn ended_early(error: &tokio::task::JoinError) -> Error {
    Error::unclear(Code::Internal, format!("work on the router ended early: {error}"))
}
