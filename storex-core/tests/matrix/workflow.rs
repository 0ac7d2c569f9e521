//! The workflows under test: the world each begins in and the request that starts it.

use std::sync::OnceLock;
use std::time::Duration;
use storex_core::record::DomainRecord;
use storex_core::{Controller, CreateStoreRequest, Error, Lookup, Settings, Table};
use storex_fakes::{Parts, Sentinels, Snapshot, World};

/// Longest time after a call's deadline at which an effect of the edge lands.
const LATE_EFFECTS: Duration = Duration::from_mins(1);

/// A custom hostname.
const HOSTNAME: &str = "www.oceanbreezestore.com";

/// A zone that is somebody else's.
const FOREIGN: &str = "foreign-shop.com";

/// Tries of a step before a workflow turns back.
pub(crate) const TRIES: u32 = 3;

/// A workflow in one of its shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Workflow {
    CreateCustom,
    CreateSystem,
    DeleteCustom,
    DeleteSystem,
    /// The custom hostname of a store whose owner has just proved the name.
    ActivateHostname,
    /// A delete of a store with a custom hostname.
    DeleteHostname,
    /// A create of a store with a database.
    CreateDatabase,
    /// A delete of one.
    DeleteDatabase,
    /// Another password for one.
    RotatePassword,
    /// The platform, from nothing.
    Platform,
    /// The platform that stands, when the router moved.
    PlatformMoves,
    /// A create whose zone is somebody else's: it must turn back. A control, not part of the matrix.
    CreateForeign,
}

impl Workflow {
    pub(crate) const ALL: [Self; 11] = [
        Self::CreateCustom,
        Self::CreateSystem,
        Self::DeleteCustom,
        Self::DeleteSystem,
        Self::ActivateHostname,
        Self::DeleteHostname,
        Self::CreateDatabase,
        Self::DeleteDatabase,
        Self::RotatePassword,
        Self::Platform,
        Self::PlatformMoves,
    ];

