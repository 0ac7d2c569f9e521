//! Laws of certificates and of the cache. A new zone is not active, so it has no certificate of its own yet.

use super::{
    CUSTOM, CertificateChange, Code, EdgeSetting, EdgeSubject, Law, PackOrder, Subject, Verdict, begun, cx, ensure, law, listed,
    new_zone, refused_with,
};
use storex_core::{Hostname, PackId, PackKind, PackStatus};

pub(super) fn laws() -> Vec<Law<EdgeSubject>> {
    vec![
        law!("EP-24", "a new zone has its universal certificate switched on and none in place", none_at_first),
        law!("EP-25", "the universal certificate is off once it is switched off, and on again", switched),
        law!("EP-26", "an ordered pack is there as it was ordered, and not in place at once", ordered),
        law!("EP-27", "a pack that is deleted goes alone, and deleting it again succeeds", deleted),
        law!("EP-28", "a change to a pack that is not there is refused", not_there),
        law!("EP-29", "packs of two zones are two", separate),
        law!("EP-30", "purging hosts changes neither settings nor rules", purged),
    ]
}

async fn none_at_first(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let facts = subject.edge.certificates(&zone).await?;
    ensure(facts.universal && facts.packs.is_empty(), || format!("{facts:?}"))
}

async fn switched(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    for enabled in [false, true] {
        subject.edge.change_certificate(&cx()?, &zone, &CertificateChange::Universal { enabled }).await?;
        let facts = subject.edge.certificates(&zone).await?;
        ensure(facts.universal == enabled, || format!("switched to {enabled}: {facts:?}"))?;
    }
    Ok(())
}

fn order(zone: &Hostname) -> PackOrder {
    PackOrder {
        hosts: vec![zone.to_string(), format!("*.b.{zone}")],
        validation_method: "txt".to_owned(),
        validity_days: 30,
        authority: "google".to_owned(),
    }
}

async fn ordered(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    let order = order(&zone.name);
    let id = subject.edge.change_certificate(&cx()?, &zone.id, &CertificateChange::Order(order.clone())).await?;
    let facts = subject.edge.certificates(&zone.id).await?;
    let same = facts.packs.iter().any(|pack| {
        Some(&pack.id) == id.as_ref()
            && pack.kind == PackKind::Advanced
            && pack.hosts == order.hosts
            && pack.validity_days == Some(order.validity_days)
            && (pack.validation_method == order.validation_method && pack.authority == order.authority)
            && matches!(pack.status, PackStatus::Pending(_))
    });
    ensure(same && facts.packs.len() == 1, || format!("ordered {order:?} as {id:?}, found {facts:?}"))
}

async fn new_pack(subject: &EdgeSubject, zone: &storex_core::ZoneFacts) -> Result<PackId, super::Broken> {
    let id = subject.edge.change_certificate(&cx()?, &zone.id, &CertificateChange::Order(order(&zone.name))).await?;
    id.ok_or_else(|| super::Broken("an order answers no pack".to_owned()))
}

/// The packs that are neither gone nor going.
async fn standing(subject: &EdgeSubject, zone: &storex_core::ZoneId) -> storex_core::Result<Vec<PackId>> {
    let packs = subject.edge.certificates(zone).await?.packs.into_iter();
    Ok(packs.filter(|pack| !matches!(pack.status, PackStatus::Over(_))).map(|pack| pack.id).collect())
}

async fn deleted(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    let (one, other) = (new_pack(&subject, &zone).await?, new_pack(&subject, &zone).await?);
    for _ in 0..2 {
        subject.edge.change_certificate(&cx()?, &zone.id, &CertificateChange::Delete { pack: one.clone() }).await?;
        let left = standing(&subject, &zone.id).await?;
        ensure(left == [other.clone()], || format!("{one} was deleted, {left:?} are left"))?;
    }
    Ok(())
}

async fn not_there(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let pack: PackId = "0b1c2d3e-0000-4000-8000-000000000001".parse()?;
    let restart = CertificateChange::Restart { pack: pack.clone() };
    refused_with(subject.edge.change_certificate(&cx()?, &zone, &restart).await, Code::VersionConflict)?;
    let again = CertificateChange::Revalidate { pack, method: "txt".to_owned() };
    refused_with(subject.edge.change_certificate(&cx()?, &zone, &again).await, Code::VersionConflict)
}

async fn separate(subject: Subject) -> Verdict {
    let (one, other) = (new_zone(&subject).await?, new_zone(&subject).await?);
    new_pack(&subject, &one).await?;
    subject.edge.change_certificate(&cx()?, &one.id, &CertificateChange::Universal { enabled: false }).await?;
    let facts = subject.edge.certificates(&other.id).await?;
    ensure(facts.universal && facts.packs.is_empty(), || format!("{facts:?}"))
}

async fn purged(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    let before = begun(&subject, &zone.id, &["theirs", "storex-a"]).await?;
    subject.edge.set(&cx()?, &zone.id, EdgeSetting::Ssl, "full").await?;
    subject.edge.purge(&cx()?, &zone.id, &[zone.name.clone(), zone.name.below("www")?]).await?;
    let (after, ssl) = (listed(&subject, &zone.id).await?, subject.edge.setting(&zone.id, EdgeSetting::Ssl).await?);
    let phase = CUSTOM;
    ensure(after == before && ssl.value == "full", || format!("{phase}: before {before:?}, after {after:?}; {ssl:?}"))
}
