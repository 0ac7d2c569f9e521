//! `originRequest`: the types of its keys, and what decides whether a rule is valid. As the API's documents have it (`config/configuration.go` of
//! cloudflared): durations are whole seconds.

use super::Invalid;
use super::fields::{Fields, wrong};
use serde_json::Value;
use std::net::IpAddr;

const SECONDS: [&str; 4] = ["connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout"];
const FLAGS: [&str; 6] =
    ["noHappyEyeballs", "matchSNItoHost", "noTLSVerify", "disableChunkedEncoding", "bastionMode", "http2Origin"];
const TEXTS: [&str; 5] = ["httpHostHeader", "originServerName", "caPool", "proxyAddress", "proxyType"];

/// An `originRequest` whose keys have the right types.
#[derive(Clone, Copy, Debug)]
pub(super) struct OriginRequest<'v> {
    fields: Fields<'v>,
}

impl<'v> OriginRequest<'v> {
    /// Checks the types.
    ///
    /// # Errors
    /// A key whose value cloudflared cannot decode.
    pub(super) fn decode(value: Option<&'v Value>) -> Result<Self, Invalid> {
        let fields = Fields::of(value, "originRequest")?;
        SECONDS.into_iter().chain(["keepAliveConnections"]).try_for_each(|key| fields.whole(key).map(drop))?;
        FLAGS.into_iter().try_for_each(|key| fields.flag(key).map(drop))?;
        TEXTS.into_iter().try_for_each(|key| fields.text(key).map(drop))?;
        if fields.whole("proxyPort")?.is_some_and(i64::is_negative) {
            return Err(wrong("proxyPort", "a port"));
        }
        let decoded = Self { fields };
        decoded.access().and_then(|access| access.flag("required").and(access.list("audTag")).map(drop))?;
        decoded.ip_rules().try_for_each(|rule| {
            let rule = rule?;
            rule.text("prefix").map(drop)?;
            rule.flag("allow").map(drop)?;
            rule.list("ports")?
                .iter()
                .all(|port| port.is_null() || port.is_i64())
                .then_some(())
                .ok_or_else(|| wrong("ports", "numbers"))
        })?;
        Ok(decoded)
    }

    /// The fields.
    pub(super) fn fields(self) -> Fields<'v> {
        self.fields
    }

    /// `bastionMode`, when it says so.
    pub(super) fn bastion(self) -> Option<bool> {
        self.fields.flag("bastionMode").ok().flatten()
    }

    fn access(self) -> Result<Fields<'v>, Invalid> {
        let access = Fields::of(self.fields.get("access"), "access")?;
        ["teamName", "environment"].into_iter().try_for_each(|key| access.text(key).map(drop))?;
        let tags = access.list("audTag")?;
        if tags.iter().all(|tag| tag.is_null() || tag.is_string()) { Ok(access) } else { Err(wrong("audTag", "texts")) }
    }

    fn ip_rules(self) -> impl Iterator<Item = Result<Fields<'v>, Invalid>> {
        let rules = self.fields.list("ipRules").map_err(Some);
        let (rules, error) = rules.map_or_else(|error| (&[][..], error), |rules| (rules, None));
        error.into_iter().map(Err).chain(rules.iter().map(|rule| Fields::of(Some(rule), "ipRules")))
    }

    /// Access that must be passed and names audiences needs a team.
    ///
    /// # Errors
    /// In cloudflared's words.
    pub(super) fn check_access(self) -> Result<(), Invalid> {
        let access = self.access()?;
        let required = access.flag("required")?.unwrap_or(false);
        if required && access.text("teamName")?.is_empty() && !access.list("audTag")?.is_empty() {
            return Err(Invalid::by_cloudflared("access.TeamName cannot be blank when access.audTags are present"));
        }
        Ok(())
    }

    /// The addresses a SOCKS proxy may reach.
    ///
    /// # Errors
    /// In cloudflared's words (`ipaccess/access.go`).
    pub(super) fn check_ip_rules(self) -> Result<(), Invalid> {
        self.ip_rules().try_for_each(|rule| {
            let rule = rule?;
            let refused = |reason: String| Invalid::by_cloudflared(format!("unable to create ip rule for socks-proxy: {reason}"));
            let prefix = rule.text("prefix")?;
            if prefix.is_empty() {
                return Err(refused("no prefix provided".to_owned()));
            }
            if !is_cidr(prefix) {
                return Err(refused(format!("unable to parse cidr: {prefix}")));
            }
            let mut ports: Vec<i64> = rule.list("ports")?.iter().map(|port| port.as_i64().unwrap_or_default()).collect();
            ports.sort_unstable();
            match ports.into_iter().find(|port| !(1..=65_535).contains(port)) {
                Some(port) => Err(refused(format!("invalid port {port}, needs to be between 1 and 65535"))),
                None => Ok(()),
            }
        })
    }
}

/// `10.0.0.0/8`, `fe80::/10` (Go's `net.ParseCIDR`).
fn is_cidr(prefix: &str) -> bool {
    let Some((address, bits)) = prefix.split_once('/') else { return false };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    digits && bits.parse::<u32>().is_ok_and(|bits| bits <= if address.is_ipv4() { 32 } else { 128 })
}
