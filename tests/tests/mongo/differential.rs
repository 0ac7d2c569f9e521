//! A real server and the twin in memory answer the same to the same calls.
//!
//! Their clocks differ, so nothing here depends on how long anything takes: leases are over at once or outlast the test, fences are long closed or far
//! from closing, and of epochs and ends only their order is compared.

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use storex_core::{
    Claim, ClaimOutcome, Epoch, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite, StoreRepo,
    SystemClock, Table, Wakeups,
};
use storex_fakes::MemoryStores;
use storex_mongo::MongoStores;
use storex_tests::mongod::{Deployment, Topology};
use storex_tests::process::setting;

#[derive(Clone, Debug)]
pub(crate) enum Command {
    Get { table: Table, id: &'static str },
    Put { write: RowWrite, expected: Expected, nonce: &'static str, fence: Fence },
    Delete { table: Table, id: &'static str, version: u64, fence: Fence },
    List { table: Table, query: Query, limit: usize },
    Claim(Claim, Fence),
    ClaimFirst { claim: Claim, candidates: Vec<String>, fence: Fence },
    Release { namespace: &'static str, name: &'static str, owner: &'static str, fence: Fence },
    Acquire { lease: Lease },
}

fn table() -> impl Strategy<Value = Table> + Clone {
    prop::sample::select(vec![Table::Stores, Table::Operations])
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(texts)
}

const IDS: &[&str] = &["a", "a-", "$b", "é"];
const INDEXES: &[&str] = &["due", "$due.2"];
const VALUES: &[&str] = &["1", "10", "9", "é"];
const OWNERS: &[&str] = &["x", "$y", ""];
const NAMESPACES: &[&str] = &["port", "port:a"];
const NAMES: &[&str] = &["1", "$2", "a:1"];

/// None, one that closed long ago, or one that stays open.
fn fence() -> impl Strategy<Value = Fence> + Clone {
    let closing =
        |year| Grant { epoch: Epoch(1), until: format!("{year}-01-01T00:00:00Z").parse::<Timestamp>().unwrap() }.fence();
    prop_oneof![6 => Just(Fence::NONE), 2 => Just(closing(2000)), 2 => Just(closing(9000))]
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
    (one_of(NAMESPACES), one_of(NAMES), one_of(OWNERS), one_of(&["shop", "$label"])).prop_map(
        |(namespace, name, owner, label)| Claim {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            owner: owner.to_owned(),
            label: label.to_owned(),
        },
    )
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    let candidates = prop::collection::vec(one_of(NAMES).prop_map(str::to_owned), 0..4);
    let lease = (one_of(&["l1", "l2"]), one_of(OWNERS), prop::sample::select(vec![0_u64, 100_000])).prop_map(
        |(name, holder, seconds)| Lease {
            name: name.to_owned(),
            holder: holder.to_owned(),
            duration: Duration::from_secs(seconds),
        },
    );
    prop_oneof![
        8 => put(),
        2 => (table(), one_of(IDS)).prop_map(|(table, id)| Command::Get { table, id }),
        3 => (table(), one_of(IDS), 0..4_u64, fence()).prop_map(|(table, id, version, fence)| Command::Delete { table, id, version, fence }),
        4 => (table(), query(), 0..4_usize).prop_map(|(table, query, limit)| Command::List { table, query, limit }),
        3 => (claim(), fence()).prop_map(|(claim, fence)| Command::Claim(claim, fence)),
        2 => (claim(), candidates, fence()).prop_map(|(claim, candidates, fence)| Command::ClaimFirst { claim, candidates, fence }),
        2 => (one_of(NAMESPACES), one_of(NAMES), one_of(OWNERS), fence())
            .prop_map(|(namespace, name, owner, fence)| Command::Release { namespace, name, owner, fence }),
        3 => lease.prop_map(|lease| Command::Acquire { lease }),
    ]
}

/// What is compared of a sequence of answers.
#[derive(Default)]
pub(crate) struct Shown {
    epochs: Vec<Epoch>,
}

fn show<T: std::fmt::Debug>(answer: Result<T>) -> String {
    format!("{:?}", answer.map_err(|error| (error.code(), error.certainty())))
}

impl Shown {
    /// The whole answer as text; of an error, what callers may rely on.
    pub(crate) async fn answer(&mut self, repo: &dyn StoreRepo, command: &Command) -> String {
        match command {
            Command::Get { table, id } => show(repo.get(*table, id).await),
            Command::Put { write, expected, nonce, fence } => {
                show(repo.put(write, *expected, &Nonce((*nonce).to_owned()), *fence).await)
            }
            Command::Delete { table, id, version, fence } => show(repo.delete(*table, id, *version, *fence).await),
            Command::List { table, query, limit } => listing(repo, *table, query, *limit).await,
            Command::Claim(claim, fence) => show(repo.claim(claim, *fence).await),
            Command::ClaimFirst { claim, candidates, fence } => show(repo.claim_first(claim, candidates, *fence).await),
            Command::Release { namespace, name, owner, fence } => show(repo.release(namespace, name, owner, *fence).await),
            Command::Acquire { lease } => {
                let grant = repo.acquire(lease).await;
                show(grant.map(|grant| grant.map(|grant| self.place(grant.epoch))))
            }
        }
    }

    /// The epoch's place among those seen so far, counted from the lowest.
    fn place(&mut self, epoch: Epoch) -> usize {
        if !self.epochs.contains(&epoch) {
            self.epochs.push(epoch);
        }
        self.epochs.iter().filter(|seen| **seen < epoch).count()
    }
}

async fn listing(repo: &dyn StoreRepo, table: Table, query: &Query, limit: usize) -> String {
    let mut page = Page::first(limit);
    let mut shown = String::new();
    loop {
        let seen = repo.list(table, query, &page).await;
        page.after = seen.as_ref().ok().and_then(|seen| seen.next.clone());
        shown += &show(seen.map(|seen| (seen.rows, seen.next.is_some())));
        if page.after.is_none() {
            return shown;
        }
    }
}

async fn compare(subject: &dyn StoreRepo, commands: &[Command]) -> std::result::Result<(), TestCaseError> {
    let memory = MemoryStores::new(Arc::new(SystemClock));
    let (mut of_subject, mut of_memory) = (Shown::default(), Shown::default());
    for command in commands {
        let seen = of_subject.answer(subject, command).await;
        prop_assert_eq!(seen, of_memory.answer(&memory, command).await, "{:?}", command);
    }
    Ok(())
}

/// How many sequences are compared.
fn cases(usual: u32) -> ProptestConfig {
    let cases = setting("STOREX_MONGO_CASES").and_then(|text| text.parse().ok()).unwrap_or(usual);
    ProptestConfig { cases, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Names of the databases: each sequence has its own, also while a failing one is made shorter.
static COUNT: AtomicU32 = AtomicU32::new(0);

fn answers_what_memory_answers(topology: Topology) {
    let runtime = runtime();
    let deployment = runtime.block_on(Deployment::start(topology)).unwrap();
    let config = cases(8);
    let sequences = config.cases;
    let ended = TestRunner::new(config).run(&prop::collection::vec(command(), 1..80), |commands| {
        let name = format!("case{}", COUNT.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(async {
            let repo = MongoStores::open(&deployment.uri(&name)).await.unwrap();
            let compared = compare(&repo, &commands).await;
            deployment.driver(&name).await.unwrap().drop().await.unwrap();
            compared
        })
    });
    ended.unwrap();
    println!("{sequences} sequences answered alike by memory and mongod ({topology:?})");
}

#[test]
fn a_replica_set_answers_what_memory_answers() {
    answers_what_memory_answers(Topology::One);
}

#[test]
fn a_standalone_server_answers_what_memory_answers() {
    answers_what_memory_answers(Topology::Standalone);
}

/// A repo that gives no name up.
#[derive(Clone, Debug)]
struct Clinging(MemoryStores);

#[async_trait::async_trait]
impl StoreRepo for Clinging {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.0.get(table, id).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        self.0.put(write, expected, nonce, fence).await
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        self.0.delete(table, id, version, fence).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.0.list(table, query, page).await
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        self.0.claim(claim, fence).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        self.0.claim_first(claim, candidates, fence).await
    }

    async fn release(&self, _: &str, _: &str, _: &str, fence: Fence) -> Result<()> {
        self.0.release("nothing", "", "", fence).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        self.0.acquire(lease).await
    }

    fn wakeups(&self) -> Wakeups {
        self.0.wakeups()
    }
}

#[test]
fn the_comparison_finds_a_repo_that_gives_no_name_up() {
    let runtime = runtime();
    let ended = TestRunner::new(ProptestConfig { cases: 64, ..cases(64) })
        .run(&prop::collection::vec(command(), 1..80), |commands| {
            runtime.block_on(compare(&Clinging(MemoryStores::new(Arc::new(SystemClock))), &commands))
        });
    assert!(ended.is_err(), "64 sequences found nothing");
}
