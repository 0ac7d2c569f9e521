//! Custom hostnames: names of other people's domains that lead into a zone of ours.

use super::domain_provider::provider_id;
use crate::value::text_serde;
use crate::{Code, Error, Hostname, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

provider_id!(
    /// Immutable identifier of a custom hostname.
    HostnameId
);

/// How the certificate authority is shown that the certificate may be issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValidationMethod {
    /// By a page, which the edge itself serves once the name leads there: nobody does anything.
    #[default]
    Http,
    /// By a text record of the name's owner, or an alias that delegates it: before the name leads to the edge, so without a gap.
    Txt,
}

impl ValidationMethod {
    /// Every method, the default first.
    pub const ALL: [Self; 2] = [Self::Http, Self::Txt];

    /// Stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Txt => "txt",
        }
    }
}

impl FromStr for ValidationMethod {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or_else(|| {
            Error::new(
                Code::InvalidField,
                format!("a custom hostname is validated by {}", Self::ALL.map(Self::as_str).join(" or ")),
            )
        })
    }
}

impl fmt::Display for ValidationMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A custom hostname to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostnameSpec {
    /// The name.
    pub name: Hostname,
    /// How its certificate is validated.
    #[serde(default)]
    pub validation: ValidationMethod,
}

/// Whether the edge sends the name's traffic here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoutingStatus {
    /// The name does not lead here yet.
    Pending,
    /// It does.
    Active,
    /// It did, and leads elsewhere.
    Moved,
    /// The provider will not serve it, or somebody holds it.
    Blocked,
    /// A status this version does not know, as the provider spelled it.
    Other(String),
}

/// Where a certificate is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CertificateStatus {
    /// Was just asked for.
    Initializing,
    /// The authority waits for the proof.
    PendingValidation,
    /// The authority issues it.
    PendingIssuance,
    /// It spreads over the edge.
    PendingDeployment,
    /// It is in use.
    Active,
    /// A status this version does not know, as the provider spelled it.
    Other(String),
}

/// In words, for people.
impl fmt::Display for CertificateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initializing => "initializing",
            Self::PendingValidation => "pending validation",
            Self::PendingIssuance => "pending issuance",
            Self::PendingDeployment => "pending deployment",
            Self::Active => "active",
            Self::Other(word) => word,
        })
    }
}

/// A text record that proves something to whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsProof {
    /// Name of the record. Not a host name: its first label begins with an underscore.
    pub name: String,
    /// Its text.
    pub value: String,
}

/// What the certificate authority wants to find, one way of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValidationRecord {
    /// A text record.
    Txt(DnsProof),
    /// A page.
    Http {
        /// Its address.
        url: String,
        /// What it says.
        body: String,
    },
    /// An alias by which the provider answers for the owner from then on.
    Delegated {
        /// Name of the alias.
        name: String,
        /// Where it leads.
        target: String,
    },
}

/// What is known of a custom hostname. Its traffic and its certificate are two state machines: a name serves when both are active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostnameFacts {
    /// Immutable identifier.
    pub id: HostnameId,
    /// The name.
    pub name: Hostname,
    /// Its traffic.
    pub routing: RoutingStatus,
    /// Its certificate; none when none was asked for.
    pub certificate: Option<CertificateStatus>,
    /// The provider's own early proof of the name.
    pub ownership: Option<DnsProof>,
    /// What the certificate authority wants to find. May be missing from the first answers.
    #[serde(default)]
    pub validation: Vec<ValidationRecord>,
    /// Why traffic or certificate are not active, in the provider's words.
    #[serde(default)]
    pub errors: Vec<String>,
    /// When it was made, by the provider's clock.
    pub created_at: Option<Timestamp>,
}

impl HostnameFacts {
    /// True when traffic and certificate are active.
    pub fn is_active(&self) -> bool {
        self.routing == RoutingStatus::Active && self.certificate == Some(CertificateStatus::Active)
    }
}

/// Where a zone's custom hostnames go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FallbackOrigin {
    /// The provider does not tell.
    Untold,
    /// Nowhere.
    Unset,
    /// To this name of the zone.
    Set(Hostname),
}

/// Whether a zone's custom hostnames have somewhere to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OriginStatus {
    /// The edge is still setting it up.
    Pending,
    /// It is in use.
    Active,
    /// A status this version does not know, as the provider spelled it.
    Other(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validation_method_is_read_as_it_is_written_and_no_other_is() {
        for method in ValidationMethod::ALL {
            assert_eq!(method.to_string().parse::<ValidationMethod>().unwrap(), method);
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
        }
        let error = "email".parse::<ValidationMethod>().unwrap_err();
        assert!(error.code() == Code::InvalidField && error.message().ends_with("http or txt"), "{error}");
    }
}
