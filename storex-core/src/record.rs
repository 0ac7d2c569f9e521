//! The documents storex keeps: plain data, written by operations, read by everybody.

use crate::resource::{RecordRow, ResourceKey, ZonePolicySpec};
use crate::{
    Code, DnsProof, Email, Error, HostId, Hostname, HostnameId, IngressRule, InstanceId, Json, Notification, OperationId, Port,
    Result, Row, StoreId, Table, TunnelFacts, TunnelId, ZoneFacts, ZoneId,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Who owns a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreDetails {
    /// Name of the owner.
    pub owner: String,
    /// Address of the owner.
    pub email: Email,
    /// Plan the owner chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// Host names of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreDomains {
    /// Name below the primary domain.
    pub system: Hostname,
    /// The owner's own domain.
    pub custom: Option<Hostname>,
}

/// Where a store is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoreState {
    /// Is being made.
    Configuring,
    /// Serves.
    Active,
    /// Is being removed.
    Deleting,
}

/// A resource a store has: what to look at, and what to remove when the store goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The resource.
    pub key: ResourceKey,
    /// Its value.
    pub spec: Json,
    /// What stands.
    pub found: Option<Json>,
    /// Resources it hangs on; removed only after it.
    pub after: Vec<ResourceKey>,
    /// Until when a lost effect that made it could still appear: removed only then, so that it does not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_until: Option<Timestamp>,
}

/// A store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoreRecord {
    /// Identifier.
    pub store_id: StoreId,
    /// Where it is in its life.
    pub state: StoreState,
    /// Its host names.
    pub domains: StoreDomains,
    /// Who owns it.
    pub details: StoreDetails,
    /// Host it runs on.
    pub host: HostId,
    /// Port it listens on there.
    pub port: Port,
    /// Name of its database.
    pub database: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The operation that changes or last changed it.
    pub operation: OperationId,
    /// What it has, once it is active.
    #[serde(default)]
    pub resources: Vec<Held>,
}

/// On whom something waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitsOn {
    /// Who has to act: `owner`, `cloudflare`, `operator` or `storex`.
    pub who: String,
    /// What they have to do.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
}

/// A host name of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainRecord {
    /// The name.
    pub name: Hostname,
    /// Its store.
    pub store_id: StoreId,
    /// How it reaches the tunnel: `wildcard` (below the primary domain), `zone` or `custom_hostname`.
    pub strategy: String,
    /// Its zone.
    pub zone: Option<ZoneId>,
    /// Name servers its registrar must name.
    pub name_servers: Vec<String>,
    /// On whom it waits; none when it is active, certificate included.
    pub waits_on: Option<WaitsOn>,
    /// The text record by which the owner proves the name before its custom hostname is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<DnsProof>,
    /// Where the CNAME record of a custom hostname must lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Hostname>,
    /// Its custom hostname, once it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostnameId>,
    /// The operation that makes its custom hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<OperationId>,
    /// When the provider was last asked to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rechecked_at: Option<Timestamp>,
}

impl DomainRecord {
    /// What is left to do for it, as the specification words it; empty when it is active.
    pub fn next_steps(&self) -> Vec<String> {
        let Some(waits) = &self.waits_on else { return Vec::new() };
        let last = ["Wait for DNS propagation", "Verify domain ownership"].map(str::to_owned);
        let first = match (self.strategy.as_str(), &self.proof, &self.target) {
            ("zone", ..) if waits.who == "owner" && self.name_servers.is_empty() => {
                vec!["Wait for the assigned nameservers".to_owned()]
            }
            ("zone", ..) if waits.who == "owner" => vec!["Update domain nameservers".to_owned()],
            ("custom_hostname", Some(proof), Some(target)) if waits.who == "owner" && self.hostname.is_none() => vec![
                format!("Add the TXT record {} with the value {}", proof.name, proof.value),
                format!("Add the CNAME record {} that points to {target}", self.name),
            ],
            _ => return vec![capitalised(&waits.what)],
        };
        first.into_iter().chain(last).collect()
    }
}

fn capitalised(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map(|first| first.to_uppercase().chain(signs).collect()).unwrap_or_default()
}

