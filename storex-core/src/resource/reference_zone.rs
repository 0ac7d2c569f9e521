//! The zone of a custom domain that the account had before, named by an operator: a reference. It is found, never made and never removed; only our
//! own records in it are ours.

use super::{Removal, Resource, Scene, Seen};
use crate::operation::Change;
use crate::{Code, Error, Result, ZoneFacts};
use async_trait::async_trait;

#[derive(Debug)]
pub(super) struct ReferenceZoneCheck;

#[async_trait]
impl Resource for ReferenceZoneCheck {
    type Spec = super::ZoneSpec;
    type Found = ZoneFacts;

    async fn observe(&self, _: &Scene, _: &super::ZoneSpec, _: Option<&ZoneFacts>) -> Result<Seen<ZoneFacts>> {
        Ok(Seen::Repeatable)
    }

    async fn bring(&self, scene: &Scene, spec: &super::ZoneSpec, _: Option<&super::ZoneSpec>) -> Result<ZoneFacts> {
        let found = scene.providers.domains.find_zone(&spec.name).await?;
        found.ok_or_else(|| {
            let why = format!("the zone {} that was to be used is not in the account any more", spec.name);
            Error::new(Code::Unavailable, why).with("domain", &spec.name)
        })
    }

    /// One look.
    fn edge_calls(&self, _: Change) -> u32 {
        1
    }

    async fn remove(&self, _: &Scene, _: &super::ZoneSpec, _: Option<&ZoneFacts>) -> Result<Removal> {
        Ok(Removal::default())
    }
}
