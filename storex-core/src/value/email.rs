//! E-mail addresses of store owners.

use super::{Hostname, text_serde};
use crate::{Code, Error, Result};
use std::fmt;
use std::str::FromStr;

/// An e-mail address: a dot-atom local part of at most 64 bytes, `@`, and a host name (RFC 5321 limits; no quoted local parts, no
/// address literals). The domain is canonical, the local part is kept as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse =
            |why: &str| Error::new(Code::InvalidEmail, format!("the e-mail address {why}")).pointer("/storeDetails/email");
        let (local, domain) = text.rsplit_once('@').ok_or_else(|| refuse("has no @"))?;
        if local.is_empty() || local.len() > 64 {
            return Err(refuse("needs 1 to 64 characters before the @"));
        }
        if local.split('.').any(str::is_empty) {
            return Err(refuse("has an empty part before the @"));
        }
        let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-.".contains(c);
        if let Some(bad) = local.chars().find(|c| !is_atom(*c)) {
            return Err(refuse(&format!("holds {bad:?} before the @")));
        }
        let domain: Hostname =
            domain.parse().map_err(|error: Error| refuse(&format!("names no host after the @: {}", error.message())))?;
        Ok(Self(format!("{local}@{domain}")))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_serde!(Email);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_on_both_sides_of_the_at_sign() {
        assert_eq!("john@OceanBreezeStore.com".parse::<Email>().unwrap().as_str(), "john@oceanbreezestore.com");
        for bad in [
            "",
            "john",
            "@a.com",
            "john@",
            "john@localhost",
            "jo hn@a.com",
            "john@a..com",
            "a..b@a.com",
            "john@[127.0.0.1]",
            "jöhn@a.com",
            "a\n@b.com",
        ] {
            assert_eq!(bad.parse::<Email>().expect_err(bad).pointer_str(), Some("/storeDetails/email"));
        }
    }
}
