//! Whole sets of records: export and import as a zone file, the scan for records of the domain's former nameservers, and how
//! many records there are.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::dns_draft::Draft;
use super::dns_records::render;
use super::dns_rules::{self, Allowance};
use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::limits::Limits;
use super::multipart;
use super::record_book::{RecordBook, stored};
use super::state::{CloudState, DnsRecord};
use super::zone_file;
use super::zone_life::later;

/// Largest file an import takes (documentation, "Import and export records": 256 KiB).
const FILE: usize = 256 * 1024;
/// Names a scan looks at; Cloudflare's list is longer and not published.
const SCANNED: [&str; 14] =
    ["", "www", "mail", "ftp", "smtp", "imap", "pop", "webmail", "blog", "shop", "api", "dev", "_dmarc", "autodiscover"];

/// `GET /zones/{zone}/dns_records/usage`
pub(super) fn usage(exchange: &mut Exchange<'_>) -> Outcome {
    let zone = exchange.zone()?;
    Ok(Success::of(json!({"record_quota": Allowance::from(zone).records, "record_usage": zone.records.len()})))
}

/// `GET /zones/{zone}/dns_records/export`: a zone file, not an envelope. Comments, tags and the proxy switch stand in trailing
/// comments; per-record settings are lost, as at Cloudflare.
pub(super) fn export(exchange: &mut Exchange<'_>) -> Outcome {
    let zone = exchange.zone()?;
    let mut text = format!(";;\n;; Domain:     {}.\n;; Exported:   {}\n;;\n", zone.name, exchange.now);
    for record in &zone.records {
        text.push_str(&line(record));
    }
    Ok(Success::text(text))
}

fn line(record: &DnsRecord) -> String {
    let content = match (record.kind.as_str(), record.priority) {
        ("CNAME" | "NS" | "PTR" | "SRV", _) => format!("{}.", record.content),
        ("MX", priority) => format!("{} {}.", priority.unwrap_or(0), record.content),
        _ => record.content.clone(),
    };
    let mut tags = record.tags.clone();
    if matches!(record.kind.as_str(), "A" | "AAAA" | "CNAME") {
        tags.push(format!("cf-proxied:{}", record.proxied));
    }
    let comment = record.comment.clone().unwrap_or_default();
    let mut remark = comment.clone();
    if !tags.is_empty() || comment.contains("cf_tags=") {
        let gap = if remark.is_empty() { "" } else { " " };
        remark = format!("{remark}{gap}cf_tags={}", tags.join(","));
    }
    let remark = if remark.is_empty() { remark } else { format!(" ; {remark}") };
    format!("{}.\t{}\tIN\t{}\t{content}{remark}\n", record.name, record.ttl, record.kind)
}

/// `POST /zones/{zone}/dns_records/import`: a form with `file` and `proxied`. Records that stand there already are passed over;
/// the first one that is refused refuses the whole file.
pub(super) fn import(exchange: &mut Exchange<'_>) -> Outcome {
    let form = multipart::read(exchange.content_type, exchange.body);
    let field = |name: &str| form.as_ref().and_then(|form| form.iter().find(|(key, _)| key == name).map(|(_, value)| value));
    let file = field("file").ok_or_else(|| Refusal::new(400, 1004, "Missing file in the form").at("/file"))?;
    if file.len() > FILE {
        return Err(Refusal::new(400, 9208, "The file is larger than 256 KiB.").at("/file"));
    }
    let proxied = field("proxied").is_some_and(|value| value == b"true");
    let text = String::from_utf8_lossy(file);
    let mut book = RecordBook::open(exchange)?;
    let entries = zone_file::read(&text, &exchange.zone()?.name).map_err(|reason| Refusal::new(400, 1004, reason).at("/file"))?;
    let mut added = 0_usize;
    for entry in &entries {
        let mut fields = entry.fields.clone();
        let proxiable = matches!(fields.get("type").and_then(Value::as_str), Some("A" | "AAAA" | "CNAME"));
        fields.insert("proxied".to_owned(), json!(proxiable && entry.proxied.unwrap_or(proxied)));
        match book.post(&fields) {
            Ok(_) => added += 1,
            Err(refusal) if refusal.is_duplicate() => {}
            Err(refusal) => return Err(refusal),
        }
    }
    book.close(exchange)?;
    Ok(Success::of(json!({"recs_added": added, "total_records_parsed": entries.len()})))
}

/// `POST /zones/{zone}/dns_records/scan`: the older scan adds what it finds at once.
pub(super) fn scan(exchange: &mut Exchange<'_>) -> Outcome {
    let found = find(exchange.state, exchange.param("zone"));
    let mut book = RecordBook::open(exchange)?;
    let total = found.len();
    let added = found.iter().filter(|fields| book.post(fields).is_ok()).count();
    book.close(exchange)?;
    Ok(Success::of(json!({"recs_added": added, "total_records_parsed": total})))
}

