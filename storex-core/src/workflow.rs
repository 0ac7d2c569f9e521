//! What operations on stores consist of: one file per workflow, each a list of steps and the values they bring about.
//!
//! Names of steps and tasks are the specification's, verbatim.

mod create_store;
mod delete_store;
mod ensure_platform;
mod environment;
mod reconcile;
mod remove_orphan;

pub(crate) use create_store::{Candidates, CreateParams, CreateStore};
pub(crate) use delete_store::{DeleteParams, DeleteStore};
pub(crate) use ensure_platform::{EnsurePlatform, PlatformParams, platform_resources};
pub(crate) use reconcile::ReconcileParams;
pub(crate) use remove_orphan::OrphanParams;

use crate::operation::{Flow, OperationDoc};
use crate::{Code, Error, Result};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The flow of this name.
pub(crate) fn flow(name: &str) -> Result<Arc<dyn Flow>> {
    match name {
        create_store::NAME => Ok(Arc::new(CreateStore)),
        delete_store::NAME => Ok(Arc::new(DeleteStore)),
        ensure_platform::NAME => Ok(Arc::new(EnsurePlatform)),
        reconcile::NAME => Ok(Arc::new(reconcile::Reconcile)),
        remove_orphan::NAME => Ok(Arc::new(remove_orphan::RemoveOrphan)),
        _ => Err(Error::new(Code::Unsupported, format!("this version knows no operation {name:?}"))),
    }
}

fn params<T: DeserializeOwned>(doc: &OperationDoc) -> Result<T> {
    doc.params.read().map_err(|error: Error| error.with("operation", &doc.id))
}

fn missing(what: &str) -> Error {
    Error::new(Code::Internal, format!("a step ran before {what} was known"))
}
