//! What a fleet costs at Cloudflare, counted by the simulator in virtual time with every limit Cloudflare publishes in force: 10,000 stores, three in
//! ten with a domain of their own. `cargo bench -p storex-tests --bench fleet -- 1000` runs a smaller fleet.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench program: it prints figures and may stop at once"
)]

use async_trait::async_trait;
use futures::StreamExt;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use storex_cloudflare::{CloudflareAccount, CloudflareClient};
use storex_core::record::{DomainRecord, Routing};
use storex_core::{
    Clock, Controller, CreateStoreRequest, DomainStrategy, DriftQuery, Lookup, OperationId, PortRange, ReconcileOptions, Secret,
    Settings, SingleHost, Table,
};
use storex_fakes::cloudflare::{Call, Delegation, Limits, OutsideRecord, RunningSimulator, Simulator};
use storex_fakes::{MemoryHost, MemoryNotifier, MemoryResolver, MemoryStores, SeededEntropy};
use tokio::sync::oneshot;

/// Stores when nobody says.
const STORES: usize = 10_000;
/// Stores of a group: begun together, and finished before the next group begins.
const GROUP: usize = 83;
/// Calls storex makes at most in any 300 s.
const BUDGET: usize = 1_080;
/// A sweep by itself may make one in so many of them: 2 %.
const SHARE: usize = 50;
const WINDOW: Duration = Duration::from_mins(5);
/// Reads of a sweep that do not grow with the fleet: the primary zone's records, the wildcard, the tunnel and its document.
const SWEEP: usize = 8;
/// Stores of the fleet whose tunnel leads straight to them: each has a rule, and a document holds 1,000.
const DIRECT: usize = 900;

/// How stores get domains of their own, and what that costs at least.
struct Strategy {
    name: &'static str,
    kind: DomainStrategy,
    /// Calls for a domain: those nothing can do without, and one read for each object that carries no mark.
    calls_per_domain: usize,
    /// Pages of lists that show a fleet of so many domains: what a sweep reads at least.
    pages: fn(usize) -> usize,
    /// Asks for a store with a domain.
    request: fn(usize) -> CreateStoreRequest,
}

/// Strategies in use. A zone takes its own listing of records, so that a sweep reads a page for each; custom hostnames stand 50 on a page.
const STRATEGIES: [Strategy; 2] = [
    Strategy {
        name: "custom hostname",
        kind: DomainStrategy::CustomHostname,
        calls_per_domain: 2,
        pages: |domains| domains.div_ceil(50),
        request: |number| request(number, Some(&format!("www.fleet-shop-{number}.com"))),
    },
    Strategy {
        name: "zone",
        kind: DomainStrategy::Zone,
        calls_per_domain: 3,
        pages: |domains| domains,
        request: |number| request(number, Some(&format!("fleet-shop-{number}.com"))),
    },
];

fn request(number: usize, domain: Option<&str>) -> CreateStoreRequest {
    let body = serde_json::json!({
        "username": format!("fleet{number}"), "domain": domain, "storeDetails": { "owner": "Bench", "email": "bench@example-mail.com" }
    });
    CreateStoreRequest::from_json(&body).unwrap()
}

/// Time that stands still while anything is being done, and jumps to the end of the earliest sleep when nothing is.
#[derive(Debug)]
struct VirtualClock {
    state: Mutex<Sleepers>,
    /// Raised whenever anybody asks for the time or sleeps: a sign that something is being done.
    asked: AtomicU64,
}

#[derive(Debug)]
struct Sleepers {
    now: Timestamp,
    waiting: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
    next: u64,
}

impl VirtualClock {
    fn new() -> Arc<Self> {
        let state = Sleepers { now: Timestamp::constant(1_767_225_600, 0), waiting: BTreeMap::new(), next: 0 };
        Arc::new(Self { state: Mutex::new(state), asked: AtomicU64::new(0) })
    }

    /// Ends the earliest sleep somebody still waits for.
    fn advance(&self) {
        let mut state = self.state.lock().unwrap();
        while let Some(((at, _), sleeper)) = state.waiting.pop_first() {
            if !sleeper.is_closed() {
                state.now = state.now.max(at);
                let _ = sleeper.send(());
                return;
            }
        }
    }

    /// Lets time pass for ever.
    async fn run(self: Arc<Self>) {
        let (mut seen, mut quiet) = (0, 0);
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let asked = self.asked.load(Ordering::Relaxed);
            quiet = if asked == seen { quiet + 1 } else { 0 };
            seen = asked;
            if quiet >= 2 {
                self.advance();
            }
        }
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.state.lock().unwrap().now
    }

    async fn sleep(&self, duration: Duration) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let ended = {
            let mut state = self.state.lock().unwrap();
            let (sender, receiver) = oneshot::channel();
            let key = (state.now + duration, state.next);
            state.next += 1;
            state.waiting.insert(key, sender);
            receiver
        };
        let _ = ended.await;
    }
}

