//! The arguments of every command.

mod cloudflare;
mod db;
mod dns;
mod domains;
mod drift;
mod edge;
mod operation;
mod plan;
mod tunnel;

pub(crate) use cloudflare::{CheckArgs, CloudflareCommand, SetupArgs};
pub(crate) use db::{DbCheckArgs, DbCommand, DbCopyArgs};
pub(crate) use dns::{DnsCommand, ExportArgs, ImportArgs, ScanArgs, ZoneArgs};
pub(crate) use domains::DomainArgs;
pub(crate) use drift::{DriftArgs, ReconcileArgs};
pub(crate) use edge::{EdgeArgs, InsightArgs, PurgeArgs, ReissueArgs, RotateArgs};
pub(crate) use operation::{ChangeOperationArgs, FindOperationArgs, GetOperationArgs, OperationCommand};
pub(crate) use plan::{PlanCommand, PlanCreateArgs, PlanDeleteArgs};
pub(crate) use tunnel::{CheckTunnelArgs, ConnectorsArgs, ResetConnectorArgs, TunnelCommand, TunnelSettingsArgs, TunnelUnitArgs};

use crate::Environment;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use storex_core::record::Routing;
use storex_core::{Hostname, PortRange};

/// Folder of `storex up` when none is named.
pub(crate) const USUAL_DATA_DIR: &str = "./storex-data";

const EXAMPLES: &str = "\
Examples:
  storex up
  storex store create oceanbreeze --domain oceanbreezestore.com --owner 'John Smith' --email john@oceanbreezestore.com --wait
  storex store list --json

Environment: STOREX_URL, STOREX_TOKEN_FILE, STOREX_DATA_DIR stand in for --url, --token-file, --data-dir.
Secrets are no arguments: CLOUDFLARE_API_TOKEN, STOREX_MONGODB_URI, STOREX_DATABASES_URI, each also as a file of your own (0600) that a variable
with _FILE behind its name names.
Exit codes: 0 ok, 1 defect, 2 usage, 3 not found, 4 access, 5 conflict, 6 invalid, 7 unreachable, 8 still going on,
10 rolled back, 11 needs an operator, 130 interrupted, 143 terminated.";

/// Many isolated stores behind one Cloudflare tunnel.
#[derive(Debug, Parser)]
#[command(name = "storex", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Print JSON: data on standard output, a problem document on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: controller, agent, router and, without a Cloudflare token, the simulator
    Up(UpArgs),
    /// Run one part only
    #[command(subcommand)]
    Serve(ServeCommand),
    /// Create, show, list and delete stores
    #[command(subcommand)]
    Store(StoreCommand),
    /// Say what a command on a store would do, and do nothing
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Look at operations, cancel and retry them
    #[command(subcommand)]
    Operation(OperationCommand),
    /// Show what differs from what should be
    Drift(DriftArgs),
    /// Bring back what differs from what should be
    Reconcile(ReconcileArgs),
    /// Look at the tunnel's connectors, reset one; check an ingress document; make the files of a locally managed tunnel
    #[command(subcommand)]
    Tunnel(TunnelCommand),
    /// Look at the Cloudflare account and what the token can do; make what all stores share
    #[command(subcommand)]
    Cloudflare(CloudflareCommand),
    /// Look at what a deployment's documents are kept in
    #[command(subcommand)]
    Db(DbCommand),
    /// Print the catalogue of error codes
    #[command(hide = true)]
    Errors(ErrorsArgs),
}

const UP_EXAMPLES: &str = "\
Examples:
  storex up
  storex up --data-dir /srv/storex --store-ports 4001-4999
  storex up --controller-port 18080 --agent-port 18081 --router-port 13000 --simulator-port 18090

Prints one ready line; SIGTERM stops all it started. Started again on the same folder, the stores are back.";

