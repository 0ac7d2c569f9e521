//! Laws of zones.

use super::{Code, DomainProvider, Law, STORE, Subject, Verdict, cx, ensure, law, new_name, refused};
use futures::future::join_all;
use storex_core::Hostname;

pub(super) fn laws() -> Vec<Law<dyn DomainProvider>> {
    vec![
        law!("DP-01", "a zone nobody made is not found", nobody_made_it),
        law!("DP-02", "a zone that was made is found as it was answered", found_as_answered),
        law!("DP-03", "making a zone that exists is refused and leaves it as it is", made_once),
        law!("DP-04", "a zone has at least two name servers, all different host names", name_servers),
        law!("DP-05", "zones of different names are different zones", different_zones),
        law!("DP-06", "a zone is found by its whole name only", whole_name),
        law!("DP-07", "a name that cannot be a zone is refused and makes none", impossible_name),
        law!("DP-08", "of several that make one zone at once exactly one makes it", at_once),
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
    let made = domains.create_zone(&cx(STORE)?, &name).await?;
    let found = domains.find_zone(&name).await?;
    ensure(made.name == name, || format!("asked for {name}, answered {}", made.name))?;
    ensure(found.as_ref() == Some(&made), || format!("answered {made:?}, found {found:?}"))
}

async fn made_once(domains: Subject) -> Verdict {
    let name = new_name()?;
    let first = domains.create_zone(&cx(STORE)?, &name).await?;
    refused(domains.create_zone(&cx(STORE)?, &name).await, Code::ZoneExists)?;
    let found = domains.find_zone(&name).await?;
    ensure(found.as_ref() == Some(&first), || format!("first {first:?}, then {found:?}"))
}

async fn name_servers(domains: Subject) -> Verdict {
    let zone = domains.create_zone(&cx(STORE)?, &new_name()?).await?;
    let mut servers = zone.name_servers.clone();
    servers.sort();
    servers.dedup();
    let hosts = servers.iter().all(|server| server.parse::<Hostname>().is_ok());
    ensure(servers.len() >= 2 && servers.len() == zone.name_servers.len() && hosts, || format!("{:?}", zone.name_servers))
}

async fn different_zones(domains: Subject) -> Verdict {
    let one = domains.create_zone(&cx(STORE)?, &new_name()?).await?;
    let other = domains.create_zone(&cx(STORE)?, &new_name()?).await?;
    ensure(one.id != other.id, || format!("{} and {} share {}", one.name, other.name, one.id))
}

async fn whole_name(domains: Subject) -> Verdict {
    let name = new_name()?;
    let longer: Hostname = format!("x{name}").parse()?;
    domains.create_zone(&cx(STORE)?, &longer).await?;
    let found = domains.find_zone(&name).await?;
    ensure(found.is_none(), || format!("{longer} was found as {name}"))
}

async fn impossible_name(domains: Subject) -> Verdict {
    let below = new_name()?.below("www")?;
    let outcome = domains.create_zone(&cx(STORE)?, &below).await;
    refused(outcome, Code::InvalidDomain)?;
    let found = domains.find_zone(&below).await?;
    ensure(found.is_none(), || format!("refused, and yet there is {found:?}"))
}

async fn at_once(domains: Subject) -> Verdict {
    let (name, context) = (new_name()?, cx(STORE)?);
    let made = join_all((0..4).map(|_| domains.create_zone(&context, &name))).await;
    let ids: Vec<_> = made.iter().flatten().map(|zone| &zone.id).collect();
    ensure(ids.len() == 1, || format!("one name, zones {ids:?}"))?;
    for outcome in made.iter().filter_map(|outcome| outcome.as_ref().err()) {
        ensure(outcome.code() == Code::ZoneExists, || format!("the others were told {outcome:?}"))?;
    }
    Ok(())
}

async fn not_active(domains: Subject) -> Verdict {
    let zone = domains.create_zone(&cx(STORE)?, &new_name()?).await?;
    ensure(zone.status != storex_core::ZoneStatus::Active, || format!("{} is active at once", zone.name))
}

async fn empty(domains: Subject) -> Verdict {
    let zone = domains.create_zone(&cx(STORE)?, &new_name()?).await?;
    let records = domains.list_records(&zone.id, None).await?;
    ensure(records.is_empty(), || format!("{records:?}"))
}
