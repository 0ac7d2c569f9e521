//! Removing a deployment no store has. Forward only.

use super::{missing, params};
use crate::operation::{Flow, OperationDoc, Plan, Step};
use crate::resource::{HostPartSpec, ResourceKey, ResourceKind, Scene};
use crate::{HostId, Json, Part, Result, StoreId, StorePackage, Subject, Symlinks, Table};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const NAME: &str = "remove_orphan";

/// Which deployment is removed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OrphanParams {
    pub(crate) store_id: StoreId,
    pub(crate) host: HostId,
}

/// The flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RemoveOrphan;

#[async_trait]
impl Flow for RemoveOrphan {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn forward_only(&self) -> bool {
        true
    }

    fn gives_way(&self) -> bool {
        true
    }

    fn subject(&self, doc: &OperationDoc) -> Subject {
        params::<OrphanParams>(doc).map_or(Subject::Platform, |params| Subject::Store(params.store_id.digits()))
    }

    /// The parts, the way to them first. A deployment that has a store by now is left alone.
    async fn plan(&self, scene: &Scene, doc: &OperationDoc) -> Result<Vec<Step>> {
        let OrphanParams { store_id, host } = params(doc)?;
        if scene.providers.repo.get(Table::Stores, &store_id.to_string()).await?.is_some() {
            return Ok(Vec::new());
        }
        let Some(deployed) = scene.providers.host(&host)?.find(&store_id).await? else { return Ok(Vec::new()) };
        let mut plan = Plan::default();
        let mut last: Vec<usize> = Vec::new();
        for part in [Part::Route, Part::Process, Part::Environment, Part::Files] {
            if !deployed.parts.contains_key(&part) {
                continue;
            }
            // Removing needs no more of the package than whose it is.
            let package = StorePackage {
                store_id: store_id.clone(),
                directory: String::new(),
                environment: BTreeMap::new(),
                symlinks: Symlinks::default(),
            };
            let spec = Json::of(&HostPartSpec { host: host.clone(), part, package, login: None })?;
            let key = ResourceKey::on(&host, ResourceKind::HostPart, part);
            last = vec![plan.task("Reconcile", "Remove orphan").remove(key, spec, None, &last)];
        }
        Ok(plan.into_steps())
    }

    fn resolve(&self, _: &OperationDoc, _: usize) -> Result<(Option<Json>, Json)> {
        Err(missing("the value"))
    }
}
