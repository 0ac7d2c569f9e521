//! Laws of custom hostnames and where they go.

use super::{
    Broken, Code, DomainObject, DomainProvider, Law, RecordType, Result, STORE, Subject, Verdict, ZoneFacts, alias, cx, ensure,
    law, listed, new_name, new_zone, refused,
};
use futures::future::join_all;
use storex_core::{
    CertificateStatus, FallbackOrigin, Hostname, HostnameFacts, HostnameId, HostnameSpec, OriginStatus, RoutingStatus,
    ValidationMethod, ZoneId,
};

pub(super) fn laws() -> Vec<Law<dyn DomainProvider>> {
    vec![
        law!("DP-70", "a custom hostname nobody made is not found", nobody_made_it),
        law!("DP-71", "a custom hostname that was made is found under its name, as the one that was answered", found_as_answered),
        law!("DP-72", "making a custom hostname that exists is refused and leaves it as it is", made_once),
        law!("DP-73", "of several that make one custom hostname at once exactly one makes it", at_once),
        law!("DP-74", "a custom hostname leads into one zone only, and is found in no other", one_zone),
        law!("DP-75", "a custom hostname is found by its whole name only", whole_name),
        law!("DP-76", "custom hostnames of different names are different ones", different_hostnames),
        law!("DP-77", "a new custom hostname is not active: nobody let it lead here yet", not_active),
        law!("DP-78", "a new custom hostname names a text that proves it, at a name of its own", proof_of_its_own),
        law!("DP-79", "a name no custom hostname can have is refused and makes none", impossible_name),
        law!("DP-80", "a certificate can be validated by a text as well as by a page", by_text),
        law!("DP-81", "a removed custom hostname is not found, and the others stay", removed),
        law!("DP-82", "removing a custom hostname that is gone succeeds", absent),
        law!("DP-83", "a custom hostname made again after its removal is another one", made_again),
        law!("DP-84", "asking for a check leaves zone and custom hostname the ones they are", checked),
        law!("DP-85", "a custom hostname that is gone cannot be checked", nothing_to_check),
        law!("DP-86", "a zone that is gone has no custom hostnames and takes none", gone_zone),
        law!("DP-87", "a fallback origin that is set is set again without a change", origin_again),
        law!("DP-88", "a fallback origin without a proxied record is refused", origin_without_record),
        law!("DP-89", "where custom hostnames go already is not changed to somewhere else", origin_taken),
        law!("DP-90", "a fallback origin that was removed makes room, and removing another one removes nothing", origin_removed),
        law!("DP-91", "removing custom hostnames touches neither zone nor records", zone_stays),
        law!("DP-92", "the certificate of a zone nobody delegated is not active", no_certificate),
        law!(
            "DP-93",
            "a list of custom hostnames shows every one of the zone once, none of another, none that was removed",
            list_is_whole
        ),
        law!("DP-94", "a zone that is gone lists no custom hostnames: it is refused", gone_zone_lists_none),
        law!(
            "DP-95",
            "where custom hostnames go is told: nowhere before it is set and after it is removed, else there",
            origin_told
        ),
        law!("DP-96", "a fallback origin is replaced when it is the one named, and no other is", origin_replaced),
    ]
}

/// A name below a registrable one, that nobody used.
fn new_host() -> Result<Hostname> {
    new_name()?.below("www")
}

fn by_page(name: &Hostname) -> HostnameSpec {
    HostnameSpec { name: name.clone(), validation: ValidationMethod::Http }
}

/// A hostname nobody used, in this zone.
async fn new_hostname(domains: &Subject, zone: &ZoneFacts) -> Result<HostnameFacts> {
    domains.create_hostname(&cx(STORE)?, &zone.id, &by_page(&new_host()?)).await
}

fn object(zone: &ZoneFacts, hostname: &HostnameFacts) -> DomainObject {
    DomainObject::Hostname { zone: zone.id.clone(), id: hostname.id.clone() }
}

/// The hostname of this name must be there with this identifier.
async fn must_be(domains: &Subject, zone: &ZoneId, made: &HostnameFacts) -> Verdict {
    let found = domains.find_hostname(zone, &made.name).await?;
    let same = found.as_ref().is_some_and(|found| found.id == made.id && found.name == made.name);
    ensure(same, || format!("made {made:?}, found {found:?}"))
}

async fn must_be_absent(domains: &Subject, zone: &ZoneId, name: &Hostname) -> Verdict {
    let found = domains.find_hostname(zone, name).await?;
    ensure(found.is_none(), || format!("found {found:?}"))
}

