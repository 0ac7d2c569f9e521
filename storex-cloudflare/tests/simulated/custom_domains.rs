//! A controller over the adapter over HTTP: custom domains by both strategies, through every state of the simulator's state machines.

use crate::setup::{TOKEN, client};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use storex_cloudflare::{CloudflareAccount, CloudflareResolver};
use storex_core::operation::OperationState;
use storex_core::record::DomainRecord;
use storex_core::{
    Clock, ConfigurationStatus, Controller, CreateStoreRequest, DomainProvider, Lookup, OperationId, Resolver, Settings,
    SingleHost, StoreRepo, StoreView, SystemClock, Table,
};
use storex_fakes::cloudflare::{Delegation, Limits, OutsideRecord, RunningSimulator, Simulator};
use storex_fakes::{MemoryHost, MemoryNotifier, MemoryStores};

const HOST: &str = "www.oceanbreezestore.com";
/// How much faster than the machine's the clock of these tests runs.
const FASTER: i64 = 50;

/// A clock that runs fast and can be moved on; everything here goes by it, Cloudflare too.
#[derive(Debug)]
struct FastClock {
    start: Timestamp,
    moved: AtomicI64,
}

impl FastClock {
    fn new() -> Arc<Self> {
        Arc::new(Self { start: SystemClock.now(), moved: AtomicI64::new(0) })
    }