/// A controller over the adapter over the simulator; everything else in memory.
struct Fleet {
    controller: Controller,
    simulator: RunningSimulator,
    stores: MemoryStores,
    dns: MemoryResolver,
    clock: Arc<VirtualClock>,
}

impl Fleet {
    async fn new(strategy: DomainStrategy, routing: Routing) -> Self {
        let clock = VirtualClock::new();
        let time = Arc::clone(&clock);
        let simulator = Simulator::builder().token("bench-0123456789").limits(Limits::published()).clock(move || time.now());
        let simulator = simulator.build().unwrap().start_on_loopback().await.unwrap();
        let client = CloudflareClient::builder()
            .base_url(simulator.base_url())
            .token(Secret::new("bench-0123456789".to_owned()))
            .clock(Arc::<VirtualClock>::clone(&clock))
            .loopback_only(true)
            .build()
            .unwrap();
        let primary = "storex.com".parse().unwrap();
        let account = CloudflareAccount::discover(&client, &primary).await.unwrap();
        let host = MemoryHost::new("4001-64000".parse::<PortRange>().unwrap()).with_clock(Arc::<VirtualClock>::clone(&clock));
        let mut settings = Settings::new(primary);
        // Hours pass in which nothing but a window of new zones is waited for: leases are not what is measured.
        settings.lease = Duration::from_hours(2);
        settings.domain_strategy = strategy;
        settings.routing = routing;
        let stores = MemoryStores::new(Arc::<VirtualClock>::clone(&clock));
        let dns = MemoryResolver::new();
        let controller = Controller::builder()
            .repo(Arc::new(stores.clone()))
            .dns(Arc::new(dns.clone()))
            .domains(Arc::new(account.domains()))
            .tunnel(Arc::new(account.tunnels()))
            .hosts(Arc::new(SingleHost(Arc::new(host))))
            .notifier(Arc::new(MemoryNotifier::default()))
            .clock(Arc::<VirtualClock>::clone(&clock))
            .entropy(Arc::new(SeededEntropy::new(7)))
            .build(settings)
            .await
            .unwrap();
        tokio::spawn(Arc::clone(&clock).run());
        controller.ensure_platform("http://localhost:3000").await.unwrap();
        Self { controller, simulator, stores, dns, clock }
    }

    async fn create(&self, request: &CreateStoreRequest) {
        let (_, operation) = self.controller.create_store(request).await.unwrap();
        let view = self.controller.wait_operation(&operation, Duration::from_hours(24)).await.unwrap();
        assert!(view.error.is_none(), "{view:?}");
    }

    /// Every merchant does at once what the answer to the create asks for.
    async fn follow_up(&self, strategy: &Strategy, requests: &[CreateStoreRequest]) {
        match strategy.kind {
            DomainStrategy::Zone => self.delegate(),
            _ => self.prove(requests).await,
        }
    }

    /// The documents of these domains.
    fn domains<'a>(&'a self, requests: &'a [CreateStoreRequest]) -> impl Iterator<Item = DomainRecord> + 'a {
        let own = requests.iter().filter_map(|request| request.domain.as_ref());
        own.map(|name| self.stores.row(Table::Domains, name.as_str()).unwrap().body.read().unwrap())
    }

    /// The proofs and the aliases are there, and the hostnames are made.
    async fn prove(&self, requests: &[CreateStoreRequest]) {
        for record in self.domains(requests) {
            let proof = record.proof.unwrap();
            self.dns.set(&proof.name, Lookup::Txt, &[&proof.value]);
            let target = record.target.unwrap().to_string();
            let alias = OutsideRecord { kind: "CNAME".to_owned(), content: target };
            self.simulator
                .change_internet(|internet| {
                    internet.records.insert(record.name.to_string(), vec![alias]);
                })
                .unwrap();
        }
        loop {
            self.controller.check_domains().await.unwrap();
            let waiting: Vec<DomainRecord> = self.domains(requests).filter(|record| record.hostname.is_none()).collect();
            let operations: Vec<OperationId> = waiting.iter().filter_map(|record| record.activation.clone()).collect();
            for operation in &operations {
                let view = self.controller.wait_operation(operation, Duration::from_hours(24)).await.unwrap();
                assert!(view.error.is_none(), "{view:?}");
            }
            if operations.len() == waiting.len() {
                return;
            }
            self.clock.sleep(Duration::from_secs(15)).await;
        }
    }

