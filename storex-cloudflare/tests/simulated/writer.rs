//! The tunnel's one writer over HTTP: stores come and go on two controllers, and no rule of theirs or of a stranger is lost.

use crate::setup::{Bench, TOKEN, bench, outsider};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use storex_core::operation::OperationState;
use storex_core::record::Routing;
use storex_core::{
    Claim, ClaimOutcome, Clock, Controller, CreateStoreRequest, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row,
    RowPage, RowWrite, Settings, SingleHost, StoreRepo, SystemClock, Table, Wakeups,
};
use storex_fakes::{MemoryHost, MemoryNotifier, MemoryStores};

const STORES: usize = 24;
const WINDOW: Duration = Duration::from_millis(400);

/// The repo as a controller sees it that shares neither lease nor ledger of the tunnel with others: the control.
#[derive(Debug)]
struct Alone(MemoryStores, &'static str);

impl Alone {
    fn id(&self, id: &str) -> String {
        if id.starts_with("tunnel_") { format!("{id}@{}", self.1) } else { id.to_owned() }
    }
}

#[async_trait]
impl StoreRepo for Alone {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.0.get(table, &self.id(id)).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        let write = RowWrite { id: self.id(&write.id), ..write.clone() };
        self.0.put(&write, expected, nonce, fence).await
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

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        self.0.release(namespace, name, owner, fence).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        let name = if lease.name.starts_with("tunnel:") { format!("{}@{}", lease.name, self.1) } else { lease.name.clone() };
        self.0.acquire(&Lease { name, ..lease.clone() }).await
    }

    fn wakeups(&self) -> Wakeups {
        self.0.wakeups()
    }
}

async fn controller(bench: &Bench, repo: Arc<dyn StoreRepo>, host: &MemoryHost) -> Controller {
    let mut settings = Settings::new("storex.com".parse().unwrap());
    settings.routing = Routing::Direct;
    settings.tunnel_window = WINDOW;
    settings.first_pause = Duration::from_millis(50);
    Controller::builder()
        .repo(repo)
        .domains(Arc::new(bench.domains.clone()))
        .tunnel(Arc::new(bench.tunnels.clone()))
        .hosts(Arc::new(SingleHost(Arc::new(host.clone()))))
        .notifier(Arc::new(MemoryNotifier::default()))
        .build(settings)
        .await
        .unwrap()
}

/// What a trial found.
#[derive(Debug, Default)]
struct Findings {
    /// Stores' rules that are not there, operations that did not succeed, rules of strangers that are not as they left them.
    problems: Vec<String>,
    puts: usize,
    allowed: usize,
}

const THEIRS: &str = r#"{"hostname":"*.Theirs.com","service":"http://10.0.0.1:80","originRequest":{"connectTimeout":5,"from-next-year":[1,2.5,null]}}"#;

/// A stranger writes the configuration with a rule of theirs, as a dashboard does.
async fn stranger(bench: &Bench, tunnel: &str) {
    let url = format!("{}/accounts/{}/cfd_tunnel/{tunnel}/configurations", bench.simulator.base_url(), bench.account.id());
    let client = outsider();
    let mut config =
        client.get(&url).bearer_auth(TOKEN).send().await.unwrap().json::<Value>().await.unwrap()["result"]["config"].clone();
    config["ingress"].as_array_mut().unwrap().insert(0, serde_json::from_str(THEIRS).unwrap());
    config["from-next-year"] = json!({"x": 0.1});
    let put = client.put(&url).bearer_auth(TOKEN).json(&json!({ "config": config })).send().await.unwrap();
    assert!(put.status().is_success());
}

async fn trial(shared: bool) -> Findings {
    let bench = bench().await;
    let (stores, host) = (MemoryStores::new(Arc::new(SystemClock)), MemoryHost::new("4001-4999".parse().unwrap()));
    let repo =
        |name| -> Arc<dyn StoreRepo> { if shared { Arc::new(stores.clone()) } else { Arc::new(Alone(stores.clone(), name)) } };
    let controllers = [controller(&bench, repo("a"), &host).await, controller(&bench, repo("b"), &host).await];
    controllers[0].ensure_platform("http://localhost:3000").await.unwrap();
    assert!(controllers[1].adopt_platform().await.unwrap());
    let tunnel = bench.simulator.state().tunnels[0].id.clone();
    bench.simulator.attach_connector(&tunnel).unwrap();
    stranger(&bench, &tunnel).await;
    bench.simulator.clear_calls();
    let begun = SystemClock.now();
    let creations = (0..STORES).map(|number| {
        let controller = controllers[number % 2].clone();
        async move {
            tokio::time::sleep(Duration::from_millis(number as u64 * 60)).await;
            let request = json!({"username": format!("shop{number}"), "storeDetails": {"owner": "A", "email": "a@example.com"}});
            let (_, operation) = controller.create_store(&CreateStoreRequest::from_json(&request).unwrap()).await?;
            controller.wait_operation(&operation, Duration::from_mins(1)).await
        }
    });
    let mut found = Findings::default();
    for (number, outcome) in futures::future::join_all(creations).await.into_iter().enumerate() {
        match outcome {
            Ok(view) if view.state == OperationState::Succeeded => {}
            Ok(view) => found.problems.push(format!("shop{number} is {:?}: {:?}", view.state, view.error)),
            Err(error) => found.problems.push(format!("shop{number}: {error}")),
        }
    }
    let put = |call: &storex_fakes::cloudflare::Call| call.method == "PUT";
    found.puts = bench.simulator.calls().iter().filter(|call| put(call)).count();
    found.allowed =
        usize::try_from(SystemClock.now().duration_since(begun).unsigned_abs().as_millis() / WINDOW.as_millis()).unwrap() + 1;
    for controller in controllers {
        controller.stop().await;
    }
    let config = bench.simulator.state().tunnels[0].configuration.clone().unwrap().config;
    let rules: Vec<String> = config["ingress"].as_array().unwrap().iter().map(Value::to_string).collect();
    let missing = (0..STORES)
        .map(|number| format!("\"shop{number}.storex.com\""))
        .filter(|name| !rules.iter().any(|rule| rule.contains(name)));
    found.problems.extend(missing.map(|name| format!("no rule for {name}")));
    if rules.iter().filter(|rule| *rule == THEIRS).count() != 1 || config["from-next-year"] != json!({"x": 0.1}) {
        found.problems.push("what the stranger wrote is not as they left it".to_owned());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_no_rule_is_lost_and_changes_share_writes() {
    let found = trial(true).await;
    println!(
        "over HTTP: {} problems of {STORES} stores, {} writes of at most {}",
        found.problems.len(),
        found.puts,
        found.allowed
    );
    assert_eq!(found.problems, Vec::<String>::new());
    assert!(found.puts > 0 && found.puts <= found.allowed && found.puts < STORES, "{found:?}");
    let control = trial(false).await;
    println!("control, each writer alone: {} problems, such as {:?}", control.problems.len(), control.problems.first());
    assert!(!control.problems.is_empty(), "the fence is not needed");
}
