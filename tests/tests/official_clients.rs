//! Cloudflare's own clients, Python and TypeScript, drive the simulator over HTTP. Their models are generated from Cloudflare's
//! OpenAPI document and the Python one validates strictly, so an answer of the simulator that is not shaped like Cloudflare's is
//! found by a reader nobody here wrote. Every route of the simulator must have been called.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use storex_fakes::cloudflare::{FaultAction, FaultRule, RunningSimulator, Simulator, TokenKind, TokenSettings};
use storex_tests::process;

const USER: &str = "user-token";
const ACCOUNT: &str = "account-token";

async fn simulator() -> RunningSimulator {
    let account = TokenSettings::new(ACCOUNT).kind(TokenKind::Account);
    Simulator::builder().token(USER).token_with(account).build().unwrap().start_on_loopback().await.unwrap()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where `scripts/install-clients.sh` puts a file; the test fails, and says so, when it is not there.
fn installed(file: &str) -> PathBuf {
    let candidates = process::tool_prefixes().into_iter().map(|prefix| prefix.join(file));
    let found = candidates.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{file} is missing: run scripts/install-clients.sh and scripts/install-host.sh"))
}

/// The Python client's program and the arguments before the simulator's address.
fn python() -> Vec<PathBuf> {
    vec![installed("clients/python/bin/python"), repository().join("tests/python/official_client.py")]
}

/// The same for the TypeScript client.
fn typescript() -> Vec<PathBuf> {
    let clients = installed("clients/node/node_modules/cloudflare");
    let folder = clients.parent().and_then(Path::parent).unwrap().to_owned();
    vec![installed("bin/node"), repository().join("tests/node/official-client.cjs"), folder]
}

/// Runs a client against a simulator; what it printed, or what it complained about.
async fn drive(client: Vec<PathBuf>, simulator: &RunningSimulator) -> Result<Value, String> {
    let base = simulator.base_url();
    let output = tokio::task::spawn_blocking(move || {
        let (program, arguments) = client.split_first().unwrap();
        let more = [base.as_str(), USER, ACCOUNT].map(OsStr::new);
        process::command(program).args(arguments).args(more).output().unwrap()
    });
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap());
    }
    Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Routes that answered at least one call with success.
fn answered(simulator: &RunningSimulator) -> BTreeSet<String> {
    let calls = simulator.calls().into_iter().filter(|call| call.status.is_some_and(|status| status < 300));
    calls.filter_map(|call| call.route.map(|route| format!("{} {route}", call.method))).collect()
}

/// Routes that were not called.
fn silent<'r>(routes: &'r BTreeSet<String>, called: &'r BTreeSet<String>) -> Vec<&'r String> {
    routes.difference(called).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_clients_understand_every_route_of_the_simulator() {
    let (by_python, by_typescript) = (simulator().await, simulator().await);
    let (said, other) = tokio::join!(drive(python(), &by_python), drive(typescript(), &by_typescript));
    let said = said.unwrap_or_else(|complaint| panic!("the Python client complains:\n{complaint}"));
    other.unwrap_or_else(|complaint| panic!("the TypeScript client complains:\n{complaint}"));
    let routes: BTreeSet<String> = by_python.routes().into_iter().collect();
    let (first, second) = (answered(&by_python), answered(&by_typescript));
    println!(
        "official clients: {} routes, {} called by python, {} by typescript, 0 complaints; control: {} of {} wrong-typed answers found out",
        routes.len(),
        first.len(),
        second.len(),
        said["found_out"],
        said["wrong"],
    );
    let called: BTreeSet<String> = first.union(&second).cloned().collect();
    assert_eq!(silent(&routes, &called), Vec::<&String>::new(), "no official client called these");
    let planted: BTreeSet<String> = routes.iter().cloned().chain(["GET /zones/{zone}/invented".to_owned()]).collect();
    assert_eq!(silent(&planted, &called).len(), 1, "the control: a route nobody calls is found");
    assert!(said["wrong"].as_u64().is_some_and(|wrong| wrong >= 8) && said["found_out"] == said["wrong"], "{said}");
}

/// The control of the whole: an answer that breaks off is a complaint and not passed over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_answer_stops_both_clients() {
    let mut complaints = 0;
    for client in [python(), typescript()] {
        let simulator = simulator().await;
        simulator.add_fault(FaultRule::after("GET", "/zones/{zone}", FaultAction::Truncated)).unwrap();
        let complaint = drive(client, &simulator).await.unwrap_err();
        assert!(!answered(&simulator).contains("POST /graphql"), "it went on: {complaint}");
        complaints += 1;
    }
    println!("official clients: {complaints} of 2 stopped at a truncated answer");
}
