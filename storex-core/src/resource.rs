//! Resources: what stores and the platform are made of. One file per kind.
//!
//! A resource can be observed, brought to a value, and removed. That is all an operation needs: create is absent → value, delete is
//! value → absent, an update is value → value, and rolling back is the same list reversed. Adapters report facts; the judgement
//! [`Seen`] — absent, ours, foreign — is made here.

mod audit;
mod certificate;
mod claim;
mod connectivity;
mod custom_hostname;
mod database;
mod fallback_origin;
mod host_part;
mod ingress;
mod primary_zone;
mod record;
mod records;
mod reference_zone;
mod tunnel;
mod tunnel_route;
mod zone;
mod zone_policy;

pub use crate::tunnel_writer::TunnelWriter;
pub use audit::{Audit, DriftAction, DriftState};
pub(crate) use audit::{Finding, edge_reads, findings};
pub use certificate::{CertificateSpec, CertificateStep};
pub use claim::{ClaimSpec, Claimed};
pub use connectivity::ConnectivitySpec;
pub use custom_hostname::CustomHostnameSpec;
pub(crate) use custom_hostname::HostnameListing;
pub(crate) use database::new_password;
pub use database::{DatabaseLogin, DatabaseSpec, password_place};
pub use fallback_origin::FallbackOriginSpec;
pub use host_part::HostPartSpec;
pub use ingress::IngressSpec;
pub use record::RecordRow;
pub use records::RecordsSpec;
pub use tunnel::TunnelSpec;
pub use tunnel_route::{TunnelRouteFacts, TunnelRouteSpec};
pub use zone::ZoneSpec;
pub use zone_policy::{PolicyApplied, PolicyLook, PolicyLookSpec, ZonePolicySpec};

use crate::operation::{Change, Proof};
use crate::{
    Clock, Code, DatabaseAdmin, DomainProvider, EdgeInsight, EdgePolicies, EffectCx, Entropy, Error, Fence, HostId, Hosts, Json,
    Keyring, OperationId, Resolver, Result, StoreHost, StoreRepo, TunnelRoutes,
};
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

/// Kind of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResourceKind {
    /// The exclusive hold on a name.
    Claim,
    /// A document of ours.
    Record,
    /// A zone of a custom domain.
    Zone,
    /// DNS records of one owner in one zone.
    Records,
    /// A part of a store on a host.
    HostPart,
    /// A check that the store answers under its names.
    Connectivity,
    /// The platform's primary zone, read only.
    PrimaryZone,
    /// The platform's tunnel.
    Tunnel,
    /// The tunnel's ingress document.
    Ingress,
    /// A store's rules in the tunnel's document.
    TunnelRoute,
    /// The database of a store, with its users.
    Database,
    /// The custom hostname of a store.
    Hostname,
    /// Where custom hostnames go.
    FallbackOrigin,
    /// The zone of a custom domain that the account had before, read only.
    ReferenceZone,
    /// One part of what a zone does with requests at the edge.
    ZonePolicy,
    /// A change to the certificates of a zone.
    Certificate,
    /// A look at a zone's policy before it is changed, read only.
    PolicyLook,
}

impl ResourceKind {
    /// Stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Record => "record",
            Self::Zone => "zone",
            Self::Records => "records",
            Self::HostPart => "host_part",
            Self::Connectivity => "connectivity",
            Self::PrimaryZone => "primary_zone",
            Self::Tunnel => "tunnel",
            Self::Ingress => "ingress",
            Self::TunnelRoute => "tunnel_route",
            Self::Database => "database",
            Self::Hostname => "hostname",
            Self::FallbackOrigin => "fallback_origin",
            Self::ReferenceZone => "reference_zone",
            Self::ZonePolicy => "zone_policy",
            Self::Certificate => "certificate",
            Self::PolicyLook => "policy_look",
        }
    }

    /// How an object of this kind is known to be ours.
    pub fn proof(self) -> Proof {
        match self {
            Self::Zone | Self::Tunnel | Self::Hostname | Self::Certificate => Proof::Absence,
            Self::Records | Self::Database => Proof::Mark,
            _ => Proof::Journal,
        }
    }

    /// Code of the error when something foreign is in the way.
    pub(crate) fn conflict_code(self) -> Code {
        if self == Self::Zone { Code::ZoneExists } else { Code::ForeignObject }
    }
}

/// Name of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceKey {
    /// Kind.
    pub kind: ResourceKind,
    /// Name within the kind.
    pub name: String,
    /// Host it lives on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
}

impl ResourceKey {
    /// A resource that lives on no host.
    pub fn new(kind: ResourceKind, name: impl fmt::Display) -> Self {
        Self { kind, name: name.to_string(), host: None }
    }

    /// A resource on a host.
    pub fn on(host: &HostId, kind: ResourceKind, name: impl fmt::Display) -> Self {
        Self { kind, name: name.to_string(), host: Some(host.clone()) }
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)?;
        match &self.host {
            Some(host) => write!(f, "@{host}"),
            None => Ok(()),
        }
    }
}

