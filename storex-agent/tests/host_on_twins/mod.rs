//! An agent over twins of what a machine has: files, processes and routes in memory, a router that is one small HTTP server, a ledger in
//! a temporary directory.
#![expect(dead_code, reason = "each test program uses its share")]

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storex_agent::{Agent, AgentBuilder, Listening};
use storex_core::{
    Clock, Code, Committed, EffectCx, EffectId, EnvironmentFacts, Epoch, Error, FilesFacts, Hostname, Mark, OperationId, Part,
    Port, ProcessFacts, ProcessSpec, ProcessSupervisor, ProxyWriter, Result, RouteTable, StoreFiles, StoreHost, StoreId,
    StorePackage, Subject, SupervisorInfo, SystemClock, TreeFacts,
};
use storex_fakes::laws::store_host::Hand;
use storex_fakes::{FaultScript, MemoryFiles, MemoryProcesses, MemoryProxy};

/// A machine without an agent. Clones are the same machine.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) files: MemoryFiles,
    pub(crate) processes: MemoryProcesses,
    pub(crate) proxy: MemoryProxy,
    pub(crate) sockets: TableSockets,
    pub(crate) script: FaultScript,
    ledger: Arc<tempfile::TempDir>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            files: MemoryFiles::default(),
            processes: MemoryProcesses::new(Arc::new(SystemClock)),
            proxy: MemoryProxy::default(),
            sockets: TableSockets::default(),
            script: FaultScript::new(),
            ledger: Arc::new(tempfile::tempdir().unwrap()),
        }
    }

    pub(crate) fn ledger(&self) -> &Path {
        self.ledger.path()
    }

    /// An agent that is not open yet, quick enough for tests.
    pub(crate) fn builder(&self) -> AgentBuilder {
        self.builder_by(Arc::new(SystemClock))
    }

    /// The same, by this clock.
    pub(crate) fn builder_by(&self, clock: Arc<dyn Clock>) -> AgentBuilder {
        let proxy = Arc::new(self.proxy.clone());
        self.quick(Agent::builder(Arc::new(self.files.clone()), Arc::new(self.processes.clone()), proxy, clock))
    }

    /// The same, with every mutating call of files, processes and router under the fault script.
    pub(crate) fn faulty_builder(&self) -> AgentBuilder {
        let script = || self.script.clone();
        let files = Scripted { inner: self.files.clone(), script: script() };
        let processes = Scripted { inner: self.processes.clone(), script: script() };
        let proxy = Scripted { inner: self.proxy.clone(), script: script() };
        self.quick(Agent::builder(Arc::new(files), Arc::new(processes), Arc::new(proxy), Arc::new(SystemClock)))
    }

    fn quick(&self, builder: AgentBuilder) -> AgentBuilder {
        let builder = builder.debounce(Duration::from_millis(2)).start_limit(Duration::from_millis(500));
        builder.listening(Arc::new(self.sockets.clone()))
    }

    pub(crate) async fn agent(&self) -> Agent {
        self.builder().open(self.ledger()).await.unwrap()
    }

    /// The machine was restarted: nothing runs.
    pub(crate) async fn reboot(&self) {
        for facts in self.processes.list().await.unwrap() {
            let store = facts.spec.store;
            self.processes.remove(&context(&store, 0, 0, false), &store).await.unwrap();
        }
    }

    /// The process of the store, while it lives.
    pub(crate) async fn pid(&self, store: &StoreId) -> Option<u32> {
        self.processes.list().await.unwrap().iter().find(|facts| facts.spec.store == *store)?.pid
    }

    /// Returns once the supervisor knows a process of the store.
    pub(crate) async fn started(&self, store: &StoreId) {
        while self.pid(store).await.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Which parts of the store are really there.
    pub(crate) async fn standing(&self, store: &StoreId) -> BTreeSet<Part> {
        let files = self.files.find(store).await.unwrap();
        let runs = self.pid(store).await.is_some();
        let (_, table) = self.proxy.load().await.unwrap();
        let routed = table.routes.contains_key(&name(store, "storex.com"));
        let there = [files.tree.is_some(), files.environment.is_some(), runs, routed];
        Part::ALL.into_iter().zip(there).filter(|(_, there)| *there).map(|(part, _)| part).collect()
    }

    /// Starts the router: it answers as Nginx with storex's map does.
    pub(crate) async fn router(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        address
    }
}

