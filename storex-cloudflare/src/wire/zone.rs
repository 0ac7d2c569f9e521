//! A zone, and the account it belongs to.

use super::or_default;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use storex_core::{Code, Error, Hostname, Result, ZoneFacts, ZoneStatus};

/// Identifier of a Cloudflare account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountId(String);

impl AccountId {
    /// The identifier as text: letters, digits and hyphens, safe in a URL path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() || text.len() > 64 || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(Error::new(Code::Unusable, "not a Cloudflare account id: it has 32 hexadecimal digits"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for AccountId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map_err(|_| "not an account id")
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The account a zone belongs to.
#[derive(Debug, Deserialize)]
pub(crate) struct WireAccount {
    /// Its identifier.
    pub(crate) id: AccountId,
}

/// A zone as answered.
#[derive(Debug, Deserialize)]
pub(crate) struct WireZone {
    id: String,
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    name_servers: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    created_on: String,
    /// Account; every zone Cloudflare lists names one.
    #[serde(default)]
    pub(crate) account: Option<WireAccount>,
}

impl WireZone {
    /// Identifier as text.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The account it belongs to.
    pub(crate) fn account_id(&self) -> Option<&AccountId> {
        self.account.as_ref().map(|account| &account.id)
    }

    /// Whether it is the zone of this name, however Cloudflare spells it. Foreign zones can have names that are no host names.
    pub(crate) fn is_named(&self, name: &Hostname) -> bool {
        self.name.parse::<Hostname>().is_ok_and(|own| own == *name)
    }

    /// What is known of the zone.
    ///
    /// # Errors
    /// `cloudflare_answer` when the identifier or the name cannot be one.
    pub(crate) fn facts(&self) -> Result<ZoneFacts> {
        Ok(ZoneFacts {
            id: self.id.parse()?,
            name: self.name.parse().map_err(|_| Error::new(Code::CloudflareAnswer, "the zone's name is no host name"))?,
            status: status(&self.status),
            name_servers: self.name_servers.clone(),
            created_at: self.created_on.parse().ok(),
        })
    }
}

/// Statuses of a zone. Source: Cloudflare docs, "Zone status" under "Domain status".
fn status(word: &str) -> ZoneStatus {
    match word {
        "pending" => ZoneStatus::Pending,
        "active" => ZoneStatus::Active,
        "moved" => ZoneStatus::Moved,
        other => ZoneStatus::Other(other.to_owned()),
    }
}
