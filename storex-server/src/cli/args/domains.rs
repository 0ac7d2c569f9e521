//! The arguments about custom domains.

use crate::up::DomainOptions;
use clap::Args;
use storex_core::DomainStrategy;

/// How custom domains reach the tunnel.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Custom domains")]
pub(crate) struct DomainArgs {
    /// How a custom domain reaches the tunnel when a request does not say: zone or `custom_hostname`
    #[arg(long, value_name = "STRATEGY", default_value_t = DomainStrategy::Zone)]
    pub(crate) domain_strategy: DomainStrategy,
    /// Make custom hostnames ready also when zone is the default strategy
    #[arg(long)]
    pub(crate) custom_hostnames: bool,
    /// The Cloudflare plan has addresses for the apex of a custom hostname (Enterprise)
    #[arg(long)]
    pub(crate) apex_proxying: bool,
    /// Use zones the account has already: only storex's own records in them are touched, and they are never removed
    #[arg(long)]
    pub(crate) adopt_zones: bool,
}

impl DomainArgs {
    /// The same as options.
    pub(crate) fn options(self) -> DomainOptions {
        DomainOptions {
            strategy: self.domain_strategy,
            custom_hostnames: self.custom_hostnames,
            apex_proxying: self.apex_proxying,
            adopt_zones: self.adopt_zones,
        }
    }
}
