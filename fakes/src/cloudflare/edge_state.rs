//! What a zone has at the edge beside its records: certificates, rulesets, bots, signatures, and what a scan found.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::state::DnsRecord;

/// A hold of an Enterprise zone: nobody else may add it, or a hostname below it, to another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Whether names below the zone are held too.
    pub include_subdomains: bool,
    /// When the hold comes into force again after it was lifted for a while.
    pub hold_after: Option<Timestamp>,
}

/// A certificate pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatePack {
    /// UUID.
    pub id: String,
    /// `universal` or `advanced`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Names it covers.
    pub hosts: Vec<String>,
    /// Where it stands.
    pub status: String,
    /// When it takes its next step; `None` when it waits for somebody.
    pub next_step: Option<Timestamp>,
    /// `txt`, `http` or `email`.
    pub validation_method: String,
    /// How long its certificate is good for.
    pub validity_days: u32,
    /// Who signs it.
    pub certificate_authority: String,
    /// Whether its common name is Cloudflare's.
    pub cloudflare_branding: bool,
    /// When it was ordered.
    pub created_on: Timestamp,
    /// End of its certificate, once there is one.
    pub expires_on: Option<Timestamp>,
    /// The UUID of its certificate.
    pub certificate: String,
    /// What the authority wants to find.
    pub token: String,
}

/// A ruleset of one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ruleset {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The phase it is the entry point of.
    pub phase: String,
    /// Rises with every change.
    pub version: u64,
    /// When it changed.
    pub last_updated: Timestamp,
    /// Its rules in their order.
    pub rules: Vec<Rule>,
}

/// A rule of a ruleset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The owner's name for it; its id unless said otherwise.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Rises with every change of the rule.
    pub version: u64,
    /// When it changed.
    pub last_updated: Timestamp,
    /// Everything else, as it was sent.
    pub fields: Map<String, Value>,
}

/// What was set about bots; a field that is not here has its default.
pub type Bots = Map<String, Value>;

/// Signatures of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dnssec {
    /// `disabled`, `pending`, `active` or `pending-disabled`.
    pub status: String,
    /// When it changed.
    pub modified_on: Option<Timestamp>,
}

impl Default for Dnssec {
    fn default() -> Self {
        Self { status: "disabled".to_owned(), modified_on: None }
    }
}

/// Records a scan found at the domain's old nameservers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// When the running scan ends; `None` when none runs.
    pub ready_on: Option<Timestamp>,
    /// What waits to be accepted or rejected.
    pub found: Vec<DnsRecord>,
}

/// Visits of one kind, as analytics count them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Zone id or name; the name is turned into an id when it is injected.
    pub zone: String,
    /// When.
    pub at: Option<Timestamp>,
    /// Host of the visitor's request.
    pub host: String,
    /// Path of the request.
    #[serde(default = "root")]
    pub path: String,
    /// Status the edge answered.
    #[serde(default = "ok")]
    pub status: u16,
    /// `hit`, `miss`, `dynamic`, …
    #[serde(default = "dynamic")]
    pub cache_status: String,
    /// How many requests.
    #[serde(default = "one")]
    pub count: u64,
    /// Bytes the edge sent, in all.
    #[serde(default)]
    pub bytes: u64,
    /// For a security event: what was done (`block`, `managed_challenge`, …).
    #[serde(default)]
    pub action: Option<String>,
    /// For a security event: what did it (`firewallCustom`, `ratelimit`, …).
    #[serde(default)]
    pub source: Option<String>,
}

fn root() -> String {
    "/".to_owned()
}

fn dynamic() -> String {
    "dynamic".to_owned()
}

const fn ok() -> u16 {
    200
}

const fn one() -> u64 {
    1
}
