//! `storex store`.

use super::args::{CreateArgs, DeleteArgs, GetStoreArgs, ListArgs, NewStore, StoreCommand, WaitArgs};
use super::connection::connect;
use super::edge;
use super::failure::{Failure, Outcome};
use super::follow::follow;
use super::http::{Answer, Client, segment};
use super::show;
use super::streams::Streams;
use crate::Environment;
use serde_json::{Map, Value, json};
use storex_core::{Code, Error};

pub(super) async fn run(command: StoreCommand, environment: &Environment, streams: &mut Streams) -> Outcome {
    match command {
        StoreCommand::Create(args) => create(&args, environment, streams).await,
        StoreCommand::List(args) => list(&args, environment, streams).await,
        StoreCommand::Get(args) => get(&args, environment, streams).await,
        StoreCommand::Purge(args) => edge::purge(&args, environment, streams).await,
        StoreCommand::Insight(args) => edge::insight(&args, environment, streams).await,
        StoreCommand::ReissueCertificate(args) => edge::reissue(&args, environment, streams).await,
        StoreCommand::RotatePassword(args) => edge::rotate(&args, environment, streams).await,
        StoreCommand::Delete(args) => delete(&args, environment, streams).await,
    }
}

async fn create(args: &CreateArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let answer = match client.post("/api/stores", &request(&args.store), args.repeat.idempotency_key.as_deref()).await {
        Ok(answer) => answer,
        Err(failure) => return Err(settled(failure, &client, &args.wait, streams).await),
    };
    note_repetition(&answer, streams);
    if !args.wait.wait {
        streams.answer(&answer.body, || Ok(show::store(&answer.body)))?;
        if let Some(operation) = &answer.operation {
            streams.note(&format!("the operation goes on; follow it with: storex operation get {operation} --wait"));
        }
        return Ok(());
    }
    follow(&client, operation(&answer)?, &args.wait, streams).await?;
    let id = show::text(&answer.body, "/store_id");
    let store = client.get(&format!("/api/stores/{}", segment(&id))).await?.body;
    streams.answer(&store, || Ok(show::store(&store)))
}

/// With `--wait`, a create that failed for a reason outside the request is followed until nothing is left of it.
async fn settled(failure: Failure, client: &Client, wait: &WaitArgs, streams: &mut Streams) -> Failure {
    let turned =
        failure.problem().filter(|problem| wait.wait && problem.status >= 500).and_then(|problem| problem.operation.clone());
    match turned {
        Some(operation) => follow(client, &operation, wait, streams).await.err().unwrap_or(failure),
        None => failure,
    }
}

/// The specification's body; what was not given is left out, so that the API says what it needs.
pub(super) fn request(args: &NewStore) -> Value {
    let given = |pairs: &[(&str, &Option<String>)]| -> Map<String, Value> {
        pairs.iter().filter_map(|(key, value)| Some(((*key).to_owned(), value.as_deref()?.into()))).collect()
    };
    let mut body = Map::from_iter([("username".to_owned(), args.username.as_str().into())]);
    body.extend(given(&[("domain", &args.domain), ("domain_strategy", &args.domain_strategy)]));
    if args.apex_flattening {
        body.insert("apex_flattening".to_owned(), true.into());
    }
    let details = given(&[("owner", &args.owner), ("email", &args.email), ("plan", &args.plan)]);
    body.insert("storeDetails".to_owned(), details.into());
    body.into()
}

fn note_repetition(answer: &Answer, streams: &mut Streams) {
    if answer.replayed {
        streams.note("the key was used before: nothing new was begun");
    }
}

fn operation(answer: &Answer) -> Outcome<&str> {
    let missing = || Error::new(Code::Unavailable, "the answer names no operation, so no storex gave it").into();
    answer.operation.as_deref().ok_or_else(missing)
}

async fn list(args: &ListArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let mut token = args.page_token.clone().unwrap_or_default();
    let mut stores = Vec::new();
    loop {
        let size = args.page_size.unwrap_or(if args.all { 1000 } else { 0 });
        let mut page = client.get(&format!("/api/stores?page_size={size}&page_token={}", segment(&token))).await?.body;
        if let Some(Value::Array(more)) = page.get_mut("stores").map(Value::take) {
            stores.extend(more);
        }
        token = show::text(&page, "/next_page_token");
        if token.is_empty() || !args.all {
            break;
        }
    }
    let document = json!({ "status": "success", "stores": stores, "next_page_token": token });
    streams.answer(&document, || Ok(show::stores(&stores)))?;
    if !token.is_empty() {
        streams.note(&format!("there are more; the next page is --page-token '{token}'"));
    }
    Ok(())
}

async fn get(args: &GetStoreArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let store = client.get(&format!("/api/stores/{}", segment(&args.id))).await?.body;
    streams.answer(&store, || Ok(show::store(&store)))
}

async fn delete(args: &DeleteArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let answer = client.delete(&format!("/api/stores/{}", segment(&args.id)), args.repeat.idempotency_key.as_deref()).await?;
    let id = operation(&answer)?;
    note_repetition(&answer, streams);
    if args.wait.wait {
        let document = follow(&client, id, &args.wait, streams).await?;
        return streams.answer(&document, || Ok(format!("{} is deleted\n", args.id)));
    }
    streams.answer(&answer.body, || Ok(format!("{} is being deleted\n", args.id)))?;
    streams.note(&format!("follow it with: storex operation get {id} --wait"));
    Ok(())
}
