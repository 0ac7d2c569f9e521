//! What makes a tunnel's configuration valid: cloudflared's own rules and texts, since Cloudflare runs them before it
//! accepts a document (`ingress/ingress.go` and `config/configuration.go` of cloudflared).

use serde_json::{Map, Value};

use super::origin_request;
use super::path_pattern;

/// Checks a configuration document. A missing `ingress` is fine, an empty one is not.
///
/// # Errors
/// The text after "Bad Configuration: ".
pub(crate) fn validate(config: &Map<String, Value>) -> Result<(), String> {
    origin_request::check(config.get("originRequest"))?;
    let rules = match config.get("ingress") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(rules)) => rules,
        Some(_) => return Err(undecodable("ingress", "[]config.UnvalidatedIngressRule")),
    };
    if rules.is_empty() {
        return Err(failed("The config file doesn't contain any ingress rules"));
    }
    let parsed = rules.iter().map(Rule::parse).collect::<Result<Vec<_>, _>>()?;
    parsed.iter().enumerate().try_for_each(|(index, rule)| rule.check(index, parsed.len(), config))
}

/// The parts of an ingress rule that decide whether it is valid.
#[derive(Debug)]
struct Rule<'c> {
    hostname: &'c str,
    path: &'c str,
    service: &'c str,
    origin_request: Option<&'c Value>,
}

impl<'c> Rule<'c> {
    fn parse(rule: &'c Value) -> Result<Self, String> {
        let fields = rule.as_object().ok_or_else(|| undecodable("ingress", "config.UnvalidatedIngressRule"))?;
        let text = |key: &str| match fields.get(key) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(undecodable(&format!("ingress.{key}"), "string")),
        };
        let origin_request = fields.get("originRequest");
        origin_request::check(origin_request)?;
        Ok(Self { hostname: text("hostname")?, path: text("path")?, service: text("service")?, origin_request })
    }

    /// The order of the checks is cloudflared's, so the first text is the same.
    fn check(&self, index: usize, total: usize, config: &Map<String, Value>) -> Result<(), String> {
        let setting = |key: &str| {
            let own = self.origin_request.and_then(|request| request.get(key));
            own.or_else(|| config.get("originRequest").and_then(|request| request.get(key)))
        };
        check_access(self.origin_request.and_then(|request| request.get("access")))?;
        check_service(self.service, setting("bastionMode") == Some(&Value::Bool(true)))?;
        self.check_hostname(index, total)?;
        if self.path.is_empty() {
            return Ok(());
        }
        path_pattern::check(self.path).map_err(|reason| failed(&format!("Rule #{} has an invalid regex: {reason}", index + 1)))
    }

    fn check_hostname(&self, index: usize, total: usize) -> Result<(), String> {
        if has_port(self.hostname) {
            return Err(failed("Hostname cannot contain a port"));
        }
        if self.hostname.rfind('*').is_some_and(|position| position > 0) {
            return Err(failed(
                "Hostname patterns can have at most one wildcard character (\"*\") and it can only be used for subdomains, e.g. \"*.example.com\"",
            ));
        }
        let catches_all = matches!(self.hostname, "" | "*") && self.path.is_empty();
        let last = index + 1 == total;
        if last && !catches_all {
            return Err(failed("The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)"));
        }
        if !last && catches_all {
            return Err(failed(&format!(
                "Rule #{} is matching the hostname '{}', but this will match every hostname, meaning the rules which follow it will never be triggered.",
                index + 1,
                self.hostname
            )));
        }
        match idna::domain_to_ascii(self.hostname) {
            Ok(_) => Ok(()),
            Err(_) => Err(failed(&format!("Rule #{} has an invalid hostname", index + 1))),
        }
    }
}

/// `host:port` and `[address]:port`; a bare IPv6 address has no port.
fn has_port(hostname: &str) -> bool {
    match hostname.strip_prefix('[') {
        Some(rest) => rest.contains("]:"),
        None => hostname.matches(':').count() == 1,
    }
}

fn check_access(access: Option<&Value>) -> Result<(), String> {
    let Some(access) = access else { return Ok(()) };
    let is_set = |key: &str| access.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let tagged = access.get("audTag").and_then(Value::as_array).is_some_and(|tags| !tags.is_empty());
    if access.get("required") == Some(&Value::Bool(true)) && tagged && !is_set("teamName") {
        return Err(failed("access.TeamName cannot be blank when access.audTags are present"));
    }
    Ok(())
}

fn check_service(service: &str, bastion: bool) -> Result<(), String> {
    if service.starts_with("unix:") || service.starts_with("unix+tls:") {
        return Ok(());
    }
    if let Some(status) = service.strip_prefix("http_status:") {
        let known = status.parse::<u16>().is_ok_and(|status| (100..=999).contains(&status));
        return if known { Ok(()) } else { Err(failed(&format!("invalid HTTP status code: {status}"))) };
    }
    if bastion || matches!(service, "hello_world" | "hello-world" | "helloworld" | "bastion" | "socks-proxy") {
        return Ok(());
    }
    check_address(service)
}

/// `scheme://host[:port]` and nothing behind it, not even a slash.
fn check_address(service: &str) -> Result<(), String> {
    let incomplete = || failed(&format!("{service} is an invalid address, please make sure it has a scheme and a hostname"));
    let (scheme, rest) = service.split_once("://").ok_or_else(incomplete)?;
    let lettered = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    if !lettered || !scheme.chars().all(|symbol| symbol.is_ascii_alphanumeric() || "+-.".contains(symbol)) {
        return Err(incomplete());
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host_and_port.contains([' ', '"', '<', '>', '\\']) {
        return Err(failed(&format!("parse \"{service}\": invalid character in host name")));
    }
    let (host, port) = split_port(host_and_port);
    if host.is_empty() {
        return Err(incomplete());
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(failed(&format!("parse \"{service}\": invalid port \":{port}\" after host")));
    }
    if tail.starts_with('/') {
        return Err(failed(&format!(
            "{service} is an invalid address, ingress rules don't support proxying to a different path on the origin service. The path will be the same as the eyeball request's path"
        )));
    }
    Ok(())
}

fn split_port(authority: &str) -> (&str, &str) {
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':').unwrap_or(rest)),
        None => authority.rsplit_once(':').unwrap_or((authority, "")),
    }
}

fn failed(reason: &str) -> String {
    format!("Validation failed: {reason}")
}

/// The shape of Go's complaint about a JSON value of the wrong type.
pub(super) fn undecodable(field: &str, wanted: &str) -> String {
    format!("json: cannot unmarshal value into Go struct field {field} of type {wanted}")
}