    /// Looks after the domains until all of them are active.
    async fn activate(&self, domains: &[CreateStoreRequest]) {
        while self.domains(domains).any(|record| record.hostname.is_none() || record.waits_on.is_some()) {
            while self.controller.check_domains().await.unwrap() > 0 {}
            self.clock.sleep(Duration::from_mins(1)).await;
        }
    }

    /// Every merchant delegates at once; Cloudflare notices in its own time.
    fn delegate(&self) {
        let zones = self.simulator.state().zones;
        self.simulator
            .change_internet(|internet| {
                for zone in zones {
                    internet.delegations.insert(zone.name.clone(), Delegation::to(zone.name_servers.clone()));
                }
            })
            .unwrap();
    }

    /// The calls since the last look.
    fn calls(&self) -> Vec<Call> {
        let calls = self.simulator.calls();
        self.simulator.clear_calls();
        calls
    }
}

/// Most calls in any window, whatever order they stand in.
fn peak(calls: &[Call]) -> usize {
    let mut times: Vec<Timestamp> = calls.iter().map(|call| call.at).collect();
    times.sort_unstable();
    let mut recent: VecDeque<Timestamp> = VecDeque::new();
    let mut most = 0;
    for at in times {
        recent.push_back(at);
        while recent.front().is_some_and(|first| *first + WINDOW <= at) {
            recent.pop_front();
        }
        most = most.max(recent.len());
    }
    most
}

fn row(name: &str, figure: &str, floor: &str, ratio: &str, bound: &str, holds: bool) {
    println!("{name:<46} {figure:>14} {floor:>34} {ratio:>8} {bound:>10}");
    assert!(holds, "{name}: {figure} is beyond {bound}");
}

async fn creates(fleet: &Fleet, strategy: &Strategy, stores: usize) -> usize {
    let (from, begun) = (fleet.clock.now(), Instant::now());
    let mut domains = 0;
    let requests: Vec<CreateStoreRequest> = (0..stores)
        .map(|number| {
            let own = number % 10 >= 7;
            domains += usize::from(own);
            if own { (strategy.request)(number) } else { request(number, None) }
        })
        .collect();
    for group in requests.chunks(GROUP) {
        futures::stream::iter(group).map(|request| fleet.create(request)).buffer_unordered(GROUP).collect::<Vec<()>>().await;
        fleet.follow_up(strategy, group).await;
    }
    let (calls, polls) = without_polls(fleet.calls());
    let (least, hours) = (domains * strategy.calls_per_domain, fleet.clock.now().duration_since(from).as_secs_f64() / 3600.0);
    let ratio = calls.len() as f64 / least as f64;
    println!(
        "{stores} stores, {domains} of them with a {} of their own, in {hours:.1} h of virtual time ({:.0?} real)",
        strategy.name,
        begun.elapsed()
    );
    puts(&calls, fleet, from, "0 needed");
    row(
        "calls to create them",
        &calls.len().to_string(),
        &format!("{least} needed"),
        &format!("{ratio:.3}"),
        "≤ 1.05",
        ratio <= 1.05,
    );
    refused_and_peak(&[calls, polls].concat(), "creating", BUDGET);
    if strategy.kind == DomainStrategy::CustomHostname {
        activation(fleet, &requests, domains).await;
    }
    domains
}

/// Writes of the tunnel's document since then: all changes within a window are one.
fn puts(calls: &[Call], fleet: &Fleet, from: Timestamp, floor: &str) -> usize {
    let puts = calls.iter().filter(|call| call.method == "PUT" && call.path.ends_with("/configurations")).count();
    let window = fleet.controller.settings().tunnel_window;
    let lasted = fleet.clock.now().duration_since(from).unsigned_abs();
    let most = usize::try_from(lasted.as_millis() / window.as_millis()).unwrap() + 1;
    let bound = format!("≤ {most}");
    row("PUTs, at most duration/window + 1", &puts.to_string(), floor, "", &bound, puts <= most);
    puts
}

/// Creates and removes stores that have a rule each in the tunnel's document.
async fn direct(stores: usize) {
    let fleet = Fleet::new(DomainStrategy::Zone, Routing::Direct).await;
    fleet.calls();
    let from = fleet.clock.now();
    let requests: Vec<CreateStoreRequest> = (0..stores).map(|number| request(number, None)).collect();
    futures::stream::iter(&requests).map(|request| fleet.create(request)).buffer_unordered(GROUP).collect::<Vec<()>>().await;
    println!("{stores} stores with a rule each, {GROUP} at a time");
    let calls = fleet.calls();
    let floor = format!("{} groups", stores.div_ceil(GROUP));
    let written = puts(&calls, &fleet, from, &floor);
    assert!(written > 0, "no rule was written");
    let document = fleet.simulator.state().tunnels.remove(0).configuration.unwrap();
    let rules = document.config.get("ingress").unwrap().as_array().unwrap().len();
    row("rules in the document", &rules.to_string(), &format!("{stores} and the platform's 2"), "", "", rules == stores + 2);
    refused_and_peak(&calls, "creating directly", BUDGET);
}

