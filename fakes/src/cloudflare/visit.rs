//! What a visitor of a hostname meets: DNS, the certificate at the edge, the custom hostname or record that leads inward, the
//! tunnel and its rule. So a test can ask whether a store would really be reachable.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::resolver::{is_below, standing};
use super::state::{CloudState, Tunnel, Zone};

/// The end of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// `served`, or where it ended: `unresolved` (no address), `elsewhere` (an address outside the edge), `unknown_host`
    /// (403 or 1016: nothing at the edge for this host), `no_certificate`, `no_connector` (530/1033), `unconfigured` (503).
    pub outcome: String,
    /// For `served`: the tunnel's service, or the address the record names.
    pub service: Option<String>,
    /// The zone whose settings apply.
    pub zone: Option<String>,
}

impl Visit {
    fn ended(outcome: &str, zone: Option<&Zone>) -> Self {
        Self { outcome: outcome.to_owned(), service: None, zone: zone.map(|zone| zone.name.clone()) }
    }
}

/// Follows a visitor of `https://host/`.
pub(super) fn visit(world: &CloudState, host: &str) -> Visit {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let addresses: Vec<_> = world.resolve(&host, "A").into_iter().filter(|record| record.kind == "A").collect();
    if addresses.is_empty() {
        return Visit::ended("unresolved", None);
    }
    if addresses.iter().all(|address| !address.proxied) {
        return Visit::ended("elsewhere", None);
    }
    let Some((zone, content, certified)) = entrance(world, &host) else {
        return Visit::ended("unknown_host", None);
    };
    if !certified {
        return Visit::ended("no_certificate", Some(zone));
    }
    let Some(id) = content.strip_suffix(".cfargotunnel.com") else {
        return Visit { service: Some(content), ..Visit::ended("served", Some(zone)) };
    };
    match world.tunnel(id).filter(|tunnel| tunnel.deleted_at.is_none() && !tunnel.connectors.is_empty()) {
        None => Visit::ended("no_connector", Some(zone)),
        Some(tunnel) => match service(tunnel, &host) {
            None => Visit::ended("unconfigured", Some(zone)),
            service => Visit { service, ..Visit::ended("served", Some(zone)) },
        },
    }
}

/// The zone, the content of the proxied record the host leads to, and whether the edge has a certificate for it. An exact
/// custom hostname goes before the zone's own record (documentation, "Certificate and hostname priority").
fn entrance<'w>(world: &'w CloudState, host: &str) -> Option<(&'w Zone, String, bool)> {
    let proxied = |zone: &'w Zone, name: &str| {
        standing(zone, name).into_iter().find(|record| record.proxied).map(|record| record.content.clone())
    };
    for zone in &world.zones {
        let hostname = zone.hostnames.iter().find(|known| known.hostname == host && known.status == "active");
        if let Some(hostname) = hostname {
            let fallback = zone.fallback.as_ref().filter(|fallback| fallback.status == "active");
            let origin = hostname.custom_origin_server.as_ref().or(fallback.map(|fallback| &fallback.origin))?;
            let certified = hostname.ssl.as_ref().is_some_and(|ssl| ssl.status == "active");
            return proxied(zone, origin).map(|content| (zone, content, certified));
        }
    }
    let zone = world.serving(host)?;
    let covers = |covered: &String| match covered.strip_prefix("*.") {
        Some(above) => host.split_once('.').is_some_and(|(_, rest)| rest == above),
        None => covered == host,
    };
    let certified = zone.packs.iter().any(|pack| pack.status == "active" && pack.hosts.iter().any(covers));
    proxied(zone, host).map(|content| (zone, content, certified))
}

/// The service of the first rule for `host` and the path `/` (cloudflared: rules in their order, first match). Rules with a
/// path are passed over unless it is the root.
fn service(tunnel: &Tunnel, host: &str) -> Option<String> {
    let rules = tunnel.configuration.as_ref()?.config.get("ingress")?.as_array()?;
    let text = |rule: &Value, key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let fits = |rule: &&Value| {
        let (name, path) = (text(rule, "hostname"), text(rule, "path"));
        let named = match name.strip_prefix("*.") {
            Some(above) => host != above && is_below(host, above),
            None => matches!(name.as_str(), "" | "*") || name == host,
        };
        named && matches!(path.as_str(), "" | "/")
    };
    rules.iter().find(fits).map(|rule| text(rule, "service"))
}
