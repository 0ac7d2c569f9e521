//! A repo whose calls take turns, as those of a driver that hands one connection on: a call that stands still must not keep the turn from others.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use storex_core::{
    Claim, ClaimOutcome, CreateStoreRequest, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite,
    StoreRepo, Table, Wakeups,
};
use storex_fakes::{Allowance, Fault, FaultRule, Parts, When, World};
use tokio::sync::{Mutex, MutexGuard};

const LONG: Duration = Duration::from_mins(10);

/// Gives the turn to the next call in the order in which they came, whether it is asked for or not.
#[derive(Debug)]
struct TakingTurns {
    repo: Arc<dyn StoreRepo>,
    turn: Mutex<()>,
}

impl TakingTurns {
    fn of(repo: Arc<dyn StoreRepo>) -> Arc<Self> {
        Arc::new(Self { repo, turn: Mutex::default() })
    }

    async fn turn(&self) -> MutexGuard<'_, ()> {
        let turn = self.turn.lock().await;
        // The answer takes a while, so that others queue up.
        tokio::time::sleep(Duration::from_millis(1)).await;
        turn
    }
}

#[async_trait]
impl StoreRepo for TakingTurns {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        let _turn = self.turn().await;
        self.repo.get(table, id).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        let _turn = self.turn().await;
        self.repo.put(write, expected, nonce, fence).await
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        let _turn = self.turn().await;
        self.repo.delete(table, id, version, fence).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        let _turn = self.turn().await;
        self.repo.list(table, query, page).await
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        let _turn = self.turn().await;
        self.repo.claim(claim, fence).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        let _turn = self.turn().await;
        self.repo.claim_first(claim, candidates, fence).await
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        let _turn = self.turn().await;
        self.repo.release(namespace, name, owner, fence).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        let _turn = self.turn().await;
        self.repo.acquire(lease).await
    }

    fn wakeups(&self) -> Wakeups {
        self.repo.wakeups()
    }
}

fn request(username: &str) -> CreateStoreRequest {
    let body = serde_json::json!({
        "username": username, "domain": format!("{username}store.com"),
        "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
    });
    CreateStoreRequest::from_json(&body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn operations_that_run_at_once_never_keep_the_turn_from_each_other() {
    let world = World::new().unwrap();
    let parts = world.parts();
    let repo = TakingTurns::of(Arc::clone(&parts.repo));
    let controller = world.start(Parts { repo, ..parts }).await.unwrap().controller;
    controller.ensure_platform("http://localhost:3000").await.unwrap();
    let begun = world.clock().now();
    let names: Vec<String> = (0..12).map(|number| format!("ocean{number}")).collect();
    let create = |name: String| {
        let controller = controller.clone();
        async move {
            let (created, operation) = controller.create_store(&request(&name)).await.unwrap();
            let view = controller.wait_operation(&operation, LONG).await.unwrap();
            assert!(view.error.is_none(), "{view:?}");
            controller.delete_store(&created.store_id).await.unwrap().success(LONG).await.unwrap();
        }
    };
    let all = futures::future::join_all(names.into_iter().map(create));
    assert!(tokio::time::timeout(LONG, all).await.is_ok(), "a turn is with a call nobody asks for");
    let took = world.clock().now().duration_since(begun);
    assert!(took.as_secs() < 10, "a few thousand turns of a millisecond took {took:?}");
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn events_that_are_left_lying_in_the_middle_of_a_look_keep_nothing_from_others() {
    let world = World::new().unwrap();
    let parts = world.parts();
    let repo = TakingTurns::of(Arc::clone(&parts.repo));
    let driving = world.start(parts).await.unwrap().controller;
    driving.ensure_platform("http://localhost:3000").await.unwrap();
    world.script.add(FaultRule::next("host.apply", "", When::Before, Fault::Hold));
    let (_, operation) = driving.create_store(&request("oceanbreeze")).await.unwrap();

    // Another controller does not drive the operation: it reads again and again.
    let looking = world.start(Parts { repo, ..world.parts() }).await.unwrap().controller;
    let mut events = looking.handle(&operation).events();
    for step in 0..200 {
        while events.next().now_or_never().is_some() {}
        let looked = tokio::time::timeout(Duration::from_secs(5), looking.get_operation(&operation)).await;
        assert!(looked.is_ok(), "step {step}: the turn is with events nobody asks for");
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    world.script.clear();
    let rest: Vec<_> = events.collect().await;
    assert!(rest.last().is_some_and(Result::is_ok), "{rest:?}");
}
