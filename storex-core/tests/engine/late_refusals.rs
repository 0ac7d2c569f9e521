//! Refusals that arrive when the operation is on its way back already.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use storex_core::operation::OperationState;
use storex_core::{
    Claim, ClaimOutcome, Controller, CreateStoreRequest, Expected, Fence, Grant, Lease, Nonce, OperationId, Page, Query, Result,
    Row, RowPage, RowWrite, StoreRepo, Table, Wakeups,
};
use storex_fakes::{Fault, FaultRule, MemoryStores, When, World};

fn request() -> CreateStoreRequest {
    let details = serde_json::json!({ "owner": "John Smith", "email": "john@example-mail.com" });
    CreateStoreRequest::from_json(&serde_json::json!({ "username": "oceanbreeze", "storeDetails": details })).unwrap()
}

async fn rest(controller: &Controller, id: &OperationId) -> OperationState {
    controller.wait_operation(id, Duration::from_hours(24)).await.unwrap().state
}

/// A repo that answers a claim on a database's name late.
#[derive(Debug)]
struct LateClaims(MemoryStores);

#[async_trait]
impl StoreRepo for LateClaims {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        self.0.get(table, id).await
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        self.0.put(write, expected, nonce, fence).await
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        self.0.delete(table, id, version, fence).await
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        self.0.list(table, query, page).await
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        if claim.namespace == "database" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.0.claim(claim, fence).await
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        self.0.claim_first(claim, candidates, fence).await
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        self.0.release(namespace, name, owner, fence).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        self.0.acquire(lease).await
    }

    fn wakeups(&self) -> Wakeups {
        self.0.wakeups()
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_lost_its_names_while_it_was_interrupted_turns_back_and_needs_no_operator() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    // The claims are sent and nothing comes back: after the restart each of them is in doubt.
    for namespace in ["username", "domain", "database"] {
        world.script.add(FaultRule::next("repo.claim", namespace, When::Before, Fault::Hold));
    }
    let losing = tokio::spawn({
        let controller = controller.clone();
        async move { controller.create_store(&request()).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    losing.abort();
    controller.stop().await;
    world.script.clear();
    let next = world.ready_controller().await.unwrap();
    let (_, taken) = next.create_store(&request()).await.unwrap();
    assert_eq!(rest(&next, &taken).await, OperationState::Succeeded);
    next.stop().await;
    let rows = world.stores.list(Table::Operations, &Query::equals("open", "1"), &Page::first(10)).await.unwrap().rows;
    let id: OperationId = rows[0].id.parse().unwrap();
    // One claim is refused at once, another while the operation is on its way back already.
    world.void_leases();
    let last = world.controller_with_repo(Arc::new(LateClaims(world.stores.clone()))).await.unwrap();
    last.ensure_platform("http://localhost:3000").await.unwrap();
    last.resume().await.unwrap();
    assert_eq!(rest(&last, &id).await, OperationState::RolledBack);
}
