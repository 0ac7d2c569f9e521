//! Whole sets of records: the zone file of a zone, a customer's records brought into a new zone, and what Cloudflare's scan found.
//!
//! Records brought in are the customer's: they carry no owner mark, so storex never changes or removes them.

use crate::account::CloudflareAccount;
use crate::api::dns_records;
use crate::error::Failure;
use crate::page;
use crate::record_quota::{Change, Room, explain};
use crate::wire::{WireBatch, WireRecord};
use crate::zone_file::{self, Entry};
use crate::zone_presence;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use storex_core::{Code, Error, Mark, RecordFacts, RecordId, RecordSpec, Result, ZoneFacts, ZoneId};

/// Export, import and scan of a zone's records.
///
/// # Cancellation
/// Dropping an import or a review leaves it in doubt; importing the same file again brings in what is missing and nothing twice.
#[derive(Clone, Debug)]
pub struct CloudflareDns {
    account: CloudflareAccount,
}

/// A record of a file that was not brought in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its line, from 1.
    pub line: usize,
    /// Type and name.
    pub record: String,
    /// Why, with what to do where there is something.
    pub reason: String,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Imported {
    /// Records made, in the file's order.
    pub imported: Vec<RecordFacts>,
    /// Records left out.
    pub skipped: Vec<Skipped>,
}

/// A record to be made, with the comment it had.
struct Wanted {
    record: RecordSpec,
    comment: String,
}

impl CloudflareDns {
    /// The records of this account's zones.
    pub fn new(account: CloudflareAccount) -> Self {
        Self { account }
    }

    /// The zone as a zone file in BIND's format, with comments and proxy switches in trailing comments (Cloudflare docs, "Import and export records").
    ///
    /// # Errors
    /// `not_found` when the zone is gone; else as `find_zone` of [`DomainProvider`](storex_core::DomainProvider).
    pub async fn export(&self, zone: &ZoneId) -> Result<String> {
        match self.account.client().read(&dns_records::export(zone), None).await {
            Ok(answer) => Ok(answer.result),
            Err(failure) => Err(self.error(zone, failure, None).await.during("dns.export")),
        }
    }

    /// Brings the records of a zone file into a zone, by `deadline`. Nothing that is there is changed: a record that is there already, that another one
    /// excludes, that lies outside the zone, that storex made elsewhere or that storex cannot write is left out and reported.
    ///
    /// Whether all fit is known before the first is made. More than one batch takes are made in several, records of one name and type together; when a
    /// later batch fails, the earlier ones stay, and importing the file again goes on from there.
    ///
    /// # Errors
    /// `invalid_field` for a file that cannot be read; `quota` when they do not all fit; else as [`CloudflareDns::export`].
    pub async fn import(&self, zone: &ZoneFacts, file: &str, deadline: Timestamp) -> Result<Imported> {
        let entries = zone_file::read(file, &zone.name)?;
        let import = self.import_entries(zone, entries, deadline).await;
        match import {
            Ok(imported) => Ok(imported),
            Err(failure) => Err(self.error(&zone.id, failure, Some(deadline)).await.during("dns.import")),
        }
    }

