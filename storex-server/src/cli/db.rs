//! `storex db`: what a deployment's documents are kept in.

use super::args::{DbCheckArgs, DbCommand, DbCopyArgs};
use super::failure::{Failure, Outcome};
use super::show;
use super::streams::{Streams, paragraph};
use crate::{Environment, Problem};
use serde_json::{Value, json};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storex_core::{Code, Error, Result, Secret, StoreArchive, SystemClock, copy_archive};
use storex_mongo::{CheckReport, Fact, FactState, MongoStores};
use storex_redb::RedbStores;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) async fn run(command: DbCommand, environment: &Environment, streams: &mut Streams) -> Outcome {
    match command {
        DbCommand::Check(args) => check(args, environment, streams).await,
        DbCommand::Copy(args) => copy(args, environment, streams).await,
    }
}

async fn check(args: DbCheckArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let unnamed =
        || Error::new(Code::Unusable, "no server is named: set STOREX_MONGODB_URI or STOREX_MONGODB_URI_FILE, or give --uri");
    let uri = match args.uri {
        Some(uri) => uri,
        None => environment.mongodb_uri.read()?.ok_or_else(unnamed)?,
    };
    let mut signals = [(130, listen(SignalKind::interrupt())?), (143, listen(SignalKind::terminate())?)];
    let ended = Cell::new(None);
    let stop = async {
        let [(interrupted, interrupt), (terminated, terminate)] = &mut signals;
        tokio::select! {
            _ = interrupt.recv() => ended.set(Some(*interrupted)),
            _ = terminate.recv() => ended.set(Some(*terminated)),
        }
    };
    let report = storex_mongo::check(&uri, stop).await;
    let document = json!({ "good": report.is_good(), "facts": report.facts.iter().map(fact).collect::<Vec<_>>() });
    let table = table(&report);
    if report.is_good() && ended.get().is_none() {
        return streams.answer(&document, || Ok(table));
    }
    let problem = Problem::from(&failed(&report));
    let exit = ended.get().unwrap_or_else(|| problem.exit_code());
    if streams.json {
        streams.answer(&document, || Ok(String::new()))?;
        return Err(Failure::Answered(exit));
    }
    streams.error(&table);
    Err(Failure::Problem(Box::new(problem), exit))
}

fn failed(report: &CheckReport) -> Error {
    let named =
        |state| report.facts.iter().filter(move |fact| fact.state == state).map(|fact| fact.name).collect::<Vec<_>>().join(", ");
    let (failed, untested) = (named(FactState::Fails), named(FactState::Untested));
    let what = if failed.is_empty() {
        format!("not everything was tested: {untested}")
    } else {
        format!("this server does not serve storex: {failed}")
    };
    Error::new(Code::Unusable, what)
}

fn fact(fact: &Fact) -> Value {
    json!({ "fact": fact.name, "result": fact.state.as_str(), "seen": fact.seen, "what_to_do": fact.next_step })
}

fn table(report: &CheckReport) -> String {
    let row = |fact: &Fact| {
        let seen = format!("{}: {}", fact.state.as_str(), fact.seen);
        vec![fact.name.to_owned(), seen, fact.next_step.clone().unwrap_or_default()]
    };
    show::table(&["FACT", "RESULT", "WHAT TO DO"], &report.facts.iter().map(row).collect::<Vec<_>>())
}

fn listen(kind: SignalKind) -> Outcome<Signal> {
    signal(kind).map_err(|error| Error::new(Code::Internal, format!("signals cannot be heard: {error}")).into())
}

/// The file of a data folder.
const FILE: &str = "storex.redb";

async fn copy(args: DbCopyArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let named = |flag: Option<Secret<String>>, variable: &Option<Secret<String>>, pointer: &str, name: &str| {
        flag.or_else(|| variable.clone()).ok_or_else(|| Error::new(Code::Unusable, format!("give {pointer}, or set {name}")))
    };
    let from = named(args.from, &environment.copy_from, "--from", "STOREX_COPY_FROM")?;
    let to = named(args.to, &environment.copy_to, "--to", "STOREX_COPY_TO")?;
    let source = open(&from, true).await.map_err(|error| error.with("place", "the source"))?;
    let destination = open(&to, false).await.map_err(|error| error.with("place", "the destination"))?;
    let copied = copy_archive(source.as_ref(), destination.as_ref()).await?;
    let document = json!({ "rows": copied.rows, "claims": copied.claims });
    streams.answer(&document, || {
        let what = format!("{} rows and {} claims copied and compared", copied.rows, copied.claims);
        Ok(paragraph([&*what, "start controllers on the copy only; the source is as it was"]))
    })
}

/// Opens what is copied from or to.
async fn open(place: &Secret<String>, must_exist: bool) -> Result<Arc<dyn StoreArchive>> {
    let named = place.expose();
    if named.starts_with("mongodb://") || named.starts_with("mongodb+srv://") {
        let stores = if must_exist { MongoStores::open_source(place).await? } else { MongoStores::open_archive(place).await? };
        return Ok(Arc::new(stores));
    }
    if named.contains("://") {
        return Err(Error::new(Code::Unusable, "a place is a folder, a file, or begins with mongodb://"));
    }
    let path = file(Path::new(named));
    if must_exist && !path.is_file() {
        let what = format!("there is no store file {}: name the data folder of a storex up, or its {FILE}", path.display());
        return Err(Error::new(Code::Unusable, what));
    }
    Ok(Arc::new(RedbStores::open(&path, Arc::new(SystemClock))?))
}

fn file(place: &Path) -> PathBuf {
    if place.is_dir() { place.join(FILE) } else { place.to_owned() }
}