#[derive(Clone, Debug, Args)]
#[command(after_help = UP_EXAMPLES)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Port of the REST API
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) controller_port: u16,
    /// Port of the agent
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    pub(crate) agent_port: u16,
    /// Port of the router
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub(crate) router_port: u16,
    /// Port of the Cloudflare simulator
    #[arg(long, value_name = "PORT", default_value_t = 8090)]
    pub(crate) simulator_port: u16,
    /// Ports for stores
    #[arg(long, value_name = "A-B", default_value = "4001-4999")]
    pub(crate) store_ports: PortRange,
    /// Folder with the shared core of the stores
    #[arg(long, value_name = "DIR")]
    pub(crate) core: Option<PathBuf>,
    /// Domain below which stores have their system names [default: storex.com with the simulator; required with a Cloudflare token]
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) primary_domain: Option<Hostname>,
    /// How requests come from the tunnel to a store: through the router, or direct to its port by a rule of its own
    #[arg(long, value_name = "router|direct", default_value = "router")]
    pub(crate) routing: Routing,
    #[command(flatten)]
    pub(crate) domains: DomainArgs,
    #[command(flatten)]
    pub(crate) edge: EdgeArgs,
}

/// Where the files of an installation are.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataDir {
    /// Folder for everything storex keeps [default: ./storex-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

impl DataDir {
    /// The folder: the flag, else `STOREX_DATA_DIR`, else `./storex-data`.
    pub(crate) fn or_usual(&self, environment: &Environment) -> PathBuf {
        let named = self.data_dir.as_ref().or(environment.data_dir.as_ref());
        named.cloned().unwrap_or_else(|| PathBuf::from(USUAL_DATA_DIR))
    }
}

/// The parts that run alone.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ServeCommand {
    /// Run the controller with its REST API
    Controller(ControllerArgs),
    /// Run the agent with PM2 and the router
    Agent(AgentArgs),
    /// Run the Cloudflare simulator
    Simulator(SimulatorArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ControllerArgs {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Port of the REST API
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) controller_port: u16,
    /// Port of the agent on this machine; its token is read from agent.token in the data folder
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    pub(crate) agent_port: u16,
    /// Port of the router the tunnel leads to
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub(crate) router_port: u16,
    /// Port of a Cloudflare simulator on this machine, instead of Cloudflare; its token is read from simulator.token in the data folder
    #[arg(long, value_name = "PORT")]
    pub(crate) simulator_port: Option<u16>,
    /// Domain below which stores have their system names [default: storex.com with a simulator]
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) primary_domain: Option<Hostname>,
    /// How requests come from the tunnel to a store: through the router, or direct to its port by a rule of its own
    #[arg(long, value_name = "router|direct", default_value = "router")]
    pub(crate) routing: Routing,
    #[command(flatten)]
    pub(crate) domains: DomainArgs,
    #[command(flatten)]
    pub(crate) edge: EdgeArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Port of the agent
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    pub(crate) agent_port: u16,
    /// Port of the router
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub(crate) router_port: u16,
    /// Ports for stores
    #[arg(long, value_name = "A-B", default_value = "4001-4999")]
    pub(crate) store_ports: PortRange,
    /// Folder with the shared core of the stores
    #[arg(long, value_name = "DIR")]
    pub(crate) core: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SimulatorArgs {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Port of the Cloudflare simulator
    #[arg(long, value_name = "PORT", default_value_t = 8090)]
    pub(crate) simulator_port: u16,
    /// Name of the zone the simulated account begins with
    #[arg(long, value_name = "DOMAIN", default_value = "storex.com")]
    pub(crate) primary_domain: Hostname,
}

/// Which API to talk to.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Address of the API [default: that of the data folder's up.json, else <http://127.0.0.1:8080>]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// File with the token [default: admin.token in the data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataDir,
}

