//! What the edge counted, by the GraphQL Analytics API.

use crate::account::CloudflareAccount;
use crate::api::graphql;
use crate::wire::{WireEvents, WireGraphql, WireInsightLimits, WireTraffic, WireZones};
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::{Code, EdgeInsight, Error, HostEvents, HostTraffic, InsightLimits, InsightWindow, Result, ZoneId, ZoneInsight};

/// Zones one query may name (docs, "GraphQL Analytics API: limits").
const ZONES_PER_QUERY: usize = 10;

/// The [`EdgeInsight`] over the GraphQL Analytics API.
///
/// One query for each ten zones, within a limit of its own: 270 in five minutes of the 300 Cloudflare allows. A query that is over it waits like any call.
#[derive(Clone, Debug)]
pub struct CloudflareInsight {
    account: CloudflareAccount,
}

impl CloudflareInsight {
    /// Zones of this account.
    pub fn new(account: CloudflareAccount) -> Self {
        Self { account }
    }

    /// Asks about the zones, ten at a time; answers one node for each, in the order asked.
    async fn ask<T: DeserializeOwned>(
        &self,
        query: &str,
        zones: &[ZoneId],
        window: Option<&InsightWindow>,
    ) -> Result<Vec<(ZoneId, T)>> {
        let mut nodes = Vec::with_capacity(zones.len());
        for zones in zones.chunks(ZONES_PER_QUERY) {
            let answer: WireGraphql = self.account.client().read(&graphql::query(query, zones, window), None).await?.result;
            let mut answered = by_zone(answer.data()?)?;
            for zone in zones {
                let node = answered.remove(zone.as_str()).ok_or_else(|| answer_of_another("Cloudflare left a zone out"))?;
                let node = serde_json::from_value(node).map_err(|_| answer_of_another("the analytics have another shape"))?;
                nodes.push((zone.clone(), node));
            }
        }
        Ok(nodes)
    }
}

fn answer_of_another(why: &str) -> Error {
    Error::new(Code::CloudflareAnswer, why)
}

/// The node of each zone, by the zone's tag.
fn by_zone(data: WireZones) -> Result<BTreeMap<String, Value>> {
    let tag = |node: Value| {
        let tag = node.get("zoneTag").and_then(Value::as_str).map(str::to_owned);
        tag.map(|tag| (tag, node)).ok_or_else(|| answer_of_another("the analytics name no zone"))
    };
    data.zones().into_iter().map(tag).collect()
}

/// A node with as many groups as are answered at most was cut short.
fn whole<T>(groups: Vec<T>) -> Result<Vec<T>> {
    if groups.len() < graphql::GROUPS {
        return Ok(groups);
    }
    Err(answer_of_another("the analytics were cut short; ask about a shorter time"))
}

fn traffic(groups: Vec<WireTraffic>) -> Vec<HostTraffic> {
    let mut hosts: BTreeMap<String, HostTraffic> = BTreeMap::new();
    for group in groups {
        let name = group.host();
        let host = hosts.entry(name.clone()).or_insert_with(|| HostTraffic { host: name, ..HostTraffic::default() });
        host.requests += group.count;
        host.bytes += group.bytes();
        host.cached += if group.is_cached() { group.count } else { 0 };
        match group.status() {
            400..=499 => host.client_errors += group.count,
            500.. => host.server_errors += group.count,
            _ => {}
        }
    }
    hosts.into_values().collect()
}

#[async_trait]
impl EdgeInsight for CloudflareInsight {
    async fn limits(&self, zones: &[ZoneId]) -> Result<Vec<InsightLimits>> {
        let nodes = self.ask::<WireInsightLimits>(graphql::LIMITS, zones, None).await;
        let limits = |(zone, node): (ZoneId, WireInsightLimits)| {
            let (requests, events) = node.nodes();
            InsightLimits {
                zone,
                oldest: Duration::from_secs(requests.not_older_than),
                longest: Duration::from_secs(requests.max_duration),
                events: events.enabled,
            }
        };
        nodes.map(|nodes| nodes.into_iter().map(limits).collect()).map_err(|error| error.during("insight.limits"))
    }

    async fn traffic(&self, zones: &[ZoneId], window: &InsightWindow) -> Result<Vec<ZoneInsight<HostTraffic>>> {
        let nodes = self.ask::<graphql::TrafficNode>(graphql::TRAFFIC, zones, Some(window)).await;
        let read = |(zone, node): (ZoneId, graphql::TrafficNode)| Ok(ZoneInsight { zone, hosts: traffic(whole(node.groups)?) });
        nodes.and_then(|nodes| nodes.into_iter().map(read).collect()).map_err(|error: Error| error.during("insight.traffic"))
    }

    async fn events(&self, zones: &[ZoneId], window: &InsightWindow) -> Result<Vec<ZoneInsight<HostEvents>>> {
        let nodes = self.ask::<graphql::EventsNode>(graphql::EVENTS, zones, Some(window)).await;
        let read = |(zone, node): (ZoneId, graphql::EventsNode)| {
            let hosts = whole(node.groups)?.into_iter().map(WireEvents::facts).collect();
            Ok(ZoneInsight { zone, hosts })
        };
        nodes.and_then(|nodes| nodes.into_iter().map(read).collect()).map_err(|error: Error| error.during("insight.events"))
    }
}
