//! Laws of zones.

use super::{Code, DomainProvider, Law, STORE, Subject, Verdict, cx, ensure, law, new_name, refused};
use futures::future::join_all;
use storex_core::Hostname;

pub(super) fn laws() -> Vec<Law<dyn DomainProvider>> {
    vec![
        law!("DP-01", "a zone nobody made is not found", nobody_made_it),
        law!("DP-02", "a zone that was made is found as it was answered", found_as_answered),
        law!("DP-03", "making a zone twice answers the same zone", made_once),
        law!("DP-04", "a zone has at least two name servers, all different host names", name_servers),
        law!("DP-05", "zones of different names are different zones", different_zones),
        law!("DP-06", "a zone is found by its whole name only", whole_name),
        law!("DP-07", "a name that cannot be a zone is refused and makes none", impossible_name),
        law!("DP-08", "a zone made by several at once is one zone", at_once),
        law!("DP-09", "a new zone is not active: nobody delegated it yet", not_active),
        law!("DP-10", "a new zone holds no records", empty),
    ]
}

async fn nobody_made_it(domains: Subject) -> Verdict {
    let found = domains.find_zone(&new_name()?).await?;
    ensure(found.is_none(), || format!("found {found:?}"))
}

async fn found_as_answered(domains: Subject) -> Verdict {
    let name = new_name()?;
    let made = domains.ensure_zone(&cx(STORE)?, &name).await?;
    let found = domains.find_zone(&name).await?;
    ensure(made.name == name, || format!("asked for {name}, answered {}", made.name))?;
    ensure(found.as_ref() == Some(&made), || format!("answered {made:?}, found {found:?}"))
}

async fn made_once(domains: Subject) -> Verdict {
    let name = new_name()?;
    let first = domains.ensure_zone(&cx(STORE)?, &name).await?;
    let again = domains.ensure_zone(&cx(STORE)?, &name).await?;
    ensure(first == again, || format!("first {first:?}, then {again:?}"))
}

async fn name_servers(domains: Subject) -> Verdict {
    let zone = domains.ensure_zone(&cx(STORE)?, &new_name()?).await?;
    let mut servers = zone.name_servers.clone();
    servers.sort();
    servers.dedup();
    let hosts = servers.iter().all(|server| server.parse::<Hostname>().is_ok());
    ensure(servers.len() >= 2 && servers.len() == zone.name_servers.len() && hosts, || format!("{:?}", zone.name_servers))
}

async fn different_zones(domains: Subject) -> Verdict {
    let one = domains.ensure_zone(&cx(STORE)?, &new_name()?).await?;
    let other = domains.ensure_zone(&cx(STORE)?, &new_name()?).await?;
    ensure(one.id != other.id, || format!("{} and {} share {}", one.name, other.name, one.id))
}

async fn whole_name(domains: Subject) -> Verdict {
    let name = new_name()?;
    let longer: Hostname = format!("x{name}").parse()?;
    domains.ensure_zone(&cx(STORE)?, &longer).await?;
    let found = domains.find_zone(&name).await?;
    ensure(found.is_none(), || format!("{longer} was found as {name}"))
}

async fn impossible_name(domains: Subject) -> Verdict {
    let below = new_name()?.below("www")?;
    let outcome = domains.ensure_zone(&cx(STORE)?, &below).await;
    refused(outcome, Code::InvalidDomain)?;
    let found = domains.find_zone(&below).await?;
    ensure(found.is_none(), || format!("refused, and yet there is {found:?}"))
}

async fn at_once(domains: Subject) -> Verdict {
    let (name, context) = (new_name()?, cx(STORE)?);
    let made = join_all((0..4).map(|_| domains.ensure_zone(&context, &name))).await;
    let mut ids = made.into_iter().map(|zone| zone.map(|zone| zone.id)).collect::<Result<Vec<_>, _>>()?;
    ids.dedup();
    ensure(ids.len() == 1, || format!("one name, zones {ids:?}"))
}

async fn not_active(domains: Subject) -> Verdict {
    let zone = domains.ensure_zone(&cx(STORE)?, &new_name()?).await?;
    ensure(zone.status != storex_core::ZoneStatus::Active, || format!("{} is active at once", zone.name))
}

async fn empty(domains: Subject) -> Verdict {
    let zone = domains.ensure_zone(&cx(STORE)?, &new_name()?).await?;
    let records = domains.list_records(&zone.id, None).await?;
    ensure(records.is_empty(), || format!("{records:?}"))
}
