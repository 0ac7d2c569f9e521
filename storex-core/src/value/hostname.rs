//! DNS host names in one canonical spelling, and what makes one usable as a store's custom domain.

use super::text_serde;
use crate::{Code, Error, Result};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A DNS host name in canonical form.
///
/// Invariants: lower-case A-labels (punycode), letters, digits and hyphens only, 2 or more labels of 1 to 63 bytes, at most 253 bytes,
/// no trailing dot, top label not numeric, no IP address. Equal names have equal spellings.
///
/// ```
/// use storex_core::Hostname;
/// let name: Hostname = "OceanBreezeStore.COM.".parse()?;
/// assert_eq!(name.as_str(), "oceanbreezestore.com");
/// assert_eq!("bücher.de".parse::<Hostname>()?.as_str(), "xn--bcher-kva.de");
/// # Ok::<(), storex_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hostname(String);

/// Top-level names that never lead to the public internet (RFC 6761 and its registry, RFC 7686, RFC 9476).
const SPECIAL_USE: &[&str] =
    &["local", "internal", "onion", "arpa", "test", "invalid", "localhost", "example", "alt", "home", "lan", "corp"];

impl Hostname {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when `self` is `other` or lies below it, by whole labels.
    ///
    /// ```
    /// use storex_core::Hostname;
    /// let platform: Hostname = "storex.com".parse()?;
    /// assert!("a.storex.com".parse::<Hostname>()?.is_within(&platform));
    /// assert!(!"evilstorex.com".parse::<Hostname>()?.is_within(&platform));
    /// # Ok::<(), storex_core::Error>(())
    /// ```
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_suffix(other.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// The name with one more label in front.
    ///
    /// # Errors
    /// `invalid_domain` when the result is no host name.
    pub fn below(&self, label: &str) -> Result<Self> {
        format!("{label}.{}", self.0).parse()
    }

    /// Checks that the name can be the custom domain of a store on the platform `primary`: registrable (exactly one label below a
    /// public suffix, since a Cloudflare zone is made of it), not special-use, and not the platform's own.
    ///
    /// The public suffix list is the one compiled into the `psl` crate, private section included.
    ///
    /// # Errors
    /// `invalid_domain` with the reason and the name to use instead where there is one.
    pub fn check_custom_domain(&self, primary: &Self) -> Result<()> {
        let apex = self.check_owned(primary)?;
        if apex == self.0 {
            return Ok(());
        }
        unusable(format!(
            "{self} lies below the registrable domain {apex}; send {apex}, or the domain_strategy custom_hostname for this name alone"
        ))
    }

    /// Checks that the name can be a custom hostname of the platform `primary`: registrable or below such a name, not special-use, not the
    /// platform's own, at most 64 characters (the common name of its certificate: Cloudflare docs, "Cloudflare for SaaS: troubleshooting").
    ///
    /// The apex of a domain can hold no CNAME (RFC 1034 §3.6.2), and only Enterprise plans have addresses for it (Cloudflare docs, "Apex proxying"):
    /// it is refused unless `apex` says that its DNS host flattens aliases, or that the plan has them.
    ///
    /// # Errors
    /// `invalid_domain` with the reason and what to do instead.
    pub fn check_custom_hostname(&self, primary: &Self, apex: bool) -> Result<()> {
        let registrable = self.check_owned(primary)?;
        if self.0.len() > 64 {
            return unusable(format!("{self} is longer than the 64 characters a custom hostname may have"));
        }
        if registrable == self.0 && !apex {
            return unusable(format!(
                "{self} is the apex of its domain, where DNS allows no CNAME; send www.{self}, or the domain_strategy zone, or \
                 apex_flattening true when its DNS host flattens aliases (ALIAS, ANAME)"
            ));
        }
        Ok(())
    }

    /// Checks that somebody can own the name and it is not ours; answers its registrable domain.
    fn check_owned(&self, primary: &Self) -> Result<&str> {
        if self.is_within(primary) || primary.is_within(self) {
            return unusable(format!(
                "{self} is the platform's own domain or part of it; every store has its name below {primary} anyway"
            ));
        }
        if self.0.rsplit('.').next().is_some_and(|top| SPECIAL_USE.contains(&top)) {
            return unusable(format!("{self} ends in a name reserved for special use and cannot be reached from the internet"));
        }
        match psl::domain_str(&self.0) {
            None => unusable(format!("{self} is a public suffix; nobody can own it")),
            Some(registrable) => Ok(registrable),
        }
    }
}

fn unusable<T>(why: String) -> Result<T> {
    Err(Error::new(Code::InvalidDomain, why).pointer("/domain"))
}

fn refuse<T>(text: &str, why: &str) -> Result<T> {
    let shown: String = text.chars().take(80).collect();
    Err(Error::new(Code::InvalidDomain, format!("{shown:?} {why}")).pointer("/domain"))
}

/// Signs of something that is not a bare host name, each with the reason it is refused.
const NOT_A_NAME: &[(char, &str)] = &[
    ('*', "is a wildcard; send one host name"),
    ('/', "holds a path or a scheme; send the bare host name"),
    (':', "holds a port or a scheme; send the bare host name"),
    ('@', "holds user information; send the bare host name"),
    ('_', "holds an underscore, which no host name has"),
    ('%', "is percent-encoded; send the plain host name"),
];

impl FromStr for Hostname {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return refuse(text, "is empty");
        }
        if text.len() > 1024 {
            return refuse(text, "is longer than 253 bytes");
        }
        if let Some((_, why)) = NOT_A_NAME.iter().find(|(sign, _)| text.contains(*sign)) {
            return refuse(text, why);
        }
        let bare = text.strip_suffix('.').unwrap_or(text);
        if bare.parse::<IpAddr>().is_ok() || bare.starts_with('[') {
            return refuse(text, "is an IP address; send a host name");
        }
        // Strict UTS 46 processing refuses disallowed characters and non-canonical punycode (idna >= 1.0, RUSTSEC-2024-0421).
        let Ok(name) = idna::domain_to_ascii_strict(bare) else {
            return refuse(text, "is not a valid internationalised host name");
        };
        check_labels(text, &name)?;
        Ok(Self(name))
    }
}

