//! The name of a store: one DNS label, one directory, one process name.

use super::text_serde;
use crate::{Code, Error, Result};
use std::fmt;
use std::str::FromStr;

/// Name of a store.
///
/// Invariants: matches `^[a-z0-9](-?[a-z0-9])*$`, 1 to 32 bytes, not reserved. It is one DNS label (so the wildcard certificate covers
/// it), a directory name and part of a process name. Upper case is not folded: two spellings never mean one store.
///
/// ```
/// use storex_core::Username;
/// assert!("oceanbreeze".parse::<Username>().is_ok());
/// assert!("Ocean Breeze".parse::<Username>().is_err());
/// assert!("www".parse::<Username>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Username(String);

/// Names that would shadow infrastructure, mail or well-known hosts below the primary domain.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "acme",
    "admin",
    "administrator",
    "agent",
    "all",
    "api",
    "app",
    "apps",
    "assets",
    "auth",
    "autoconfig",
    "autodiscover",
    "backup",
    "billing",
    "blog",
    "cdn",
    "cloudflare",
    "console",
    "constructor",
    "control",
    "controller",
    "core",
    "daemon",
    "dashboard",
    "db",
    "default",
    "demo",
    "dev",
    "dns",
    "docs",
    "email",
    "fallback",
    "ftp",
    "git",
    "health",
    "help",
    "host",
    "hostmaster",
    "imap",
    "info",
    "internal",
    "isatap",
    "localhost",
    "login",
    "mail",
    "metrics",
    "mongodb",
    "monitor",
    "mx",
    "news",
    "nginx",
    "nobody",
    "noc",
    "ns",
    "ns1",
    "ns2",
    "ns3",
    "ns4",
    "null",
    "oauth",
    "operator",
    "ops",
    "owner",
    "platform",
    "pm2",
    "pop",
    "pop3",
    "postmaster",
    "prod",
    "proxy",
    "public",
    "root",
    "router",
    "sandbox",
    "secure",
    "security",
    "server",
    "shop",
    "shops",
    "sim",
    "simulator",
    "smtp",
    "ssh",
    "ssl",
    "staff",
    "staging",
    "static",
    "stats",
    "status",
    "store",
    "stores",
    "storex",
    "support",
    "sys",
    "system",
    "test",
    "tls",
    "tunnel",
    "undefined",
    "usenet",
    "uucp",
    "vpn",
    "web",
    "webmaster",
    "wpad",
    "www",
    "www1",
    "www2",
    "zone",
];

impl Username {
    /// Longest name, in bytes.
    pub const MAX: usize = 32;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: String| Err(Error::new(Code::InvalidUsername, why).pointer("/username"));
        if text.is_empty() {
            return refuse("the username is empty".into());
        }
        if text.len() > Self::MAX {
            return refuse(format!("the username has {} bytes; at most {} are possible", text.len(), Self::MAX));
        }
        if let Some(bad) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
            return refuse(format!("the username holds {bad:?}; only lower-case letters a-z, digits and hyphens are possible"));
        }
        if text.starts_with('-') || text.ends_with('-') || text.contains("--") {
            return refuse("a hyphen must stand alone between letters or digits".into());
        }
        if RESERVED.contains(&text) {
            return refuse(format!("the username {text:?} is reserved for the platform"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_serde!(Username);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_could_escape_a_label_or_a_path_are_refused() {
        for bad in [
            "",
            "-rf",
            "..",
            "a/b",
            "a\\b",
            "a;b",
            "$(x)",
            "a_b",
            "A",
            "ä",
            "a b",
            "a--b",
            "a-",
            "root",
            "www",
            "__proto__",
            "a.b",
            "a\n",
            "a\0",
        ] {
            let error = bad.parse::<Username>().expect_err(bad);
            assert_eq!(error.pointer_str(), Some("/username"), "{bad:?}");
        }
        assert!("a".repeat(33).parse::<Username>().is_err());
        assert!("a".repeat(32).parse::<Username>().is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_one_ldh_label(text in "\\PC{0,40}|[a-z0-9-]{0,34}") {
            if let Ok(name) = text.parse::<Username>() {
                prop_assert!(name.as_str().len() <= 32);
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
                prop_assert!(!name.as_str().starts_with('-') && !name.as_str().ends_with('-'));
                prop_assert_eq!(name.as_str(), text.as_str());
            }
        }
    }
}
