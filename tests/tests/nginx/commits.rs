//! Commits: the laws, no stale answer, and failures that leave the former table in force.

use super::world::{LONG, Place, Shop, commit, send, signal, table, until};
use rustix::process::Signal;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use storex_agent::nginx::{NginxProxy, NginxSettings};
use storex_core::{Clock, Code, ProxyWriter, RouteTable, SystemClock};
use storex_fakes::laws::{broken_laws, proxy_writer};

#[tokio::test(flavor = "multi_thread")]
async fn the_router_keeps_every_law() {
    let (_place, proxy) = Place::started().await;
    assert_eq!(proxy.load().await.expect("the routes"), (0, RouteTable::default()), "a new router has no routes");
    let subject: Arc<dyn ProxyWriter> = Arc::new(proxy);
    assert_eq!(broken_laws(&proxy_writer::laws(), &subject).await, []);
}

/// One request, in ticks of a logical clock: when it was sent, when it was answered, and by which shop.
#[derive(Clone, Copy, Debug)]
struct Seen {
    sent: u64,
    answered: u64,
    shop: char,
}

/// Visitors that send one request after another, each on a connection of its own, until told to stop.
struct Visitors {
    clock: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<Vec<Seen>>>,
}

impl Visitors {
    fn come(place: &Place) -> Self {
        let (clock, stop, count) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let tasks = (0..3).map(|_| {
            let (clock, stop, count, to) = (Arc::clone(&clock), Arc::clone(&stop), Arc::clone(&count), place.settings.listen);
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let sent = clock.fetch_add(1, Ordering::SeqCst);
                    let answer = send(to, "GET / HTTP/1.1\r\nHost: shop.storex.com\r\nConnection: close\r\n\r\n").await;
                    let answered = clock.fetch_add(1, Ordering::SeqCst);
                    let shop = answer.ok().filter(|answer| answer.status == 200).and_then(|answer| answer.body.chars().next());
                    seen.push(Seen { sent, answered, shop: shop.unwrap_or('?') });
                    count.fetch_add(1, Ordering::SeqCst);
                }
                seen
            })
        });
        let tasks = tasks.collect();
        Self { clock, stop, count, tasks }
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Waits until so many more requests were answered.
    async fn more(&self, requests: u64) {
        let enough = self.count.load(Ordering::SeqCst) + requests;
        until("more visits", || self.count.load(Ordering::SeqCst) >= enough).await;
    }

    async fn leave(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::SeqCst);
        let mut seen = Vec::new();
        for task in self.tasks {
            seen.extend(task.await.expect("a visitor"));
        }
        seen
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_commit_no_visitor_gets_an_answer_of_the_former_table() {
    const COMMITS: usize = 30;
    let (place, proxy) = Place::started().await;
    let shops = [Shop::open("A").await, Shop::open("B").await];
    commit(&proxy, &table(&[("shop.storex.com", shops[0].port)])).await;
    let visitors = Visitors::come(&place);
    visitors.more(20).await;
    let mut commits = Vec::new();
    for number in 1..=COMMITS {
        let begun = visitors.now();
        commit(&proxy, &table(&[("shop.storex.com", shops[number % 2].port)])).await;
        let done = visitors.now();
        visitors.more(60).await;
        commits.push((begun, done, visitors.now(), ['A', 'B'][number % 2]));
    }
    let seen = visitors.leave().await;
    let (mut stale, mut checked, mut control) = (0, 0, 0);
    for (begun, done, end, new) in commits {
        let after: Vec<&Seen> = seen.iter().filter(|seen| seen.sent > done && seen.sent < end).collect();
        checked += after.len();
        stale += after.iter().filter(|seen| seen.shop != new).count();
        // The control: who takes the first new answer for proof, and asks again.
        if let Some(first) = seen.iter().filter(|seen| seen.sent > begun && seen.shop == new).map(|seen| seen.answered).min() {
            control += seen.iter().filter(|seen| seen.sent > first && seen.sent < end && seen.shop != new).count();
        }
    }
    println!(
        "{COMMITS} commits, {} visits: {stale} of {checked} answers after the commit stale; control, after the first new answer: {control} stale",
        seen.len()
    );
    assert_eq!(seen.iter().filter(|seen| seen.shop == '?').count(), 0, "visits that failed");
    assert_eq!(stale, 0);
    assert!(control > 0, "the harness does not see stale answers");
}

#[tokio::test]
async fn a_request_under_way_is_answered_by_the_table_it_began_with() {
    let (place, proxy) = Place::started().await;
    let shops = [Shop::open("A").await, Shop::open("B").await];
    commit(&proxy, &table(&[("shop.storex.com", shops[0].port)])).await;
    let to = place.settings.listen;
    let slow =
        tokio::spawn(async move { send(to, "GET /slow HTTP/1.1\r\nHost: shop.storex.com\r\nConnection: close\r\n\r\n").await });
    until("the slow request", || shops[0].slow_ones.load(Ordering::SeqCst) == 1).await;
    commit(&proxy, &table(&[("shop.storex.com", shops[1].port)])).await;
    assert!(place.get("shop.storex.com", "/").await.body.starts_with('B'));
    shops[0].go_on.notify_waiters();
    let answer = slow.await.expect("the visitor").expect("an answer");
    assert!(answer.status == 200 && answer.body.starts_with('A'), "{answer:?}");
}