async fn nobody_made_it(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    must_be_absent(&domains, &zone.id, &new_host()?).await
}

async fn found_as_answered(domains: Subject) -> Verdict {
    let (zone, name) = (new_zone(&domains).await?, new_host()?);
    let made = domains.create_hostname(&cx(STORE)?, &zone.id, &by_page(&name)).await?;
    ensure(made.name == name, || format!("asked for {name}, answered {}", made.name))?;
    must_be(&domains, &zone.id, &made).await
}

async fn made_once(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let first = new_hostname(&domains, &zone).await?;
    refused(domains.create_hostname(&cx(STORE)?, &zone.id, &by_page(&first.name)).await, Code::ForeignObject)?;
    must_be(&domains, &zone.id, &first).await
}

async fn at_once(domains: Subject) -> Verdict {
    let (zone, spec, context) = (new_zone(&domains).await?, by_page(&new_host()?), cx(STORE)?);
    let made = join_all((0..4).map(|_| domains.create_hostname(&context, &zone.id, &spec))).await;
    let ids: Vec<_> = made.iter().flatten().map(|hostname| &hostname.id).collect();
    ensure(ids.len() == 1, || format!("one name, hostnames {ids:?}"))
}

async fn one_zone(domains: Subject) -> Verdict {
    let (zone, other) = (new_zone(&domains).await?, new_zone(&domains).await?);
    let made = new_hostname(&domains, &zone).await?;
    refused(domains.create_hostname(&cx(STORE)?, &other.id, &by_page(&made.name)).await, Code::ForeignObject)?;
    must_be_absent(&domains, &other.id, &made.name).await?;
    must_be(&domains, &zone.id, &made).await
}

async fn whole_name(domains: Subject) -> Verdict {
    let (zone, name) = (new_zone(&domains).await?, new_host()?);
    let longer = by_page(&name.below("shop")?);
    domains.create_hostname(&cx(STORE)?, &zone.id, &longer).await?;
    must_be_absent(&domains, &zone.id, &name).await
}

async fn different_hostnames(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let (one, other) = (new_hostname(&domains, &zone).await?, new_hostname(&domains, &zone).await?);
    ensure(one.id != other.id, || format!("{} and {} share {}", one.name, other.name, one.id))
}

async fn not_active(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = new_hostname(&domains, &zone).await?;
    let active = made.routing == RoutingStatus::Active || made.certificate == Some(CertificateStatus::Active);
    ensure(!active && made.certificate.is_some(), || format!("{made:?}"))
}

async fn proof_of_its_own(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let mut proofs = Vec::new();
    for _ in 0..2 {
        let made = new_hostname(&domains, &zone).await?;
        let proof = made.ownership.ok_or_else(|| Broken("no text is named".to_owned()))?;
        ensure(proof.name.ends_with(&format!(".{}", made.name)) && !proof.value.is_empty(), || format!("{proof:?}"))?;
        proofs.push(proof);
    }
    ensure(proofs.first() != proofs.get(1), || format!("{proofs:?}"))
}

async fn impossible_name(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let long: Hostname = format!("{}.{}", "l".repeat(60), new_host()?).parse()?;
    for name in [zone.name.clone(), long, "shop.example.com".parse()?] {
        refused(domains.create_hostname(&cx(STORE)?, &zone.id, &by_page(&name)).await, Code::InvalidDomain)?;
        must_be_absent(&domains, &zone.id, &name).await?;
    }
    Ok(())
}

async fn by_text(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let spec = HostnameSpec { name: new_host()?, validation: ValidationMethod::Txt };
    let made = domains.create_hostname(&cx(STORE)?, &zone.id, &spec).await?;
    must_be(&domains, &zone.id, &made).await
}

async fn removed(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let (gone, kept) = (new_hostname(&domains, &zone).await?, new_hostname(&domains, &zone).await?);
    domains.remove(&cx(STORE)?, &object(&zone, &gone)).await?;
    must_be_absent(&domains, &zone.id, &gone.name).await?;
    must_be(&domains, &zone.id, &kept).await
}

async fn absent(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = new_hostname(&domains, &zone).await?;
    for _ in 0..2 {
        domains.remove(&cx(STORE)?, &object(&zone, &made)).await?;
    }
    domains.remove(&cx(STORE)?, &DomainObject::Zone(zone.id.clone())).await?;
    domains.remove(&cx(STORE)?, &object(&zone, &made)).await?;
    Ok(())
}

