//! Laws of [`EdgeInsight`]: what was counted, of which host, when.

use super::{Broken, Law, Verdict, ensure, fresh};
use crate::Visits;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::sync::Arc;
use storex_core::{
    Code, DomainObject, DomainProvider, EdgeInsight, EffectCx, Epoch, HostEvents, HostTraffic, Hostname, InsightWindow, Result,
    ZoneId,
};

/// Lets visits of a zone have happened.
pub type Feed = Box<dyn Fn(&ZoneId, Visits) + Send + Sync>;

/// What a law judges: what tells, where its zones come from, and how they are visited.
pub struct InsightSubject {
    /// Makes and removes the zones.
    pub domains: Arc<dyn DomainProvider>,
    /// What is judged.
    pub insight: Arc<dyn EdgeInsight>,
    /// Lets visits have happened.
    pub feed: Feed,
}

impl fmt::Debug for InsightSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsightSubject").field("insight", &self.insight).finish_non_exhaustive()
    }
}

type Subject = Arc<InsightSubject>;

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |subject| Box::pin($judge(subject)) }
    };
}

/// Every law of the trait.
pub fn laws() -> Vec<Law<InsightSubject>> {
    vec![
        law!("EI-01", "of a zone nobody visited there is nothing to tell", nobody),
        law!("EI-02", "requests of a host are added up, with those from the cache and the errors among them", added_up),
        law!("EI-03", "a window holds its beginning and not its end", window_ends),
        law!("EI-04", "hosts are counted apart, and a host is one whatever its case", hosts_apart),
        law!("EI-05", "zones are answered in the order asked, each with its own hosts", zones_in_order),
        law!("EI-06", "more zones are answered than fit one query", many_zones),
        law!("EI-07", "security events are counted by host, action and source, and are no requests", events_apart),
        law!("EI-08", "a zone that is gone is refused", gone),
        law!("EI-09", "what may be asked is told of every zone in order, and is some time", limits),
        law!("EI-10", "asking about no zone answers nothing", no_zone),
    ]
}

fn cx() -> Result<EffectCx> {
    let mark = format!("storex/1 i=0a1b2c3d s=12345 e={}", fresh("law.")).parse()?;
    Ok(EffectCx { mark, epoch: Epoch(1), deadline: Timestamp::constant(4_000_000_000, 0) })
}

async fn new_zone(subject: &InsightSubject) -> Result<ZoneId> {
    let name: Hostname = format!("{}-shop.com", fresh("insight")).parse()?;
    Ok(subject.domains.create_zone(&cx()?, &name).await?.id)
}

const BEGIN: Timestamp = Timestamp::constant(1_767_225_600, 0);

fn minute(minute: i64) -> Timestamp {
    BEGIN + SignedDuration::from_mins(minute)
}

/// The first hour.
const HOUR: InsightWindow = InsightWindow { from: BEGIN, until: Timestamp::constant(1_767_229_200, 0) };

fn visits(host: &str, at: i64, count: u64) -> Visits {
    Visits { at: minute(at), host: host.to_owned(), status: 200, cached: false, count, bytes: count * 10, event: None }
}

async fn traffic(subject: &InsightSubject, zone: &ZoneId) -> Result<Vec<HostTraffic>, Broken> {
    let answer = subject.insight.traffic(std::slice::from_ref(zone), &HOUR).await?;
    let [only] = answer.as_slice() else { return Err(Broken(format!("one zone was asked about: {answer:?}"))) };
    ensure(only.zone == *zone, || format!("{zone} was asked about, {} answered", only.zone))?;
    let mut hosts = only.hosts.clone();
    hosts.sort_by(|one, other| one.host.cmp(&other.host));
    Ok(hosts)
}

async fn nobody(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    let hosts = traffic(&subject, &zone).await?;
    ensure(hosts.is_empty(), || format!("{hosts:?}"))
}

async fn added_up(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    for (status, cached, count) in
        [(200, true, 5), (304, true, 1), (404, false, 2), (499, false, 1), (500, false, 3), (503, false, 4)]
    {
        (subject.feed)(&zone, Visits { status, cached, ..visits("a-shop.com", 5, count) });
    }
    let wanted =
        HostTraffic { host: "a-shop.com".to_owned(), requests: 16, cached: 6, client_errors: 3, server_errors: 7, bytes: 160 };
    let hosts = traffic(&subject, &zone).await?;
    ensure(hosts == [wanted], || format!("{hosts:?}"))
}

