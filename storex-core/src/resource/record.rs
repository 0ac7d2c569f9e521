//! Documents of our own: store, domain, certificate, due time, outbox message, platform.

use super::{Audit, Removal, Resource, Scene, Seen};
use crate::{Code, Error, Expected, Json, Nonce, Result, Row, RowWrite, Table};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A document as it should be. Two operations never write the same one at a time: they hold the claims it hangs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordRow {
    /// Kind of the document.
    pub table: Table,
    /// Identifier.
    pub id: String,
    /// The document.
    pub body: Json,
    /// Values by which it can be listed.
    #[serde(default)]
    pub indexes: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) struct RecordResource;

#[async_trait]
impl Resource for RecordResource {
    type Spec = RecordRow;
    /// Nothing beyond the value itself stands, and a document can be long.
    type Found = ();

    async fn observe(&self, _: &Scene, _: &RecordRow, _: Option<&()>) -> Result<Seen<()>> {
        Ok(Seen::Repeatable)
    }

    /// Only whether it is there: what it says has a life of its own.
    async fn audit(&self, scene: &Scene, spec: &RecordRow, _: Option<&()>) -> Result<Audit> {
        let row = scene.providers.repo.get(spec.table, &spec.id).await?;
        Ok(if row.is_some() { Audit::Intact } else { Audit::Missing })
    }

    async fn bring(&self, scene: &Scene, spec: &RecordRow, from: Option<&RecordRow>) -> Result<()> {
        let expected = match scene.providers.repo.get(spec.table, &spec.id).await? {
            None if from.is_none() => Expected::Absent,
            // What was to be changed is gone: making it anew would bring back what another driver has taken away.
            None => {
                return Err(Error::new(Code::VersionConflict, format!("the document {}/{} is gone", spec.table, spec.id)));
            }
            Some(row) if matches(&row, spec) => return Ok(()),
            Some(row) if from.is_some_and(|from| matches(&row, from)) => Expected::Version(row.version),
            Some(_) => {
                return Err(Error::new(
                    Code::VersionConflict,
                    format!("the document {}/{} changed meanwhile", spec.table, spec.id),
                ));
            }
        };
        let write = RowWrite { table: spec.table, id: spec.id.clone(), body: spec.body.clone(), indexes: spec.indexes.clone() };
        scene.providers.repo.put(&write, expected, &nonce(scene), scene.fence).await?;
        Ok(())
    }

    async fn remove(&self, scene: &Scene, spec: &RecordRow, _: Option<&()>) -> Result<Removal> {
        if let Some(row) = scene.providers.repo.get(spec.table, &spec.id).await? {
            scene.providers.repo.delete(spec.table, &spec.id, row.version, scene.fence).await?;
        }
        Ok(Removal::default())
    }
}

fn matches(row: &Row, spec: &RecordRow) -> bool {
    row.body == spec.body && row.indexes == spec.indexes
}

/// The effect names the write: repeating it after a lost answer is recognised.
fn nonce(scene: &Scene) -> Nonce {
    Nonce(scene.cx.mark.effect.to_string())
}
