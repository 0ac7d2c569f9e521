//! Laws of what records of each type hold, and of how many a zone holds.

use super::{
    Broken, Code, DomainProvider, Law, OTHER_STORE, RecordFacts, RecordSpec, RecordType, Result, STORE, Subject, Verdict,
    ZoneFacts, agrees, alias, cx, ensure, ids, law, listed, new_zone, record, refused,
};
use storex_core::{DomainObject, Ttl};

pub(super) fn laws() -> Vec<Law<dyn DomainProvider>> {
    vec![
        law!("DP-40", "an IPv6 address has one spelling however it was written", one_spelling),
        law!("DP-41", "a mail server keeps its priority", mail_priority),
        law!("DP-42", "a mail server with a new priority is changed, not doubled", new_priority),
        law!("DP-43", "several mail servers of one name stand beside each other", mail_servers),
        law!("DP-44", "a service keeps priority, weight, port and target", service),
        law!("DP-45", "an authority's record keeps flags, property and value", authority),
        law!("DP-46", "text longer than one string is read back whole", long_text),
        law!("DP-47", "quotes and backslashes in text are read back as they are", quoted_text),
        law!("DP-48", "a time to live is kept", time_to_live),
        law!("DP-49", "a new time to live changes the record in place", new_time_to_live),
        law!("DP-50", "records of every type stand in one change and are the same when asked again", every_type),
        law!("DP-51", "a new address changes the record in place", new_address),
        law!("DP-52", "an alias of ours gives way to an address", alias_gives_way),
        law!("DP-53", "a mail server somebody else put there is refused and stays as it is", foreign_mail),
        law!("DP-54", "text somebody else put under the same name stays as it is when ours changes", foreign_text),
        law!("DP-55", "removing one of several records of a name leaves the others", one_of_several),
        law!("DP-56", "more records than the zone's plan holds are refused", too_many),
        law!("DP-57", "the refusal says how many there are and how many fit", numbers),
        law!("DP-58", "records that do not all fit are not made in part", none_in_part),
        law!("DP-59", "room a removed record left can be used again", room_again),
        law!("DP-60", "records that exclude each other are refused before any is made", not_together),
    ]
}

/// Records a zone holds where nobody paid for more.
const FREE: usize = 200;

async fn ensured(domains: &Subject, zone: &ZoneFacts, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
    domains.ensure_records(&cx(STORE)?, &zone.id, records).await
}

/// The record is made, answered and listed as specified, and found to be there when asked for again.
async fn stands(domains: &Subject, zone: &ZoneFacts, spec: RecordSpec) -> Verdict {
    let made = ensured(domains, zone, std::slice::from_ref(&spec)).await?;
    let (again, found) = (ensured(domains, zone, std::slice::from_ref(&spec)).await?, listed(domains, &zone.id).await?);
    let whole = |records: &[RecordFacts]| records.len() == 1 && records.iter().all(|facts| agrees(&spec, facts));
    ensure(whole(&made) && whole(&again) && whole(&found) && ids(&made) == ids(&found), || {
        format!("asked {spec:?}, made {made:?}, again {again:?}, listed {found:?}")
    })
}

/// Asking for the second changes the first in place.
async fn changed_in_place(domains: &Subject, zone: &ZoneFacts, first: RecordSpec, second: RecordSpec) -> Verdict {
    let made = ensured(domains, zone, &[first]).await?;
    let then = ensured(domains, zone, std::slice::from_ref(&second)).await?;
    let found = listed(domains, &zone.id).await?;
    let as_asked = found.len() == 1 && found.iter().all(|facts| agrees(&second, facts));
    ensure(as_asked && then == found && ids(&made) == ids(&found), || format!("first {made:?}, listed {found:?}"))
}

async fn one_spelling(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    stands(&domains, &zone, record(&zone, RecordType::Aaaa, "v6", "2001:0DB8:0000::0:7")?).await
}

async fn mail_priority(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    stands(&domains, &zone, record(&zone, RecordType::Mx, "", "20 Mail.law-target.net.")?).await
}

