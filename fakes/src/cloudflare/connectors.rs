//! Connectors: running cloudflared processes as Cloudflare sees them. None exists until one is attached from outside;
//! then `config_version` tells which configuration it serves.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::identity::Identifiers;
use super::state::{Connector, Tunnel};
use super::timings::Timings;
use super::tunnels;
use super::zone_life::later;

/// Edge connections each cloudflared opens (`ha-connections`).
pub(super) const CONNECTIONS: usize = 4;

/// `GET /accounts/{account}/cfd_tunnel/{tunnel}/connections`: one entry per connector, a single page.
pub(super) fn list(exchange: &mut Exchange<'_>) -> Outcome {
    let (timings, now) = (exchange.limits.timings, exchange.now);
    let tunnel = tunnels::live(exchange)?;
    let version = applied(tunnel, &timings, now);
    Ok(Success::of(tunnel.connectors.iter().map(|connector| render(connector, version)).collect()))
}

/// `GET /accounts/{account}/cfd_tunnel/{tunnel}/connectors/{connector}`: 404 for one that is not there (code not confirmed).
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    let (timings, now, id) = (exchange.limits.timings, exchange.now, exchange.param("connector").to_owned());
    let tunnel = tunnels::live(exchange)?;
    let connector = tunnel.connectors.iter().find(|known| known.id == id);
    let connector = connector.ok_or_else(|| Refusal::new(404, 1003, "Connector not found"))?;
    Ok(Success::of(render(connector, applied(tunnel, &timings, now))))
}

/// The version a connector serves by now: the latest that was put longer ago than connectors lag behind.
pub(super) fn applied(tunnel: &Tunnel, timings: &Timings, now: Timestamp) -> u64 {
    let newest = tunnel.configuration.as_ref().map_or(0, |configuration| configuration.version);
    if timings.connector_lag_s == 0 {
        return newest;
    }
    let reached = tunnel.put_times.iter().rev().find(|(_, put)| later(*put, timings.connector_lag_s) <= now);
    reached.map_or(0, |(version, _)| *version)
}

/// `DELETE /accounts/{account}/cfd_tunnel/{tunnel}/connections`: of one connector with `client_id`, else of all. A real
/// connector reconnects; a simulated one is gone.
pub(super) fn drop_connections(exchange: &mut Exchange<'_>) -> Outcome {
    let (now, client) = (exchange.now, exchange.query.get("client_id"));
    detach(tunnels::live(exchange)?, client, now);
    Ok(Success::of(json!({})))
}

/// Attaches a connector that serves the newest configuration; returns its id.
pub(super) fn attach(tunnel: &mut Tunnel, identifiers: &mut Identifiers, now: Timestamp) -> String {
    let id = identifiers.next_uuid("connector");
    let connections = (0..CONNECTIONS).map(|_| identifiers.next_uuid("connection")).collect();
    tunnel.connectors.push(Connector { id: id.clone(), connections, run_at: now, stuck_at: None });
    tunnel.conns_active_at = Some(now);
    tunnel.conns_inactive_at = None;
    id
}

/// Detaches one connector or all.
pub(super) fn detach(tunnel: &mut Tunnel, client: Option<&str>, now: Timestamp) {
    let before = tunnel.connectors.len();
    tunnel.connectors.retain(|connector| client.is_some_and(|id| connector.id != id));
    if before > 0 && tunnel.connectors.is_empty() {
        tunnel.conns_inactive_at = Some(now);
    }
}

fn render(connector: &Connector, version: u64) -> Value {
    let connection = |id: &String| {
        json!({
            "id": id,
            "uuid": id,
            "client_id": connector.id,
            "client_version": "2026.8.0",
            "colo_name": "sim01",
            "origin_ip": "192.0.2.1",
            "opened_at": connector.run_at,
            "is_pending_reconnect": false,
        })
    };
    json!({
        "id": connector.id,
        "version": "2026.8.0",
        "arch": "linux_amd64",
        "features": ["ha-origin"],
        "run_at": connector.run_at,
        "config_version": connector.stuck_at.unwrap_or(version),
        "conns": connector.connections.iter().map(connection).collect::<Vec<_>>(),
    })
}
