//! What the tests here share: a simulator being served, a client for it, the context of an effect.

use async_trait::async_trait;
use axum::extract::Request;
use axum::response::Response;
use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storex_cloudflare::{CloudflareAccount, CloudflareClient, CloudflareClientBuilder, CloudflareDomains, CloudflareTunnels};
use storex_core::{Clock, EffectCx, Epoch, RecordSpec, Secret, SystemClock, ZoneFacts};
use storex_fakes::cloudflare::{RunningSimulator, Simulator, SimulatorBuilder};

/// Never to be seen in any output.
pub(crate) const TOKEN: &str = "canary-5f0b1e7a9c";

/// A served simulator and the adapter on it.
pub(crate) struct Bench {
    pub(crate) simulator: RunningSimulator,
    pub(crate) account: CloudflareAccount,
    pub(crate) domains: CloudflareDomains,
    pub(crate) tunnels: CloudflareTunnels,
}

pub(crate) async fn bench() -> Bench {
    bench_with(Simulator::builder().token(TOKEN), |client| client).await
}

/// A bench whose simulator and client are set up further. The account is discovered and the journal empty.
pub(crate) async fn bench_with(
    simulator: SimulatorBuilder,
    settings: impl FnOnce(CloudflareClientBuilder) -> CloudflareClientBuilder,
) -> Bench {
    let simulator = simulator.build().expect("a simulator").start_on_loopback().await.expect("a port");
    let client = settings(client(&simulator.base_url())).build().expect("a client");
    let account = CloudflareAccount::discover(&client, &"storex.com".parse().unwrap()).await.expect("the primary zone");
    simulator.clear_calls();
    Bench { simulator, domains: account.domains(), tunnels: account.tunnels(), account }
}

/// A client that stays on loopback and is patient for two seconds only.
pub(crate) fn client(base_url: &str) -> CloudflareClientBuilder {
    CloudflareClient::builder()
        .base_url(base_url)
        .token(Secret::new(TOKEN.to_owned()))
        .clock(Arc::new(SystemClock))
        .loopback_only(true)
        .budget(100_000, Duration::from_mins(5))
        .zone_signups(100_000, Duration::from_mins(10))
        .hostname_certificates(100_000, Duration::from_mins(1))
        .request_timeout(Duration::from_secs(2))
        .hard_deadline(Duration::from_secs(4))
}

/// Another client than storex's, such as a dashboard: it writes what it likes.
#[expect(
    clippy::disallowed_methods,
    reason = "storex's own client has installed the TLS provider, and a dashboard does not use it"
)]
pub(crate) fn outsider() -> reqwest::Client {
    storex_cloudflare::ensure_crypto_provider();
    reqwest::Client::new()
}

/// The context of an effect that may take a minute.
pub(crate) fn cx() -> EffectCx {
    cx_within(Duration::from_mins(1))
}

pub(crate) fn cx_within(time: Duration) -> EffectCx {
    let mark = "storex/1 i=0a1b2c3d s=12345 e=0192f0c1.4f".parse().unwrap();
    EffectCx { mark, epoch: Epoch(1), deadline: SystemClock.now() + time }
}

/// The two records a store's domain has.
pub(crate) fn apex_and_www(zone: &ZoneFacts) -> Vec<RecordSpec> {
    let target = "0b1c2d3e-0000-4000-8000-000000000001.cfargotunnel.com";
    let alias = |name: &str| RecordSpec::cname(name, target, true).expect("a record");
    vec![alias(zone.name.as_str()), alias(&format!("www.{}", zone.name))]
}

/// A clock that stands still until somebody sleeps; then it jumps.
#[derive(Debug)]
pub(crate) struct JumpingClock(Mutex<Timestamp>);

impl JumpingClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(SystemClock.now())))
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

/// Serves `answer` for every call, and counts the calls.
pub(crate) async fn stub(answer: impl Fn(u64, Request) -> Response + Clone + Send + Sync + 'static) -> (String, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&calls);
    let handler = move |request: Request| {
        let answered = answer(counter.fetch_add(1, Ordering::SeqCst) + 1, request);
        async move { answered }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base_url = format!("http://{}/client/v4", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(handler)).await });
    (base_url, calls)
}

/// An account on a stub, with the identifier of nobody.
pub(crate) fn account_at(base_url: &str) -> CloudflareAccount {
    let client = client(base_url).clock(JumpingClock::new()).build().expect("a client");
    CloudflareAccount::new(client, "0123456789abcdef0123456789abcdef".parse().unwrap())
}