async fn new_priority(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let mail = |priority: u16| record(&zone, RecordType::Mx, "", &format!("{priority} mail.law-target.net"));
    changed_in_place(&domains, &zone, mail(20)?, mail(30)?).await
}

async fn mail_servers(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let mail = |content: &str| record(&zone, RecordType::Mx, "", content);
    let asked = [mail("10 one.law-target.net")?, mail("20 two.law-target.net")?];
    for spec in &asked {
        ensured(&domains, &zone, &asked).await?;
        let found = listed(&domains, &zone.id).await?;
        ensure(found.len() == 2 && found.iter().any(|facts| agrees(spec, facts)), || {
            format!("asked {asked:?}, listed {found:?}")
        })?;
    }
    Ok(())
}

async fn service(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    stands(&domains, &zone, record(&zone, RecordType::Srv, "_sip._tcp", "10 5 5060 sip.law-target.net")?).await
}

async fn authority(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    stands(&domains, &zone, record(&zone, RecordType::Caa, "", "128 issue \"letsencrypt.org; validationmethods=dns-01\"")?).await
}

async fn long_text(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let text: String = (0..700_u32).filter_map(|place| char::from_digit(place % 36, 36)).collect();
    stands(&domains, &zone, record(&zone, RecordType::Txt, "dkim._domainkey", &text)?).await
}

