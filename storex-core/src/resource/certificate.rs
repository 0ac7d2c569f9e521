//! One change to the certificates of a zone, and the wait for what it brings.

use super::{Attempt, Audit, Pending, Providers, Removal, Resource, Scene, Seen};
use crate::{CertificateChange, Code, Error, Kind, PackId, PackKind, PackStatus, Result, ZoneId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A step on the way to another certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateSpec {
    /// The zone.
    pub zone: ZoneId,
    /// The step.
    pub step: CertificateStep,
}

/// What the step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateStep {
    /// Makes a change. An order carries no mark: what was there before is known, so a pack of the same names that was not is ours.
    Make {
        /// The change.
        change: CertificateChange,
        /// Packs that were there before.
        known: Vec<PackId>,
    },
    /// Waits until the pack serves.
    Await {
        /// The pack.
        pack: PackId,
    },
}

/// Pause between two looks at a certificate on its way: an authority takes minutes.
const LOOK_PAUSE: Duration = Duration::from_secs(30);
/// Longest wait for a certificate. Cloudflare gives up earlier and says so.
const LOOK_LIMIT: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub(super) struct CertificateResource;

#[async_trait]
impl Resource for CertificateResource {
    type Spec = CertificateSpec;
    /// The pack that was ordered.
    type Found = Option<PackId>;

    fn late_effect_window(&self, providers: &Providers) -> Duration {
        providers.domains.capabilities().late_effect_window
    }

    /// Only an order must not be repeated: any other change is made again after a doubt, and nothing of it can be seen.
    async fn observe(&self, scene: &Scene, spec: &CertificateSpec, _: Option<&Option<PackId>>) -> Result<Seen<Option<PackId>>> {
        let CertificateStep::Make { change: CertificateChange::Order(order), known } = &spec.step else {
            return Ok(Seen::Absent);
        };
        let facts = scene.providers.edge()?.certificates(&spec.zone).await?;
        let ordered = facts
            .packs
            .into_iter()
            .find(|pack| pack.kind == PackKind::Advanced && pack.hosts == order.hosts && !known.contains(&pack.id));
        Ok(ordered.map_or(Seen::Absent, |pack| Seen::Ours { found: Some(pack.id), complete: true }))
    }

    /// No part of what a store should have: certificates renew themselves.
    async fn audit(&self, _: &Scene, _: &CertificateSpec, _: Option<&Option<PackId>>) -> Result<Audit> {
        Ok(Audit::Unaudited)
    }

    async fn bring(&self, scene: &Scene, spec: &CertificateSpec, _: Option<&CertificateSpec>) -> Result<Option<PackId>> {
        match &spec.step {
            CertificateStep::Make { change, .. } => {
                scene.providers.edge()?.change_certificate(&scene.cx, &spec.zone, change).await
            }
            CertificateStep::Await { pack } => Ok(Some(pack.clone())),
        }
    }

    async fn attempt(
        &self,
        scene: &Scene,
        spec: &CertificateSpec,
        from: Option<&CertificateSpec>,
    ) -> Result<Attempt<Option<PackId>>> {
        let CertificateStep::Await { pack } = &spec.step else { return self.bring(scene, spec, from).await.map(Attempt::Done) };
        let facts = scene.providers.edge()?.certificates(&spec.zone).await?;
        let status = facts.packs.into_iter().find(|known| known.id == *pack).map(|known| known.status);
        match status {
            Some(PackStatus::Active) => Ok(Attempt::Done(Some(pack.clone()))),
            Some(PackStatus::TimedOut(place) | PackStatus::Over(place)) => {
                let why = format!("the new certificate came to a stop ({place}); the old one still serves");
                Err(Error::new(Code::CloudflareRefused, why).with("detail", pack))
            }
            status => Ok(Attempt::Pending(Pending {
                who: "cloudflare".to_owned(),
                what: match status {
                    Some(PackStatus::Pending(place)) => format!("the new certificate is on its way: {place}"),
                    _ => "the new certificate is not shown yet".to_owned(),
                },
                pause: LOOK_PAUSE,
                limit: LOOK_LIMIT,
            })),
        }
    }

    /// The way back from an order; what else was changed has no way back.
    async fn remove(&self, scene: &Scene, spec: &CertificateSpec, found: Option<&Option<PackId>>) -> Result<Removal> {
        let (CertificateStep::Make { change: CertificateChange::Order(_), .. }, Some(Some(pack))) = (&spec.step, found) else {
            return Ok(Removal::default());
        };
        let delete = CertificateChange::Delete { pack: pack.clone() };
        match scene.providers.edge()?.change_certificate(&scene.cx, &spec.zone, &delete).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(Removal::default()),
            other => other.map(|_| Removal::default()),
        }
    }
}