async fn made_again(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let first = new_hostname(&domains, &zone).await?;
    domains.remove(&cx(STORE)?, &object(&zone, &first)).await?;
    let again = domains.create_hostname(&cx(STORE)?, &zone.id, &by_page(&first.name)).await?;
    ensure(again.id != first.id, || format!("{} has the id of the one that was removed", first.name))?;
    must_be(&domains, &zone.id, &again).await
}

async fn checked(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = new_hostname(&domains, &zone).await?;
    domains.recheck(&cx(STORE)?, &object(&zone, &made)).await?;
    domains.recheck(&cx(STORE)?, &DomainObject::Zone(zone.id.clone())).await?;
    must_be(&domains, &zone.id, &made).await?;
    let found = domains.find_zone(&zone.name).await?;
    ensure(found.as_ref().is_some_and(|found| found.id == zone.id), || format!("made {zone:?}, found {found:?}"))
}

async fn nothing_to_check(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = new_hostname(&domains, &zone).await?;
    domains.remove(&cx(STORE)?, &object(&zone, &made)).await?;
    refused(domains.recheck(&cx(STORE)?, &object(&zone, &made)).await, Code::NotFound).map(|_| ())
}

async fn gone_zone(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = new_hostname(&domains, &zone).await?;
    domains.remove(&cx(STORE)?, &DomainObject::Zone(zone.id.clone())).await?;
    refused(domains.find_hostname(&zone.id, &made.name).await, Code::NotFound)?;
    refused(domains.create_hostname(&cx(STORE)?, &zone.id, &by_page(&new_host()?)).await, Code::NotFound).map(|_| ())
}

/// A zone with proxied records of these labels; answers their names too.
async fn zone_with(domains: &Subject, labels: &[&str]) -> Result<(ZoneFacts, Vec<Hostname>)> {
    let zone = new_zone(domains).await?;
    let records = labels.iter().map(|label| alias(&zone, label, "origin.law-target.net")).collect::<Result<Vec<_>>>()?;
    domains.ensure_records(&cx(STORE)?, &zone.id, &records).await?;
    let names = labels.iter().map(|label| zone.name.below(label)).collect::<Result<_>>()?;
    Ok((zone, names))
}

async fn origin_again(domains: Subject) -> Verdict {
    let (zone, names) = zone_with(&domains, &["fallback"]).await?;
    for _ in 0..2 {
        for origin in &names {
            let status = domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, origin).await?;
            ensure(matches!(status, OriginStatus::Pending | OriginStatus::Active), || format!("{status:?}"))?;
        }
    }
    Ok(())
}

async fn origin_without_record(domains: Subject) -> Verdict {
    let (zone, names) = zone_with(&domains, &["fallback"]).await?;
    let bare = zone.name.below("bare")?;
    refused(domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, &bare).await, Code::CloudflareRefused)?;
    for origin in &names {
        domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, origin).await?;
    }
    Ok(())
}

async fn origin_taken(domains: Subject) -> Verdict {
    let (zone, names) = zone_with(&domains, &["one", "other"]).await?;
    let [one, other] = names.as_slice() else { return Err(Broken("two names".to_owned())) };
    domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, one).await?;
    refused(domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, other).await, Code::ForeignObject)?;
    domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, one).await?;
    Ok(())
}

async fn origin_removed(domains: Subject) -> Verdict {
    let (zone, names) = zone_with(&domains, &["one", "other"]).await?;
    let [one, other] = names.as_slice() else { return Err(Broken("two names".to_owned())) };
    let removal = |origin: &Hostname| DomainObject::FallbackOrigin { zone: zone.id.clone(), origin: origin.clone() };
    domains.remove(&cx(STORE)?, &removal(one)).await?;
    domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, one).await?;
    domains.remove(&cx(STORE)?, &removal(other)).await?;
    refused(domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, other).await, Code::ForeignObject)?;
    domains.remove(&cx(STORE)?, &removal(one)).await?;
    domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, other).await?;
    Ok(())
}

/// Custom hostnames of the zone must go there, as far as the provider can say.
async fn must_go(domains: &Subject, zone: &ZoneId, wanted: FallbackOrigin) -> Verdict {
    let told = domains.fallback_origin(zone).await?;
    ensure(told == FallbackOrigin::Untold || told == wanted, || format!("{told:?}, not {wanted:?}"))
}

