//! `storex cloudflare dns`: whole sets of records of a zone.

use super::args::{CheckArgs, DnsCommand, ExportArgs, ImportArgs, ScanArgs, ZoneArgs};
use super::cloudflare::{client, primary};
use super::failure::Outcome;
use super::show;
use super::streams::{Streams, paragraph};
use crate::Environment;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use storex_cloudflare::{CloudflareAccount, CloudflareDns};
use storex_core::{Clock, Code, DomainProvider, Error, RecordFacts, SystemClock, ZoneFacts};

/// How long a command may take.
const LIMIT: Duration = Duration::from_mins(2);

pub(super) async fn run(command: DnsCommand, environment: &Environment, streams: &mut Streams) -> Outcome {
    match command {
        DnsCommand::Export(ExportArgs { zone }) => {
            let (dns, zone, _) = found(zone, environment).await?;
            let file = dns.export(&zone.id).await?;
            streams.answer(&json!({ "zone": zone.name, "file": file }), || Ok(file.clone()))
        }
        DnsCommand::Import(ImportArgs { zone, file }) => {
            let text = read(&file)?;
            let (dns, zone, deadline) = found(zone, environment).await?;
            let imported = dns.import(&zone, &text, deadline).await?;
            let document = json!({ "zone": zone.name, "imported": imported.imported, "skipped": imported.skipped });
            let skipped =
                imported.skipped.iter().map(|skipped| format!("line {}, {}: {}", skipped.line, skipped.record, skipped.reason));
            let first = format!("{} records imported, {} left out", imported.imported.len(), imported.skipped.len());
            streams.answer(&document, || Ok(paragraph(std::iter::once(first).chain(skipped))))
        }
        DnsCommand::Scan(args) => scan(args, environment, streams).await,
    }
}

async fn scan(args: ScanArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let (dns, zone, deadline) = found(args.zone, environment).await?;
    if args.start {
        dns.start_scan(&zone.id, deadline).await?;
        let told = "Cloudflare looks for records; list them in some seconds with the same command without --start";
        return streams.answer(&json!({ "zone": zone.name, "scan": "started" }), || Ok(paragraph([told])));
    }
    let (key, records) = if args.accept.is_empty() && args.reject.is_empty() {
        ("found", dns.scanned(&zone.id).await?)
    } else {
        ("accepted", dns.review(&zone.id, &args.accept, &args.reject, deadline).await?)
    };
    let rows: Vec<Vec<String>> = records.iter().map(shown).collect();
    let mut document = json!({ "zone": zone.name });
    if let Some(fields) = document.as_object_mut() {
        fields.insert(key.to_owned(), json!(records));
    }
    let document: Value = document;
    streams.answer(&document, || Ok(show::table(&["id", "type", "name", "content"], &rows)))
}

fn shown(record: &RecordFacts) -> Vec<String> {
    vec![record.id.to_string(), record.record_type.clone(), record.name.clone(), record.content.clone()]
}

/// The zone in the account that holds the primary zone, and until when the command may take.
async fn found(args: ZoneArgs, environment: &Environment) -> Outcome<(CloudflareDns, ZoneFacts, Timestamp)> {
    let ZoneArgs { zone, primary_domain, simulator_port, data } = args;
    let args = CheckArgs { primary_domain, simulator_port, data };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let client = client(&args, environment, Arc::clone(&clock))?;
    let account = CloudflareAccount::discover(&client, &primary(&args, environment)?).await?;
    let missing = || Error::new(Code::NotFound, format!("the account has no zone {zone}")).with("domain", &zone);
    let facts = account.domains().find_zone(&zone).await?.ok_or_else(missing)?;
    Ok((account.dns(), facts, clock.now() + LIMIT))
}

fn read(file: &Path) -> Outcome<String> {
    let failed = |error: std::io::Error| {
        let code = if error.kind() == std::io::ErrorKind::NotFound { Code::NotFound } else { Code::Unusable };
        Error::new(code, format!("{} cannot be read: {error}", file.display())).with("file", file.display())
    };
    Ok(std::fs::read_to_string(file).map_err(failed)?)
}
