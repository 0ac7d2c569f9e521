//! Assembling a controller.

use super::{Controller, Inner, Readiness, Settings};
use crate::operation::{Decide, Driver, Pace, next};
use crate::record::{INSTANCE, InstanceRecord, decode, plain};
use crate::resource::Providers;
use crate::{
    Clock, Code, DomainProvider, Entropy, EntropyExt, Error, Expected, Hosts, InstanceId, Nonce, Notifier, Result, RowWrite,
    StoreRepo, SystemClock, SystemEntropy, Table, TunnelRoutes,
};
use std::sync::{Arc, Mutex, RwLock};

/// What a controller is made of. Time and randomness are the machine's unless given.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ControllerBuilder {
    repo: Option<Arc<dyn StoreRepo>>,
    domains: Option<Arc<dyn DomainProvider>>,
    tunnel: Option<Arc<dyn TunnelRoutes>>,
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
    pub async fn build(self, settings: Settings) -> Result<Controller> {
        let missing = |what: &str| Error::new(Code::Unusable, format!("a controller needs {what}"));
        let providers = Providers {
            repo: self.repo.ok_or_else(|| missing("a repo"))?,
            domains: self.domains.ok_or_else(|| missing("a domain provider"))?,
            tunnel: self.tunnel.ok_or_else(|| missing("tunnel routes"))?,
            hosts: self.hosts.ok_or_else(|| missing("hosts"))?,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            entropy: self.entropy.unwrap_or_else(|| Arc::new(SystemEntropy)),
        };
        let notifier = self.notifier.ok_or_else(|| missing("a notifier"))?;
        let instance = identity(&providers).await?;
        let pace = Pace {
            effect_limit: settings.effect_limit,
            lease: settings.lease,
            first_pause: settings.first_pause,
            longest_pause: settings.longest_pause,
            tries: settings.tries,
        };
        let decide = self.decide.unwrap_or(next);
        let driver = Driver {
            holder: providers.entropy.hex(8)?,
            providers: providers.clone(),
            instance,
            pace,
            decide,
            health: Arc::default(),
        };
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
                tasks: Mutex::default(),
            }),
        })
    }
}

impl Controller {
    /// Begins the assembly of a controller.
    pub fn builder() -> ControllerBuilder {
        ControllerBuilder::default()
    }
}

/// The installation's identity: the one in the repo, or a new one. Of two controllers that make one at a time, the first wins.
async fn identity(providers: &Providers) -> Result<InstanceId> {
    loop {
        if let Some(row) = providers.repo.get(Table::Platform, INSTANCE).await? {
            return Ok(decode::<InstanceRecord>(&row)?.instance);
        }
        let row = plain(Table::Platform, INSTANCE.to_owned(), &InstanceRecord { instance: providers.entropy.instance_id()? })?;
        let write = RowWrite { table: row.table, id: row.id, body: row.body, indexes: row.indexes };
        match providers.repo.put(&write, Expected::Absent, &Nonce(providers.entropy.hex(8)?)).await {
            Err(error) if error.code() != Code::VersionConflict => return Err(error),
            _ => {}
        }
    }
}