/// Whether to stay until an operation is at rest.
#[derive(Clone, Debug, Args)]
pub(crate) struct WaitArgs {
    /// Stay until the operation is at rest; ends with 10 when it was rolled back, 11 when it needs an operator
    #[arg(long)]
    pub(crate) wait: bool,
    /// Longest time to stay; when it is over the exit code is 8 and the operation goes on
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub(crate) timeout: Option<u64>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Create a store
    Create(CreateArgs),
    /// List stores
    List(ListArgs),
    /// Show a store
    Get(GetStoreArgs),
    /// Forget what the edge has cached of a store's hosts
    Purge(PurgeArgs),
    /// Show what the edge counted of a store's hosts: requests, cache hits, errors, security events
    Insight(InsightArgs),
    /// Get another certificate for a store's own domain
    ReissueCertificate(ReissueArgs),
    /// Give a store's database another password, with no request of the store refused
    RotatePassword(RotateArgs),
    /// Delete a store and everything it holds
    Delete(DeleteArgs),
}

const CREATE_EXAMPLES: &str = "\
Examples:
  storex store create oceanbreeze --owner 'John Smith' --email john@oceanbreezestore.com
  storex store create oceanbreeze --domain oceanbreezestore.com --owner 'John Smith' --email john@oceanbreezestore.com --wait";

/// A store to create.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewStore {
    /// Name of the store: 1 to 32 lower-case letters, digits and single hyphens
    pub(crate) username: String,
    /// The owner's own domain
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// How the domain reaches the tunnel: zone or `custom_hostname` [default: the platform's]
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) domain_strategy: Option<String>,
    /// The domain's DNS host flattens aliases, so that its apex can be a custom hostname
    #[arg(long)]
    pub(crate) apex_flattening: bool,
    /// Name of the owner (required by the API)
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// E-mail address of the owner (required by the API)
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Plan the owner chose
    #[arg(long)]
    pub(crate) plan: Option<String>,
}

/// Under which key a request may be repeated.
#[derive(Clone, Debug, Args)]
pub(crate) struct RepeatArgs {
    /// Repeat the command under the same key as often as you like: it is done once and answers the same for a day
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = CREATE_EXAMPLES)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(crate) store: NewStore,
    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const LIST_EXAMPLES: &str = "\
Examples:
  storex store list
  storex store list --all --json
  storex store list --page-size 100 --page-token TOKEN";

#[derive(Clone, Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    /// Stores on a page, at most 1000 [default: 50]
    #[arg(long, value_name = "N")]
    pub(crate) page_size: Option<u32>,
    /// Token of the page, from the page before
    #[arg(long, value_name = "TOKEN")]
    pub(crate) page_token: Option<String>,
    /// All pages
    #[arg(long, conflicts_with = "page_token")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const GET_EXAMPLES: &str = "\
Examples:
  storex store get oceanbreeze-12345
  storex store get oceanbreeze-12345 --json";

#[derive(Clone, Debug, Args)]
#[command(after_help = GET_EXAMPLES)]
pub(crate) struct GetStoreArgs {
    /// Identifier of the store, such as oceanbreeze-12345
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const DELETE_EXAMPLES: &str = "\
Examples:
  storex store delete oceanbreeze-12345
  storex store delete oceanbreeze-12345 --wait --timeout 120";

#[derive(Clone, Debug, Args)]
#[command(after_help = DELETE_EXAMPLES)]
pub(crate) struct DeleteArgs {
    /// Identifier of the store, such as oceanbreeze-12345
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ErrorsArgs {
    /// As the page docs/errors.md
    #[arg(long, required = true)]
    pub(crate) markdown: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_fit_together_and_each_has_a_help() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        assert!(command.render_help().to_string().contains("storex up"));
    }

    #[test]
    fn flags_that_need_each_other_or_exclude_each_other_are_refused() {
        let parse = |text: &str| Cli::try_parse_from(text.split(' '));
        assert!(parse("storex store create a --timeout 5").is_err());
        assert!(parse("storex store list --all --page-token x").is_err());
        assert!(parse("storex up --store-ports 5000-4000").is_err());
        assert!(parse("storex up --controller-port 70000").is_err());
        assert!(parse("storex store create a --wait --timeout 5 --json").expect("valid").json);
    }
}
