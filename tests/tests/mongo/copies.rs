//! `storex db copy`: memory, files and real servers hold the same after each copy, and what is in use or unfinished is refused.

use crate::differential::{Command, Shown, command};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use storex_core::{
    ArchivedRow, Claim, Code, Epoch, Expected, Fence, Lease, Nonce, RowWrite, Secret, StoreArchive, StoreRepo, SystemClock,
    Table, copy_archive,
};
use storex_fakes::MemoryStores;
use storex_mongo::MongoStores;
use storex_mongo::driver::Client;
use storex_redb::RedbStores;
use storex_tests::installation::{Installation, directory, header, options};
use storex_tests::mongod::{Deployment, Topology};
use storex_tests::process::{self, setting};

/// Everything a repo holds.
async fn content(repo: &dyn StoreArchive) -> (Vec<(Table, ArchivedRow)>, Vec<Claim>, Epoch) {
    let mut rows = Vec::new();
    for table in Table::ALL {
        rows.extend(repo.export_rows(*table, None, 1000).await.unwrap().into_iter().map(|row| (*table, row)));
    }
    (rows, repo.export_claims(None, 1000).await.unwrap(), repo.last_epoch().await.unwrap())
}

/// The next epoch the repo gives.
async fn next_epoch(repo: &dyn StoreArchive) -> Epoch {
    let lease = Lease { name: "after the copy".to_owned(), holder: "h".to_owned(), duration: Duration::ZERO };
    repo.acquire(&lease).await.unwrap().unwrap().epoch
}

/// Copies what random commands left in memory to a file and to a server, and from there back to memory.
async fn goes_round(commands: Vec<Command>, uri: &Secret<String>, file: &Path) {
    let memory = MemoryStores::new(Arc::new(SystemClock));
    let mut shown = Shown::default();
    for command in &commands {
        let _ = shown.answer(&memory, command).await;
    }
    memory.void_leases();
    let wanted = content(&memory).await;
    let redb = RedbStores::open(file, Arc::new(SystemClock)).unwrap();
    let mongo = MongoStores::open_archive(uri).await.unwrap();
    let back = MemoryStores::new(Arc::new(SystemClock));
    copy_archive(&memory, &redb).await.unwrap();
    copy_archive(&redb, &mongo).await.unwrap();
    copy_archive(&mongo, &back).await.unwrap();
    for repo in [&redb as &dyn StoreArchive, &mongo, &back] {
        assert_eq!(content(repo).await, wanted);
        assert!(next_epoch(repo).await > wanted.2);
    }
}

#[test]
fn random_deployments_are_the_same_in_every_repo_they_are_copied_to() {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deployment = runtime.block_on(Deployment::start(Topology::One)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cases = setting("STOREX_COPY_CASES").and_then(|text| text.parse().ok()).unwrap_or(16);
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let commands = prop::collection::vec(command(), 1..60);
    let outcome = runner.run(&commands, |commands| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = folder.path().join(format!("{number}.redb"));
        runtime.block_on(goes_round(commands, &deployment.uri(&format!("copies_{number}")), &file));
        Ok(())
    });
    outcome.unwrap();
    println!("{} random deployments copied memory, file, mongod, memory: 0 differ", NEXT.load(Ordering::Relaxed));
}

async fn some(repo: &dyn StoreRepo, rows: usize) {
    for number in 0..rows {
        let write = RowWrite {
            table: Table::Stores,
            id: format!("store-{number}"),
            body: json!({ "n": number }).into(),
            indexes: BTreeMap::new(),
        };
        repo.put(&write, Expected::Absent, &Nonce(format!("n{number}")), Fence::NONE).await.unwrap();
    }
}

fn storex(words: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = process::command(env!("CARGO_BIN_EXE_storex-under-test"));
    command.envs(variables.iter().copied()).args(["db", "copy"]).args(words).output().unwrap()
}

/// Waits until nobody works on it. A client that is dropped while its process goes on ends its last connection within its heartbeat of 10 s.
async fn free(repo: &MongoStores) {
    let none = async {
        while repo.busy().await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), none).await.unwrap();
}

