//! The arguments of `storex cloudflare`.

use super::{DataDir, DnsCommand, DomainArgs, EdgeArgs};
use clap::{Args, Subcommand};
use storex_core::Hostname;
use storex_core::record::Routing;

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum CloudflareCommand {
    /// Say whether the token can do what storex needs; nothing is changed
    Check(CheckArgs),
    /// Export, import and scan the records of a zone
    #[command(subcommand)]
    Dns(DnsCommand),
    /// Make what all stores share: the tunnel, its ingress rules and the wildcard record. The primary zone is found, never made
    Setup(SetupArgs),
}

const CHECK_EXAMPLES: &str = "\
Examples:
  CLOUDFLARE_API_TOKEN=… storex cloudflare check --primary-domain storex.com
  storex cloudflare check --simulator-port 8090 --json

Ends with 0 when all is there, 4 when the token is not valid or lacks a permission, 7 when the primary zone is missing or Cloudflare cannot be
reached. CLOUDFLARE_ACCOUNT_ID names the account when the token reaches several. CLOUDFLARE_API_TOKEN_FILE names a file of your own (0600) that holds the
token instead.";

#[derive(Clone, Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct CheckArgs {
    /// Domain below which stores have their system names [default: storex.com with a simulator]
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) primary_domain: Option<Hostname>,
    /// Port of a Cloudflare simulator on this machine, instead of Cloudflare; its token is read from simulator.token in the data folder
    #[arg(long, value_name = "PORT")]
    pub(crate) simulator_port: Option<u16>,
    #[command(flatten)]
    pub(crate) data: DataDir,
}

const SETUP_EXAMPLES: &str = "\
Examples:
  CLOUDFLARE_API_TOKEN=… storex cloudflare setup --primary-domain storex.com --dry-run
  CLOUDFLARE_API_TOKEN=… storex cloudflare setup --primary-domain storex.com
  storex cloudflare setup --simulator-port 8090

It is the operation a controller runs at its start, so it may be repeated; while a controller runs on the data folder, that one makes the platform itself.
CLOUDFLARE_API_TOKEN_FILE names a file of your own (0600) that holds the token instead.";

#[derive(Clone, Debug, Args)]
#[command(after_help = SETUP_EXAMPLES)]
pub(crate) struct SetupArgs {
    /// Say what would be done, with the calls it takes, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Domain below which stores have their system names [default: storex.com with a simulator]
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) primary_domain: Option<Hostname>,
    /// Port of the router the tunnel leads to
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub(crate) router_port: u16,
    /// How requests come from the tunnel to a store: through the router, or direct to its port by a rule of its own
    #[arg(long, value_name = "router|direct", default_value = "router")]
    pub(crate) routing: Routing,
    #[command(flatten)]
    pub(crate) domains: DomainArgs,
    #[command(flatten)]
    pub(crate) edge: EdgeArgs,
    /// Port of a Cloudflare simulator on this machine, instead of Cloudflare; its token is read from simulator.token in the data folder
    #[arg(long, value_name = "PORT")]
    pub(crate) simulator_port: Option<u16>,
    #[command(flatten)]
    pub(crate) data: DataDir,
}
