//! The journal file sits the laws of `StoreRepo`, and what they left behind is there again when it is opened anew.

use outside_provider::JournalStores;
use std::path::Path;
use std::sync::Arc;
use storex_core::{Page, Query, StoreRepo, SystemClock, Table};
use storex_fakes::laws::{broken_laws, store_repo};

fn open(path: &Path) -> Arc<dyn StoreRepo> {
    Arc::new(JournalStores::open(path, Arc::new(SystemClock)).expect("the journal opens"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_keeps_every_law_and_opens_again_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("storex.journal");
    let stores = open(&path);
    let laws = store_repo::laws();
    assert_eq!(broken_laws(&laws, &stores).await, []);
    let rows = |stores: Arc<dyn StoreRepo>| async move {
        stores.list(Table::Stores, &Query::All, &Page::first(100_000)).await.expect("a listing").rows
    };
    let before = rows(stores).await;
    assert!(!before.is_empty(), "the laws wrote nothing");
    assert_eq!(rows(open(&path)).await, before);
    println!("outside-provider: {} laws kept", laws.len());
}
