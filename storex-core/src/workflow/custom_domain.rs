//! The part of a store that its custom domain is, by strategy: steps and documents.

use super::{missing, zone_policy};
use crate::operation::Plan;
use crate::policy::ZonePolicy;
use crate::record::{CertificateRecord, DomainRecord, WaitsOn, due, plain};
use crate::resource::{RecordRow, ResourceKey, ResourceKind, ZoneSpec};
use crate::{DnsProof, DomainStrategy, Hostname, Json, Result, StoreId, Table, ZoneFacts};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

const DOMAINS: &str = "Configure Domains";
const ZONE_TASK: &str = "Create Cloudflare zone";
const RECORDS_TASK: &str = "Configure DNS records";
const CERTIFICATE_TASK: &str = "Provision SSL certificates";

/// Reason of the domain tasks of a store without a custom domain.
const SYSTEM_ONLY: &str = "the store has only its system subdomain";
/// Reason of the zone task of a custom hostname.
const OWNERS_ZONE: &str = "the domain is a custom hostname: its owner keeps the zone";
/// Until a new domain is looked at for the first time.
const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(60);

/// How a custom domain reaches the tunnel, settled when the store was asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub(crate) enum DomainPlan {
    /// A zone of its own, made for it.
    #[default]
    Zone,
    /// A zone the account had before.
    ReferenceZone,
    /// A custom hostname of the primary zone.
    CustomHostname {
        /// Text by which the owner proves the name.
        proof: String,
        /// Where its CNAME must lead.
        target: Hostname,
    },
}

impl DomainPlan {
    fn strategy(&self) -> DomainStrategy {
        match self {
            Self::Zone | Self::ReferenceZone => DomainStrategy::Zone,
            Self::CustomHostname { .. } => DomainStrategy::CustomHostname,
        }
    }

    /// The step that finds or makes the zone; none when there is none.
    pub(crate) fn zone_key(&self, name: &Hostname) -> Option<ResourceKey> {
        match self {
            Self::Zone => Some(ResourceKey::new(ResourceKind::Zone, name)),
            Self::ReferenceZone => Some(ResourceKey::new(ResourceKind::ReferenceZone, name)),
            Self::CustomHostname { .. } => None,
        }
    }

    /// The steps of the domain's three tasks after the store's document. Of a custom hostname only the documents: the hostname itself is made by the
    /// domain's own life cycle once its owner has proved the name, and the store does not wait for that. A zone that was there before keeps its policy.
    pub(crate) fn steps(&self, plan: &mut Plan, name: &Hostname, policy: &ZonePolicy, store: usize) -> Result<Vec<usize>> {
        plan.task(DOMAINS, ZONE_TASK);
        let Some(key) = self.zone_key(name) else {
            plan.skip(ResourceKey::new(ResourceKind::Zone, "custom domain"), OWNERS_ZONE, &[store]);
            let domain = plan.task(DOMAINS, RECORDS_TASK).bring_later(record(Table::Domains, name), &[store]);
            let certificate = plan.task(DOMAINS, CERTIFICATE_TASK).bring_later(record(Table::Certificates, name), &[store]);
            return Ok(vec![domain, certificate]);
        };
        let spec = Json::of(&ZoneSpec { name: name.clone() })?;
        let zone = match self {
            Self::ReferenceZone => plan.check(key, Some(spec), &[store]),
            _ => plan.bring(key, spec, &[store]),
        };
        let domain = plan.bring_later(record(Table::Domains, name), &[zone]);
        let records = plan.task(DOMAINS, RECORDS_TASK).bring_later(ResourceKey::new(ResourceKind::Records, name), &[zone]);
        let certificate = plan.task(DOMAINS, CERTIFICATE_TASK).bring_later(record(Table::Certificates, name), &[zone]);
        let mut steps = vec![domain, records, certificate];
        if matches!(self, Self::Zone) {
            steps.extend(zone_policy::steps(plan, policy, name, zone));
        }
        Ok(steps)
    }

    /// The domain's document.
    pub(crate) fn domain(&self, name: &Hostname, store: StoreId, zone: Option<ZoneFacts>, since: Timestamp) -> Result<RecordRow> {
        let mut row = DomainRecord { strategy: self.strategy().to_string(), ..blank(name, store) };
        let what = match self {
            Self::Zone | Self::ReferenceZone => {
                let zone = zone.ok_or_else(|| missing("the zone"))?;
                (row.zone, row.name_servers) = (Some(zone.id), zone.name_servers);
                "point the domain's name servers at Cloudflare".to_owned()
            }
            Self::CustomHostname { proof, target } => {
                let proof = DnsProof { name: format!("_storex-challenge.{name}"), value: proof.clone() };
                let what = format!("add the TXT record {} with the value {}", proof.name, proof.value);
                (row.proof, row.target) = (Some(proof), Some(target.clone()));
                what
            }
        };
        row.waits_on = Some(WaitsOn { who: "owner".to_owned(), what, since });
        due(Table::Domains, name.to_string(), &row, since + FIRST_LOOK)
    }

    /// The document of the domain's certificate.
    pub(crate) fn certificate(&self, name: &Hostname, store_id: StoreId, since: Timestamp) -> Result<RecordRow> {
        let (provider, what) = match self {
            Self::CustomHostname { .. } => {
                ("custom_hostname", "the certificate is issued once the owner has proved the name and it leads here")
            }
            _ => ("universal", "the certificate is issued once the zone is active, which waits on the domain's name servers"),
        };
        let waits_on = Some(WaitsOn { who: "owner".to_owned(), what: what.to_owned(), since });
        let row = CertificateRecord { name: name.clone(), store_id, provider: provider.to_owned(), waits_on };
        plain(Table::Certificates, name.to_string(), &row)
    }
}

/// The tasks of a store without a custom domain.
pub(super) fn skipped(plan: &mut Plan, store: usize) {
    for (task, kind) in
        [(ZONE_TASK, ResourceKind::Zone), (RECORDS_TASK, ResourceKind::Records), (CERTIFICATE_TASK, ResourceKind::Record)]
    {
        plan.task(DOMAINS, task).skip(ResourceKey::new(kind, "custom domain"), SYSTEM_ONLY, &[store]);
    }
}

/// The document of a system subdomain: covered by the wildcard, so it waits for nobody.
pub(super) fn system(name: &Hostname, store: StoreId) -> Result<RecordRow> {
    plain(Table::Domains, name.to_string(), &blank(name, store))
}

fn blank(name: &Hostname, store_id: StoreId) -> DomainRecord {
    DomainRecord {
        name: name.clone(),
        store_id,
        strategy: "wildcard".to_owned(),
        zone: None,
        name_servers: Vec::new(),
        waits_on: None,
        proof: None,
        target: None,
        hostname: None,
        activation: None,
        rechecked_at: None,
    }
}

fn record(table: Table, id: &Hostname) -> ResourceKey {
    ResourceKey::new(ResourceKind::Record, format!("{table}/{id}"))
}
