//! The figures of the main job, each beside its floor from the same run.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench program: it measures wall time, prints figures and may stop at once"
)]

use futures::StreamExt;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use storex_agent::command::Program;
use storex_agent::nginx::{NginxProxy, NginxSettings, PATIENCE};
use storex_agent::proc::User;
use storex_agent::tools::{NamedTools, Tools};
use storex_core::{
    Controller, CreateStoreRequest, Expected, Fence, Nonce, ProxyWriter, RouteTable, RowWrite, StoreRepo, SystemClock, Table,
};
use storex_fakes::World;
use storex_redb::RedbStores;
use storex_tests::installation::free_port;

const ROUNDS: usize = 15;
/// Creates under way at the same time when their rate is measured.
const AT_ONCE: usize = 100;

/// Durable writes a system-only store waits for before its process can start: the operation (1), its first intents (2), the claims (3),
/// their outcome (4), the store's document (5), its outcome (6), and the outcome of files and environment with the intent of the process (7).
const WRITES_ON_PATH: u32 = 7;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn row(name: &str, figure: &str, floor: &str, ratio: &str, bound: &str) {
    println!("{name:<46} {figure:>14} {floor:>34} {ratio:>8} {bound:>10}");
}

fn request(username: &str, domain: Option<&str>) -> CreateStoreRequest {
    let body = serde_json::json!({ "username": username, "domain": domain, "storeDetails": { "owner": "Bench", "email": "bench@example-mail.com" } });
    CreateStoreRequest::from_json(&body).unwrap()
}

/// One durable write of a document the size of an operation.
async fn durable_write(dir: &Path) -> Duration {
    let repo = RedbStores::open(&dir.join("floor.redb"), Arc::new(SystemClock)).unwrap();
    let body = serde_json::json!({ "text": "x".repeat(20_000) });
    let mut times = Vec::new();
    for round in 0..50_u64 {
        let write =
            RowWrite { table: Table::Operations, id: "floor".into(), body: body.clone().into(), indexes: BTreeMap::new() };
        let expected = if round == 0 { Expected::Absent } else { Expected::Version(round) };
        let begun = Instant::now();
        repo.put(&write, expected, &Nonce(round.to_string()), Fence::NONE).await.unwrap();
        times.push(begun.elapsed());
    }
    median(times)
}

async fn answers(address: SocketAddr, host: &str) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { return false };
    let text = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    if stream.write_all(text.as_bytes()).await.is_err() {
        return false;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer.starts_with(b"HTTP/1.1 200")
}

/// Bare node running the example shop until its first 200.
async fn node_boot(tools: &Tools, user: Option<&User>, core: &Path) -> Duration {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let port = free_port().unwrap();
        let begun = Instant::now();
        let program = Program::new(&tools.node)
            .arg("app.js")
            .directory(core)
            .env("PORT", port.to_string())
            .env("NODE_ENV", "production")
            .env("STORE_NAME", "floor");
        let mut child = program.user(user.cloned()).spawn().unwrap();
        while !answers((Ipv4Addr::LOCALHOST, port).into(), "floor").await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(begun.elapsed());
        child.kill().await.unwrap();
    }
    median(times)
}

/// One more route: candidate, `-t`, rename, HUP, until no old worker accepts.
async fn route_commit(tools: &Tools, user: Option<&User>, dir: &Path, routes: u16) -> Duration {
    let listen = (Ipv4Addr::LOCALHOST, free_port().unwrap()).into();
    let settings = NginxSettings {
        binary: tools.nginx.clone(),
        prefix: dir.join("nginx"),
        listen,
        user: user.cloned(),
        workers: 2,
        patience: PATIENCE,
    };
    let proxy = NginxProxy::start(settings).await.unwrap();
    let mut table = RouteTable::default();
    for number in 0..routes {
        table.routes.insert(format!("s{number}.storex.com").parse().unwrap(), 4001.try_into().unwrap());
    }
    let mut generation = proxy.commit(&table, 0).await.unwrap().generation;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        table.routes.insert(format!("more{round}.storex.com").parse().unwrap(), 4002.try_into().unwrap());
        let begun = Instant::now();
        generation = proxy.commit(&table, generation).await.unwrap().generation;
        times.push(begun.elapsed());
    }
    proxy.shutdown().await.unwrap();
    median(times)
}

