//! Deleting a store: everything it holds → absent, in the reverse order of its making. Forward only.

use super::{missing, params};
use crate::operation::{Flow, OperationDoc, Plan, Step};
use crate::record::{StoreRecord, StoreState};
use crate::resource::{ResourceKey, ResourceKind};
use crate::{Json, OperationId, Result, Subject};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "delete_store";

/// What a store is deleted from: its document as it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeleteParams {
    pub(crate) store: StoreRecord,
}

/// The flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeleteStore;

impl DeleteStore {
    /// The steps: first the store's document says that it goes, then each resource once nothing hangs on it any more.
    pub(crate) fn steps(store: &StoreRecord, operation: &OperationId, now: Timestamp) -> Result<Vec<Step>> {
        let mut plan = Plan::default();
        let leaving = StoreRecord { state: StoreState::Deleting, operation: operation.clone(), updated_at: now, ..store.clone() };
        plan.task("Delete Store", "Mark store as deleting");
        let first = plan.change(mark_key(), Some(Json::of(&store.row()?)?), Json::of(&leaving.row()?)?, &[]);
        let mut numbers: Vec<Option<usize>> = vec![None; store.resources.len()];
        // Dependents come later in the list, so walking it backwards meets them first.
        for (place, held) in store.resources.iter().enumerate().rev() {
            let mut after = vec![first];
            let dependents = store.resources.iter().zip(&numbers).filter(|(other, _)| other.after.contains(&held.key));
            after.extend(dependents.filter_map(|(_, number)| *number));
            let number = plan.task("Delete Store", task(held.key.kind)).remove(
                held.key.clone(),
                held.spec.clone(),
                held.found.clone(),
                &after,
            );
            if let Some(slot) = numbers.get_mut(place) {
                *slot = Some(number);
            }
        }
        Ok(plan.into_steps())
    }
}

/// The store's document under another name than its removal has.
fn mark_key() -> ResourceKey {
    ResourceKey::new(ResourceKind::Record, "stores/deleting")
}

fn task(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Claim => "Release names",
        ResourceKind::Zone | ResourceKind::Records => "Remove domain configuration",
        ResourceKind::HostPart => "Remove deployment",
        _ => "Remove database entries",
    }
}

impl Flow for DeleteStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn forward_only(&self) -> bool {
        true
    }

    fn subject(&self, doc: &OperationDoc) -> Subject {
        params::<DeleteParams>(doc).map_or(Subject::Platform, |params| Subject::Store(params.store.store_id.digits()))
    }

    fn resolve(&self, _: &OperationDoc, _: usize) -> Result<(Option<Json>, Json)> {
        Err(missing("the value"))
    }
}