fn check_labels(text: &str, name: &str) -> Result<()> {
    if name.len() > 253 {
        return refuse(text, "is longer than 253 bytes");
    }
    let mut count = 0;
    let mut top = "";
    for label in name.split('.') {
        count += 1;
        top = label;
        if label.is_empty() || label.len() > 63 {
            return refuse(text, "has a label that is empty or longer than 63 bytes");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return refuse(text, "has a label that begins or ends with a hyphen");
        }
        if !label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return refuse(text, "holds a character no host name has");
        }
    }
    if count < 2 {
        return refuse(text, "is a single label; send a domain such as example-shop.com");
    }
    // Resolvers read 0x7f.1 and 2130706433 as addresses; a numeric top label is the sign of all such forms.
    if top.bytes().all(|b| b.is_ascii_digit()) || (top.starts_with("0x") && top[2..].bytes().all(|b| b.is_ascii_hexdigit())) {
        return refuse(text, "reads as an IP address; send a host name");
    }
    Ok(())
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_serde!(Hostname);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_name_are_equal() {
        let name: Hostname = "oceanbreezestore.com".parse().unwrap();
        for other in ["OceanBreezeStore.com", "oceanbreezestore.com.", "ＯceanbreezeStore.com", "oceanbreezestore。com"] {
            assert_eq!(other.parse::<Hostname>().expect(other), name, "{other}");
        }
    }

    #[test]
    fn what_is_no_host_name_is_refused_with_a_pointer() {
        let label64 = format!("{}.com", "a".repeat(64));
        let long = format!("{}com", "a.".repeat(130));
        for bad in [
            "",
            ".",
            "..",
            "a..b.com",
            "com",
            "-a.com",
            "a-.com",
            "a.com..",
            "a\0.com",
            "a.com\r\n",
            "http://a.com",
            "a.com:80",
            "a.com/",
            "u@a.com",
            "[::1]",
            "127.0.0.1",
            "::1",
            "2130706433",
            "0x7f.1",
            "1.2.3",
            "1.2.3.4.",
            "*.a.com",
            "a_b.com",
            "a.com#",
            "%2e.com",
            "a b.com",
            "xn--a.com",
            "xn--.com",
            "a.0x7f",
            label64.as_str(),
            long.as_str(),
        ] {
            let error = bad.parse::<Hostname>().expect_err(bad);
            assert_eq!((error.code(), error.pointer_str()), (Code::InvalidDomain, Some("/domain")), "{bad:?}");
        }
    }

    #[test]
    fn only_registrable_domains_outside_the_platform_can_be_custom() {
        let primary: Hostname = "storex.com".parse().unwrap();
        for bad in [
            "storex.com",
            "a.storex.com",
            "a.b.storex.com",
            "co.uk",
            "github.io",
            "shop.example-store.com",
            "shop.local",
            "a.onion",
            "shop.test",
            "x.invalid",
        ] {
            assert!(bad.parse::<Hostname>().unwrap().check_custom_domain(&primary).is_err(), "{bad}");
        }
        for good in ["oceanbreezestore.com", "evilstorex.com", "laden.co.uk", "someone.github.io", "xn--bcher-kva.de"] {
            good.parse::<Hostname>().unwrap().check_custom_domain(&primary).expect(good);
        }
    }

    #[test]
    fn a_custom_hostname_may_lie_below_a_registrable_domain_and_its_apex_needs_flattening() {
        let primary: Hostname = "storex.com".parse().unwrap();
        let check = |name: &str, apex: bool| name.parse::<Hostname>().unwrap().check_custom_hostname(&primary, apex);
        for good in ["www.oceanbreezestore.com", "a.b.laden.co.uk", "shop.someone.github.io"] {
            check(good, false).expect(good);
        }
        let error = check("oceanbreezestore.com", false).unwrap_err();
        for part in ["www.oceanbreezestore.com", "domain_strategy zone", "apex_flattening true"] {
            assert!(error.message().contains(part), "{error}");
        }
        check("oceanbreezestore.com", true).unwrap();
        let long = format!("{}.{}.com", "a".repeat(30), "b".repeat(30));
        for bad in ["a.storex.com", "co.uk", "shop.local", long.as_str()] {
            assert!(check(bad, true).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent_and_output_is_plain(text in "\\PC{0,60}|[a-zA-Z0-9.-]{1,40}") {
            if let Ok(name) = text.parse::<Hostname>() {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.'));
                prop_assert_eq!(name.as_str().parse::<Hostname>().expect("canonical form parses"), name);
            }
        }
    }
}