/// A hand that reaches what the machine has.
pub(crate) struct MachineHand(pub(crate) Machine);

impl std::fmt::Debug for MachineHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MachineHand")
    }
}

/// The context of a change nobody ordered.
fn by_hand(store: &StoreId) -> EffectCx {
    context(store, 0, 0, false)
}

#[async_trait]
impl Hand for MachineHand {
    /// Removes the directory, changes the environment, stops the process, takes one row out of the router's table.
    async fn change(&self, store: &StoreId, part: Part) -> Result<()> {
        let Machine { files, processes, proxy, .. } = &self.0;
        match part {
            Part::Files => files.remove_tree(&by_hand(store), store).await,
            Part::Environment => {
                let mut environment = files.environment(store).unwrap_or_default();
                environment.insert("BACKDOOR".to_owned(), json!("open"));
                let changed = StorePackage { environment, ..package(&store.to_string(), 1024) };
                files.ensure_environment(&by_hand(store), &changed).await.map(drop)
            }
            Part::Process => processes.stop(&by_hand(store), store).await,
            Part::Route => {
                let (generation, mut table) = proxy.load().await?;
                table.routes.remove(&name(store, "storex.com"));
                proxy.commit(&table, generation).await.map(drop)
            }
        }
    }
}

async fn answer(State(machine): State<Machine>, headers: HeaderMap) -> (StatusCode, String) {
    let name: Option<Hostname> = headers.get("host").and_then(|host| host.to_str().ok()?.parse().ok());
    let Some(port) = name.and_then(|name| machine.proxy.route(&name)) else {
        return (StatusCode::MISDIRECTED_REQUEST, String::new());
    };
    let processes = machine.processes.list().await.unwrap();
    match processes.iter().find(|facts| facts.spec.port == port && facts.pid.is_some()) {
        Some(facts) => (StatusCode::OK, json!({ "status": "ok", "store_id": facts.spec.store }).to_string()),
        None => (StatusCode::BAD_GATEWAY, String::new()),
    }
}

/// The store's host name below this domain.
pub(crate) fn name(store: &StoreId, below: &str) -> Hostname {
    format!("{}.{below}", store.username()).parse().unwrap()
}

/// The specification's package for a store on this port.
pub(crate) fn package(store: &str, port: u16) -> StorePackage {
    let store: StoreId = store.parse().unwrap();
    let environment = json!({
        "PORT": port, "NODE_ENV": "production", "DB_NAME": format!("store_{}", store.username()), "DB_PASSWORD": "correct horse",
        "DOMAIN": name(&store, "shops.com"), "INTERNAL_DOMAIN": name(&store, "storex.com"),
    });
    let value = json!({
        "store_id": store, "directory": format!("/stores/{}", store.username()), "environment": environment,
        "symlinks": { "core_components": ["models", "middleware", "utils"], "static_assets": ["public", "templates"] },
    });
    serde_json::from_value(value).unwrap()
}

/// The context of step `step` of the store's one operation, in epoch `epoch`.
pub(crate) fn context(store: &StoreId, epoch: u64, step: usize, undo: bool) -> EffectCx {
    let operation: OperationId = format!("op_{:032x}", 7).parse().unwrap();
    let effect = EffectId::of(&operation, step, undo);
    let mark = Mark { instance: "00ab12cd".parse().unwrap(), subject: Subject::Store(store.digits()), effect };
    EffectCx { mark, epoch: Epoch(epoch), deadline: "2100-01-01T00:00:00Z".parse().unwrap() }
}

/// Applies every part as steps 1 to 4 of epoch 1.
pub(crate) async fn apply_all(host: &dyn StoreHost, package: &StorePackage) -> Result<()> {
    for (step, part) in (1..).zip(Part::ALL) {
        host.apply(&context(&package.store_id, 1, step, false), package, part).await?;
    }
    Ok(())
}

/// Withdraws every part as the undo of steps 4 to 1 of epoch 1.
pub(crate) async fn withdraw_all(host: &dyn StoreHost, store: &StoreId) -> Result<()> {
    for (step, part) in (1..).zip(Part::ALL).collect::<Vec<_>>().into_iter().rev() {
        host.withdraw(&context(store, 1, step, true), store, part).await?;
    }
    Ok(())
}

