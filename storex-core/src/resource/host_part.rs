//! A part of a store on a host: files, environment, process, route. The host's ledger knows whose it is.

use super::database::open_password;
use super::{Audit, DatabaseLogin, Removal, Resource, Scene, Seen};
use crate::{DatabaseName, HostId, Part, PartFacts, Result, StorePackage};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A part to have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostPartSpec {
    /// The host.
    pub host: HostId,
    /// The part.
    pub part: Part,
    /// The store's package, without what is secret.
    pub package: StorePackage,
    /// User and sealed password of the store's database: the host receives them as `DB_USER` and `DB_PASSWORD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<DatabaseLogin>,
}

impl HostPartSpec {
    /// The package with its secrets, as the host receives it.
    fn opened(&self, scene: &Scene) -> Result<StorePackage> {
        let mut package = self.package.clone();
        if let Some(login) = &self.login {
            let name = DatabaseName::of(package.store_id.username());
            let password = open_password(&scene.providers, &name, login)?;
            package.environment.insert("DB_USER".to_owned(), login.user.as_str().into());
            package.environment.insert("DB_PASSWORD".to_owned(), password.expose().as_str().into());
        }
        Ok(package)
    }
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
        scene.providers.host(&spec.host)?.apply(&scene.cx, &spec.opened(scene)?, spec.part).await
    }

    async fn remove(&self, scene: &Scene, spec: &HostPartSpec, _: Option<&PartFacts>) -> Result<Removal> {
        scene.providers.host(&spec.host)?.withdraw(&scene.cx, &spec.package.store_id, spec.part).await?;
        Ok(Removal::default())
    }
}
