//! Databases of stores on real servers with access control: the laws, who is refused at the start, what stores can reach, what passwords and lost
//! answers do.

mod lost;
mod reach;
mod refusals;
mod rotation;
mod snapshots;
mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{
    Clock, DatabaseAdmin, DatabaseName, DatabaseUser, EffectCx, Epoch, Mark, Secret, StoreDigits, Subject, SystemClock,
};
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::database_admin::{self, DatabaseSubject};
use storex_mongo::{DatabaseSettings, MongoDatabases};
use storex_tests::mongod::{Deployment, Topology};
use tempfile::TempDir;
use world::MongoWorld;

/// A server with access control, and storex on it with no more rights than it asks for.
struct Stand {
    deployment: Deployment,
    folder: TempDir,
    databases: MongoDatabases,
    world: MongoWorld,
}

impl Stand {
    async fn new() -> Self {
        let deployment = Deployment::start(Topology::OneWithUsers).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        refusals::make_user(&deployment, "storex").await;
        let settings = settings(&deployment, "storex", folder.path());
        refusals::grant_what_is_missing(&deployment, settings.clone()).await;
        let databases = MongoDatabases::open(settings).await.unwrap();
        let world = MongoWorld::of(&deployment).await;
        Self { deployment, folder, databases, world }
    }

    /// A store of this number with a database and a user.
    async fn store(&self, number: u64) -> Store {
        let store = Store::of(number);
        self.databases.ensure_database(&store.cx(), &store.name).await.unwrap();
        self.databases.ensure_user(&store.cx(), &store.name, &store.user, &store.password).await.unwrap();
        store
    }
}

fn settings(deployment: &Deployment, user: &str, folder: &Path) -> DatabaseSettings {
    let uri = deployment.uri_as("", Some((user, refusals::PASSWORD)));
    DatabaseSettings::new(uri, folder.join("snapshots"))
}

/// What is one store's own.
#[derive(Clone, Debug)]
struct Store {
    name: DatabaseName,
    user: DatabaseUser,
    password: Secret<String>,
}

impl Store {
    fn of(number: u64) -> Self {
        let user = DatabaseUser::of(StoreDigits::new(10_000 + number).unwrap());
        let name = format!("store_shop{number}").parse().unwrap();
        Self { name, user, password: Secret::new(format!("password-of-{number}")) }
    }

    /// The context of an effect of this store with 20 s to go.
    fn cx(&self) -> EffectCx {
        self.cx_for(Duration::from_secs(20))
    }

    fn cx_for(&self, left: Duration) -> EffectCx {
        let effect = storex_fakes::laws::fresh("test.").parse().unwrap();
        let mark = Mark { instance: "0a1b2c3d".parse().unwrap(), subject: Subject::Store(self.user.digits()), effect };
        EffectCx { mark, epoch: Epoch(1), deadline: SystemClock.now() + left }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_access_control_keeps_every_law_with_the_rights_it_asks_for() {
    let stand = Stand::new().await;
    let subject = DatabaseSubject { admin: Arc::new(stand.databases.clone()), world: Arc::new(stand.world.clone()) };
    assert_eq!(broken_laws(&database_admin::laws(), &Arc::new(subject)).await, []);
    println!("{} laws of database_admin on mongod", database_admin::laws().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_store_connects_with_is_the_address_without_credentials() {
    let stand = Stand::new().await;
    let address = stand.databases.capabilities().address;
    let server = stand.deployment.servers.first().unwrap().address();
    assert_eq!(address.to_string(), format!("mongodb://{server}/?replicaSet=rs0"));
    assert!(!format!("{:?}", stand.databases).contains(refusals::PASSWORD));
}
