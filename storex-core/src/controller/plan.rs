//! Plans: what an operation would do, and what it costs, with nothing written.

use super::{Controller, CreateStoreRequest};
use crate::operation::{Change, Step};
use crate::record::StoreState;
use crate::resource::implementation;
use crate::workflow::DeleteStore;
use crate::{Code, EntropyExt, Error, Result, StoreId, Table};
use serde::{Deserialize, Serialize};

/// One transition or check of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Step of the specification.
    pub action: String,
    /// Task of the specification.
    pub task: String,
    /// The resource, such as `zone/oceanbreezestore.com`.
    pub resource: String,
    /// What is done to it: `bring`, `remove` or `check`.
    pub change: Change,
    /// Why there is nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Places in this plan, from 0, of the steps it waits for.
    pub after: Vec<usize>,
    /// Calls of Cloudflare's API.
    pub cloudflare_calls: u32,
}

/// What an operation would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// Always `success`.
    pub status: String,
    /// The operation, such as `create_store`.
    pub operation: String,
    /// Its transitions and checks in order.
    pub steps: Vec<PlannedStep>,
    /// Calls of Cloudflare's API over all steps when nothing fails.
    pub cloudflare_calls: u32,
}

impl Controller {
    /// What creating the store would do. Nothing is written and no name is claimed, so another request may still be faster.
    ///
    /// # Errors
    /// As [`Controller::create_store`], as far as looking tells.
    pub async fn plan_create(&self, request: &CreateStoreRequest) -> Result<PlanView> {
        let primary = &self.settings().primary_domain;
        if let Some(domain) = &request.domain {
            domain.check_custom_domain(primary)?;
        }
        let system = primary.below(request.username.as_str())?;
        let names = [(Some(&system), Code::UsernameTaken, "/username"), (request.domain.as_ref(), Code::DomainTaken, "/domain")];
        for (name, taken, pointer) in names.into_iter().filter_map(|(name, taken, pointer)| Some((name?, taken, pointer))) {
            if self.providers().repo.get(Table::Domains, name.as_str()).await?.is_some() {
                return Err(Error::new(taken, format!("{name} belongs to another store")).pointer(pointer));
            }
        }
        if let Some(domain) = &request.domain
            && self.providers().domains.find_zone(domain).await?.is_some()
        {
            let why = format!("the account has a zone {domain} that storex did not make");
            return Err(Error::new(Code::ZoneExists, why).pointer("/domain"));
        }
        let (_, steps) = self.plan_of_create(request).await?;
        Ok(view("create_store", &steps))
    }

    /// What deleting the store would do. Nothing is written.
    ///
    /// # Errors
    /// As [`Controller::delete_store`].
    pub async fn plan_delete(&self, id: &StoreId) -> Result<PlanView> {
        let (store, _) = self.store(id).await?;
        if store.state == StoreState::Configuring {
            let why = format!("operation {} on store {id} is going on", store.operation);
            return Err(Error::new(Code::OperationInProgress, why).with("operation", &store.operation));
        }
        let now = self.providers().clock.now();
        let steps = DeleteStore::steps(&store, &self.providers().entropy.operation_id(now)?, now)?;
        Ok(view("delete_store", &steps))
    }
}

fn view(operation: &str, steps: &[Step]) -> PlanView {
    let steps: Vec<PlannedStep> = steps
        .iter()
        .map(|step| PlannedStep {
            action: step.group.clone(),
            task: step.task.clone(),
            resource: step.key.to_string(),
            change: step.change,
            skipped: step.skipped.clone(),
            after: step.after.clone(),
            cloudflare_calls: if step.skipped.is_some() { 0 } else { implementation(step.key.kind).edge_calls(step.change) },
        })
        .collect();
    let cloudflare_calls = steps.iter().map(|step| step.cloudflare_calls).sum();
    PlanView { status: "success".to_owned(), operation: operation.to_owned(), steps, cloudflare_calls }
}
