//! `storex db check` on servers that serve, and on servers and users that lack something: each failing fact by its name, the scratch database gone.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storex_core::{Expected, Fence, Nonce, RowWrite, Secret, StoreRepo, Table};
use storex_mongo::driver::Database;
use storex_mongo::driver::bson::{Document, doc};
use storex_mongo::{CheckReport, FactState, MongoStores, check};
use storex_tests::mongod::{Deployment, ROOT, Topology};
use storex_tests::process;

async fn report(uri: &Secret<String>) -> CheckReport {
    check(uri, std::future::pending()).await
}

/// Names of the facts in these states.
fn named(report: &CheckReport, state: FactState) -> Vec<&'static str> {
    report.facts.iter().filter(|fact| fact.state == state).map(|fact| fact.name).collect()
}

async fn scratches(admin: &Database) -> Vec<String> {
    let names = admin.client().list_database_names().await.unwrap();
    names.into_iter().filter(|name| name.starts_with("storex_check_")).collect()
}

/// Every document of a database.
async fn dump(database: &Database) -> Vec<Document> {
    let mut all = Vec::new();
    let names: BTreeSet<String> = database.list_collection_names().await.unwrap().into_iter().collect();
    for name in names {
        let mut cursor = database.collection::<Document>(&name).find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
        while cursor.advance().await.unwrap() {
            all.push(cursor.deserialize_current().unwrap());
        }
    }
    all
}