    async fn import_entries(&self, zone: &ZoneFacts, entries: Vec<Entry>, deadline: Timestamp) -> Result<Imported, Failure> {
        let client = self.account.client();
        let list = dns_records::list(&zone.id, None);
        let existing: Vec<WireRecord> = page::read_all(client, &list, dns_records::PER_PAGE, Some(deadline)).await?;
        let existing: Vec<RecordFacts> =
            existing.into_iter().map(WireRecord::facts).collect::<Result<_>>().map_err(Failure::Doubt)?;
        let (wanted, skipped) = chosen(zone, entries, &existing);
        let mut imported = Vec::with_capacity(wanted.len());
        if wanted.is_empty() {
            return Ok(Imported { imported, skipped });
        }
        let room = Room::of(&self.account, &zone.id, Some(deadline)).await?;
        // Several batches are made of what is too much for one.
        room.admit(Change { made: wanted.len(), removed: 0, operations: 0 }).map_err(Failure::Unsent)?;
        for part in parts(&wanted, room.batch()) {
            let posts = part.iter().map(|wanted| dns_records::post(&wanted.record, &wanted.comment)).collect();
            let batch = dns_records::batch(&zone.id, &[], Vec::new(), posts);
            let answer: WireBatch = match client.effect(&batch, deadline).await {
                Err(Failure::Refused(refusal)) if refusal.is_quota() => {
                    let change = Change { made: part.len(), removed: 0, operations: part.len() };
                    let error = explain(&self.account, &zone.id, change, refusal.into(), Some(deadline)).await;
                    return Err(Failure::Unsent(error.with("imported", imported.len())));
                }
                other => other?,
            };
            let made = answer.posts.into_iter().map(WireRecord::facts).collect::<Result<Vec<_>>>();
            imported.extend(made.map_err(|error| Failure::Doubt(error.into_unclear()))?);
        }
        Ok(Imported { imported, skipped })
    }

    /// Lets Cloudflare look for the records of the domain's former name servers. It looks at names it knows, so what it finds is no copy of the zone;
    /// nothing is added until it is accepted.
    ///
    /// # Errors
    /// As [`CloudflareDns::export`]; unclear when it may look now.
    pub async fn start_scan(&self, zone: &ZoneId, deadline: Timestamp) -> Result<()> {
        match self.account.client().effect(&dns_records::start_scan(zone), deadline).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(self.error(zone, failure, Some(deadline)).await.during("dns.start_scan")),
        }
    }

    /// What the scan found and nobody has decided about yet. Empty while it looks.
    ///
    /// # Errors
    /// As [`CloudflareDns::export`].
    pub async fn scanned(&self, zone: &ZoneId) -> Result<Vec<RecordFacts>> {
        let found = self.found(zone, None).await?;
        found.into_iter().map(|record| facts(record).map_err(|error| error.during("dns.scanned"))).collect()
    }

    /// Adds what is accepted to the zone, as Cloudflare found it, and forgets what is rejected; all or none. What is in neither waits on. Answers the
    /// records added.
    ///
    /// # Errors
    /// `not_found` for an id that does not wait; `foreign_object` when a record that is there excludes an accepted one; `quota`; else as
    /// [`CloudflareDns::export`].
    pub async fn review(
        &self,
        zone: &ZoneId,
        accept: &[RecordId],
        reject: &[RecordId],
        deadline: Timestamp,
    ) -> Result<Vec<RecordFacts>> {
        let found = self.found(zone, Some(deadline)).await?;
        let waiting = |id: &RecordId| {
            let found = found.iter().find(|record| record.get("id").and_then(Value::as_str) == Some(id.as_str()));
            let unknown = || Error::new(Code::NotFound, format!("no record {id} waits for a review"));
            found.ok_or_else(|| unknown().during("dns.review"))
        };
        let accepted = accept.iter().map(|id| waiting(id).map(dns_records::accepted)).collect::<Result<Vec<_>>>()?;
        reject.iter().try_for_each(|id| waiting(id).map(|_| ()))?;
        let change = Change { made: accept.len(), removed: 0, operations: accept.len() };
        match self.account.client().effect(&dns_records::review(zone, &accepted, reject), deadline).await {
            Ok(answer) => answer.accepts.into_iter().map(|record| record.facts().map_err(Error::into_unclear)).collect(),
            Err(Failure::Refused(refusal)) if refusal.is_quota() => {
                Err(explain(&self.account, zone, change, refusal.into(), Some(deadline)).await.during("dns.review"))
            }
            Err(failure) => Err(self.error(zone, failure, Some(deadline)).await.during("dns.review")),
        }
    }

    async fn found(&self, zone: &ZoneId, deadline: Option<Timestamp>) -> Result<Vec<Value>> {
        match self.account.client().read(&dns_records::scanned(zone), deadline).await {
            Ok(answer) => Ok(answer.result),
            Err(failure) => Err(self.error(zone, failure, deadline).await.during("dns.scanned")),
        }
    }

    async fn error(&self, zone: &ZoneId, failure: Failure, deadline: Option<Timestamp>) -> Error {
        match failure {
            Failure::Refused(refusal) => zone_presence::explain(&self.account, zone, refusal, deadline).await,
            other => other.into(),
        }
    }
}

