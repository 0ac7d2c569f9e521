//! The zone of a custom domain. A zone can carry no mark: it is ours when it was seen absent under our exclusive claim before we made it.

use super::{Attempt, Pending, Removal, Resource, Scene, Seen};
use crate::operation::Change;
use crate::{DomainObject, Hostname, Kind, Mark, Result, ZoneFacts, ZoneStatus};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A zone to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneSpec {
    /// Domain of the zone.
    pub name: Hostname,
}

/// Pause between two attempts when the provider names none.
const QUEUE_PAUSE: Duration = Duration::from_mins(1);
/// Longest time a zone is queued.
const QUEUE_LIMIT: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub(super) struct ZoneResource;

#[async_trait]
impl Resource for ZoneResource {
    type Spec = ZoneSpec;
    type Found = ZoneFacts;

    fn late_effect_window(&self, providers: &super::Providers) -> Duration {
        providers.domains.capabilities().late_effect_window
    }

    async fn observe(&self, scene: &Scene, spec: &ZoneSpec, found: Option<&ZoneFacts>) -> Result<Seen<ZoneFacts>> {
        Ok(match scene.providers.domains.find_zone(&spec.name).await? {
            None => Seen::Absent,
            Some(zone) if found.is_some_and(|known| known.id != zone.id) => {
                Seen::Foreign(format!("the zone {} in the account has another id than the one storex made", spec.name))
            }
            Some(zone) => Seen::Ours { found: zone, complete: true },
        })
    }

    async fn bring(&self, scene: &Scene, spec: &ZoneSpec, _: Option<&ZoneSpec>) -> Result<ZoneFacts> {
        scene.providers.domains.create_zone(&scene.cx, &spec.name).await
    }

    /// A look and one call make it; a look, a list of its records and one call remove it.
    fn edge_calls(&self, change: Change) -> u32 {
        if change == Change::Remove { 3 } else { 2 }
    }

    /// Cloudflare caps the zones added in a time and those that are pending: then the zone is queued.
    async fn attempt(&self, scene: &Scene, spec: &ZoneSpec, from: Option<&ZoneSpec>) -> Result<Attempt<ZoneFacts>> {
        match self.bring(scene, spec, from).await {
            Ok(zone) => Ok(Attempt::Done(zone)),
            Err(error) if error.kind() == Kind::RateLimited && !error.is_unclear() => Ok(Attempt::Pending(Pending {
                who: "cloudflare".to_owned(),
                what: format!("the zone {} is queued: {}", spec.name, error.message()),
                pause: error.retry_delay().unwrap_or(QUEUE_PAUSE),
                limit: QUEUE_LIMIT,
            })),
            Err(error) => Err(error),
        }
    }

    /// An active zone, and one with records we did not make, serves somebody: it stays, and what stays is said.
    async fn remove(&self, scene: &Scene, spec: &ZoneSpec, found: Option<&ZoneFacts>) -> Result<Removal> {
        let domains = &scene.providers.domains;
        let Some(zone) = domains.find_zone(&spec.name).await? else {
            return Ok(Removal::nothing_seen(found.is_some()));
        };
        if found.is_some_and(|known| known.id != zone.id) {
            return Ok(Removal::left(format!("the zone {} is not the one storex made; it was left alone", spec.name)));
        }
        if zone.status == ZoneStatus::Active {
            return Ok(Removal::left(format!("the zone {} is active; it was left in the account", spec.name)));
        }
        let records = match domains.list_records(&zone.id, None).await {
            Err(error) if error.kind() == Kind::NotFound => return Ok(Removal::nothing_seen(true)),
            other => other?,
        };
        let instance = &scene.cx.mark.instance;
        let ours = |comment: &str| comment.parse::<Mark>().is_ok_and(|mark| mark.instance == *instance);
        if let Some(foreign) = records.iter().find(|record| !record.comment.as_deref().is_some_and(ours)) {
            let what = format!(
                "the zone {} holds records storex did not make ({} {}); it was left in the account",
                spec.name, foreign.record_type, foreign.name
            );
            return Ok(Removal::left(what));
        }
        domains.remove(&scene.cx, &DomainObject::Zone(zone.id)).await?;
        Ok(Removal::default())
    }
}
