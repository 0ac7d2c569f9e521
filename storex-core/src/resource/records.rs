//! DNS records of one owner in one zone, each with our mark in its comment.

use super::{Audit, Removal, Resource, Scene, Seen};
use crate::operation::Change;
use crate::{DomainObject, Kind, Mark, RecordFacts, RecordSpec, Result, ZoneId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Records to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsSpec {
    /// Zone they live in.
    pub zone: ZoneId,
    /// The records.
    pub records: Vec<RecordSpec>,
}

#[derive(Debug)]
pub(super) struct RecordsResource;

#[async_trait]
impl Resource for RecordsResource {
    type Spec = RecordsSpec;
    type Found = Vec<RecordFacts>;

    fn late_effect_window(&self, providers: &super::Providers) -> Duration {
        providers.domains.capabilities().late_effect_window
    }

    async fn observe(&self, scene: &Scene, spec: &RecordsSpec, _: Option<&Vec<RecordFacts>>) -> Result<Seen<Vec<RecordFacts>>> {
        let ours = owned(scene, spec).await?;
        if ours.is_empty() {
            return Ok(Seen::Absent);
        }
        let stands = |wanted: &RecordSpec| ours.iter().any(|record| wanted.matches(record));
        let complete = spec.records.iter().all(stands);
        Ok(Seen::Ours { found: ours, complete })
    }

    async fn audit(&self, scene: &Scene, spec: &RecordsSpec, _: Option<&Vec<RecordFacts>>) -> Result<Audit> {
        let ours = owned(scene, spec).await?;
        let lacks = |wanted: &&RecordSpec| !ours.iter().any(|record| wanted.matches(record));
        let Some(wanted) = spec.records.iter().find(lacks) else { return Ok(Audit::Intact) };
        let (kind, name) = (wanted.record_type(), wanted.name().as_str());
        if let Some(changed) = ours.iter().find(|record| record.name == name) {
            return Ok(Audit::Differs(format!("the record {} {name} leads to {}", changed.record_type, changed.content)));
        }
        // Ours is not there; whether another is in its place takes a look at all.
        let all = match scene.providers.domains.list_records(&spec.zone, None).await {
            Err(error) if error.kind() == Kind::NotFound => Vec::new(),
            other => other?,
        };
        Ok(match all.iter().find(|record| wanted.excludes(record)) {
            Some(other) => {
                Audit::Foreign(format!("a record {} {name} that storex did not make is in the way", other.record_type))
            }
            None if ours.is_empty() => Audit::Missing,
            None => Audit::Differs(format!("the record {kind} {name} is missing")),
        })
    }

    /// One batch makes them; one list and one batch remove them.
    fn edge_calls(&self, change: Change) -> u32 {
        if change == Change::Remove { 2 } else { 1 }
    }

    async fn bring(&self, scene: &Scene, spec: &RecordsSpec, _: Option<&RecordsSpec>) -> Result<Vec<RecordFacts>> {
        scene.providers.domains.ensure_records(&scene.cx, &spec.zone, &spec.records).await
    }

    async fn remove(&self, scene: &Scene, spec: &RecordsSpec, found: Option<&Vec<RecordFacts>>) -> Result<Removal> {
        // A fresh read shows our mark; only then, and only by id, is anything removed.
        let ids: Vec<_> = owned(scene, spec).await?.into_iter().map(|record| record.id).collect();
        let unseen = found.into_iter().flatten().any(|known| !ids.contains(&known.id));
        if !ids.is_empty() {
            scene.providers.domains.remove(&scene.cx, &DomainObject::Records { zone: spec.zone.clone(), ids }).await?;
        }
        Ok(Removal::nothing_seen(unseen))
    }
}

/// The records of this owner, by mark. A zone that is gone holds none.
async fn owned(scene: &Scene, spec: &RecordsSpec) -> Result<Vec<RecordFacts>> {
    let mark = &scene.cx.mark;
    let prefix = Mark::prefix(&mark.instance, mark.subject);
    let names = |record: &RecordFacts| spec.records.iter().any(|wanted| wanted.name().as_str() == record.name);
    match scene.providers.domains.list_records(&spec.zone, Some(&prefix)).await {
        Ok(records) => Ok(records.into_iter().filter(names).collect()),
        Err(error) if error.kind() == Kind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
