//! The check that a store answers through the router under each of its names.

use super::{Removal, Resource, Scene, Seen};
use crate::{Code, DatabaseUser, Error, HostId, Hostname, Result, StoreHost, StoreId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Where a store must answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectivitySpec {
    /// The host.
    pub host: HostId,
    /// The store.
    pub store: StoreId,
    /// Names to ask under.
    pub names: Vec<Hostname>,
    /// Path that answers 200 when the store serves.
    pub path: String,
    /// User the store must say it works as in its database, under `database.user` of the JSON it answers with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_user: Option<DatabaseUser>,
}

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// Lines of the store's log shown when it does not answer.
const LOG_LINES: usize = 20;

#[derive(Debug)]
pub(super) struct ConnectivityCheck;

#[async_trait]
impl Resource for ConnectivityCheck {
    type Spec = ConnectivitySpec;
    type Found = ();

    async fn observe(&self, _: &Scene, _: &ConnectivitySpec, _: Option<&()>) -> Result<Seen<()>> {
        Ok(Seen::Repeatable)
    }

    async fn bring(&self, scene: &Scene, spec: &ConnectivitySpec, _: Option<&ConnectivitySpec>) -> Result<()> {
        let host = scene.providers.host(&spec.host)?;
        for name in &spec.names {
            while let Err(error) = answers(host.as_ref(), name, spec).await {
                if scene.providers.clock.now() + PAUSE * 2 >= scene.cx.deadline {
                    let log = host.log_tail(&spec.store, LOG_LINES).await.unwrap_or_default();
                    return Err(error.with("log", log.join("\n")));
                }
                scene.providers.clock.sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    async fn remove(&self, _: &Scene, _: &ConnectivitySpec, _: Option<&()>) -> Result<Removal> {
        Ok(Removal::default())
    }
}

async fn answers(host: &dyn StoreHost, name: &Hostname, spec: &ConnectivitySpec) -> Result<()> {
    let path = &spec.path;
    let fail = |why: String| Error::new(Code::StoreNotServing, format!("GET {path} under {name} {why}")).with("domain", name);
    let visit = host.visit(name, path).await.map_err(|error| fail(format!("got no answer: {}", error.message())))?;
    if visit.status != 200 {
        return Err(fail(format!("answered {}", visit.status)));
    }
    let Some(wanted) = &spec.database_user else { return Ok(()) };
    let told = serde_json::from_str::<Value>(&visit.body).ok();
    let told = told.as_ref().and_then(|told| told.pointer("/database/user")).and_then(Value::as_str);
    match told {
        Some(user) if user == wanted.as_str() => Ok(()),
        Some(user) => Err(fail(format!("says that the store works as {user:.60} in its database, not yet as {wanted}"))),
        None => Err(fail("does not say under database.user as whom the store works in its database".to_owned())),
    }
}
