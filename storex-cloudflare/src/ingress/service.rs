//! Where a rule sends its requests (`validateIngress` in cloudflared's `ingress/ingress.go`).

use super::go_text::quoted;
use super::go_url::GoUrl;
use super::origin_request::OriginRequest;
use super::{Invalid, Stricter};

/// Checks a service. `bastion` is what `bastionMode` says for this rule: it makes any address right.
///
/// Answers what storex refuses of what cloudflared accepts.
///
/// # Errors
/// In cloudflared's words.
pub(super) fn check(service: &str, request: OriginRequest<'_>, bastion: bool) -> Result<Option<(Stricter, String)>, Invalid> {
    if service.starts_with("unix:") || service.starts_with("unix+tls:") {
        return Ok(None);
    }
    if let Some(status) = service.strip_prefix("http_status:") {
        return check_status(status).map(|()| None);
    }
    match service {
        "hello_world" | "hello-world" | "bastion" => Ok(None),
        "socks-proxy" => request.check_ip_rules().map(|()| None),
        _ if bastion => Ok(None),
        address => check_address(address),
    }
}

/// `scheme://host[:port]` and no path, not even a slash. Any scheme will do: those that are not HTTP are spoken as TCP.
fn check_address(service: &str) -> Result<Option<(Stricter, String)>, Invalid> {
    let refused = |reason: &str| Err(Invalid::by_cloudflared(format!("{service} is an invalid address, {reason}")));
    let url = GoUrl::parse(service).map_err(Invalid::by_cloudflared)?;
    if url.scheme.is_empty() || url.host().is_empty() {
        return refused("please make sure it has a scheme and a hostname");
    }
    if !url.path.is_empty() {
        return refused(
            "ingress rules don't support proxying to a different path on the origin service. The path will be the same as the eyeball request's path",
        );
    }
    Ok(url.has_ambiguous_host().then(|| (Stricter::AmbiguousAddress, format!("service {service}"))))
}

/// The status of `http_status:NNN`.
///
/// # Errors
/// In cloudflared's words (`strconv.Atoi`).
fn check_status(status: &str) -> Result<(), Invalid> {
    let refused = |reason: String| Invalid::by_cloudflared(format!("invalid HTTP status code: {reason}"));
    let digits = status.strip_prefix(['+', '-']).unwrap_or(status);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused(format!("strconv.Atoi: parsing {}: invalid syntax", quoted(status))));
    }
    match status.parse::<i64>() {
        Err(_) => Err(refused(format!("strconv.Atoi: parsing {}: value out of range", quoted(status)))),
        Ok(number) if !(100..=999).contains(&number) => Err(refused(number.to_string())),
        Ok(_) => Ok(()),
    }
}
