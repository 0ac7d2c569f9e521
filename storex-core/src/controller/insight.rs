//! What the edge counted for one store.

use super::Controller;
use crate::record::{DomainRecord, decode};
use crate::{
    Code, EdgeInsight, Error, HostEvents, HostTraffic, Hostname, InsightLimits, InsightWindow, Result, StoreId, Table, ZoneId,
    ZoneInsight,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// What the edge counted for a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InsightView {
    /// `success`.
    pub status: String,
    /// Beginning of the time that was counted.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Requests of each of the store's hosts; hosts nobody visited are there with zeros.
    pub hosts: Vec<HostTraffic>,
    /// Security events of the store's hosts.
    pub security_events: Vec<HostEvents>,
}

impl Controller {
    /// What the edge counted for the store in the last `length`, as far back and as long as the zone's plan tells. Three queries: what may be asked, requests, security
    /// events.
    ///
    /// # Errors
    /// `not_found`; `unsupported` without edge insight; what the edge answers.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn store_insight(&self, id: &StoreId, length: Duration) -> Result<InsightView> {
        let (store, _) = self.store(id).await?;
        let insight = self.providers().insight.clone();
        let insight: Arc<dyn EdgeInsight> =
            insight.ok_or_else(|| Error::new(Code::Unsupported, "this controller has no edge insight"))?;
        let mut hosts = vec![(self.platform().await?.primary_zone.id, store.domains.system.clone())];
        if let Some(custom) = &store.domains.custom {
            let row = self.providers().repo.get(Table::Domains, custom.as_str()).await?;
            let zone = row.as_ref().map(decode::<DomainRecord>).transpose()?.and_then(|record| record.zone);
            // A name without a zone of its own is served by the primary one.
            let zone = zone.or_else(|| hosts.first().map(|(zone, _)| zone.clone()));
            hosts.extend(zone.map(|zone| (zone, custom.clone())));
        }
        let mut zones: Vec<ZoneId> = hosts.iter().map(|(zone, _)| zone.clone()).collect();
        zones.dedup();
        let limits = insight.limits(&zones).await?;
        let window = window(self.providers().clock.now(), length, &limits);
        let traffic = of_hosts(insight.traffic(&zones, &window).await?, &hosts, |traffic| &traffic.host);
        let named = |name: &Hostname| {
            let counted = traffic.iter().find(|traffic| traffic.host == name.as_str()).cloned();
            counted.unwrap_or_else(|| HostTraffic { host: name.to_string(), ..HostTraffic::default() })
        };
        let told: Vec<ZoneId> = limits.into_iter().filter(|limits| limits.events).map(|limits| limits.zone).collect();
        let events = if told.is_empty() { Vec::new() } else { insight.events(&told, &window).await? };
        Ok(InsightView {
            status: "success".to_owned(),
            from: window.from,
            until: window.until,
            hosts: hosts.iter().map(|(_, name)| named(name)).collect(),
            security_events: of_hosts(events, &hosts, |event| &event.host),
        })
    }
}

/// The last `length` until now, shortened to what every zone may be asked about.
fn window(now: Timestamp, length: Duration, limits: &[InsightLimits]) -> InsightWindow {
    let allowed = limits.iter().map(|limits| limits.longest.min(limits.oldest)).min().unwrap_or(length);
    let length = SignedDuration::try_from(length.min(allowed)).unwrap_or(SignedDuration::MAX);
    InsightWindow { from: now.checked_sub(length).unwrap_or(Timestamp::MIN), until: now }
}

/// What was counted for these hosts, each in its own zone: on a shared zone others' hosts are left out.
fn of_hosts<T>(answer: Vec<ZoneInsight<T>>, hosts: &[(ZoneId, Hostname)], host: impl Fn(&T) -> &str) -> Vec<T> {
    let mut found = Vec::new();
    for insight in answer {
        let ours = |one: &T| hosts.iter().any(|(zone, name)| *zone == insight.zone && name.as_str() == host(one));
        found.extend(insight.hosts.into_iter().filter(ours));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_as_long_as_every_zone_may_be_asked_about() {
        let limits = |oldest: u64, longest: u64| InsightLimits {
            zone: "z".parse().unwrap(),
            oldest: Duration::from_secs(oldest),
            longest: Duration::from_secs(longest),
            events: true,
        };
        let now = Timestamp::from_second(1_000_000).unwrap();
        let length = |asked: u64, limits: &[InsightLimits]| {
            let window = window(now, Duration::from_secs(asked), limits);
            (window.until == now).then(|| now.duration_since(window.from).as_secs())
        };
        assert_eq!(length(3_600, &[limits(86_400, 7_200)]), Some(3_600));
        assert_eq!(length(86_400, &[limits(604_800, 86_400), limits(604_800, 7_200)]), Some(7_200));
        assert_eq!(length(86_400, &[limits(600, 86_400)]), Some(600));
    }

    #[test]
    fn on_a_shared_zone_others_hosts_are_left_out() {
        let zone: ZoneId = "z".parse().unwrap();
        let hosts = [(zone.clone(), "a.storex.com".parse().unwrap())];
        let told = ["a.storex.com", "b.storex.com"].map(|host| HostTraffic { host: host.to_owned(), ..HostTraffic::default() });
        let found = of_hosts(vec![ZoneInsight { zone, hosts: told.to_vec() }], &hosts, |traffic| &traffic.host);
        assert_eq!(found, told[..1]);
    }
}
