//! Real servers sit the laws of [`StoreRepo`] and [`StoreArchive`].

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storex_core::{Result, StoreArchive, StoreRepo};
use storex_fakes::laws::store_archive::{self, Archives};
use storex_fakes::laws::{Broken, broken_laws, store_repo};
use storex_mongo::MongoStores;
use storex_tests::mongod::{Deployment, Topology};

async fn judge(deployment: &Deployment, database: &str) -> Vec<(&'static str, Broken)> {
    let subject: Arc<dyn StoreRepo> = Arc::new(MongoStores::open(&deployment.uri(database)).await.unwrap());
    broken_laws(&store_repo::laws(), &subject).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standalone_server_keeps_every_law() {
    let deployment = Deployment::start(Topology::Standalone).await.unwrap();
    assert_eq!(judge(&deployment, "laws").await, vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_set_of_one_keeps_every_law() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    assert_eq!(judge(&deployment, "laws").await, vec![]);
    println!("{} laws on mongod", store_repo::laws().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_set_with_users_keeps_every_law() {
    let deployment = Deployment::start(Topology::OneWithUsers).await.unwrap();
    assert_eq!(judge(&deployment, "laws").await, vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_set_of_three_keeps_every_law() {
    let deployment = Deployment::start(Topology::Three).await.unwrap();
    assert_eq!(judge(&deployment, "laws").await, vec![]);
}

/// New databases of one server.
struct Databases(Deployment, AtomicU64);

#[async_trait]
impl Archives for Databases {
    async fn fresh(&self) -> Result<Arc<dyn StoreArchive>> {
        let name = format!("archive_{}", self.1.fetch_add(1, Ordering::Relaxed));
        Ok(Arc::new(MongoStores::open_archive(&self.0.uri(&name)).await?))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_keep_every_law_about_copies() {
    for topology in [Topology::Standalone, Topology::OneWithUsers] {
        let deployment = Deployment::start(topology).await.unwrap();
        let subject: Arc<dyn Archives> = Arc::new(Databases(deployment, AtomicU64::new(0)));
        assert_eq!(broken_laws(&store_archive::laws(), &subject).await, vec![], "{topology:?}");
    }
}
