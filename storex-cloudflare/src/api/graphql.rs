//! The GraphQL Analytics API. Source of nodes and fields: Cloudflare docs, "GraphQL Analytics API": Datasets, Settings node, Limits.

use crate::budget::Quota;
use crate::endpoint::Endpoint;
use crate::wire::{WireEvents, WireGraphql, WireTraffic};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use storex_core::{InsightWindow, ZoneId};

/// Groups one node answers at most.
pub(crate) const GROUPS: usize = 10_000;

/// What may be asked, by plan.
pub(crate) const LIMITS: &str = "query Limits($zones: [string!]) { viewer { zones(filter: {zoneTag_in: $zones}) { zoneTag settings { \
     httpRequestsAdaptiveGroups { enabled maxDuration notOlderThan maxPageSize } \
     firewallEventsAdaptiveGroups { enabled maxDuration notOlderThan maxPageSize } } } } }";

/// Requests of visitors by host, status and cache status.
pub(crate) const TRAFFIC: &str = "query Traffic($zones: [string!], $from: Time!, $until: Time!) { viewer { zones(filter: {zoneTag_in: $zones}) { zoneTag \
     httpRequestsAdaptiveGroups(limit: 10000, filter: {datetime_geq: $from, datetime_lt: $until, requestSource: \"eyeball\"}) { \
     count sum { edgeResponseBytes } dimensions { clientRequestHTTPHost edgeResponseStatus cacheStatus } } } } }";

/// Security events by host, action and source.
pub(crate) const EVENTS: &str = "query Events($zones: [string!], $from: Time!, $until: Time!) { viewer { zones(filter: {zoneTag_in: $zones}) { zoneTag \
     firewallEventsAdaptiveGroups(limit: 10000, filter: {datetime_geq: $from, datetime_lt: $until}) { \
     count dimensions { clientRequestHTTPHost action source } } } } }";

/// A zone's node in the answer to [`TRAFFIC`].
#[derive(Debug, Deserialize)]
pub(crate) struct TrafficNode {
    /// One for each host, status and cache status.
    #[serde(rename = "httpRequestsAdaptiveGroups")]
    pub(crate) groups: Vec<WireTraffic>,
}

/// A zone's node in the answer to [`EVENTS`].
#[derive(Debug, Deserialize)]
pub(crate) struct EventsNode {
    /// One for each host, action and source.
    #[serde(rename = "firewallEventsAdaptiveGroups")]
    pub(crate) groups: Vec<WireEvents>,
}

/// Asks about zones. It changes nothing, so it is repeated like any read though it is a POST.
pub(crate) fn query(query: &str, zones: &[ZoneId], window: Option<&InsightWindow>) -> Endpoint<WireGraphql> {
    let mut variables = json!({ "zones": zones });
    if let (Some(window), Some(variables)) = (window, variables.as_object_mut()) {
        variables.insert("from".to_owned(), json!(window.from));
        variables.insert("until".to_owned(), json!(window.until));
    }
    Endpoint::new(Method::POST, "/graphql", &[]).body(json!({"query": query, "variables": variables})).quota(Quota::Analytics)
}
