//! Laws of [`DomainProvider`]: zones, records, ownership, removal, custom hostnames.
//!
//! A foreign record is one made under the mark of another installation or another store; the laws need no other door to the subject.

mod contents;
mod hostnames;
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
    zone_laws().into_iter().chain(hostnames::laws()).collect()
}

/// The laws of zones and records alone, for a provider that serves no custom hostnames and refuses them with `unsupported`.
pub fn zone_laws() -> Vec<Law<dyn DomainProvider>> {
    [zones::laws(), records::laws(), contents::laws(), ownership::laws(), removal::laws()].into_iter().flatten().collect()
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
    domains.create_zone(&cx(STORE)?, &new_name()?).await
}

/// A record of the zone at this label, or at its apex for an empty one; proxied where it can be.
fn record(zone: &ZoneFacts, record_type: RecordType, label: &str, content: &str) -> Result<RecordSpec> {
    let name = if label.is_empty() { zone.name.to_string() } else { format!("{label}.{}", zone.name) };
    RecordSpec::parse(record_type, &name, content)?.with_proxy(record_type.is_proxiable())
}

/// An alias of a name in the zone.
fn alias(zone: &ZoneFacts, label: &str, content: &str) -> Result<RecordSpec> {
    record(zone, RecordType::Cname, label, content)
}

/// The two records a store's domain has.
fn apex_and_www(zone: &ZoneFacts) -> Result<Vec<RecordSpec>> {
    let target = "0b1c2d3e-0000-4000-8000-000000000001.cfargotunnel.com";
    Ok(vec![alias(zone, "", target)?, alias(zone, "www", target)?])
}

/// Whether the record is as specified, its content in its one spelling.
fn agrees(spec: &RecordSpec, facts: &RecordFacts) -> bool {
    spec.matches(facts) && facts.content == spec.content().to_string()
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
