//! A whole record as it should be.

use super::{RecordContent, RecordName, RecordType, refused};
use crate::{Error, RecordFacts, Result};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Time to live of a record: automatic, or 60 to 86,400 seconds (Cloudflare docs, "Time to Live"; Enterprise's 30 is not offered).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ttl(u32);

impl Ttl {
    /// What the provider thinks best: 300 seconds at Cloudflare. Spelled 1.
    pub const AUTOMATIC: Self = Self(1);

    /// So many seconds; 1 is automatic.
    ///
    /// # Errors
    /// `invalid_field` at `/ttl` below 60 or above 86,400.
    pub fn seconds(seconds: u32) -> Result<Self> {
        if seconds == 1 || (60..=86_400).contains(&seconds) {
            return Ok(Self(seconds));
        }
        Err(refused("ttl", seconds, "is out of range", "send 60 to 86400 seconds, or 1 for automatic"))
    }

    /// The number providers spell; 1 is automatic.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Ttl {
    fn default() -> Self {
        Self::AUTOMATIC
    }
}

impl TryFrom<u32> for Ttl {
    type Error = Error;

    fn try_from(seconds: u32) -> Result<Self> {
        Self::seconds(seconds)
    }
}

impl From<Ttl> for u32 {
    fn from(ttl: Ttl) -> Self {
        ttl.get()
    }
}

/// A DNS record as it should be.
///
/// Invariants: the content fits the type; an alias does not lead to itself; a service's name begins `_service._protocol`; only what can be proxied is,
/// and then its time to live is automatic and its address public.
///
/// ```
/// use storex_core::{RecordSpec, RecordType};
/// let record = RecordSpec::parse(RecordType::Mx, "Shop.com.", "10 Mail.Shop.com.")?;
/// assert_eq!((record.name().as_str(), record.content().to_string().as_str()), ("shop.com", "10 mail.shop.com"));
/// # Ok::<(), storex_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct RecordSpec {
    name: RecordName,
    content: RecordContent,
    ttl: Ttl,
    proxied: bool,
}

/// The same as documents hold it.
#[derive(Debug, Serialize, Deserialize)]
struct Flat {
    #[serde(rename = "type")]
    record_type: RecordType,
    name: String,
    content: String,
    proxied: bool,
    #[serde(default, skip_serializing_if = "is_automatic")]
    ttl: Ttl,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
fn is_automatic(ttl: &Ttl) -> bool {
    *ttl == Ttl::AUTOMATIC
}

impl RecordSpec {
    /// A record that is not proxied, its time to live automatic.
    ///
    /// # Errors
    /// `invalid_field` when an alias leads to itself, or a service's name does not begin `_service._protocol` (RFC 2782).
    pub fn new(name: RecordName, content: RecordContent) -> Result<Self> {
        if let RecordContent::Cname(target) = &content
            && target.as_str() == name.as_str()
        {
            return Err(refused("content", target, "is the record's own name", "send the name it should lead to"));
        }
        let mut labels = name.as_str().split('.');
        let is_service = labels.next().zip(labels.next()).is_some_and(|(one, two)| one.starts_with('_') && two.starts_with('_'));
        if content.record_type() == RecordType::Srv && !is_service {
            return Err(refused("name", name, "names no service", "send one such as _sip._tcp.example-shop.com"));
        }
        Ok(Self { name, content, ttl: Ttl::AUTOMATIC, proxied: false })
    }

    /// The record of this type, name and content; see [`RecordContent::parse`].
    ///
    /// # Errors
    /// `invalid_field` with the pointer of the field that is wrong, the reason and the fix.
    pub fn parse(record_type: RecordType, name: &str, content: &str) -> Result<Self> {
        Self::new(name.parse()?, RecordContent::parse(record_type, content)?)
    }

    /// An alias.
    ///
    /// # Errors
    /// As [`RecordSpec::parse`].
    pub fn cname(name: &str, target: &str, proxied: bool) -> Result<Self> {
        Self::parse(RecordType::Cname, name, target)?.with_proxy(proxied)
    }

    /// The same, proxied by the edge or not. Proxied, the time to live is automatic.
    ///
    /// # Errors
    /// `invalid_field` at `/proxied` for a type that cannot be proxied, and for an address nobody on the internet can reach (Cloudflare's codes 9041 and
    /// 9003).
    pub fn with_proxy(mut self, proxied: bool) -> Result<Self> {
        let refuse = |why, fix| Err(refused("proxied", self.record_type(), why, fix));
        if proxied && !self.record_type().is_proxiable() {
            return refuse("records cannot be proxied", "send false, or an A, AAAA or CNAME record");
        }
        if proxied && self.content.address().is_some_and(is_unreachable) {
            return refuse("records of private or loopback addresses cannot be proxied", "send false, or a public address");
        }
        self.proxied = proxied;
        if proxied {
            self.ttl = Ttl::AUTOMATIC;
        }
        Ok(self)
    }

    /// The same with this time to live.
    ///
    /// # Errors
    /// `invalid_field` at `/ttl` for a proxied record, whose time to live is always automatic.
    pub fn with_ttl(mut self, ttl: Ttl) -> Result<Self> {
        if self.proxied && ttl != Ttl::AUTOMATIC {
            return Err(refused("ttl", ttl.get(), "is set on a proxied record", "send 1, or proxied false"));
        }
        self.ttl = ttl;
        Ok(self)
    }

    /// Full name.
    pub fn name(&self) -> &RecordName {
        &self.name
    }

    /// What it holds.
    pub fn content(&self) -> &RecordContent {
        &self.content
    }

    /// Its type.
    pub fn record_type(&self) -> RecordType {
        self.content.record_type()
    }

    /// Its time to live.
    pub fn ttl(&self) -> Ttl {
        self.ttl
    }

