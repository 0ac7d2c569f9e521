//! The simulated Cloudflare account as one value: everything a restart must remember, and nothing else. Fault rules, held
//! calls and the journal belong to the process, not to the world, and are not here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::edge_state::{Bots, CertificatePack, Dnssec, Hold, Ruleset, Scan, Traffic};
use super::identity::Identifiers;
use super::internet::Internet;
use super::meter::Bucket;
use super::saas_state::{CustomHostname, FallbackOrigin, HostnamePace};

/// The number the saved document starts with; a document with another one is refused rather than guessed at.
pub(super) const FORMAT: u32 = 1;

/// The whole simulated world. Two simulators with equal values answer every later call alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloudState {
    /// Version of this document's layout.
    pub format: u32,
    /// Where ids and secrets come from.
    pub identifiers: Identifiers,
    /// Mutations so far; the logical clock counts in them.
    pub moment: u64,
    /// The one account.
    pub account: Account,
    /// Live zones, oldest first. A deleted zone is gone from here.
    pub zones: Vec<Zone>,
    /// How often each name was added to the account: a zone added again gets another nameserver pair.
    pub zone_generations: BTreeMap<String, u64>,
    /// When zones were added lately, for the limit on sign-ups.
    pub zone_signups: Vec<Timestamp>,
    /// Every tunnel ever made, oldest first; deleted ones keep their entry, as at Cloudflare.
    pub tunnels: Vec<Tunnel>,
    /// Seconds by which the clock was moved on from outside.
    #[serde(default)]
    pub advanced: u64,
    /// Everything outside the account: registrar, foreign DNS and web pages, what other accounts hold.
    #[serde(default)]
    pub internet: Internet,
    /// Deleted zones that still answer DNS, until they are purged.
    #[serde(default)]
    pub archived: Vec<ArchivedZone>,
    /// How fast custom hostnames were made lately.
    #[serde(default)]
    pub hostname_pace: HostnamePace,
    /// Token buckets of purges, per account.
    #[serde(default)]
    pub buckets: BTreeMap<String, Bucket>,
    /// Visits that analytics report.
    #[serde(default)]
    pub traffic: Vec<Traffic>,
}

/// A deleted zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchivedZone {
    /// As it was.
    pub zone: Zone,
    /// When it is forgotten.
    pub purge_on: Timestamp,
}

/// A Cloudflare account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Display name.
    pub name: String,
}

/// What the customer pays for; it decides quotas (plan tables of the Cloudflare documentation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// 200 records, 100-character comments, no tags, 200 operations per batch.
    #[default]
    Free,
    /// 3,500 records, 500-character comments, 20 tags, 3,500 operations per batch.
    Pro,
    /// As Pro, with more rules and faster purges.
    Business,
    /// As Business, with holds and wildcard custom hostnames.
    Enterprise,
}

/// Where a zone stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneStatus {
    /// Added, nameservers not seen at the registrar yet.
    Pending,
    /// Delegated to its nameserver pair.
    Active,
    /// Was active, delegation is gone.
    Moved,
}

/// A zone with what hangs below it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Apex name: lower case, punycode, no trailing dot.
    pub name: String,
    /// Life cycle.
    pub status: ZoneStatus,
    /// Plan of this zone.
    pub plan: Plan,
    /// The pair assigned to this zone.
    pub name_servers: [String; 2],
    /// When it was added.
    pub created_on: Timestamp,
    /// Last change of the zone itself.
    pub modified_on: Timestamp,
    /// When it first became active.
    pub activated_on: Option<Timestamp>,
    /// Settings that were changed; all others have their default.
    pub settings: BTreeMap<String, ZoneSetting>,
    /// Records, oldest first.
    pub records: Vec<DnsRecord>,
    /// Whether the edge passes traffic through untouched.
    #[serde(default)]
    pub paused: bool,
    /// When its nameservers are looked up at the registrar next.
    #[serde(default)]
    pub next_check: Option<Timestamp>,
    /// How often they were looked up while it was pending.
    #[serde(default)]
    pub checks: u32,
    /// When its owner last asked for a check.
    #[serde(default)]
    pub activation_asked_on: Option<Timestamp>,
    /// When its delegation was found gone.
    #[serde(default)]
    pub moved_on: Option<Timestamp>,
    /// Whether it is held against other accounts.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// Whether its owner switched Universal SSL off.
    #[serde(default)]
    pub universal_disabled: bool,
    /// Certificates at the edge, oldest first.
    #[serde(default)]
    pub packs: Vec<CertificatePack>,
    /// The step at which certificates of this zone time out, when a test said so.
    #[serde(default)]
    pub certificates_stall_at: Option<String>,
    /// Custom hostnames, oldest first.
    #[serde(default)]
    pub hostnames: Vec<CustomHostname>,
    /// Where custom hostnames lead unless they say otherwise.
    #[serde(default)]
    pub fallback: Option<FallbackOrigin>,
    /// Rulesets, oldest first; at most one per phase.
    #[serde(default)]
    pub rulesets: Vec<Ruleset>,
    /// What its owner set about bots.
    #[serde(default)]
    pub bots: Bots,
    /// Its signatures.
    #[serde(default)]
    pub dnssec: Dnssec,
    /// Records found by a scan that wait for a verdict.
    #[serde(default)]
    pub scan: Scan,
}

