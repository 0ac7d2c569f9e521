//! Laws of records that belong to somebody else.

use super::{
    Broken, Code, DomainProvider, Law, OTHER_INSTALLATION, OTHER_STORE, RecordType, Result, STORE, Subject, Verdict, alias,
    apex_and_www, cx, ensure, law, listed, new_zone, record, refused,
};

pub(super) fn laws() -> Vec<Law<dyn DomainProvider>> {
    vec![
        law!("DP-23", "a record of another installation is refused and stays as it is", other_installation),
        law!("DP-24", "a record of another store is refused and stays as it is", other_store),
        law!("DP-25", "the refusal names the record that is in the way", named),
        law!("DP-26", "of records of which one is refused none is made or changed", all_or_none),
        law!("DP-27", "an address of somebody else keeps its name from becoming an alias", foreign_address),
        law!("DP-28", "records of somebody else under other names stay as they are", beside),
    ]
}

async fn untouched(domains: Subject, owner: &str) -> Result<(), Broken> {
    let zone = new_zone(&domains).await?;
    let spec = alias(&zone, "www", "theirs.law-target.net")?;
    let theirs = domains.ensure_records(&cx(owner)?, &zone.id, std::slice::from_ref(&spec)).await?;
    for wanted in [spec, alias(&zone, "www", "ours.law-target.net")?] {
        let outcome = domains.ensure_records(&cx(STORE)?, &zone.id, &[wanted]).await;
        refused(outcome, Code::ForeignObject)?;
        let found = listed(&domains, &zone.id).await?;
        ensure(found == theirs, || format!("it was {theirs:?}, now {found:?}"))?;
    }
    Ok(())
}

async fn other_installation(domains: Subject) -> Verdict {
    untouched(domains, OTHER_INSTALLATION).await
}

async fn other_store(domains: Subject) -> Verdict {
    untouched(domains, OTHER_STORE).await
}

async fn named(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    domains.ensure_records(&cx(OTHER_STORE)?, &zone.id, &[alias(&zone, "www", "theirs.law-target.net")?]).await?;
    let outcome = domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await;
    let error = refused(outcome, Code::ForeignObject)?;
    ensure(error.to_string().contains(&format!("www.{}", zone.name)), || format!("it does not name the record: {error}"))
}

async fn all_or_none(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let mut before = domains.ensure_records(&cx(STORE)?, &zone.id, &[alias(&zone, "a", "ours.law-target.net")?]).await?;
    before.extend(domains.ensure_records(&cx(OTHER_STORE)?, &zone.id, &[alias(&zone, "www", "theirs.law-target.net")?]).await?);
    before.sort_by(|one, other| one.id.cmp(&other.id));
    let asked: Vec<_> =
        ["b", "a", "www"].into_iter().map(|label| alias(&zone, label, "new.law-target.net")).collect::<Result<_>>()?;
    refused(domains.ensure_records(&cx(STORE)?, &zone.id, &asked).await, Code::ForeignObject)?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found == before, || format!("it was {before:?}, now {found:?}"))
}

async fn foreign_address(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let address = record(&zone, RecordType::A, "www", "198.51.100.7")?;
    let theirs = domains.ensure_records(&cx(OTHER_INSTALLATION)?, &zone.id, &[address]).await?;
    refused(domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await, Code::ForeignObject)?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found == theirs, || format!("it was {theirs:?}, now {found:?}"))
}

async fn beside(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let text = record(&zone, RecordType::Txt, "", "theirs")?;
    let theirs =
        domains.ensure_records(&cx(OTHER_INSTALLATION)?, &zone.id, &[alias(&zone, "mail", "mail.law-target.net")?, text]).await?;
    domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found.len() == 4 && theirs.iter().all(|record| found.contains(record)), || {
        format!("theirs {theirs:?}, listed {found:?}")
    })
}
