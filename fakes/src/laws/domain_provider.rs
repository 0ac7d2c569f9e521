//! Laws of [`DomainProvider`]: zones, records, ownership, removal.
//!
//! A foreign record is one made under the mark of another installation or another store; the laws need no other door to the subject.

mod ownership;
mod records;
mod removal;
mod zones;

use super::{Broken, Law, Verdict, ensure, fresh};
use jiff::Timestamp;
use std::sync::Arc;
use storex_core::{
    Code, DomainObject, DomainProvider, EffectCx, Epoch, Error, Hostname, Mark, RecordFacts, RecordId, RecordSpec, RecordType,
    Result, ZoneFacts, ZoneId,
};

/// What a law judges.
type Subject = Arc<dyn DomainProvider>;

/// Whom a law acts for.
const STORE: &str = "storex/1 i=0a1b2c3d s=12345";
/// Another store of the same installation.
const OTHER_STORE: &str = "storex/1 i=0a1b2c3d s=54321";
/// Another installation in the same account, with a store of the same number.
const OTHER_INSTALLATION: &str = "storex/1 i=ffffffff s=12345";

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |domains| Box::pin($judge(domains)) }
    };
}
use law;

/// Every law of the trait.
pub fn laws() -> Vec<Law<dyn DomainProvider>> {
    [zones::laws(), records::laws(), ownership::laws(), removal::laws()].into_iter().flatten().collect()
}

/// The context of an effect of `owner`, with its own effect identity. The deadline lies far ahead in every clock.
fn cx(owner: &str) -> Result<EffectCx> {
    let mark = format!("{owner} e={}", fresh("law.")).parse()?;
    Ok(EffectCx { mark, epoch: Epoch(1), deadline: Timestamp::constant(4_000_000_000, 0) })
}

/// A registrable name nobody used.
fn new_name() -> Result<Hostname> {
    format!("{}-shop.com", fresh("law")).parse()
}

/// A zone nobody used.
async fn new_zone(domains: &Subject) -> Result<ZoneFacts> {
    domains.ensure_zone(&cx(STORE)?, &new_name()?).await
}

fn record(record_type: RecordType, name: String, content: &str) -> RecordSpec {
    let proxied = record_type != RecordType::Txt;
    RecordSpec { record_type, name, content: content.to_owned(), proxied }
}

/// An alias of a name in the zone.
fn alias(zone: &ZoneFacts, label: &str, content: &str) -> RecordSpec {
    record(RecordType::Cname, format!("{label}.{}", zone.name), content)
}

/// The two records a store's domain has.
fn apex_and_www(zone: &ZoneFacts) -> Vec<RecordSpec> {
    let target = "0b1c2d3e-0000-4000-8000-000000000001.cfargotunnel.com";
    vec![record(RecordType::Cname, zone.name.to_string(), target), alias(zone, "www", target)]
}

/// Whether the record is as specified.
fn agrees(spec: &RecordSpec, facts: &RecordFacts) -> bool {
    let kind = serde_json::to_value(spec.record_type).unwrap_or_default();
    kind == *facts.record_type && spec.name == facts.name && spec.content == facts.content && spec.proxied == facts.proxied
}

fn ids(records: &[RecordFacts]) -> Vec<RecordId> {
    records.iter().map(|record| record.id.clone()).collect()
}

/// All records, in the order of their ids, so that lists can be compared.
async fn listed(domains: &Subject, zone: &ZoneId) -> Result<Vec<RecordFacts>> {
    let mut records = domains.list_records(zone, None).await?;
    records.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(records)
}

/// The error of a call that must be refused for this reason, its effect not in doubt.
fn refused<T>(outcome: Result<T>, code: Code) -> Result<Error, Broken> {
    let Err(error) = outcome else {
        return Err(Broken(format!("it should be refused with {}", code.as_str())));
    };
    ensure(error.code() == code && !error.is_unclear(), || {
        format!("it should be refused with {}, not: {error:?}", code.as_str())
    })?;
    Ok(error)
}
