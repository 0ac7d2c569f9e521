//! Arguments of what is asked for one store: of the edge, and of its database.

use super::{ConnectionArgs, WaitArgs};
use crate::up::{EdgeOptions, ZonePolicyName};
use clap::Args;

/// What zones are made to do with requests.
#[derive(Clone, Debug, Args)]
pub(crate) struct EdgeArgs {
    /// What the zone of a custom domain is made to do with requests: none, minimal, standard or hardened
    #[arg(long, value_name = "NAME", default_value = "standard")]
    zone_policy: ZonePolicyName,
    /// Redirect plain HTTP on the primary zone; without it nothing of that zone is changed
    #[arg(long)]
    force_https: bool,
}

impl EdgeArgs {
    /// The same for the installation.
    pub(crate) fn options(&self) -> EdgeOptions {
        EdgeOptions { zone_policy: self.zone_policy, force_https: self.force_https }
    }
}

const PURGE_EXAMPLES: &str = "\
Examples:
  storex store purge oceanbreeze-12345
  storex store purge oceanbreeze-12345 --json";

#[derive(Clone, Debug, Args)]
#[command(after_help = PURGE_EXAMPLES)]
pub(crate) struct PurgeArgs {
    /// Identifier of the store, such as oceanbreeze-12345
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const INSIGHT_EXAMPLES: &str = "\
Examples:
  storex store insight oceanbreeze-12345
  storex store insight oceanbreeze-12345 --seconds 86400 --json

As far back and as long as the plan of the store's zone tells; the time that was counted is said.";

#[derive(Clone, Debug, Args)]
#[command(after_help = INSIGHT_EXAMPLES)]
pub(crate) struct InsightArgs {
    /// Identifier of the store, such as oceanbreeze-12345
    pub(crate) id: String,
    /// How far back, in seconds
    #[arg(long, value_name = "N", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const REISSUE_EXAMPLES: &str = "\
Examples:
  storex store reissue-certificate oceanbreeze-12345 --wait
  storex store reissue-certificate oceanbreeze-12345 --force --wait --timeout 900";

#[derive(Clone, Debug, Args)]
#[command(after_help = REISSUE_EXAMPLES)]
pub(crate) struct ReissueArgs {
    /// Identifier of the store, such as oceanbreeze-12345
    pub(crate) id: String,
    /// Also do what leaves visitors without HTTPS for a while, when nothing else helps
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const ROTATE_EXAMPLES: &str = "\
Examples:
  storex store rotate-password oceanbreeze-12345 --wait";

#[derive(Clone, Debug, Args)]
#[command(after_help = ROTATE_EXAMPLES)]
pub(crate) struct RotateArgs {
    /// Identifier of the store, such as oceanbreeze-12345
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
