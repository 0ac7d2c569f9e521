//! `storex cloudflare setup`: the platform, made by the operation the controller runs at its start, without a host.

use super::controller::client;
use super::{DataDir, UpOptions, simulator};
use crate::FileNotifier;
use std::sync::Arc;
use storex_cloudflare::CloudflareAccount;
use storex_core::{Clock, Controller, HostId, Hosts, PlanView, Result, StoreHost, StoreRepo, SystemClock, TunnelView};
use storex_fakes::MemoryStores;
use storex_redb::RedbStores;

/// What a setup did, or would do.
#[derive(Clone, Debug)]
pub enum SetUp {
    /// The plan; nothing was changed, neither at Cloudflare nor in the data folder.
    Planned(PlanView),
    /// The platform stands.
    Stands(TunnelView),
}

/// No host is needed for what all stores share.
#[derive(Debug)]
struct NoHosts;

impl Hosts for NoHosts {
    fn get(&self, _: &HostId) -> Option<Arc<dyn StoreHost>> {
        None
    }
}

/// Makes the platform stand, or only says what that would do. The primary zone is found, never made.
///
/// # Errors
/// `directory_busy` while a controller runs on the data folder, which makes the platform itself; `primary_zone_missing`; `foreign_object` for a tunnel or
/// a record storex did not make; what Cloudflare answers.
pub async fn set_up(options: &UpOptions, dry_run: bool) -> Result<SetUp> {
    // A folder that is not there yet holds nothing, and a plan makes none.
    let fresh = !options.data_dir.join("storex.redb").exists();
    if dry_run && fresh && options.cloudflare_token.is_some() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let repo: Arc<dyn StoreRepo> = Arc::new(MemoryStores::new(Arc::clone(&clock)));
        let notifier = Arc::new(storex_fakes::MemoryNotifier::default());
        let controller = assembled(options, options.cloudflare()?, repo, notifier, clock).await?;
        return controller.plan_platform(&router(options)).await.map(SetUp::Planned);
    }
    let dir = DataDir::open(&options.data_dir)?;
    let edge = match &options.cloudflare_token {
        Some(_) => options.cloudflare()?,
        None => simulator::edge_of(&dir, options.ports.simulator)?,
    };
    let _lock = dir.lock_role("controller")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let repo: Arc<dyn StoreRepo> = if dry_run && fresh {
        Arc::new(MemoryStores::new(Arc::clone(&clock)))
    } else {
        Arc::new(RedbStores::open(&dir.path("storex.redb"), Arc::clone(&clock))?)
    };
    let notifier = Arc::new(FileNotifier::open(dir.root())?);
    let controller = assembled(options, edge, repo, notifier, clock).await?;
    if dry_run {
        return controller.plan_platform(&router(options)).await.map(SetUp::Planned);
    }
    let outcome = match controller.ensure_platform(&router(options)).await {
        Ok(()) => controller.tunnel().await.map(SetUp::Stands),
        Err(error) => Err(error),
    };
    controller.stop().await;
    outcome
}

fn router(options: &UpOptions) -> String {
    format!("http://localhost:{}", options.ports.router)
}

async fn assembled(
    options: &UpOptions,
    edge: super::Edge,
    repo: Arc<dyn StoreRepo>,
    notifier: Arc<dyn storex_core::Notifier>,
    clock: Arc<dyn Clock>,
) -> Result<Controller> {
    let account = CloudflareAccount::discover(&client(edge, &clock)?, &options.primary_domain).await?;
    Controller::builder()
        .repo(repo)
        .domains(Arc::new(account.domains()))
        .tunnel(Arc::new(account.tunnels()))
        .hosts(Arc::new(NoHosts))
        .notifier(notifier)
        .clock(clock)
        .edge(Arc::new(account.edge()))
        .build(options.settings()?)
        .await
}
