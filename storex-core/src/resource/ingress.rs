//! The tunnel's ingress document: our rules, and those of others kept in front of them.
//!
//! In router mode the rules are constant: the wildcard of the primary domain and the last rule both lead to the router, which knows the
//! stores. So no store costs a call.

use super::{Attempt, Pending, Removal, Resource, Scene, Seen};
use crate::operation::Change as OperationChange;
use crate::tunnel_writer::{Change, Synced, takes_everything};
use crate::{Code, Error, IngressRule, Kind, Result, TunnelDocument, TunnelId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use std::time::Duration;

/// Our ingress rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IngressSpec {
    /// The tunnel.
    pub tunnel: TunnelId,
    /// Our rules in matching order; the last one matches everything.
    pub rules: Vec<IngressRule>,
}

/// Longest wait for other writers.
const LONGEST: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub(super) struct IngressResource;

#[async_trait]
impl Resource for IngressResource {
    type Spec = IngressSpec;
    type Found = u64;

    fn late_effect_window(&self, providers: &super::Providers) -> Duration {
        providers.domains.capabilities().late_effect_window
    }

    /// The look, the look just before the write, and the write.
    fn edge_calls(&self, change: OperationChange) -> u32 {
        if change == OperationChange::Check { 1 } else { 3 }
    }

    async fn observe(&self, scene: &Scene, spec: &IngressSpec, _: Option<&u64>) -> Result<Seen<u64>> {
        let (version, document) = match scene.providers.tunnel.load(&spec.tunnel).await {
            Err(error) if error.kind() == Kind::NotFound => return Ok(Seen::Absent),
            other => other?,
        };
        let complete = document.ingress.ends_with(&spec.rules);
        if complete || document.ingress.iter().any(|rule| is_ours(rule, &spec.rules)) {
            return Ok(Seen::Ours { found: version, complete });
        }
        Ok(Seen::Absent)
    }

    async fn bring(&self, scene: &Scene, spec: &IngressSpec, from: Option<&IngressSpec>) -> Result<u64> {
        match self.attempt(scene, spec, from).await? {
            Attempt::Done(version) => Ok(version),
            Attempt::Pending(pending) => Err(Error::new(Code::Unavailable, pending.what).retry_after(pending.pause)),
        }
    }

    /// Where other rules are known to stand, a read that shows the wanted ones already may lag behind: the write tells, by its version.
    async fn attempt(&self, scene: &Scene, spec: &IngressSpec, from: Option<&IngressSpec>) -> Result<Attempt<u64>> {
        let change = |document: &TunnelDocument| {
            let mut ingress = foreign(document, &spec.rules);
            ingress.extend(spec.rules.iter().cloned());
            let stands = document.ingress == ingress && from.is_none_or(|from| from.rules == spec.rules);
            (!stands).then_some(ingress)
        };
        match edit(scene, spec, &change).await {
            // A step before made or found the tunnel: a read that does not show it lags behind.
            Err(error) if error.kind() == Kind::NotFound => {
                Err(Error::new(Code::Unavailable, "the tunnel is not shown yet").caused_by(error))
            }
            other => other,
        }
    }

    async fn remove(&self, scene: &Scene, spec: &IngressSpec, _: Option<&u64>) -> Result<Removal> {
        let change = |document: &TunnelDocument| {
            if !document.ingress.iter().any(|rule| is_ours(rule, &spec.rules)) {
                return None;
            }
            let mut ingress = foreign(document, &spec.rules);
            // A document must end in a rule that matches everything.
            ingress.push(IngressRule { hostname: None, service: "http_status:404".to_owned(), rest: Map::new() });
            Some(ingress)
        };
        match edit(scene, spec, &change).await {
            Ok(Attempt::Done(_)) => Ok(Removal::default()),
            Ok(Attempt::Pending(pending)) => Err(Error::new(Code::Unavailable, pending.what).retry_after(pending.pause)),
            Err(error) if error.kind() == Kind::NotFound => Ok(Removal::default()),
            Err(error) => Err(error),
        }
    }
}

/// Changes the document as its one writer does.
async fn edit(scene: &Scene, spec: &IngressSpec, change: &Change<'_>) -> Result<Attempt<u64>> {
    Ok(match scene.providers.tunnel_writer.edit(scene, &spec.tunnel, change).await? {
        Synced::Done(round) => Attempt::Done(round.version),
        Synced::Busy { what, pause } => Attempt::Pending(Pending { who: "storex".to_owned(), what, pause, limit: LONGEST }),
    })
}

/// Rules that are neither ours nor a last rule, in their order.
fn foreign(document: &TunnelDocument, ours: &[IngressRule]) -> Vec<IngressRule> {
    document.ingress.iter().filter(|rule| !takes_everything(rule) && !is_ours(rule, ours)).cloned().collect()
}

fn is_ours(rule: &IngressRule, ours: &[IngressRule]) -> bool {
    rule.hostname.is_some() && ours.iter().any(|our| our.hostname == rule.hostname)
}
