//! What a token can do: its check, the primary zone, and one cheap read per permission.

use crate::api;
use crate::client::CloudflareClient;
use crate::error::Failure;
use crate::page;
use crate::taxonomy::Meaning;
use crate::wire::{AccountId, TokenFacts, TokenStatus, WireZone};
use serde_json::Value;
use std::fmt;
use storex_core::{CertificateStatus, Code, Error, Hostname, Result, ZoneId, ZoneStatus};

/// Where a permission shows.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In the list of zones, which is read anyway.
    Zones,
    /// At a route of the primary zone.
    Zone(&'static str),
    /// At a route of the account.
    Account(&'static str),
}

/// A permission and what storex needs it for. Names: Cloudflare docs, "API token permissions"; the dashboard says "Edit" for "Write".
#[derive(Debug)]
struct Permission {
    name: &'static str,
    needed_for: &'static str,
    required: bool,
    place: Place,
}

const fn permission(name: &'static str, needed_for: &'static str, required: bool, place: Place) -> Permission {
    Permission { name, needed_for, required, place }
}

const WAF: Place = Place::Zone("/zones/{zone}/rulesets/phases/http_request_firewall_custom/entrypoint");

const PERMISSIONS: &[Permission] = &[
    permission("Zone Write", "finding the primary zone, adding and removing zones of custom domains", true, Place::Zones),
    permission("DNS Write", "the records of the platform and of custom domains", true, Place::Zone("/zones/{zone}/dns_records")),
    permission("Cloudflare Tunnel Write", "the tunnel and its routes", true, Place::Account("/accounts/{account}/cfd_tunnel")),
    permission(
        "Zone Settings Write",
        "encryption mode, minimum TLS version and the redirect to HTTPS",
        true,
        Place::Zone("/zones/{zone}/settings/ssl"),
    ),
    permission(
        "SSL and Certificates Write",
        "certificates, custom hostnames and their fallback origin",
        true,
        Place::Zone("/zones/{zone}/ssl/universal/settings"),
    ),
    permission("Zone WAF Write", "firewall rules and rate limits", false, WAF),
    permission("Bot Management Write", "bot fight mode", false, Place::Zone("/zones/{zone}/bot_management")),
];

/// Whether a token has a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapabilityState {
    /// A read that needs it was answered. That it may write as well shows only when it does.
    Granted,
    /// Cloudflare refused such a read.
    Missing,
    /// It could not be found out, for this reason.
    Unproved(String),
}

/// A permission, what it is for, and whether the token has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capability {
    /// Cloudflare's name of the permission.
    pub permission: &'static str,
    /// What storex does with it.
    pub needed_for: &'static str,
    /// Whether the platform cannot stand without it.
    pub required: bool,
    /// Whether the token has it.
    pub state: CapabilityState,
}

/// How the primary zone stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrimaryZone {
    /// It is there and active.
    Active(ZoneId),
    /// It is there, but its registrar does not name its name servers (or no longer).
    Inactive {
        /// Its status.
        status: ZoneStatus,
        /// The name servers the registrar has to name.
        name_servers: Vec<String>,
    },
    /// No account the token sees has it.
    Missing,
    /// The token may not look.
    Unknown,
}

/// How the certificate stands that covers every system subdomain, `*.storex.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WildcardCertificate {
    /// A pack of the primary zone covers them; this is where it is.
    Found(CertificateStatus),
    /// No pack covers them: visitors of stores get no HTTPS. Cloudflare issues one by itself unless Universal SSL is switched off.
    Missing,
    /// It could not be looked at.
    Unknown,
}

impl fmt::Display for WildcardCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(status) => f.write_str(&status.to_string()),
            Self::Missing => f.write_str("missing"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// What a token can do, and what it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenReport {
    /// What Cloudflare's check of the token says; none for a token of an account that is not known, whose check has no route.
    pub token: Option<TokenFacts>,
    /// The account of the primary zone, or the one the client was told.
    pub account: Option<AccountId>,
    /// The primary zone.
    pub primary_zone: PrimaryZone,
    /// The certificate of the system subdomains.
    pub wildcard_certificate: WildcardCertificate,
    /// Every permission storex knows of.
    pub capabilities: Vec<Capability>,
}

impl TokenReport {
    /// Checks the token and looks for every permission: at most twelve reads, and nothing is changed.
    ///
    /// # Errors
    /// `cloudflare_denied` when the token itself is not valid; `unavailable`, `timeout`, `rate_limited`, `cloudflare_answer` when Cloudflare gives no usable
    /// answer. A permission that is missing is no error but a finding.
    pub async fn probe(client: &CloudflareClient, primary: &Hostname) -> Result<Self> {
        Self::look(client, primary).await.map_err(|error| error.during("cloudflare.probe"))
    }

