//! `storex operation`.

use super::args::{ChangeOperationArgs, GetOperationArgs, OperationCommand};
use super::connection::connect;
use super::failure::Outcome;
use super::follow::{follow, view};
use super::http::segment;
use super::progress::tree;
use super::streams::Streams;
use crate::Environment;

pub(super) async fn run(command: OperationCommand, environment: &Environment, streams: &mut Streams) -> Outcome {
    match command {
        OperationCommand::Get(args) => get(args, environment, streams).await,
        OperationCommand::Cancel(args) => change(args, "cancel", environment, streams).await,
        OperationCommand::Retry(args) => change(args, "retry", environment, streams).await,
    }
}

async fn get(args: GetOperationArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let document = if args.wait.wait {
        follow(&client, &args.id, &args.wait, streams).await?
    } else {
        client.get(&format!("/api/operations/{}", segment(&args.id))).await?.body
    };
    streams.answer(&document, || Ok(tree(&view(&document)?)))
}

async fn change(args: ChangeOperationArgs, how: &str, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let document = client.post(&format!("/api/operations/{}/{how}", segment(&args.id)), &serde_json::json!({})).await?.body;
    streams.answer(&document, || Ok(tree(&view(&document)?)))?;
    streams.note(&format!("follow it with: storex operation get {} --wait", args.id));
    Ok(())
}
