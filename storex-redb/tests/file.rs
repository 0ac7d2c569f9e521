//! The file itself: reopening, locking, damage, privacy.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use futures::StreamExt;
use redb::{Database, TableDefinition};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storex_core::{
    Claim, ClaimOutcome, Code, Epoch, Error, Expected, Fence, Lease, Nonce, Page, Query, Row, RowWrite, StoreRepo, SystemClock,
    Table,
};
use storex_redb::RedbStores;
use tempfile::TempDir;

const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("storex.redb");
    (folder, path)
}

#[expect(clippy::disallowed_methods, reason = "the test plays the disk")]
fn overwrite(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
}

fn open(path: &Path) -> RedbStores {
    RedbStores::open(path, Arc::new(SystemClock)).unwrap()
}

fn refused(path: &Path) -> Error {
    let error = RedbStores::open(path, Arc::new(SystemClock)).unwrap_err();
    assert!(error.context().any(|(key, value)| key == "path" && value == path.display().to_string()), "{error}");
    error
}

fn write(id: &str, value: u64) -> RowWrite {
    let indexes = BTreeMap::from([("value".to_owned(), format!("{value:03}"))]);
    RowWrite { table: Table::Stores, id: id.to_owned(), body: json!({ "value": value }).into(), indexes }
}

fn claim(owner: &str) -> Claim {
    Claim { namespace: "domain".to_owned(), name: "shop.com".to_owned(), owner: owner.to_owned(), label: "shop".to_owned() }
}

fn lease(holder: &str) -> Lease {
    Lease { name: "op_1".to_owned(), holder: holder.to_owned(), duration: Duration::from_secs(100_000) }
}

async fn fill(repo: &RedbStores, count: u64) {
    for number in 0..count {
        repo.put(&write(&format!("store-{number:03}"), number), Expected::Absent, &Nonce(format!("n{number}")), Fence::NONE)
            .await
            .unwrap();
    }
}

async fn all(repo: &RedbStores, query: &Query) -> Vec<Row> {
    repo.list(Table::Stores, query, &Page::first(1000)).await.unwrap().rows
}

#[tokio::test]
async fn everything_but_leases_is_there_when_the_file_is_opened_again() {
    let (_folder, path) = folder();
    let repo = open(&path);
    fill(&repo, 10).await;
    repo.put(&write("store-003", 903), Expected::Version(1), &Nonce("again".to_owned()), Fence::NONE).await.unwrap();
    repo.delete(Table::Stores, "store-004", 1, Fence::NONE).await.unwrap();
    repo.claim(&claim("op_1"), Fence::NONE).await.unwrap();
    let before = (all(&repo, &Query::All).await, all(&repo, &Query::equals("value", "903")).await);
    drop(repo);

    let repo = open(&path);
    assert_eq!((all(&repo, &Query::All).await, all(&repo, &Query::equals("value", "903")).await), before);
    assert_eq!((before.0.len(), before.1.len()), (9, 1));
    assert_eq!(repo.claim(&claim("op_2"), Fence::NONE).await.unwrap(), ClaimOutcome::Taken(claim("op_1")));
    let repeated = repo.put(&write("store-003", 903), Expected::Version(1), &Nonce("again".to_owned()), Fence::NONE).await;
    assert_eq!(repeated.unwrap(), 2, "the nonce of the last write outlives the process");
}

#[tokio::test]
async fn a_cursor_outlives_the_process() {
    let (_folder, path) = folder();
    let repo = open(&path);
    fill(&repo, 10).await;
    let by_value = Query::Index { name: "value".to_owned(), from: None, to: None };
    let first = repo.list(Table::Stores, &by_value, &Page::first(4)).await.unwrap();
    drop(repo);
    let rest = open(&path).list(Table::Stores, &by_value, &Page { after: first.next, limit: 100 }).await.unwrap();
    assert_eq!(rest.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>()[0], "store-004");
    assert_eq!(rest.rows.len(), 6);
}

