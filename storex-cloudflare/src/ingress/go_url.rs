//! Go's reading of a URL (`net/url/url.go`), since cloudflared reads services and requests with it: the host as it is written, in its own case and
//! script, and the path decoded.

use super::go_text::{quoted, text_of};
use std::net::Ipv6Addr;

/// The parts of a URL that decide something here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GoUrl {
    /// In lower case; empty when there is none.
    pub(super) scheme: String,
    /// Host and port.
    authority: String,
    /// The decoded path.
    pub(super) path: String,
}

impl GoUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Go's own text.
    pub(super) fn parse(raw: &str) -> Result<Self, String> {
        let (url, fragment) = raw.split_once('#').unwrap_or((raw, ""));
        let failed = |url: &str, reason: String| format!("parse {}: {reason}", quoted(url));
        let parsed = parse(url).map_err(|reason| failed(url, reason))?;
        unescape(fragment, Part::Rest).map_err(|reason| failed(raw, reason))?;
        Ok(parsed)
    }

    /// The host without port and brackets.
    pub(super) fn host(&self) -> &str {
        let host = match self.authority.rfind(':') {
            Some(at) if self.authority.get(at..).is_some_and(is_optional_port) => self.authority.get(..at).unwrap_or_default(),
            _ => &self.authority,
        };
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// Whether newer versions of Go refuse this host: brackets around what is no IPv6 address, or behind something else (since 1.25.2); several colons
    /// without brackets in http and https (since 1.26).
    pub(super) fn has_ambiguous_host(&self) -> bool {
        match self.authority.rfind('[') {
            Some(0) => {
                let address = self.authority.rsplit_once(']').map_or("", |(address, _)| address);
                let address = address.strip_prefix('[').unwrap_or(address);
                let (address, zone) = address.split_once('%').unwrap_or((address, "-"));
                address.parse::<Ipv6Addr>().is_err() || zone.is_empty()
            }
            Some(_) => true,
            None => matches!(self.scheme.as_str(), "http" | "https") && self.authority.matches(':').count() > 1,
        }
    }
}

fn parse(raw: &str) -> Result<GoUrl, String> {
    if raw.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let (scheme, rest) = split_scheme(raw)?;
    let scheme = scheme.to_ascii_lowercase();
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    let bare = |path: String| GoUrl { scheme: scheme.clone(), authority: String::new(), path };
    if raw == "*" {
        return Ok(bare("*".to_owned()));
    }
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            // "mailto:name" and the like: neither host nor path.
            return Ok(bare(String::new()));
        }
        if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let with_host = rest.strip_prefix("//").filter(|_| !scheme.is_empty() || !rest.starts_with("///"));
    let (authority, path) = match with_host {
        Some(rest) => rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, "")),
        None => ("", rest),
    };
    let authority = parse_authority(authority)?;
    Ok(GoUrl { authority, ..bare(unescape(path, Part::Rest)?) })
}

/// The scheme, if there is one, and what follows its colon.
fn split_scheme(raw: &str) -> Result<(&str, &str), String> {
    for (at, byte) in raw.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((raw.get(..at).unwrap_or_default(), raw.get(at + 1..).unwrap_or_default())),
            _ => break,
        }
    }
    Ok(("", raw))
}

fn parse_authority(authority: &str) -> Result<String, String> {
    let Some((user, host)) = authority.rsplit_once('@') else { return parse_host(authority) };
    let host = parse_host(host)?;
    if !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    unescape(user, Part::Rest)?;
    Ok(host)
}

fn parse_host(host: &str) -> Result<String, String> {
    let port = if host.starts_with('[') {
        let end = host.rfind(']').ok_or("missing ']' in host")?;
        host.get(end + 1..)
    } else {
        host.rfind(':').and_then(|at| host.get(at..))
    };
    let port = port.unwrap_or_default();
    if !is_optional_port(port) {
        return Err(format!("invalid port {} after host", quoted(port)));
    }
    let zone = host.rfind(']').and_then(|end| host.get(..end)?.find("%25").map(|zone| (zone, end)));
    match zone {
        Some((zone, end)) if host.starts_with('[') => {
            let part = |range: std::ops::Range<usize>| host.get(range).unwrap_or_default();
            let address = unescape(part(0..zone), Part::Host)?;
            let zone = unescape(part(zone..end), Part::Zone)?;
            Ok(address + &zone + &unescape(part(end..host.len()), Part::Host)?)
        }
        _ => unescape(host, Part::Host),
    }
}

