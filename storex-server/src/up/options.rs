//! What `storex up` and `storex serve` are told.

use super::{Edge, EdgeOptions};
use std::path::PathBuf;
use std::time::Duration;
use storex_core::record::Routing;
use storex_core::{
    Code, DatabaseAddress, DomainStrategy, Error, Hostname, PortRange, Result, Secret, Settings, ValidationMethod,
};

/// Ports of the roles, all on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// REST API. Default 8080.
    pub controller: u16,
    /// Agent. Default 8081.
    pub agent: u16,
    /// Router that visitors reach through the tunnel. Default 3000.
    pub router: u16,
    /// Simulated Cloudflare. Default 8090.
    pub simulator: u16,
}

/// How custom domains reach the tunnel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DomainOptions {
    /// What a request that says nothing gets. Default `zone`.
    pub strategy: DomainStrategy,
    /// Makes custom hostnames ready also when `zone` is the default.
    pub custom_hostnames: bool,
    /// The Cloudflare plan has addresses for the apex of a custom hostname.
    pub apex_proxying: bool,
    /// Uses zones the account has already.
    pub adopt_zones: bool,
    /// How certificates of custom hostnames are validated. Default by a page.
    pub validation: ValidationMethod,
}

/// Databases of stores.
#[derive(Clone, Debug, Default)]
pub struct DatabaseOptions {
    /// Connection string of the MongoDB server on which each new store gets a database; without one stores have none.
    pub uri: Option<Secret<String>>,
    /// Where stores reach that server, when it is not where storex reaches it.
    pub address: Option<DatabaseAddress>,
    /// Most bytes of documents in the snapshot of a database that is removed; 4 GiB when none are named.
    pub largest_snapshot: Option<u64>,
    /// File with the keys their passwords are sealed with; `keyring` in the data directory when none is named.
    pub keyring: Option<PathBuf>,
}

/// Options of an installation.
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// Directory that holds everything.
    pub data_dir: PathBuf,
    /// Ports of the roles.
    pub ports: Ports,
    /// Ports stores may listen on.
    pub store_ports: PortRange,
    /// The shared core that stores link to.
    pub core: PathBuf,
    /// Domain below which every store has its system name.
    pub primary_domain: Hostname,
    /// How requests come from the tunnel to a store.
    pub routing: Routing,
    /// How custom domains reach the tunnel.
    pub domains: DomainOptions,
    /// What zones are made to do with requests.
    pub edge: EdgeOptions,
    /// Token of a real Cloudflare account; without one the simulator stands in.
    pub cloudflare_token: Option<Secret<String>>,
    /// Connection string of the MongoDB database that controllers share; without one the state is in a file of the data directory.
    pub mongodb: Option<Secret<String>>,
    /// Databases of stores.
    pub databases: DatabaseOptions,
    /// Where node, PM2 and nginx are looked for first.
    pub tool_prefixes: Vec<PathBuf>,
    /// Makes token files, and the keyring, that are missing instead of refusing to start.
    pub make_tokens: bool,
    /// How long a store's process may take until it listens on its port.
    pub start_limit: Duration,
}

impl UpOptions {
    /// What the controller is told.
    pub(super) fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::new(self.primary_domain.clone());
        settings.routing = self.routing;
        settings.domain_strategy = self.domains.strategy;
        settings.custom_hostnames = self.domains.custom_hostnames;
        settings.apex_proxying = self.domains.apex_proxying;
        settings.adopt_zones = self.domains.adopt_zones;
        settings.hostname_validation = self.domains.validation;
        self.edge.applied(settings)
    }

    /// The real Cloudflare.
    pub(super) fn cloudflare(&self) -> Result<Edge> {
        let token =
            self.cloudflare_token.clone().ok_or_else(|| Error::new(Code::Unusable, "no Cloudflare API token was given"))?;
        Ok(Edge { base_url: "https://api.cloudflare.com/client/v4".to_owned(), token, loopback_only: false })
    }
}