#[tokio::test]
async fn leases_of_an_earlier_process_are_void_and_epochs_rise_over_all_of_them() {
    let (_folder, path) = folder();
    let mut last = Epoch(0);
    for holder in ["first", "second", "third"] {
        let repo = open(&path);
        let epoch = repo.acquire(&lease(holder)).await.unwrap().unwrap().epoch;
        assert!(epoch > last, "{epoch} after {last}");
        assert_eq!(repo.acquire(&lease("other")).await.unwrap(), None);
        last = epoch;
    }
}

#[tokio::test]
async fn a_file_that_is_open_is_refused_with_what_to_do() {
    let (_folder, path) = folder();
    let repo = open(&path);
    let clone = repo.clone();
    drop(repo);
    let error = refused(&path);
    assert_eq!(error.code(), Code::DirectoryBusy);
    assert!(error.message().contains("stop it first"), "{error}");
    drop(clone);
    fill(&open(&path), 1).await;
}

#[tokio::test]
async fn a_repo_dropped_right_after_an_answer_leaves_the_file_free() {
    let (_folder, path) = folder();
    for version in 0..20 {
        let repo = open(&path);
        let expected = if version == 0 { Expected::Absent } else { Expected::Version(version) };
        repo.put(&write("a", version), expected, &Nonce(format!("{version}")), Fence::NONE).await.unwrap();
        repo.get(Table::Stores, "a").await.unwrap();
    }
    assert_eq!(open(&path).get(Table::Stores, "a").await.unwrap().unwrap().version, 20);
}

#[tokio::test]
async fn watchers_learn_that_the_file_was_closed() {
    let (_folder, path) = folder();
    let repo = open(&path);
    let mut wakeups = repo.wakeups();
    drop(repo);
    assert_eq!(wakeups.next().await, None);
}

#[tokio::test]
async fn a_copy_taken_in_the_middle_of_its_life_opens_with_all_that_was_answered() {
    let (folder, path) = folder();
    let repo = open(&path);
    for round in 1..=5_u64 {
        for number in 0..10 {
            let id = format!("store-{round}-{number}");
            repo.put(&write(&id, number), Expected::Absent, &Nonce(String::new()), Fence::NONE).await.unwrap();
        }
        let copy = folder.path().join(format!("copy-{round}.redb"));
        fs::copy(&path, &copy).unwrap();
        let copied = open(&copy);
        assert_eq!(all(&copied, &Query::All).await, all(&repo, &Query::All).await);
        let by_value = Query::Index { name: "value".to_owned(), from: None, to: None };
        assert_eq!(all(&copied, &by_value).await.len() as u64, round * 10);
        fill(&copied, 1).await;
    }
}

#[tokio::test]
async fn the_file_is_private_even_if_it_was_not() {
    let (_folder, path) = folder();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    drop(open(&path));
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&path));
    assert_eq!(mode(), 0o600);
}

#[test]
fn a_path_that_cannot_be_opened_is_unusable() {
    let (folder, path) = folder();
    assert_eq!(refused(folder.path()).code(), Code::Unusable);
    assert_eq!(refused(&path.join("deeper")).code(), Code::Unusable);
    assert_eq!(refused(Path::new("/dev/null")).code(), Code::Unusable);
}

#[test]
fn a_file_of_something_else_is_corrupt_and_left_as_it_is() {
    let (_folder, path) = folder();
    for content in [b"{}".to_vec(), b"x".repeat(100_000), [vec![0; 50_000], vec![1]].concat(), vec![0; 5 << 20]] {
        overwrite(&path, &content);
        assert_eq!(refused(&path).code(), Code::Corrupt);
        assert!(fs::read(&path).unwrap() == content, "the file was changed");
    }
}

