//! Answers that are lost, or that leave open what became of the write.

use futures::StreamExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::{Claim, ClaimOutcome, Code, Expected, Fence, Nonce, RowWrite, StoreRepo, Table};
use storex_mongo::MongoStores;
use storex_mongo::driver::bson::{Document, doc};
use storex_tests::mongod::{Deployment, Topology};

/// Longer than it takes a poll to wake watchers.
const QUIET: Duration = Duration::from_secs(2);

fn row(id: &str) -> RowWrite {
    RowWrite { table: Table::Stores, id: id.to_owned(), body: json!({"n": 1}).into(), indexes: BTreeMap::new() }
}

fn claim(name: &str) -> Claim {
    Claim { namespace: "domain".to_owned(), name: name.to_owned(), owner: "a".to_owned(), label: "shop".to_owned() }
}

/// The next `times` commands of storex of these names meet this fault (<https://github.com/mongodb/mongo/wiki/The-%22failCommand%22-fail-point>).
async fn fault(deployment: &Deployment, times: i32, commands: &[&str], fault: Document) {
    let mut data = doc! { "failCommands": commands.to_vec(), "appName": "storex" };
    data.extend(fault);
    let mode = if times == 0 {
        doc! { "mode": "off" }
    } else {
        doc! { "mode": { "times": times } }
    };
    let mut command = doc! { "configureFailPoint": "failCommand", "data": data };
    command.extend(mode);
    deployment.driver("admin").await.unwrap().run_command(command).await.unwrap();
}

/// Writes a row and a claim and gives both up, each step under this fault.
async fn goes_on(deployment: &Deployment, repo: &MongoStores, name: &str, times: i32, met: &Document) {
    let (write, nonce) = (row(name), |step: u8| Nonce(format!("{name}{step}")));
    fault(deployment, times, &["insert", "update"], met.clone()).await;
    assert_eq!(repo.put(&write, Expected::Absent, &nonce(1), Fence::NONE).await.unwrap(), 1, "{name}");
    fault(deployment, times, &["insert", "update"], met.clone()).await;
    assert_eq!(repo.put(&write, Expected::Version(1), &nonce(2), Fence::NONE).await.unwrap(), 2, "{name}");
    fault(deployment, times, &["findAndModify"], met.clone()).await;
    assert_eq!(repo.claim(&claim(name), Fence::NONE).await.unwrap(), ClaimOutcome::Held);
    fault(deployment, times, &["findAndModify"], met.clone()).await;
    repo.release("domain", name, "a", Fence::NONE).await.unwrap();
    fault(deployment, times, &["findAndModify"], met.clone()).await;
    repo.delete(write.table, &write.id, 2, Fence::NONE).await.unwrap();
    fault(deployment, 0, &[], doc! {}).await;
    assert_eq!(repo.get(write.table, &write.id).await.unwrap(), None);
    let other = Claim { owner: "b".to_owned(), ..claim(name) };
    assert_eq!(repo.claim(&other, Fence::NONE).await.unwrap(), ClaimOutcome::Held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_and_not_confirmed_is_found_again_by_its_nonce() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let repo = MongoStores::open(&deployment.uri("answers")).await.unwrap();
    // The write is done and the answer says that no majority confirmed it in time (code 64).
    let unconfirmed = doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } };
    goes_on(&deployment, &repo, "unconfirmed", 2, &unconfirmed).await;
    // The connection breaks before an answer, more often than the driver repeats by itself.
    goes_on(&deployment, &repo, "broken", 3, &doc! { "closeConnection": true }).await;
    // An election: the server is no primary now.
    goes_on(&deployment, &repo, "elected", 3, &doc! { "errorCode": 10107 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_nobody_confirms_is_unclear_and_its_repetition_settles_it() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let repo = MongoStores::open(&deployment.uri("answers")).await.unwrap();
    let (write, nonce) = (row("one"), Nonce("first".to_owned()));
    // Reads fail as well, so that nothing can be found out.
    let met = doc! { "closeConnection": true };
    fault(&deployment, 100_000, &["insert", "update", "findAndModify", "find", "aggregate"], met).await;
    let error = repo.put(&write, Expected::Absent, &nonce, Fence::NONE).await.unwrap_err();
    fault(&deployment, 0, &[], doc! {}).await;
    assert!(error.is_unclear() && error.is_transient(), "{error:?}");
    assert_eq!(repo.put(&write, Expected::Absent, &nonce, Fence::NONE).await.unwrap(), 1);
    let other = repo.put(&write, Expected::Absent, &Nonce("second".to_owned()), Fence::NONE).await.unwrap_err();
    assert_eq!((other.code(), other.is_unclear()), (Code::VersionConflict, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_sleep_until_another_controller_writes() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let uri = deployment.uri("wakeups");
    let (one, other) = (MongoStores::open(&uri).await.unwrap(), MongoStores::open(&uri).await.unwrap());
    let mut wakeups = other.wakeups();
    // The change stream wakes once when it opens; then nothing happens, and leases and claims are no news.
    while tokio::time::timeout(QUIET, wakeups.next()).await.is_ok() {}
    one.claim(&claim("quiet"), Fence::NONE).await.unwrap();
    assert!(tokio::time::timeout(QUIET, wakeups.next()).await.is_err(), "woken without a change");
    one.put(&row("loud"), Expected::Absent, &Nonce("1".to_owned()), Fence::NONE).await.unwrap();
    assert_eq!(tokio::time::timeout(QUIET * 5, wakeups.next()).await, Ok(Some(())), "not woken by a change");
}
