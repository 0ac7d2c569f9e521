//! The rounds: kill while a store is made or removed, start again, wait for rest, judge.

use super::failpoints::{Failpoint, Phase, in_doubt, plan};
use super::judge::{Store, breaches, domain_of, is_half_made, stores};
use super::planted;
use super::repo::Copy;
use super::seed::Seed;
use super::world::{Role, World, millis, now, until};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use storex_tests::installation::header;
use storex_tests::process;

/// Kills when nobody says how many.
const KILLS: usize = 60;
/// Which kills when nobody says.
const SEED: u64 = 3;
/// From the start of a killed controller until its operation moves again, on redb, p99.
const RESUME_LIMIT_MS: i64 = 2000;

/// What a run measured, in milliseconds.
#[derive(Debug, Default)]
struct Figures {
    kills: usize,
    /// Kills after which something was not as it must be.
    lost: usize,
    /// Kills after which the store was neither wholly there nor wholly gone, until the processes were started again.
    half_made: usize,
    breaches: Vec<String>,
    /// From the start of a killed controller until the operation moves again.
    resumed: Vec<i64>,
    /// From the start of the last killed process until the operation is at rest.
    rested: Vec<i64>,
    rolled_back: usize,
}

/// A kill that is over, and what it may have interrupted.
struct Struck {
    point: Failpoint,
    open: BTreeSet<String>,
    began: Timestamp,
}

struct Run {
    world: World,
    figures: Figures,
    /// User names ever asked for.
    used: BTreeSet<String>,
    /// Operations that had nothing to do but wait at the last kill of the controller: they need not move.
    waiting: BTreeSet<String>,
}

/// The request for a store of this user name, with a domain of its own.
pub(crate) fn create_body(username: &str) -> Value {
    json!({
        "username": username, "domain": domain_of(username),
        "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
    })
}

/// Identifier of the operation an answer leads to.
pub(crate) fn operation(head: &str, body: &Value) -> Option<String> {
    let location = header(head, "operation-location").and_then(|path| path.rsplit('/').next().map(str::to_owned));
    location.or_else(|| body["operation"].as_str().map(str::to_owned))
}

fn percentile(times: &[i64], percent: usize) -> i64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).copied().unwrap_or_default()
}

impl Run {
    /// The store a delete is for, one that stands or a new one: its id and its user name.
    fn standing(&mut self, username: &str) -> (String, String) {
        if let Some(store) = stores(&self.world).into_iter().find(Store::is_active) {
            return (store.id, store.username);
        }
        self.used.insert(username.to_owned());
        let (status, head, body) = self.world.api("POST", "/api/stores", Some(&create_body(username))).unwrap();
        assert_eq!(status, 201, "{body}");
        self.rest(&operation(&head, &body).unwrap());
        (body["store_id"].as_str().unwrap().to_owned(), username.to_owned())
    }

    /// Waits until the operation is at rest; answers its state.
    fn rest(&self, id: &str) -> String {
        let view = until(&format!("{id} at rest"), || {
            let (_, _, view) = self.world.api("GET", &format!("/api/operations/{id}?wait=20"), None).ok()?;
            (view["done"] == true).then_some(view)
        });
        view["state"].as_str().unwrap().to_owned()
    }

    /// One round.
    fn round(&mut self, number: usize, point: &Failpoint) {
        let struck = self.strike(number, point);
        self.settle(&[struck]);
        if point.phase == Phase::Unwind {
            self.clear();
        }
    }

    /// Many kills, and only then the wait for rest: where Cloudflare is left in doubt, each wait is over a minute.
    fn side_by_side(&mut self, points: &[Failpoint]) {
        let struck: Vec<Struck> = points.iter().enumerate().map(|(at, point)| self.strike(10_000 + at, point)).collect();
        self.settle(&struck);
    }