async fn quoted_text(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    stands(&domains, &zone, record(&zone, RecordType::Txt, "", r#"say "hi" \ and ; more"#)?).await
}

fn timed(zone: &ZoneFacts, seconds: u32) -> Result<RecordSpec> {
    record(zone, RecordType::Txt, "timed", "text")?.with_ttl(Ttl::seconds(seconds)?)
}

async fn time_to_live(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    stands(&domains, &zone, timed(&zone, 600)?).await
}

async fn new_time_to_live(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    changed_in_place(&domains, &zone, timed(&zone, 600)?, timed(&zone, 120)?).await
}

async fn every_type(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let asked: Vec<RecordSpec> = [
        (RecordType::A, "a", "198.51.100.7"),
        (RecordType::Aaaa, "a", "2001:db8::7"),
        (RecordType::Cname, "www", "shops.law-target.net"),
        (RecordType::Txt, "", "v=spf1 -all"),
        (RecordType::Mx, "", "10 mail.law-target.net"),
        (RecordType::Srv, "_imap._tcp", "0 1 143 mail.law-target.net"),
        (RecordType::Caa, "", "0 issue \"letsencrypt.org\""),
    ]
    .into_iter()
    .map(|(kind, label, content)| record(&zone, kind, label, content))
    .collect::<Result<_>>()?;
    let made = ensured(&domains, &zone, &asked).await?;
    let (again, found) = (ensured(&domains, &zone, &asked).await?, listed(&domains, &zone.id).await?);
    let all = asked.iter().zip(&made).all(|(spec, facts)| agrees(spec, facts)) && made.len() == asked.len();
    ensure(all && ids(&again) == ids(&made) && found.len() == asked.len(), || {
        format!("asked {asked:?}, made {made:?}, again {again:?}, listed {found:?}")
    })
}

async fn new_address(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let address = |content: &str| record(&zone, RecordType::A, "shop", content);
    changed_in_place(&domains, &zone, address("198.51.100.7")?, address("198.51.100.8")?).await
}

async fn alias_gives_way(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    ensured(&domains, &zone, &[alias(&zone, "www", "old.law-target.net")?]).await?;
    let wanted = record(&zone, RecordType::A, "www", "198.51.100.7")?;
    ensured(&domains, &zone, std::slice::from_ref(&wanted)).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found.len() == 1 && found.iter().all(|facts| agrees(&wanted, facts)), || format!("{found:?}"))
}

async fn foreign_mail(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let mail = |priority: u16| record(&zone, RecordType::Mx, "", &format!("{priority} mail.law-target.net"));
    let theirs = domains.ensure_records(&cx(OTHER_STORE)?, &zone.id, &[mail(10)?]).await?;
    for priority in [10, 20] {
        refused(ensured(&domains, &zone, &[mail(priority)?]).await, Code::ForeignObject)?;
        let found = listed(&domains, &zone.id).await?;
        ensure(found == theirs, || format!("it was {theirs:?}, now {found:?}"))?;
    }
    Ok(())
}

async fn foreign_text(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let text = |content: &str| record(&zone, RecordType::Txt, "", content);
    let theirs = domains.ensure_records(&cx(OTHER_STORE)?, &zone.id, &[text("theirs")?]).await?;
    for content in ["ours", "ours, changed"] {
        ensured(&domains, &zone, &[text(content)?]).await?;
        let found = listed(&domains, &zone.id).await?;
        ensure(found.len() == 2 && theirs.iter().all(|record| found.contains(record)), || {
            format!("theirs {theirs:?}, listed {found:?}")
        })?;
    }
    Ok(())
}

async fn one_of_several(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let asked = [record(&zone, RecordType::Txt, "", "one")?, record(&zone, RecordType::Txt, "", "two")?];
    let made = ensured(&domains, &zone, &asked).await?;
    let first = ids(made.get(..1).unwrap_or_default());
    domains.remove(&cx(STORE)?, &DomainObject::Records { zone: zone.id.clone(), ids: first }).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(Some(found.as_slice()) == made.get(1..), || format!("made {made:?}, left {found:?}"))
}

/// So many texts, the first of this number.
fn texts(zone: &ZoneFacts, first: usize, count: usize) -> Result<Vec<RecordSpec>> {
    (first..first + count).map(|number| record(zone, RecordType::Txt, &format!("t{number}"), "text")).collect()
}

/// A zone with ten records less than it can hold, and what comes of asking for twelve more.
async fn over_full(domains: &Subject) -> Result<(ZoneFacts, Vec<RecordFacts>, storex_core::Error), Broken> {
    let zone = new_zone(domains).await?;
    ensured(domains, &zone, &texts(&zone, 0, FREE - 10)?).await?;
    let before = listed(domains, &zone.id).await?;
    let outcome = domains.ensure_records(&cx(OTHER_STORE)?, &zone.id, &texts(&zone, FREE, 12)?).await;
    Ok((zone, before, refused(outcome, Code::Quota)?))
}

async fn too_many(domains: Subject) -> Verdict {
    over_full(&domains).await.map(|_| ())
}

async fn numbers(domains: Subject) -> Verdict {
    let (_, _, error) = over_full(&domains).await?;
    let says = |number: usize| error.message().contains(&number.to_string());
    ensure(says(FREE) && says(FREE - 10) && says(12), || format!("it names no numbers: {error}"))
}

async fn none_in_part(domains: Subject) -> Verdict {
    let (zone, before, _) = over_full(&domains).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found == before, || format!("there were {} records, now {}", before.len(), found.len()))
}

async fn room_again(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = ensured(&domains, &zone, &texts(&zone, 0, FREE)?).await?;
    let first = ids(made.get(..1).unwrap_or_default());
    domains.remove(&cx(STORE)?, &DomainObject::Records { zone: zone.id.clone(), ids: first }).await?;
    domains.ensure_records(&cx(OTHER_STORE)?, &zone.id, &texts(&zone, FREE, 1)?).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found.len() == FREE, || format!("{} records", found.len()))
}

async fn not_together(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let address = |content: &str| record(&zone, RecordType::A, "www", content);
    let one = alias(&zone, "www", "shops.law-target.net")?;
    for asked in [[address("198.51.100.7")?, one.clone()], [address("198.51.100.7")?, address("198.51.100.7")?]] {
        refused(ensured(&domains, &zone, &asked).await, Code::InvalidField)?;
        let found = listed(&domains, &zone.id).await?;
        ensure(found.is_empty(), || format!("asked {asked:?}, listed {found:?}"))?;
    }
    Ok(())
}
