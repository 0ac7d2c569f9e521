//! A zone's records open for change: every write, alone or in a batch, is made on a copy and only a book that met no
//! refusal is put back. So "nothing applied" needs no undo.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::dns_conflicts;
use super::dns_draft::Draft;
use super::dns_rules::{self, Allowance};
use super::envelope::Refusal;
use super::exchange::Exchange;
use super::identity::Identifiers;
use super::state::DnsRecord;

/// Fields of a record as they were sent.
pub(super) type Fields = Map<String, Value>;

/// The copy.
#[derive(Debug)]
pub(super) struct RecordBook {
    apex: String,
    pub(super) allowance: Allowance,
    older_code: bool,
    quota_code: i64,
    now: Timestamp,
    identifiers: Identifiers,
    records: Vec<DnsRecord>,
}

impl RecordBook {
    /// Opens the records of the zone in the path.
    ///
    /// # Errors
    /// Those of [`Exchange::zone`].
    pub(super) fn open(exchange: &Exchange<'_>) -> Result<Self, Refusal> {
        let zone = exchange.zone()?;
        Ok(Self {
            apex: zone.name.clone(),
            allowance: Allowance::from(zone),
            older_code: exchange.limits.older_duplicate_code,
            quota_code: exchange.limits.codes.record_quota,
            now: exchange.now,
            identifiers: exchange.state.identifiers,
            records: zone.records.clone(),
        })
    }

    /// Puts the changed records back into the world.
    ///
    /// # Errors
    /// Those of [`Exchange::zone`].
    pub(super) fn close(self, exchange: &mut Exchange<'_>) -> Result<(), Refusal> {
        exchange.state.identifiers = self.identifiers;
        exchange.zone_mut()?.records = self.records;
        Ok(())
    }

    /// Adds a record.
    ///
    /// # Errors
    /// Invalid, in conflict, or over the plan's number of records (400/81045).
    pub(super) fn post(&mut self, fields: &Fields) -> Result<DnsRecord, Refusal> {
        let draft = self.checked(Draft::blank().merge(fields)?, None)?;
        if self.records.len() >= self.allowance.records {
            return Err(Refusal::new(400, self.quota_code, "Record quota exceeded."));
        }
        let record = stored(self.identifiers.next_hex("dns_record"), draft, None, self.now);
        self.records.push(record.clone());
        Ok(record)
    }

    /// Overwrites a record; fields that are not sent return to their default.
    ///
    /// # Errors
    /// 404/81044 when there is none, else as [`RecordBook::post`].
    pub(super) fn put(&mut self, id: &str, fields: &Fields) -> Result<DnsRecord, Refusal> {
        self.get(id)?;
        self.replace(id, Draft::blank().merge(fields)?)
    }

    /// Edits a record; fields that are not sent keep their value.
    ///
    /// # Errors
    /// As [`RecordBook::put`].
    pub(super) fn patch(&mut self, id: &str, fields: &Fields) -> Result<DnsRecord, Refusal> {
        let draft = Draft::of(self.get(id)?).merge(fields)?;
        self.replace(id, draft)
    }

    /// Removes a record and returns it.
    ///
    /// # Errors
    /// 404/81044 when there is none.
    pub(super) fn delete(&mut self, id: &str) -> Result<DnsRecord, Refusal> {
        let index = self.records.iter().position(|record| record.id == id).ok_or_else(missing)?;
        Ok(self.records.remove(index))
    }

    fn get(&self, id: &str) -> Result<&DnsRecord, Refusal> {
        self.records.iter().find(|record| record.id == id).ok_or_else(missing)
    }

    fn replace(&mut self, id: &str, draft: Draft) -> Result<DnsRecord, Refusal> {
        let draft = self.checked(draft, Some(id))?;
        let now = self.now;
        let place = self.records.iter_mut().find(|record| record.id == id).ok_or_else(missing)?;
        *place = stored(id.to_owned(), draft, Some(place), now);
        Ok(place.clone())
    }

    fn checked(&self, draft: Draft, own: Option<&str>) -> Result<Draft, Refusal> {
        let draft = dns_rules::examine(draft, &self.apex, self.allowance)?;
        dns_conflicts::check(&draft, &self.records, own, &self.apex, self.older_code)?;
        Ok(draft)
    }
}

/// 404/81044: the answer for a record that is not in the zone.
pub(super) fn missing() -> Refusal {
    Refusal::new(404, 81044, "Record does not exist.")
}

/// A record of a checked draft; dates of an earlier one are kept.
pub(super) fn stored(id: String, draft: Draft, before: Option<&DnsRecord>, now: Timestamp) -> DnsRecord {
    let comment_kept = before.is_some_and(|record| record.comment == draft.comment);
    DnsRecord {
        id,
        kind: draft.kind,
        name: draft.name,
        content: draft.content,
        proxied: draft.proxied,
        ttl: u32::try_from(draft.ttl).unwrap_or(1),
        comment_modified_on: match before {
            Some(record) if comment_kept => record.comment_modified_on,
            _ => draft.comment.is_some().then_some(now),
        },
        comment: draft.comment,
        tags: draft.tags,
        priority: draft.priority.and_then(|priority| u16::try_from(priority).ok()),
        data: draft.data,
        settings: draft.settings,
        created_on: before.map_or(now, |record| record.created_on),
        modified_on: now,
    }
}
