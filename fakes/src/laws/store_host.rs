//! The promises of [`StoreHost`], SH-01 to SH-29; those about drift, SH-30 to SH-37, are [`DRIFT`].
//!
//! A subject needs free ports, a router that answers 421 for unknown names, and stores that answer 200 on `/health`. Host names end in
//! `storex.com` and `laws-shop.com`; nothing resolves them.

mod drift;
mod subject;

pub use drift::{DRIFT, Hand, WithHand};

use super::{Broken, Law, Verdict, ensure};
use futures::future::try_join_all;
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use storex_core::{Code, EffectCx, Epoch, Error, Part, StoreHost, StoreId};
use subject::{Subject, equal, refused};

type Host = Arc<dyn StoreHost>;

macro_rules! laws {
    ($($id:literal $judge:ident $sentence:literal;)*) => {
        /// Every law of the trait.
        pub const LAWS: &[Law<dyn StoreHost>] = &[$(Law { id: $id, sentence: $sentence, judge: |host| Box::pin($judge(host)) },)*];
    };
}

laws! {
    "SH-01" applied_is_found "An applied part is found with the facts its apply answered.";
    "SH-02" unknown_is_none "A store the host was never told of is not found and not listed.";
    "SH-03" repeated_mark "A repeated apply with a finished mark answers the same and does nothing.";
    "SH-04" stale_apply "An apply with a lower epoch is refused and changes nothing.";
    "SH-05" stale_withdraw "A withdraw with a lower epoch is refused and removes nothing.";
    "SH-06" newer_epoch "An equal or higher epoch is accepted, and the highest is reported.";
    "SH-07" withdraw_absent "Withdrawing what is absent succeeds, once and again.";
    "SH-08" all_withdrawn "A store whose parts are all withdrawn is not found and not listed.";
    "SH-09" fence_outlives_parts "A lower epoch stays refused after everything was withdrawn.";
    "SH-10" equal_shares "Equal shares of a package have equal digests, whatever else changes.";
    "SH-11" different_shares "Different shares of a package have different digests.";
    "SH-12" ordered_list "The list holds every store by ascending id.";
    "SH-13" used_port_is_not_free "The port of a deployed process is not free, and is free again once it is withdrawn.";
    "SH-14" free_ports_ascend "Free ports are ascending, distinct and at most 1,000.";
    "SH-15" both_names_serve "With process and route, the store answers 200 under each of its names.";
    "SH-16" unknown_name_is_misdirected "A name that is routed nowhere gets 421.";
    "SH-17" withdrawn_route_is_gone "A withdrawn route serves nothing once its withdraw answered.";
    "SH-18" names_are_exclusive "A name routed to one store is refused to another and keeps its store.";
    "SH-19" ports_are_exclusive "A port of one store is refused to another's process.";
    "SH-20" parts_are_separate "Withdrawing one part leaves the others.";
    "SH-21" undone_stays_undone "An apply that arrives after its own step was undone is refused and makes nothing.";
    "SH-22" passed_deadline "A call whose deadline has passed is refused and does nothing.";
    "SH-23" repeated_withdraw "A repeated withdraw with a finished mark does not remove what was applied since.";
    "SH-24" newest_mark "An apply of a part that stands leaves its own mark on it.";
    "SH-25" log_is_bounded "The log tail holds at most the lines asked for, and none of an unknown store.";
    "SH-26" stores_at_once "Stores applied at the same time all stand and all serve.";
    "SH-27" process_needs_files "A process without files and environment is refused.";
    "SH-28" routes_lead_home "A route to another store's port is refused.";
    "SH-29" process_matches_environment "A process is refused whose package has another environment than the one that stands.";
    "SH-38" undone_by_apply_stays_undone "An apply that arrives after its own step was undone by applying the former value is refused and changes nothing.";
}

async fn applied_is_found(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    let answer = store.apply(1, Part::Files).await?;
    equal("mark", &answer.mark, &store.cx(1, 1, false)?.mark)?;
    let found = store.found().await?.ok_or_else(|| Broken("an applied store is not found".to_owned()))?;
    equal("store", &found.store_id, store.id())?;
    equal("parts", &found.parts.keys().copied().collect(), &vec![Part::Files])?;
    equal("facts", &found.parts.get(&Part::Files), &Some(&answer))?;
    Ok(store.clear().await?)
}

