//! Visits of zones in memory, and what an edge tells of them.

use super::MemoryDomains;
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{Code, EdgeInsight, Error, HostEvents, HostTraffic, InsightLimits, InsightWindow, Result, ZoneId, ZoneInsight};

/// Visits of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visits {
    /// When.
    pub at: Timestamp,
    /// Host as the visitors named it.
    pub host: String,
    /// Status the edge answered.
    pub status: u16,
    /// Whether the cache answered.
    pub cached: bool,
    /// How many.
    pub count: u64,
    /// Bytes sent, in all.
    pub bytes: u64,
    /// For a security event: what was done, and what did it.
    pub event: Option<(String, String)>,
}

/// The [`EdgeInsight`] without a provider, for the zones of a [`MemoryDomains`]. Clones share one world.
#[derive(Clone, Debug)]
pub struct MemoryInsight {
    domains: MemoryDomains,
    visits: Arc<Mutex<Vec<(ZoneId, Visits)>>>,
}

impl MemoryInsight {
    /// An edge nobody visited yet.
    pub fn of(domains: MemoryDomains) -> Self {
        Self { domains, visits: Arc::default() }
    }

    fn visits(&self) -> MutexGuard<'_, Vec<(ZoneId, Visits)>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets these visits have happened.
    pub fn visit(&self, zone: &ZoneId, visits: Visits) {
        self.visits().push((zone.clone(), visits));
    }

    fn check(&self, zones: &[ZoneId]) -> Result<()> {
        let known = self.domains.zones();
        match zones.iter().find(|zone| known.iter().all(|facts| facts.id != **zone)) {
            Some(zone) => Err(Error::new(Code::CloudflareRefused, format!("there is no zone {zone}"))),
            None => Ok(()),
        }
    }

    /// The visits of a zone in the window, security events or not.
    fn within(&self, zone: &ZoneId, window: &InsightWindow, events: bool) -> Vec<Visits> {
        let counts = |visits: &Visits| visits.event.is_some() == events && visits.at >= window.from && visits.at < window.until;
        self.visits().iter().filter(|(at, visits)| at == zone && counts(visits)).map(|(_, visits)| visits.clone()).collect()
    }
}

#[async_trait]
impl EdgeInsight for MemoryInsight {
    async fn limits(&self, zones: &[ZoneId]) -> Result<Vec<InsightLimits>> {
        self.check(zones)?;
        let day = Duration::from_hours(24);
        let limits = |zone: &ZoneId| InsightLimits { zone: zone.clone(), oldest: day * 8, longest: day, events: true };
        Ok(zones.iter().map(limits).collect())
    }

    async fn traffic(&self, zones: &[ZoneId], window: &InsightWindow) -> Result<Vec<ZoneInsight<HostTraffic>>> {
        self.check(zones)?;
        let traffic = |zone: &ZoneId| {
            let mut hosts: BTreeMap<String, HostTraffic> = BTreeMap::new();
            for visits in self.within(zone, window, false) {
                let name = visits.host.to_lowercase();
                let host = hosts.entry(name.clone()).or_insert_with(|| HostTraffic { host: name, ..HostTraffic::default() });
                host.requests += visits.count;
                host.bytes += visits.bytes;
                host.cached += if visits.cached { visits.count } else { 0 };
                host.client_errors += if (400..500).contains(&visits.status) { visits.count } else { 0 };
                host.server_errors += if visits.status >= 500 { visits.count } else { 0 };
            }
            ZoneInsight { zone: zone.clone(), hosts: hosts.into_values().collect() }
        };
        Ok(zones.iter().map(traffic).collect())
    }

    async fn events(&self, zones: &[ZoneId], window: &InsightWindow) -> Result<Vec<ZoneInsight<HostEvents>>> {
        self.check(zones)?;
        let events = |zone: &ZoneId| {
            let mut kinds: BTreeMap<(String, String, String), u64> = BTreeMap::new();
            for visits in self.within(zone, window, true) {
                let (action, source) = visits.event.clone().unwrap_or_default();
                *kinds.entry((visits.host.to_lowercase(), action, source)).or_default() += visits.count;
            }
            let facts = |((host, action, source), count)| HostEvents { host, action, source, count };
            ZoneInsight { zone: zone.clone(), hosts: kinds.into_iter().map(facts).collect() }
        };
        Ok(zones.iter().map(events).collect())
    }
}
