//! The client of the agent's service when the other side is absent, silent, or breaks off: what is refused and what is in doubt.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod host_on_twins;

use host_on_twins::{context, package};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use storex_agent::{AgentClient, service};
use storex_core::{Clock, Code, EffectCx, Error, ErrorRecord, Part, Secret, StoreHost, StorePackage, SystemClock};
use storex_fakes::MemoryHost;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn client(address: SocketAddr) -> AgentClient {
    AgentClient::new(address, Secret::new("stx_secret".to_owned()), Arc::new(SystemClock)).unwrap()
}

fn a_store() -> (StorePackage, EffectCx) {
    let package = package("oceanbreeze-12345", 4001);
    let cx = context(&package.store_id, 1, 1, false);
    (package, cx)
}

/// A server that reads a request, answers these bytes and closes; with `None` it never answers.
async fn server(answer: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 8192];
            let _ = stream.read(&mut request).await;
            match answer {
                Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                None => std::future::pending::<()>().await,
            }
        }
    });
    address
}

fn kind(error: &Error) -> (Code, bool) {
    (error.code(), error.is_unclear())
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_happened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap());
    drop(listener);
    let (package, cx) = a_store();
    assert_eq!(kind(&client.apply(&cx, &package, Part::Files).await.unwrap_err()), (Code::Unavailable, false));
    assert_eq!(kind(&client.withdraw(&cx, &package.store_id, Part::Files).await.unwrap_err()), (Code::Unavailable, false));
    assert_eq!(kind(&client.find(&package.store_id).await.unwrap_err()), (Code::Unavailable, false));
}

#[tokio::test]
async fn a_connection_that_breaks_off_leaves_changes_in_doubt_and_reads_not() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"status\":";
    for answer in ["", cut] {
        let client = client(server(Some(answer)).await);
        let (package, cx) = a_store();
        assert_eq!(kind(&client.apply(&cx, &package, Part::Files).await.unwrap_err()), (Code::Unavailable, true), "{answer:?}");
        assert_eq!(kind(&client.withdraw(&cx, &package.store_id, Part::Files).await.unwrap_err()), (Code::Unavailable, true));
        assert_eq!(kind(&client.list().await.unwrap_err()), (Code::Unavailable, false));
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_a_change_in_doubt() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    ] {
        let client = client(server(Some(answer)).await);
        let (package, cx) = a_store();
        assert_eq!(kind(&client.apply(&cx, &package, Part::Files).await.unwrap_err()), (Code::HostRefused, true), "{answer:?}");
    }
}

#[tokio::test]
async fn the_calls_deadline_ends_the_wait_and_a_passed_one_sends_nothing() {
    let client = client(server(None).await);
    let (package, mut cx) = a_store();
    cx.deadline = SystemClock.now() + Duration::from_millis(200);
    assert_eq!(kind(&client.apply(&cx, &package, Part::Files).await.unwrap_err()), (Code::Timeout, true));
    // Now the deadline has passed: refused, proved by what the server would have made of it.
    assert_eq!(kind(&client.apply(&cx, &package, Part::Files).await.unwrap_err()), (Code::Timeout, false));
}

#[tokio::test]
async fn the_service_answers_for_errors_as_the_host_itself_would() {
    let host = MemoryHost::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap());
    let service = service::router(Arc::new(host.clone()), Secret::new("stx_secret".to_owned()));
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    let (mut package, cx) = a_store();
    host.silence("oceanbreeze");
    for (step, part) in (1..).zip([Part::Files, Part::Environment]) {
        client.apply(&context(&package.store_id, 1, step, false), &package, part).await.unwrap();
    }
    let there = client.apply(&cx, &package, Part::Process).await.unwrap_err();
    let here = host.apply(&cx, &package, Part::Process).await.unwrap_err();
    assert_eq!(ErrorRecord::from(&there), ErrorRecord::from(&here));
    package.environment.insert("DOMAIN".to_owned(), "*.shops.com".into());
    let there = client.apply(&cx, &package, Part::Route).await.unwrap_err();
    let here = host.apply(&cx, &package, Part::Route).await.unwrap_err();
    assert_eq!(here.pointer_str(), Some("/environment/DOMAIN"));
    assert_eq!(ErrorRecord::from(&there), ErrorRecord::from(&here));
}

#[tokio::test]
async fn a_wrong_token_is_told_and_the_token_is_never_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap());
    let service = service::router(Arc::new(MemoryHost::default()), Secret::new("stx_other".to_owned()));
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    let error = client.facts().await.unwrap_err();
    assert_eq!(error.code(), Code::Unauthenticated);
    assert!(!format!("{error:?} {client:?}").contains("stx_secret"));
}

#[tokio::test]
async fn an_address_beyond_loopback_is_refused() {
    for address in ["10.0.0.1:8081", "0.0.0.0:8081", "[2001:db8::1]:8081"] {
        let refused = AgentClient::new(address.parse().unwrap(), Secret::new("stx".to_owned()), Arc::new(SystemClock));
        assert_eq!(refused.unwrap_err().code(), Code::Unusable, "{address}");
    }
    assert!(AgentClient::new("[::1]:8081".parse().unwrap(), Secret::new("stx".to_owned()), Arc::new(SystemClock)).is_ok());
}
