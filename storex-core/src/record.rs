//! The documents storex keeps: plain data, written by operations, read by everybody.

use crate::resource::{RecordRow, ResourceKey};
use crate::{
    Email, Error, HostId, Hostname, IngressRule, InstanceId, Json, Notification, OperationId, Port, Result, Row, StoreDigits,
    StoreId, Table, TunnelFacts, Username, ZoneFacts, ZoneId,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Who has to act: `owner`, `cloudflare` or `storex`.
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
    /// How it reaches the tunnel: `wildcard` (below the primary domain) or `zone`.
    pub strategy: String,
    /// Its zone.
    pub zone: Option<ZoneId>,
    /// Name servers its registrar must name.
    pub name_servers: Vec<String>,
    /// On whom it waits; none when it is active.
    pub waits_on: Option<WaitsOn>,
}

/// The certificate that covers a host name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// The name.
    pub name: Hostname,
    /// Its store.
    pub store_id: StoreId,
    /// What provides it: `universal`, the zone's own certificate, issued by Cloudflare once the zone is active.
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

/// Name of a store's database.
pub(crate) fn database_name(username: &Username) -> String {
    format!("store_{username}")
}

/// Name of a store's database user.
pub(crate) fn database_user(digits: StoreDigits) -> String {
    format!("store_user_{digits}")
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
