//! Claims: absent → held. Everything depends on them, so they are taken first and given up last.

use super::{Removal, Resource, Scene, Seen};
use crate::{Claim, ClaimOutcome, Code, Error, Result};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Names of which one is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimSpec {
    /// Kind of the name.
    pub namespace: String,
    /// The name wanted, or several of which the first free one is taken.
    pub candidates: Vec<String>,
    /// For whom, in words people understand.
    pub label: String,
    /// Error when it is taken.
    pub taken: Code,
    /// Field of the request that asked for it.
    pub pointer: Option<String>,
}

/// A claim that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Kind of the name.
    pub namespace: String,
    /// The name held.
    pub name: String,
    /// The operation that took it.
    pub owner: String,
}

#[derive(Debug)]
pub(super) struct ClaimResource;

#[async_trait]
impl Resource for ClaimResource {
    type Spec = ClaimSpec;
    type Found = Claimed;

    async fn observe(&self, _: &Scene, _: &ClaimSpec, _: Option<&Claimed>) -> Result<Seen<Claimed>> {
        Ok(Seen::Repeatable)
    }

    async fn bring(&self, scene: &Scene, spec: &ClaimSpec, _: Option<&ClaimSpec>) -> Result<Claimed> {
        let owner = scene.operation.to_string();
        let mut claim =
            Claim { namespace: spec.namespace.clone(), name: String::new(), owner: owner.clone(), label: spec.label.clone() };
        if let [only] = spec.candidates.as_slice() {
            claim.name.clone_from(only);
            return match scene.providers.repo.claim(&claim, scene.fence).await? {
                ClaimOutcome::Held => Ok(Claimed { namespace: claim.namespace, name: claim.name, owner }),
                ClaimOutcome::Taken(held) => Err(taken(spec, only, &held)),
            };
        }
        match scene.providers.repo.claim_first(&claim, &spec.candidates, scene.fence).await? {
            Some(name) => Ok(Claimed { namespace: claim.namespace, name, owner }),
            None => Err(Error::new(
                Code::Exhausted,
                format!("all {} names tried in {} are taken", spec.candidates.len(), spec.namespace),
            )),
        }
    }

    async fn remove(&self, scene: &Scene, spec: &ClaimSpec, found: Option<&Claimed>) -> Result<Removal> {
        let repo = &scene.providers.repo;
        if let Some(held) = found {
            repo.release(&held.namespace, &held.name, &held.owner, scene.fence).await?;
            return Ok(Removal::default());
        }
        let owner = scene.operation.to_string();
        for name in &spec.candidates {
            repo.release(&spec.namespace, name, &owner, scene.fence).await?;
        }
        Ok(Removal::default())
    }
}

fn taken(spec: &ClaimSpec, name: &str, held: &Claim) -> Error {
    let error =
        Error::new(spec.taken, format!("the {} {name} belongs to the store {}", spec.namespace.replace('_', " "), held.label));
    match &spec.pointer {
        Some(pointer) => error.pointer(pointer.clone()),
        None => error,
    }
}
