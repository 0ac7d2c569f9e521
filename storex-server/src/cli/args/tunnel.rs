//! The arguments of `storex tunnel`.

use super::ConnectionArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The first two ask the API; nothing else here talks to a server.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum TunnelCommand {
    /// Show the tunnel's connectors and which version of its configuration each serves
    Connectors(ConnectorsArgs),
    /// End the connections of one connector, which connects again by itself
    Reset(ResetConnectorArgs),
    /// Say whether cloudflared would accept an ingress document, and which rule takes a URL
    Check(CheckTunnelArgs),
    /// Print the config.yml of a locally managed tunnel
    Config(TunnelSettingsArgs),
    /// Print the systemd unit that runs a locally managed tunnel
    Unit(TunnelUnitArgs),
}

const CONNECTORS_EXAMPLES: &str = "\
Examples:
  storex tunnel connectors
  storex tunnel connectors --json";

#[derive(Clone, Debug, Args)]
#[command(after_help = CONNECTORS_EXAMPLES)]
pub(crate) struct ConnectorsArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const RESET_EXAMPLES: &str = "\
Examples:
  storex tunnel reset 0199aa7c-1b6f-4c3a-8e5d-2f4b6a8c0e12
  storex tunnel reset 0199aa7c-1b6f-4c3a-8e5d-2f4b6a8c0e12 --force

Other connectors keep theirs, so stores stay reached. The last one that serves is reset with --force only.";

#[derive(Clone, Debug, Args)]
#[command(after_help = RESET_EXAMPLES)]
pub(crate) struct ResetConnectorArgs {
    /// Identifier of the connector, from storex tunnel connectors
    pub(crate) id: String,
    /// Reset it also when it is the last one that serves: no store is reached until it is back
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  storex tunnel check --file ingress.json
  storex tunnel check --file ingress.json --url https://oceanbreezestore.com/api --json

The document is {\"ingress\": [...]}; rules are numbered from 0 in the answer. A valid document ends with 0, an invalid one with 6. What cannot be read as a URL
is taken by no rule (null).";

#[derive(Clone, Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct CheckTunnelArgs {
    /// File with the document
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// URL to find the rule of; may be given more than once
    #[arg(long = "url", value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// Refuse also what storex never writes itself, such as a rule that can take no request
    #[arg(long)]
    pub(crate) strict: bool,
}

const CONFIG_EXAMPLES: &str = "\
Examples:
  storex tunnel config --file tunnel.json > /etc/cloudflared/config.yml

The settings are {\"tunnel_config\": {\"tunnel_id\", \"credentials_file\", \"ingress_rules\", \"origin_config\", \"metrics\", \"retries\", \"grace_period\"}}.";

#[derive(Clone, Debug, Args)]
#[command(after_help = CONFIG_EXAMPLES)]
pub(crate) struct TunnelSettingsArgs {
    /// File with the settings of the tunnel
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
}

const UNIT_EXAMPLES: &str = "\
Examples:
  storex tunnel unit --file tunnel.json > /etc/systemd/system/cloudflared.service";

#[derive(Clone, Debug, Args)]
#[command(after_help = UNIT_EXAMPLES)]
pub(crate) struct TunnelUnitArgs {
    #[command(flatten)]
    pub(crate) settings: TunnelSettingsArgs,
    /// Program of cloudflared
    #[arg(long, value_name = "FILE", default_value = "/usr/local/bin/cloudflared")]
    pub(crate) program: String,
    /// Where its config.yml is
    #[arg(long, value_name = "FILE", default_value = "/etc/cloudflared/config.yml")]
    pub(crate) config: String,
    /// User it runs as
    #[arg(long, value_name = "NAME", default_value = "cloudflared")]
    pub(crate) user: String,
}
