//! One trial: stores come and go on two controllers while strangers edit, controllers crash and writes land late.

use crate::tunnel_writer::dice::Dice;
use crate::tunnel_writer::guards::{Guarded, Without};
use crate::tunnel_writer::stranger::Stranger;
use crate::tunnel_writer::wire::{LATE, Traffic, Wire};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storex_core::record::{Routing, StoreRecord, StoreState};
use storex_core::{CreateStoreRequest, StoreId, StoreRepo, Table};
use storex_fakes::{Parts, Process, Watched, World};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

const STORES: u64 = 24;
const WINDOW: Duration = Duration::from_secs(2);
const NAME: &str = "storex-main-tunnel";

/// What trials found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<String>,
    pub(crate) changes: usize,
    pub(crate) puts: usize,
    /// Writes the window allows for the time they took.
    pub(crate) allowed: usize,
    pub(crate) strangers: usize,
    pub(crate) crashes: usize,
    pub(crate) late: usize,
}

impl Findings {
    pub(crate) fn add(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.changes += other.changes;
        self.puts += other.puts;
        self.allowed += other.allowed;
        self.strangers += other.strangers;
        self.crashes += other.crashes;
        self.late += other.late;
    }
}

/// What stays when controllers go.
struct Ground {
    world: World,
    without: Without,
    dice: Dice,
    traffic: Arc<Traffic>,
    gap: Arc<RwLock<()>>,
    started: u64,
}

struct Seat {
    process: Process,
    tasks: Vec<JoinHandle<()>>,
}

impl Ground {
    fn new(without: Without, seed: u64) -> Self {
        let world = World::new().unwrap();
        world.seed(seed);
        let _window = world.domains.clone().with_late_effect_window(LATE);
        Self { world, without, dice: Dice::new(seed), traffic: Arc::default(), gap: Arc::default(), started: 0 }
    }

    fn parts(&mut self) -> Parts {
        self.started += 1;
        let world = &self.world;
        let wire = Wire {
            inner: world.tunnels.clone(),
            clock: world.clock(),
            dice: self.dice.clone(),
            traffic: Arc::clone(&self.traffic),
            gap: Arc::clone(&self.gap),
            compares: self.without != Without::Compare,
        };
        let repo = Guarded { inner: world.stores.clone(), without: self.without, name: format!("c{}", self.started) };
        let mut settings = world.settings();
        settings.routing = Routing::Direct;
        settings.tunnel_window = WINDOW;
        let repo: Arc<dyn StoreRepo> = Watched::new(repo, &world.wires, world.clock());
        let tunnel = Watched::new(wire, &world.wires, world.clock());
        Parts { repo, tunnel, settings, ..world.parts() }
    }

    async fn seat(&mut self) -> Seat {
        let parts = self.parts();
        let process = self.world.start(parts).await.unwrap();
        assert!(process.controller.adopt_platform().await.unwrap());
        let recovery = process.controller.clone();
        let tasks = vec![tokio::spawn(async move { recovery.run_recovery().await })];
        Seat { process, tasks }
    }

    fn stores(&self) -> Vec<StoreRecord> {
        self.world.stores.rows(Table::Stores).iter().map(|row| row.body.read().unwrap()).collect()
    }

    fn open(&self) -> usize {
        self.world.stores.rows(Table::Operations).iter().filter(|row| row.indexes.contains_key("open")).count()
    }

    async fn pause(&self, longest: u64) {
        self.world.clock().sleep(Duration::from_millis(self.dice.below(longest))).await;
    }
}

impl Seat {
    fn create(&mut self, number: u64) {
        let mut request = json!({"username": format!("shop{number}"), "storeDetails": {"owner": "A", "email": "a@example.com"}});
        if number.is_multiple_of(3) {
            request["domain"] = json!(format!("shop{number}-store.com"));
        }
        let (controller, request) = (self.process.controller.clone(), CreateStoreRequest::from_json(&request).unwrap());
        self.tasks.push(tokio::spawn(async move { drop(controller.create_store(&request).await) }));
    }

    fn delete(&mut self, store: StoreId) {
        let controller = self.process.controller.clone();
        self.tasks.push(tokio::spawn(async move { drop(controller.delete_store(&store).await) }));
    }

    /// Ends the process: nothing of it is sent or answered any more; what is on the wire is on the wire.
    async fn crash(self) {
        self.process.gate.crash();
        self.tasks.iter().for_each(JoinHandle::abort);
        self.process.controller.stop().await;
    }
}

/// Watches that every store that serves has its rules, at every moment.
fn watch(ground: &Ground) -> (JoinHandle<()>, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (stores, tunnels, clock, told) =
        (ground.world.stores.clone(), ground.world.tunnels.clone(), ground.world.clock(), Arc::clone(&seen));
    let task = tokio::spawn(async move {
        loop {
            clock.sleep(Duration::from_millis(250)).await;
            let document = tunnels.document(NAME).unwrap_or_default();
            for row in stores.rows(Table::Stores) {
                let store: StoreRecord = row.body.read().unwrap();
                let ruled = document.ingress.iter().any(|rule| rule.hostname.as_deref() == Some(store.domains.system.as_str()));
                if store.state == StoreState::Active && !ruled {
                    told.lock().unwrap().push(format!("{} serves and has no rule", store.store_id));
                }
            }
        }
    });
    (task, seen)
}

