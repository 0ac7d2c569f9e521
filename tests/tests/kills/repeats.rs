//! Requests repeated under an `Idempotency-Key` across kill -9: a hundred clients at once, their controller killed while they wait, the same
//! request again. One store, one operation, one answer.

use super::drift::create;
use super::failpoints::{Failpoint, Phase, Place};
use super::gate::Moment;
use super::judge::{breaches, stores};
use super::repo::Copy;
use super::rounds::create_body;
use super::seed::Seed;
use super::world::{Role, World, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::thread::JoinHandle;
use storex_core::{StoreId, Table};
use storex_tests::installation::{Failure, exchange, header};

/// Clients that send the same request at once.
const CLIENTS: usize = 100;
/// Kills at a moment nobody chose, beside the named points.
const RANDOM: usize = 6;

/// An answer, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    operation: String,
    location: String,
    replayed: bool,
    body: String,
}

/// A request that is repeated.
#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    path: String,
    body: String,
    key: Option<String>,
}

impl Request {
    fn create(username: &str, key: Option<&str>) -> Self {
        let (path, body) = ("/api/stores".to_owned(), create_body(username).to_string());
        Self { method: "POST", path, body, key: key.map(str::to_owned) }
    }

    fn delete(store: &StoreId, key: &str) -> Self {
        Self { method: "DELETE", path: format!("/api/stores/{store}"), body: String::new(), key: Some(key.to_owned()) }
    }

    /// Sends it as one client does.
    fn send(&self, port: u16, token: &str) -> Result<Answer, Failure> {
        let Self { method, path, body, key } = self;
        let key = key.as_ref().map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n");
        let text = format!("{head}{key}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (status, head, body) = exchange(port, &text)?;
        let named = |name| header(&head, name).unwrap_or_default();
        let replayed = named("idempotency-replayed") == "true";
        Ok(Answer { status, operation: named("operation-location"), location: named("location"), replayed, body })
    }

    /// The operations on disk it began, by the user name of the store.
    fn operations(&self, world: &World, username: &str) -> Vec<(String, Value)> {
        let flow = if self.method == "POST" { "create_store" } else { "delete_store" };
        let its = |(_, doc): &(String, Value)| doc["flow"] == flow && doc["label"] == username;
        Copy::of(world).rows(world, Table::Operations).into_iter().filter(its).collect()
    }
}

/// The same request of every client at once.
struct Wave(Vec<JoinHandle<Option<Answer>>>);

impl Wave {
    fn send(world: &World, request: &Request) -> Self {
        let client = |_| {
            let (port, token, request) = (world.controller, world.token.clone(), request.clone());
            // A connection that breaks is what the test is about.
            std::thread::spawn(move || request.send(port, &token).ok())
        };
        Self((0..CLIENTS).map(client).collect())
    }

    /// The answers; a client whose connection broke has none.
    fn answers(self) -> Vec<Answer> {
        self.0.into_iter().filter_map(|client| client.join().unwrap()).collect()
    }
}

/// Where the kill comes: around the binding of the key to its operation, the operation's document, its claims, calls to Cloudflare and to the agent.
fn points(seed: &mut Seed) -> Vec<Failpoint> {
    let whole = |call, subject, nth, when| (vec![Role::Whole], Place::Repo(call, subject, nth, when));
    let controller = |place| (vec![Role::Controller], place);
    let mut points = vec![
        whole("repo.claim", "idempotency_key", 1, "before"),
        whole("repo.claim", "idempotency_key", 1, "after"),
        whole("repo.put", "operations", 1, "before"),
        whole("repo.put", "operations", 1, "after"),
        whole("repo.claim", "username", 1, "after"),
        whole("repo.put", "stores", 1, "after"),
        controller(Place::Cloud("POST", "/zones", 1, "before")),
        controller(Place::Cloud("POST", "/zones", 1, "after")),
        controller(Place::Host("apply process".to_owned(), Moment::Before)),
        controller(Place::Host("apply process".to_owned(), Moment::After)),
    ];
    points.extend((0..RANDOM).map(|turn| {
        let victim = if turn % 2 == 0 { Role::Controller } else { Role::Whole };
        (vec![victim], Place::Anytime(seed.below(120)))
    }));
    let point = |(victims, place)| Failpoint { phase: Phase::Create, victims, place, again: None };
    points.into_iter().map(point).collect()
}

/// The same for requests to delete.
fn points_of_delete() -> Vec<Failpoint> {
    let point = |victim, place| Failpoint { phase: Phase::Delete, victims: vec![victim], place, again: None };
    vec![
        point(Role::Whole, Place::Repo("repo.claim", "idempotency_key", 1, "after")),
        point(Role::Whole, Place::Repo("repo.put", "operations", 1, "before")),
        point(Role::Whole, Place::Repo("repo.put", "operations", 1, "after")),
        point(Role::Controller, Place::Host("withdraw process".to_owned(), Moment::Before)),
        point(Role::Controller, Place::Host("withdraw files".to_owned(), Moment::After)),
    ]
}

/// What one kill led to.
struct Outcome {
    /// Answers before the kill and after the start.
    answers: (Vec<Answer>, Vec<Answer>),
    /// Whether the operation was on disk when the kill came.
    begun: bool,
    /// Operations on disk it began.
    operations: usize,
    /// Stores of the user name.
    stores: usize,
}

impl Outcome {
    fn cut_off(&self) -> usize {
        CLIENTS - self.answers.0.len()
    }

