//! Looking at what should stand: the reads of drift, plan and reconcile.

use super::{Scene, implementation};
use crate::record::Held;
use crate::resource::ResourceKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a resource stands against what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audit {
    /// As it should be.
    Intact,
    /// A complete read shows nothing.
    Missing,
    /// It is there and ours, but not as it should be; how, in words.
    Differs(String),
    /// Something we did not make is in its place; what, in words.
    Foreign(String),
    /// It cannot be looked at, or needs no look.
    Unaudited,
}

/// What is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DriftState {
    /// It is not there.
    Missing,
    /// It is there and ours, but changed.
    Differs,
    /// Something storex did not make is in its place.
    Foreign,
    /// It is ours, and no store has it.
    Orphan,
    /// It could not be read: nothing is known, and nothing is done.
    Unknown,
}

/// What a reconcile does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DriftAction {
    /// Brings it back to what it should be.
    Repair,
    /// Removes it.
    Remove,
    /// Nothing: it is only reported.
    Report,
}

/// One finding about one resource that should stand.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Its place among the resources asked about.
    pub(crate) place: usize,
    pub(crate) state: DriftState,
    pub(crate) action: DriftAction,
    pub(crate) detail: String,
}

/// Looks at each resource and says which are not as they should be, in their order.
pub(crate) async fn findings(scene: &Scene, held: &[Held]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut looked = look_at_records(scene, held).await;
    for (place, resource) in held.iter().enumerate() {
        let seen = match looked.remove(&place) {
            Some(seen) => seen,
            None => look(scene, resource).await,
        };
        let Some((state, detail)) = seen else { continue };
        // A thing whose ground is not there cannot be made, and a thing nobody may remake is the operator's.
        let lost = |finding: &Finding| {
            finding.action != DriftAction::Repair
                && held.get(finding.place).is_some_and(|ground| resource.after.contains(&ground.key))
        };
        let mendable = matches!(state, DriftState::Missing | DriftState::Differs)
            && is_remade(resource.key.kind)
            && !findings.iter().any(lost);
        let action = if mendable { DriftAction::Repair } else { DriftAction::Report };
        findings.push(Finding { place, state, action, detail });
    }
    findings
}

/// What was seen of a resource: nothing when it is as it should be.
type Looked = Option<(DriftState, String)>;

/// Looks at the records first. Those that are as they should be were read by the immutable id of their zone, so the zone is there too and needs no look
/// of its own: half the reads of a fleet in which nothing drifted.
async fn look_at_records(scene: &Scene, held: &[Held]) -> BTreeMap<usize, Looked> {
    let mut looked = BTreeMap::new();
    for (place, records) in held.iter().enumerate().filter(|(_, held)| held.key.kind == ResourceKind::Records) {
        let seen = look(scene, records).await;
        if seen.is_none() {
            looked.extend((0..held.len()).filter(|ground| proves(records, held.get(*ground))).map(|ground| (ground, None)));
        }
        looked.insert(place, seen);
    }
    looked
}

/// Whether these records, read as they should be, prove the other resource: it is the zone they are in.
fn proves(records: &Held, ground: Option<&Held>) -> bool {
    let in_it = |ground: &&Held| ground.key.kind == ResourceKind::Zone && records.after.contains(&ground.key);
    records.key.kind == ResourceKind::Records && ground.as_ref().is_some_and(in_it)
}

async fn look(scene: &Scene, resource: &Held) -> Looked {
    let kind = implementation(resource.key.kind);
    match kind.audit(scene, &resource.spec, resource.found.as_ref()).await {
        Ok(Audit::Intact | Audit::Unaudited) => None,
        Ok(Audit::Missing) => Some((DriftState::Missing, "it is not there".to_owned())),
        Ok(Audit::Differs(how)) => Some((DriftState::Differs, how)),
        Ok(Audit::Foreign(what)) => Some((DriftState::Foreign, what)),
        Err(error) => Some((DriftState::Unknown, error.to_string())),
    }
}

/// Whether a resource that was lost is made anew. A new zone or tunnel has another identity, on which others hang: that is an operator's choice. A
/// custom hostname is made by its domain's own life cycle, once its owner has proved the name again.
fn is_remade(kind: ResourceKind) -> bool {
    !matches!(kind, ResourceKind::Zone | ResourceKind::Tunnel | ResourceKind::PrimaryZone | ResourceKind::Hostname)
}

/// Calls of the edge's API that looking at these resources costs while nothing has drifted, beside the list that shows all custom hostnames.
pub(crate) fn edge_reads(held: &[Held]) -> usize {
    let at_edge = |kind| {
        use ResourceKind::{Ingress, Records, Tunnel, TunnelRoute, Zone, ZonePolicy};
        matches!(kind, Zone | Records | Tunnel | Ingress | TunnelRoute | ZonePolicy)
    };
    let proved = |resource: &Held| held.iter().any(|records| proves(records, Some(resource)));
    held.iter().filter(|resource| at_edge(resource.key.kind) && !proved(resource)).count()
}
