//! DNS records of a zone. All changes go through the batch: one transaction, any failure applies nothing (Cloudflare docs, "Batch record changes").

use crate::endpoint::Endpoint;
use crate::wire::{WireBatch, WireRecord, WireReview, WireUsage};
use reqwest::Method;
use serde_json::{Map, Value, json};
use storex_core::{RecordContent, RecordId, RecordSpec, ZoneId};

/// Records asked for per page: above every plan's number of records (3,500), so that a zone is one page unless Cloudflare clamps it.
pub(crate) const PER_PAGE: u32 = 5_000;

/// Records of the zone. Cloudflare compares the prefix without case; who needs it exact filters again.
pub(crate) fn list(zone: &ZoneId, comment_prefix: Option<&str>) -> Endpoint<Vec<WireRecord>> {
    let list = Endpoint::new(Method::GET, "/zones/{zone}/dns_records", &[zone.as_str()]);
    comment_prefix.into_iter().fold(list, |list, prefix| list.query("comment.startswith", prefix))
}

/// How many records the zone holds and may hold.
pub(crate) fn usage(zone: &ZoneId) -> Endpoint<WireUsage> {
    Endpoint::new(Method::GET, "/zones/{zone}/dns_records/usage", &[zone.as_str()])
}

/// The zone as a zone file.
pub(crate) fn export(zone: &ZoneId) -> Endpoint<String> {
    Endpoint::new(Method::GET, "/zones/{zone}/dns_records/export", &[zone.as_str()]).answered_in_text()
}

/// Starts a scan, which answers nothing.
pub(crate) fn start_scan(zone: &ZoneId) -> Endpoint<Value> {
    Endpoint::new(Method::POST, "/zones/{zone}/dns_records/scan/trigger", &[zone.as_str()])
}

/// What the scan found, as Cloudflare spells it. Not a list of pages (API reference, "List scanned DNS records").
pub(crate) fn scanned(zone: &ZoneId) -> Endpoint<Vec<Value>> {
    Endpoint::new(Method::GET, "/zones/{zone}/dns_records/scan/review", &[zone.as_str()])
}

/// Decides about what the scan found.
pub(crate) fn review(zone: &ZoneId, accepts: &[Value], rejects: &[RecordId]) -> Endpoint<WireReview> {
    let rejects: Vec<Value> = rejects.iter().map(|id| json!({"id": id})).collect();
    Endpoint::new(Method::POST, "/zones/{zone}/dns_records/scan/review", &[zone.as_str()])
        .body(json!({"accepts": accepts, "rejects": rejects}))
}

/// A record of the scan as it is accepted: what it holds, unchanged.
pub(crate) fn accepted(found: &Value) -> Value {
    const KEPT: [&str; 7] = ["type", "name", "content", "ttl", "proxied", "priority", "data"];
    let kept = KEPT.iter().filter_map(|key| Some(((*key).to_owned(), found.get(*key).filter(|value| !value.is_null())?.clone())));
    Value::Object(kept.collect())
}

/// Applies changes in one transaction: deletions, then patches, then additions.
pub(crate) fn batch(zone: &ZoneId, deletes: &[RecordId], patches: Vec<Value>, posts: Vec<Value>) -> Endpoint<WireBatch> {
    let lists = [("deletes", deletes.iter().map(|id| json!({"id": id})).collect()), ("patches", patches), ("posts", posts)];
    let body = lists
        .into_iter()
        .filter(|(_, list): &(_, Vec<Value>)| !list.is_empty())
        .map(|(key, list)| (key.to_owned(), Value::Array(list)));
    Endpoint::new(Method::POST, "/zones/{zone}/dns_records/batch", &[zone.as_str()]).body(Value::Object(body.collect()))
}

/// The body of a new record.
pub(crate) fn post(record: &RecordSpec, comment: &str) -> Value {
    let mut body = content(record);
    body.insert("type".to_owned(), json!(record.record_type().as_str()));
    body.insert("name".to_owned(), json!(record.name().as_str()));
    body.insert("comment".to_owned(), json!(comment));
    Value::Object(body)
}

/// The change of a record to its specification; type and name stay.
pub(crate) fn patch(id: &RecordId, record: &RecordSpec, comment: &str) -> Value {
    let mut body = content(record);
    body.insert("id".to_owned(), json!(id));
    body.insert("comment".to_owned(), json!(comment));
    Value::Object(body)
}

/// What a record holds, as Cloudflare takes it: TXT in quoted strings, MX with its priority beside the content, SRV and CAA as `data` (API reference,
/// "DNS records for a zone": the fields of each record type). `ttl` 1 is automatic.
fn content(record: &RecordSpec) -> Map<String, Value> {
    let held = match record.content() {
        RecordContent::Txt(text) => json!({"content": text.quoted()}),
        RecordContent::Mx { priority, exchange } => json!({"content": exchange, "priority": priority}),
        RecordContent::Srv { priority, weight, port, target } => {
            json!({"data": {"priority": priority, "weight": weight, "port": port, "target": target}})
        }
        RecordContent::Caa { flags, tag, value } => {
            json!({"data": {"flags": flags, "tag": tag.as_str(), "value": value.as_str()}})
        }
        // Addresses, aliases: their text is what Cloudflare takes.
        other => json!({"content": other.to_string()}),
    };
    let mut body = held.as_object().cloned().unwrap_or_default();
    body.insert("proxied".to_owned(), json!(record.is_proxied()));
    body.insert("ttl".to_owned(), json!(record.ttl().get()));
    body
}
