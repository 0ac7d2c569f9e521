//! Another password for a store's database. A store has two user names and changes between them, so both passwords open the door until the store has
//! taken the new one; everything before that can be undone, and so can what comes after it.

use super::create_store::HEALTH;
use super::{after_its_last, missing, params};
use crate::operation::{Flow, OperationDoc, Plan, Step};
use crate::record::{Held, StoreRecord, StoreState, decode};
use crate::resource::{
    ConnectivitySpec, DatabaseLogin, DatabaseSpec, HostPartSpec, RecordRow, ResourceKey, ResourceKind, Scene, new_password,
};
use crate::{DatabaseUser, Error, Json, Part, Result, StoreId, Subject, Table};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "rotate_password";
const GROUP: &str = "Rotate Database Password";

/// Whose password it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RotateParams {
    pub(crate) store_id: StoreId,
}

/// The flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RotatePassword;

/// The store's document under another name than its last change has.
fn mark_key() -> ResourceKey {
    ResourceKey::new(ResourceKind::Record, "stores/rotating")
}

fn last_key() -> ResourceKey {
    ResourceKey::new(ResourceKind::Record, "stores/self")
}

/// What the store holds of a kind.
fn held(store: &StoreRecord, wanted: impl Fn(&ResourceKey) -> bool) -> Result<&Held> {
    store.resources.iter().find(|held| wanted(&held.key)).ok_or_else(|| missing("what the store holds"))
}

/// The store says that it works as this user.
fn works_as(store: &StoreRecord, user: DatabaseUser) -> Result<Json> {
    Json::of(&ConnectivitySpec {
        host: store.host.clone(),
        store: store.store_id.clone(),
        names: vec![store.domains.system.clone()],
        path: HEALTH.to_owned(),
        database_user: Some(user),
    })
}

impl RotatePassword {
    /// The steps, with a password made for them.
    fn steps(scene: &Scene, doc: &OperationDoc, store: &StoreRecord) -> Result<Vec<Step>> {
        let database = held(store, |key| key.kind == ResourceKind::Database)?;
        let before: DatabaseSpec = database.spec.read()?;
        let former = before.logins.first().ok_or_else(|| missing("the user of the database"))?;
        let user = former.user.other();
        let password = new_password(&scene.providers, &before.name, user.is_second())?;
        let login = DatabaseLogin { user, password };
        let both = DatabaseSpec { logins: vec![former.clone(), login.clone()], ..before.clone() };
        let after = DatabaseSpec { logins: vec![login.clone()], ..before };

        let part = |key: &ResourceKey| key.kind == ResourceKind::HostPart && key.name == Part::Environment.as_str();
        let environment = held(store, part)?;
        let wanted = Json::of(&HostPartSpec { login: Some(login.clone()), ..environment.spec.read()? })?;
        let marked = StoreRecord { operation: doc.id.clone(), updated_at: doc.created_at, ..store.clone() };
        let (both, after) = (Json::of(&both)?, Json::of(&after)?);

        let mut plan = Plan::default();
        let (from, to) = (Json::of(&store.row()?)?, Json::of(&marked.row()?)?);
        let last = plan.task(GROUP, "Mark store").change(mark_key(), Some(from), to, &[]);
        let (key, from) = (database.key.clone(), Some(database.spec.clone()));
        let last = plan.task(GROUP, "Add database user").change(key, from, both.clone(), &[last]);
        // What an earlier change of its users may still bring about would be taken for ours.
        plan.not_before(database.late_until);
        let (key, from) = (environment.key.clone(), Some(environment.spec.clone()));
        let last = plan.task(GROUP, "Configure environment").change(key, from, wanted, &[last]);
        let key = ResourceKey::on(&store.host, ResourceKind::Connectivity, store.store_id.username());
        let last = plan.task(GROUP, "Await store").check(key, Some(works_as(store, login.user)?), &[last]);
        let key = database.key.clone();
        let last = plan.task(GROUP, "Remove former database user").change(key, Some(both), after, &[last]);
        plan.task(GROUP, "Record database user").bring_later(last_key(), &[last]);
        Ok(plan.into_steps())
    }
}

#[async_trait]
impl Flow for RotatePassword {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn forward_only(&self) -> bool {
        false
    }

    fn subject(&self, doc: &OperationDoc) -> Subject {
        params::<RotateParams>(doc).map_or(Subject::Platform, |params| Subject::Store(params.store_id.digits()))
    }

    /// A store that is gone, or going, when the turn comes needs no password.
    async fn plan(&self, scene: &Scene, doc: &OperationDoc) -> Result<Vec<Step>> {
        let id = params::<RotateParams>(doc)?.store_id;
        let row = scene.providers.repo.get(Table::Stores, &id.to_string()).await?;
        let store = row.as_ref().map(decode::<StoreRecord>).transpose()?;
        let Some(store) = store.filter(|store| store.state == StoreState::Active) else { return Ok(Vec::new()) };
        after_its_last(scene, &store).await?;
        Self::steps(scene, doc, &store)
    }

    /// The store's document with what stands now.
    fn resolve(&self, doc: &OperationDoc, _: usize) -> Result<(Option<Json>, Json)> {
        let marked = doc.steps.first().and_then(|step| step.intent.as_ref()).ok_or_else(|| missing("the store"))?.spec.clone();
        let mut row: RecordRow = marked.read()?;
        let mut store: StoreRecord = row.body.read().map_err(|error: Error| error.with("document", &row.id))?;
        let wanted = doc.steps.iter().rev().find(|step| step.key.kind == ResourceKind::HostPart).and_then(Step::values);
        let wanted: HostPartSpec = wanted.ok_or_else(|| missing("the environment"))?.spec.read()?;
        for resource in &mut store.resources {
            let late = doc.steps.iter().filter(|step| step.key == resource.key).filter_map(|step| step.doubt_until).max();
            resource.late_until = resource.late_until.max(late);
            if let Some(found) = doc.found(&resource.key) {
                resource.found = Some(found.clone());
            }
            match resource.key.kind {
                ResourceKind::Database => {
                    let last = doc.steps.iter().rev().find(|step| step.key == resource.key).and_then(Step::values);
                    resource.spec = last.ok_or_else(|| missing("the database"))?.spec.clone();
                }
                // Whatever part is made anew from now on, is made with the environment that stands.
                ResourceKind::HostPart => {
                    let part: HostPartSpec = resource.spec.read()?;
                    resource.spec = Json::of(&HostPartSpec { login: wanted.login.clone(), ..part })?;
                }
                _ => {}
            }
        }
        row.body = Json::of(&store)?;
        Ok((Some(marked), Json::of(&row)?))
    }
}
