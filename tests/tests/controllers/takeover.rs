//! Two controllers on one MongoDB share the work: one is killed in the middle of creates, also together with the primary of the database, or held still
//! past its leases; the other finishes them, nothing is done twice.
//!
//! The database is a real standalone mongod, where changes are found by polling, or three servers in a replica set.

use super::world::{MACHINE, World, until};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;
use storex_core::{Clock, Page, Query, StoreRepo, SystemClock, Table};
use storex_mongo::MongoStores;
use storex_tests::installation::exchange;
use storex_tests::mongod::{Deployment, Topology};

/// Stores asked for.
const STORES: usize = 8;
/// What a controller that goes on is given to do harm in.
const AWAKE: Duration = Duration::from_secs(3);
/// First of the ports of the stores.
const STORE_PORTS: u16 = 26_600;

fn distinct(names: &[String]) -> BTreeSet<String> {
    let distinct: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(distinct.len(), names.len(), "something is there twice: {names:?}");
    distinct
}

/// An installation with two controllers, and the stores that were asked of both.
struct Shared {
    runtime: tokio::runtime::Runtime,
    deployment: Deployment,
    world: World,
    repo: MongoStores,
    first: u16,
    second: u16,
    /// Store and operation of each name.
    asked: Vec<(String, String)>,
    names: Vec<String>,
}

impl Shared {
    /// Stores are asked for and not waited for, two of three from the first controller; `store_ports` is the first of their ports.
    fn asked(topology: Topology, store_ports: u16) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let deployment = runtime.block_on(Deployment::start(topology)).unwrap();
        let uri = deployment.uri("shared");
        let mut world = World::new();
        world.variables.push(("STOREX_MONGODB_URI", uri.expose().clone()));
        world.serve_host(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/store-core"), store_ports);
        let (first, second) = (world.controller(), world.controller());
        let repo = runtime.block_on(MongoStores::open(&uri)).unwrap();
        let names: Vec<String> = (0..STORES).map(|number| format!("shared-{number}")).collect();
        let of = |number: usize| if number % 3 == 2 { second } else { first };
        let asked = names.iter().enumerate().map(|(number, name)| world.create(of(number), name)).collect();
        Self { runtime, deployment, world, repo, first, second, asked, names }
    }

    /// How many operations are not at rest; the database may have to find a primary first.
    fn open(&self) -> usize {
        until("the database answers", || {
            let (page, query) = (Page::first(1000), Query::equals("open", "1"));
            self.runtime.block_on(self.repo.list(Table::Operations, &query, &page)).ok().map(|page| page.rows.len())
        })
    }

    /// The second controller finishes what was begun and does nothing twice.
    fn is_finished_by_the_second(&self, what: &str) {
        let begun = SystemClock.now();
        let left = self.open();
        assert!(left > 0, "nothing was left to take over");
        // Any controller answers for any operation.
        for (_, operation) in &self.asked {
            let view = until(&format!("{operation} at rest"), || {
                let (_, _, view) =
                    self.world.api(self.second, "GET", &format!("/api/operations/{operation}?wait=20"), None).ok()?;
                (view["done"] == true).then_some(view)
            });
            assert_eq!(view["state"], "succeeded", "{view:#}");
        }
        let rested = SystemClock.now().duration_since(begun);
        println!("{left} of {STORES} operations were open after {what}; all at rest {} ms after it", rested.as_millis());
        self.stands_once();
    }

    /// Everything that was asked for is there, and once.
    fn stands_once(&self) {
        assert_eq!(self.open(), 0);
        let ids: BTreeSet<String> = self.asked.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(distinct(&self.world.deployed()), ids);
        let _unique = distinct(&self.world.records());
        let mut zones: BTreeSet<String> = self.names.iter().map(|name| format!("{name}-shop.com")).collect();
        zones.insert("storex.com".to_owned());
        assert_eq!(distinct(&self.world.zones()), zones);
        for name in &self.names {
            let visit = format!("GET /health HTTP/1.1\r\nHost: {name}.storex.com\r\nConnection: close\r\n\r\n");
            until(&format!("{name} serves"), || (exchange(self.world.router, &visit).ok()?.0 == 200).then_some(()));
        }
        self.is_told_once("store.created");
    }

    /// Each store's message of this kind was delivered, and no message twice, whichever controllers delivered them.
    fn is_told_once(&self, event: &str) {
        let told = until(&format!("{event} is told of all"), || {
            let messages = self.world.messages();
            let stores: Vec<String> = messages.iter().filter(|message| message.0 == event).map(|told| told.1.clone()).collect();
            (stores.len() >= STORES).then_some(stores)
        });
        assert_eq!(distinct(&told), self.asked.iter().map(|(id, _)| id.clone()).collect(), "{event}");
    }

    /// All stores are removed, asked of these controllers in turns.
    fn goes(&self, by: &[u16]) {
        for ((id, _), controller) in self.asked.iter().zip(by.iter().cycle()) {
            let (status, ..) = self.world.api(*controller, "DELETE", &format!("/api/stores/{id}"), None).unwrap();
            assert_eq!(status, 202);
        }
        until("all stores are gone", || (self.open() == 0 && self.world.deployed().is_empty()).then_some(()));
        assert_eq!(self.world.zones(), ["storex.com"]);
        self.is_told_once("store.created");
    }
}

#[test]
fn one_controller_is_killed_in_the_middle_of_creates_and_the_other_finishes_them() {
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let mut shared = Shared::asked(Topology::Standalone, STORE_PORTS);
    shared.world.kill(shared.first);
    shared.is_finished_by_the_second("the kill of a controller");
    shared.goes(&[shared.second]);
}

#[test]
fn a_controller_and_the_primary_are_killed_at_once_and_the_others_finish_the_creates() {
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let mut shared = Shared::asked(Topology::Three, STORE_PORTS + 50);
    let primary = shared.runtime.block_on(shared.deployment.primary()).unwrap();
    shared.world.kill(shared.first);
    shared.deployment.servers[primary].kill().unwrap();
    shared.is_finished_by_the_second("the kill of a controller and of the primary");
    shared.goes(&[shared.second]);
    let successor = shared.runtime.block_on(shared.deployment.primary()).unwrap();
    assert_ne!(successor, primary, "the control: another server is the primary");
}

#[test]
fn a_controller_that_was_held_still_past_its_leases_finds_its_work_done_and_does_none_of_it_again() {
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let shared = Shared::asked(Topology::One, STORE_PORTS + 150);
    shared.world.signal(shared.first, Signal::STOP);
    shared.is_finished_by_the_second("a controller was held still");
    shared.world.signal(shared.first, Signal::CONT);
    until("the controller that was held still answers", || {
        (shared.world.api(shared.first, "GET", "/readyz", None).ok()?.0 == 200).then_some(())
    });
    // It is in the middle of its calls, or about to make them.
    std::thread::sleep(AWAKE);
    shared.stands_once();
    shared.goes(&[shared.first, shared.second]);
}