async fn unknown_is_none(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    equal("found", &store.found().await?, &None)?;
    ensure(!host.list().await?.iter().any(|one| one.store_id == *store.id()), || "an unknown store is listed".to_owned())
}

async fn repeated_mark(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    let first = store.apply(1, Part::Environment).await?;
    let later = store.apply(2, Part::Environment).await?;
    equal("answer", &store.apply(1, Part::Environment).await?, &first)?;
    equal("standing part", &store.part(Part::Environment).await?, &Some(later))?;
    Ok(store.clear().await?)
}

async fn stale_apply(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    host.apply(&store.cx(7, 1, false)?, &store.package, Part::Files).await?;
    refused(host.apply(&store.cx(6, 2, false)?, &store.package, Part::Environment).await, Code::StaleEpoch)?;
    equal("environment", &store.part(Part::Environment).await?, &None)?;
    Ok(store.clear().await?)
}

async fn stale_withdraw(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    let answer = host.apply(&store.cx(7, 1, false)?, &store.package, Part::Files).await?;
    refused(host.withdraw(&store.cx(6, 2, false)?, store.id(), Part::Files).await, Code::StaleEpoch)?;
    equal("files", &store.part(Part::Files).await?, &Some(answer))?;
    Ok(store.clear().await?)
}

async fn newer_epoch(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    for (step, epoch) in [(1, 3), (2, 3), (3, 9)] {
        host.apply(&store.cx(epoch, step, false)?, &store.package, Part::Files).await?;
        equal("epoch", &store.found().await?.map(|found| found.epoch), &Some(Epoch(epoch)))?;
    }
    Ok(store.clear().await?)
}

async fn withdraw_absent(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    for (step, part) in (1..).zip(Part::ALL) {
        store.withdraw(step, part).await?;
        store.withdraw(step, part).await?;
    }
    equal("found", &store.found().await?, &None)
}

async fn all_withdrawn(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    store.apply_all().await?;
    store.clear().await?;
    equal("found", &store.found().await?, &None)?;
    ensure(!host.list().await?.iter().any(|one| one.store_id == *store.id()), || "a withdrawn store is listed".to_owned())
}

async fn fence_outlives_parts(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    store.apply(1, Part::Files).await?;
    store.clear().await?;
    refused(host.apply(&store.cx(999, 2, false)?, &store.package, Part::Files).await, Code::StaleEpoch)?;
    equal("found", &store.found().await?, &None)
}

async fn equal_shares(host: Host) -> Verdict {
    let mut store = Subject::new(&host).await?;
    let first = store.apply(1, Part::Files).await?;
    store.package.environment.insert("STORE_NAME".to_owned(), json!("Another name"));
    equal("digest", &store.apply(2, Part::Files).await?.digest, &first.digest)?;
    Ok(store.clear().await?)
}

async fn different_shares(host: Host) -> Verdict {
    let mut store = Subject::new(&host).await?;
    let first = store.apply(1, Part::Environment).await?;
    store.package.environment.insert("STORE_NAME".to_owned(), json!("Another name"));
    let second = store.apply(2, Part::Environment).await?;
    ensure(first.digest != second.digest, || "another environment has the same digest".to_owned())?;
    equal("standing digest", &store.part(Part::Environment).await?.map(|part| part.digest), &Some(second.digest))?;
    Ok(store.clear().await?)
}

async fn ordered_list(host: Host) -> Verdict {
    let stores = [Subject::new(&host).await?, Subject::new(&host).await?, Subject::new(&host).await?];
    for store in stores.iter().rev() {
        store.apply(1, Part::Files).await?;
    }
    let listed: Vec<StoreId> = host.list().await?.into_iter().map(|found| found.store_id).collect();
    ensure(listed.is_sorted(), || format!("{listed:?} is not in order"))?;
    for store in &stores {
        ensure(listed.contains(store.id()), || format!("{} is missing", store.id()))?;
        store.clear().await?;
    }
    Ok(())
}

