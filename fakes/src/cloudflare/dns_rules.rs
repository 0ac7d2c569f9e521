//! What makes a single record valid, and its canonical spelling. Codes seen in public reports: 9003, 9005, 9021, 9041,
//! 9300 below 1004, and 9313; 9000, 9002, 9006–9009, 9039, 9101 and 9312 are from memory and not confirmed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::dns_draft::Draft;
use super::envelope::Refusal;
use super::state::{Plan, Zone};

/// What a plan allows per zone (plan tables of the Cloudflare documentation).
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) records: usize,
    pub(super) comment: usize,
    pub(super) tags: usize,
    pub(super) batch: usize,
    /// Least time to live that is not automatic.
    pub(super) ttl: u64,
}

/// Seconds since 1970 of 2024-09-01T00:00:00Z: free zones made before have 1,000 records (documentation, "DNS records", limits).
const FEWER_RECORDS_SINCE: i64 = 1_725_148_800;

impl From<&Zone> for Allowance {
    fn from(zone: &Zone) -> Self {
        let free = if zone.created_on.as_second() < FEWER_RECORDS_SINCE { 1000 } else { 200 };
        match zone.plan {
            Plan::Free => Self { records: free, comment: 100, tags: 0, batch: 200, ttl: 60 },
            Plan::Pro | Plan::Business => Self { records: 3500, comment: 500, tags: 20, batch: 3500, ttl: 60 },
            Plan::Enterprise => Self { records: 3500, comment: 500, tags: 20, batch: 3500, ttl: 30 },
        }
    }
}

/// Checks a draft for `zone` and brings it into canonical spelling: full lower-case punycode names, content without a
/// trailing dot, quoted TXT, automatic time to live when proxied.
///
/// # Errors
/// 400/1004 with the cause in `error_chain`, or 400/9312 and 400/9313 for the comment.
pub(super) fn examine(mut draft: Draft, zone: &str, allowance: Allowance) -> Result<Draft, Refusal> {
    draft.name = full_name(&draft.name, zone).ok_or_else(|| invalid(9000, "DNS name is invalid.", "/name"))?;
    draft.content = content(&draft)?;
    if draft.ttl != 1 && !(allowance.ttl..=86_400).contains(&draft.ttl) {
        let text = format!("TTL must be between {} and 86400 seconds, or 1 for Automatic.", allowance.ttl);
        return Err(invalid(9021, text, "/ttl"));
    }
    if draft.proxied {
        check_proxied(&draft)?;
        draft.ttl = 1;
    }
    draft.priority = match (draft.kind.as_str(), draft.priority) {
        ("MX", None) => return Err(invalid(9101, "priority is a required field.", "/priority")),
        ("MX", Some(priority)) if priority > u64::from(u16::MAX) => {
            return Err(invalid(9101, "priority must be between 0 and 65535.", "/priority"));
        }
        ("MX", priority) => priority,
        ("SRV", _) => draft.data.as_ref().and_then(|data| data.get("priority")).and_then(Value::as_u64),
        _ => None,
    };
    check_remarks(&draft, allowance)?;
    Ok(draft)
}

fn invalid(code: i64, message: impl Into<String>, pointer: &str) -> Refusal {
    Refusal::new(400, 1004, "DNS Validation Error").caused_by(code, message).at(pointer)
}

/// `@`, a relative name or a full name to the full name in `zone`; `None` when it is no DNS name.
pub(super) fn full_name(given: &str, zone: &str) -> Option<String> {
    let name = idna::domain_to_ascii(given.trim().trim_end_matches('.')).ok()?;
    if name == "@" || name == zone {
        return Some(zone.to_owned());
    }
    let full = if name.ends_with(&format!(".{zone}")) { name } else { format!("{name}.{zone}") };
    let (first, rest) = full.split_once('.')?;
    ((first == "*" || is_label(first)) && rest.split('.').all(is_label) && full.len() <= 253).then_some(full)
}

