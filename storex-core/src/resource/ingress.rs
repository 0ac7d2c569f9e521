//! The tunnel's ingress document: our rules, and those of others kept in front of them.
//!
//! In router mode the rules are constant: the wildcard of the primary domain and the last rule both lead to the router, which knows the
//! stores. So no store costs a call.

use super::{Removal, Resource, Scene, Seen};
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

#[derive(Debug)]
pub(super) struct IngressResource;

#[async_trait]
impl Resource for IngressResource {
    type Spec = IngressSpec;
    type Found = u64;

    fn late_effect_window(&self, providers: &super::Providers) -> Duration {
        providers.domains.capabilities().late_effect_window
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

    /// Where other rules are known to stand, a read that shows the wanted ones already may lag behind: the write tells, by its version.
    async fn bring(&self, scene: &Scene, spec: &IngressSpec, from: Option<&IngressSpec>) -> Result<u64> {
        let (version, mut document) = match scene.providers.tunnel.load(&spec.tunnel).await {
            // A step before made or found the tunnel: a read that does not show it lags behind.
            Err(error) if error.kind() == Kind::NotFound => {
                return Err(Error::new(Code::Unavailable, "the tunnel is not shown yet").caused_by(error));
            }
            other => other?,
        };
        let mut ingress = foreign(&document, &spec.rules);
        ingress.extend(spec.rules.iter().cloned());
        if document.ingress == ingress && from.is_none_or(|from| from.rules == spec.rules) {
            return Ok(version);
        }
        document.ingress = ingress;
        store(scene, spec, &document, version).await
    }

    async fn remove(&self, scene: &Scene, spec: &IngressSpec, _: Option<&u64>) -> Result<Removal> {
        let (version, mut document) = match scene.providers.tunnel.load(&spec.tunnel).await {
            Err(error) if error.kind() == Kind::NotFound => return Ok(Removal::default()),
            other => other?,
        };
        if version == 0 || !document.ingress.iter().any(|rule| is_ours(rule, &spec.rules)) {
            return Ok(Removal::default());
        }
        document.ingress = foreign(&document, &spec.rules);
        // A document must end in a rule that matches everything.
        document.ingress.push(IngressRule { hostname: None, service: "http_status:404".to_owned(), rest: Map::new() });
        store(scene, spec, &document, version).await?;
        Ok(Removal::default())
    }
}

/// Writes the document. Somebody else's write in between is no refusal: the next try reads it.
async fn store(scene: &Scene, spec: &IngressSpec, document: &TunnelDocument, version: u64) -> Result<u64> {
    match scene.providers.tunnel.store(&scene.cx, &spec.tunnel, document, version).await {
        Err(error) if error.code() == Code::VersionConflict => {
            Err(Error::new(Code::Unavailable, "the tunnel's configuration changed meanwhile").caused_by(error))
        }
        other => other,
    }
}

/// Rules that are neither ours nor a last rule, in their order.
fn foreign(document: &TunnelDocument, ours: &[IngressRule]) -> Vec<IngressRule> {
    let keep = |rule: &&IngressRule| {
        rule.hostname.as_deref().is_some_and(|name| !name.is_empty() && name != "*") && !is_ours(rule, ours)
    };
    document.ingress.iter().filter(keep).cloned().collect()
}

fn is_ours(rule: &IngressRule, ours: &[IngressRule]) -> bool {
    rule.hostname.is_some() && ours.iter().any(|our| our.hostname == rule.hostname)
}