async fn used_port_is_not_free(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    let port = host.facts().await?.free_ports.first().copied();
    store.apply_all().await?;
    let free = host.facts().await?.free_ports;
    ensure(!port.is_some_and(|port| free.contains(&port)), || format!("{port:?} is in use and said to be free"))?;
    store.clear().await?;
    equal("lowest free port", &host.facts().await?.free_ports.first().copied(), &port)
}

async fn free_ports_ascend(host: Host) -> Verdict {
    let free = host.facts().await?.free_ports;
    ensure(!free.is_empty() && free.len() <= 1000, || format!("{} free ports", free.len()))?;
    ensure(free.is_sorted_by(|one, next| one < next), || format!("{free:?} does not ascend"))
}

async fn both_names_serve(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    store.apply_all().await?;
    for key in ["INTERNAL_DOMAIN", "DOMAIN"] {
        let visit = host.visit(&store.name(key)?, "/health").await?;
        equal("status", &visit.status, &200)?;
        ensure(visit.body.contains(&store.id().to_string()), || format!("another store answered: {}", visit.body))?;
    }
    Ok(store.clear().await?)
}

async fn unknown_name_is_misdirected(host: Host) -> Verdict {
    equal("status", &Subject::new(&host).await?.status("DOMAIN").await?, &421)
}

async fn withdrawn_route_is_gone(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    store.apply_all().await?;
    equal("status before", &store.status("INTERNAL_DOMAIN").await?, &200)?;
    store.withdraw(5, Part::Route).await?;
    for key in ["INTERNAL_DOMAIN", "DOMAIN"] {
        equal("status after", &store.status(key).await?, &421)?;
    }
    Ok(store.clear().await?)
}

async fn names_are_exclusive(host: Host) -> Verdict {
    let (owner, mut other) = (Subject::new(&host).await?, Subject::nth(&host, 1).await?);
    owner.apply_all().await?;
    other.package.environment.insert("DOMAIN".to_owned(), json!(owner.name("DOMAIN")?));
    refused(other.apply(1, Part::Route).await, Code::DomainTaken)?;
    equal("route of the other", &other.part(Part::Route).await?, &None)?;
    let visit = host.visit(&owner.name("DOMAIN")?, "/health").await?;
    ensure(visit.body.contains(&owner.id().to_string()), || format!("another store answered: {}", visit.body))?;
    owner.clear().await?;
    Ok(other.clear().await?)
}

async fn ports_are_exclusive(host: Host) -> Verdict {
    let (owner, mut other) = (Subject::new(&host).await?, Subject::nth(&host, 1).await?);
    owner.apply_all().await?;
    let port = owner.package.environment.get("PORT").cloned().unwrap_or_default();
    other.package.environment.insert("PORT".to_owned(), port);
    other.apply(1, Part::Files).await?;
    // Whether the port is refused with the environment already or only with the process is the host's choice.
    let outcome = match other.apply(2, Part::Environment).await {
        Ok(_) => other.apply(3, Part::Process).await,
        refused => refused,
    };
    refused(outcome, Code::PortBusy)?;
    equal("process of the other", &other.part(Part::Process).await?, &None)?;
    equal("status of the owner", &owner.status("DOMAIN").await?, &200)?;
    owner.clear().await?;
    Ok(other.clear().await?)
}

async fn parts_are_separate(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    store.apply_all().await?;
    store.withdraw(5, Part::Process).await?;
    let parts: Vec<Part> = store.found().await?.map(|found| found.parts.into_keys().collect()).unwrap_or_default();
    equal("parts", &parts, &vec![Part::Files, Part::Environment, Part::Route])?;
    equal("status without a process", &store.status("DOMAIN").await?, &502)?;
    Ok(store.clear().await?)
}

async fn undone_stays_undone(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    host.withdraw(&store.cx(1, 1, true)?, store.id(), Part::Files).await?;
    refused(store.apply(1, Part::Files).await, Code::StaleEpoch)?;
    equal("found", &store.found().await?, &None)?;
    store.apply(2, Part::Files).await?;
    Ok(store.clear().await?)
}