/// Checks a server on which a deployment lives: what is warned of, that the deployment is as it was, and that the scratch database came and went.
async fn serves(topology: Topology, warned: &[&str]) {
    let deployment = Deployment::start(topology).await.unwrap();
    let (uri, database) = (deployment.uri("shop"), deployment.driver("shop").await.unwrap());
    let write =
        RowWrite { table: Table::Stores, id: "a".to_owned(), body: serde_json::json!(1).into(), indexes: BTreeMap::new() };
    let repo = MongoStores::open(&uri).await.unwrap();
    repo.put(&write, Expected::Absent, &Nonce("n".to_owned()), Fence::NONE).await.unwrap();
    let before = dump(&database).await;

    let admin = deployment.driver("admin").await.unwrap();
    let (seen, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let watcher = {
        let (admin, seen, done) = (admin.clone(), Arc::clone(&seen), Arc::clone(&done));
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                seen.fetch_or(!scratches(&admin).await.is_empty(), Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    let report = report(&uri).await;
    done.store(true, Ordering::SeqCst);
    watcher.await.unwrap();
    assert!(report.is_good(), "{report:#?}");
    assert_eq!(named(&report, FactState::Warning), warned, "{report:#?}");
    assert!(seen.load(Ordering::SeqCst), "the control: the scratch database was there");
    assert_eq!(scratches(&admin).await, Vec::<String>::new());
    assert_eq!(dump(&database).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standalone_server_serves_with_warnings() {
    serves(Topology::Standalone, &["fail-over", "rights", "change notices"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_set_of_one_serves_and_cannot_fail_over() {
    serves(Topology::One, &["fail-over", "rights"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_set_of_three_is_warned_of_nothing_but_its_open_door() {
    serves(Topology::Three, &["rights"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_all_rights_is_warned_of_fail_over_only_and_others_are_told_what_they_lack() {
    serves(Topology::OneWithUsers, &["fail-over"]).await;
    let deployment = Deployment::start(Topology::OneWithUsers).await.unwrap();
    let admin = deployment.driver("admin").await.unwrap();
    let actions = ["find", "insert", "update", "remove", "listCollections", "listIndexes", "createCollection", "dropCollection"];
    let anywhere = doc! { "db": "", "collection": "" };
    let rights = vec![doc! { "resource": anywhere, "actions": actions.to_vec() }];
    admin.run_command(doc! { "createRole": "no_index", "privileges": rights, "roles": [] }).await.unwrap();
    let on = |db: &str, role: &str| doc! { "role": role, "db": db };
    for (user, role) in [
        ("narrow", on("admin", "no_index")),
        ("own", on("shop", "readWrite")),
        ("wide", on("admin", "readWriteAnyDatabase")),
        ("reader", on("admin", "readAnyDatabase")),
    ] {
        admin.run_command(doc! { "createUser": user, "pwd": "canary-pw", "roles": [role] }).await.unwrap();
    }
    let rest = |first: &str| {
        let all = [
            "scratch database",
            "collections and indexes",
            "unique keys",
            "compare-and-set",
            "confirmed writes",
            "order of texts",
            "server time",
            "leases",
            "time limits",
            "change notices",
            "layout",
        ];
        all.into_iter().skip_while(|name| *name != first).collect::<Vec<_>>()
    };
    for (user, password, failed, untested) in [
        ("wide", "canary-pw", vec![], vec![]),
        ("narrow", "canary-pw", vec!["rights"], rest("scratch database")),
        ("reader", "canary-pw", vec!["rights"], rest("scratch database")),
        ("own", "canary-pw", vec!["scratch database"], rest("collections and indexes")),
        (
            "own",
            "canary-wrong",
            vec!["connection"],
            [vec!["version", "primary", "fail-over", "rights"], rest("scratch database")].concat(),
        ),
    ] {
        let report = report(&deployment.uri_as("shop", Some((user, password)))).await;
        assert_eq!(
            (named(&report, FactState::Fails), named(&report, FactState::Untested)),
            (failed, untested),
            "{user} {report:#?}"
        );
        assert!(!format!("{report:?}").contains("canary"), "{report:?}");
        assert_eq!(scratches(&admin).await, Vec::<String>::new(), "{user}");
    }
    let report = report(&deployment.uri_as("shop", None)).await;
    assert_eq!(named(&report, FactState::Fails), ["rights"], "{report:#?}");
}

/// A server that does not keep what it says, in one respect.
async fn lame(deployment: &Deployment, failpoint: Document, fails: &[&str]) {
    let admin = deployment.driver("admin").await.unwrap();
    admin.run_command(failpoint.clone()).await.unwrap();
    let report = report(&deployment.uri("shop")).await;
    let name = failpoint.get_str("configureFailPoint").unwrap();
    admin.run_command(doc! { "configureFailPoint": name, "mode": "off" }).await.unwrap();
    assert!(!report.is_good());
    assert_eq!(named(&report, FactState::Fails), fails, "{report:#?}");
    assert_eq!(scratches(&admin).await, Vec::<String>::new());
}

fn refuses(command: &str, fault: Document) -> Document {
    let mut data = doc! { "failCommands": [command], "appName": "storex" };
    data.extend(fault);
    doc! { "configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_fails_in_is_named() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    lame(&deployment, doc! { "configureFailPoint": "maxTimeNeverTimeOut", "mode": "alwaysOn" }, &["time limits"]).await;
    lame(&deployment, refuses("createIndexes", doc! { "errorCode": 13 }), &["collections and indexes"]).await;
    let leases = ["server time", "leases", "time limits"];
    lame(&deployment, refuses("aggregate", doc! { "errorCode": 20 }), &leases).await;
    lame(&deployment, refuses("findAndModify", doc! { "errorCode": 20 }), &["server time", "leases"]).await;
    let unconfirmed = doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } };
    lame(&deployment, refuses("insert", unconfirmed), &["scratch database"]).await;
    let nobody = storex_tests::installation::free_port().unwrap();
    let report = report(&Secret::new(format!("mongodb://user:canary@127.0.0.1:{nobody}/shop"))).await;
    assert_eq!(named(&report, FactState::Fails), ["connection"]);
    assert!(!format!("{report:?}").contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_is_stopped_leaves_nothing() {
    let deployment = Deployment::start(Topology::One).await.unwrap();
    let admin = deployment.driver("admin").await.unwrap();
    let appeared = async {
        while scratches(&admin).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let report = check(&deployment.uri("shop"), appeared).await;
    assert!(named(&report, FactState::Untested).contains(&"change notices"), "{report:#?}");
    assert_eq!(scratches(&admin).await, Vec::<String>::new());
}

fn storex(words: &[&str], uri: Option<&Secret<String>>) -> Output {
    let mut command = process::command(env!("CARGO_BIN_EXE_storex-under-test"));
    if let Some(uri) = uri {
        command.env("STOREX_MONGODB_URI", uri.expose());
    }
    command.args(["db", "check"]).args(words).output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_prints_a_table_and_its_exit_code_tells_good_from_bad() {
    let deployment = Deployment::start(Topology::OneWithUsers).await.unwrap();
    let good = deployment.uri("shop");
    let table = storex(&[], Some(&good));
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(table.status.success() && text.lines().count() == 18 && text.starts_with("FACT"), "{text}");
    assert!(text.contains("cannot fail over") || text.contains("give the replica set three members"), "{text}");
    let json = storex(&["--json", "--uri", good.expose()], None);
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(
        json.status.success() && document["good"] == true && document["facts"].as_array().unwrap().len() == 17,
        "{document:#}"
    );

    let wrong = deployment.uri_as("shop", Some((ROOT.0, "canary-password")));
    for (words, uri) in [(vec![], Some(&wrong)), (vec!["--uri", wrong.expose().as_str()], None)] {
        let refused = storex(&words, uri);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0), "{told}");
        assert!(told.contains("does not serve storex: connection") && told.contains("user name or password"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }
    let refused = storex(&["--json"], Some(&wrong));
    let document: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((refused.status.code(), &document["good"]), (Some(2), &Value::Bool(false)));
    let unnamed = storex(&[], None);
    assert_eq!(unnamed.status.code(), Some(2));
    assert!(String::from_utf8(unnamed.stderr).unwrap().contains("STOREX_MONGODB_URI"));
}