#[tokio::test]
async fn a_file_whose_making_was_cut_short_is_made_again() {
    let (_folder, path) = folder();
    let header = [vec![0; 9], vec![7; 300], vec![0; 72 * 1024 - 309]].concat();
    for content in [vec![], vec![0; 5], vec![0; 72 * 1024], header] {
        overwrite(&path, content);
        fill(&open(&path), 1).await;
        assert_eq!(all(&open(&path), &Query::All).await.len(), 1);
        fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn damage_anywhere_in_the_file_is_found_or_harmless() {
    let (folder, path) = folder();
    let repo = open(&path);
    fill(&repo, 60).await;
    let wanted = all(&repo, &Query::All).await;
    drop(repo);
    let whole = fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.redb");
    let mut found = 0;
    for at in (0..whole.len()).step_by(3001) {
        let mut content = whole.clone();
        content[at] ^= 0x55;
        overwrite(&damaged, &content);
        match RedbStores::open(&damaged, Arc::new(SystemClock)) {
            Ok(repo) => assert_eq!(all(&repo, &Query::All).await, wanted, "damage at {at} went unseen"),
            Err(error) => {
                assert!(matches!(error.code(), Code::Corrupt | Code::Unusable), "damage at {at}: {error}");
                found += 1;
            }
        }
    }
    assert!(found > 0, "no damage was found");
}

#[test]
fn a_file_cut_short_is_corrupt() {
    let (_folder, path) = folder();
    drop(open(&path));
    let whole = fs::read(&path).unwrap();
    for length in [1, 100, 4096, 8192, whole.len() / 2, whole.len() - 1] {
        overwrite(&path, &whole[..length]);
        assert_eq!(refused(&path).code(), Code::Corrupt, "{length} of {} bytes", whole.len());
    }
}

/// Changes the number of the layout by redb alone.
fn set_layout(path: &Path, layout: Option<u64>) {
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(META).unwrap();
        match layout {
            Some(layout) => drop(meta.insert("schema", layout).unwrap()),
            None => drop(meta.remove("schema").unwrap()),
        }
    }
    transaction.commit().unwrap();
}

#[test]
fn a_layout_this_build_does_not_know_is_refused_and_says_so() {
    let (_folder, path) = folder();
    drop(open(&path));
    set_layout(&path, Some(2));
    let error = refused(&path);
    assert_eq!(error.code(), Code::Unusable);
    assert!(error.message().contains("layout 2, this build knows 1"), "{error}");
    set_layout(&path, Some(0));
    assert_eq!(refused(&path).code(), Code::Corrupt);
    set_layout(&path, None);
    assert_eq!(refused(&path).code(), Code::Corrupt);
    set_layout(&path, Some(1));
    drop(open(&path));
}

#[test]
fn a_redb_file_of_another_program_is_corrupt_to_storex() {
    let (_folder, path) = folder();
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<&str, &str>::new("meta")).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert_eq!(refused(&path).code(), Code::Corrupt);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_corrupt_and_hinders_no_other_row() {
    let (_folder, path) = folder();
    let repo = open(&path);
    fill(&repo, 2).await;
    drop(repo);
    for record in [&b"no json"[..], br#"{"form":2,"version":1,"nonce":"","indexes":{},"body":1}"#] {
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let rows = TableDefinition::<(&str, &str), &[u8]>::new("rows");
        transaction.open_table(rows).unwrap().insert(("stores", "store-001"), record).unwrap();
        transaction.commit().unwrap();
        drop(database);
        let repo = open(&path);
        assert_eq!(repo.get(Table::Stores, "store-001").await.unwrap_err().code(), Code::Corrupt);
        assert_eq!(repo.list(Table::Stores, &Query::All, &Page::first(9)).await.unwrap_err().code(), Code::Corrupt);
        let error =
            repo.put(&write("store-001", 1), Expected::Version(1), &Nonce("x".to_owned()), Fence::NONE).await.unwrap_err();
        assert_eq!((error.code(), error.is_unclear()), (Code::Corrupt, false));
        assert!(repo.get(Table::Stores, "store-000").await.unwrap().is_some());
    }
}
