//! The file sits the laws of [`StoreRepo`] and [`StoreArchive`].

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use async_trait::async_trait;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storex_core::{Code, Epoch, Result, StoreArchive, StoreRepo, SystemClock};
use storex_fakes::laws::store_archive::{self, Archives};
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

/// New files of one folder.
struct Files(TempDir, AtomicU64);

#[async_trait]
impl Archives for Files {
    async fn fresh(&self) -> Result<Arc<dyn StoreArchive>> {
        let name = format!("{}.redb", self.1.fetch_add(1, Ordering::Relaxed));
        Ok(Arc::new(RedbStores::open(&self.0.path().join(name), Arc::new(SystemClock))?))
    }
}

#[tokio::test]
async fn files_keep_every_law_about_copies() {
    let subject: Arc<dyn Archives> = Arc::new(Files(TempDir::new().unwrap(), AtomicU64::new(0)));
    assert_eq!(broken_laws(&store_archive::laws(), &subject).await, vec![]);
}

#[tokio::test]
async fn an_unfinished_copy_is_not_served_and_a_finished_one_is() {
    let folder = TempDir::new().unwrap();
    open(&folder).begin().await.unwrap();
    let again = RedbStores::open(&folder.path().join("storex.redb"), Arc::new(SystemClock)).unwrap_err();
    assert_eq!(again.code(), Code::Unusable);
    assert!(again.message().contains("unfinished copy: remove it"), "{again}");

    let other = TempDir::new().unwrap();
    let repo = open(&other);
    repo.begin().await.unwrap();
    repo.finish(Epoch(7)).await.unwrap();
    drop(repo);
    assert_eq!(open(&other).last_epoch().await.unwrap(), Epoch(7));
}
