//! The file and the twin in memory answer the same to the same calls.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use async_trait::async_trait;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storex_core::{Claim, Clock, Epoch, Expected, Fence, Grant, Lease, Nonce, Page, Query, RowWrite, StoreRepo, Table};
use storex_fakes::MemoryStores;
use storex_redb::RedbStores;
use tempfile::TempDir;

/// A clock that goes when it is told to.
#[derive(Clone, Debug, Default)]
struct StepClock(Arc<Mutex<Timestamp>>);

#[async_trait]
impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

#[derive(Clone, Debug)]
enum Command {
    Get { table: Table, id: &'static str },
    Put { write: RowWrite, expected: Expected, nonce: &'static str, fence: Fence },
    Delete { table: Table, id: &'static str, version: u64, fence: Fence },
    List { table: Table, query: Query, limit: usize },
    Claim(Claim, Fence),
    ClaimFirst { claim: Claim, candidates: Vec<String>, fence: Fence },
    Release { namespace: &'static str, name: &'static str, owner: &'static str },
    Acquire { lease: Lease },
    Pass(Duration),
    Reopen,
}

fn table() -> impl Strategy<Value = Table> + Clone {
    prop::sample::select(vec![Table::Stores, Table::Operations])
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(texts)
}

const IDS: &[&str] = &["a", "a-", "b", "é"];
const INDEXES: &[&str] = &["due", "due2"];
const VALUES: &[&str] = &["1", "10", "9", "é"];
const OWNERS: &[&str] = &["x", "y", "z"];
const NAMESPACES: &[&str] = &["port", "port:a"];
const NAMES: &[&str] = &["1", "2", "a:1"];

/// None, or one that closes some seconds after the clock's beginning.
fn fence() -> impl Strategy<Value = Fence> + Clone {
    let closing = |seconds| Grant { epoch: Epoch(1), until: Timestamp::from_second(seconds).unwrap() }.fence();
    prop::option::weighted(0.3, 0..30_i64).prop_map(move |seconds| seconds.map_or(Fence::NONE, closing))
}

fn put() -> impl Strategy<Value = Command> {
    let indexes = prop::collection::btree_map(one_of(INDEXES), one_of(VALUES), 0..=2);
    let expected = prop_oneof![Just(Expected::Absent), (0..5_u64).prop_map(Expected::Version)];
    let ids = prop_oneof![20 => one_of(IDS), 1 => one_of(&[""])];
    (table(), ids, indexes, any::<u8>(), expected, one_of(&["n1", "n2", "n3", "n4", "n5"]), fence()).prop_map(
        |(table, id, indexes, body, expected, nonce, fence)| {
            let indexes =
                indexes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>();
            Command::Put {
                write: RowWrite { table, id: id.to_owned(), body: json!({ "n": body }).into(), indexes },
                expected,
                nonce,
                fence,
            }
        },
    )
}

fn query() -> impl Strategy<Value = Query> {
    let bound = || prop::option::of(one_of(VALUES).prop_map(str::to_owned));
    prop_oneof![
        Just(Query::All),
        (one_of(INDEXES), bound(), bound()).prop_map(|(name, from, to)| Query::Index { name: name.to_owned(), from, to }),
    ]
}

fn claim() -> impl Strategy<Value = Claim> {
    (one_of(NAMESPACES), one_of(NAMES), one_of(OWNERS), one_of(&["shop", "store"])).prop_map(|(namespace, name, owner, label)| {
        Claim { namespace: namespace.to_owned(), name: name.to_owned(), owner: owner.to_owned(), label: label.to_owned() }
    })
}

fn command() -> impl Strategy<Value = Command> {
    let candidates = prop::collection::vec(one_of(NAMES).prop_map(str::to_owned), 0..4);
    let lease = (one_of(&["l1", "l2"]), one_of(OWNERS), 0..4_u64).prop_map(|(name, holder, seconds)| Lease {
        name: name.to_owned(),
        holder: holder.to_owned(),
        duration: Duration::from_secs(seconds),
    });
    prop_oneof![
        8 => put(),
        2 => (table(), one_of(IDS)).prop_map(|(table, id)| Command::Get { table, id }),
        3 => (table(), one_of(IDS), 0..4_u64, fence()).prop_map(|(table, id, version, fence)| Command::Delete { table, id, version, fence }),
        4 => (table(), query(), 0..4_usize).prop_map(|(table, query, limit)| Command::List { table, query, limit }),
        3 => (claim(), fence()).prop_map(|(claim, fence)| Command::Claim(claim, fence)),
        2 => (claim(), candidates, fence()).prop_map(|(claim, candidates, fence)| Command::ClaimFirst { claim, candidates, fence }),
        2 => (one_of(NAMESPACES), one_of(NAMES), one_of(OWNERS)).prop_map(|(namespace, name, owner)| Command::Release { namespace, name, owner }),
        3 => lease.prop_map(|lease| Command::Acquire { lease }),
        1 => (0..3_u64).prop_map(|seconds| Command::Pass(Duration::from_secs(seconds))),
        1 => Just(Command::Reopen),
    ]
}

/// The whole answer as text; of an error, what callers may rely on.
async fn answer(repo: &dyn StoreRepo, command: &Command) -> String {
    fn show<T: std::fmt::Debug>(answer: storex_core::Result<T>) -> String {
        format!("{:?}", answer.map_err(|error| (error.code(), error.certainty())))
    }
    match command {
        Command::Get { table, id } => show(repo.get(*table, id).await),
        Command::Put { write, expected, nonce, fence } => {
            show(repo.put(write, *expected, &Nonce((*nonce).to_owned()), *fence).await)
        }
        Command::Delete { table, id, version, fence } => show(repo.delete(*table, id, *version, *fence).await),
        Command::List { table, query, limit } => {
            let mut page = Page::first(*limit);
            let mut shown = String::new();
            loop {
                let seen = repo.list(*table, query, &page).await;
                page.after = seen.as_ref().ok().and_then(|seen| seen.next.clone());
                shown += &show(seen.map(|seen| (seen.rows, seen.next.is_some())));
                if page.after.is_none() {
                    return shown;
                }
            }
        }
        Command::Claim(claim, fence) => show(repo.claim(claim, *fence).await),
        Command::ClaimFirst { claim, candidates, fence } => show(repo.claim_first(claim, candidates, *fence).await),
        Command::Release { namespace, name, owner } => show(repo.release(namespace, name, owner, Fence::NONE).await),
        Command::Acquire { lease } => show(repo.acquire(lease).await),
        Command::Pass(_) | Command::Reopen => String::new(),
    }
}

fn open(path: &Path, clock: &StepClock) -> RedbStores {
    RedbStores::open(path, Arc::new(clock.clone())).unwrap()
}

async fn compare(commands: Vec<Command>) -> Result<(), TestCaseError> {
    let folder = TempDir::new().unwrap();
    let (path, clock) = (folder.path().join("storex.redb"), StepClock::default());
    let memory = MemoryStores::new(Arc::new(clock.clone()));
    let mut file = Some(open(&path, &clock));
    for command in &commands {
        match command {
            Command::Pass(duration) => clock.sleep(*duration).await,
            Command::Reopen => {
                drop(file.take());
                file = Some(open(&path, &clock));
                memory.void_leases();
            }
            _ => {}
        }
        let in_file = answer(file.as_ref().unwrap(), command).await;
        prop_assert_eq!(in_file, answer(&memory, command).await, "{:?}", command);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_file_answers_what_memory_answers(commands in prop::collection::vec(command(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(commands))?;
    }
}
