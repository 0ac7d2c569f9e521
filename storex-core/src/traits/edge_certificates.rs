//! The certificates of a zone: what stands, and the changes that can be made to them.

use super::domain_provider::provider_id;
use crate::value::text_serde;
use crate::{Code, Error, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

provider_id!(
    /// Immutable identifier of a certificate pack: the certificates of one order.
    PackId
);

/// Where a pack comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PackKind {
    /// Issued by itself for every zone: the apex and one label below.
    Universal,
    /// Ordered, for names the universal one does not cover.
    Advanced,
    /// A kind storex does not order, as the provider spells it.
    Other(String),
}

/// Where a pack is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PackStatus {
    /// It serves.
    Active,
    /// It is on its way, as the provider spells where.
    Pending(String),
    /// It came to a stop on its way, as the provider spells where.
    TimedOut(String),
    /// It is over or going, as the provider spells it.
    Over(String),
}

/// A certificate pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackFacts {
    /// Immutable identifier.
    pub id: PackId,
    /// Where it comes from.
    pub kind: PackKind,
    /// Where it is on its way.
    pub status: PackStatus,
    /// Names it covers, wildcards too.
    pub hosts: Vec<String>,
    /// How the authority checks the names: `txt`, `http`, `email`.
    pub validation_method: String,
    /// How long its certificates last, in days; none when the provider does not say.
    pub validity_days: Option<u32>,
    /// Who signs it, as the provider spells it.
    pub authority: String,
    /// When the first of its certificates ends; none when it has none yet.
    pub expires_at: Option<Timestamp>,
    /// Held up by the provider, since a name in it looks like somebody's trademark.
    pub held_up: bool,
}

/// The certificates of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// Whether the certificate every zone gets by itself is switched on.
    pub universal: bool,
    /// Every pack that is not gone.
    pub packs: Vec<PackFacts>,
}

/// An advanced pack to order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackOrder {
    /// Names to cover, wildcards too; the zone's own name is among them.
    pub hosts: Vec<String>,
    /// `txt`, `http` or `email`.
    pub validation_method: String,
    /// 14, 30, 90 or 365.
    pub validity_days: u32,
    /// Who is to sign it, as the provider spells it.
    pub authority: String,
}

/// One change to the certificates of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CertificateChange {
    /// Has the authority check the names of a pack that is not active again.
    Revalidate {
        /// The pack.
        pack: PackId,
        /// `txt`, `http` or `email`.
        method: String,
    },
    /// Starts an advanced pack anew that came to a stop.
    Restart {
        /// The pack.
        pack: PackId,
    },
    /// Orders an advanced pack.
    Order(PackOrder),
    /// Takes an advanced pack away; absent is success.
    Delete {
        /// The pack.
        pack: PackId,
    },
    /// Switches the universal certificate. Off takes it from the edge at once.
    Universal {
        /// On or off.
        enabled: bool,
    },
}