async fn window_ends(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    for (at, count) in [(-1, 1), (0, 10), (59, 100), (60, 1_000)] {
        (subject.feed)(&zone, visits("a-shop.com", at, count));
    }
    let hosts = traffic(&subject, &zone).await?;
    ensure(hosts.iter().map(|host| host.requests).eq([110]), || format!("{hosts:?}"))
}

async fn hosts_apart(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    for (host, count) in [("a-shop.com", 1), ("www.a-shop.com", 10), ("A-Shop.com", 100)] {
        (subject.feed)(&zone, visits(host, 1, count));
    }
    let hosts = traffic(&subject, &zone).await?;
    let told: Vec<(&str, u64)> = hosts.iter().map(|host| (host.host.as_str(), host.requests)).collect();
    ensure(told == [("a-shop.com", 101), ("www.a-shop.com", 10)], || format!("{told:?}"))
}

/// Asks about `count` zones, each visited as often as its number says, from the last to the first.
async fn in_order(subject: &InsightSubject, count: u64) -> Verdict {
    let mut zones = Vec::new();
    for number in 1..=count {
        let zone = new_zone(subject).await?;
        (subject.feed)(&zone, visits("a-shop.com", 1, number));
        zones.insert(0, zone);
    }
    let answer = subject.insight.traffic(&zones, &HOUR).await?;
    let named: Vec<&ZoneId> = answer.iter().map(|insight| &insight.zone).collect();
    let counted: Vec<u64> = answer.iter().flat_map(|insight| &insight.hosts).map(|host| host.requests).collect();
    let wanted: Vec<u64> = (1..=count).rev().collect();
    ensure(named == zones.iter().collect::<Vec<_>>() && counted == wanted, || format!("zones {named:?}, counts {counted:?}"))
}

async fn zones_in_order(subject: Subject) -> Verdict {
    in_order(&subject, 3).await
}

async fn many_zones(subject: Subject) -> Verdict {
    in_order(&subject, 23).await
}

async fn events_apart(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    let event = |host: &str, action: &str, source: &str, count| Visits {
        event: Some((action.to_owned(), source.to_owned())),
        ..visits(host, 1, count)
    };
    for one in [
        event("a-shop.com", "block", "firewallCustom", 1),
        event("a-shop.com", "block", "firewallCustom", 2),
        event("a-shop.com", "block", "ratelimit", 4),
        event("a-shop.com", "managed_challenge", "ratelimit", 8),
        event("b-shop.com", "block", "ratelimit", 16),
        Visits { at: minute(60), ..event("a-shop.com", "block", "ratelimit", 32) },
    ] {
        (subject.feed)(&zone, one);
    }
    let mut told: Vec<HostEvents> = subject.insight.events(std::slice::from_ref(&zone), &HOUR).await?.remove(0).hosts;
    told.sort_by_key(|event| event.count);
    let counts: Vec<u64> = told.iter().map(|event| event.count).collect();
    let last = told.last().map(|event| (event.host.as_str(), event.action.as_str(), event.source.as_str()));
    ensure(counts == [3, 4, 8, 16] && last == Some(("b-shop.com", "block", "ratelimit")), || format!("{told:?}"))?;
    let hosts = traffic(&subject, &zone).await?;
    ensure(hosts.is_empty(), || format!("events counted as requests: {hosts:?}"))
}

async fn gone(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    subject.domains.remove(&cx()?, &DomainObject::Zone(zone.clone())).await?;
    let zones = [zone];
    let answers = [
        subject.insight.traffic(&zones, &HOUR).await.map(drop),
        subject.insight.events(&zones, &HOUR).await.map(drop),
        subject.insight.limits(&zones).await.map(drop),
    ];
    for answer in answers {
        let refused = matches!(&answer, Err(error) if error.code() == Code::CloudflareRefused && !error.is_unclear());
        ensure(refused, || format!("{answer:?}"))?;
    }
    Ok(())
}

async fn limits(subject: Subject) -> Verdict {
    let zones = [new_zone(&subject).await?, new_zone(&subject).await?];
    let told = subject.insight.limits(&zones).await?;
    let in_order = told.iter().map(|limits| &limits.zone).eq(zones.iter());
    let some = told.iter().all(|limits| !limits.oldest.is_zero() && !limits.longest.is_zero() && limits.longest <= limits.oldest);
    ensure(in_order && some, || format!("{told:?}"))
}

async fn no_zone(subject: Subject) -> Verdict {
    let told = (subject.insight.traffic(&[], &HOUR).await?, subject.insight.limits(&[]).await?);
    ensure(told.0.is_empty() && told.1.is_empty(), || format!("{told:?}"))
}
