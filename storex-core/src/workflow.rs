//! What operations on stores consist of: one file per workflow, each a list of steps and the values they bring about.
//!
//! Names of steps and tasks are the specification's, verbatim.

mod activate_domain;
mod create_store;
mod custom_domain;
mod delete_store;
mod ensure_platform;
mod environment;
mod reconcile;
mod reissue_certificate;
mod remove_orphan;
mod rotate_password;
mod zone_policy;

pub(crate) use activate_domain::{ActivateDomain, ActivateParams, hostname_of};
pub(crate) use create_store::{Candidates, CreateParams, CreateStore, DatabasePlan};
pub(crate) use custom_domain::DomainPlan;
pub(crate) use delete_store::{DeleteParams, DeleteStore};
pub(crate) use ensure_platform::{EnsurePlatform, PlatformParams, platform_resources, target_of};
pub(crate) use reconcile::ReconcileParams;
pub(crate) use reissue_certificate::{ReissueCertificate, ReissueParams};
pub(crate) use remove_orphan::OrphanParams;
pub(crate) use rotate_password::RotateParams;

use crate::operation::{Direction, Flow, OperationDoc};
use crate::record::StoreRecord;
use crate::resource::Scene;
use crate::{Code, Error, Result, Table};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The flow of this name.
pub(crate) fn flow(name: &str) -> Result<Arc<dyn Flow>> {
    match name {
        activate_domain::NAME => Ok(Arc::new(ActivateDomain)),
        create_store::NAME => Ok(Arc::new(CreateStore)),
        delete_store::NAME => Ok(Arc::new(DeleteStore)),
        ensure_platform::NAME => Ok(Arc::new(EnsurePlatform)),
        reconcile::NAME => Ok(Arc::new(reconcile::Reconcile)),
        reissue_certificate::NAME => Ok(Arc::new(ReissueCertificate)),
        remove_orphan::NAME => Ok(Arc::new(remove_orphan::RemoveOrphan)),
        rotate_password::NAME => Ok(Arc::new(rotate_password::RotatePassword)),
        _ => Err(Error::new(Code::Unsupported, format!("this version knows no operation {name:?}"))),
    }
}

/// Waits for the operation that last wrote the store's document: a create is not over when the store is active, and may still turn back.
///
/// # Errors
/// `unavailable` while it is not over; one that has given way is not waited for.
async fn after_its_last(scene: &Scene, store: &StoreRecord) -> Result<()> {
    let Some(row) = scene.providers.repo.get(Table::Operations, store.operation.as_str()).await? else { return Ok(()) };
    let last: OperationDoc = row.body.read()?;
    let gave_way = last.direction == Direction::Poisoned && flow(&last.flow)?.gives_way();
    if last.is_over() || gave_way || last.id == scene.operation {
        return Ok(());
    }
    Err(Error::new(Code::Unavailable, format!("operation {} on {} is not over yet", last.id, store.store_id)))
}

fn params<T: DeserializeOwned>(doc: &OperationDoc) -> Result<T> {
    doc.params.read().map_err(|error: Error| error.with("operation", &doc.id))
}

fn missing(what: &str) -> Error {
    Error::new(Code::Internal, format!("a step ran before {what} was known"))
}
