//! Tunnels and their configuration document.

use crate::endpoint::Endpoint;
use crate::wire::{AccountId, WireConfiguration, WireConnector, WireRemoved, WireTunnel};
use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::json;
use storex_core::{ConnectorId, TunnelDocument, TunnelId};

/// Tunnels asked for per page.
pub(crate) const PER_PAGE: u32 = 100;

const TUNNELS: &str = "/accounts/{account}/cfd_tunnel";
const TUNNEL: &str = "/accounts/{account}/cfd_tunnel/{tunnel}";
const CONFIGURATION: &str = "/accounts/{account}/cfd_tunnel/{tunnel}/configurations";
const CONNECTIONS: &str = "/accounts/{account}/cfd_tunnel/{tunnel}/connections";
const TOKEN: &str = "/accounts/{account}/cfd_tunnel/{tunnel}/token";

/// Tunnels of this name. Without `is_deleted=false` deleted ones are listed too.
pub(crate) fn named(account: &AccountId, name: &str) -> Endpoint<Vec<WireTunnel>> {
    Endpoint::new(Method::GET, TUNNELS, &[account.as_str()]).query("is_deleted", "false").query("name", name)
}

/// Makes a tunnel configured from the API. Cloudflare makes up its secret.
pub(crate) fn create(account: &AccountId, name: &str) -> Endpoint<WireTunnel> {
    Endpoint::new(Method::POST, TUNNELS, &[account.as_str()]).body(json!({"name": name, "config_src": "cloudflare"}))
}

/// Deletes a tunnel; refused while connectors are attached.
pub(crate) fn delete(account: &AccountId, tunnel: &TunnelId) -> Endpoint<Option<WireRemoved>> {
    Endpoint::new(Method::DELETE, TUNNEL, &[account.as_str(), tunnel.as_str()])
}

/// The configuration with its version.
pub(crate) fn configuration(account: &AccountId, tunnel: &TunnelId) -> Endpoint<WireConfiguration> {
    Endpoint::new(Method::GET, CONFIGURATION, &[account.as_str(), tunnel.as_str()])
}

/// Replaces the configuration, whatever its version.
pub(crate) fn put_configuration(
    account: &AccountId,
    tunnel: &TunnelId,
    document: &TunnelDocument,
) -> Endpoint<WireConfiguration> {
    Endpoint::new(Method::PUT, CONFIGURATION, &[account.as_str(), tunnel.as_str()]).body(json!({"config": document}))
}

/// Every connector with its connections, on a single page.
pub(crate) fn connections(account: &AccountId, tunnel: &TunnelId) -> Endpoint<Option<Vec<WireConnector>>> {
    Endpoint::new(Method::GET, CONNECTIONS, &[account.as_str(), tunnel.as_str()])
}

/// Ends the connections of one connector. Without `client_id` it would be those of all.
pub(crate) fn drop_connections(account: &AccountId, tunnel: &TunnelId, connector: &ConnectorId) -> Endpoint<Option<IgnoredAny>> {
    Endpoint::new(Method::DELETE, CONNECTIONS, &[account.as_str(), tunnel.as_str()]).query("client_id", connector.as_str())
}

/// The token a connector runs with: a bare text.
pub(crate) fn token(account: &AccountId, tunnel: &TunnelId) -> Endpoint<String> {
    Endpoint::new(Method::GET, TOKEN, &[account.as_str(), tunnel.as_str()])
}
