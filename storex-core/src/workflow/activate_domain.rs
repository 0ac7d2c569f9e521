//! Making the custom hostname of a store whose owner has proved the name. An operation of its own, so that the store never waits for it; it turns back
//! when Cloudflare refuses, and the store stays as it was.

use super::{after_its_last, missing, params};
use crate::operation::{Change, Flow, OperationDoc, Plan, Step};
use crate::record::{Held, PLATFORM, PlatformRecord, StoreRecord, StoreState, decode};
use crate::resource::{CustomHostnameSpec, RecordRow, ResourceKey, ResourceKind, Scene};
use crate::{Code, Error, Hostname, HostnameFacts, HostnameSpec, Json, Result, StoreId, Subject, Table, ValidationMethod};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "activate_domain";
const GROUP: &str = "Activate Domain";
const CREATE: &str = "Create custom hostname";

/// Which hostname is made, and for whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ActivateParams {
    pub(crate) store_id: StoreId,
    pub(crate) name: Hostname,
    pub(crate) validation: ValidationMethod,
}

/// The flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActivateDomain;

/// The store's document under another name than its last change has.
fn mark_key() -> ResourceKey {
    ResourceKey::new(ResourceKind::Record, "stores/activating")
}

fn last_key() -> ResourceKey {
    ResourceKey::new(ResourceKind::Record, "stores/self")
}

/// The resource a store's custom hostname is.
pub(crate) fn hostname_key(name: &Hostname) -> ResourceKey {
    ResourceKey::new(ResourceKind::Hostname, name)
}

/// The custom hostname the store has, as it was when it was made.
pub(crate) fn hostname_of(store: &StoreRecord, name: &Hostname) -> Option<HostnameFacts> {
    let key = hostname_key(name);
    store.resources.iter().find(|held| held.key == key)?.found.as_ref()?.read().ok()
}

impl ActivateDomain {
    /// The steps of a store that has no such hostname yet, or lost it.
    fn steps(store: &StoreRecord, doc: &OperationDoc, spec: &CustomHostnameSpec) -> Result<Vec<Step>> {
        let mut plan = Plan::default();
        let before = Json::of(&store.row()?)?;
        let marked = StoreRecord { operation: doc.id.clone(), updated_at: doc.created_at, ..store.clone() };
        let first = plan.task(GROUP, "Mark store").change(mark_key(), Some(before), Json::of(&marked.row()?)?, &[]);
        let made = plan.task(GROUP, CREATE).bring(hostname_key(&spec.hostname.name), Json::of(spec)?, &[first]);
        plan.task(GROUP, "Record custom hostname").bring_later(last_key(), &[made]);
        Ok(plan.into_steps())
    }

    /// What the operation will do to the world, for plans that are shown before there is a store.
    pub(crate) fn preview(name: &Hostname) -> Vec<(&'static str, &'static str, ResourceKey, Change)> {
        vec![(GROUP, CREATE, hostname_key(name), Change::Bring)]
    }
}

#[async_trait]
impl Flow for ActivateDomain {
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
        params::<ActivateParams>(doc).map_or(Subject::Platform, |params| Subject::Store(params.store_id.digits()))
    }

    /// Nothing for a store that is gone or going, and nothing when its hostname stands.
    async fn plan(&self, scene: &Scene, doc: &OperationDoc) -> Result<Vec<Step>> {
        let ActivateParams { store_id, name, validation } = params(doc)?;
        let repo = &scene.providers.repo;
        let row = repo.get(Table::Stores, &store_id.to_string()).await?;
        let wanted = |store: &StoreRecord| store.state == StoreState::Active && store.domains.custom.as_ref() == Some(&name);
        let Some(store) = row.as_ref().map(decode::<StoreRecord>).transpose()?.filter(wanted) else { return Ok(Vec::new()) };
        after_its_last(scene, &store).await?;
        let platform = repo.get(Table::Platform, PLATFORM).await?;
        let platform = platform.as_ref().map(decode::<PlatformRecord>).transpose()?;
        let zone =
            platform.ok_or_else(|| Error::new(Code::PlatformNotReady, "the platform's document is missing"))?.primary_zone.id;
        let standing = scene.providers.domains.find_hostname(&zone, &name).await?;
        let known = hostname_of(&store, &name);
        if known.is_some() && known.map(|facts| facts.id) == standing.map(|facts| facts.id) {
            return Ok(Vec::new());
        }
        Self::steps(&store, doc, &CustomHostnameSpec { zone, hostname: HostnameSpec { name, validation } })
    }

    /// The store's document with its hostname among what it has.
    fn resolve(&self, doc: &OperationDoc, _: usize) -> Result<(Option<Json>, Json)> {
        let name = params::<ActivateParams>(doc)?.name;
        let marked = doc.steps.first().and_then(|step| step.intent.as_ref()).ok_or_else(|| missing("the store"))?.spec.clone();
        let mut row: RecordRow = marked.read()?;
        let mut store: StoreRecord = row.body.read().map_err(|error: Error| error.with("document", &row.id))?;
        let key = hostname_key(&name);
        let step = doc.steps.iter().find(|step| step.key == key).ok_or_else(|| missing("the hostname"))?;
        let intent = step.intent.as_ref().ok_or_else(|| missing("the hostname"))?;
        store.resources.retain(|held| held.key != key);
        store.resources.push(Held {
            key: key.clone(),
            spec: intent.spec.clone(),
            found: step.found.clone(),
            // The name is given up only after the hostname is gone.
            after: vec![ResourceKey::new(ResourceKind::Claim, format!("domain/{name}"))],
            late_until: doc.late_until(&key),
        });
        row.body = Json::of(&store)?;
        Ok((Some(marked), Json::of(&row)?))
    }
}
