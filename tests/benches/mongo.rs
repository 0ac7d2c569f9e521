//! What MongoDB as the shared state costs beside its bare driver, what a second controller brings, and how long a dead one is missed. On a genuine server in a
//! replica set of one; each figure beside its floor of the same run.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench program: it measures wall time, prints figures and may stop at once"
)]

use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storex_core::{
    Claim, ClaimOutcome, Controller, CreateStoreRequest, Expected, Fence, Lease, Nonce, Page, Query, RowWrite, Secret, StoreRepo,
    Table,
};
use storex_fakes::{Fault, FaultRule, Parts, When, World};
use storex_mongo::MongoStores;
use storex_mongo::driver::bson::{Bson, Document, doc};
use storex_mongo::driver::options::{Acknowledgment, ClientOptions, WriteConcern};
use storex_mongo::driver::{Client, Database};
use storex_tests::mongod::{Deployment, Topology};

/// Writers at once.
const TASKS: usize = 32;
/// Writes of each in a round.
const WRITES: u64 = 40;
/// Connections of storex, and as many of the bare driver.
const CONNECTIONS: u32 = 64;
/// Rounds of each kind, one after the other.
const ROUNDS: usize = 9;
/// Creates under way at the same time in one controller, few enough that steps are waited for and not the processor; and in all.
const AT_ONCE: usize = 3;
const CREATES: usize = 45;
/// What a step on the host takes at least, in milliseconds.
const STEP: u32 = 50;
/// Controllers that are killed, with so many operations under way each.
const KILLS: usize = 3;
const UNDER_WAY: usize = 20;
/// Stores of the large deployment, and samples taken of it.
const STORES: usize = 100_000;
const SAMPLES: usize = 400;
/// Stores on a page when nobody says.
const PAGE: usize = 50;

fn row(name: &str, figure: &str, floor: &str, ratio: &str, bound: &str, holds: bool) {
    println!("{name:<46} {figure:>14} {floor:>34} {ratio:>8} {bound:>10}");
    assert!(holds, "{name}: {figure} ({ratio}) is beyond {bound}");
}

/// The time that so many of a hundred do not exceed.
fn percentile(times: &mut [Duration], of_hundred: usize) -> Duration {
    times.sort_unstable();
    let place = (times.len() * of_hundred).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}

/// A body as large as that of an operation under way.
fn body(number: u64) -> storex_core::Json {
    serde_json::json!({ "number": number, "text": "x".repeat(2_000) }).into()
}

/// Writes per second of storex: as those of a journal, under a lease, of rows that an index finds.
async fn by_repo(repo: &MongoStores, from: u64) -> f64 {
    let lease = Lease { name: "bench".to_owned(), holder: "bench".to_owned(), duration: Duration::from_mins(10) };
    let fence = repo.acquire(&lease).await.unwrap().unwrap().fence();
    let begun = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let repo = repo.clone();
        tokio::spawn(async move {
            for number in from..from + WRITES {
                let indexes = BTreeMap::from([("open".to_owned(), "1".to_owned())]);
                let write = RowWrite { table: Table::Operations, id: format!("t{task}"), body: body(number), indexes };
                let expected = if number == 0 { Expected::Absent } else { Expected::Version(number) };
                repo.put(&write, expected, &Nonce(format!("n{number}")), fence).await.unwrap();
            }
        })
    });
    futures::future::join_all(tasks).await.into_iter().for_each(Result::unwrap);
    (TASKS as f64 * WRITES as f64) / begun.elapsed().as_secs_f64()
}

/// Writes per second of the driver: the same documents, found by their id and version.
async fn by_driver(rows: &Database, from: u64) -> f64 {
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let begun = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let (rows, durable) = (rows.collection::<Document>("bare"), durable.clone());
        tokio::spawn(async move {
            for number in from..from + WRITES {
                let version = i64::try_from(number).unwrap();
                let change = doc! { "$set": { "version": version + 1, "body": body(number).as_str(), "x.open": "1" } };
                let filter = doc! { "_id": format!("t{task}"), "version": version };
                rows.update_one(filter, change).upsert(number == 0).write_concern(durable.clone()).await.unwrap();
            }
        })
    });
    futures::future::join_all(tasks).await.into_iter().for_each(Result::unwrap);
    (TASKS as f64 * WRITES as f64) / begun.elapsed().as_secs_f64()
}