    /// Name of its flow in the journal.
    pub(crate) fn flow(self) -> &'static str {
        match self {
            Self::CreateCustom | Self::CreateSystem | Self::CreateForeign | Self::CreateDatabase => "create_store",
            Self::DeleteCustom | Self::DeleteSystem | Self::DeleteHostname | Self::DeleteDatabase => "delete_store",
            Self::RotatePassword => "rotate_password",
            Self::ActivateHostname => "activate_domain",
            Self::Platform | Self::PlatformMoves => "ensure_platform",
        }
    }

    /// True when it never turns back.
    pub(crate) fn forward_only(self) -> bool {
        self.flow() == "delete_store"
    }

    fn request(self) -> CreateStoreRequest {
        let domain = match self {
            Self::CreateCustom | Self::DeleteCustom => Some("oceanbreezestore.com"),
            Self::CreateForeign => Some(FOREIGN),
            _ => None,
        };
        let (domain, strategy) = match self {
            Self::ActivateHostname | Self::DeleteHostname => (Some(HOSTNAME), Some("custom_hostname")),
            _ => (domain, None),
        };
        let body = serde_json::json!({
            "username": "oceanbreeze", "domain": domain, "domain_strategy": strategy,
            "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
        });
        CreateStoreRequest::from_json(&body).unwrap()
    }

    /// True when the store has a custom hostname.
    fn has_hostname(self) -> bool {
        matches!(self, Self::ActivateHostname | Self::DeleteHostname)
    }

    /// True when stores have a database.
    fn has_database(self) -> bool {
        matches!(self, Self::CreateDatabase | Self::DeleteDatabase | Self::RotatePassword)
    }

    /// Sends the request. What it answers is judged elsewhere; here only the world counts.
    pub(crate) async fn act(self, controller: Controller) -> Result<(), Error> {
        match self {
            Self::CreateCustom | Self::CreateSystem | Self::CreateForeign | Self::CreateDatabase => {
                controller.adopt_platform().await?;
                controller.create_store(&self.request()).await.map(|_| ())
            }
            Self::ActivateHostname => {
                controller.adopt_platform().await?;
                controller.check_domains().await.map(|_| ())
            }
            Self::RotatePassword => {
                let stores = controller.list_stores(1, None).await?.stores;
                match stores.first() {
                    Some(store) => controller.rotate_database_password(&store.created.store_id).await.map(|_| ()),
                    None => Ok(()),
                }
            }
            Self::DeleteCustom | Self::DeleteSystem | Self::DeleteHostname | Self::DeleteDatabase => {
                let stores = controller.list_stores(1, None).await?.stores;
                match stores.first() {
                    Some(store) => controller.delete_store(&store.created.store_id).await.map(|_| ()),
                    None => Ok(()),
                }
            }
            Self::Platform => controller.ensure_platform("http://localhost:3000").await,
            Self::PlatformMoves => controller.ensure_platform("http://localhost:3001").await,
        }
    }

    /// The world it begins in, made once.
    pub(crate) fn base(self) -> &'static Snapshot {
        static BASES: [OnceLock<Snapshot>; 12] = [const { OnceLock::new() }; 12];
        let place = Self::ALL.iter().position(|one| *one == self);
        BASES[place.unwrap_or(Self::ALL.len())].get_or_init(|| runtime().block_on(self.prepare()))
    }

    async fn prepare(self) -> Snapshot {
        let mut world = World::new().unwrap();
        world.domains = world.domains.with_late_effect_window(LATE_EFFECTS);
        world.databases = world.databases.with_late_effect_window(LATE_EFFECTS);
        if self.has_database() {
            world = world.with_databases();
        }
        let process = world.start(parts(&world)).await.unwrap();
        if self != Self::Platform {
            process.controller.ensure_platform("http://localhost:3000").await.unwrap();
        }
        world.plant_sentinels("storex-main-tunnel").await.unwrap();
        if self == Self::CreateForeign {
            let zone = world.domains.insert_foreign_zone(&FOREIGN.parse().unwrap());
            world.wires.guard(Sentinels { zones: vec![zone], ..Sentinels::default() });
        }
        if self.forward_only() || self.has_hostname() || self == Self::RotatePassword {
            let (created, operation) = process.controller.create_store(&self.request()).await.unwrap();
            assert!(process.controller.wait_operation(&operation, Duration::from_hours(1)).await.unwrap().done);
            assert_eq!(process.controller.get_store(&created.store_id).await.unwrap().created.store_id, created.store_id);
        }
        if self.has_hostname() {
            let row = world.stores.row(Table::Domains, HOSTNAME).unwrap();
            let proof = row.body.read::<DomainRecord>().unwrap().proof.unwrap();
            world.dns.set(&proof.name, Lookup::Txt, &[&proof.value]);
            tokio::time::sleep(Duration::from_mins(5)).await;
        }
        if self == Self::DeleteHostname {
            process.controller.check_domains().await.unwrap();
            tokio::time::sleep(Duration::from_mins(5)).await;
            assert_eq!(world.domains.hostnames().len(), 2, "the sentinel's and ours");
        }
        assert_eq!(world.judge(storex_fakes::Allowance::default()).await, Vec::<String>::new());
        world.snapshot()
    }
}

/// Settings under which a scenario takes little virtual time and few calls.
pub(crate) fn settings(world: &World) -> Settings {
    let mut settings = world.settings();
    settings.effect_limit = Duration::from_secs(5);
    // Shorter than an effect, as in production: a process that took over meets effects that are still on their way.
    settings.lease = Duration::from_secs(3);
    settings.tries = TRIES;
    settings.custom_hostnames = true;
    settings
}

/// The parts of a sound controller.
pub(crate) fn parts(world: &World) -> Parts {
    Parts { settings: settings(world), ..world.parts() }
}

/// A runtime whose time is virtual.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}
