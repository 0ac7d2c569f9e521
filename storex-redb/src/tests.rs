//! Group commit and durability, on a disk that can fail and that knows what survives a power cut.

use crate::stores::RedbStores;
use crate::{schema, writer};
use redb::{Database, StorageBackend};
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use storex_core::{
    Claim, ClaimOutcome, Code, Expected, Fence, Nonce, Page, Query, Result, RowWrite, StoreRepo, SystemClock, Table,
};

/// A disk in memory: what was written, and what of it was flushed.
#[derive(Clone, Debug, Default)]
struct Disk {
    written: Arc<Mutex<Vec<u8>>>,
    flushed: Arc<Mutex<Vec<u8>>>,
    broken: Arc<AtomicBool>,
}

impl Disk {
    fn holding(bytes: Vec<u8>) -> Self {
        Self { written: Arc::new(Mutex::new(bytes.clone())), flushed: Arc::new(Mutex::new(bytes)), broken: Arc::default() }
    }

    /// The disk as a power cut now would leave it, at worst.
    fn after_power_cut(&self) -> Self {
        Self::holding(self.flushed.lock().unwrap().clone())
    }

    fn check(&self) -> io::Result<()> {
        if self.broken.load(Ordering::SeqCst) { Err(io::Error::other("the disk is broken")) } else { Ok(()) }
    }

    fn open(&self) -> RedbStores {
        let database = Database::builder().set_check_integrity_on_open(true).create_with_backend(self.clone()).unwrap();
        schema::prepare(&database).unwrap();
        RedbStores::over(database, Path::new("disk"), Arc::new(SystemClock))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.written.lock().unwrap()[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.written.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.flushed.lock().unwrap().clone_from(&self.written.lock().unwrap());
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        let start = usize::try_from(offset).unwrap();
        self.written.lock().unwrap()[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn row(id: &str, value: u64) -> RowWrite {
    RowWrite {
        table: Table::Operations,
        id: id.to_owned(),
        body: json!(value).into(),
        indexes: BTreeMap::from([("n".to_owned(), format!("{value}"))]),
    }
}

fn claim(owner: &str) -> Claim {
    Claim { namespace: "domain".to_owned(), name: "shop".to_owned(), owner: owner.to_owned(), label: String::new() }
}

async fn insert(repo: &RedbStores, id: &str, value: u64) -> Result<u64> {
    repo.put(&row(id, value), Expected::Absent, &Nonce(format!("nonce of {id}")), Fence::NONE).await
}

/// Holds the writer at work until the answered sender is dropped, so that whatever is asked meanwhile gathers in one batch.
async fn hold(repo: &RedbStores) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<()>>) {
    let (release, held) = mpsc::channel::<()>();
    let (begun, at_work) = tokio::sync::oneshot::channel();
    let shared = Arc::clone(&repo.shared);
    let work = move |_: &mut crate::batch::Batch<'_>| {
        let _ = begun.send(());
        let _ = held.recv();
        Ok(())
    };
    let task = tokio::spawn(async move { writer::write(&shared, work).await });
    at_work.await.unwrap();
    (release, task)
}

/// Starts the calls, lets each join the queue behind a held writer in their order, and answers their answers.
async fn in_one_batch<T: Send + 'static>(repo: &RedbStores, calls: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let (release, holding) = hold(repo).await;
    let mut tasks = Vec::new();
    for call in calls {
        tasks.push(tokio::spawn(call));
        while repo.shared.writer.waiting() < tasks.len() {
            tokio::task::yield_now().await;
        }
    }
    drop(release);
    holding.await.unwrap().unwrap();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn writes_asked_for_during_a_commit_share_the_next_one() {
    let repo = Disk::default().open();
    let calls = (0..200).map(|number| (repo.clone(), format!("op-{number}"), number));
    let calls: Vec<_> = calls.map(|(repo, id, number)| async move { insert(&repo, &id, number).await }).collect();
    let answers = in_one_batch(&repo, calls).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == 1));
    assert_eq!(repo.commits(), 1);
    assert_eq!(repo.list(Table::Operations, &Query::All, &Page::first(1000)).await.unwrap().rows.len(), 200);
}