/// Plays one trial and says what is wrong at its end.
pub(crate) async fn trial(without: Without, seed: u64) -> Findings {
    let mut ground = Ground::new(without, seed);
    let parts = ground.parts();
    let first = ground.world.start(parts).await.unwrap();
    while first.controller.ensure_platform("http://localhost:3000").await.is_err() {}
    first.controller.stop().await;
    let tunnel = ground.world.tunnels.tunnels()[0].id.clone();
    ground.world.tunnels.attach_connector(&tunnel).unwrap();
    ground.traffic.puts.lock().unwrap().clear();
    let mut stranger = Stranger::new(ground.world.tunnels.clone(), tunnel, Arc::clone(&ground.gap), ground.dice.clone());
    stranger.edit(NAME).await;
    let mut seats = vec![ground.seat().await, ground.seat().await];
    let (watching, seen) = watch(&ground);
    let mut found = Findings::default();
    let mut made = 0;
    while made < STORES {
        ground.pause(1500).await;
        let side = usize::try_from(ground.dice.below(2)).unwrap();
        match ground.dice.below(10) {
            0 => {
                let fresh = ground.seat().await;
                std::mem::replace(&mut seats[side], fresh).crash().await;
                found.crashes += 1;
            }
            1..=3 => {
                stranger.edit(NAME).await;
                found.strangers += 1;
            }
            4 => {
                let store = ground.stores().into_iter().find(|store| store.state == StoreState::Active);
                if let Some(store) = store {
                    seats[side].delete(store.store_id);
                }
            }
            _ => {
                seats[side].create(made);
                made += 1;
            }
        }
    }
    let clock = ground.world.clock();
    for _ in 0..1800 {
        clock.sleep(Duration::from_secs(1)).await;
        if ground.open() == 0 {
            break;
        }
    }
    // Whatever was on the wire has landed by now.
    clock.sleep(Duration::from_mins(1)).await;
    for seat in seats {
        seat.crash().await;
    }
    watching.abort();
    found.problems.append(&mut seen.lock().unwrap());
    judge(&ground, &stranger, found)
}

fn judge(ground: &Ground, stranger: &Stranger, mut found: Findings) -> Findings {
    let problems = &mut found.problems;
    if ground.open() > 0 {
        problems.push(format!("{} operations never came to rest", ground.open()));
    }
    let document = ground.world.tunnels.document(NAME).unwrap();
    let mut wanted = Vec::new();
    for store in ground.stores() {
        for name in [Some(&store.domains.system), store.domains.custom.as_ref()].into_iter().flatten() {
            wanted.push((name.to_string(), format!("http://localhost:{}", store.port)));
        }
    }
    let ours: Vec<(String, String)> = document
        .ingress
        .iter()
        .filter(|rule| rule.service.starts_with("http://localhost:4"))
        .map(|rule| (rule.hostname.clone().unwrap_or_default(), rule.service.clone()))
        .collect();
    problems.extend(wanted.iter().filter(|rule| !ours.contains(rule)).map(|rule| format!("lost: {rule:?}")));
    problems.extend(ours.iter().filter(|rule| !wanted.contains(rule)).map(|rule| format!("left: {rule:?}")));
    if stranger.harmed > 0 || !stranger.finds_all(&document) {
        problems.push("the rules of strangers are not as they left them".to_owned());
    }
    if document.ingress.last().is_none_or(|last| last.service != "http_status:404") {
        problems.push("the last rule is another".to_owned());
    }
    let overlaps = ground.traffic.overlaps.load(Ordering::SeqCst);
    if overlaps > 0 {
        problems.push(format!("{overlaps} writes began while another was on its way"));
    }
    problems.extend(ended_badly(ground));
    let puts = ground.traffic.puts.lock().unwrap();
    if let (Some(first), Some(last)) = (puts.first(), puts.last()) {
        let allowed = last.duration_since(*first).unsigned_abs().as_millis() / WINDOW.as_millis() + 1;
        found.allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        if puts.len() > found.allowed {
            problems.push(format!("{} writes where {allowed} are allowed", puts.len()));
        }
    }
    found.puts = puts.len();
    found.late = ground.traffic.late.load(Ordering::SeqCst);
    found.changes = ground.world.stores.rows(Table::Operations).len();
    problems.extend(ground.world.tripped());
    found
}

/// Operations that did not succeed: nothing here is in a store's way.
fn ended_badly(ground: &Ground) -> Vec<String> {
    let rows = ground.world.stores.rows(Table::Operations);
    let ended = rows.iter().map(|row| row.body.value());
    let bad = ended.filter(|doc| doc["direction"] != json!({"done": "succeeded"}));
    bad.map(|doc| format!("{} of {} ended {}: {}", doc["flow"], doc["label"], doc["direction"], doc["error"])).collect()
}