    /// Whether the edge proxies it.
    pub fn is_proxied(&self) -> bool {
        self.proxied
    }

    /// Whether `found` stands at this record's place: same type, same name.
    pub fn is_at(&self, found: &RecordFacts) -> bool {
        self.record_type().as_str() == found.record_type && self.name.as_str() == found.name
    }

    /// Whether `found` is this record, whoever made it, however its content is spelled.
    pub fn matches(&self, found: &RecordFacts) -> bool {
        self.is_at(found)
            && self.proxied == found.proxied
            && self.ttl.get() == found.ttl
            && found.typed_content().is_some_and(|content| content == self.content)
    }

    /// Whether both cannot stand in one zone: a CNAME excludes addresses and other CNAMEs of its name, and nothing stands twice (Cloudflare docs,
    /// "DNS record types"; codes 81053, 81054, 81057, 81058).
    pub fn excludes(&self, found: &RecordFacts) -> bool {
        let content = || found.typed_content();
        self.name.as_str() == found.name && self.excludes_content(&found.record_type, content)
    }

    /// The same of two records that are not there yet.
    pub fn excludes_spec(&self, other: &Self) -> bool {
        self.name == other.name && self.excludes_content(other.record_type().as_str(), || Some(other.content.clone()))
    }

    /// Checks that records asked for together can stand together.
    ///
    /// # Errors
    /// `invalid_field` at `/records` naming two of them that exclude each other.
    pub fn check_together(records: &[Self]) -> Result<()> {
        for (place, record) in records.iter().enumerate() {
            if let Some(other) = records.iter().take(place).find(|other| record.excludes_spec(other)) {
                let both = format!("{} {}", record.record_type(), record.name());
                let why = format!("cannot stand beside the {} record asked for with it", other.record_type());
                return Err(refused("records", both, &why, "send one of them"));
            }
        }
        Ok(())
    }

    fn excludes_content(&self, old: &str, content: impl FnOnce() -> Option<RecordContent>) -> bool {
        let is_address = |name: &str| matches!(name, "A" | "AAAA");
        let new = self.record_type().as_str();
        let aliased = new == "CNAME" && (old == "CNAME" || is_address(old)) || old == "CNAME" && is_address(new);
        aliased || new == old && content().is_some_and(|content| content.stands_for(&self.content))
    }
}

/// Whether an address is one Cloudflare refuses to proxy to: nobody on the internet can reach it.
fn is_unreachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private() || address.is_loopback() || address.is_link_local() || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local() || address.is_unspecified()
        }
    }
}

impl TryFrom<Flat> for RecordSpec {
    type Error = Error;

    fn try_from(flat: Flat) -> Result<Self> {
        Self::parse(flat.record_type, &flat.name, &flat.content)?.with_proxy(flat.proxied)?.with_ttl(flat.ttl)
    }
}

impl From<RecordSpec> for Flat {
    fn from(record: RecordSpec) -> Self {
        Self {
            record_type: record.record_type(),
            name: record.name.to_string(),
            content: record.content.to_string(),
            proxied: record.proxied,
            ttl: record.ttl,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_hold_a_record_as_they_always_did() {
        let old = json!({"type": "CNAME", "name": "www.shop.com", "content": "t.cfargotunnel.com", "proxied": true});
        let record: RecordSpec = serde_json::from_value(old.clone()).expect("a document of an earlier version");
        assert_eq!(record, RecordSpec::cname("WWW.shop.com.", "T.cfargotunnel.com", true).unwrap());
        assert_eq!(serde_json::to_value(&record).unwrap(), old);
        let timed =
            RecordSpec::parse(RecordType::Txt, "shop.com", "hello").unwrap().with_ttl(Ttl::seconds(300).unwrap()).unwrap();
        let document = serde_json::to_value(&timed).unwrap();
        assert_eq!(document["ttl"], 300);
        assert_eq!(serde_json::from_value::<RecordSpec>(document).unwrap(), timed);
    }

    #[test]
    fn what_can_never_be_accepted_cannot_be_written_down() {
        let record = |kind, name: &str, content: &str| RecordSpec::parse(kind, name, content);
        let pointer = |error: Error| error.pointer_str().map(str::to_owned);
        let refused = |outcome: Result<RecordSpec>| pointer(outcome.expect_err("it cannot stand"));
        let at = |pointer: &str| Some(pointer.to_owned());
        assert_eq!(refused(record(RecordType::Cname, "a.shop.com", "A.shop.com.")), at("/content"));
        assert_eq!(refused(record(RecordType::Srv, "sip.shop.com", "1 1 5060 sip.shop.com")), at("/name"));
        for (kind, name, content) in [
            (RecordType::Txt, "shop.com", "hello"),
            (RecordType::Mx, "shop.com", "10 mail.net.com"),
            (RecordType::Srv, "_sip._tcp.shop.com", "1 1 5060 sip.shop.com"),
            (RecordType::Caa, "shop.com", "0 issue ;"),
            (RecordType::A, "shop.com", "10.0.0.1"),
            (RecordType::A, "shop.com", "127.0.0.1"),
            (RecordType::Aaaa, "shop.com", "fd00::1"),
        ] {
            let record = record(kind, name, content).expect(content);
            assert_eq!(refused(record.with_proxy(true)), at("/proxied"), "{kind} {content}");
        }
        let proxied = RecordSpec::cname("a.shop.com", "b.shop.com", true).unwrap();
        assert_eq!(refused(proxied.with_ttl(Ttl::seconds(60).unwrap())), at("/ttl"));
        for seconds in [0, 2, 59, 86_401] {
            assert_eq!(pointer(Ttl::seconds(seconds).expect_err("out of range")), at("/ttl"));
        }
    }
}
