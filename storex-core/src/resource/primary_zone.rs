//! The platform's primary zone: a reference. It is found, never made and never removed.

use super::{Removal, Resource, Scene, Seen, ZoneSpec};
use crate::operation::Change;
use crate::{Code, Error, Result, ZoneFacts, ZoneStatus};
use async_trait::async_trait;

#[derive(Debug)]
pub(super) struct PrimaryZoneCheck;

#[async_trait]
impl Resource for PrimaryZoneCheck {
    type Spec = ZoneSpec;
    type Found = ZoneFacts;

    fn edge_calls(&self, change: Change) -> u32 {
        u32::from(change == Change::Check)
    }

    async fn observe(&self, _: &Scene, _: &ZoneSpec, _: Option<&ZoneFacts>) -> Result<Seen<ZoneFacts>> {
        Ok(Seen::Repeatable)
    }

    async fn bring(&self, scene: &Scene, spec: &ZoneSpec, _: Option<&ZoneSpec>) -> Result<ZoneFacts> {
        let missing = |why: &str| {
            Error::new(Code::PrimaryZoneMissing, format!("the primary zone {} {why}", spec.name)).with("domain", &spec.name)
        };
        match scene.providers.domains.find_zone(&spec.name).await? {
            None => Err(missing("is not in the Cloudflare account; storex never makes it")),
            Some(zone) if zone.status != ZoneStatus::Active => {
                Err(missing("is not active yet; point its name servers at Cloudflare"))
            }
            Some(zone) => Ok(zone),
        }
    }

    async fn remove(&self, _: &Scene, _: &ZoneSpec, _: Option<&ZoneFacts>) -> Result<Removal> {
        Ok(Removal::default())
    }
}