/// A database of the bare driver that has as many connections as storex, and a collection with the indexes that the journal has.
async fn bare(deployment: &Deployment, journal: &str) -> Database {
    let mut options = ClientOptions::parse(deployment.uri("bare").expose()).await.unwrap();
    options.max_pool_size = Some(CONNECTIONS);
    options.max_connecting = Some(8);
    let bare = Client::with_options(options).unwrap().database("bare");
    let listed = deployment.driver(journal).await.unwrap().run_command(doc! { "listIndexes": "operations" }).await.unwrap();
    let indexes = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap().clone();
    bare.run_command(doc! { "createIndexes": "bare", "indexes": indexes }).await.unwrap();
    bare
}

async fn writes(deployment: &Deployment) {
    let repo = MongoStores::open(&deployment.uri("writes")).await.unwrap();
    let bare = bare(deployment, "writes").await;
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for round in 0..u64::try_from(ROUNDS).unwrap() {
        let from = round * WRITES;
        let (mine, floor) = (by_repo(&repo, from).await, by_driver(&bare, from).await);
        ratios.push(mine / floor);
        rates.push((mine, floor));
    }
    let ratio = median(&mut ratios);
    let (mine, floor) = (median(&mut rates.iter().map(|rate| rate.0).collect::<Vec<_>>()), rates.iter().map(|rate| rate.1));
    let floor = median(&mut floor.collect::<Vec<_>>());
    let name = format!("writes/s of {TASKS} tasks, compared, set, fenced");
    let floor = format!("{floor:.0} by the bare driver");
    row(&name, &format!("{mine:.0}"), &floor, &format!("{ratio:.2}"), "≥ 0.9", ratio >= 0.9);
}

fn request(name: &str) -> CreateStoreRequest {
    let details = serde_json::json!({ "owner": "Bench", "email": "bench@example-mail.com" });
    CreateStoreRequest::from_json(&serde_json::json!({ "username": name, "storeDetails": details })).unwrap()
}

/// What makes the numbers of names go on, whichever controller asks.
type Names = Arc<std::sync::atomic::AtomicUsize>;

/// A controller in a thread of its own, as a process would be, creates its share.
fn work(world: &Arc<World>, uri: &Secret<String>, names: &Names, share: usize) -> std::thread::JoinHandle<Duration> {
    let (world, uri, names) = (Arc::clone(world), uri.clone(), Arc::clone(names));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let repo = MongoStores::open(&uri).await.unwrap();
            let controller = world.controller_with_repo(Arc::new(repo)).await.unwrap();
            controller.ensure_platform("http://localhost:3000").await.unwrap();
            let begun = Instant::now();
            futures::stream::iter(0..share)
                .for_each_concurrent(AT_ONCE, |_| async {
                    let number = names.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    create(&controller, &format!("bench{number}")).await;
                })
                .await;
            let took = begun.elapsed();
            controller.stop().await;
            took
        })
    })
}

async fn create(controller: &Controller, name: &str) {
    let (_, operation) = controller.create_store(&request(name)).await.unwrap();
    let view = controller.wait_operation(&operation, Duration::from_mins(5)).await.unwrap();
    assert!(view.error.is_none(), "{view:?}");
}

fn controllers(deployment: &Deployment) {
    let world = Arc::new(World::new().unwrap());
    world.script.add(FaultRule::next("host.apply", "", When::Before, Fault::Slow(STEP)).forever());
    let (uri, names) = (deployment.uri("controllers"), Names::default());
    let mut ratios = Vec::new();
    let mut rates = (0.0, 0.0);
    for _ in 0..3 {
        let run = |controllers: usize| {
            let working: Vec<_> = (0..controllers).map(|_| work(&world, &uri, &names, CREATES)).collect();
            let longest = working.into_iter().map(|thread| thread.join().unwrap()).max().unwrap();
            (controllers * CREATES) as f64 / longest.as_secs_f64()
        };
        let (one, two) = tokio::task::block_in_place(|| (run(1), run(2)));
        ratios.push(two / one);
        rates = (one, two);
    }
    let ratio = median(&mut ratios);
    let name = format!("operations/s, two controllers, {AT_ONCE} at once each");
    row(&name, &format!("{:.1}", rates.1), &format!("{:.1} by one", rates.0), &format!("{ratio:.2}"), "≥ 1.7", ratio >= 1.7);
}