#[tokio::test]
async fn a_batch_has_at_most_256_operations() {
    let repo = Disk::default().open();
    let calls = (0..600).map(|number| (repo.clone(), format!("op-{number}"), number));
    let calls: Vec<_> = calls.map(|(repo, id, number)| async move { insert(&repo, &id, number).await }).collect();
    assert!(in_one_batch(&repo, calls).await.into_iter().all(|answer| answer.unwrap() == 1));
    assert_eq!(repo.commits(), 3);
}

#[tokio::test]
async fn each_operation_of_a_batch_is_refused_or_done_by_itself() {
    let repo = Disk::default().open();
    insert(&repo, "old", 0).await.unwrap();
    let calls = ["a", "old", "b", "a", "c"].map(|id| (repo.clone(), id));
    let calls = calls.map(|(repo, id)| async move {
        repo.put(&row(id, 7), Expected::Absent, &Nonce(String::new()), Fence::NONE).await.map_err(|error| error.code())
    });
    let answers = in_one_batch(&repo, calls.into()).await;
    // The second write of "a" repeats the nonce of the first, which came before it in the same batch.
    assert_eq!(answers, [Ok(1), Err(Code::VersionConflict), Ok(1), Ok(1), Ok(1)]);
    assert_eq!(repo.commits(), 2);
    let listed = repo.list(Table::Operations, &Query::equals("n", "7"), &Page::first(9)).await.unwrap().rows;
    assert_eq!(listed.into_iter().map(|row| row.id).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[tokio::test]
async fn claims_of_one_batch_exclude_each_other() {
    let repo = Disk::default().open();
    let calls: Vec<_> = ["x", "y"]
        .map(|owner| (repo.clone(), claim(owner)))
        .map(|(repo, claim)| async move { repo.claim(&claim, Fence::NONE).await.unwrap() })
        .into();
    assert_eq!(in_one_batch(&repo, calls).await, [ClaimOutcome::Held, ClaimOutcome::Taken(claim("x"))]);
}

#[tokio::test]
async fn calls_that_change_nothing_make_no_commit() {
    let repo = Disk::default().open();
    insert(&repo, "a", 1).await.unwrap();
    assert_eq!(repo.claim(&claim("x"), Fence::NONE).await.unwrap(), ClaimOutcome::Held);
    let commits = repo.commits();
    assert_eq!(insert(&repo, "a", 1).await.unwrap(), 1);
    assert!(repo.put(&row("a", 2), Expected::Absent, &Nonce("other".to_owned()), Fence::NONE).await.is_err());
    repo.claim(&claim("x"), Fence::NONE).await.unwrap();
    repo.claim(&claim("y"), Fence::NONE).await.unwrap();
    repo.release("domain", "shop", "y", Fence::NONE).await.unwrap();
    repo.delete(Table::Operations, "none", 1, Fence::NONE).await.unwrap();
    assert_eq!(repo.commits(), commits);
}

#[tokio::test]
async fn whatever_was_answered_survives_a_power_cut() {
    let disk = Disk::default();
    let repo = disk.open();
    for number in 1..=20 {
        insert(&repo, &format!("op-{number:02}"), number).await.unwrap();
        let survivor = disk.after_power_cut().open();
        let rows = survivor.list(Table::Operations, &Query::All, &Page::first(100)).await.unwrap().rows;
        let values: Vec<_> = rows.iter().filter_map(|row| row.body.value().as_u64()).collect();
        assert_eq!(values, (1..=number).collect::<Vec<_>>());
    }
    repo.claim(&claim("x"), Fence::NONE).await.unwrap();
    repo.delete(Table::Operations, "op-01", 1, Fence::NONE).await.unwrap();
    let survivor = disk.after_power_cut().open();
    assert_eq!(survivor.claim(&claim("y"), Fence::NONE).await.unwrap(), ClaimOutcome::Taken(claim("x")));
    assert_eq!(survivor.get(Table::Operations, "op-01").await.unwrap(), None);
}

#[tokio::test]
async fn a_failed_commit_is_unclear_for_the_whole_batch_and_the_nonce_settles_it() {
    let disk = Disk::default();
    let repo = disk.open();
    insert(&repo, "old", 0).await.unwrap();
    disk.broken.store(true, Ordering::SeqCst);
    let calls: Vec<_> =
        ["a", "b", "old"].map(|id| (repo.clone(), id)).map(|(repo, id)| async move { insert(&repo, id, 9).await }).into();
    for answer in in_one_batch(&repo, calls).await {
        let error = answer.unwrap_err();
        assert_eq!((error.code(), error.is_unclear()), (Code::Unavailable, true), "{error}");
    }
    disk.broken.store(false, Ordering::SeqCst);
    let error = insert(&repo, "c", 9).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "redb takes no more writes until the file is opened again: {error}");
    drop(repo);
    let repo = disk.after_power_cut().open();
    for id in ["a", "b", "old"] {
        assert_eq!(insert(&repo, id, 9).await.unwrap(), 1, "{id}");
    }
    assert_eq!(repo.get(Table::Operations, "old").await.unwrap().unwrap().body, json!(0));
}

#[tokio::test]
async fn a_write_whose_caller_went_away_is_done_all_the_same() {
    let repo = Disk::default().open();
    let (release, holding) = hold(&repo).await;
    let call = tokio::spawn({
        let repo = repo.clone();
        async move { insert(&repo, "a", 1).await }
    });
    while repo.shared.writer.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    drop(release);
    holding.await.unwrap().unwrap();
    assert_eq!(insert(&repo, "a", 1).await.unwrap(), 1);
    assert_eq!(repo.get(Table::Operations, "a").await.unwrap().unwrap().version, 1);
}

#[test]
fn a_repo_outlives_the_runtime_that_wrote_to_it() {
    let repo = Disk::default().open();
    for number in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { insert(&repo, &format!("op-{number}"), number).await }).unwrap();
    }
    assert_eq!(repo.commits(), 3);
}

