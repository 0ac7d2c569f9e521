//! TCP ports of store processes.

use super::text_serde;
use crate::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A TCP port from 1024 on: an unprivileged process can listen on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Port(u16);

impl Port {
    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Port {
    type Error = Error;

    fn try_from(number: u16) -> Result<Self> {
        if number < 1024 {
            return Err(Error::new(Code::InvalidField, format!("port {number} is privileged; use 1024 or higher")));
        }
        Ok(Self(number))
    }
}

impl From<Port> for u16 {
    fn from(port: Port) -> Self {
        port.0
    }
}

impl FromStr for Port {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse::<u16>().map_err(|_| Error::new(Code::InvalidField, format!("{text:?} is no port number")))?.try_into()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An inclusive range of ports, written `4001-4999`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: Port,
    last: Port,
}

impl PortRange {
    /// The ports from `first` to `last`, both included.
    ///
    /// # Errors
    /// `invalid_field` when `last` is below `first`.
    pub fn new(first: Port, last: Port) -> Result<Self> {
        if last < first {
            return Err(Error::new(Code::InvalidField, format!("the port range {first}-{last} runs backwards")));
        }
        Ok(Self { first, last })
    }

    /// All ports of the range, lowest first.
    pub fn iter(self) -> impl Iterator<Item = Port> {
        (self.first.0..=self.last.0).map(Port)
    }

    /// True when the port lies in the range.
    pub fn contains(self, port: Port) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (first, last) = text.split_once('-').ok_or_else(|| {
            Error::new(Code::InvalidField, format!("{text:?} is no port range; write FIRST-LAST, such as 4001-4999"))
        })?;
        Self::new(first.parse()?, last.parse()?)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

text_serde!(PortRange);