    async fn look(client: &CloudflareClient, primary: &Hostname) -> Result<Self> {
        let list = api::zones::named(primary, client.account());
        let zones = match page::read_all(client, &list, api::zones::PER_PAGE, None).await {
            Ok(zones) => Some(zones),
            Err(failure) if is_denied(&failure) => None,
            Err(failure) => return Err(failure.into()),
        };
        let zone = zones.iter().flatten().find(|zone| zone.is_named(primary));
        let account = zone.and_then(WireZone::account_id).or(client.account()).cloned();
        let token = match client.token_facts(account.as_ref()).await {
            Ok(facts) => Some(facts),
            // It was let read zones, so it is valid; whose it is does not show.
            Err(error) if error.code() == Code::CloudflareDenied && zones.is_some() => None,
            Err(error) => return Err(error),
        };
        if let Some(facts) = token.as_ref().filter(|facts| facts.status != TokenStatus::Active) {
            return Err(Error::new(Code::CloudflareDenied, format!("the Cloudflare API token is {}", facts.status)));
        }
        let primary_zone = primary_zone(zones.as_deref(), zone)?;
        let wildcard_certificate = match &primary_zone {
            PrimaryZone::Active(zone) => wildcard_certificate(client, zone, primary).await,
            _ => WildcardCertificate::Unknown,
        };
        let zone_id = zone.map(WireZone::facts).transpose()?.map(|facts| facts.id);
        let mut capabilities = Vec::new();
        for permission in PERMISSIONS {
            let state = match permission.place {
                Place::Zones if zones.is_some() => CapabilityState::Granted,
                Place::Zones => CapabilityState::Missing,
                Place::Zone(template) => match &zone_id {
                    Some(zone) => state(client, &api::probe::of_zone(template, zone)).await,
                    None => CapabilityState::Unproved("the primary zone is not there to try it on".to_owned()),
                },
                Place::Account(template) => match &account {
                    Some(account) => state(client, &api::probe::of_account(template, account)).await,
                    None => CapabilityState::Unproved("the account is not known".to_owned()),
                },
            };
            let Permission { name, needed_for, required, .. } = *permission;
            capabilities.push(Capability { permission: name, needed_for, required, state });
        }
        Ok(Self { token, account, primary_zone, wildcard_certificate, capabilities })
    }

    /// The permissions that are missing and that the platform cannot stand without.
    pub fn missing(&self) -> impl Iterator<Item = &Capability> {
        self.capabilities.iter().filter(|capability| capability.required && capability.state == CapabilityState::Missing)
    }
}

fn primary_zone(zones: Option<&[WireZone]>, zone: Option<&WireZone>) -> Result<PrimaryZone> {
    let Some(facts) = zone.map(WireZone::facts).transpose()? else {
        return Ok(if zones.is_some() { PrimaryZone::Missing } else { PrimaryZone::Unknown });
    };
    Ok(match facts.status {
        ZoneStatus::Active => PrimaryZone::Active(facts.id),
        status => PrimaryZone::Inactive { status, name_servers: facts.name_servers },
    })
}

/// The pack that covers the system subdomains, the one that serves before others (docs, "Universal SSL": a full zone's covers its name and `*.` below it).
async fn wildcard_certificate(client: &CloudflareClient, zone: &ZoneId, primary: &Hostname) -> WildcardCertificate {
    let Ok(packs) = page::read_all(client, &api::edge::packs(zone), api::zones::PER_PAGE, None).await else {
        return WildcardCertificate::Unknown;
    };
    let name = format!("*.{primary}");
    let states: Vec<CertificateStatus> = packs.iter().filter_map(|pack| pack.covering(&name)).collect();
    let serving = states.iter().find(|status| **status == CertificateStatus::Active);
    serving.or(states.first()).cloned().map_or(WildcardCertificate::Missing, WildcardCertificate::Found)
}

fn is_denied(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if matches!(refusal.meaning(), Meaning::Forbidden | Meaning::InvalidToken))
}

/// What the answer to a read that needs one permission proves.
async fn state(client: &CloudflareClient, endpoint: &crate::endpoint::Endpoint<Value>) -> CapabilityState {
    match client.read(endpoint, None).await {
        Ok(_) => CapabilityState::Granted,
        Err(failure) if is_denied(&failure) => CapabilityState::Missing,
        // There is nothing yet, and it was let look.
        Err(Failure::Refused(refusal)) if refusal.meaning() == Meaning::NotFound => CapabilityState::Granted,
        Err(failure) => CapabilityState::Unproved(Error::from(failure).message().to_owned()),
    }
}

impl fmt::Display for CapabilityState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("granted"),
            Self::Missing => f.write_str("missing"),
            Self::Unproved(_) => f.write_str("unproved"),
        }
    }
}
