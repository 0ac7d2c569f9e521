//! Stores as the outside sees them: the specification's keys, in its order. Ports and paths never appear.

use crate::record::{DomainRecord, Held, StoreDetails, StoreRecord, StoreState};
use crate::resource::{PolicyApplied, ResourceKind};
use crate::{Hostname, OperationId, StoreId, Username};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Host names of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainsView {
    /// Name below the primary domain.
    pub system: Hostname,
    /// The owner's own domain.
    pub custom: Option<Hostname>,
}

/// Where the configuration of a store's domains is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConfigurationStatus {
    /// The custom domain waits for something.
    Configuring,
    /// Every name of the store is configured.
    Active,
}

/// What is left to do for the store's domains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationView {
    /// Name servers the registrar of the custom domain must name; empty until they are known, for a custom hostname and for a store without a
    /// custom domain.
    pub nameservers: Vec<String>,
    /// Where it is.
    pub status: ConfigurationStatus,
    /// What the owner can do, in order.
    pub next_steps: Vec<String>,
}

impl ConfigurationView {
    /// From what is known of the custom domain; `custom` is false for a store without one.
    pub(crate) fn of(custom: bool, domain: Option<&DomainRecord>) -> Self {
        let nameservers = domain.map(|domain| domain.name_servers.clone()).unwrap_or_default();
        if !custom || domain.is_some_and(|domain| domain.waits_on.is_none()) {
            return Self { nameservers, status: ConfigurationStatus::Active, next_steps: Vec::new() };
        }
        let unknown = || {
            ["Wait for the assigned nameservers", "Wait for DNS propagation", "Verify domain ownership"]
                .map(str::to_owned)
                .to_vec()
        };
        let next_steps = domain.map_or_else(unknown, DomainRecord::next_steps);
        Self { nameservers, status: ConfigurationStatus::Configuring, next_steps }
    }
}

/// Answer to the creation of a store: exactly the specification's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCreated {
    /// Always `success`.
    pub status: String,
    /// Identifier of the store.
    pub store_id: StoreId,
    /// Its host names.
    pub domains: DomainsView,
    /// What is left to do for them.
    pub configuration: ConfigurationView,
}

/// A store: the keys of [`StoreCreated`] first, then what else is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreView {
    /// The answer its creation got, as it would be now.
    #[serde(flatten)]
    pub created: StoreCreated,
    /// Name of the store.
    pub username: Username,
    /// Where it is in its life.
    pub state: StoreState,
    /// Who owns it.
    #[serde(rename = "storeDetails")]
    pub details: StoreDetails,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The operation that changes or last changed it.
    pub operation: OperationId,
    /// What storex wanted of the custom domain's zone and its Cloudflare plan does not let be; left out when there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported_on_plan: Vec<PlanGap>,
}

/// Something a zone's plan does not let be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanGap {
    /// What: the name of a setting or of a phase of rules, or the reference of one rule.
    pub part: String,
    /// Why, in words.
    pub reason: String,
}

impl PlanGap {
    /// Of what a store has, as it was applied last. A document of another version that cannot be read tells nothing.
    fn of(resources: &[Held]) -> Vec<Self> {
        let policies = resources.iter().filter(|held| held.key.kind == ResourceKind::ZonePolicy);
        let applied = policies.filter_map(|held| held.found.as_ref()?.read::<PolicyApplied>().ok());
        applied.flat_map(|applied| applied.unsupported_on_plan).map(|(part, reason)| Self { part, reason }).collect()
    }
}

impl StoreView {
    pub(crate) fn of(store: StoreRecord, domain: Option<&DomainRecord>) -> Self {
        let username = store.store_id.username().clone();
        let custom = store.domains.custom.is_some();
        let unsupported_on_plan = PlanGap::of(&store.resources);
        Self {
            created: StoreCreated {
                status: "success".to_owned(),
                store_id: store.store_id,
                domains: DomainsView { system: store.domains.system, custom: store.domains.custom },
                configuration: ConfigurationView::of(custom, domain),
            },
            username,
            state: store.state,
            details: store.details,
            created_at: whole_seconds(store.created_at),
            updated_at: whole_seconds(store.updated_at),
            operation: store.operation,
            unsupported_on_plan,
        }
    }
}

/// The specification shows times in whole seconds.
pub(super) fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// A page of stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreList {
    /// Always `success`.
    pub status: String,
    /// The stores, by ascending identifier.
    pub stores: Vec<StoreView>,
    /// Token of the next page; empty when nothing follows.
    pub next_page_token: String,
}
