//! A locally managed tunnel: its settings as the specification writes them, checked, for the files `cloudflared tunnel run` reads.
//!
//! | setting | in `config.yml` |
//! |---|---|
//! | `tunnel_id` | `tunnel`: its UUID or name |
//! | `credentials_file` | `credentials-file` |
//! | `metrics` | `metrics` |
//! | `retries` | `retries` |
//! | `grace_period` | `grace-period`: at most three minutes |
//! | `origin_config.http2_origin` | `originRequest.http2Origin`: counts for https services only |
//! | `origin_config.no_tls_verify` | `originRequest.noTLSVerify`: `true` only when every service is plain http on loopback |
//! | `origin_config.proxy_address` | `originRequest.proxyAddress`: counts for bastion and SOCKS services only |
//! | `ingress_rules` | `ingress`, in [`canonical_order`] |
//!
//! Sources: cloudflared's `config/configuration.go` (`Configuration`, `OriginRequestConfig`), `cmd/cloudflared/flags/flags.go`, and
//! `cmd/cloudflared/tunnel/cmd.go` (which flags a configuration file may set).

mod config_yml;
mod duration;
mod unit;
mod yaml;

pub use unit::UnitOptions;

use super::go_url::GoUrl;
use super::{Ingress, canonical_order};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::time::Duration;
use storex_core::{Code, Error, IngressRule, Result};

/// The longest grace period cloudflared takes (`MaxGracePeriod` in its `connection/connection.go`).
const LONGEST_GRACE: Duration = Duration::from_mins(3);

/// The settings of a locally managed tunnel, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalTunnel {
    tunnel: String,
    credentials_file: String,
    rules: Vec<IngressRule>,
    origin: OriginConfig,
    metrics: Option<String>,
    retries: Option<u32>,
    grace_period: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    tunnel_id: String,
    credentials_file: String,
    ingress_rules: Vec<SettingsRule>,
    #[serde(default)]
    origin_config: OriginConfig,
    metrics: Option<String>,
    retries: Option<u32>,
    grace_period: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsRule {
    hostname: Option<String>,
    path: Option<String>,
    service: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct OriginConfig {
    http2_origin: Option<bool>,
    no_tls_verify: Option<bool>,
    proxy_address: Option<IpAddr>,
}

impl LocalTunnel {
    /// Reads the specification's object, with or without its `tunnel_config` around it.
    ///
    /// # Errors
    /// `invalid_field` with the pointer of a setting that is missing, unknown or cannot be used; rules are checked as storex's own.
    pub fn from_json(document: &Value) -> Result<Self> {
        let settings = document.get("tunnel_config").unwrap_or(document);
        let settings = Settings::deserialize(settings).map_err(|error| invalid("", format!("the settings: {error}")))?;
        let rules = settings.ingress_rules.into_iter().map(SettingsRule::into_rule).collect();
        let grace_period = settings.grace_period.as_deref().map(grace).transpose()?;
        let tunnel = Self {
            tunnel: settings.tunnel_id,
            credentials_file: settings.credentials_file,
            rules: canonical_order(rules),
            origin: settings.origin_config,
            metrics: settings.metrics,
            retries: settings.retries,
            grace_period,
        };
        tunnel.check()?;
        Ok(tunnel)
    }

    fn check(&self) -> Result<()> {
        if self.tunnel.trim().is_empty() || self.tunnel.contains(char::is_control) {
            return Err(invalid("/tunnel_id", "the tunnel needs its UUID or name"));
        }
        if !self.credentials_file.starts_with('/') || self.credentials_file.contains(char::is_control) {
            return Err(invalid("/credentials_file", "the credentials file needs an absolute path"));
        }
        if self.metrics.as_deref().is_some_and(|metrics| !is_listen_address(metrics)) {
            return Err(invalid("/metrics", "metrics need an address such as localhost:2000"));
        }
        Ingress::parse_own(&json!({ "ingress": self.rules })).map_err(|error| invalid("/ingress_rules", error.to_string()))?;
        let verified = |rule: &&IngressRule| !is_plain_http_on_loopback(&rule.service);
        match self.rules.iter().find(verified) {
            Some(rule) if self.origin.no_tls_verify == Some(true) => {
                let message = format!(
                    "certificates are not verified, which is allowed for plain http on loopback only, not for {}",
                    rule.service
                );
                Err(invalid("/origin_config/no_tls_verify", message))
            }
            _ => Ok(()),
        }
    }
}

impl SettingsRule {
    fn into_rule(self) -> IngressRule {
        let rest = self.path.map(|path| ("path".to_owned(), Value::from(path)));
        IngressRule { hostname: self.hostname, service: self.service, rest: Map::from_iter(rest) }
    }
}

fn invalid(pointer: &str, message: impl Into<String>) -> Error {
    Error::new(Code::InvalidField, message).pointer(format!("/tunnel_config{pointer}"))
}

fn grace(text: &str) -> Result<Duration> {
    let refused = |reason: &str| invalid("/grace_period", format!("the grace period {text} {reason}"));
    let grace = duration::parse(text).ok_or_else(|| refused("is no duration such as 30s or 1m30s"))?;
    if grace > LONGEST_GRACE { Err(refused("is longer than three minutes")) } else { Ok(grace) }
}

/// `host:port`.
fn is_listen_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    (name || bare.parse::<IpAddr>().is_ok()) && port.parse::<u16>().is_ok()
}

/// Whether no certificate is ever asked for: answers cloudflared makes itself have none either.
fn is_plain_http_on_loopback(service: &str) -> bool {
    let loopback = |host: &str| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    service.starts_with("http_status:") || GoUrl::parse(service).is_ok_and(|url| url.scheme == "http" && loopback(url.host()))
}