#[tokio::test]
async fn a_broken_down_operation_fails_its_batch_and_the_next_one_goes_on() {
    let repo = Disk::default().open();
    let calls = ["before", "broken", "after"].map(|id| (repo.clone(), id));
    let calls = calls.map(|(repo, id)| async move {
        if id == "broken" {
            writer::write(&repo.shared, |_| -> crate::batch::Outcome<u64> { panic!("made to") }).await
        } else {
            insert(&repo, id, 1).await
        }
    });
    for answer in in_one_batch(&repo, calls.into()).await {
        assert!(answer.unwrap_err().is_unclear());
    }
    assert_eq!(repo.get(Table::Operations, "before").await.unwrap(), None);
    assert_eq!(insert(&repo, "a", 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_body_that_could_not_be_read_back_is_refused() {
    let repo = Disk::default().open();
    let nested = |levels: usize| (1..levels).fold(json!(1), |inner, _| json!([inner]));
    let put = |id: &str, body| {
        let (repo, write) = (repo.clone(), RowWrite { body, ..row(id, 0) });
        async move { repo.put(&write, Expected::Absent, &Nonce(String::new()), Fence::NONE).await }
    };
    put("deep", nested(120).into()).await.unwrap();
    assert_eq!(repo.get(Table::Operations, "deep").await.unwrap().unwrap().body, nested(120));
    assert_eq!(put("deeper", nested(121).into()).await.unwrap_err().code(), Code::InvalidField);
}
