//! DNS records, one at a time, and their list.

use serde_json::{Value, json};

use super::dns_filter;
use super::envelope::{Outcome, Success};
use super::exchange::Exchange;
use super::paging::{PageSizes, page};
use super::record_book::{RecordBook, missing};
use super::state::DnsRecord;

const PAGES: PageSizes = PageSizes { default: 100, least: 1, most: 5_000_000 };

/// `GET /zones/{zone}/dns_records`
pub(super) fn list(exchange: &mut Exchange<'_>) -> Outcome {
    let records = dns_filter::select(&exchange.zone()?.records, exchange.query)?;
    let (records, place) = page(records, exchange.query, PAGES);
    Ok(Success::list(records.into_iter().map(render).collect(), place))
}

/// `POST /zones/{zone}/dns_records`
pub(super) fn create(exchange: &mut Exchange<'_>) -> Outcome {
    let fields = exchange.body()?;
    let mut book = RecordBook::open(exchange)?;
    let record = book.post(&fields)?;
    book.close(exchange)?;
    Ok(Success::of(render(&record)))
}

/// `GET /zones/{zone}/dns_records/{record}`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    let id = exchange.param("record");
    let record = exchange.zone()?.records.iter().find(|record| record.id == id).ok_or_else(missing)?;
    Ok(Success::of(render(record)))
}

/// `PUT /zones/{zone}/dns_records/{record}`: fields that are not sent return to their default, `proxied` to false.
pub(super) fn put(exchange: &mut Exchange<'_>) -> Outcome {
    let fields = exchange.body()?;
    let mut book = RecordBook::open(exchange)?;
    let record = book.put(exchange.param("record"), &fields)?;
    book.close(exchange)?;
    Ok(Success::of(render(&record)))
}

/// `PATCH /zones/{zone}/dns_records/{record}`: fields that are not sent keep their value.
pub(super) fn patch(exchange: &mut Exchange<'_>) -> Outcome {
    let fields = exchange.body()?;
    let mut book = RecordBook::open(exchange)?;
    let record = book.patch(exchange.param("record"), &fields)?;
    book.close(exchange)?;
    Ok(Success::of(render(&record)))
}

/// `DELETE /zones/{zone}/dns_records/{record}`
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let mut book = RecordBook::open(exchange)?;
    let record = book.delete(exchange.param("record"))?;
    book.close(exchange)?;
    Ok(Success::of(json!({"id": record.id})))
}

/// A record as answers show it.
pub(super) fn render(record: &DnsRecord) -> Value {
    let mut shown = json!({
        "id": record.id,
        "name": record.name,
        "type": record.kind,
        "content": record.content,
        "proxiable": matches!(record.kind.as_str(), "A" | "AAAA" | "CNAME"),
        "proxied": record.proxied,
        "ttl": record.ttl,
        "settings": record.settings,
        "meta": {},
        "comment": record.comment,
        "tags": record.tags,
        "created_on": record.created_on,
        "modified_on": record.modified_on,
    });
    if let Some(fields) = shown.as_object_mut() {
        let optional = [
            ("comment_modified_on", record.comment_modified_on.map(|moment| json!(moment))),
            ("priority", record.priority.map(|priority| json!(priority))),
            ("data", record.data.clone()),
        ];
        fields.extend(optional.into_iter().filter_map(|(key, value)| value.map(|value| (key.to_owned(), value))));
    }
    shown
}