    fn advance(&self, time: Duration) {
        self.moved.fetch_add(time.as_secs().cast_signed(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let real = SystemClock.now().duration_since(self.start).as_millis();
        let fast = i64::try_from(real).unwrap_or(i64::MAX).saturating_mul(FASTER);
        self.start + SignedDuration::from_millis(fast) + SignedDuration::from_secs(self.moved.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / u32::try_from(FASTER).unwrap_or(1)).await;
    }
}

struct Scene {
    clock: Arc<FastClock>,
    simulator: RunningSimulator,
    repo: MemoryStores,
    controller: Controller,
}

async fn scene(change: impl FnOnce(&mut Settings)) -> Scene {
    let clock = FastClock::new();
    let ticking = Arc::clone(&clock);
    let builder = Simulator::builder().token(TOKEN).limits(Limits::published()).clock(move || ticking.now());
    let simulator = builder.build().expect("a simulator").start_on_loopback().await.expect("a port");
    let shared: Arc<dyn Clock> = clock.clone();
    // The clock's minute is a second of the machine, so limits in its time are generous.
    let client = client(&simulator.base_url()).clock(Arc::clone(&shared)).hard_deadline(Duration::from_mins(10)).build();
    let client = client.expect("a client");
    let account = CloudflareAccount::discover(&client, &"storex.com".parse().unwrap()).await.expect("the primary zone");
    let mut settings = Settings::new("storex.com".parse().unwrap());
    (settings.effect_limit, settings.lease, settings.answer_limit) =
        (Duration::from_mins(10), Duration::from_mins(10), Duration::from_mins(10));
    change(&mut settings);
    let repo = MemoryStores::new(Arc::clone(&shared));
    let documents: Arc<dyn StoreRepo> = Arc::new(repo.clone());
    let controller = Controller::builder()
        .repo(documents)
        .domains(Arc::new(account.domains()))
        .dns(Arc::new(CloudflareResolver::at(&simulator.resolver_url(), true).expect("a resolver")))
        .tunnel(Arc::new(account.tunnels()))
        .hosts(Arc::new(SingleHost(Arc::new(MemoryHost::new("4001-4099".parse().unwrap()).with_clock(Arc::clone(&shared))))))
        .notifier(Arc::new(MemoryNotifier::default()))
        .clock(shared)
        .build(settings)
        .await
        .expect("a controller");
    controller.ensure_platform("http://localhost:3000").await.expect("a platform");
    Scene { clock, simulator, repo, controller }
}

impl Scene {
    async fn create(&self, domain: &str, strategy: &str) -> StoreView {
        let body = json!({ "username": "oceanbreeze", "domain": domain, "domain_strategy": strategy,
            "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
        let (created, operation) =
            self.controller.create_store(&CreateStoreRequest::from_json(&body).unwrap()).await.expect("created");
        self.rest(&operation).await;
        self.controller.get_store(&created.store_id).await.expect("the store")
    }

    async fn rest(&self, operation: &OperationId) {
        let view = self.controller.wait_operation(operation, Duration::from_hours(2)).await.expect("an operation");
        assert_eq!(view.state, OperationState::Succeeded, "{view:#?}");
    }

    fn domain(&self, name: &str) -> DomainRecord {
        self.repo.row(Table::Domains, name).expect("the domain").body.read().expect("a domain")
    }

    fn dns(&self, name: &str, kind: &str, content: &str) {
        self.simulator.set_outside_records(name, vec![OutsideRecord::new(kind, content)]).expect("no file");
    }

    /// Lets time pass and looks after the domains, until this holds of the domain's document.
    async fn until(&self, name: &str, what: &str, holds: impl Fn(&DomainRecord) -> bool) -> DomainRecord {
        for _ in 0..600 {
            let record = self.domain(name);
            if holds(&record) {
                return record;
            }
            // An operation that was begun goes on in the machine's time.
            let pause = if record.activation.is_some() { Duration::from_millis(20) } else { Duration::from_millis(1) };
            tokio::time::sleep(pause).await;
            self.clock.advance(Duration::from_mins(10));
            self.controller.check_domains().await.expect("looked at");
        }
        unreachable!("{what}: {:#?}", self.domain(name));
    }

    fn count(&self, call: &str) -> u64 {
        self.simulator.counts().routes.iter().filter(|(route, _)| route.contains(call)).map(|(_, count)| *count).sum()
    }
}

fn waits_on(who: &'static str, what: &'static str) -> impl Fn(&DomainRecord) -> bool {
    move |record| record.waits_on.as_ref().is_some_and(|waits| waits.who == who && waits.what.contains(what))
}

fn active(record: &DomainRecord) -> bool {
    record.waits_on.is_none()
}

#[tokio::test]
async fn a_custom_hostname_goes_its_way_to_active_to_moved_and_back_and_goes_with_its_store() {
    let scene = scene(|settings| settings.custom_hostnames = true).await;
    let primary = scene.simulator.state().zones[0].clone();
    assert_eq!(primary.fallback.as_ref().map(|fallback| fallback.status.as_str()), Some("active"), "the platform waited for it");

    let store = scene.create(HOST, "custom_hostname").await;
    assert_eq!(store.created.configuration.nameservers, Vec::<String>::new());
    assert_eq!(scene.count("POST /zones/{zone}/custom_hostnames"), 0, "not before the proof");
    let proof = scene.domain(HOST).proof.expect("a proof");
    scene.dns(&proof.name, "TXT", &proof.value);
    scene.until(HOST, "made", |record| record.hostname.is_some()).await;
    scene.until(HOST, "the CNAME", waits_on("owner", "shops.storex.com")).await;
    scene.dns(HOST, "CNAME", "shops.storex.com");
    scene.until(HOST, "active", active).await;
    let view = scene.controller.get_store(&store.created.store_id).await.expect("the store");
    assert_eq!(view.created.configuration.status, ConfigurationStatus::Active);
    assert_eq!(scene.simulator.visit(HOST).outcome, "no_connector", "it leads to the tunnel, which nobody runs here");
    assert_eq!(scene.count("POST /zones/{zone}/custom_hostnames"), 1);

    scene.simulator.set_outside_records(HOST, Vec::new()).expect("no file");
    scene.until(HOST, "moved", waits_on("owner", "again")).await;
    scene.dns(HOST, "CNAME", "shops.storex.com");
    scene.until(HOST, "active again", active).await;
    assert!(scene.count("PATCH /zones/{zone}/custom_hostnames") > 0, "only a PATCH starts it anew");

    let operation = scene.controller.delete_store(&store.created.store_id).await.expect("deleting");
    scene.rest(&operation).await;
    assert_eq!(scene.simulator.state().zones[0].hostnames.len(), 0);
    assert_eq!(scene.simulator.counts().statuses.get(&429), None, "nothing was ever sent too often");
}

#[tokio::test]
async fn a_custom_hostname_that_somebody_holds_is_blocked_until_it_is_asked_for_again() {
    let scene = scene(|settings| settings.custom_hostnames = true).await;
    scene.simulator.change_internet(|internet| internet.held.extend(["oceanbreezestore.com".to_owned()])).expect("no file");
    scene.create(HOST, "custom_hostname").await;
    let proof = scene.domain(HOST).proof.expect("a proof");
    scene.dns(&proof.name, "TXT", &proof.value);
    scene.dns(HOST, "CNAME", "shops.storex.com");
    scene.until(HOST, "blocked", waits_on("operator", "blocks")).await;
    scene.simulator.change_internet(|internet| internet.held.clear()).expect("no file");
    scene.until(HOST, "active", active).await;
}

#[tokio::test]
async fn a_zone_is_active_once_its_registrar_names_its_servers_and_is_not_asked_about_more_than_once_an_hour() {
    let scene = scene(|_| {}).await;
    let name = "oceanbreezestore.com";
    scene.create(name, "zone").await;
    let before = scene.simulator.counts().total;
    for _ in 0..24 {
        scene.clock.advance(Duration::from_hours(1));
        scene.controller.check_domains().await.expect("looked at");
    }
    assert_eq!(scene.simulator.counts().total, before, "a zone nobody delegated costs no call of the API");
    scene.simulator.delegate_here(name).expect("no file");
    scene.until(name, "active", active).await;
    assert!(scene.count("activation_check") <= 1, "{}", scene.count("activation_check"));
    let store = scene.controller.list_stores(1, None).await.expect("stores").stores.remove(0);
    assert_eq!(store.created.configuration.status, ConfigurationStatus::Active);
    // Its registrar changes its mind: the next day's look says so.
    scene.simulator.delegate(name, Delegation::to(["ns1.elsewhere.net", "ns2.elsewhere.net"])).expect("no file");
    scene.until(name, "moved", waits_on("owner", "again")).await;
    assert_eq!(scene.simulator.counts().statuses.get(&429), None, "nothing was ever sent too often");
}

#[tokio::test]
async fn the_public_dns_is_read_as_it_is_written() {
    let simulator = Simulator::builder().token(TOKEN).build().expect("a simulator").start_on_loopback().await.expect("a port");
    let resolver = CloudflareResolver::at(&simulator.resolver_url(), true).expect("a resolver");
    let long = "x".repeat(300);
    let texts = ["say \"hi\" \\", long.as_str()].map(|text| OutsideRecord::new("TXT", text));
    simulator.set_outside_records("_storex-challenge.a.com", texts.to_vec()).expect("no file");
    simulator.set_outside_records("alias.a.com", vec![OutsideRecord::new("CNAME", "_storex-challenge.a.com")]).expect("no file");
    simulator.delegate("a.com", Delegation::to(["NS1.Elsewhere.net.", "ns2.elsewhere.net"])).expect("no file");
    for name in ["_storex-challenge.a.com", "_STOREX-challenge.A.com.", "alias.a.com"] {
        assert_eq!(resolver.lookup(name, Lookup::Txt).await.expect(name), ["say \"hi\" \\", &long], "{name}");
    }
    assert_eq!(resolver.lookup("a.com", Lookup::Ns).await.unwrap(), ["ns1.elsewhere.net", "ns2.elsewhere.net"]);
    assert_eq!(resolver.lookup("nobody.a.com", Lookup::Txt).await.unwrap(), Vec::<String>::new());
    let address = simulator.resolver_url();
    drop(simulator);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let gone = CloudflareResolver::at(&address, true).expect("a resolver").lookup("a.com", Lookup::Ns).await;
    assert!(gone.expect_err("nobody answers").is_transient());
}

#[tokio::test]
async fn sixteen_hostnames_at_once_wait_for_their_minute_and_none_is_refused() {
    let scene = scene(|settings| settings.custom_hostnames = true).await;
    let domains = {
        let client = client(&scene.simulator.base_url()).clock(scene.clock.clone()).hard_deadline(Duration::from_mins(10));
        let client = client.hostname_certificates(15, Duration::from_mins(1));
        let client = client.build().expect("a client");
        CloudflareAccount::discover(&client, &"storex.com".parse().unwrap()).await.expect("the primary zone").domains()
    };
    let zone = scene.simulator.state().zones[0].id.parse().unwrap();
    let deadline = scene.clock.now() + Duration::from_mins(10);
    let begun = scene.clock.now();
    for number in 0..16 {
        let mark = "storex/1 i=0a1b2c3d s=12345 e=0192f0c1.4f".parse().unwrap();
        let cx = storex_core::EffectCx { mark, epoch: storex_core::Epoch(1), deadline };
        let name = format!("www.shop-number-{number}.com").parse().unwrap();
        let spec = storex_core::HostnameSpec { name, validation: storex_core::ValidationMethod::Http };
        domains.create_hostname(&cx, &zone, &spec).await.expect("made");
    }
    assert!(scene.clock.now().duration_since(begun).unsigned_abs() >= Duration::from_secs(55), "fifteen a minute");
    assert_eq!(scene.simulator.counts().statuses.get(&429), None);
}
