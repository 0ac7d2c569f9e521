//! How a custom domain reaches the tunnel.

use super::text_serde;
use crate::{Code, Error, Result};
use std::fmt;
use std::str::FromStr;

/// How a custom domain reaches the tunnel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DomainStrategy {
    /// The domain is a zone of our account: its owner hands all of its DNS over by naming our name servers. The default.
    #[default]
    Zone,
    /// One name of the domain leads into the primary zone: its owner keeps the DNS and adds two records. Its owner proves the name first.
    CustomHostname,
}

impl DomainStrategy {
    /// Every strategy, the default first.
    pub const ALL: [Self; 2] = [Self::Zone, Self::CustomHostname];

    /// Stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::CustomHostname => "custom_hostname",
        }
    }
}

impl FromStr for DomainStrategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == text).ok_or_else(|| {
            let shown: String = text.chars().take(60).collect();
            let known = Self::ALL.map(Self::as_str).join(", ");
            let why = format!("the domain strategy {shown:?} is not known; known are {known}");
            Error::new(Code::InvalidField, why).pointer("/domain_strategy")
        })
    }
}

impl fmt::Display for DomainStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_serde!(DomainStrategy);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_is_read_as_it_is_written_and_no_other_is() {
        for strategy in DomainStrategy::ALL {
            assert_eq!(strategy.as_str().parse::<DomainStrategy>().unwrap(), strategy);
        }
        let error = "Zone ".parse::<DomainStrategy>().unwrap_err();
        assert_eq!((error.code(), error.pointer_str()), (Code::InvalidField, Some("/domain_strategy")));
        assert!(error.message().contains("zone, custom_hostname"), "{error}");
    }
}
