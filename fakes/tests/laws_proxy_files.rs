//! The twins of the router and of store files sit the laws; deliberately broken twins show that each law can fail.

#![expect(clippy::expect_used, reason = "a test ends where it cannot go on")]

#[path = "laws_proxy_files/broken_files.rs"]
mod broken_files;
#[path = "laws_proxy_files/broken_proxy.rs"]
mod broken_proxy;

use broken_files::BrokenFiles;
use broken_proxy::BrokenProxy;
use std::collections::BTreeSet;
use std::sync::Arc;
use storex_core::{ProxyWriter, StoreFiles};
use storex_fakes::laws::{broken_laws, proxy_writer, store_files};
use storex_fakes::{MemoryFiles, MemoryProxy};

#[tokio::test]
async fn the_twin_of_the_router_keeps_every_law() {
    let laws = proxy_writer::laws();
    assert!(laws.len() >= 10);
    let subject: Arc<dyn ProxyWriter> = Arc::new(MemoryProxy::default());
    assert_eq!(broken_laws(&laws, &subject).await, []);
}

#[tokio::test]
async fn the_twin_of_store_files_keeps_every_law() {
    let laws = store_files::laws();
    assert!(laws.len() >= 10);
    let subject: Arc<dyn StoreFiles> = Arc::new(MemoryFiles::default());
    assert_eq!(broken_laws(&laws, &subject).await, []);
}

#[tokio::test]
async fn every_law_of_the_router_is_failed_by_a_broken_twin_and_every_broken_twin_fails_its_law() {
    let laws = proxy_writer::laws();
    let mut idle: BTreeSet<&str> = laws.iter().map(|law| law.id).collect();
    for (defect, aimed_at) in BrokenProxy::ALL {
        let subject: Arc<dyn ProxyWriter> = Arc::new(BrokenProxy::new(*defect));
        let broken = broken_laws(&laws, &subject).await;
        assert!(broken.iter().any(|(id, _)| id == aimed_at), "{defect:?} keeps {aimed_at}; it broke {broken:?}");
        idle.remove(aimed_at);
    }
    assert_eq!(idle, BTreeSet::new(), "laws no broken twin is aimed at");
}

#[tokio::test]
async fn every_law_of_store_files_is_failed_by_a_broken_twin_and_every_broken_twin_fails_its_law() {
    let laws = store_files::laws();
    let mut idle: BTreeSet<&str> = laws.iter().map(|law| law.id).collect();
    for (defect, aimed_at) in BrokenFiles::ALL {
        let subject: Arc<dyn StoreFiles> = Arc::new(BrokenFiles::new(*defect));
        let broken = broken_laws(&laws, &subject).await;
        for law in *aimed_at {
            assert!(broken.iter().any(|(id, _)| id == law), "{defect:?} keeps {law}; it broke {broken:?}");
            idle.remove(law);
        }
    }
    assert_eq!(idle, BTreeSet::new(), "laws no broken twin is aimed at");
}
