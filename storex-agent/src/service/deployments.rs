//! The handlers: read the request, ask the host, say what it said.

use super::Shared;
use super::answer::{Answer, Refused};
use super::body;
use crate::wire::{Applied, Deployment, Lines, Listed, PACKAGE, SUCCESS, Withdrawal, texts};
use axum::Json;
use axum::extract::{Path, Query, Request, State};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use storex_core::{Code, Deployed, Error, HostFacts, Hostname, Result, StoreId, Visit};

/// Most log lines one request may ask for.
const MOST_LINES: usize = 1000;
/// Log lines a request gets that does not say how many.
const LINES: &str = "100";

type Parameters = Query<Vec<(String, String)>>;

pub(super) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn facts(State(shared): State<Shared>) -> Answer<HostFacts> {
    Ok(Json(shared.host.facts().await?))
}

pub(super) async fn list(State(shared): State<Shared>) -> Answer<Listed> {
    let deployments = shared.host.list().await?;
    Ok(Json(Listed { status: SUCCESS.to_owned(), deployments }))
}

pub(super) async fn find(State(shared): State<Shared>, Path(id): Path<String>) -> Answer<Deployed> {
    let found = shared.host.find(&store_of(&id)?).await?;
    found.map(Json).ok_or_else(|| Refused(unknown(&id)))
}

pub(super) async fn apply(State(shared): State<Shared>, request: Request) -> Answer<Applied> {
    let Deployment { package, parts, cx } = Deployment::parse(&body::read(request).await?)?;
    let mut applied = BTreeMap::new();
    for part in parts {
        match shared.host.apply(&cx, &package, part).await {
            Ok(facts) => drop(applied.insert(part, facts)),
            Err(error) => return Err(Refused(of_the_body(error, !applied.is_empty()))),
        }
    }
    Ok(Json(Applied { status: SUCCESS.to_owned(), store_id: package.store_id, parts: applied }))
}

/// A host's pointer leads into the package; the caller's document holds the package. With earlier parts applied the call had an effect.
fn of_the_body(error: Error, had_effect: bool) -> Error {
    let pointer = error.pointer_str().map(|pointer| format!("{PACKAGE}{pointer}"));
    let error = match pointer {
        Some(pointer) => error.pointer(pointer),
        None => error,
    };
    if had_effect { error.into_unclear() } else { error }
}

pub(super) async fn withdraw(State(shared): State<Shared>, Path(id): Path<String>, Query(query): Parameters) -> Answer<Value> {
    let store = store_of(&id)?;
    let Withdrawal { parts, cx } = Withdrawal::parse(query)?;
    for (done, part) in parts.iter().enumerate() {
        let withdrawn = shared.host.withdraw(&cx, &store, *part).await;
        withdrawn.map_err(|error| if done > 0 { error.into_unclear() } else { error })?;
    }
    Ok(Json(json!({ "status": SUCCESS, "store_id": store, "withdrawn": parts })))
}

pub(super) async fn visit(State(shared): State<Shared>, Query(query): Parameters) -> Answer<Visit> {
    let [host, path] = texts(query, ["host", "path"])?;
    let name: Hostname = host.parse().map_err(|error: Error| error.pointer("/host"))?;
    Ok(Json(shared.host.visit(&name, &path).await?))
}

pub(super) async fn logs(State(shared): State<Shared>, Path(id): Path<String>, Query(mut query): Parameters) -> Answer<Lines> {
    let store = store_of(&id)?;
    if query.is_empty() {
        query.push(("lines".to_owned(), LINES.to_owned()));
    }
    let [lines] = texts(query, ["lines"])?;
    let count: usize =
        lines.parse().map_err(|_| Error::new(Code::InvalidField, format!("{lines:?} is no number")).pointer("/lines"))?;
    let lines = shared.host.log_tail(&store, count.min(MOST_LINES)).await?;
    Ok(Json(Lines { lines }))
}

/// An id that is none names nothing.
fn store_of(id: &str) -> Result<StoreId> {
    id.parse().map_err(|_| unknown(id))
}

fn unknown(id: &str) -> Error {
    let shown: String = id.chars().take(60).collect();
    Error::new(Code::NotFound, format!("nothing of a store {shown:?} is on this host"))
}
