//! Assembling a controller.

use super::{Controller, Inner, Readiness, Settings};
use crate::operation::{Decide, Driver, Pace, next};
use crate::record::{INSTANCE, InstanceRecord, decode, plain};
use crate::resource::{Providers, TunnelWriter};
use crate::{
    Clock, Code, DatabaseAdmin, DomainProvider, EdgeInsight, EdgePolicies, Entropy, EntropyExt, Error, Expected, Fence, Hosts,
    InstanceId, Keyring, Lookup, Nonce, Notifier, Resolver, Result, RowWrite, StoreRepo, SystemClock, SystemEntropy, Table,
    TunnelRoutes,
};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, RwLock};

/// What a controller is made of. Time and randomness are the machine's unless given.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ControllerBuilder {
    repo: Option<Arc<dyn StoreRepo>>,
    domains: Option<Arc<dyn DomainProvider>>,
    tunnel: Option<Arc<dyn TunnelRoutes>>,
    dns: Option<Arc<dyn Resolver>>,
    edge: Option<Arc<dyn EdgePolicies>>,
    insight: Option<Arc<dyn EdgeInsight>>,
    databases: Option<Arc<dyn DatabaseAdmin>>,
    keyring: Option<Keyring>,
    hosts: Option<Arc<dyn Hosts>>,
    notifier: Option<Arc<dyn Notifier>>,
    clock: Option<Arc<dyn Clock>>,
    entropy: Option<Arc<dyn Entropy>>,
    decide: Option<Decide>,
}

impl ControllerBuilder {
    /// Documents, claims and leases.
    pub fn repo(mut self, repo: Arc<dyn StoreRepo>) -> Self {
        self.repo = Some(repo);
        self
    }

    /// Zones and DNS records.
    pub fn domains(mut self, domains: Arc<dyn DomainProvider>) -> Self {
        self.domains = Some(domains);
        self
    }

    /// The tunnel.
    pub fn tunnel(mut self, tunnel: Arc<dyn TunnelRoutes>) -> Self {
        self.tunnel = Some(tunnel);
        self
    }

    /// The public DNS. Without it no owner's proof of a custom hostname can be read, so such domains wait.
    pub fn dns(mut self, dns: Arc<dyn Resolver>) -> Self {
        self.dns = Some(dns);
        self
    }

    /// Settings, rules and certificates of zones. Without it zones are left as the provider makes them.
    pub fn edge(mut self, edge: Arc<dyn EdgePolicies>) -> Self {
        self.edge = Some(edge);
        self
    }

    /// What the edge counted. Without it nothing is told.
    pub fn insight(mut self, insight: Arc<dyn EdgeInsight>) -> Self {
        self.insight = Some(insight);
        self
    }

    /// Databases of stores. Without it a store has none. Needs a [keyring](Self::keyring).
    pub fn databases(mut self, databases: Arc<dyn DatabaseAdmin>) -> Self {
        self.databases = Some(databases);
        self
    }

    /// What the passwords of databases are sealed with. Every controller on the same repo needs the same keys.
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// The store hosts.
    pub fn hosts(mut self, hosts: Arc<dyn Hosts>) -> Self {
        self.hosts = Some(hosts);
        self
    }

    /// Where messages go.
    pub fn notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifier = Some(notifier);
        self
    }

    /// Another clock than the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Another source of randomness than the machine's.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = Some(entropy);
        self
    }

    /// Another decision than [`next`], for tests that must see a broken engine found out. Never in production.
    pub fn decide(mut self, decide: Decide) -> Self {
        self.decide = Some(decide);
        self
    }

    /// Builds the controller: gives the installation its identity when it has none. Nothing else is written and no operation resumed.
    ///
    /// # Errors
    /// `unusable` naming what was not given; what the repo answers.
    ///
    /// # Cancellation
    /// Dropping the future leaves the identity written or not written; the next build takes it as it is.
    pub async fn build(self, settings: Settings) -> Result<Controller> {
        let missing = |what: &str| Error::new(Code::Unusable, format!("a controller needs {what}"));
        if self.databases.is_some() && self.keyring.is_none() {
            return Err(missing("a keyring, to seal the passwords of databases with"));
        }
        let repo = self.repo.ok_or_else(|| missing("a repo"))?;
        let entropy = self.entropy.unwrap_or_else(|| Arc::new(SystemEntropy));
        let instance = identity(repo.as_ref(), entropy.as_ref()).await?;
        let holder = entropy.hex(8)?;
        let providers = Providers {
            repo,
            domains: self.domains.ok_or_else(|| missing("a domain provider"))?,
            tunnel: self.tunnel.ok_or_else(|| missing("tunnel routes"))?,
            dns: self.dns.unwrap_or_else(|| Arc::new(NoResolver)),
            edge: self.edge,
            insight: self.insight,
            databases: self.databases,
            keyring: self.keyring.map(Arc::new),
            hosts: self.hosts.ok_or_else(|| missing("hosts"))?,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            entropy,
            tunnel_writer: Arc::new(TunnelWriter::new(
                holder.clone(),
                settings.lease,
                settings.tunnel_window,
                settings.tunnel_limits,
            )),
        };
        let notifier = self.notifier.ok_or_else(|| missing("a notifier"))?;
        let pace = Pace {
            effect_limit: settings.effect_limit,
            lease: settings.lease,
            first_pause: settings.first_pause,
            longest_pause: settings.longest_pause,
            tries: settings.tries,
        };
        let decide = self.decide.unwrap_or(next);
        let driver = Driver { holder, providers: providers.clone(), instance, pace, decide, health: Arc::default() };
        let readiness = RwLock::new(Readiness::waiting("the platform was not ensured yet"));
        Ok(Controller {
            inner: Arc::new(Inner {
                providers,
                notifier,
                settings,
                driver,
                driven: Mutex::default(),
                readiness,
                memory: Mutex::default(),
                shadows: Mutex::default(),
                hostnames: Mutex::default(),
                seen_tunnel: Mutex::default(),
                tasks: Mutex::default(),
            }),
        })
    }
}

/// The public DNS of a controller that was given none.
#[derive(Debug)]
struct NoResolver;

#[async_trait]
impl Resolver for NoResolver {
    async fn lookup(&self, name: &str, kind: Lookup) -> Result<Vec<String>> {
        let why = format!("no resolver was given, so the {} records of {name} cannot be read", kind.as_str());
        Err(Error::new(Code::Unavailable, why))
    }
}

impl Controller {
    /// Begins the assembly of a controller.
    pub fn builder() -> ControllerBuilder {
        ControllerBuilder::default()
    }
}

/// The installation's identity: the one in the repo, or a new one. Of two controllers that make one at a time, the first wins.
async fn identity(repo: &dyn StoreRepo, entropy: &dyn Entropy) -> Result<InstanceId> {
    loop {
        if let Some(row) = repo.get(Table::Platform, INSTANCE).await? {
            return Ok(decode::<InstanceRecord>(&row)?.instance);
        }
        let row = plain(Table::Platform, INSTANCE.to_owned(), &InstanceRecord { instance: entropy.instance_id()? })?;
        let write = RowWrite { table: row.table, id: row.id, body: row.body, indexes: row.indexes };
        match repo.put(&write, Expected::Absent, &Nonce(entropy.hex(8)?), Fence::NONE).await {
            Err(error) if error.code() != Code::VersionConflict => return Err(error),
            _ => {}
        }
    }
}
