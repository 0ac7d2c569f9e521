//! The host name of a rule: which are allowed, which request hosts they match (`validateHostname` and `matchHost` in cloudflared's
//! `ingress/ingress.go`, `Matches` in `ingress/rule.go`).

use super::Invalid;
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

/// Checks the host name of rule `index` (from 0) of `total`, which has a path or not.
///
/// # Errors
/// In cloudflared's words.
pub(super) fn check(hostname: &str, has_path: bool, index: usize, total: usize) -> Result<(), Invalid> {
    if split_port(hostname).is_some() {
        return Err(Invalid::by_cloudflared("Hostname cannot contain a port"));
    }
    if hostname.rfind('*').is_some_and(|at| at > 0) {
        return Err(Invalid::by_cloudflared(
            "Hostname patterns can have at most one wildcard character (\"*\") and it can only be used for subdomains, e.g. \"*.example.com\"",
        ));
    }
    match (matches_any(hostname) && !has_path, index + 1 == total) {
        (false, true) => Err(Invalid::by_cloudflared(
            "The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)",
        )),
        (true, false) => Err(Invalid::by_cloudflared(format!(
            "Rule #{} is matching the hostname '{hostname}', but this will match every hostname, meaning the rules which follow it will never be triggered.",
            index + 1
        ))),
        _ => Ok(()),
    }
}

/// Whether the host name stands for all of them.
pub(super) fn matches_any(hostname: &str) -> bool {
    matches!(hostname, "" | "*")
}

/// The end of the names a wildcard matches, its dot included, at any depth.
pub(super) fn wildcard_suffix(hostname: &str) -> Option<&str> {
    hostname.strip_prefix('*').filter(|suffix| suffix.starts_with('.'))
}

/// The host name's other form, if it has one: lower case and punycode (Go's `idna.Lookup.ToASCII`, which is UTS 46 with STD 3 rules, hyphens checked and
/// lengths not). A wildcard has none, since `*` is no character of a host name there.
pub(super) fn punycode(hostname: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(hostname.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Ignore).ok()?;
    (ascii != hostname).then(|| ascii.into_owned())
}

/// The host of `host:port`; none where there is no port (Go's `net.SplitHostPort`).
pub(super) fn split_port(text: &str) -> Option<&str> {
    let (before, port) = text.rsplit_once(':')?;
    if port.contains(['[', ']']) {
        return None;
    }
    match before.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').filter(|address| !address.contains(['[', ']'])),
        None => (!before.contains([':', '[', ']'])).then_some(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_what_go_takes_for_one() {
        let hosts = [
            ("a.com:80", Some("a.com")),
            ("a.com:", Some("a.com")),
            (":80", Some("")),
            ("[::1]:80", Some("::1")),
            ("a.com", None),
            ("::1", None),
            ("[::1]", None),
            ("[a]b:80", None),
            ("a]:80", None),
            ("[a]:8]", None),
        ];
        for (text, host) in hosts {
            assert_eq!(split_port(text), host, "{text}");
        }
    }

    #[test]
    fn the_other_form_is_lower_case_and_punycode_and_wildcards_have_none() {
        let forms = [
            ("MÜNCHEN-laden.de", Some("xn--mnchen-laden-dlb.de")),
            ("A.com.", Some("a.com.")),
            ("a.com", None),
            ("xn--mnchen-laden-dlb.de", None),
            ("*.münchen-laden.de", None),
            ("A_b.com", None),
            ("-A.com", None),
            ("AB--c.com", None),
        ];
        for (hostname, form) in forms {
            assert_eq!(punycode(hostname).as_deref(), form, "{hostname}");
        }
    }
}