    fn all(&self) -> impl Iterator<Item = &Answer> {
        self.answers.0.iter().chain(&self.answers.1)
    }
}

/// The clients ask, the kill comes, what was killed is started again, the clients repeat their request, and all comes to rest.
fn round(world: &mut World, point: &Failpoint, request: &Request, username: &str) -> Outcome {
    point.arm(world);
    let first = Wave::send(world, request);
    point.reached(world);
    point.victims.iter().for_each(|victim| world.kill(*victim));
    point.disarm(world);
    let first = first.answers();
    let begun = !request.operations(world, username).is_empty();
    for victim in &point.victims {
        world.spawn(*victim);
    }
    for role in point.roles() {
        world.await_ready(*role);
    }
    until("the controller is ready", || world.is_ready().then_some(()));
    let second = Wave::send(world, request).answers();
    let at_rest = |operations: &[(String, Value)]| operations.iter().all(|(_, doc)| doc["direction"]["done"].is_string());
    let operations = until(&format!("{username} is at rest"), || {
        let operations = request.operations(world, username);
        at_rest(&operations).then_some(operations.len())
    });
    let stores = stores(world).iter().filter(|store| store.username == username).count();
    Outcome { answers: (first, second), begun, operations, stores }
}

/// What every answer under the key must be, and what the key is worth afterwards: `other` is another request under it.
fn judge(world: &World, request: &Request, other: &Request, status: u16, outcome: &Outcome) {
    let what = format!("{} under {:?}", request.path, request.key);
    let stores = usize::from(request.method == "POST");
    assert_eq!((outcome.operations, outcome.stores), (1, stores), "{what}: one operation, one store");
    assert_eq!(outcome.answers.1.len(), CLIENTS, "{what}: every repetition is answered");
    let same = outcome.all().next().unwrap();
    assert_eq!(same.status, status, "{what}: {same:?}");
    for other in outcome.all() {
        let alike = Answer { replayed: same.replayed, ..other.clone() };
        assert_eq!(alike, *same, "{what}: one answer for all");
    }
    let told = outcome.answers.1.iter().all(|answer| answer.replayed);
    assert!(!outcome.begun || told, "{what}: whoever comes after it was begun is told so");
    // At rest the answer is a replay, byte for byte.
    for _ in 0..2 {
        let replay = request.send(world.controller, &world.token).unwrap();
        assert_eq!(replay, Answer { replayed: true, ..same.clone() });
    }
    let reused = other.send(world.controller, &world.token).unwrap();
    assert_eq!(reused.status, 422, "{}", reused.body);
    assert!(reused.body.contains("\"idempotency_key_reused\""), "{}", reused.body);
}

/// Sums over rounds.
#[derive(Debug, Default)]
struct Sums {
    keys: usize,
    cut_off: usize,
    answered: usize,
    operations: usize,
    conflicts: usize,
}

impl Sums {
    fn add(&mut self, point: &Failpoint, outcome: &Outcome) {
        let (begun, answered) = (if outcome.begun { "on disk" } else { "not on disk" }, outcome.all().count());
        println!(
            "repeated {point} ({begun}): {} cut off, {answered} answered, {} operations",
            outcome.cut_off(),
            outcome.operations
        );
        self.keys += 1;
        self.cut_off += outcome.cut_off();
        self.answered += answered;
        self.operations += outcome.operations;
        self.conflicts += outcome.all().filter(|answer| answer.status == 409).count();
    }
}

/// Rounds without a key: the control. The kills come when one of the requests has won and the others have lost.
fn unkeyed(world: &mut World, used: &mut BTreeSet<String>) -> Sums {
    let calls = [("apply process", Moment::Before), ("apply process", Moment::After)];
    let mut sums = Sums::default();
    for (number, (call, moment)) in calls.into_iter().enumerate() {
        let (victims, place) = (vec![Role::Controller], Place::Host(call.to_owned(), moment));
        let point = Failpoint { phase: Phase::Create, victims, place, again: None };
        let username = format!("twice-{number}");
        used.insert(username.clone());
        world.run_as(point.roles());
        let outcome = round(world, &point, &Request::create(&username, None), &username);
        assert!(outcome.operations > 1 && outcome.stores <= 1, "{point}: {} operations", outcome.operations);
        sums.add(&point, &outcome);
    }
    sums
}

#[test]
fn a_request_repeated_under_its_key_across_kill_9_makes_one_store_and_gets_one_answer() {
    let mut world = World::start();
    let mut used = BTreeSet::new();
    let points = points(&mut Seed(11));
    let mut sums = Sums::default();
    for (number, point) in points.iter().enumerate() {
        let (username, key) = (format!("again-{number}"), format!("order-{number}"));
        used.insert(username.clone());
        world.run_as(point.roles());
        let (request, mut other) = (Request::create(&username, Some(&key)), Request::create(&username, Some(&key)));
        other.body = other.body.replace("John Smith", "Jane Smith");
        let outcome = round(&mut world, point, &request, &username);
        sums.add(point, &outcome);
        judge(&world, &request, &other, 201, &outcome);
    }
    world.run_as(&[Role::Simulator, Role::Agent, Role::Controller]);
    assert_eq!(breaches(&world, &used), Vec::<String>::new());
    let control = unkeyed(&mut world, &mut used);
    assert_eq!(breaches(&world, &used), Vec::<String>::new());
    println!(
        "idempotency, create: {} keys x {CLIENTS} clients x 2, a kill -9 each: {} operations, {} requests cut off, {} answered alike; control without \
         keys: {} operations and {} conflicts for {} stores",
        sums.keys, sums.operations, sums.cut_off, sums.answered, control.operations, control.conflicts, control.keys
    );
    assert!(sums.cut_off >= sums.keys * CLIENTS / 4, "the kills cut off {} requests only", sums.cut_off);
    assert!(control.conflicts > 0, "the control saw no conflict");
    assert_eq!(world.stop(), Vec::<u32>::new());
}

#[test]
fn a_deletion_repeated_under_its_key_across_kill_9_is_one_and_gets_one_answer_when_the_store_is_gone() {
    let mut world = World::start();
    let mut used = BTreeSet::new();
    let mut sums = Sums::default();
    world.run_as(&[Role::Simulator, Role::Agent, Role::Controller]);
    let kept = create(&world, "kept");
    used.insert(kept.username);
    for (number, point) in points_of_delete().iter().enumerate() {
        let (username, key) = (format!("gone-{number}"), format!("end-{number}"));
        used.insert(username.clone());
        world.run_as(point.roles());
        let store = create(&world, &username);
        let (request, other) = (Request::delete(&store.id, &key), Request::delete(&kept.id, &key));
        let outcome = round(&mut world, point, &request, &username);
        sums.add(point, &outcome);
        judge(&world, &request, &other, 202, &outcome);
    }
    world.run_as(&[Role::Simulator, Role::Agent, Role::Controller]);
    assert_eq!(breaches(&world, &used), Vec::<String>::new());
    println!(
        "idempotency, delete: {} keys x {CLIENTS} clients x 2, a kill -9 each: {} operations, {} requests cut off, {} answered alike",
        sums.keys, sums.operations, sums.cut_off, sums.answered
    );
    // Whoever is held is cut off, however quickly the others are answered.
    assert!(sums.cut_off >= 3, "the kills cut off {} requests only", sums.cut_off);
    assert_eq!(world.stop(), Vec::<u32>::new());
}
