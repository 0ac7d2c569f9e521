//! `storex operation`.

use super::args::{ChangeOperationArgs, FindOperationArgs, GetOperationArgs, OperationCommand};
use super::connection::connect;
use super::failure::Outcome;
use super::follow::{follow, view};
use super::http::segment;
use super::progress::tree;
use super::streams::Streams;
use crate::Environment;
use serde_json::Value;

/// Code of an operation that was rolled back.
const ROLLED_BACK: &str = "rolled_back";

pub(super) async fn run(command: OperationCommand, environment: &Environment, streams: &mut Streams) -> Outcome {
    match command {
        OperationCommand::Get(args) => get(args, environment, streams).await,
        OperationCommand::Find(args) => find(args, environment, streams).await,
        OperationCommand::Cancel(args) => cancel(args, environment, streams).await,
        OperationCommand::Retry(args) => retry(args, environment, streams).await,
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

async fn find(args: FindOperationArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let mut document = client.get(&format!("/api/operations?idempotency_key={}", segment(&args.key))).await?.body;
    if args.wait.wait {
        document = follow(&client, view(&document)?.id.as_str(), &args.wait, streams).await?;
    }
    streams.answer(&document, || Ok(tree(&view(&document)?)))
}

async fn cancel(args: ChangeOperationArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let path = format!("/api/operations/{}", segment(&args.id));
    let mut document = client.post(&format!("{path}/cancel"), &Value::Null, None).await?.body;
    if args.wait.wait {
        document = match follow(&client, &args.id, &args.wait, streams).await {
            // What was asked for.
            Err(failure) if failure.problem().is_some_and(|problem| problem.code == ROLLED_BACK) => client.get(&path).await?.body,
            followed => followed?,
        };
    }
    streams.answer(&document, || Ok(tree(&view(&document)?)))
}

async fn retry(args: ChangeOperationArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let mut document = client.post(&format!("/api/operations/{}/retry", segment(&args.id)), &Value::Null, None).await?.body;
    if args.wait.wait {
        document = follow(&client, &args.id, &args.wait, streams).await?;
    }
    streams.answer(&document, || Ok(tree(&view(&document)?)))
}