fn is_optional_port(port: &str) -> bool {
    port.is_empty() || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Which part is decoded: hosts allow less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Host,
    Zone,
    Rest,
}

fn unescape(text: &str, part: Part) -> Result<String, String> {
    let invalid = |escape: &str| Err(format!("invalid URL escape {}", quoted(escape)));
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if byte != b'%' {
            if part != Part::Rest && byte.is_ascii() && !is_host_byte(byte) {
                return Err(format!("invalid character {} in host name", quoted(&char::from(byte).to_string())));
            }
            decoded.push(byte);
            continue;
        }
        let digit = |offset: usize| text.as_bytes().get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        let Some(value) = digit(1).zip(digit(2)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) else {
            return invalid(&text_of(text.as_bytes().get(at..).unwrap_or_default().iter().take(3).copied()));
        };
        let allowed = match part {
            Part::Rest => true,
            Part::Host => !value.is_ascii() || value == b'%',
            Part::Zone => value == b'%' || value == b' ' || is_host_byte(value),
        };
        if !allowed {
            return invalid(text.get(at..at + 3).unwrap_or_default());
        }
        decoded.push(value);
        bytes.nth(1);
    }
    Ok(text_of(decoded))
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$&'()*+,;=:[]<>\"-_.~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> (String, String, String) {
        let url = GoUrl::parse(raw).unwrap_or_else(|error| panic!("{error}"));
        (url.scheme.clone(), url.host().to_owned(), url.path)
    }

    #[test]
    fn a_url_is_read_as_go_reads_it() {
        let parts = [
            ("HTTPS://A.B:443/x%2Fy?q#f", ("https", "A.B", "/x/y")),
            ("https://MÜNCHEN.de", ("https", "MÜNCHEN.de", "")),
            ("http://[::1]:80/", ("http", "::1", "/")),
            ("http://[fe80::1%25en0]", ("http", "fe80::1%en0", "")),
            ("http://user:p%40ss@h/p", ("http", "h", "/p")),
            ("localhost:3000", ("localhost", "", "")),
            ("//h/p", ("", "h", "/p")),
            ("///p", ("", "", "///p")),
            ("/p", ("", "", "/p")),
            ("http://h?q", ("http", "h", "")),
            ("http://h/%ff", ("http", "h", "/\u{fffd}")),
        ];
        for (raw, (scheme, host, path)) in parts {
            assert_eq!(read(raw), (scheme.to_owned(), host.to_owned(), path.to_owned()), "{raw}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        let refusals = [
            ("://x", r#"parse "://x": missing protocol scheme"#),
            ("http://h:x", r#"parse "http://h:x": invalid port ":x" after host"#),
            ("http://a b", r#"parse "http://a b": invalid character " " in host name"#),
            ("http://[::1", r#"parse "http://[::1": missing ']' in host"#),
            ("http://h/%zz", r#"parse "http://h/%zz": invalid URL escape "%zz""#),
            ("http://h%41", r#"parse "http://h%41": invalid URL escape "%41""#),
            ("a:b/c d:e\n", r#"parse "a:b/c d:e\n": net/url: invalid control character in URL"#),
            ("1a:b", r#"parse "1a:b": first path segment in URL cannot contain colon"#),
            ("http://u^@h", r#"parse "http://u^@h": net/url: invalid userinfo"#),
            ("http://h#%", "parse \"http://h#%\": invalid URL escape \"%\""),
        ];
        for (raw, reason) in refusals {
            assert_eq!(GoUrl::parse(raw), Err(reason.to_owned()), "{raw}");
        }
    }

    #[test]
    fn hosts_that_newer_versions_of_go_refuse_are_known() {
        let ambiguous = |raw: &str| GoUrl::parse(raw).is_ok_and(|url| url.has_ambiguous_host());
        assert!(
            ambiguous("http://a:b:80") && ambiguous("http://::1:80") && ambiguous("http://[a.b]:80") && ambiguous("http://a[b]")
        );
        assert!(
            !ambiguous("http://a:80")
                && !ambiguous("http://[::1]:80")
                && !ambiguous("http://[fe80::1%25en0]")
                && !ambiguous("tcp://a:b:80")
        );
    }
}
