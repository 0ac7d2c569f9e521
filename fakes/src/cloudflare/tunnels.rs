//! Cloudflare Tunnels: list, create, get, delete, and the token a connector runs with.

use serde_json::{Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::{Exchange, forbidden};
use super::identity::is_uuid;
use super::paging::{PageSizes, Query, page};
use super::state::{Account, Tunnel};
use super::{base64, connectors};

const PAGES: PageSizes = PageSizes { default: 20, least: 1, most: 1000 };
const SECRET_BYTES: usize = 32;

/// `GET /accounts/{account}/cfd_tunnel`. Without `is_deleted=false` the deleted tunnels are listed too.
pub(super) fn list(exchange: &mut Exchange<'_>) -> Outcome {
    check_account(exchange)?;
    let (state, query) = (&*exchange.state, exchange.query);
    let tunnels: Vec<&Tunnel> = state.tunnels.iter().filter(|tunnel| wanted(tunnel, query)).collect();
    let (tunnels, place) = page(tunnels, query, PAGES);
    Ok(Success::list(tunnels.into_iter().map(|tunnel| render(tunnel, &state.account)).collect(), place))
}

fn wanted(tunnel: &Tunnel, query: &Query) -> bool {
    query.pairs().all(|(key, value)| match key {
        "is_deleted" => value == tunnel.deleted_at.is_some().to_string(),
        "name" => tunnel.name == value,
        "uuid" => tunnel.id == value,
        "status" => status(tunnel) == value,
        "include_prefix" => tunnel.name.starts_with(value),
        "exclude_prefix" => !tunnel.name.starts_with(value),
        _ => true,
    })
}

/// `POST /accounts/{account}/cfd_tunnel`. The answer holds the connector token. Without `config_src` the tunnel is
/// managed locally.
pub(super) fn create(exchange: &mut Exchange<'_>) -> Outcome {
    check_account(exchange)?;
    let body = exchange.body()?;
    let name = body.get("name").and_then(Value::as_str).filter(|name| !name.trim().is_empty() && !is_uuid(name));
    let name = name.ok_or_else(|| bad_request("tunnel name is missing or not allowed", "/name"))?;
    let config_src = body.get("config_src").map_or(Some("local"), Value::as_str);
    let config_src = config_src.filter(|source| matches!(*source, "local" | "cloudflare"));
    let config_src = config_src.ok_or_else(|| bad_request("config_src is local or cloudflare", "/config_src"))?;
    let given = body.get("tunnel_secret").filter(|secret| !secret.is_null());
    let secret = given.map(|secret| checked_secret(secret).map(str::to_owned)).transpose()?;
    if exchange.state.tunnel_named(name).is_some() {
        return Err(taken());
    }
    let identifiers = &mut exchange.state.identifiers;
    let tunnel = Tunnel {
        id: identifiers.next_uuid("tunnel"),
        name: name.to_owned(),
        secret: secret.unwrap_or_else(|| identifiers.next_secret("tunnel_secret")),
        config_src: config_src.to_owned(),
        created_at: exchange.now,
        deleted_at: None,
        conns_active_at: None,
        conns_inactive_at: None,
        configuration: None,
        connectors: Vec::new(),
        put_times: Vec::new(),
    };
    exchange.state.tunnels.push(tunnel.clone());
    Ok(Success::of(render_with_token(&tunnel, &exchange.state.account)))
}

fn render_with_token(tunnel: &Tunnel, account: &Account) -> Value {
    let mut shown = render(tunnel, account);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("token".to_owned(), json!(connector_token(tunnel, account)));
    }
    shown
}

/// `PATCH /accounts/{account}/cfd_tunnel/{tunnel}`: another name, another secret. Connectors that run stay; the former token
/// opens no new connection.
pub(super) fn patch(exchange: &mut Exchange<'_>) -> Outcome {
    check_account(exchange)?;
    let body = exchange.body()?;
    let id = live(exchange)?.id.clone();
    let name = body.get("name").filter(|name| !name.is_null()).map(|name| {
        let name = name.as_str().filter(|name| !name.trim().is_empty() && !is_uuid(name));
        name.ok_or_else(|| bad_request("tunnel name is missing or not allowed", "/name"))
    });
    let name = name.transpose()?;
    let secret = body.get("tunnel_secret").filter(|secret| !secret.is_null()).map(checked_secret).transpose()?;
    if name.and_then(|name| exchange.state.tunnel_named(name)).is_some_and(|known| known.id != id) {
        return Err(taken());
    }
    let account = exchange.state.account.clone();
    let tunnel = live(exchange)?;
    name.unwrap_or(&tunnel.name.clone()).clone_into(&mut tunnel.name);
    secret.unwrap_or(&tunnel.secret.clone()).clone_into(&mut tunnel.secret);
    Ok(Success::of(render_with_token(tunnel, &account)))
}