    /// Begins an operation, kills at the point, and starts again what was killed.
    fn strike(&mut self, number: usize, point: &Failpoint) -> Struck {
        let mut username = format!("kill-{number}");
        self.world.run_as(point.roles());
        let asking = match point.phase {
            Phase::Create | Phase::Unwind => {
                self.used.insert(username.clone());
                point.arm(&self.world);
                self.world.api_later("POST", "/api/stores".to_owned(), Some(create_body(&username)))
            }
            Phase::Delete => {
                let (id, standing) = self.standing(&username);
                username = standing;
                point.arm(&self.world);
                self.world.api_later("DELETE", format!("/api/stores/{id}"), None)
            }
        };
        point.reached(&self.world);
        let mut open = self.kill(point, &username);
        let mut interrupted = open.clone();
        let mut began = self.start(point);
        if let Some(pause) = point.again {
            std::thread::sleep(std::time::Duration::from_millis(pause));
            interrupted = self.kill(point, &username);
            open.extend(interrupted.clone());
            began = self.start(point);
        }
        if point.victims == [Role::Controller] {
            self.measure_resume(&interrupted, began);
        }
        for role in point.roles() {
            self.world.await_ready(*role);
        }
        until("the controller is ready", || self.world.is_ready().then_some(()));
        if let Ok((_, head, body)) = asking.join().unwrap() {
            open.extend(operation(&head, &body));
        }
        Struck { point: point.clone(), open, began }
    }

    /// Waits until all that was struck is at rest, and judges the world.
    fn settle(&mut self, struck: &[Struck]) {
        let standing: BTreeSet<String> = stores(&self.world).iter().filter_map(|store| self.operation_of(&store.id)).collect();
        let mut back = BTreeSet::new();
        for Struck { point, open, began } in struck {
            let turned: Vec<&String> = open.union(&standing).filter(|id| self.rest(id) == "rolled_back").collect();
            assert!(!turned.is_empty() || !point.turns_back(), "{point}: no operation turned back");
            back.extend(turned.into_iter().cloned());
            self.figures.rested.push(millis(*began, now()));
        }
        self.figures.rolled_back += back.len();
        let found = breaches(&self.world, &self.used);
        let verdict = if found.is_empty() { "survived" } else { "BREACHED" };
        for Struck { point, began, .. } in struck {
            self.figures.lost += if found.is_empty() { 0 } else { 1 + usize::from(point.again.is_some()) };
            println!("{verdict} {point}: judged after {} ms", millis(*began, now()));
        }
        let place = struck.iter().map(|struck| struck.point.to_string()).collect::<Vec<_>>().join(" + ");
        self.figures.breaches.extend(found.into_iter().map(|breach| format!("{place}: {breach}")));
    }

    /// Removes the stores of creates that got through although they were to turn back: the rule that made them goes with its process.
    fn clear(&mut self) {
        for store in stores(&self.world) {
            let (status, head, body) = self.world.api("DELETE", &format!("/api/stores/{}", store.id), None).unwrap();
            assert_eq!(status, 202, "{body}");
            self.rest(&operation(&head, &body).unwrap());
        }
    }

    /// The operation that changes a store; none when it has gone meanwhile.
    fn operation_of(&self, store: &str) -> Option<String> {
        let (_, _, body) = self.world.api("GET", &format!("/api/stores/{store}"), None).unwrap();
        body["operation"].as_str().map(str::to_owned)
    }

    /// kill -9; answers the operations that are open on disk when the controller is gone.
    fn kill(&mut self, point: &Failpoint, username: &str) -> BTreeSet<String> {
        self.figures.kills += 1;
        point.victims.iter().for_each(|victim| self.world.kill(*victim));
        point.disarm(&self.world);
        self.figures.half_made += usize::from(is_half_made(&self.world, username));
        let is_closed = point.victims.iter().any(|victim| *victim != Role::Agent);
        if !is_closed {
            return BTreeSet::new();
        }
        let copy = Copy::of(&self.world);
        self.waiting = copy.waiting_operations(&self.world).into_iter().collect();
        copy.open_operations(&self.world).into_iter().collect()
    }

