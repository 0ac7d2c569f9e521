//! What a record of each type holds.

use super::{DnsName, TxtText, refused};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Type of a DNS record storex writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum RecordType {
    /// IPv4 address.
    A,
    /// IPv6 address.
    Aaaa,
    /// Alias.
    Cname,
    /// Text.
    Txt,
    /// Mail exchanger.
    Mx,
    /// Location of a service.
    Srv,
    /// Which authorities may issue certificates.
    Caa,
}

impl RecordType {
    /// Every type.
    pub const ALL: [Self; 7] = [Self::A, Self::Aaaa, Self::Cname, Self::Txt, Self::Mx, Self::Srv, Self::Caa];

    /// The type as zone files and providers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Txt => "TXT",
            Self::Mx => "MX",
            Self::Srv => "SRV",
            Self::Caa => "CAA",
        }
    }

    /// Whether records of this type can be proxied (Cloudflare docs, "Proxy status": A, AAAA and CNAME only).
    pub fn is_proxiable(self) -> bool {
        matches!(self, Self::A | Self::Aaaa | Self::Cname)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RecordType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| refused("type", text, "is no record type storex writes", "send A, AAAA, CNAME, TXT, MX, SRV or CAA"))
    }
}

/// Property of a CAA record (RFC 8659 §4, RFC 9495, and the CA/Browser Forum's contact properties): those Cloudflare offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CaaTag {
    /// Who may issue certificates.
    Issue,
    /// Who may issue wildcard certificates.
    Issuewild,
    /// Where violations are reported.
    Iodef,
    /// Who may issue S/MIME certificates.
    Issuemail,
    /// E-mail address of the owner.
    Contactemail,
    /// Telephone number of the owner.
    Contactphone,
}

impl CaaTag {
    /// Every property.
    pub const ALL: [Self; 6] =
        [Self::Issue, Self::Issuewild, Self::Iodef, Self::Issuemail, Self::Contactemail, Self::Contactphone];

    /// The property as records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Issuewild => "issuewild",
            Self::Iodef => "iodef",
            Self::Issuemail => "issuemail",
            Self::Contactemail => "contactemail",
            Self::Contactphone => "contactphone",
        }
    }
}

impl FromStr for CaaTag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text));
        let fix = "send issue, issuewild, iodef, issuemail, contactemail or contactphone";
        found.ok_or_else(|| refused("tag", text, "is no property of a CAA record", fix))
    }
}

/// Value of a CAA record: 1 to 255 bytes of printable ASCII without quotes and backslashes, which providers spell in several ways.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaaValue(String);

impl CaaValue {
    /// The value, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CaaValue {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if text.is_empty() || text.len() > 255 || !text.bytes().all(plain) {
            let fix = "send an authority such as letsencrypt.org, or ; to allow none";
            return Err(refused("value", text, "is not 1 to 255 signs of plain ASCII without quotes", fix));
        }
        Ok(Self(text.to_owned()))
    }
}

/// What a record holds. Its text ([`Display`](fmt::Display), [`RecordContent::parse`]) is that of a zone file without trailing dots, a TXT record's
/// text without quotes: one spelling for each content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordContent {
    /// IPv4 address.
    A(Ipv4Addr),
    /// IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name to ask for.
    Cname(DnsName),
    /// Text.
    Txt(TxtText),
    /// Who takes mail.
    Mx {
        /// The lowest is tried first.
        priority: u16,
        /// The mail server.
        exchange: DnsName,
    },
    /// Where a service is (RFC 2782).
    Srv {
        /// The lowest is tried first.
        priority: u16,
        /// Share among those of the same priority.
        weight: u16,
        /// Port of the service.
        port: u16,
        /// Host of the service.
        target: DnsName,
    },
    /// Who may issue certificates (RFC 8659).
    Caa {
        /// 128: an authority that does not know the property must not issue; else 0.
        flags: u8,
        /// The property.
        tag: CaaTag,
        /// Its value.
        value: CaaValue,
    },
}

