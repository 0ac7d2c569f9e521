//! Another certificate for a store's domain. Forward only: a new one is in place before the old one goes, so giving up half way leaves the old one.

use super::{missing, params};
use crate::operation::{Flow, OperationDoc, Plan, Step};
use crate::policy::Reissue;
use crate::resource::{CertificateSpec, CertificateStep, ResourceKey, ResourceKind};
use crate::{CertificateChange, Json, PackId, Result, StoreId, Subject, ZoneId};
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "reissue_certificate";
const GROUP: &str = "Reissue Certificate";

/// Whose certificate it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReissueParams {
    pub(crate) store_id: StoreId,
    pub(crate) zone: ZoneId,
}

/// The flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReissueCertificate;

fn key(name: &str) -> ResourceKey {
    ResourceKey::new(ResourceKind::Certificate, name)
}

const NEW: &str = "new";

impl ReissueCertificate {
    /// The steps of the decision; none when there is nothing to do. `known` are the packs that are there now.
    pub(crate) fn steps(zone: &ZoneId, decision: &Reissue, known: &[PackId]) -> Result<Vec<Step>> {
        let make = |change: CertificateChange| {
            let step = CertificateStep::Make { change, known: known.to_vec() };
            Json::of(&CertificateSpec { zone: zone.clone(), step })
        };
        let mut plan = Plan::default();
        match decision {
            Reissue::Change(change) => {
                plan.task(GROUP, "Request certificate").bring(key("current"), make(change.clone())?, &[]);
            }
            Reissue::Replace { order, old } => {
                let ordered = make(CertificateChange::Order(order.clone()))?;
                let ordered = plan.task(GROUP, "Order new certificate").bring(key(NEW), ordered, &[]);
                let served = plan.task(GROUP, "Await new certificate").bring_later(key("await"), &[ordered]);
                let delete = make(CertificateChange::Delete { pack: old.id.clone() })?;
                plan.task(GROUP, "Remove old certificate").bring(key("old"), delete, &[served]);
            }
            Reissue::Toggle => {
                let switch = |enabled| make(CertificateChange::Universal { enabled });
                let off = plan.task(GROUP, "Switch universal certificate off").bring(key("off"), switch(false)?, &[]);
                plan.task(GROUP, "Switch universal certificate on").bring(key("on"), switch(true)?, &[off]);
            }
            Reissue::NeedsForce(_) | Reissue::Nothing(_) => {}
        }
        Ok(plan.into_steps())
    }
}

impl Flow for ReissueCertificate {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn forward_only(&self) -> bool {
        true
    }

    /// A certificate that cannot be had must not keep the store from being deleted.
    fn gives_way(&self) -> bool {
        true
    }

    fn subject(&self, doc: &OperationDoc) -> Subject {
        params::<ReissueParams>(doc).map_or(Subject::Platform, |params| Subject::Store(params.store_id.digits()))
    }

    /// The pack to wait for is the one that was ordered.
    fn resolve(&self, doc: &OperationDoc, _: usize) -> Result<(Option<Json>, Json)> {
        let ordered = doc.found(&key(NEW)).map(Json::read::<Option<PackId>>).transpose()?.flatten();
        let pack = ordered.ok_or_else(|| missing("the new certificate"))?;
        let zone = params::<ReissueParams>(doc)?.zone;
        Ok((None, Json::of(&CertificateSpec { zone, step: CertificateStep::Await { pack } })?))
    }
}