    /// Starts what was killed; answers when the last of it was started.
    fn start(&mut self, point: &Failpoint) -> Timestamp {
        let mut began = now();
        for victim in &point.victims {
            began = self.world.spawn(*victim);
        }
        began
    }

    /// The first sign of life of an interrupted operation: a call about it, or a change of its document.
    fn measure_resume(&mut self, open: &BTreeSet<String>, began: Timestamp) {
        let open: Vec<&String> = open.difference(&self.waiting).collect();
        if open.is_empty() {
            return;
        }
        let moved = until("the operation moves again", || {
            let changed = open.iter().any(|id| {
                let view = self.world.api("GET", &format!("/api/operations/{id}"), None).map(|(_, _, view)| view);
                let at = view.ok().and_then(|view| view["updated_at"].as_str()?.parse::<Timestamp>().ok());
                at.is_some_and(|at| at >= began)
            });
            self.world.gate.first_call_since(began).or_else(|| changed.then(now))
        });
        self.figures.resumed.push(millis(began, moved));
    }

    /// A controller with nothing to take up, from its start until it is ready: the floor of resuming.
    fn bare_starts(&mut self) -> Vec<i64> {
        let start = |world: &mut World| {
            world.kill(Role::Controller);
            let began = world.spawn(Role::Controller);
            until("the controller is ready", || world.is_ready().then_some(()));
            millis(began, now())
        };
        (0..5).map(|_| start(&mut self.world)).collect()
    }
}

fn setting(name: &str) -> Option<u64> {
    process::setting(name).map(|text| text.parse().unwrap())
}

#[test]
fn after_kill_9_every_store_is_wholly_there_or_wholly_gone() {
    let kills = setting("STOREX_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    let seed = setting("STOREX_KILLS_SEED").unwrap_or(SEED);
    let began = now();
    let mut run = Run { world: World::start(), figures: Figures::default(), used: BTreeSet::new(), waiting: BTreeSet::new() };
    run.world.spawn(Role::Controller);
    run.world.await_ready(Role::Controller);
    assert_eq!(breaches(&run.world, &run.used), Vec::<String>::new(), "before the first kill");
    let in_doubt = in_doubt();
    for (number, point) in plan(kills.saturating_sub(in_doubt.len()), &mut Seed(seed)).iter().enumerate() {
        run.round(number, point);
    }
    run.side_by_side(&in_doubt);
    run.world.run_as(&[Role::Simulator, Role::Agent, Role::Controller]);
    let floor = run.bare_starts();
    let planted = planted::verdicts(&mut run.world, &run.used);
    let unseen: Vec<&str> = planted.iter().filter(|(_, found)| !found).map(|(what, _)| *what).collect();
    let Run { world, figures, .. } = run;
    let left = world.stop();
    let Figures { kills, lost, half_made, breaches, resumed, rested, rolled_back } = &figures;
    let p = |times: &[i64]| format!("p50 {} ms, p99 {} ms of {}", percentile(times, 50), percentile(times, 99), times.len());
    println!("resume after kill -9 of the controller: {}; floor, bare start until ready: {}", p(resumed), p(&floor));
    println!("at rest after a kill: {}; {rolled_back} operations rolled back", p(rested));
    println!("control: {half_made} of {kills} kills left a store half made until the processes were started again");
    println!("control: the judge found {} of {} things left behind by hand", planted.len() - unseen.len(), planted.len());
    let seconds = millis(began, now()) / 1000;
    println!("kills: {} survived of {kills} (seed {seed}, {seconds} s)", kills - lost);
    assert_eq!(*breaches, Vec::<String>::new());
    assert!(half_made * 3 >= *kills, "most kills hit nothing: {half_made} of {kills}");
    assert_eq!((unseen, left), (Vec::new(), Vec::new()), "what the judge did not see, and processes left");
    assert!(percentile(resumed, 99) <= RESUME_LIMIT_MS, "resumed too late: {resumed:?}");
}
