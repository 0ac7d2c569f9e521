//! The custom hostname of a store. It can carry no mark (metadata needs an Enterprise plan): it is ours when it was seen absent under our exclusive
//! claim before we made it.

use super::{Attempt, Audit, Pending, Removal, Resource, Scene, Seen};
use crate::operation::Change;
use crate::{DomainObject, Hostname, HostnameFacts, HostnameId, HostnameSpec, Kind, Result, RoutingStatus, ZoneId};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A custom hostname to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomHostnameSpec {
    /// Zone it leads into: the platform's primary zone.
    pub zone: ZoneId,
    /// The hostname.
    pub hostname: HostnameSpec,
}

/// Pause between two attempts when the provider names none.
const QUEUE_PAUSE: Duration = Duration::from_secs(30);
/// Longest time a hostname is queued.
const QUEUE_LIMIT: Duration = Duration::from_hours(24);

/// The custom hostnames of one zone as a list showed them. It can only prove that one is as it should be: what it does not show is looked at by
/// itself, so one that was made after the list was read is not missed.
#[derive(Debug)]
pub(crate) struct HostnameListing {
    zone: ZoneId,
    names: BTreeMap<HostnameId, Hostname>,
    taken_at: Timestamp,
}

impl HostnameListing {
    /// Of a list that was read from this moment on.
    pub(crate) fn new(zone: ZoneId, list: Vec<HostnameFacts>, taken_at: Timestamp) -> Self {
        let sound = list.into_iter().filter(|facts| facts.routing != RoutingStatus::Blocked);
        Self { zone, names: sound.map(|facts| (facts.id, facts.name)).collect(), taken_at }
    }

    /// Time since it was read.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.duration_since(self.taken_at).unsigned_abs()
    }

    /// Whether it shows the very hostname that was made.
    fn shows(&self, spec: &CustomHostnameSpec, made: Option<&HostnameFacts>) -> bool {
        self.zone == spec.zone && made.is_some_and(|made| self.names.get(&made.id) == Some(&spec.hostname.name))
    }
}

#[derive(Debug)]
pub(super) struct CustomHostnameResource;

#[async_trait]
impl Resource for CustomHostnameResource {
    type Spec = CustomHostnameSpec;
    type Found = HostnameFacts;

    fn late_effect_window(&self, providers: &super::Providers) -> Duration {
        providers.domains.capabilities().late_effect_window
    }

    async fn observe(
        &self,
        scene: &Scene,
        spec: &CustomHostnameSpec,
        found: Option<&HostnameFacts>,
    ) -> Result<Seen<HostnameFacts>> {
        let name = &spec.hostname.name;
        Ok(match find(scene, spec).await? {
            None => Seen::Absent,
            Some(other) if found.is_some_and(|known| known.id != other.id) => {
                Seen::Foreign(format!("the custom hostname {name} has another id than the one storex made"))
            }
            Some(hostname) => Seen::Ours { found: hostname, complete: true },
        })
    }

    /// One that leads elsewhere or is blocked is its owner's or Cloudflare's to mend, and its domain says so: here only who it is counts.
    async fn audit(&self, scene: &Scene, spec: &CustomHostnameSpec, found: Option<&HostnameFacts>) -> Result<Audit> {
        if scene.listed.as_ref().is_some_and(|listed| listed.shows(spec, found)) {
            return Ok(Audit::Intact);
        }
        Ok(match self.observe(scene, spec, found).await? {
            Seen::Absent => Audit::Missing,
            Seen::Foreign(what) => Audit::Foreign(what),
            Seen::Ours { found, .. } if found.routing == RoutingStatus::Blocked => {
                Audit::Differs(format!("Cloudflare blocks the custom hostname {}", found.name))
            }
            Seen::Ours { .. } | Seen::Repeatable => Audit::Intact,
        })
    }

    async fn bring(&self, scene: &Scene, spec: &CustomHostnameSpec, _: Option<&CustomHostnameSpec>) -> Result<HostnameFacts> {
        scene.providers.domains.create_hostname(&scene.cx, &spec.zone, &spec.hostname).await
    }

    /// A look and one call make it; a look and one call remove it.
    fn edge_calls(&self, _: Change) -> u32 {
        2
    }

    /// Cloudflare caps the certificates asked for in a minute: then the hostname is queued.
    async fn attempt(
        &self,
        scene: &Scene,
        spec: &CustomHostnameSpec,
        from: Option<&CustomHostnameSpec>,
    ) -> Result<Attempt<HostnameFacts>> {
        match self.bring(scene, spec, from).await {
            Ok(hostname) => Ok(Attempt::Done(hostname)),
            Err(error) if error.kind() == Kind::RateLimited && !error.is_unclear() => Ok(Attempt::Pending(Pending {
                who: "cloudflare".to_owned(),
                what: format!("the custom hostname {} is queued: {}", spec.hostname.name, error.message()),
                pause: error.retry_delay().unwrap_or(QUEUE_PAUSE),
                limit: QUEUE_LIMIT,
            })),
            Err(error) => Err(error),
        }
    }

    /// Nothing of anybody else hangs on a hostname of ours, so it goes in whatever state it is.
    async fn remove(&self, scene: &Scene, spec: &CustomHostnameSpec, found: Option<&HostnameFacts>) -> Result<Removal> {
        let Some(hostname) = find(scene, spec).await? else {
            return Ok(Removal::nothing_seen(found.is_some()));
        };
        if found.is_some_and(|known| known.id != hostname.id) {
            let why = format!("the custom hostname {} is not the one storex made; it was left alone", hostname.name);
            return Ok(Removal::left(why));
        }
        let object = DomainObject::Hostname { zone: spec.zone.clone(), id: hostname.id };
        scene.providers.domains.remove(&scene.cx, &object).await?;
        Ok(Removal::default())
    }
}

/// The hostname of this name. A zone that is gone has none.
async fn find(scene: &Scene, spec: &CustomHostnameSpec) -> Result<Option<HostnameFacts>> {
    match scene.providers.domains.find_hostname(&spec.zone, &spec.hostname.name).await {
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        other => other,
    }
}
