//! The filters of the record list: exact names and their operators. The free-text `search` is refused: its behaviour is
//! not specified, so no program should lean on it.

use std::cmp::Ordering;

use super::envelope::Refusal;
use super::paging::Query;
use super::state::DnsRecord;

/// The records of `records` that `query` asks for, in the order it asks for.
///
/// # Errors
/// 400/1004 when `search` is used.
pub(super) fn select<'r>(records: &'r [DnsRecord], query: &Query) -> Result<Vec<&'r DnsRecord>, Refusal> {
    if query.pairs().any(|(key, _)| key == "search" || key.starts_with("search.")) {
        return Err(Refusal::new(400, 1004, "The simulator refuses search: its behaviour is not specified"));
    }
    let mut chosen: Vec<&DnsRecord> = records.iter().filter(|record| wanted(record, query)).collect();
    if let Some(key) = query.get("order") {
        chosen.sort_by(|a, b| compare(a, b, key));
    }
    if query.descending() {
        chosen.reverse();
    }
    Ok(chosen)
}

fn wanted(record: &DnsRecord, query: &Query) -> bool {
    let verdicts: Vec<bool> = query.pairs().filter_map(|(key, value)| verdict(record, key, value)).collect();
    if query.any_matches() { verdicts.is_empty() || verdicts.contains(&true) } else { !verdicts.contains(&false) }
}

/// Whether the record passes one filter; `None` when `key` is no filter.
fn verdict(record: &DnsRecord, key: &str, value: &str) -> Option<bool> {
    let (field, operator) = key.split_once('.').unwrap_or((key, "exact"));
    match field {
        "type" => Some(record.kind.eq_ignore_ascii_case(value)),
        "proxied" => Some(record.proxied.to_string() == value),
        "name" => matches(Some(&record.name), operator, value.trim_end_matches('.')),
        "content" => matches(Some(&record.content), operator, value),
        "comment" => matches(record.comment.as_deref(), operator, value),
        "tag" => tag_verdict(record, operator, value),
        _ => None,
    }
}

fn matches(text: Option<&str>, operator: &str, value: &str) -> Option<bool> {
    let (lower, value) = (text.unwrap_or_default().to_lowercase(), value.to_lowercase());
    match operator {
        "exact" => Some(text.is_some() && lower == value),
        "contains" => Some(text.is_some() && lower.contains(&value)),
        "startswith" => Some(text.is_some() && lower.starts_with(&value)),
        "endswith" => Some(text.is_some() && lower.ends_with(&value)),
        "present" => Some(text.is_some()),
        "absent" => Some(text.is_none()),
        _ => None,
    }
}

/// `tag=name:value`, `tag.exact=name:value`, `tag.present=name`, `tag.absent=name`.
fn tag_verdict(record: &DnsRecord, operator: &str, value: &str) -> Option<bool> {
    let named = || record.tags.iter().any(|tag| tag.split(':').next().is_some_and(|name| name.eq_ignore_ascii_case(value)));
    match operator {
        "exact" => Some(record.tags.iter().any(|tag| tag.eq_ignore_ascii_case(value))),
        "present" => Some(named()),
        "absent" => Some(!named()),
        _ => None,
    }
}

fn compare(a: &DnsRecord, b: &DnsRecord, key: &str) -> Ordering {
    match key {
        "type" => a.kind.cmp(&b.kind),
        "name" => a.name.cmp(&b.name),
        "content" => a.content.cmp(&b.content),
        "ttl" => a.ttl.cmp(&b.ttl),
        "proxied" => a.proxied.cmp(&b.proxied),
        _ => Ordering::Equal,
    }
}