/// A zone setting that was written at least once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZoneSetting {
    /// Its value.
    pub value: Value,
    /// When it was written.
    pub modified_on: Timestamp,
}

/// A DNS record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// 32 hexadecimal digits.
    pub id: String,
    /// `A`, `CNAME`, `TXT` …
    #[serde(rename = "type")]
    pub kind: String,
    /// Fully qualified, lower case, punycode, no trailing dot.
    pub name: String,
    /// Content in its canonical spelling.
    pub content: String,
    /// Whether the edge answers for it.
    pub proxied: bool,
    /// Seconds; 1 is automatic.
    pub ttl: u32,
    /// Free text of the owner.
    pub comment: Option<String>,
    /// `name:value` marks (paid plans).
    pub tags: Vec<String>,
    /// For MX records.
    pub priority: Option<u16>,
    /// The structured form of SRV and CAA content.
    pub data: Option<Value>,
    /// Per-record settings as they were sent.
    pub settings: Value,
    /// When it was made.
    pub created_on: Timestamp,
    /// Last change.
    pub modified_on: Timestamp,
    /// Last change of the comment.
    pub comment_modified_on: Option<Timestamp>,
}

/// A tunnel made through `cfd_tunnel`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tunnel {
    /// UUID.
    pub id: String,
    /// Unique among the tunnels that are not deleted.
    pub name: String,
    /// Base64 of at least 32 bytes.
    pub secret: String,
    /// `cloudflare` or `local`.
    pub config_src: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When connectors last came.
    pub conns_active_at: Option<Timestamp>,
    /// When the last connector went.
    pub conns_inactive_at: Option<Timestamp>,
    /// The last accepted configuration document.
    pub configuration: Option<Configuration>,
    /// Live connectors.
    pub connectors: Vec<Connector>,
    /// When the latest versions of the configuration were put, oldest first.
    #[serde(default)]
    pub put_times: Vec<(u64, Timestamp)>,
}

/// A tunnel's remotely managed configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// 1 for the first one; rises with every PUT.
    pub version: u64,
    /// The document, unknown keys included.
    pub config: Value,
    /// When it was put.
    pub created_at: Timestamp,
}

/// A running cloudflared as Cloudflare sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// UUID of the process (`client_id`).
    pub id: String,
    /// Its four edge connections.
    pub connections: Vec<String>,
    /// When it came.
    pub run_at: Timestamp,
    /// The version it stays at because it cannot read a later one.
    #[serde(default)]
    pub stuck_at: Option<u64>,
}

impl CloudState {
    /// The zone with this id.
    pub fn zone(&self, id: &str) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.id == id)
    }

    /// The zone with this name (lower case, punycode).
    pub fn zone_named(&self, name: &str) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.name == name)
    }

    /// The zone with this id or name, to change.
    pub(super) fn zone_mut(&mut self, id_or_name: &str) -> Option<&mut Zone> {
        self.zones.iter_mut().find(|zone| zone.id == id_or_name || zone.name == id_or_name)
    }

    /// The tunnel with this id, deleted or not.
    pub fn tunnel(&self, id: &str) -> Option<&Tunnel> {
        self.tunnels.iter().find(|tunnel| tunnel.id == id)
    }

    /// The live tunnel with this name.
    pub fn tunnel_named(&self, name: &str) -> Option<&Tunnel> {
        self.tunnels.iter().find(|tunnel| tunnel.name == name && tunnel.deleted_at.is_none())
    }

    /// The live tunnel with this id, to change.
    pub(super) fn tunnel_mut(&mut self, id: &str) -> Option<&mut Tunnel> {
        self.tunnels.iter_mut().find(|tunnel| tunnel.id == id && tunnel.deleted_at.is_none())
    }
}
