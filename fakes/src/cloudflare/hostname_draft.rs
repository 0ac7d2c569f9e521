//! What a caller may ask of a custom hostname, checked: codes of the documentation page "Custom hostname status codes".

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::envelope::Refusal;
use super::resolver::{is_below, standing};
use super::state::{Plan, Zone};
use super::zone_names;

/// Longest name a certificate's common name holds.
const COMMON_NAME: usize = 64;

/// A checked request.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) hostname: String,
    pub(super) ssl: Option<SslWish>,
    pub(super) origin: Option<String>,
    pub(super) sni: Option<String>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
}

/// The certificate that is asked for.
#[derive(Debug)]
pub(super) struct SslWish {
    pub(super) method: String,
    pub(super) settings: Value,
    pub(super) wildcard: bool,
    pub(super) bundle_method: String,
    pub(super) certificate_authority: String,
}

/// Checks a request for `zone`.
///
/// # Errors
/// 400 or 403 with the documented code.
pub(super) fn examine(body: &Map<String, Value>, zone: &Zone) -> Result<Wish, Refusal> {
    let hostname = hostname(body, zone)?;
    let ssl = match body.get("ssl") {
        None | Some(Value::Null) => None,
        Some(Value::Object(fields)) => Some(certificate(fields, zone, &hostname)?),
        Some(_) => return Err(Refusal::new(400, 1434, "The value of ssl is invalid.").at("/ssl")),
    };
    let origin = text(body, "custom_origin_server").and_then(|name| zone_names::canonical(&name));
    if let Some(origin) = &origin
        && is_below(origin, &zone.name)
        && standing(zone, origin).is_empty()
    {
        return Err(
            Refusal::new(400, 1421, "The custom origin server has no DNS record in this zone.").at("/custom_origin_server")
        );
    }
    Ok(Wish { hostname, ssl, origin, sni: text(body, "custom_origin_sni"), metadata: metadata(body, zone)? })
}

fn hostname(body: &Map<String, Value>, zone: &Zone) -> Result<String, Refusal> {
    let wrong = |code, message: &str| Refusal::new(400, code, message).at("/hostname");
    let given = text(body, "hostname").unwrap_or_default();
    if !given.is_ascii() {
        return Err(wrong(1408, "The hostname must be ASCII: send it in punycode."));
    }
    let (star, base) = given.strip_prefix("*.").map_or(("", given.as_str()), |base| ("*.", base));
    let name = zone_names::canonical(base).filter(|name| name.contains('.'));
    let name = name.ok_or_else(|| wrong(1407, "The hostname is invalid."))?;
    if is_below(&name, "example.com") || is_below(&name, "example.net") || is_below(&name, "example.org") {
        return Err(wrong(1411, "Hostnames of example.com, example.net and example.org cannot be used."));
    }
    if zone_names::is_reserved(&name) {
        return Err(wrong(1409, "The top-level domain of the hostname is reserved."));
    }
    if zone_names::is_suffix(&name) {
        return Err(wrong(1410, "The hostname is not below a public suffix."));
    }
    if name == zone.name {
        return Err(wrong(1407, "The hostname is the name of the zone itself."));
    }
    if !star.is_empty() && zone.plan != Plan::Enterprise {
        return Err(wrong(1448, "A wildcard is not supported for this hostname."));
    }
    let branded = body.get("ssl").and_then(|ssl| ssl.get("cloudflare_branding")) == Some(&Value::Bool(true));
    if name.len() > COMMON_NAME && !branded {
        return Err(wrong(1469, "The hostname is longer than 64 characters: set cloudflare_branding."));
    }
    Ok(format!("{star}{name}"))
}

fn certificate(fields: &Map<String, Value>, zone: &Zone, hostname: &str) -> Result<SslWish, Refusal> {
    let wrong = |code, message: &str, pointer: &str| Refusal::new(400, code, message).at(pointer);
    let (method, kind) = (text(fields, "method"), text(fields, "type"));
    let (Some(method), Some(kind)) = (method, kind) else {
        return Err(wrong(1440, "Both ssl.method and ssl.type are required.", "/ssl"));
    };
    if !matches!(method.as_str(), "http" | "txt" | "email") {
        return Err(wrong(1432, "ssl.method is http, txt or email.", "/ssl/method"));
    }
    if kind != "dv" {
        return Err(wrong(1433, "ssl.type is dv.", "/ssl/type"));
    }
    let wildcard = fields.get("wildcard") == Some(&Value::Bool(true));
    if wildcard && (zone.plan != Plan::Enterprise || method == "http") || hostname.starts_with("*.") && method == "http" {
        return Err(wrong(1448, "A wildcard is not supported for this certificate.", "/ssl/wildcard"));
    }
    let settings = fields.get("settings").filter(|settings| !settings.is_null()).cloned().unwrap_or_else(|| json!({}));
    if !settings.as_object().is_some_and(|settings| settings.iter().all(|(key, value)| is_setting(key, value))) {
        return Err(wrong(1434, "ssl.settings is invalid.", "/ssl/settings"));
    }
    let authority = text(fields, "certificate_authority").filter(|authority| !authority.is_empty());
    let certificate_authority = authority.unwrap_or_else(|| "google".to_owned());
    if !matches!(certificate_authority.as_str(), "digicert" | "google" | "lets_encrypt" | "ssl_com") {
        return Err(wrong(1434, "ssl.certificate_authority is invalid.", "/ssl/certificate_authority"));
    }
    let bundle_method = text(fields, "bundle_method").unwrap_or_else(|| "ubiquitous".to_owned());
    Ok(SslWish { method, settings, wildcard, bundle_method, certificate_authority })
}

fn is_setting(key: &str, value: &Value) -> bool {
    match key {
        "http2" | "tls_1_3" | "early_hints" => matches!(value.as_str(), Some("on" | "off")),
        "min_tls_version" => matches!(value.as_str(), Some("1.0" | "1.1" | "1.2" | "1.3")),
        "ciphers" => value.is_array(),
        _ => false,
    }
}

/// Metadata needs Enterprise (1413).
fn metadata(body: &Map<String, Value>, zone: &Zone) -> Result<Option<BTreeMap<String, String>>, Refusal> {
    let Some(given) = body.get("custom_metadata").filter(|given| !given.is_null()) else { return Ok(None) };
    if zone.plan != Plan::Enterprise {
        return Err(Refusal::new(403, 1413, "No custom metadata access has been allocated for this zone."));
    }
    serde_json::from_value(given.clone())
        .map(Some)
        .map_err(|_| Refusal::new(400, 1407, "custom_metadata holds texts only.").at("/custom_metadata"))
}

fn text(body: &Map<String, Value>, key: &str) -> Option<String> {
    body.get(key).and_then(Value::as_str).map(str::to_owned)
}