impl RecordContent {
    /// Reads the text of a record of this type: `10 mail.shop.com` for MX, `10 5 5060 sip.shop.com` for SRV, `0 issue "letsencrypt.org"` for CAA.
    ///
    /// # Errors
    /// `invalid_field` with the pointer of the part that is wrong, the reason and the fix.
    pub fn parse(record_type: RecordType, text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match (record_type, words.as_slice()) {
            (RecordType::A, _) => {
                let address = text.trim().parse().map(Self::A);
                address.map_err(|_| refused("content", text, "is no IPv4 address", "send one such as 198.51.100.7"))
            }
            (RecordType::Aaaa, _) => {
                let address = text.trim().parse().map(Self::Aaaa);
                address.map_err(|_| refused("content", text, "is no IPv6 address", "send one such as 2001:db8::7"))
            }
            (RecordType::Cname, _) => text.trim().parse().map(Self::Cname),
            (RecordType::Txt, _) => text.parse().map(Self::Txt),
            (RecordType::Mx, [priority, exchange]) => {
                Ok(Self::Mx { priority: number("priority", priority)?, exchange: exchange.parse()? })
            }
            (RecordType::Mx, _) => Err(refused(
                "content",
                text,
                "is no MX content",
                "send priority and mail server, such as 10 mail.example-shop.com",
            )),
            (RecordType::Srv, [priority, weight, port, target]) => Ok(Self::Srv {
                priority: number("priority", priority)?,
                weight: number("weight", weight)?,
                port: number("port", port)?,
                target: target.parse()?,
            }),
            (RecordType::Srv, _) => Err(refused(
                "content",
                text,
                "is no SRV content",
                "send priority, weight, port and target, such as 10 5 5060 sip.example-shop.com",
            )),
            (RecordType::Caa, [flags, tag, ..]) => {
                let value = text.trim_start().splitn(3, ' ').nth(2).unwrap_or_default().trim();
                let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
                Self::caa(number("flags", flags)?, tag.parse()?, value.parse()?)
            }
            (RecordType::Caa, _) => Err(refused(
                "content",
                text,
                "is no CAA content",
                "send flags, tag and value, such as 0 issue \"letsencrypt.org\"",
            )),
        }
    }

    /// A CAA content whose value fits its property.
    ///
    /// # Errors
    /// `invalid_field` at `/value` when a report address is no URL.
    pub fn caa(flags: u8, tag: CaaTag, value: CaaValue) -> Result<Self> {
        let is_url = ["mailto:", "http://", "https://"].iter().any(|scheme| value.as_str().starts_with(scheme));
        if tag == CaaTag::Iodef && !is_url {
            return Err(refused("value", value.as_str(), "is no address for reports", "send a mailto:, http:// or https:// URL"));
        }
        Ok(Self::Caa { flags, tag, value })
    }

    /// Its type.
    pub fn record_type(&self) -> RecordType {
        match self {
            Self::A(_) => RecordType::A,
            Self::Aaaa(_) => RecordType::Aaaa,
            Self::Cname(_) => RecordType::Cname,
            Self::Txt(_) => RecordType::Txt,
            Self::Mx { .. } => RecordType::Mx,
            Self::Srv { .. } => RecordType::Srv,
            Self::Caa { .. } => RecordType::Caa,
        }
    }

    /// Its address, when it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::A(address) => Some((*address).into()),
            Self::Aaaa(address) => Some((*address).into()),
            _ => None,
        }
    }

    /// Whether a provider takes both for one record that it holds once only: the same content, and for MX the same server whatever its priority
    /// (codes 81057 and 81058; a provider that allows both priorities loses nothing by one of them being changed).
    pub fn stands_for(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Mx { exchange: one, .. }, Self::Mx { exchange: other, .. }) => one == other,
            _ => self == other,
        }
    }
}

fn number<T: FromStr>(field: &str, text: &str) -> Result<T> {
    let fix = if field == "flags" { "send 0, or 128 for critical" } else { "send a number from 0 to 65535" };
    text.parse().map_err(|_| refused(field, text, "is no number that fits", fix))
}