/// What a look at a resource says.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen<T> {
    /// A complete read shows nothing.
    Absent,
    /// It is there and ours.
    Ours {
        /// What is there.
        found: T,
        /// Whether it is all that is wanted.
        complete: bool,
    },
    /// Something is there that we did not make; what, in words.
    Foreign(String),
    /// No look is needed: repeating the change is safe and tells.
    Repeatable,
}

/// A removal that is done, with what had to be left behind and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// What was left behind; none when nothing was.
    pub debt: Option<String>,
    /// True when what was known to stand was not seen: a read that lags behind shows the same, so it is looked for once more later.
    pub unseen: bool,
}

impl Removal {
    /// Something was left behind.
    pub(crate) fn left(why: String) -> Self {
        Self { debt: Some(why), unseen: false }
    }

    /// Nothing was seen; `known` when something was known to stand.
    pub(crate) fn nothing_seen(known: bool) -> Self {
        Self { debt: None, unseen: known }
    }
}

/// How an attempt to bring a resource to a value went, when it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt<T> {
    /// It stands.
    Done(T),
    /// Somebody has to act first; the same attempt again later.
    Pending(Pending),
}

/// A wait that is no failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Who has to act, such as `cloudflare`.
    pub who: String,
    /// What is waited for.
    pub what: String,
    /// Pause before the next attempt.
    pub pause: Duration,
    /// Longest wait over all attempts.
    pub limit: Duration,
}

/// Everything a resource may use.
#[derive(Clone, Debug)]
pub struct Providers {
    /// Documents, claims, leases.
    pub repo: Arc<dyn StoreRepo>,
    /// Zones and DNS records.
    pub domains: Arc<dyn DomainProvider>,
    /// The tunnel.
    pub tunnel: Arc<dyn TunnelRoutes>,
    /// The public DNS.
    pub dns: Arc<dyn Resolver>,
    /// Settings, rules and certificates of zones; without it none are changed.
    pub edge: Option<Arc<dyn EdgePolicies>>,
    /// What the edge counted; without it nothing is told.
    pub insight: Option<Arc<dyn EdgeInsight>>,
    /// Databases of stores; without it stores have none.
    pub databases: Option<Arc<dyn DatabaseAdmin>>,
    /// What secrets are sealed with; without it there are none.
    pub keyring: Option<Arc<Keyring>>,
    /// Store hosts.
    pub hosts: Arc<dyn Hosts>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The writer of the tunnel's document.
    pub tunnel_writer: Arc<TunnelWriter>,
}

impl Providers {
    /// The edge's policies.
    ///
    /// # Errors
    /// `unsupported` when none are assembled.
    pub fn edge(&self) -> Result<Arc<dyn EdgePolicies>> {
        self.edge.clone().ok_or_else(|| Error::new(Code::Unsupported, "this controller has no edge policies"))
    }

    /// The host of this id.
    ///
    /// # Errors
    /// `unavailable` when no such host is assembled.
    pub fn host(&self, id: &HostId) -> Result<Arc<dyn StoreHost>> {
        self.hosts.get(id).ok_or_else(|| Error::new(Code::Unavailable, format!("no host {id} is known")).with("host", id))
    }
}

/// Where a resource is looked at or changed: the providers, the operation, and the context of the effect.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What may be used.
    pub providers: Providers,
    /// The operation on whose behalf.
    pub operation: OperationId,
    /// Mark, fencing number and deadline.
    pub cx: EffectCx,
    /// Until when documents and claims may be written.
    pub fence: Fence,
    /// What one list showed of all custom hostnames, for a look at many stores; none where each is looked at by itself.
    pub(crate) listed: Option<Arc<HostnameListing>>,
}

/// One kind of resource with its typed values.
#[async_trait]
pub(crate) trait Resource: Debug + Send + Sync + 'static {
    /// The value wanted. Serialised into the intent, so it holds all that undo needs.
    type Spec: DeserializeOwned + Send + Sync;
    /// What stands once it is made.
    type Found: Serialize + DeserializeOwned + Send + Sync;

    /// Longest time after a call's deadline at which its effect can still appear.
    fn late_effect_window(&self, _providers: &Providers) -> Duration {
        Duration::ZERO
    }

    /// Looks at the resource. `found` is what an earlier step left, when there is one.
    async fn observe(&self, scene: &Scene, spec: &Self::Spec, found: Option<&Self::Found>) -> Result<Seen<Self::Found>>;

    /// Brings the resource to the value, from `from` when it was something else before. For a check: checks it.
    async fn bring(&self, scene: &Scene, spec: &Self::Spec, from: Option<&Self::Spec>) -> Result<Self::Found>;

    /// [`Resource::bring`] for a resource that others may let wait.
    async fn attempt(&self, scene: &Scene, spec: &Self::Spec, from: Option<&Self::Spec>) -> Result<Attempt<Self::Found>> {
        self.bring(scene, spec, from).await.map(Attempt::Done)
    }

    /// How it stands against what it should be, looking at the world and changing nothing.
    async fn audit(&self, scene: &Scene, spec: &Self::Spec, found: Option<&Self::Found>) -> Result<Audit> {
        Ok(match self.observe(scene, spec, found).await? {
            Seen::Absent => Audit::Missing,
            Seen::Ours { complete: true, .. } => Audit::Intact,
            Seen::Ours { complete: false, .. } => Audit::Differs("it is not as it should be".to_owned()),
            Seen::Foreign(what) => Audit::Foreign(what),
            Seen::Repeatable => Audit::Unaudited,
        })
    }

    /// Calls of the edge's API that a change costs when nothing fails, looks before it included.
    fn edge_calls(&self, _change: Change) -> u32 {
        0
    }

    /// Removes the resource; absent is success. Works from the intent alone when `found` is none.
    async fn remove(&self, scene: &Scene, spec: &Self::Spec, found: Option<&Self::Found>) -> Result<Removal>;
}

