//! The simulator behind a real socket: what only a connection can show.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use storex_fakes::cloudflare::{FaultAction, FaultRule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::client::{TOKEN, simulator};

const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a listener");
    let request = format!("GET {path} HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    stream
}

/// Everything the server sends until it closes; a reset ends it too.
async fn everything(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("closed in time");
    drop(read);
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn a_started_simulator_answers_under_its_base_url() {
    let running = simulator().start_on_loopback().await.expect("a port");
    assert_eq!(running.base_url(), format!("http://127.0.0.1:{}/client/v4", running.address().port()));
    let text = everything(connect(running.address(), "/client/v4/zones").await).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("\"storex.com\""), "{text}");
    let text = everything(connect(running.address(), "/__sim/counts").await).await;
    assert!(text.contains("\"GET /zones\":1"), "{text}");
}

#[tokio::test]
async fn a_reset_sends_not_one_byte() {
    let running = simulator().start_on_loopback().await.expect("a port");
    for rule in [FaultRule::before("GET", "/zones", FaultAction::Reset), FaultRule::after("GET", "/zones", FaultAction::Reset)] {
        running.add_fault(rule).expect("a good rule");
        assert_eq!(everything(connect(running.address(), "/client/v4/zones").await).await, "");
    }
    let text = everything(connect(running.address(), "/client/v4/zones").await).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "the server lives on: {text}");
}

#[tokio::test]
async fn a_caller_that_hangs_up_is_no_longer_held() {
    let running = simulator().start_on_loopback().await.expect("a port");
    running.add_fault(FaultRule::before("GET", "/zones", FaultAction::Hold)).expect("a good rule");
    let stream = connect(running.address(), "/client/v4/zones").await;
    timeout(PATIENCE, running.until_held(1)).await.expect("held in time");
    drop(stream);
    timeout(PATIENCE, async {
        while !running.held().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("let go in time");
}

#[tokio::test]
async fn dropping_it_drops_held_calls_and_closes_the_port() {
    let running = simulator().start_on_loopback().await.expect("a port");
    let address = running.address();
    running.add_fault(FaultRule::before("GET", "/zones", FaultAction::Hold)).expect("a good rule");
    let stream = connect(address, "/client/v4/zones").await;
    timeout(PATIENCE, running.until_held(1)).await.expect("held in time");
    drop(running);
    assert_eq!(everything(stream).await, "");
    timeout(PATIENCE, async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("closed in time");
}

#[tokio::test]
async fn a_server_can_be_shut_down_and_can_have_routes_merged_in() {
    let simulator = simulator();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let router = simulator.router().merge(Router::new().route("/__sim/repo", get(|| async { "merged" })));
    let server = tokio::spawn(async move {
        let shutdown = async move {
            let _ = stopped.await;
        };
        simulator.serve_router(listener, router, shutdown).await
    });
    let text = everything(connect(address, "/__sim/repo").await).await;
    assert!(text.ends_with("merged"), "{text}");
    stop.send(()).expect("the server waits for it");
    timeout(PATIENCE, server).await.expect("stopped in time").expect("no panic").expect("no error");
}