/// A router with table 1 in force, and what must still hold after a failed commit.
struct InForce {
    place: Place,
    proxy: NginxProxy,
    shop: Shop,
}

impl InForce {
    async fn new(patience: Duration) -> Self {
        let mut place = Place::new();
        place.settings = NginxSettings { patience, ..place.settings.clone() };
        let proxy = place.start().await;
        let shop = Shop::open("shop").await;
        let table = Self::table(&shop);
        let (generation, _) = proxy.load().await.expect("the routes");
        proxy.commit(&table, generation).await.expect("the first commit");
        Self { place, proxy, shop }
    }

    fn table(shop: &Shop) -> RouteTable {
        table(&[("shop.storex.com", shop.port)])
    }

    async fn assert_unchanged(&self) {
        let (generation, found) = self.proxy.load().await.expect("the routes");
        assert_eq!((generation, found), (1, Self::table(&self.shop)));
        assert_eq!(self.place.get("shop.storex.com", "/").await.status, 200);
        assert_eq!(self.place.get("new.storex.com", "/").await.status, 421);
    }

    async fn assert_commits_again(&self) {
        let next = table(&[("new.storex.com", self.shop.port)]);
        let (generation, _) = self.proxy.load().await.expect("the routes");
        assert_eq!(self.proxy.commit(&next, generation).await.expect("a commit").generation, generation + 1);
        assert_eq!(self.place.get("new.storex.com", "/").await.status, 200);
        assert_eq!(self.place.get("shop.storex.com", "/").await.status, 421);
    }
}

#[tokio::test]
async fn a_candidate_nginx_refuses_changes_nothing() {
    let world = InForce::new(LONG).await;
    let config = world.place.prefix().join("check/conf/nginx.conf");
    let good = fs::read_to_string(&config).expect("the configuration");
    fs::write(&config, good.clone() + "}\n").expect("written");
    let next = table(&[("new.storex.com", world.shop.port)]);
    for error in [world.proxy.commit(&next, 1).await.expect_err("refused"), world.proxy.check(&next).await.expect_err("refused")]
    {
        assert_eq!((error.code(), error.is_unclear()), (Code::RouteRejected, false));
        assert!(error.message().contains("unexpected \"}\""), "{error}");
    }
    world.assert_unchanged().await;
    fs::write(&config, good).expect("written");
    world.assert_commits_again().await;
}

#[tokio::test]
async fn a_reload_the_master_refuses_restores_the_former_table() {
    let world = InForce::new(LONG).await;
    let config = world.place.prefix().join("conf/nginx.conf");
    let good = fs::read_to_string(&config).expect("the configuration");
    fs::write(&config, good.clone() + "}\n").expect("written");
    let error = world.proxy.commit(&table(&[("new.storex.com", world.shop.port)]), 1).await.expect_err("refused");
    assert_eq!((error.code(), error.is_unclear()), (Code::RouteRejected, false), "{error}");
    assert!(error.message().contains("unexpected \"}\""), "{error}");
    world.assert_unchanged().await;
    fs::write(&config, good).expect("written");
    world.assert_commits_again().await;
}

#[tokio::test]
async fn a_master_that_does_not_follow_in_time_goes_on_with_the_former_table() {
    let world = InForce::new(Duration::from_millis(300)).await;
    let master = world.place.master();
    signal(master, Signal::STOP);
    let error = world.proxy.commit(&table(&[("new.storex.com", world.shop.port)]), 1).await.expect_err("no answer");
    assert_eq!(
        (error.code(), error.is_unclear()),
        (Code::Timeout, true),
        "nobody can know what a stopped master will do: {error}"
    );
    world.assert_unchanged().await;
    signal(master, Signal::CONT);
    // It now reads what is on disk, which is the former table, however many signals it was sent.
    let workers = || world.place.processes().iter().filter(|(_, title)| title == "nginx: worker process").count();
    until("the workers", || workers() == 2).await;
    world.assert_unchanged().await;
    let slower = NginxSettings { patience: LONG, ..world.place.settings.clone() };
    let proxy = NginxProxy::start(slower).await.expect("taken over");
    InForce { proxy, ..world }.assert_commits_again().await;
}

#[tokio::test]
async fn ten_thousand_routes_are_committed_and_served() {
    let (place, proxy) = Place::started().await;
    let shop = Shop::open("shop").await;
    let name = |n: u32| format!("store-{n}.storex.com");
    let many = RouteTable { routes: (0..10_000).map(|n| (name(n).parse().expect("a name"), shop.port)).collect() };
    commit(&proxy, &table(&[("one.storex.com", shop.port)])).await;
    let clock = SystemClock;
    let begun = clock.now();
    commit(&proxy, &many).await;
    println!("10000 routes committed and in force after {:?}", clock.now().duration_since(begun));
    for n in [0, 1, 4_999, 9_999] {
        assert_eq!(place.get(&name(n), "/").await.status, 200, "{n}");
    }
    assert_eq!(place.get(&name(10_000), "/").await.status, 421);
    let (_, found) = proxy.load().await.expect("the routes");
    assert_eq!(found, many);
}