/// An installation of its own in this folder.
fn installation(dir: &Path, tools_prefix: &Path, core: PathBuf) -> storex_server::up::UpOptions {
    let [controller, agent, router, simulator] = [(); 4].map(|()| free_port().unwrap());
    let ports = storex_server::up::Ports { controller, agent, router, simulator };
    storex_server::up::UpOptions {
        data_dir: dir.join("up"),
        ports,
        store_ports: "24001-24100".parse().unwrap(),
        core,
        primary_domain: "storex.com".parse().unwrap(),
        routing: storex_core::record::Routing::Router,
        domains: storex_server::up::DomainOptions::default(),
        edge: storex_server::up::EdgeOptions::default(),
        cloudflare_token: None,
        mongodb: None,
        databases: storex_server::up::DatabaseOptions::default(),
        tool_prefixes: vec![tools_prefix.to_owned()],
        make_tokens: true,
        start_limit: Duration::from_secs(20),
    }
}

/// A whole installation: create until the first 200 through the router, and the Cloudflare calls it cost.
async fn creates(dir: &Path, tools_prefix: &Path, core: PathBuf) -> (Duration, f64, f64) {
    let options = installation(dir, tools_prefix, core);
    let ports = options.ports;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (ready, is_ready) = tokio::sync::oneshot::channel::<()>();
    let up = std::thread::spawn(move || {
        let stop = async move {
            let _ = stopped.await;
        };
        let ready = move |_: &storex_server::up::Announced| {
            let _ = ready.send(());
        };
        tokio::runtime::Runtime::new().unwrap().block_on(storex_server::up::run(options, stop, ready))
    });
    is_ready.await.expect("storex up did not become ready");
    let token = std::fs::read_to_string(dir.join("up/admin.token")).unwrap();
    let mut times = Vec::new();
    let mut calls = Vec::new();
    for round in 0..ROUNDS {
        let username = format!("bench{round}");
        let host = format!("{username}.storex.com");
        let before = cloudflare_calls(ports.simulator).await;
        let begun = Instant::now();
        let body =
            serde_json::json!({ "username": username, "storeDetails": { "owner": "Bench", "email": "bench@example-mail.com" } });
        let posting = tokio::spawn(post(ports.controller, token.trim().to_owned(), body));
        while !answers((Ipv4Addr::LOCALHOST, ports.router).into(), &host).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(begun.elapsed());
        finish(ports.controller, &token, posting.await.unwrap()).await;
        calls.push(cloudflare_calls(ports.simulator).await - before);
    }
    let system_calls = calls.iter().sum::<f64>() / calls.len() as f64;
    let before = cloudflare_calls(ports.simulator).await;
    for round in 0..5 {
        let body = serde_json::json!({
            "username": format!("domain{round}"), "domain": format!("bench-shop-{round}.com"),
            "storeDetails": { "owner": "Bench", "email": "bench@example-mail.com" }
        });
        let operation = post(ports.controller, token.trim().to_owned(), body).await;
        finish(ports.controller, &token, operation).await;
    }
    let domain_calls = (cloudflare_calls(ports.simulator).await - before) / 5.0;
    stop.send(()).unwrap();
    up.join().unwrap().unwrap();
    (median(times), system_calls, domain_calls)
}