/// Versions of the operations that are not at rest.
async fn journals(repo: &MongoStores) -> BTreeMap<String, u64> {
    let page = repo.list(Table::Operations, &Query::All, &Page::first(1_000)).await.unwrap();
    page.rows.into_iter().map(|row| (row.id, row.version)).collect()
}

/// From the end of a controller until another one writes into each of its operations' journals.
async fn take_over(deployment: &Deployment) {
    let mut times = Vec::new();
    let mut lease = Duration::ZERO;
    for kill in 0..KILLS {
        let uri = deployment.uri(&format!("takeover{kill}"));
        let (world, repo) = (World::new().unwrap(), MongoStores::open(&uri).await.unwrap());
        let parts = |repo: MongoStores| Parts { repo: Arc::new(repo), ..world.bare_parts() };
        let dying = world.start(parts(MongoStores::open(&uri).await.unwrap())).await.unwrap();
        dying.controller.ensure_platform("http://localhost:3000").await.unwrap();
        lease = dying.controller.settings().lease;
        world.script.add(FaultRule::next("host.apply", "", When::Before, Fault::Slow(3_600_000)).forever());
        for number in 0..UNDER_WAY {
            dying.controller.create_store(&request(&format!("shop{number}"))).await.unwrap();
        }
        let living = world.start(parts(MongoStores::open(&uri).await.unwrap())).await.unwrap();
        living.controller.ensure_platform("http://localhost:3000").await.unwrap();
        let recovering = living.controller.clone();
        let recovery = tokio::spawn(async move { recovering.run_recovery().await });
        // A moment within the pause between two renewals, another one each time.
        tokio::time::sleep(lease / 3 * u32::try_from(kill + 3).unwrap() / 2).await;
        dying.gate.crash();
        world.script.clear();
        let (begun, before) = (Instant::now(), journals(&repo).await);
        let mut waiting: BTreeMap<_, _> = before.into_iter().filter(|(id, _)| id.starts_with("op_")).collect();
        let all = waiting.len();
        while times.len() < (kill + 1) * UNDER_WAY {
            let now = journals(&repo).await;
            let before = waiting.len();
            waiting.retain(|id, version| now.get(id) == Some(version));
            times.extend(std::iter::repeat_n(begun.elapsed(), before - waiting.len()));
            assert!(begun.elapsed() < lease * 4, "{} of {all} operations are not taken over", waiting.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        recovery.abort();
        living.controller.stop().await;
    }
    let p99 = percentile(&mut times, 99);
    let floor = format!("{:.0} s of lease at most", lease.as_secs_f64());
    let ratio = format!("{:.2}", p99.as_secs_f64() / lease.as_secs_f64());
    let name = format!("take-over, first journal write, p99 of {}", times.len());
    row(&name, &format!("{:.1} s", p99.as_secs_f64()), &floor, &ratio, "≤ 20 s", p99 <= Duration::from_secs(20));
}

/// The same value of another store.
fn renamed(value: &Bson, from: &str, to: &str) -> Bson {
    match value {
        Bson::String(text) => text.replace(from, to).into(),
        Bson::Document(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), renamed(value, from, to))).collect::<Document>().into()
        }
        other => other.clone(),
    }
}

/// The documents that one store's name identifies, as many times as there are stores.
async fn multiply(rows: &Database, collection: &str, name: &str) {
    let collection = rows.collection::<Document>(collection);
    let mut models: Vec<Bson> = Vec::new();
    let mut all = collection.find(doc! {}).await.unwrap();
    while let Some(document) = all.try_next().await.unwrap() {
        if document.get("_id").is_some_and(|id| id.to_string().contains(name)) {
            models.push(document.into());
        }
    }
    for thousand in 0..STORES / 1_000 {
        let copies = (0..1_000).flat_map(|number| {
            let copy = format!("n{:06}", thousand * 1_000 + number);
            models.iter().filter_map(|model| renamed(model, name, &copy).as_document().cloned()).collect::<Vec<_>>()
        });
        collection.insert_many(copies).await.unwrap();
    }
}

