//! The specification's creation request over HTTP, on the embedded repository and the Cloudflare simulator: its answer to the letter,
//! name servers included.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use storex_cloudflare::{CloudflareAccount, CloudflareClient};
use storex_core::{Clock, Controller, Hostname, Secret, Settings, SingleHost, SystemClock};
use storex_fakes::cloudflare::Simulator;
use storex_fakes::{MemoryHost, MemoryNotifier};
use storex_redb::RedbStores;
use storex_server::{ApiToken, router, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// "Store Management APIs", number 1.
const REQUEST: &str = r#"{
    "username": "oceanbreeze",
    "domain": "oceanbreezestore.com",
    "storeDetails": {
        "owner": "John Smith",
        "email": "john@oceanbreezestore.com",
        "plan": "professional"
    }
}"#;

const RESPONSE: &str = r#"{
    "status": "success",
    "store_id": "oceanbreeze-12345",
    "domains": {
        "system": "oceanbreeze.storex.com",
        "custom": "oceanbreezestore.com"
    },
    "configuration": {
        "nameservers": [
            "ns1.cloudflare.com",
            "ns2.cloudflare.com"
        ],
        "status": "configuring",
        "next_steps": [
            "Update domain nameservers",
            "Wait for DNS propagation",
            "Verify domain ownership"
        ]
    }
}"#;

const CLOUDFLARE_TOKEN: &str = "simulated";

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A controller on a file and a simulated Cloudflare, whose platform stands.
async fn controller(folder: &Path) -> Controller {
    let simulator = Simulator::builder().primary_domain("storex.com").token(CLOUDFLARE_TOKEN).build().unwrap();
    let (listener, address) = listen().await;
    tokio::spawn(async move { simulator.serve(listener, std::future::pending()).await });
    let client = CloudflareClient::builder()
        .base_url(format!("http://{address}/client/v4"))
        .token(Secret::new(CLOUDFLARE_TOKEN.to_owned()))
        .loopback_only(true)
        .build()
        .unwrap();
    let primary: Hostname = "storex.com".parse().unwrap();
    let account = CloudflareAccount::discover(&client, &primary).await.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let controller = Controller::builder()
        .repo(Arc::new(RedbStores::open(&folder.join("storex.redb"), clock).unwrap()))
        .domains(Arc::new(account.domains()))
        .tunnel(Arc::new(account.tunnels()))
        .hosts(Arc::new(SingleHost(Arc::new(MemoryHost::default()))))
        .notifier(Arc::new(MemoryNotifier::default()));
    let controller = controller.build(Settings::new(primary)).await.unwrap();
    controller.ensure_platform("http://localhost:3000").await.unwrap();
    controller
}

/// Sends a request and answers the status and the body.
async fn send(address: SocketAddr, token: &str, line: &str, body: &str) -> (u16, String) {
    let head = format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {token}\r\n");
    let head = format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn the_specifications_request_gets_its_answer_to_the_letter_but_for_the_digits() {
    let folder = tempfile::tempdir().unwrap();
    let controller = controller(folder.path()).await;
    let token: ApiToken = format!("stx_{}", "5".repeat(64)).parse().unwrap();
    let (listener, address) = listen().await;
    tokio::spawn(serve(listener, router(controller, token.clone()), std::future::pending()));
    let (status, body) = send(address, token.expose(), "POST /api/stores", REQUEST).await;
    assert_eq!(status, 201, "{body}");
    let id = serde_json::from_str::<Value>(&body).unwrap()["store_id"].as_str().unwrap().to_owned();
    let expected = serde_json::from_str::<Value>(RESPONSE).unwrap().to_string();
    assert_eq!(body.replacen(&id, "oceanbreeze-12345", 1), expected);
    let store = format!("GET /api/stores/{id}");
    let (_, shown) = send(address, token.expose(), &store, "").await;
    let operation = serde_json::from_str::<Value>(&shown).unwrap()["operation"].as_str().unwrap().to_owned();
    let (_, rest) = send(address, token.expose(), &format!("GET /api/operations/{operation}?wait=60"), "").await;
    assert!(rest.contains(r#""state":"succeeded""#), "{rest}");
    let (status, shown) = send(address, token.expose(), &store, "").await;
    assert_eq!(status, 200, "{shown}");
    let same = body.strip_suffix('}').unwrap();
    assert!(shown.starts_with(&format!("{same},\"username\":\"oceanbreeze\"")), "{shown}");
    let (status, _) = send(address, "stx_wrong", "POST /api/stores", REQUEST).await;
    assert_eq!(status, 401, "the control");
}