/// `POST /zones/{zone}/dns_records/scan/trigger`: starts a scan whose results wait for a review. Without a result.
pub(super) fn trigger(exchange: &mut Exchange<'_>) -> Outcome {
    let ready = later(exchange.now, exchange.limits.timings.scan_s);
    exchange.zone_mut()?.scan.ready_on = Some(ready);
    Ok(Success::without_result())
}

/// `GET /zones/{zone}/dns_records/scan/review`
pub(super) fn review(exchange: &mut Exchange<'_>) -> Outcome {
    Ok(Success::of(exchange.zone()?.scan.found.iter().map(render).collect()))
}

/// `POST /zones/{zone}/dns_records/scan/review` with `accepts` and `rejects`: what is in neither waits on.
pub(super) fn judge(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let (accepts, rejects) = (objects(&body, "accepts")?, objects(&body, "rejects")?);
    let mut book = RecordBook::open(exchange)?;
    let mut scan = exchange.zone()?.scan.clone();
    let mut accepted = Vec::new();
    for fields in &accepts {
        let record = book.post(fields)?;
        scan.found.retain(|found| found.kind != record.kind || found.name != record.name || found.content != record.content);
        accepted.push(render(&record));
    }
    let ids: Vec<&str> = rejects.iter().filter_map(|reject| reject.get("id").and_then(Value::as_str)).collect();
    if let Some(unknown) = ids.iter().find(|id| scan.found.iter().all(|found| found.id != **id)) {
        return Err(Refusal::new(404, 81_044, format!("Record {unknown} does not wait for a review.")));
    }
    scan.found.retain(|found| !ids.contains(&found.id.as_str()));
    book.close(exchange)?;
    exchange.zone_mut()?.scan = scan;
    Ok(Success::of(json!({"accepts": accepted, "rejects": ids})))
}

/// A list of objects; absent and `null` are empty.
fn objects(body: &Map<String, Value>, key: &str) -> Result<Vec<Map<String, Value>>, Refusal> {
    let wrong = || Refusal::new(400, 9207, format!("Request body is invalid: {key}"));
    match body.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_object().cloned().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

/// Ends the scans that are due; whether one ended.
pub(super) fn settle(world: &mut CloudState, _limits: &Limits, now: Timestamp) -> bool {
    let due = |world: &CloudState| world.zones.iter().position(|zone| zone.scan.ready_on.is_some_and(|ready| ready <= now));
    let mut changed = false;
    while let Some(index) = due(world) {
        changed = true;
        let Some(zone) = world.zones.get(index) else { break };
        let (apex, allowance, id) = (zone.name.clone(), Allowance::from(zone), zone.id.clone());
        let mut found = Vec::new();
        for fields in find(world, &id) {
            let draft = Draft::blank().merge(&fields).and_then(|draft| dns_rules::examine(draft, &apex, allowance));
            if let Ok(draft) = draft {
                found.push(stored(world.identifiers.next_hex("dns_record"), draft, None, now));
            }
        }
        if let Some(zone) = world.zones.get_mut(index) {
            let standing = |record: &DnsRecord| {
                zone.records
                    .iter()
                    .any(|known| (&known.kind, &known.name, &known.content) == (&record.kind, &record.name, &record.content))
            };
            found.retain(|record| !standing(record));
            (zone.scan.ready_on, zone.scan.found) = (None, found);
        }
    }
    changed
}

/// What the outside world answers at the names a scan knows.
fn find(world: &CloudState, zone: &str) -> Vec<Map<String, Value>> {
    let Some(zone) = world.zone(zone) else { return Vec::new() };
    let names = SCANNED.iter().map(|label| if label.is_empty() { zone.name.clone() } else { format!("{label}.{}", zone.name) });
    let records = names.flat_map(|name| {
        let records = world.internet.records.get(&name).map(Vec::as_slice).unwrap_or_default();
        records.iter().filter_map(|record| fields(&name, &record.kind, &record.content)).collect::<Vec<_>>()
    });
    records.collect()
}

fn fields(name: &str, kind: &str, content: &str) -> Option<Map<String, Value>> {
    let value = match kind {
        "A" | "AAAA" | "CNAME" | "TXT" => json!({"type": kind, "name": name, "content": content}),
        "MX" => {
            let (priority, host) = content.split_once(' ')?;
            json!({"type": kind, "name": name, "content": host, "priority": priority.parse::<u64>().ok()?})
        }
        _ => return None,
    };
    value.as_object().cloned()
}