/// Standard error of a copy that was refused.
fn refused(words: &[&str], variables: &[(&str, &str)]) -> String {
    let output = storex(words, variables);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{told}");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_moves_a_file_to_a_server_and_back_and_refuses_what_is_in_use() {
    let deployment = Deployment::start(Topology::OneWithUsers).await.unwrap();
    let (uri, folder) = (deployment.uri("shop"), tempfile::tempdir().unwrap());
    let here = folder.path().to_str().unwrap();
    let file = folder.path().join("storex.redb");
    let back = folder.path().join("back.redb").to_str().unwrap().to_owned();
    let told = refused(&["--from", here, "--to", &back], &[]);
    assert!(told.contains("no store file"), "{told}");

    let told = refused(&["--to", &back], &[("STOREX_COPY_FROM", deployment.uri("shpo").expose())]);
    assert!(told.contains("no storex keeps anything") && told.contains("shpo"), "{told}");
    let root = Client::with_uri_str(uri.expose()).await.unwrap();
    assert!(!root.list_database_names().await.unwrap().contains(&"shpo".to_owned()), "a source is never made");

    let repo = RedbStores::open(&file, Arc::new(SystemClock)).unwrap();
    some(&repo, 250).await;
    next_epoch(&repo).await;
    let wanted = content(&repo).await;
    let told = refused(&["--from", here], &[("STOREX_COPY_TO", uri.expose())]);
    assert!(told.contains("directory_busy") && told.contains("the source"), "{told}");
    drop(repo);
    let done = storex(&["--from", here, "--json"], &[("STOREX_COPY_TO", uri.expose())]);
    let document: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((done.status.success(), &document["rows"]), (true, &json!(250)), "{document}");
    let told = refused(&["--from", here], &[("STOREX_COPY_TO", uri.expose())]);
    assert!(told.contains("used before"), "{told}");

    // A controller on it, idle: its connections are seen. And one whose lease runs on after it is gone.
    let controller = MongoStores::open(&uri).await.unwrap();
    assert_eq!(content(&controller).await, wanted);
    let told = refused(&["--to", &back], &[("STOREX_COPY_FROM", uri.expose())]);
    assert!(told.contains("a controller is connected"), "{told}");
    drop(controller);
    let archive = MongoStores::open_archive(&uri).await.unwrap();
    free(&archive).await;
    let lease = Lease { name: "op".to_owned(), holder: "killed".to_owned(), duration: Duration::from_secs(5) };
    archive.acquire(&lease).await.unwrap().unwrap();
    let told = refused(&["--to", &back], &[("STOREX_COPY_FROM", uri.expose())]);
    assert!(told.contains("holds the lease op"), "{told}");
    free(&archive).await;
    let last = archive.last_epoch().await.unwrap();
    let done = storex(&["--to", &back], &[("STOREX_COPY_FROM", uri.expose())]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let back = RedbStores::open(Path::new(&back), Arc::new(SystemClock)).unwrap();
    assert_eq!(content(&back).await, (wanted.0, wanted.1, last));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_copy_is_not_served_until_it_is_made_anew() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let (uri, folder) = (deployment.uri("half"), tempfile::tempdir().unwrap());
    let source = RedbStores::open(&folder.path().join("storex.redb"), Arc::new(SystemClock)).unwrap();
    some(&source, 3).await;
    drop(source);
    MongoStores::open_archive(&uri).await.unwrap().begin().await.unwrap();
    let error = MongoStores::open(&uri).await.unwrap_err();
    assert_eq!(error.code(), Code::Unusable);
    assert!(error.message().contains("unfinished copy: drop it"), "{error}");
    let told = refused(&["--from", folder.path().to_str().unwrap()], &[("STOREX_COPY_TO", uri.expose())]);
    assert!(told.contains("unfinished copy: drop it, then copy again"), "{told}");
    // As it says.
    deployment.driver("half").await.unwrap().drop().await.unwrap();
    free(&MongoStores::open_archive(&uri).await.unwrap()).await;
    let done = storex(&["--from", folder.path().to_str().unwrap()], &[("STOREX_COPY_TO", uri.expose())]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    MongoStores::open(&uri).await.unwrap();
}

#[test]
fn a_controller_goes_on_with_the_copy_where_it_was_on_the_file() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deployment = runtime.block_on(Deployment::start(Topology::One)).unwrap();
    let (uri, dir) = (deployment.uri("moved"), directory().unwrap());
    let mut options = options(dir.path(), "examples/store-core", 27_100).unwrap();
    let up = Installation::start(options.clone()).unwrap();
    let body = json!({ "username": "moved", "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
    let (status, head, answer) = up.api("POST", "/api/stores", Some(&body)).unwrap();
    assert_eq!(status, 201, "{answer:#}");
    assert_eq!(up.rest(&header(&head, "operation-location").unwrap()).unwrap()["state"], "succeeded");
    let path = format!("/api/stores/{}", answer["store_id"].as_str().unwrap());
    let (_, _, before) = up.api("GET", &path, None).unwrap();
    up.stop().unwrap();

    let data = dir.path().join("data");
    let done = storex(&["--from", data.to_str().unwrap()], &[("STOREX_COPY_TO", uri.expose())]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // What a controller on the file would find is gone, so that the next one can only be on the copy.
    std::fs::rename(data.join("storex.redb"), dir.path().join("aside.redb")).unwrap();
    options.mongodb = Some(uri);
    let up = Installation::start(options).unwrap();
    assert_eq!(up.api("GET", &path, None).unwrap().2, before);
    assert_eq!(up.api("POST", "/api/stores", Some(&body)).unwrap().0, 409, "the claim was copied");
    assert_eq!(up.visit("moved.storex.com", "/health").unwrap(), 200);
    let (status, head, _) = up.api("DELETE", &path, None).unwrap();
    assert_eq!(status, 202);
    assert_eq!(up.rest(&header(&head, "operation-location").unwrap()).unwrap()["state"], "succeeded");
    up.stop().unwrap();
}
