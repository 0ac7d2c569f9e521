//! The laws of `StoreHost` on the agent, and on its client at the other end of HTTP.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod host_on_twins;

use host_on_twins::{Machine, MachineHand};
use std::net::SocketAddr;
use std::sync::Arc;
use storex_agent::{AgentClient, service};
use storex_core::{Secret, StoreHost, SystemClock};
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::store_host::{DRIFT, LAWS, WithHand};

async fn host(machine: &Machine) -> Arc<dyn StoreHost> {
    let router = machine.router().await;
    let agent = machine.builder().router(router).open(machine.ledger()).await.unwrap();
    agent.converge().await.unwrap();
    Arc::new(agent)
}

async fn served(host: Arc<dyn StoreHost>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = service::router(host, Secret::new("stx_secret".to_owned()));
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    address
}

/// The host with a hand that reaches its machine.
fn with_hand(host: Arc<dyn StoreHost>, machine: &Machine) -> Arc<WithHand> {
    Arc::new(WithHand { host, hand: Arc::new(MachineHand(machine.clone())) })
}

#[tokio::test]
async fn the_agent_keeps_every_law() {
    let machine = Machine::new();
    let host = host(&machine).await;
    assert_eq!(broken_laws(LAWS, &host).await, []);
    assert_eq!(broken_laws(DRIFT, &with_hand(host, &machine)).await, []);
}

#[tokio::test]
async fn the_client_keeps_every_law_over_http() {
    let machine = Machine::new();
    let address = served(host(&machine).await).await;
    let client = AgentClient::new(address, Secret::new("stx_secret".to_owned()), Arc::new(SystemClock)).unwrap();
    let client: Arc<dyn StoreHost> = Arc::new(client);
    assert_eq!(broken_laws(LAWS, &client).await, []);
    assert_eq!(broken_laws(DRIFT, &with_hand(client, &machine)).await, []);
}

#[tokio::test]
async fn an_agent_that_sat_the_laws_leaves_tombstones_only() {
    let machine = Machine::new();
    let host = host(&machine).await;
    assert_eq!(broken_laws(LAWS, &host).await, []);
    assert_eq!(host.list().await.unwrap(), []);
    let agent = machine.agent().await;
    let report = agent.converge().await.unwrap();
    assert!(report.restored.is_empty() && report.removed.is_empty() && report.failed.is_empty(), "{report:?}");
}
