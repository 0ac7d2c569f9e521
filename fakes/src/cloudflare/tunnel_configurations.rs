//! A tunnel's remotely managed configuration: one whole document, the last writer wins, no condition on the version.

use serde_json::{Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::ingress;
use super::state::{Configuration, Tunnel};
use super::tunnels;

/// Versions whose time is remembered, for connectors that lag behind.
const REMEMBERED: usize = 32;

/// `GET /accounts/{account}/cfd_tunnel/{tunnel}/configurations`: version 0 and no document before the first PUT (that
/// shape is not confirmed).
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    let account = exchange.state.account.id.clone();
    Ok(Success::of(render(tunnels::live(exchange)?, &account)))
}

/// `PUT /accounts/{account}/cfd_tunnel/{tunnel}/configurations`: validated as cloudflared would, unknown keys kept, the
/// version raised even when nothing changed. The stored document shows `warp-routing` switched off when the caller said
/// nothing about it, as the documents Cloudflare pushes to connectors do.
pub(super) fn put(exchange: &mut Exchange<'_>) -> Outcome {
    let (now, code) = (exchange.now, exchange.limits.codes.bad_configuration);
    let account = exchange.state.account.id.clone();
    let body = exchange.body()?;
    let tunnel = tunnels::live(exchange)?;
    let mut config = match body.get("config") {
        Some(Value::Object(config)) => config.clone(),
        _ => return Err(refused(code, "config is not an object")),
    };
    ingress::validate(&config).map_err(|reason| refused(code, &reason))?;
    config.entry("warp-routing").or_insert_with(|| json!({"enabled": false}));
    let version = tunnel.configuration.as_ref().map_or(0, |configuration| configuration.version) + 1;
    tunnel.configuration = Some(Configuration { version, config: Value::Object(config), created_at: now });
    tunnel.put_times.push((version, now));
    if tunnel.put_times.len() > REMEMBERED {
        tunnel.put_times.remove(0);
    }
    Ok(Success::of(render(tunnel, &account)))
}

fn refused(code: i64, reason: &str) -> Refusal {
    Refusal::new(400, code, format!("Bad Configuration: {reason}"))
}

fn render(tunnel: &Tunnel, account: &str) -> Value {
    let configuration = tunnel.configuration.as_ref();
    json!({
        "tunnel_id": tunnel.id,
        "account_id": account,
        "version": configuration.map_or(0, |configuration| configuration.version),
        "config": configuration.map(|configuration| &configuration.config),
        "source": tunnel.config_src,
        "created_at": configuration.map_or(tunnel.created_at, |configuration| configuration.created_at),
    })
}
