//! The arguments of `storex drift` and `storex reconcile`.

use super::{ConnectionArgs, WaitArgs};
use clap::Args;

const DRIFT_EXAMPLES: &str = "\
Examples:
  storex drift
  storex drift --store oceanbreeze-12345 --json";

#[derive(Clone, Debug, Args)]
#[command(after_help = DRIFT_EXAMPLES)]
pub(crate) struct DriftArgs {
    /// Only this store [default: the platform, the hosts and all stores]
    #[arg(long, value_name = "ID")]
    pub(crate) store: Option<String>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const RECONCILE_EXAMPLES: &str = "\
Examples:
  storex reconcile --dry-run
  storex reconcile --wait
  storex reconcile --store oceanbreeze-12345 --wait --timeout 300";

#[derive(Clone, Debug, Args)]
#[command(after_help = RECONCILE_EXAMPLES)]
pub(crate) struct ReconcileArgs {
    /// Only this store [default: the platform, the hosts and all stores]
    #[arg(long, value_name = "ID")]
    pub(crate) store: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Let the documents win although they are older than the world, as after a restored backup; look at storex drift first
    #[arg(long)]
    pub(crate) accept_restore: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
