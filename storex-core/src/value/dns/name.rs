//! Names as records spell them.

use super::refused;
use crate::value::text_serde;
use crate::{Error, Hostname, Result};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A name a record leads to, such as the target of a CNAME.
///
/// Invariants: lower-case A-labels (punycode) of letters, digits, hyphens and, unlike a [`Hostname`], underscores (`_dmarc`, RFC 8552); 2 or more
/// labels of 1 to 63 bytes, at most 253 bytes, no trailing dot, no IP address. Equal names have equal spellings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsName(String);

/// The name of a record: a [`DnsName`] whose first label may be `*`. Only a whole first label is a wildcard (RFC 4592 §2.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordName(String);

impl DnsName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RecordName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when the name is the zone's apex or lies below it, by whole labels.
    pub fn is_within(&self, zone: &Hostname) -> bool {
        self.0.strip_suffix(zone.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl FromStr for DnsName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fix = "send a full name such as mail.example-shop.com";
        canonical(text).map(Self).map_err(|why| refused("content", text, why, fix))
    }
}

impl FromStr for RecordName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fix = "send the full name, such as www.example-shop.com or *.example-shop.com";
        let (star, below) = text.strip_prefix("*.").map_or(("", text), |below| ("*.", below));
        let name = canonical(below).map_err(|why| refused("name", text, why, fix))?;
        if star.len() + name.len() > MOST {
            return Err(refused("name", text, TOO_LONG, fix));
        }
        Ok(Self(format!("{star}{name}")))
    }
}

/// Longest name as text (RFC 1035 §2.3.4, without the root's dot).
const MOST: usize = 253;
const TOO_LONG: &str = "is longer than 253 bytes";

fn canonical(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.len() > 1024 {
        return Err(TOO_LONG);
    }
    let bare = text.strip_suffix('.').unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() {
        return Err("is an IP address");
    }
    let Ok(name) = idna::domain_to_ascii(bare) else { return Err("is not a valid internationalised name") };
    if name.len() > MOST {
        return Err(TOO_LONG);
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("has a label that is empty or longer than 63 bytes");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("has a label that begins or ends with a hyphen");
        }
        if !label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')) {
            return Err("holds a character no DNS name has");
        }
    }
    match name.rsplit_once('.') {
        None => Err("is a single label"),
        Some((_, top)) if top.bytes().all(|byte| byte.is_ascii_digit()) => Err("reads as an IP address"),
        Some(_) => Ok(name),
    }
}

impl From<&Hostname> for DnsName {
    fn from(name: &Hostname) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl From<&Hostname> for RecordName {
    fn from(name: &Hostname) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_serde!(DnsName);
text_serde!(RecordName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_equal() {
        for (given, name) in [
            ("WWW.Shop.com.", "www.shop.com"),
            ("_acme-challenge.shop.com", "_acme-challenge.shop.com"),
            ("bücher.shop.com", "xn--bcher-kva.shop.com"),
            ("*.Shop.com", "*.shop.com"),
        ] {
            assert_eq!(given.parse::<RecordName>().expect(given).as_str(), name);
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_field_reason_and_fix() {
        let long = format!("{}com", "a.".repeat(130));
        for given in
            ["", ".", "com", "a..com", "-a.com", "a b.com", "192.0.2.1", "::1", "1.2.3", "a.*.com", "*a.com", "a.com/", &long]
        {
            let error = given.parse::<RecordName>().expect_err(given);
            assert_eq!(error.pointer_str(), Some("/name"), "{given}");
            assert!(error.message().contains("; send "), "{error}");
        }
        assert_eq!("*.a.com".parse::<DnsName>().expect_err("a wildcard leads nowhere").pointer_str(), Some("/content"));
    }

    #[test]
    fn a_name_is_within_its_zone_by_whole_labels() {
        let zone: Hostname = "shop.com".parse().unwrap();
        for (name, within) in [
            ("shop.com", true),
            ("*.shop.com", true),
            ("a.b.shop.com", true),
            ("evilshop.com", false),
            ("shop.com.evil.net", false),
        ] {
            assert_eq!(name.parse::<RecordName>().unwrap().is_within(&zone), within, "{name}");
        }
    }
}
