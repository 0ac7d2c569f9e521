//! The twins of the router and of store files sit the laws; deliberately broken twins show that each law can fail.

mod broken_files;
mod broken_proxy;

use crate::tally::{Tally, on_a_runtime};
use broken_files::BrokenFiles;
use broken_proxy::BrokenProxy;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
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

/// What the broken routers did; computed once.
pub(crate) fn proxy_tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let broken =
        || BrokenProxy::ALL.iter().map(|(defect, _)| (*defect, Arc::new(BrokenProxy::new(*defect)) as Arc<dyn ProxyWriter>));
    TALLY.get_or_init(|| {
        on_a_runtime(false, async { Tally::count("ProxyWriter", proxy_writer::laws(), broken().collect()).await })
    })
}

/// What the broken store files did; computed once.
pub(crate) fn files_tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let broken =
        || BrokenFiles::ALL.iter().map(|(defect, _)| (*defect, Arc::new(BrokenFiles::new(*defect)) as Arc<dyn StoreFiles>));
    TALLY.get_or_init(|| on_a_runtime(false, async { Tally::count("StoreFiles", store_files::laws(), broken().collect()).await }))
}

/// Each twin fails the laws it is aimed at, and every law is aimed at.
fn hits(tally: &Tally, aims: &[(String, Vec<&'static str>)]) {
    for ((twin, broken), (defect, aims)) in tally.twins.iter().zip(aims) {
        assert_eq!(twin, defect);
        for law in aims {
            assert!(broken.contains(law), "{twin} keeps {law}; it broke {broken:?}");
        }
    }
    let aimed: BTreeSet<&str> = aims.iter().flat_map(|(_, laws)| laws.iter().copied()).collect();
    assert_eq!(aimed.len(), tally.laws, "laws no broken twin is aimed at");
    tally.assert_whole();
}

#[test]
fn every_law_of_the_router_is_failed_by_a_broken_twin_and_every_broken_twin_fails_its_law() {
    let aims: Vec<_> = BrokenProxy::ALL.iter().map(|(defect, law)| (format!("{defect:?}"), vec![*law])).collect();
    hits(proxy_tally(), &aims);
}

#[test]
fn every_law_of_store_files_is_failed_by_a_broken_twin_and_every_broken_twin_fails_its_law() {
    let aims: Vec<_> = BrokenFiles::ALL.iter().map(|(defect, laws)| (format!("{defect:?}"), laws.to_vec())).collect();
    hits(files_tally(), &aims);
}
