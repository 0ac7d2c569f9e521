//! What is asked for one store: of the edge by `storex store purge`, `insight` and `reissue-certificate`, and of its database by `rotate-password`.

use super::args::{InsightArgs, PurgeArgs, ReissueArgs, RotateArgs, WaitArgs};
use super::connection::connect;
use super::failure::Outcome;
use super::follow::follow;
use super::http::{Answer, Client, segment};
use super::show;
use super::streams::Streams;
use crate::Environment;
use serde_json::{Value, json};

pub(super) async fn purge(args: &PurgeArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let path = format!("/api/stores/{}/cache/purge", segment(&args.id));
    let answer = client.post(&path, &json!({}), None).await?.body;
    let hosts = answer.get("purged").and_then(Value::as_array).into_iter().flatten();
    let lines: Vec<String> = hosts.map(|host| show::text(host, "")).collect();
    streams.answer(&answer, || Ok(format!("{}\n", lines.join("\n"))))
}

pub(super) async fn insight(args: &InsightArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let path = format!("/api/stores/{}/insight?seconds={}", segment(&args.id), args.seconds);
    let answer = client.get(&path).await?.body;
    streams.answer(&answer, || Ok(show::insight(&answer)))
}

pub(super) async fn reissue(args: &ReissueArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let path = format!("/api/stores/{}/certificate/reissue", segment(&args.id));
    let answer = client.post(&path, &json!({ "force": args.force }), None).await?;
    begun(&client, &answer, &args.wait, streams).await?;
    streams.answer(&answer.body, || Ok(format!("{}\n", show::text(&answer.body, "/detail"))))
}

pub(super) async fn rotate(args: &RotateArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let path = format!("/api/stores/{}/database/rotate", segment(&args.id));
    let answer = client.post(&path, &json!({}), None).await?;
    begun(&client, &answer, &args.wait, streams).await?;
    streams.answer(&answer.body, || Ok(format!("{}\n", show::text(&answer.body, "/operation"))))
}

/// Follows the operation an answer names, when that is wanted; else says how to.
async fn begun(client: &Client, answer: &Answer, wait: &WaitArgs, streams: &mut Streams) -> Outcome {
    match &answer.operation {
        Some(operation) if wait.wait => drop(follow(client, operation, wait, streams).await?),
        Some(operation) => streams.note(&format!("follow it with: storex operation get {operation} --wait")),
        None => {}
    }
    Ok(())
}