/// The certificate that covers a host name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// The name.
    pub name: Hostname,
    /// Its store.
    pub store_id: StoreId,
    /// What provides it: `universal`, the zone's own certificate, issued by Cloudflare once the zone is active; `custom_hostname`, the
    /// hostname's own.
    pub provider: String,
    /// On whom it waits; none when it is active.
    pub waits_on: Option<WaitsOn>,
}

/// A check that is due again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueRecord {
    /// Its store.
    pub store_id: StoreId,
    /// What is checked: `domain`, `application` or `infrastructure`.
    pub check: String,
    /// What is measured, by the specification's names.
    pub metrics: Vec<String>,
    /// Seconds between two checks.
    pub interval_seconds: u32,
    /// When it is due next.
    pub due_at: Timestamp,
}

/// A message to deliver. Gone once it is delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxRecord {
    /// The message.
    pub notification: Notification,
    /// Deliveries that did not succeed.
    pub failures: u32,
    /// Why it can never be delivered.
    pub dead: Option<String>,
}

/// What a store wants in the tunnel's document, where routing is direct.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteRow {
    /// The tunnel.
    pub tunnel: TunnelId,
    /// Host the rules lead to.
    pub host: HostId,
    /// One rule for each of its host names.
    pub rules: Vec<IngressRule>,
}

/// How requests come from the tunnel to a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Routing {
    /// Through the router, by constant rules: a store costs no call.
    #[default]
    Router,
    /// By a rule for each host name of a store, straight to its port, on the one host whose connectors serve the tunnel.
    Direct,
}

impl Routing {
    /// Whether requests go through the router.
    pub fn is_router(&self) -> bool {
        *self == Self::Router
    }

    /// Stable name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Direct => "direct",
        }
    }
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Routing {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "router" => Ok(Self::Router),
            "direct" => Ok(Self::Direct),
            _ => Err(Error::new(Code::InvalidField, "routing is router or direct")),
        }
    }
}

/// What all stores share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlatformRecord {
    /// Domain below which every store has its system name.
    pub primary_domain: Hostname,
    /// Its zone: a reference, never made or removed.
    pub primary_zone: ZoneFacts,
    /// The tunnel.
    pub tunnel: TunnelFacts,
    /// Our ingress rules.
    pub ingress: Vec<IngressRule>,
    /// How requests come from the tunnel to a store.
    #[serde(default, skip_serializing_if = "Routing::is_router")]
    pub routing: Routing,
    /// The one host of direct routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_host: Option<HostId>,
    /// Where custom hostnames go; none when the platform is not ready for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Hostname>,
    /// What storex changed of the primary zone's policy, each part with what stood before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<ZonePolicySpec>,
}

/// Identity of the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Part of every owner mark.
    pub instance: InstanceId,
}

/// Name of the index of due rows, by RFC 3339 time in UTC with whole seconds.
pub(crate) const DUE: &str = "due";
/// Id of the platform's document.
pub(crate) const PLATFORM: &str = "platform";
/// Id of the installation's identity.
pub(crate) const INSTANCE: &str = "instance";

/// A time as it sorts: RFC 3339, UTC, whole seconds.
pub(crate) fn sortable(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl StoreRecord {
    /// The row that holds the document.
    pub(crate) fn row(&self) -> Result<RecordRow> {
        plain(Table::Stores, self.store_id.to_string(), self)
    }
}

/// A row without indexes.
pub(crate) fn plain<T: Serialize>(table: Table, id: String, body: &T) -> Result<RecordRow> {
    Ok(RecordRow { table, id, body: Json::of(body)?, indexes: BTreeMap::new() })
}

/// A row listed by the time it is due.
pub(crate) fn due<T: Serialize>(table: Table, id: String, body: &T, at: Timestamp) -> Result<RecordRow> {
    Ok(RecordRow { table, id, body: Json::of(body)?, indexes: BTreeMap::from([(DUE.to_owned(), sortable(at))]) })
}

/// Reads the document of a row.
pub(crate) fn decode<T: DeserializeOwned>(row: &Row) -> Result<T> {
    row.body.read().map_err(|error: Error| error.with("document", &row.id))
}
