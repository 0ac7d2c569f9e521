//! Identifiers. None of them is an authority: knowing one grants nothing.

use super::{Username, text_serde};
use crate::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Number of a store, unique over all stores; at least five digits, the first not zero. `DB_USER` is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreDigits(u64);

impl StoreDigits {
    /// The number, when it has 5 to 15 digits.
    ///
    /// # Errors
    /// `invalid_field` otherwise.
    pub fn new(number: u64) -> Result<Self> {
        if !(10_000..1_000_000_000_000_000).contains(&number) {
            return Err(Error::new(Code::InvalidField, format!("{number} is no store number: it needs 5 to 15 digits")));
        }
        Ok(Self(number))
    }
}

impl fmt::Display for StoreDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for StoreDigits {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::new(Code::InvalidField, format!("{text:?} is no store number")));
        }
        Self::new(text.parse().map_err(|_| Error::new(Code::InvalidField, format!("{text:?} is no store number")))?)
    }
}

text_serde!(StoreDigits);

/// Identifier of a store: `<username>-<digits>`, such as `oceanbreeze-12345`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId {
    username: Username,
    digits: StoreDigits,
}

impl StoreId {
    /// The identifier of the store `username` with the number `digits`.
    pub fn new(username: Username, digits: StoreDigits) -> Self {
        Self { username, digits }
    }

    /// Name of the store.
    pub fn username(&self) -> &Username {
        &self.username
    }

    /// Number of the store.
    pub fn digits(&self) -> StoreDigits {
        self.digits
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.username, self.digits)
    }
}

impl FromStr for StoreId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || {
            Error::new(Code::InvalidField, format!("{text:?} is no store id; one looks like oceanbreeze-12345"))
                .pointer("/store_id")
        };
        let (username, digits) = text.rsplit_once('-').ok_or_else(refuse)?;
        Ok(Self { username: username.parse().map_err(|_| refuse())?, digits: digits.parse().map_err(|_| refuse())? })
    }
}

text_serde!(StoreId);

macro_rules! token_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let allowed: fn(u8) -> bool = $allowed;
                if text.is_empty() || text.len() > $max || !text.bytes().all(allowed) {
                    let shown: String = text.chars().take(60).collect();
                    return Err(Error::new(Code::InvalidField, format!(concat!("{:?} is no ", $what), shown)));
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        text_serde!($name);
    };
}

token_id!(
    /// Identifier of an operation: `op_` and 32 hexadecimal digits of a time-ordered UUID (version 7).
    OperationId, "operation id", 35, |b| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'_'
);
token_id!(
    /// Name of a store host.
    HostId, "host id", 63, |b| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'-'
);
token_id!(
    /// Identity of one storex installation, eight hexadecimal digits chosen once; part of every owner mark.
    InstanceId, "instance id", 8, |b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)
);

impl HostId {
    /// The one host of a single-machine installation.
    pub fn local() -> Self {
        Self("local".to_owned())
    }
}

/// Fencing number: rises at every take-over of any operation. A store host refuses numbers lower than the highest it has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_id_is_its_username_and_number() {
        let id: StoreId = "ocean-breeze-12345".parse().unwrap();
        assert_eq!((id.username().as_str(), id.digits().to_string().as_str()), ("ocean-breeze", "12345"));
        for bad in [
            "",
            "ocean",
            "ocean-",
            "-12345",
            "ocean-1234",
            "ocean-01234",
            "Ocean-12345",
            "ocean-12345x",
            "../-12345",
            "ocean-+12345",
        ] {
            assert!(bad.parse::<StoreId>().is_err(), "{bad}");
        }
    }
}
