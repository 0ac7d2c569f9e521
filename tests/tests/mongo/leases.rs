//! Writers that are held still past the end of their lease, and servers that are.

use futures::StreamExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::{Claim, ClaimOutcome, Clock, Code, Expected, Fence, Lease, Nonce, RowWrite, StoreRepo, SystemClock, Table};
use storex_mongo::MongoStores;
use storex_mongo::driver::bson::{Document, doc};
use storex_tests::mongod::{Deployment, Topology};
use storex_tests::process::setting;

/// Rounds in which a holder sleeps past its lease.
const ROUNDS: usize = 25;

fn rounds() -> usize {
    setting("STOREX_MONGO_PAUSES").and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn row(id: &str, by: &str) -> RowWrite {
    RowWrite { table: Table::Operations, id: id.to_owned(), body: json!(by).into(), indexes: BTreeMap::new() }
}

fn lease(name: &str, holder: &str) -> Lease {
    Lease { name: name.to_owned(), holder: holder.to_owned(), duration: Duration::from_secs(1) }
}

/// A holder journals, sleeps past its lease, and goes on where it was, while another one has taken the work over and ended it. Answers how many of
/// the sleeper's late writes were done.
async fn late_writes(repo: &MongoStores, round: usize, fenced: bool) -> usize {
    let id = format!("{round}-{fenced}");
    let first = repo.acquire(&lease(&id, "first")).await.unwrap().unwrap();
    let fence = if fenced { first.fence() } else { Fence::NONE };
    repo.put(&row(&id, "first"), Expected::Absent, &Nonce("1".to_owned()), fence).await.unwrap();
    let second = loop {
        if let Some(grant) = repo.acquire(&lease(&id, "second")).await.unwrap() {
            break grant;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(second.epoch > first.epoch);
    // The second one reads the journal and ends the work; the name it needs no longer is free again.
    assert!(repo.get(Table::Operations, &id).await.unwrap().is_some());
    let claim = Claim { namespace: "domain".to_owned(), name: id.clone(), owner: "op".to_owned(), label: String::new() };
    let other = row(&format!("{id}-late"), "first");
    let late = [
        repo.put(&row(&id, "first again"), Expected::Version(1), &Nonce("2".to_owned()), fence).await.map(|_| ()),
        repo.put(&other, Expected::Absent, &Nonce("3".to_owned()), fence).await.map(|_| ()),
        repo.claim(&claim, fence).await.map(|_| ()),
        repo.claim_first(&claim, &[format!("{id}-candidate")], fence).await.map(|_| ()),
        repo.release("domain", &id, "op", fence).await,
    ];
    for error in late.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!((error.code(), error.is_unclear()), (Code::LeaseExpired, false), "{error}");
    }
    late.iter().filter(|answer| answer.is_ok()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_slept_past_its_lease_writes_nothing() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let repo = MongoStores::open(&deployment.uri("leases")).await.unwrap();
    let (mut late, mut control) = (0, 0);
    let all = (0..rounds()).map(|round| late_writes(&repo, round, true));
    // No more at once than end within a lease: each of them writes once before it sleeps.
    let mut all = futures::stream::iter(all).buffer_unordered(ROUNDS);
    while let Some(done) = all.next().await {
        late += done;
    }
    for round in 0..3 {
        control += late_writes(&repo, round, false).await;
    }
    println!("pauses past a lease: {late} late writes in {} rounds; without the fence {control} in 3", rounds());
    assert_eq!((late, control), (0, 15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_waits_at_the_server_past_its_lease_is_refused_there() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let repo = MongoStores::open(&deployment.uri("leases")).await.unwrap();
    for round in 0..3 {
        let id = format!("held-{round}");
        repo.put(&row(&id, "before"), Expected::Absent, &Nonce("1".to_owned()), Fence::NONE).await.unwrap();
        let fence = repo.acquire(&lease(&id, "first")).await.unwrap().unwrap().fence();
        deployment.servers[0].hold().unwrap();
        let (late, write) = (repo.clone(), row(&id, "late"));
        let late = tokio::spawn(async move { late.put(&write, Expected::Version(1), &Nonce("2".to_owned()), fence).await });
        tokio::time::sleep(Duration::from_millis(1300)).await;
        deployment.servers[0].resume().unwrap();
        let error = late.await.unwrap().unwrap_err();
        assert_eq!((error.code(), error.is_unclear()), (Code::LeaseExpired, false), "{error}");
        assert_eq!(repo.get(Table::Operations, &id).await.unwrap().unwrap().body, json!("before"));
    }
}

/// A server that stands still in the middle of writes, as when a backup locks it or a disk hangs, until nobody waits for them any more. Their lease runs on, so
/// that it is not what refuses them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_the_server_is_in_the_middle_of_is_given_up_there() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let repo = MongoStores::open(&deployment.uri("leases")).await.unwrap();
    let claim = |name: &str| Claim {
        namespace: "domain".to_owned(),
        name: name.to_owned(),
        owner: "op".to_owned(),
        label: String::new(),
    };
    let bare = deployment.driver("leases").await.unwrap().collection::<Document>("bare");
    bare.insert_one(doc! { "_id": "first" }).await.unwrap();
    assert_eq!(repo.claim(&claim("held"), Fence::NONE).await.unwrap(), ClaimOutcome::Held);
    let old = row("old", "before");
    repo.put(&old, Expected::Absent, &Nonce("1".to_owned()), Fence::NONE).await.unwrap();
    let long = Lease { duration: Duration::from_mins(5), ..lease("operation", "first") };
    let fence = repo.acquire(&long).await.unwrap().unwrap().fence();

    let admin = deployment.driver("admin").await.unwrap();
    admin.run_command(doc! { "fsync": 1, "lock": true }).await.unwrap();
    // The control: a write without a limit, whose sender does not wait.
    let control = tokio::spawn(async move { bare.insert_one(doc! { "_id": "late" }).await.map(|_| bare) });
    let (new, nonce) = (row("new", "late"), Nonce("2".to_owned()));
    let ended = tokio::join!(
        async { repo.claim(&claim("late"), fence).await.map(drop) },
        repo.release("domain", "held", "op", fence),
        async { repo.put(&new, Expected::Absent, &nonce, fence).await.map(drop) },
        repo.delete(Table::Operations, "old", 1, fence),
    );
    // The last attempts began a little after the first ones, and so does their end.
    tokio::time::sleep(Duration::from_secs(2)).await;
    admin.run_command(doc! { "fsyncUnlock": 1 }).await.unwrap();
    for ended in [ended.0, ended.1, ended.2, ended.3] {
        let error = ended.unwrap_err();
        assert!(error.is_transient() && error.is_unclear(), "{error}");
    }
    assert!(fence.is_open(SystemClock.now()), "the control: the lease did not refuse them");
    let bare = control.await.unwrap().unwrap();
    assert_eq!(bare.count_documents(doc! {}).await.unwrap(), 2, "the control: what has no limit is done late");
    let other = |name: &str| Claim { owner: "other".to_owned(), ..claim(name) };
    assert_eq!(repo.claim(&other("late"), Fence::NONE).await.unwrap(), ClaimOutcome::Held, "it was not claimed late");
    assert_eq!(repo.claim(&other("held"), Fence::NONE).await.unwrap(), ClaimOutcome::Taken(claim("held")), "nor released");
    assert_eq!(repo.get(Table::Operations, "new").await.unwrap(), None);
    assert_eq!(repo.get(Table::Operations, "old").await.unwrap().unwrap().body, json!("before"));
}