/// A plain HTTP exchange; answers head and body.
async fn exchange(port: u16, text: String) -> (String, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

async fn post(port: u16, token: String, body: serde_json::Value) -> String {
    let body = body.to_string();
    let length = body.len();
    let head = format!("POST /api/stores HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n");
    let (head, answer) =
        exchange(port, format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")).await;
    let operation =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("operation-location: ").map(str::to_owned));
    operation.unwrap_or_else(|| panic!("no operation: {head} {answer}"))
}

async fn finish(port: u16, token: &str, operation: String) {
    let text = format!(
        "GET {operation}?wait=60 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        token.trim()
    );
    let (_, body) = exchange(port, text).await;
    assert!(body.contains("\"succeeded\""), "{body}");
}

async fn cloudflare_calls(port: u16) -> f64 {
    let (_, body) = exchange(port, "GET /__sim/calls HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned()).await;
    body.matches("\"sequence\"").count() as f64
}

/// Creates per second of system-only stores, many at a time, and the journal writes per step.
async fn throughput(controller: Controller, count: usize) -> f64 {
    let begun = Instant::now();
    let each = (0..count).map(|number| {
        let controller = controller.clone();
        async move {
            let (_, operation) = controller.create_store(&request(&format!("rate{number}"), None)).await.unwrap();
            let view = controller.wait_operation(&operation, Duration::from_mins(2)).await.unwrap();
            assert!(view.error.is_none(), "{view:?}");
        }
    });
    futures::stream::iter(each).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    count as f64 / begun.elapsed().as_secs_f64()
}

async fn on_redb(dir: &Path) -> f64 {
    let world = World::new().unwrap();
    let repo = RedbStores::open(&dir.join("rate.redb"), Arc::new(SystemClock)).unwrap();
    let controller = world.controller_with_repo(Arc::new(repo)).await.unwrap();
    controller.ensure_platform("http://localhost:3000").await.unwrap();
    throughput(controller, 300).await
}

async fn journal_writes_per_step() -> f64 {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (_, operation) = controller.create_store(&request("journal", Some("journal-shop.com"))).await.unwrap();
    controller.wait_operation(&operation, Duration::from_mins(1)).await.unwrap();
    let row = world.stores.get(Table::Operations, operation.as_str()).await.unwrap().unwrap();
    let steps = row.body.value()["steps"].as_array().unwrap().iter().filter(|step| step["state"] == "done").count();
    row.version as f64 / steps as f64
}

fn prefix() -> PathBuf {
    let own = std::env::var_os("STOREX_TOOLS").map(PathBuf::from);
    own.unwrap_or_else(|| {
        if rustix::process::geteuid().is_root() {
            "/opt/storex".into()
        } else {
            PathBuf::from(std::env::var_os("HOME").unwrap()).join(".local/share/storex")
        }
    })
}

#[tokio::main]
async fn main() {
    let dir = tempfile::Builder::new().prefix("storex-bench.").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let prefix = prefix();
    let tools = Tools::find(std::slice::from_ref(&prefix), &NamedTools::default()).unwrap();
    let user = rustix::process::geteuid().is_root().then(|| User::named("storex-apps").unwrap());
    let core = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/store-core");

    row("figure", "measured", "floor of the same run", "ratio", "bound");
    let write = durable_write(dir.path()).await;
    let boot = node_boot(&tools, user.as_ref(), &core).await;
    let commit = route_commit(&tools, user.as_ref(), dir.path(), 1).await;
    let (create, system_calls, domain_calls) = creates(dir.path(), &prefix, core).await;
    let floor = boot + commit + write * WRITES_ON_PATH;
    let parts = format!("{boot:.0?} + {commit:.0?} + {WRITES_ON_PATH}×{write:.1?}");
    row(
        "create → first 200 through the router",
        &format!("{create:.0?}"),
        &parts,
        &format!("{:.2}", create.as_secs_f64() / floor.as_secs_f64()),
        "≤ 1.25",
    );
    row("Cloudflare calls, system-only store", &format!("{system_calls:.2}"), "0", "", "0");
    row(
        "Cloudflare calls, custom domain",
        &format!("{domain_calls:.2}"),
        // Two calls make zone and records, three write its settings (one each: there is no call for several); the zone's policy goes with it unread.
        "2 + 3 settings + 1 read (zones carry no mark)",
        &format!("{:.2}", domain_calls / 6.0),
        "≤ 1.05",
    );
    row("journal writes per step", &format!("{:.2}", journal_writes_per_step().await), "", "", "≤ 2");
    let memory = World::new().unwrap();
    let rate = throughput(memory.ready_controller().await.unwrap(), 300).await;
    row("creates/s on memory", &format!("{rate:.0}"), "", "", "");
    row(
        "creates/s on redb, 100 at a time",
        &format!("{:.0}", on_redb(dir.path()).await),
        &format!("{:.0} durable writes/s alone", 1.0 / write.as_secs_f64()),
        "",
        "",
    );
}
