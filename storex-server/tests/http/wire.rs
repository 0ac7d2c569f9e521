//! The API on a real connection: limits of headers and time, and an orderly end.

use crate::api::{Api, request};
use std::time::Duration;
use storex_fakes::{Fault, FaultRule, When};
use storex_server::serve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Server {
    address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

async fn start(api: &Api) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let router = api.router.clone();
    let task = tokio::spawn(async move { serve(listener, router, async { drop(stopped.await) }).await });
    Server { address, stop: Some(stop), task }
}

/// Sends bytes and reads until the server closes the connection.
async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut answer));
    assert!(closed.await.is_ok(), "the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_client_that_never_finishes_its_headers_is_cut() {
    let api = Api::new().await;
    let server = start(&api).await;
    assert_eq!(exchange(&server, b"").await, "", "nothing sent");
    let half = exchange(&server, b"GET /healthz HTTP/1.1\r\nhost: a\r\n").await;
    assert!(!half.contains("200"), "{half}");
}

#[tokio::test]
async fn headers_have_a_bounded_size_and_number() {
    let api = Api::new().await;
    let server = start(&api).await;
    let large = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-large: {}\r\n\r\n", "a".repeat(20_000));
    assert!(exchange(&server, large.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{}\r\n", "x-a: b\r\n".repeat(200));
    assert!(exchange(&server, many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let usual = exchange(&server, b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(usual.starts_with("HTTP/1.1 200") && usual.ends_with(r#"{"status":"ok"}"#), "{usual}");
}

#[tokio::test]
async fn a_sender_of_too_much_gets_to_read_why() {
    let api = Api::new().await;
    let server = start(&api).await;
    let blanks = " ".repeat(300_000);
    let head = format!(
        "POST /api/stores HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
        api.token
    );
    let declared = format!("{head}content-length: {}\r\n\r\n{blanks}", blanks.len());
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{blanks}\r\n0\r\n\r\n", blanks.len());
    for bytes in [declared, chunked] {
        let answer = exchange(&server, bytes.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
    }
}

#[tokio::test]
async fn the_end_lets_requests_finish_and_takes_no_new_ones() {
    let api = Api::new().await;
    api.world.script.add(FaultRule::next("repo.get", "stores/", When::Before, Fault::Hold));
    let mut server = start(&api).await;
    let head = format!("GET /api/stores/oceanbreeze-12345 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\r\n", api.token);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    while !api.world.script.history().iter().any(|call| call.faulted) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.stop.take().unwrap().send(()).unwrap();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    api.world.script.clear();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "the request under way was answered: {answer}");
    server.task.await.unwrap();
}

#[tokio::test]
async fn the_end_cuts_what_does_not_finish() {
    let api = Api::new().await;
    api.world.script.add(FaultRule::next("host.apply", "files", When::Before, Fault::Hold));
    let location = api.post(request("oceanbreeze", None).to_string()).await.header("operation-location");
    let mut server = start(&api).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET {location}?wait=60 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\r\n", api.token);
    stream.write_all(head.as_bytes()).await.unwrap();
    server.stop.take().unwrap().send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(30), server.task).await.expect("the end does not wait a minute").unwrap();
}
