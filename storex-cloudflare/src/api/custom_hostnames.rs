//! Custom hostnames of a zone and their fallback origin (Cloudflare for SaaS). Source: Cloudflare API reference, "Custom Hostnames".

use crate::budget::Quota;
use crate::endpoint::Endpoint;
use crate::wire::{WireFallbackOrigin, WireHostname, WireRemoved};
use reqwest::Method;
use serde_json::json;
use storex_core::{Hostname, HostnameId, HostnameSpec, ValidationMethod, ZoneId};

/// Most hostnames Cloudflare puts on a page.
pub(crate) const PER_PAGE: u32 = 50;

const HOSTNAMES: &str = "/zones/{zone}/custom_hostnames";
const HOSTNAME: &str = "/zones/{zone}/custom_hostnames/{hostname}";
const FALLBACK: &str = "/zones/{zone}/custom_hostnames/fallback_origin";

/// The hostnames of the zone.
pub(crate) fn all(zone: &ZoneId) -> Endpoint<Vec<WireHostname>> {
    Endpoint::new(Method::GET, HOSTNAMES, &[zone.as_str()])
}

/// Hostnames of exactly this name.
pub(crate) fn named(zone: &ZoneId, name: &Hostname) -> Endpoint<Vec<WireHostname>> {
    all(zone).query("hostname", name.as_str())
}

/// One hostname.
pub(crate) fn one(zone: &ZoneId, id: &HostnameId) -> Endpoint<WireHostname> {
    Endpoint::new(Method::GET, HOSTNAME, &[zone.as_str(), id.as_str()])
}

/// Adds a hostname and asks for its certificate. TLS 1.2 is the least a certificate of ours serves; wildcards and the choice of an authority need an
/// Enterprise plan (docs, "Cloudflare for SaaS: plans"), so neither is asked for.
pub(crate) fn create(zone: &ZoneId, spec: &HostnameSpec) -> Endpoint<WireHostname> {
    let settings = json!({"min_tls_version": "1.2", "http2": "on", "tls_1_3": "on"});
    let body = json!({
        "hostname": spec.name.as_str(),
        "ssl": {"method": method(spec.validation), "type": "dv", "settings": settings, "wildcard": false},
    });
    Endpoint::new(Method::POST, HOSTNAMES, &[zone.as_str()]).body(body).quota(Quota::HostnameCertificate)
}

/// Starts the validation of traffic and certificate anew: a PATCH that repeats the method does (docs, "Common API calls": an `ssl` object that matches
/// the existing value restarts the validation; "Real-time validation": it resets the backoff schedule).
pub(crate) fn revalidate(zone: &ZoneId, id: &HostnameId, method: &str) -> Endpoint<WireHostname> {
    let body = json!({"ssl": {"method": method, "type": "dv"}});
    Endpoint::new(Method::PATCH, HOSTNAME, &[zone.as_str(), id.as_str()]).body(body).quota(Quota::HostnameCertificate)
}

/// Removes a hostname with its certificate. Answers a bare `{"id": …}` (the official SDKs do not unwrap it).
pub(crate) fn delete(zone: &ZoneId, id: &HostnameId) -> Endpoint<Option<WireRemoved>> {
    Endpoint::new(Method::DELETE, HOSTNAME, &[zone.as_str(), id.as_str()])
}

/// Where the zone's hostnames go; 404 when nowhere.
pub(crate) fn fallback_origin(zone: &ZoneId) -> Endpoint<WireFallbackOrigin> {
    Endpoint::new(Method::GET, FALLBACK, &[zone.as_str()])
}

/// Sets where they go, whatever it was.
pub(crate) fn set_fallback_origin(zone: &ZoneId, origin: &Hostname) -> Endpoint<WireFallbackOrigin> {
    Endpoint::new(Method::PUT, FALLBACK, &[zone.as_str()]).body(json!({"origin": origin.as_str()}))
}

/// Lets them go nowhere.
pub(crate) fn delete_fallback_origin(zone: &ZoneId) -> Endpoint<Option<WireFallbackOrigin>> {
    Endpoint::new(Method::DELETE, FALLBACK, &[zone.as_str()])
}

fn method(validation: ValidationMethod) -> &'static str {
    match validation {
        ValidationMethod::Txt => "txt",
        _ => "http",
    }
}
