//! The simulator's validation of a tunnel's configuration and the adapter's own agree on every document of the recorded oracle. They share no line, so
//! a misreading of cloudflared cannot hide in both.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where it cannot go on")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use storex_cloudflare::ingress::Ingress;
use storex_fakes::cloudflare::{RunningSimulator, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ORACLE: &str = include_str!("../../storex-cloudflare/tests/fixtures/ingress-oracle.json");
const TOKEN: &str = "simulated";

/// Documents, and whether cloudflared accepts them.
fn documents() -> Vec<(Value, bool)> {
    let oracle: Value = serde_json::from_str(ORACLE).unwrap();
    let document = |case: &Value| (json!({ "ingress": case["ingress"] }), case["valid"].as_bool().unwrap());
    oracle["cases"].as_array().unwrap().iter().map(document).collect()
}

/// A call of the API; answers the status and the body.
async fn call(simulator: &RunningSimulator, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "{method} /client/v4{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// What the simulator says of a document: nothing, or why not.
async fn refusal(simulator: &RunningSimulator, path: &str, document: &Value) -> Option<String> {
    let (status, body) = call(simulator, "PUT", path, &json!({ "config": document })).await;
    match status {
        200 => None,
        400 => Some(body["errors"][0]["message"].as_str().unwrap().to_owned()),
        other => unreachable!("{other} {body}"),
    }
}

#[derive(Debug, Default)]
struct Compared {
    same_words: usize,
    /// Accepted by the simulator only, by the adapter's name for it.
    stricter: BTreeMap<&'static str, usize>,
    disagreements: Vec<String>,
}

fn compare(
    documents: &[(Value, bool)],
    simulated: &[Option<String>],
    parse: impl Fn(&Value) -> Option<storex_cloudflare::ingress::Invalid>,
) -> Compared {
    let mut compared = Compared::default();
    for ((document, _), simulated) in documents.iter().zip(simulated) {
        match (simulated, parse(document)) {
            (None, None) => {}
            (Some(theirs), Some(ours)) => compared.same_words += usize::from(theirs.ends_with(&ours.to_string())),
            (None, Some(ours)) if ours.stricter().is_some() => {
                *compared.stricter.entry(ours.stricter().unwrap().name()).or_default() += 1;
            }
            (theirs, ours) => compared.disagreements.push(format!("{document}: simulator {theirs:?}, adapter {ours:?}")),
        }
    }
    compared
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_and_the_adapter_accept_and_refuse_the_same_documents() {
    let simulator =
        Simulator::builder().primary_domain("storex.com").token(TOKEN).build().unwrap().start_on_loopback().await.unwrap();
    let tunnels = format!("/accounts/{}/cfd_tunnel", simulator.account().id);
    let (_, made) = call(&simulator, "POST", &tunnels, &json!({ "name": "oracle", "config_src": "cloudflare" })).await;
    let path = format!("{tunnels}/{}/configurations", made["result"]["id"].as_str().unwrap());
    let documents = documents();
    let mut simulated = Vec::with_capacity(documents.len());
    for (document, _) in &documents {
        simulated.push(refusal(&simulator, &path, document).await);
    }
    let compared = compare(&documents, &simulated, |document| Ingress::parse(document).err());
    println!(
        "ingress, simulator and adapter: {} documents, {} disagreements; {} refusals in the same words; stricter here: {:?}",
        documents.len(),
        compared.disagreements.len(),
        compared.same_words,
        compared.stricter
    );
    assert_eq!(documents.len(), 1500);
    assert_eq!(compared.disagreements, Vec::<String>::new());
    assert_eq!(compared.stricter.keys().copied().collect::<Vec<_>>(), ["wildcard_without_dot"]);
    let accepted = documents.iter().zip(&simulated).filter(|((_, valid), refusal)| *valid != refusal.is_none()).count();
    assert_eq!(accepted, 0, "the simulator and cloudflared");

    let with_last_rule = |document: &Value| {
        let mut document = document.clone();
        document["ingress"].as_array_mut().unwrap().push(json!({ "service": "hello_world" }));
        Ingress::parse(&document).err()
    };
    let broken = compare(&documents, &simulated, with_last_rule).disagreements.len();
    println!("ingress, simulator and adapter, control: the last rule not checked: {broken} disagreements");
    assert!(broken > 0);
}
