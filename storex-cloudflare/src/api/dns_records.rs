//! DNS records of a zone. All changes go through the batch: one transaction, any failure applies nothing (Cloudflare docs, "Batch record changes").

use crate::endpoint::Endpoint;
use crate::wire::{WireBatch, WireRecord};
use reqwest::Method;
use serde_json::{Value, json};
use storex_core::{RecordId, RecordSpec, ZoneId};

/// Records asked for per page: above every plan's number of records (3,500), so that a zone is one page unless Cloudflare clamps it.
pub(crate) const PER_PAGE: u32 = 5_000;

/// Records of the zone. Cloudflare compares the prefix without case; who needs it exact filters again.
pub(crate) fn list(zone: &ZoneId, comment_prefix: Option<&str>) -> Endpoint<Vec<WireRecord>> {
    let list = Endpoint::new(Method::GET, "/zones/{zone}/dns_records", &[zone.as_str()]);
    comment_prefix.into_iter().fold(list, |list, prefix| list.query("comment.startswith", prefix))
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

/// The body of a new record. `ttl` 1 is automatic.
pub(crate) fn post(record: &RecordSpec, comment: &str) -> Value {
    json!({
        "type": record.record_type,
        "name": record.name,
        "content": record.content,
        "proxied": record.proxied,
        "ttl": 1,
        "comment": comment,
    })
}

/// The change of a record to its specification; type and name stay.
pub(crate) fn patch(id: &RecordId, record: &RecordSpec, comment: &str) -> Value {
    json!({"id": id, "content": record.content, "proxied": record.proxied, "ttl": 1, "comment": comment})
}
