//! A part of a store on a host: files, environment, process, route. The host's ledger knows whose it is.

use super::{Audit, Removal, Resource, Scene, Seen};
use crate::{HostId, Part, PartFacts, Result, StorePackage};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A part to have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostPartSpec {
    /// The host.
    pub host: HostId,
    /// The part.
    pub part: Part,
    /// The store's package.
    pub package: StorePackage,
}

#[derive(Debug)]
pub(super) struct HostPartResource;

#[async_trait]
impl Resource for HostPartResource {
    type Spec = HostPartSpec;
    type Found = PartFacts;

    async fn observe(&self, scene: &Scene, spec: &HostPartSpec, _: Option<&PartFacts>) -> Result<Seen<PartFacts>> {
        let deployed = scene.providers.host(&spec.host)?.find(&spec.package.store_id).await?;
        let part = deployed.and_then(|mut deployed| deployed.parts.remove(&spec.part));
        Ok(match part {
            None => Seen::Absent,
            Some(facts) if !facts.mark.same_owner(&scene.cx.mark) => {
                Seen::Foreign(format!("the {} of {} belong to {}", spec.part, spec.package.store_id, facts.mark))
            }
            // Whether it is the part we want only the host can tell: applying the same part again does nothing.
            Some(facts) => Seen::Ours { complete: facts.mark == scene.cx.mark, found: facts },
        })
    }

    /// The host has looked at the world: what it says of drift is what counts.
    async fn audit(&self, scene: &Scene, spec: &HostPartSpec, _: Option<&PartFacts>) -> Result<Audit> {
        let deployed = scene.providers.host(&spec.host)?.find(&spec.package.store_id).await?;
        let part = deployed.and_then(|mut deployed| deployed.parts.remove(&spec.part));
        Ok(match part.as_ref().map(|part| part.detail.get("drift").and_then(serde_json::Value::as_str)) {
            None => Audit::Missing,
            Some(Some(how)) => Audit::Differs(how.to_owned()),
            Some(None) => Audit::Intact,
        })
    }

    async fn bring(&self, scene: &Scene, spec: &HostPartSpec, _: Option<&HostPartSpec>) -> Result<PartFacts> {
        scene.providers.host(&spec.host)?.apply(&scene.cx, &spec.package, spec.part).await
    }

    async fn remove(&self, scene: &Scene, spec: &HostPartSpec, _: Option<&PartFacts>) -> Result<Removal> {
        scene.providers.host(&spec.host)?.withdraw(&scene.cx, &spec.package.store_id, spec.part).await?;
        Ok(Removal::default())
    }
}
