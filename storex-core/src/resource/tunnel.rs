//! The platform's tunnel. It can carry no mark: it is ours when it was seen absent before we made it.

use super::{Removal, Resource, Scene, Seen};
use crate::operation::Change;
use crate::{Result, TunnelFacts};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A tunnel to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelSpec {
    /// Its name.
    pub name: String,
}

#[derive(Debug)]
pub(super) struct TunnelResource;

#[async_trait]
impl Resource for TunnelResource {
    type Spec = TunnelSpec;
    type Found = TunnelFacts;

    fn late_effect_window(&self, providers: &super::Providers) -> Duration {
        providers.domains.capabilities().late_effect_window
    }

    fn edge_calls(&self, change: Change) -> u32 {
        u32::from(change != Change::Check)
    }

    async fn observe(&self, scene: &Scene, spec: &TunnelSpec, found: Option<&TunnelFacts>) -> Result<Seen<TunnelFacts>> {
        Ok(match scene.providers.tunnel.find(&spec.name).await? {
            None => Seen::Absent,
            Some(tunnel) if found.is_some_and(|known| known.id != tunnel.id) => {
                Seen::Foreign(format!("another tunnel is named {}", spec.name))
            }
            Some(tunnel) => Seen::Ours { found: tunnel, complete: true },
        })
    }

    async fn bring(&self, scene: &Scene, spec: &TunnelSpec, _: Option<&TunnelSpec>) -> Result<TunnelFacts> {
        scene.providers.tunnel.create(&scene.cx, &spec.name).await
    }

    async fn remove(&self, scene: &Scene, spec: &TunnelSpec, found: Option<&TunnelFacts>) -> Result<Removal> {
        let tunnel = match found {
            Some(known) => Some(known.clone()),
            None => scene.providers.tunnel.find(&spec.name).await?,
        };
        if let Some(tunnel) = tunnel {
            scene.providers.tunnel.remove(&scene.cx, &tunnel.id).await?;
        }
        Ok(Removal::default())
    }
}