/// A host name in a record's content, lower case, without trailing dot; `None` when it is none (an address is none).
pub(super) fn host(given: &str) -> Option<String> {
    let name = idna::domain_to_ascii(given.trim_end_matches('.')).ok()?;
    (name.split('.').all(is_label) && name.parse::<IpAddr>().is_err() && name.len() <= 253).then_some(name)
}

/// Underscores are fine in record names (`_acme-challenge`).
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_')
}

fn content(draft: &Draft) -> Result<String, Refusal> {
    let given = draft.content.as_str();
    let wrong = |code, message: &str| invalid(code, message, "/content");
    match draft.kind.as_str() {
        "A" => match given.parse::<Ipv4Addr>() {
            Ok(address) => Ok(address.to_string()),
            Err(_) => Err(wrong(9005, "Content for A record must be a valid IPv4 address.")),
        },
        "AAAA" => match given.parse::<Ipv6Addr>() {
            Ok(address) => Ok(address.to_string()),
            Err(_) => Err(wrong(9006, "Content for AAAA record must be a valid IPv6 address.")),
        },
        "CNAME" => match host(given) {
            Some(target) if target == draft.name => Err(wrong(9039, "CNAME content cannot reference itself.")),
            Some(target) => Ok(target),
            None => Err(wrong(9007, "Content for CNAME record is invalid.")),
        },
        "NS" => host(given).ok_or_else(|| wrong(9008, "Content for NS record must be a hostname.")),
        "MX" | "PTR" => host(given).ok_or_else(|| wrong(9009, &format!("Content for {} record must be a hostname.", draft.kind))),
        "TXT" if given.is_empty() => Err(wrong(9002, "Content for TXT record is required.")),
        "TXT" => quoted(given).ok_or_else(|| wrong(9002, "Content for TXT record is invalid.")),
        "SRV" => structured(draft, &["priority", "weight", "port", "target"]),
        "CAA" => structured(draft, &["flags", "tag", "value"]),
        other => Err(invalid(9002, format!("DNS record type \"{other}\" is invalid."), "/type")),
    }
}

/// Properties of a CAA record (RFC 8659 §4, RFC 9495 and the CA/Browser Forum's contact properties), which Cloudflare offers.
const CAA_TAGS: [&str; 6] = ["issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone"];

/// SRV and CAA carry their content in `data`; the text is derived.
fn structured(draft: &Draft, fields: &[&str]) -> Result<String, Refusal> {
    let data = draft.data.as_ref().and_then(Value::as_object);
    let words: Option<Vec<String>> = fields
        .iter()
        .map(|field| match (*field, data.and_then(|data| data.get(*field))) {
            ("value", Some(Value::String(text))) if !text.contains(['"', '\\']) => Some(format!("\"{text}\"")),
            ("target", Some(Value::String(text))) => host(text),
            ("tag", Some(Value::String(text))) => CAA_TAGS.contains(&text.as_str()).then(|| text.clone()),
            (field, Some(Value::Number(number))) => {
                let most = if field == "flags" { 255 } else { 65_535 };
                number.as_u64().filter(|number| *number <= most).map(|number| number.to_string())
            }
            _ => None,
        })
        .collect();
    let message = format!("data for {} record needs {}.", draft.kind, fields.join(", "));
    words.map(|words| words.join(" ")).ok_or_else(|| invalid(9101, message, "/data"))
}

/// TXT content as quoted strings of at most 255 bytes; text without quotes is quoted and split. `None` when quotes do
/// not pair up.
fn quoted(given: &str) -> Option<String> {
    if !given.starts_with('"') {
        let mut strings = vec![String::new()];
        for symbol in given.chars() {
            let unit = if matches!(symbol, '\\' | '"') { format!("\\{symbol}") } else { symbol.to_string() };
            if strings.last().is_some_and(|last| last.len() + unit.len() > 255) {
                strings.push(String::new());
            }
            strings.last_mut()?.push_str(&unit);
        }
        return Some(strings.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(" "));
    }
    let (mut inside, mut escaped, mut length) = (false, false, 0_usize);
    for symbol in given.chars() {
        match symbol {
            '"' if !escaped => (inside, length) = (!inside, 0),
            _ if !inside && !symbol.is_whitespace() => return None,
            _ => length += symbol.len_utf8(),
        }
        if length > 255 {
            return None;
        }
        escaped = symbol == '\\' && !escaped;
    }
    (!inside).then(|| given.to_owned())
}

