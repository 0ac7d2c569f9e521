//! The file sits the laws of [`StoreRepo`].

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::path::Path;
use std::sync::Arc;
use storex_core::{StoreRepo, SystemClock};
use storex_fakes::laws::{Broken, broken_laws, store_repo};
use storex_fakes::{FaultScript, Faulty};
use storex_redb::RedbStores;
use tempfile::TempDir;

fn open(folder: &TempDir) -> RedbStores {
    RedbStores::open(&folder.path().join("storex.redb"), Arc::new(SystemClock)).unwrap()
}

async fn judge(subject: Arc<dyn StoreRepo>) -> Vec<(&'static str, Broken)> {
    broken_laws(&store_repo::laws(), &subject).await
}

#[tokio::test]
async fn the_file_keeps_every_law() {
    let folder = TempDir::new().unwrap();
    assert_eq!(judge(Arc::new(open(&folder))).await, vec![]);
    // What the laws left behind hinders nobody, and a file full of it opens again.
    assert_eq!(judge(Arc::new(open(&folder))).await, vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_file_keeps_every_law_on_several_threads() {
    let folder = TempDir::new().unwrap();
    assert_eq!(judge(Arc::new(open(&folder))).await, vec![]);
}

#[tokio::test]
async fn the_file_keeps_every_law_under_an_empty_script() {
    let folder = TempDir::new().unwrap();
    let inner: Arc<dyn StoreRepo> = Arc::new(open(&folder));
    assert_eq!(judge(Arc::new(Faulty::new(inner, FaultScript::new()))).await, vec![]);
    assert!(Path::exists(&folder.path().join("storex.redb")));
}
