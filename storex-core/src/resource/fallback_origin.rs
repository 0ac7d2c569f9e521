//! Where custom hostnames go: a proxied name of the primary zone that leads to the tunnel. A zone has one of it at most.

use super::{Attempt, Audit, Pending, Removal, Resource, Scene, Seen};
use crate::operation::Change;
use crate::{Code, DomainObject, Error, FallbackOrigin, Hostname, Kind, OriginStatus, Result, ZoneId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A fallback origin to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackOriginSpec {
    /// The zone whose custom hostnames go there.
    pub zone: ZoneId,
    /// The name.
    pub origin: Hostname,
    /// Storex set it before: a zone has one at most, so another name there was set over ours, and gives way again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

/// Pause between two looks at one that is being set up.
const LOOK_PAUSE: Duration = Duration::from_secs(10);
/// Longest time that may take.
const SETUP_LIMIT: Duration = Duration::from_mins(20);

#[derive(Debug)]
pub(super) struct FallbackOriginResource;

#[async_trait]
impl Resource for FallbackOriginResource {
    type Spec = FallbackOriginSpec;
    type Found = OriginStatus;

    fn late_effect_window(&self, providers: &super::Providers) -> Duration {
        providers.domains.capabilities().late_effect_window
    }

    async fn observe(&self, _: &Scene, _: &FallbackOriginSpec, _: Option<&OriginStatus>) -> Result<Seen<OriginStatus>> {
        Ok(Seen::Repeatable)
    }

    async fn audit(&self, scene: &Scene, spec: &FallbackOriginSpec, _: Option<&OriginStatus>) -> Result<Audit> {
        Ok(match scene.providers.domains.fallback_origin(&spec.zone).await {
            // A zone that is gone is told of by itself.
            Err(error) if error.kind() == Kind::NotFound => Audit::Unaudited,
            Err(error) => return Err(error),
            Ok(FallbackOrigin::Untold) => Audit::Unaudited,
            Ok(FallbackOrigin::Unset) => Audit::Missing,
            Ok(FallbackOrigin::Set(origin)) if origin == spec.origin => Audit::Intact,
            Ok(FallbackOrigin::Set(origin)) => {
                Audit::Differs(format!("custom hostnames of the zone go to {origin}, not to {}", spec.origin))
            }
        })
    }

    async fn bring(&self, scene: &Scene, spec: &FallbackOriginSpec, from: Option<&FallbackOriginSpec>) -> Result<OriginStatus> {
        match self.attempt(scene, spec, from).await? {
            Attempt::Done(status) => Ok(status),
            Attempt::Pending(pending) => Err(Error::new(Code::Unavailable, pending.what).retry_after(pending.pause)),
        }
    }

    /// Custom hostnames serve nothing before it is active.
    async fn attempt(
        &self,
        scene: &Scene,
        spec: &FallbackOriginSpec,
        _: Option<&FallbackOriginSpec>,
    ) -> Result<Attempt<OriginStatus>> {
        match set(scene, spec).await? {
            OriginStatus::Active => Ok(Attempt::Done(OriginStatus::Active)),
            OriginStatus::Pending => Ok(Attempt::Pending(Pending {
                who: "cloudflare".to_owned(),
                what: format!("the fallback origin {} is being set up", spec.origin),
                pause: LOOK_PAUSE,
                limit: SETUP_LIMIT,
            })),
            OriginStatus::Other(word) => {
                let why = format!("the fallback origin {} is {word}", spec.origin);
                Err(Error::new(Code::Unavailable, why).retry_after(LOOK_PAUSE))
            }
        }
    }

    /// A look and one call, and a look when it is active; a look and one call remove it.
    fn edge_calls(&self, change: Change) -> u32 {
        if change == Change::Remove { 2 } else { 3 }
    }

    async fn remove(&self, scene: &Scene, spec: &FallbackOriginSpec, _: Option<&OriginStatus>) -> Result<Removal> {
        let object = DomainObject::FallbackOrigin { zone: spec.zone.clone(), origin: spec.origin.clone() };
        scene.providers.domains.remove(&scene.cx, &object).await?;
        Ok(Removal::default())
    }
}

/// Sets it; what was set over ours is replaced.
async fn set(scene: &Scene, spec: &FallbackOriginSpec) -> Result<OriginStatus> {
    let (domains, cx) = (&scene.providers.domains, &scene.cx);
    if spec.made
        && let FallbackOrigin::Set(other) = domains.fallback_origin(&spec.zone).await?
        && other != spec.origin
    {
        return domains.replace_fallback_origin(cx, &spec.zone, &other, &spec.origin).await;
    }
    domains.ensure_fallback_origin(cx, &spec.zone, &spec.origin).await
}