fn check_proxied(draft: &Draft) -> Result<(), Refusal> {
    if !matches!(draft.kind.as_str(), "A" | "AAAA" | "CNAME") {
        return Err(invalid(9041, "This DNS record type cannot be proxied.", "/proxied"));
    }
    let private = match draft.content.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            address.is_private() || address.is_loopback() || address.is_link_local() || address.is_unspecified()
        }
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local() || address.is_unspecified()
        }
        Err(_) => false,
    };
    if private {
        return Err(invalid(9003, format!("Target {} is not allowed for a proxied record.", draft.content), "/content"));
    }
    Ok(())
}

fn check_remarks(draft: &Draft, allowance: Allowance) -> Result<(), Refusal> {
    let comment = draft.comment.as_deref().unwrap_or_default();
    if comment.chars().count() > allowance.comment {
        let text = format!("DNS record comment exceeds the maximum length of {} characters.", allowance.comment);
        return Err(Refusal::new(400, 9313, text).at("/comment"));
    }
    if comment.contains(['\n', '\r']) {
        return Err(Refusal::new(400, 9312, "DNS record comment contains invalid characters.").at("/comment"));
    }
    if draft.tags.len() > allowance.tags {
        let text = format!("DNS record has {} tags, exceeding the quota of {}.", draft.tags.len(), allowance.tags);
        return Err(invalid(9300, text, "/tags"));
    }
    let is_tag = |tag: &String| {
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && value.chars().count() <= 100
    };
    if draft.tags.iter().all(is_tag) { Ok(()) } else { Err(invalid(9301, "DNS record tag is invalid.", "/tags")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_full_lower_case_punycode() {
        for (given, full) in [
            ("@", "shop.com"),
            ("shop.com", "shop.com"),
            ("WWW", "www.shop.com"),
            ("www.shop.com.", "www.shop.com"),
            ("*", "*.shop.com"),
            ("*.deep", "*.deep.shop.com"),
            ("_acme-challenge.www", "_acme-challenge.www.shop.com"),
            ("www.other.com", "www.other.com.shop.com"),
            ("bücher", "xn--bcher-kva.shop.com"),
        ] {
            assert_eq!(full_name(given, "shop.com").as_deref(), Some(full), "{given}");
        }
        for given in ["", "a..b", "-a", "a b", "a.*.b", "*a", &"x".repeat(64)] {
            assert_eq!(full_name(given, "shop.com"), None, "{given}");
        }
    }

    #[test]
    fn text_is_quoted_once_and_split_at_255_bytes() {
        assert_eq!(quoted("v=spf1 -all").as_deref(), Some("\"v=spf1 -all\""));
        assert_eq!(quoted("\"v=spf1 -all\"").as_deref(), Some("\"v=spf1 -all\""));
        assert_eq!(quoted("say \"hi\"").as_deref(), Some(r#""say \"hi\"""#));
        let long = quoted(&"a".repeat(600)).expect("text");
        assert_eq!(long.split(' ').map(|part| part.len() - 2).collect::<Vec<_>>(), [255, 255, 90]);
        assert_eq!(quoted(&long).as_deref(), Some(long.as_str()), "quoting twice changes nothing");
        let odd = quoted(&format!("{}\"{}", "a".repeat(254), "b".repeat(10))).expect("text");
        assert_eq!(quoted(&odd).as_deref(), Some(odd.as_str()), "no escape is cut in two");
        for broken in ["\"open", "\"a\" b", &format!("\"{}\"", "a".repeat(256))] {
            assert_eq!(quoted(broken), None, "{broken}");
        }
    }
}