async fn undone_by_apply_stays_undone(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    store.apply(1, Part::Environment).await?;
    let before = host.apply(&store.cx(1, 2, true)?, &store.package, Part::Environment).await?;
    let mut package = store.package.clone();
    package.environment.insert("STORE_NAME".to_owned(), "another".into());
    refused(host.apply(&store.cx(1, 2, false)?, &package, Part::Environment).await, Code::StaleEpoch)?;
    equal("environment", &store.part(Part::Environment).await?.map(|part| part.digest), &Some(before.digest))?;
    Ok(store.clear().await?)
}

async fn passed_deadline(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    let late = |step| Ok::<_, Error>(EffectCx { deadline: Timestamp::UNIX_EPOCH, ..store.cx(1, step, false)? });
    refused(host.apply(&late(1)?, &store.package, Part::Files).await, Code::Timeout)?;
    equal("found", &store.found().await?, &None)?;
    let answer = store.apply(2, Part::Files).await?;
    refused(host.withdraw(&late(3)?, store.id(), Part::Files).await, Code::Timeout)?;
    equal("files", &store.part(Part::Files).await?, &Some(answer))?;
    Ok(store.clear().await?)
}

async fn repeated_withdraw(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    store.apply(1, Part::Files).await?;
    store.withdraw(2, Part::Files).await?;
    let answer = store.apply(3, Part::Files).await?;
    store.withdraw(2, Part::Files).await?;
    equal("files", &store.part(Part::Files).await?, &Some(answer))?;
    Ok(store.clear().await?)
}

async fn newest_mark(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    store.apply(1, Part::Files).await?;
    let second = store.apply(2, Part::Files).await?;
    equal("answered mark", &second.mark, &store.cx(1, 2, false)?.mark)?;
    equal("standing mark", &store.part(Part::Files).await?.map(|part| part.mark), &Some(second.mark))?;
    Ok(store.clear().await?)
}

async fn log_is_bounded(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    equal("log of an unknown store", &host.log_tail(store.id(), 5).await?, &Vec::new())?;
    store.apply_all().await?;
    for lines in [0, 1, 5] {
        let tail = host.log_tail(store.id(), lines).await?;
        ensure(tail.len() <= lines, || format!("{} lines instead of at most {lines}", tail.len()))?;
    }
    Ok(store.clear().await?)
}

async fn stores_at_once(host: Host) -> Verdict {
    let mut stores = Vec::new();
    for nth in 0..6 {
        stores.push(Subject::nth(&host, nth).await?);
    }
    try_join_all(stores.iter().map(Subject::apply_all)).await?;
    for store in &stores {
        equal("parts", &store.found().await?.map(|found| found.parts.len()), &Some(Part::ALL.len()))?;
        equal("status", &store.status("DOMAIN").await?, &200)?;
    }
    try_join_all(stores.iter().map(Subject::clear)).await?;
    for store in &stores {
        equal("found", &store.found().await?, &None)?;
    }
    Ok(())
}

async fn process_needs_files(host: Host) -> Verdict {
    let store = Subject::new(&host).await?;
    refused(store.apply(1, Part::Process).await, Code::Unusable)?;
    equal("found", &store.found().await?, &None)?;
    Ok(store.clear().await?)
}

async fn routes_lead_home(host: Host) -> Verdict {
    let (owner, mut other) = (Subject::new(&host).await?, Subject::nth(&host, 1).await?);
    owner.apply_all().await?;
    let port = owner.package.environment.get("PORT").cloned().unwrap_or_default();
    other.package.environment.insert("PORT".to_owned(), port);
    refused(other.apply(1, Part::Route).await, Code::PortBusy)?;
    equal("status of the other", &other.status("DOMAIN").await?, &421)?;
    owner.clear().await?;
    Ok(other.clear().await?)
}

async fn process_matches_environment(host: Host) -> Verdict {
    let mut store = Subject::new(&host).await?;
    store.apply(1, Part::Files).await?;
    store.apply(2, Part::Environment).await?;
    store.package.environment.insert("STORE_NAME".to_owned(), json!("Another name"));
    refused(store.apply(3, Part::Process).await, Code::Unusable)?;
    equal("process", &store.part(Part::Process).await?, &None)?;
    Ok(store.clear().await?)
}