impl fmt::Display for RecordContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(address) => address.fmt(f),
            Self::Aaaa(address) => address.fmt(f),
            Self::Cname(target) => target.fmt(f),
            Self::Txt(text) => text.fmt(f),
            Self::Mx { priority, exchange } => write!(f, "{priority} {exchange}"),
            Self::Srv { priority, weight, port, target } => write!(f, "{priority} {weight} {port} {target}"),
            Self::Caa { flags, tag, value } => write!(f, "{flags} {} \"{}\"", tag.as_str(), value.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_one_spelling_that_reads_back() {
        for (record_type, given, text) in [
            (RecordType::A, "198.51.100.7", "198.51.100.7"),
            (RecordType::Aaaa, "2001:0DB8:0:0:0:0:0:7", "2001:db8::7"),
            (RecordType::Cname, "Shops.MyPlatform.com.", "shops.myplatform.com"),
            (RecordType::Txt, "v=spf1 -all", "v=spf1 -all"),
            (RecordType::Mx, "10  Mail.Shop.com.", "10 mail.shop.com"),
            (RecordType::Srv, "10 5 5060 SIP.shop.com.", "10 5 5060 sip.shop.com"),
            (RecordType::Caa, "0 ISSUE letsencrypt.org", "0 issue \"letsencrypt.org\""),
            (RecordType::Caa, "128 issue \"ca.net; policy=ev\"", "128 issue \"ca.net; policy=ev\""),
            (RecordType::Caa, "0 iodef \"mailto:a@shop.com\"", "0 iodef \"mailto:a@shop.com\""),
        ] {
            let content = RecordContent::parse(record_type, given).expect(given);
            assert_eq!((content.to_string().as_str(), content.record_type()), (text, record_type));
            assert_eq!(RecordContent::parse(record_type, text).expect(text), content);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_reason_and_fix() {
        for (record_type, text, pointer) in [
            (RecordType::A, "256.0.0.1", "/content"),
            (RecordType::A, "2001:db8::7", "/content"),
            (RecordType::Aaaa, "198.51.100.7", "/content"),
            (RecordType::Cname, "198.51.100.7", "/content"),
            (RecordType::Cname, "*.shop.com", "/content"),
            (RecordType::Mx, "mail.shop.com", "/content"),
            (RecordType::Mx, "65536 mail.shop.com", "/priority"),
            (RecordType::Mx, "10 198.51.100.7", "/content"),
            (RecordType::Srv, "10 5 sip.shop.com", "/content"),
            (RecordType::Srv, "10 -1 5060 sip.shop.com", "/weight"),
            (RecordType::Srv, "10 5 70000 sip.shop.com", "/port"),
            (RecordType::Caa, "256 issue ca.net", "/flags"),
            (RecordType::Caa, "0 allow ca.net", "/tag"),
            (RecordType::Caa, "0 issue", "/value"),
            (RecordType::Caa, "0 iodef shop.com", "/value"),
            (RecordType::Caa, "0", "/content"),
        ] {
            let error = RecordContent::parse(record_type, text).expect_err(text);
            assert_eq!(error.pointer_str(), Some(pointer), "{record_type} {text}: {error}");
            assert!(error.message().contains("; send "), "{error}");
        }
        assert_eq!("ANY".parse::<RecordType>().expect_err("not written").pointer_str(), Some("/type"));
        assert_eq!("aaaa".parse::<RecordType>().unwrap(), RecordType::Aaaa);
    }

    #[test]
    fn the_same_mail_server_stands_once_whatever_its_priority() {
        let mx = |text| RecordContent::parse(RecordType::Mx, text).unwrap();
        assert!(mx("10 mail.shop.com").stands_for(&mx("20 mail.shop.com")));
        assert!(!mx("10 mail.shop.com").stands_for(&mx("10 mx.shop.com")));
    }
}
