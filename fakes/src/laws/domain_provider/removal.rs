//! Laws of removal.

use super::{
    Code, DomainObject, DomainProvider, Law, RecordId, STORE, Subject, Verdict, apex_and_www, cx, ensure, ids, law, listed,
    new_zone, refused,
};

pub(super) fn laws() -> Vec<Law<dyn DomainProvider>> {
    vec![
        law!("DP-29", "a removed record is gone and the others stay", record_by_id),
        law!("DP-30", "removing records that are gone succeeds", absent_records),
        law!("DP-31", "records that are gone do not keep the others from being removed", some_absent),
        law!("DP-32", "a removed zone is not found and has no records to list", zone_by_id),
        law!("DP-33", "removing a zone that is gone succeeds, and so does removing its records", absent_zone),
        law!("DP-34", "a zone made again after its removal is a new zone without records", made_again),
        law!("DP-35", "records cannot be made in a zone that is gone", no_zone_no_records),
        law!("DP-36", "removing one zone leaves the others", other_zones_stay),
    ]
}

fn records(zone: &storex_core::ZoneId, ids: Vec<RecordId>) -> DomainObject {
    DomainObject::Records { zone: zone.clone(), ids }
}

async fn record_by_id(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await?;
    domains.remove(&cx(STORE)?, &records(&zone.id, ids(made.get(..1).unwrap_or_default()))).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(Some(found.as_slice()) == made.get(1..), || format!("made {made:?}, left {found:?}"))
}

async fn absent_records(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await?;
    for _ in 0..2 {
        domains.remove(&cx(STORE)?, &records(&zone.id, ids(&made))).await?;
    }
    domains.remove(&cx(STORE)?, &records(&zone.id, Vec::new())).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found.is_empty(), || format!("left {found:?}"))
}

async fn some_absent(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await?;
    domains.remove(&cx(STORE)?, &records(&zone.id, ids(made.get(..1).unwrap_or_default()))).await?;
    domains.remove(&cx(STORE)?, &records(&zone.id, ids(&made))).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found.is_empty(), || format!("left {found:?}"))
}

async fn zone_by_id(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    domains.remove(&cx(STORE)?, &DomainObject::Zone(zone.id.clone())).await?;
    let found = domains.find_zone(&zone.name).await?;
    ensure(found.is_none(), || format!("found {found:?}"))?;
    refused(domains.list_records(&zone.id, None).await, Code::NotFound).map(|_| ())
}

async fn absent_zone(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await?;
    for _ in 0..2 {
        domains.remove(&cx(STORE)?, &DomainObject::Zone(zone.id.clone())).await?;
    }
    domains.remove(&cx(STORE)?, &records(&zone.id, ids(&made))).await?;
    Ok(())
}

async fn made_again(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await?;
    domains.remove(&cx(STORE)?, &DomainObject::Zone(zone.id.clone())).await?;
    let again = domains.create_zone(&cx(STORE)?, &zone.name).await?;
    ensure(again.id != zone.id, || format!("{} has the id of the zone that was removed", zone.name))?;
    let found = listed(&domains, &again.id).await?;
    ensure(found.is_empty(), || format!("it came back with {found:?}"))
}

async fn no_zone_no_records(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    domains.remove(&cx(STORE)?, &DomainObject::Zone(zone.id.clone())).await?;
    refused(domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await, Code::NotFound).map(|_| ())
}

async fn other_zones_stay(domains: Subject) -> Verdict {
    let (kept, gone) = (new_zone(&domains).await?, new_zone(&domains).await?);
    let made = domains.ensure_records(&cx(STORE)?, &kept.id, &apex_and_www(&kept)?).await?;
    domains.remove(&cx(STORE)?, &DomainObject::Zone(gone.id)).await?;
    let (found, zone) = (listed(&domains, &kept.id).await?, domains.find_zone(&kept.name).await?);
    ensure(zone.as_ref() == Some(&kept) && found.len() == made.len(), || format!("found {zone:?} with {found:?}"))
}