/// A [`Resource`] with its values as JSON, as the journal keeps them.
#[async_trait]
pub(crate) trait AnyResource: Debug + Send + Sync {
    fn late_effect_window(&self, providers: &Providers) -> Duration;
    fn edge_calls(&self, change: Change) -> u32;
    async fn audit(&self, scene: &Scene, spec: &Json, found: Option<&Json>) -> Result<Audit>;
    async fn observe(&self, scene: &Scene, spec: &Json, found: Option<&Json>) -> Result<Seen<Json>>;
    async fn bring(&self, scene: &Scene, spec: &Json, from: Option<&Json>) -> Result<Attempt<Json>>;
    async fn remove(&self, scene: &Scene, spec: &Json, found: Option<&Json>) -> Result<Removal>;
}

#[async_trait]
impl<R: Resource> AnyResource for R {
    fn late_effect_window(&self, providers: &Providers) -> Duration {
        Resource::late_effect_window(self, providers)
    }

    fn edge_calls(&self, change: Change) -> u32 {
        Resource::edge_calls(self, change)
    }

    async fn audit(&self, scene: &Scene, spec: &Json, found: Option<&Json>) -> Result<Audit> {
        let found = found.map(Json::read).transpose()?;
        Resource::audit(self, scene, &spec.read()?, found.as_ref()).await
    }

    async fn observe(&self, scene: &Scene, spec: &Json, found: Option<&Json>) -> Result<Seen<Json>> {
        let found = found.map(Json::read).transpose()?;
        Ok(match Resource::observe(self, scene, &spec.read()?, found.as_ref()).await? {
            Seen::Absent => Seen::Absent,
            Seen::Ours { found, complete } => Seen::Ours { found: Json::of(&found)?, complete },
            Seen::Foreign(what) => Seen::Foreign(what),
            Seen::Repeatable => Seen::Repeatable,
        })
    }

    async fn bring(&self, scene: &Scene, spec: &Json, from: Option<&Json>) -> Result<Attempt<Json>> {
        let from = from.map(Json::read).transpose()?;
        Ok(match self.attempt(scene, &spec.read()?, from.as_ref()).await? {
            Attempt::Done(found) => Attempt::Done(Json::of(&found)?),
            Attempt::Pending(pending) => Attempt::Pending(pending),
        })
    }

    async fn remove(&self, scene: &Scene, spec: &Json, found: Option<&Json>) -> Result<Removal> {
        let found = found.map(Json::read).transpose()?;
        Resource::remove(self, scene, &spec.read()?, found.as_ref()).await
    }
}

/// The implementation of a kind.
pub(crate) fn implementation(kind: ResourceKind) -> &'static dyn AnyResource {
    match kind {
        ResourceKind::Claim => &claim::ClaimResource,
        ResourceKind::Record => &record::RecordResource,
        ResourceKind::Database => &database::DatabaseResource,
        ResourceKind::Zone => &zone::ZoneResource,
        ResourceKind::Records => &records::RecordsResource,
        ResourceKind::HostPart => &host_part::HostPartResource,
        ResourceKind::Connectivity => &connectivity::ConnectivityCheck,
        ResourceKind::PrimaryZone => &primary_zone::PrimaryZoneCheck,
        ResourceKind::Tunnel => &tunnel::TunnelResource,
        ResourceKind::Ingress => &ingress::IngressResource,
        ResourceKind::TunnelRoute => &tunnel_route::TunnelRouteResource,
        ResourceKind::Hostname => &custom_hostname::CustomHostnameResource,
        ResourceKind::FallbackOrigin => &fallback_origin::FallbackOriginResource,
        ResourceKind::ReferenceZone => &reference_zone::ReferenceZoneCheck,
        ResourceKind::ZonePolicy => &zone_policy::ZonePolicyResource,
        ResourceKind::Certificate => &certificate::CertificateResource,
        ResourceKind::PolicyLook => &zone_policy::PolicyLookCheck,
    }
}