async fn many_stores(deployment: &Deployment) {
    let uri = deployment.uri("many");
    let repo = MongoStores::open(&uri).await.unwrap();
    let world = World::new().unwrap();
    let controller = world.controller_with_repo(Arc::new(repo.clone())).await.unwrap();
    controller.ensure_platform("http://localhost:3000").await.unwrap();
    create(&controller, "model").await;
    let rows = deployment.driver("many").await.unwrap();
    for collection in ["stores", "claims"] {
        multiply(&rows, collection, "model").await;
    }
    let stores = rows.collection::<Document>("stores").count_documents(doc! {}).await.unwrap();
    let claims = rows.collection::<Document>("claims").count_documents(doc! {}).await.unwrap();
    println!("{stores} stores with {claims} claims");

    let (mut pages, mut floors, mut token, mut after) = (Vec::new(), Vec::new(), None, String::new());
    let all = rows.collection::<Document>("stores");
    for sample in 0..SAMPLES {
        let begun = Instant::now();
        let page = controller.list_stores(PAGE, token.as_deref()).await.unwrap();
        pages.push(begun.elapsed());
        assert_eq!(page.stores.len(), PAGE, "page {sample}");
        // The same page once more, which the server has in memory now.
        let begun = Instant::now();
        let limit = i64::try_from(PAGE).unwrap();
        let found = all.find(doc! { "_id": { "$gt": &after } }).sort(doc! { "_id": 1 }).limit(limit);
        let found: Vec<Document> = found.await.unwrap().try_collect().await.unwrap();
        floors.push(begun.elapsed());
        after = page.stores.last().unwrap().created.store_id.to_string();
        assert_eq!(found.last().unwrap().get_str("_id").unwrap(), after);
        token = Some(page.next_page_token);
    }
    let (p99, floor) = (percentile(&mut pages, 99), percentile(&mut floors, 99));
    held("list page", p99, floor, "the bare driver's page", Duration::from_millis(50));

    let (mut checks, mut floors) = (Vec::new(), Vec::new());
    for number in 0..SAMPLES {
        let name = format!("n{:06}", number * (STORES / SAMPLES));
        let claim =
            Claim { namespace: "username".to_owned(), name: name.clone(), owner: "op_other".to_owned(), label: String::new() };
        let begun = Instant::now();
        let outcome = repo.claim(&claim, Fence::NONE).await.unwrap();
        checks.push(begun.elapsed());
        assert!(matches!(outcome, ClaimOutcome::Taken(_)), "{name} is free");
        let begun = Instant::now();
        let id = doc! { "namespace": "username", "name": &name };
        assert!(rows.collection::<Document>("claims").find_one(doc! { "_id": id }).await.unwrap().is_some());
        floors.push(begun.elapsed());
    }
    let (p99, floor) = (percentile(&mut checks, 99), percentile(&mut floors, 99));
    held("claim check", p99, floor, "a read of it", Duration::from_millis(5));
}

fn held(what: &str, p99: Duration, floor: Duration, of: &str, bound: Duration) {
    let shown = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    let name = format!("{what} at {STORES} stores, p99 of {SAMPLES}");
    let ratio = format!("{:.2}", p99.as_secs_f64() / floor.as_secs_f64());
    let floor = format!("{}, {of}", shown(floor));
    row(&name, &shown(p99), &floor, &ratio, &format!("≤ {} ms", bound.as_millis()), p99 <= bound);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    println!("{:<46} {:>14} {:>34} {:>8} {:>10}", "figure", "measured", "floor of the same run", "ratio", "bound");
    let deployment = Deployment::start(Topology::One).await.unwrap();
    writes(&deployment).await;
    controllers(&deployment);
    take_over(&deployment).await;
    many_stores(&deployment).await;
}
