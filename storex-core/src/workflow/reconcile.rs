//! Bringing what drifted back to what it should be: of one store, or of the platform. Forward only, and only what is not as it should be.

use super::ensure_platform::platform_resources;
use super::{after_its_last, missing, params};
use crate::operation::{Flow, OperationDoc, Plan, Step};
use crate::record::{Held, PLATFORM, PlatformRecord, StoreRecord, StoreState, decode};
use crate::resource::{DriftAction, RecordRow, ResourceKey, ResourceKind, Scene, findings};
use crate::{Error, Json, Result, StoreId, Subject, Table};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "reconcile";
const GROUP: &str = "Reconcile";

/// What is reconciled. What drifted is looked for when the operation's turn comes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReconcileParams {
    /// The store; none is the platform.
    pub(crate) store_id: Option<StoreId>,
}

/// The flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reconcile;

/// The store's document under another name than its last change has.
fn mark_key() -> ResourceKey {
    ResourceKey::new(ResourceKind::Record, "stores/reconciling")
}

fn last_key() -> ResourceKey {
    ResourceKey::new(ResourceKind::Record, "stores/self")
}

impl Reconcile {
    /// What drifted, each brought back after what it hangs on.
    async fn repairs(scene: &Scene, plan: &mut Plan, held: &[Held], first: &[usize]) -> Vec<usize> {
        let mut numbers: Vec<(ResourceKey, usize)> = Vec::new();
        for finding in findings(scene, held).await {
            let Some(resource) = held.get(finding.place).filter(|_| finding.action == DriftAction::Repair) else { continue };
            let mut after = first.to_vec();
            after.extend(numbers.iter().filter(|(key, _)| resource.after.contains(key)).map(|(_, number)| *number));
            let number = plan.task(GROUP, "Repair drift").bring(resource.key.clone(), resource.spec.clone(), &after);
            numbers.push((resource.key.clone(), number));
        }
        numbers.into_iter().map(|(_, number)| number).collect()
    }

    async fn of_store(scene: &Scene, doc: &OperationDoc, id: &StoreId) -> Result<Vec<Step>> {
        let row = scene.providers.repo.get(Table::Stores, &id.to_string()).await?;
        let Some(store) = row.as_ref().map(decode::<StoreRecord>).transpose()?.filter(|store| store.state == StoreState::Active)
        else {
            return Ok(Vec::new());
        };
        after_its_last(scene, &store).await?;
        let mut plan = Plan::default();
        let before = Json::of(&store.row()?)?;
        let marked = StoreRecord { operation: doc.id.clone(), updated_at: doc.created_at, ..store.clone() };
        let first = plan.task(GROUP, "Mark store").change(mark_key(), Some(before), Json::of(&marked.row()?)?, &[]);
        let repairs = Self::repairs(scene, &mut plan, &store.resources, &[first]).await;
        if repairs.is_empty() {
            return Ok(Vec::new());
        }
        plan.task(GROUP, "Record repairs").bring_later(last_key(), &repairs);
        Ok(plan.into_steps())
    }

    async fn of_platform(scene: &Scene) -> Result<Vec<Step>> {
        let row = scene.providers.repo.get(Table::Platform, PLATFORM).await?;
        let Some(platform) = row.as_ref().map(decode::<PlatformRecord>).transpose()? else { return Ok(Vec::new()) };
        let mut plan = Plan::default();
        Self::repairs(scene, &mut plan, &platform_resources(&platform)?, &[]).await;
        Ok(plan.into_steps())
    }
}

#[async_trait]
impl Flow for Reconcile {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn forward_only(&self) -> bool {
        true
    }

    /// A repair that cannot succeed must not keep the store from being deleted.
    fn gives_way(&self) -> bool {
        true
    }

    fn subject(&self, doc: &OperationDoc) -> Subject {
        let store = params::<ReconcileParams>(doc).ok().and_then(|params| params.store_id);
        store.map_or(Subject::Platform, |store| Subject::Store(store.digits()))
    }

    async fn plan(&self, scene: &Scene, doc: &OperationDoc) -> Result<Vec<Step>> {
        match params::<ReconcileParams>(doc)?.store_id {
            Some(store) => Self::of_store(scene, doc, &store).await,
            None => Self::of_platform(scene).await,
        }
    }

    /// The store's document with what stands now.
    fn resolve(&self, doc: &OperationDoc, _: usize) -> Result<(Option<Json>, Json)> {
        let marked = doc.steps.first().and_then(|step| step.intent.as_ref()).ok_or_else(|| missing("the store"))?.spec.clone();
        let mut row: RecordRow = marked.read()?;
        let mut store: StoreRecord = row.body.read().map_err(|error: Error| error.with("document", &row.id))?;
        for resource in &mut store.resources {
            if let Some(found) = doc.found(&resource.key) {
                resource.found = Some(found.clone());
            }
            resource.late_until = resource.late_until.max(doc.late_until(&resource.key));
        }
        row.body = Json::of(&store)?;
        Ok((Some(marked), Json::of(&row)?))
    }
}
