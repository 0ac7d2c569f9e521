//! Writers that are held still past the end of their lease, and servers that are.

use futures::StreamExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::{Claim, Code, Expected, Fence, Lease, Nonce, RowWrite, StoreRepo, Table};
use storex_mongo::MongoStores;
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
    Lease { name: name.to_owned(), holder: holder.to_owned(), duration: Duration::from_millis(400) }
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
        tokio::time::sleep(Duration::from_millis(700)).await;
        deployment.servers[0].resume().unwrap();
        let error = late.await.unwrap().unwrap_err();
        assert_eq!((error.code(), error.is_unclear()), (Code::LeaseExpired, false), "{error}");
        assert_eq!(repo.get(Table::Operations, &id).await.unwrap().unwrap().body, json!("before"));
    }
}
