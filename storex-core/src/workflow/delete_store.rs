//! Deleting a store: everything it holds → absent, in the reverse order of its making. Forward only.

use super::{after_its_last, missing, params};
use crate::operation::{Flow, OperationDoc, Plan, Step};
use crate::record::{StoreRecord, StoreState, decode};
use crate::resource::{ResourceKey, ResourceKind, Scene};
use crate::{Json, OperationId, Result, StoreId, Subject, Table};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "delete_store";

/// Which store is deleted. What it holds is read when its turn comes: an operation before may have changed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeleteParams {
    store_id: StoreId,
}

impl DeleteParams {
    pub(crate) fn of(store: &StoreId) -> Self {
        Self { store_id: store.clone() }
    }
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
            plan.not_before(held.late_until);
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
        ResourceKind::Zone | ResourceKind::Records | ResourceKind::Hostname | ResourceKind::ZonePolicy => {
            "Remove domain configuration"
        }
        ResourceKind::HostPart | ResourceKind::TunnelRoute => "Remove deployment",
        ResourceKind::Database => "Remove database",
        _ => "Remove database entries",
    }
}

#[async_trait]
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
        params::<DeleteParams>(doc).map_or(Subject::Platform, |params| Subject::Store(params.store_id.digits()))
    }

    /// A store that is gone when the turn comes has nothing left to remove.
    async fn plan(&self, scene: &Scene, doc: &OperationDoc) -> Result<Vec<Step>> {
        let id = params::<DeleteParams>(doc)?.store_id;
        match scene.providers.repo.get(Table::Stores, &id.to_string()).await? {
            Some(row) => {
                let store = decode(&row)?;
                after_its_last(scene, &store).await?;
                Self::steps(&store, &doc.id, doc.created_at)
            }
            None => Ok(Vec::new()),
        }
    }

    fn resolve(&self, _: &OperationDoc, _: usize) -> Result<(Option<Json>, Json)> {
        Err(missing("the value"))
    }
}