/// `POST /accounts/{account}/cfd_tunnel/{tunnel}/management` with `{"resources": ["logs"]}`: a token for the log stream, shaped
/// like a signed one and signed by nobody.
pub(super) fn management(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let known = |resource: &Value| matches!(resource.as_str(), Some("logs" | "admin" | "host_details"));
    let resources = body.get("resources").and_then(Value::as_array).filter(|list| !list.is_empty() && list.iter().all(known));
    let resources = resources.ok_or_else(|| bad_request("resources must be a list of logs", "/resources"))?.clone();
    let id = live(exchange)?.id.clone();
    let claims = json!({"tun": {"id": id, "account_tag": exchange.state.account.id}, "actor": {}, "res": resources});
    Ok(Success::of(json!(format!("e30.{}.c2ltdWxhdGVk", base64::encode(claims.to_string().as_bytes()).trim_end_matches('=')))))
}

fn checked_secret(secret: &Value) -> Result<&str, Refusal> {
    let text = secret.as_str().filter(|text| base64::decoded_length(text).is_some_and(|bytes| bytes >= SECRET_BYTES));
    text.ok_or_else(|| bad_request("tunnel_secret must be base64 of at least 32 bytes", "/tunnel_secret"))
}

/// `GET /accounts/{account}/cfd_tunnel/{tunnel}`: deleted tunnels are still shown, with `deleted_at`.
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    check_account(exchange)?;
    let tunnel = exchange.state.tunnel(exchange.param("tunnel")).ok_or_else(missing)?;
    Ok(Success::of(render(tunnel, &exchange.state.account)))
}

/// `DELETE /accounts/{account}/cfd_tunnel/{tunnel}`: refused with 400/1022 while connectors are attached, unless
/// `cascade=true` drops them. The tunnel stays listed as deleted.
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let cascade = exchange.query.get("cascade") == Some("true");
    let (now, account) = (exchange.now, exchange.state.account.clone());
    let tunnel = live(exchange)?;
    if !tunnel.connectors.is_empty() && !cascade {
        return Err(Refusal::new(400, 1022, "Cannot delete tunnel because it has active connections"));
    }
    connectors::detach(tunnel, None, now);
    tunnel.deleted_at = Some(now);
    Ok(Success::of(render(tunnel, &account)))
}

/// `GET /accounts/{account}/cfd_tunnel/{tunnel}/token`: a bare string.
pub(super) fn token(exchange: &mut Exchange<'_>) -> Outcome {
    let account = exchange.state.account.clone();
    Ok(Success::of(json!(connector_token(live(exchange)?, &account))))
}

/// What `cloudflared tunnel run --token` takes: base64 of JSON with account tag, tunnel id and secret (cloudflared's
/// own `connection` package).
fn connector_token(tunnel: &Tunnel, account: &Account) -> String {
    base64::encode(json!({"a": account.id, "t": tunnel.id, "s": tunnel.secret}).to_string().as_bytes())
}

/// The tunnel in the path, if it is not deleted.
///
/// # Errors
/// 403/10000 for a foreign account, 404/1003 for an unknown or deleted tunnel (that number is not confirmed).
pub(super) fn live<'e>(exchange: &'e mut Exchange<'_>) -> Result<&'e mut Tunnel, Refusal> {
    check_account(exchange)?;
    let id = exchange.param("tunnel").to_owned();
    exchange.state.tunnel_mut(&id).ok_or_else(missing)
}

fn check_account(exchange: &Exchange<'_>) -> Result<(), Refusal> {
    if exchange.param("account") == exchange.state.account.id { Ok(()) } else { Err(forbidden()) }
}

fn taken() -> Refusal {
    let text = "You already have a tunnel with this name. Please choose a different name for this tunnel.";
    Refusal::new(409, 1013, text)
}

fn missing() -> Refusal {
    Refusal::new(404, 1003, "Tunnel not found")
}

fn bad_request(message: &str, pointer: &str) -> Refusal {
    Refusal::new(400, 1001, format!("Bad Request: {message}")).at(pointer)
}

/// `inactive` never ran, `healthy` has connectors, `degraded` when one of them lacks connections, `down` lost them.
fn status(tunnel: &Tunnel) -> &'static str {
    let weak = tunnel.connectors.iter().any(|connector| connector.connections.len() < connectors::CONNECTIONS);
    match (tunnel.connectors.is_empty(), tunnel.conns_active_at) {
        (false, _) if weak => "degraded",
        (false, _) => "healthy",
        (true, Some(_)) => "down",
        (true, None) => "inactive",
    }
}

fn render(tunnel: &Tunnel, account: &Account) -> Value {
    json!({
        "id": tunnel.id,
        "account_tag": account.id,
        "created_at": tunnel.created_at,
        "deleted_at": tunnel.deleted_at,
        "name": tunnel.name,
        "connections": [],
        "conns_active_at": tunnel.conns_active_at,
        "conns_inactive_at": tunnel.conns_inactive_at,
        "tun_type": "cfd_tunnel",
        "metadata": {},
        "status": status(tunnel),
        "remote_config": tunnel.config_src == "cloudflare",
        "config_src": tunnel.config_src,
    })
}