async fn origin_told(domains: Subject) -> Verdict {
    let (zone, names) = zone_with(&domains, &["one", "other"]).await?;
    must_go(&domains, &zone.id, FallbackOrigin::Unset).await?;
    for origin in &names {
        domains.ensure_fallback_origin(&cx(STORE)?, &zone.id, origin).await?;
        must_go(&domains, &zone.id, FallbackOrigin::Set(origin.clone())).await?;
        let removal = DomainObject::FallbackOrigin { zone: zone.id.clone(), origin: origin.clone() };
        domains.remove(&cx(STORE)?, &removal).await?;
        must_go(&domains, &zone.id, FallbackOrigin::Unset).await?;
    }
    domains.remove(&cx(STORE)?, &DomainObject::Zone(zone.id.clone())).await?;
    match domains.fallback_origin(&zone.id).await {
        Ok(FallbackOrigin::Untold) => Ok(()),
        told => refused(told, Code::NotFound).map(|_| ()),
    }
}

async fn origin_replaced(domains: Subject) -> Verdict {
    let (zone, names) = zone_with(&domains, &["one", "other"]).await?;
    let [one, other] = names.as_slice() else { return Err(Broken("two names".to_owned())) };
    // Without a way to see it, it is ensured instead, and DP-89 holds.
    if domains.fallback_origin(&zone.id).await? == FallbackOrigin::Untold {
        return Ok(());
    }
    // Where nothing is set there is nothing to replace.
    domains.replace_fallback_origin(&cx(STORE)?, &zone.id, other, one).await?;
    must_go(&domains, &zone.id, FallbackOrigin::Set(one.clone())).await?;
    refused(domains.replace_fallback_origin(&cx(STORE)?, &zone.id, other, other).await, Code::ForeignObject)?;
    must_go(&domains, &zone.id, FallbackOrigin::Set(one.clone())).await?;
    for _ in 0..2 {
        domains.replace_fallback_origin(&cx(STORE)?, &zone.id, one, other).await?;
        must_go(&domains, &zone.id, FallbackOrigin::Set(other.clone())).await?;
    }
    Ok(())
}

async fn zone_stays(domains: Subject) -> Verdict {
    let (zone, _) = zone_with(&domains, &["fallback"]).await?;
    let before = listed(&domains, &zone.id).await?;
    let made = new_hostname(&domains, &zone).await?;
    domains.remove(&cx(STORE)?, &object(&zone, &made)).await?;
    let (found, after) = (domains.find_zone(&zone.name).await?, listed(&domains, &zone.id).await?);
    let kind = serde_json::to_value(RecordType::Cname).unwrap_or_default();
    let whole = found.as_ref() == Some(&zone) && before == after && after.iter().all(|record| kind == *record.record_type);
    ensure(whole, || format!("before {before:?}, after {after:?} in {found:?}"))
}

async fn no_certificate(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let certificate = domains.zone_certificate(&zone.id).await?;
    ensure(certificate != Some(CertificateStatus::Active), || format!("{} has one already", zone.name))
}

/// Names and identifiers of a list; none from a provider without one, which has nothing to keep.
async fn shown(domains: &Subject, zone: &ZoneId) -> Result<Option<Vec<(Hostname, HostnameId)>>> {
    let list = domains.list_hostnames(zone).await?;
    let pairs = |list: Vec<HostnameFacts>| list.into_iter().map(|facts| (facts.name, facts.id)).collect::<Vec<_>>();
    Ok(list.map(pairs).map(|mut pairs| {
        pairs.sort();
        pairs
    }))
}

async fn list_is_whole(domains: Subject) -> Verdict {
    let (zone, other) = (new_zone(&domains).await?, new_zone(&domains).await?);
    let mut made = Vec::new();
    // More than a page of any provider known.
    for _ in 0..53 {
        made.push(new_hostname(&domains, &zone).await?);
    }
    let (elsewhere, gone) = (new_hostname(&domains, &other).await?, made.swap_remove(7));
    domains.remove(&cx(STORE)?, &object(&zone, &gone)).await?;
    let mut wanted: Vec<_> = made.into_iter().map(|facts| (facts.name, facts.id)).collect();
    wanted.sort();
    for (zone, wanted) in [(&zone, wanted), (&other, vec![(elsewhere.name, elsewhere.id)])] {
        let Some(listed) = shown(&domains, &zone.id).await? else { return Ok(()) };
        ensure(listed == wanted, || format!("made {} hostnames, the list shows {}: {listed:?}", wanted.len(), listed.len()))?;
    }
    Ok(())
}

async fn gone_zone_lists_none(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    new_hostname(&domains, &zone).await?;
    if shown(&domains, &zone.id).await?.is_none() {
        return Ok(());
    }
    domains.remove(&cx(STORE)?, &DomainObject::Zone(zone.id.clone())).await?;
    refused(domains.list_hostnames(&zone.id).await, Code::NotFound).map(|_| ())
}