/// The calls that look at a hostname again: the first look at a name is part of making it.
fn without_polls(calls: Vec<Call>) -> (Vec<Call>, Vec<Call>) {
    let mut seen = BTreeSet::new();
    calls.into_iter().partition(|call| {
        let looks = call.method == "GET" && call.path.ends_with("/custom_hostnames") && call.query.contains("hostname=");
        !looks || seen.insert(call.query.clone())
    })
}

/// From made to active: looks as often as the domains' own life asks for.
async fn activation(fleet: &Fleet, requests: &[CreateStoreRequest], domains: usize) {
    fleet.activate(requests).await;
    let calls = fleet.calls();
    let per_domain = format!("{:.2}", calls.len() as f64 / domains as f64);
    let writes = calls.iter().filter(|call| call.mutating).count();
    row("looks until all are active", &calls.len().to_string(), &format!("{domains}, one each"), &per_domain, "", true);
    row("writes until all are active", &writes.to_string(), "0", "", "0", writes == 0);
    refused_and_peak(&calls, "looking", BUDGET);
}

fn refused_and_peak(calls: &[Call], while_what: &str, most: usize) {
    let refused = calls.iter().filter(|call| call.status == Some(429)).count();
    row(&format!("answers 429 while {while_what}"), &refused.to_string(), "0", "", "0", refused == 0);
    let peak = peak(calls);
    row(&format!("calls in any 300 s while {while_what}"), &peak.to_string(), "", "", &format!("≤ {most}"), peak <= most);
}

/// One look at the platform and every store of a fleet in which nothing has drifted.
async fn sweep(fleet: &Fleet, strategy: &Strategy, domains: usize) {
    let mut token = None;
    loop {
        let options = ReconcileOptions::of(DriftQuery::page(token, 200));
        let report = storex_cloudflare::in_background(fleet.controller.reconcile(&options)).await.unwrap();
        assert!(report.drift.is_empty() && report.operations.is_empty(), "{:?}", report.drift.first());
        token = report.next_page_token;
        if token.is_none() {
            break;
        }
    }
    let calls = fleet.calls();
    let writes = calls.iter().filter(|call| call.mutating).count();
    row("writes of a drift sweep in sync", &writes.to_string(), "0", "", "0", writes == 0);
    let (reads, pages) = (calls.len() - writes, (strategy.pages)(domains));
    let ratio = format!("{:.3}", reads as f64 / pages as f64);
    row(
        "reads of a drift sweep in sync",
        &reads.to_string(),
        &format!("{pages} pages"),
        &ratio,
        &format!("≤ p + {SWEEP}"),
        reads <= pages + SWEEP,
    );
    refused_and_peak(&calls, "sweeping at once", BUDGET);
}

/// The reconciler by itself, for some of its hours.
async fn pace(fleet: &Fleet, list: usize) {
    let until = fleet.clock.now() + Duration::from_hours(1);
    let reconciler = storex_cloudflare::in_background(fleet.controller.run_reconciler());
    let enough = async {
        while fleet.clock.now() < until {
            fleet.clock.sleep(Duration::from_mins(1)).await;
        }
    };
    tokio::select! { () = reconciler => {}, () = enough => {} }
    let calls = fleet.calls();
    let share = 12 * BUDGET.div_ceil(SHARE);
    assert!(calls.len() > SWEEP, "the reconciler looked at nothing");
    let name = "calls of an hour of sweeps";
    row(name, &calls.len().to_string(), "", "", &format!("≤ {share}"), calls.len() <= share);
    // A list of hostnames is read at once; the pause that pays for it comes after.
    refused_and_peak(&calls, "the reconciler sweeps", BUDGET.div_ceil(SHARE) + SWEEP + list);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let stores = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(STORES);
    println!("{:<46} {:>14} {:>34} {:>8} {:>10}", "figure", "measured", "floor of the same run", "ratio", "bound");
    for strategy in &STRATEGIES {
        let fleet = Fleet::new(strategy.kind, Routing::Router).await;
        fleet.calls();
        let domains = creates(&fleet, strategy, stores).await;
        sweep(&fleet, strategy, domains).await;
        let list = if strategy.kind == DomainStrategy::CustomHostname { (strategy.pages)(domains) } else { 0 };
        pace(&fleet, list).await;
    }
    direct(stores.min(DIRECT)).await;
}