fn facts(record: Value) -> Result<RecordFacts> {
    let record: WireRecord = serde_json::from_value(record)
        .map_err(|error| Error::new(Code::CloudflareAnswer, "a record that is none").caused_by(error))?;
    record.facts()
}

/// What of the file is made, and what is left out and why.
fn chosen(zone: &ZoneFacts, entries: Vec<Entry>, existing: &[RecordFacts]) -> (Vec<Wanted>, Vec<Skipped>) {
    let (mut wanted, mut skipped): (Vec<Wanted>, Vec<Skipped>) = (Vec::new(), Vec::new());
    for Entry { line, what, record, comment } in entries {
        let comment = comment.unwrap_or_default();
        let chosen = record.and_then(|record| {
            let earlier = |other: &Wanted| record.excludes_spec(&other.record);
            if !record.name().is_within(&zone.name) {
                Err(format!("it is not in the zone {}", zone.name))
            } else if comment.parse::<Mark>().is_ok() {
                Err("storex made it where the file comes from, and makes its own here".to_owned())
            } else if existing.iter().any(|found| record.matches(found)) {
                Err("it is there already".to_owned())
            } else if let Some(rival) = existing.iter().find(|found| record.excludes(found)) {
                Err(format!(
                    "the record {} {} is there and stays; remove it first to have this one",
                    rival.record_type, rival.name
                ))
            } else if wanted.iter().any(earlier) {
                Err("an earlier record of the file excludes it".to_owned())
            } else {
                Ok(record)
            }
        });
        match chosen {
            Ok(record) => wanted.push(Wanted { record, comment }),
            Err(reason) => skipped.push(Skipped { line, record: what, reason }),
        }
    }
    (wanted, skipped)
}

/// The records in parts of at most `most`, those of one name and type in one part where they fit.
fn parts(wanted: &[Wanted], most: usize) -> Vec<Vec<&Wanted>> {
    let mut sets: Vec<Vec<&Wanted>> = Vec::new();
    for record in wanted {
        let place = |other: &Wanted| (other.record.record_type(), other.record.name().as_str().to_owned());
        match sets.iter_mut().find(|set| set.first().is_some_and(|first| place(first) == place(record)) && set.len() < most) {
            Some(set) => set.push(record),
            None => sets.push(vec![record]),
        }
    }
    let mut parts: Vec<Vec<&Wanted>> = Vec::new();
    for set in sets {
        match parts.last_mut().filter(|part| part.len() + set.len() <= most) {
            Some(part) => part.extend(set),
            None => parts.push(set),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_one_name_and_type_stay_together_in_parts_that_are_not_too_large() {
        let text = |name: &str, text: &str| {
            let record = RecordSpec::parse(storex_core::RecordType::Txt, &format!("{name}.shop.com"), text).unwrap();
            Wanted { record, comment: String::new() }
        };
        let wanted = [text("a", "1"), text("b", "1"), text("a", "2"), text("b", "2"), text("c", "1"), text("d", "1")];
        let names =
            |part: Vec<&Wanted>| part.iter().map(|wanted| wanted.record.name().as_str()[..1].to_owned()).collect::<String>();
        let split: Vec<String> = parts(&wanted, 3).into_iter().map(names).collect();
        assert_eq!(split, ["aa", "bbc", "d"]);
        let large: Vec<Wanted> = (0..5).map(|number| text("a", &number.to_string())).collect();
        assert_eq!(parts(&large, 2).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1], "a set larger than a batch is cut");
    }
}