/// Who listens, by decree.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableSockets(Arc<Mutex<(BTreeSet<u16>, BTreeSet<u16>)>>);

impl TableSockets {
    /// No process gets to listen on this port.
    pub(crate) fn silence(&self, port: u16) {
        self.0.lock().unwrap().0.insert(port);
    }

    /// Processes listen on the port again.
    pub(crate) fn unsilence(&self, port: u16) {
        self.0.lock().unwrap().0.remove(&port);
    }

    /// Another program listens on this port.
    pub(crate) fn occupy(&self, port: u16) {
        self.0.lock().unwrap().1.insert(port);
    }
}

#[async_trait]
impl Listening for TableSockets {
    async fn is_served(&self, _pid: u32, port: Port) -> bool {
        let table = self.0.lock().unwrap();
        !table.0.contains(&port.get()) && !table.1.contains(&port.get())
    }

    async fn is_taken(&self, port: Port) -> bool {
        self.0.lock().unwrap().1.contains(&port.get())
    }
}

/// A capability whose mutating calls are under a fault script: `files.ensure_tree`, `processes.start`, `proxy.commit`, …
#[derive(Debug)]
struct Scripted<T> {
    inner: T,
    script: FaultScript,
}

#[async_trait]
impl StoreFiles for Scripted<MemoryFiles> {
    async fn ensure_tree(&self, cx: &EffectCx, package: &StorePackage) -> Result<TreeFacts> {
        self.script.call("files.ensure_tree", &package.store_id.to_string(), self.inner.ensure_tree(cx, package)).await
    }

    async fn ensure_environment(&self, cx: &EffectCx, package: &StorePackage) -> Result<EnvironmentFacts> {
        self.script
            .call("files.ensure_environment", &package.store_id.to_string(), self.inner.ensure_environment(cx, package))
            .await
    }

    async fn find(&self, store: &StoreId) -> Result<FilesFacts> {
        self.inner.find(store).await
    }

    async fn list(&self) -> Result<Vec<StoreId>> {
        self.script.call("files.list", "", self.inner.list()).await
    }

    async fn remove_tree(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        self.script.call("files.remove_tree", &store.to_string(), self.inner.remove_tree(cx, store)).await
    }

    async fn remove_environment(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        self.script.call("files.remove_environment", &store.to_string(), self.inner.remove_environment(cx, store)).await
    }
}

#[async_trait]
impl ProcessSupervisor for Scripted<MemoryProcesses> {
    async fn info(&self) -> Result<SupervisorInfo> {
        self.inner.info().await
    }

    async fn list(&self) -> Result<Vec<ProcessFacts>> {
        self.script.call("processes.list", "", self.inner.list()).await
    }

    async fn start(&self, cx: &EffectCx, spec: &ProcessSpec) -> Result<ProcessFacts> {
        self.script.call("processes.start", &spec.store.to_string(), self.inner.start(cx, spec)).await
    }

    async fn stop(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        self.inner.stop(cx, store).await
    }

    async fn remove(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        self.script.call("processes.remove", &store.to_string(), self.inner.remove(cx, store)).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        self.inner.log_tail(store, lines).await
    }
}

/// A router of which every name that begins with `refused` is quarantined.
#[async_trait]
impl ProxyWriter for Scripted<MemoryProxy> {
    async fn load(&self) -> Result<(u64, RouteTable)> {
        self.inner.load().await
    }

    async fn check(&self, table: &RouteTable) -> Result<()> {
        self.inner.check(table).await
    }

    async fn commit(&self, table: &RouteTable, expected_generation: u64) -> Result<Committed> {
        let quarantined: Vec<Hostname> =
            table.routes.keys().filter(|name| name.as_str().starts_with("refused")).cloned().collect();
        let mut taken = table.clone();
        taken.routes.retain(|name, _| !quarantined.contains(name));
        let call = async {
            let committed = self.inner.commit(&taken, expected_generation).await?;
            Ok(Committed { quarantined, ..committed })
        };
        self.script.call("proxy.commit", "", call).await
    }
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Code {
    outcome.unwrap_err().code()
}

/// The value at a pointer of a JSON text.
pub(crate) fn at(text: &[u8], pointer: &str) -> Value {
    serde_json::from_slice::<Value>(text).unwrap().pointer(pointer).cloned().unwrap_or_default()
}
