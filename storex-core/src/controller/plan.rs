//! Plans: what an operation would do, and what it costs, with nothing written.

use super::{Controller, CreateStoreRequest};
use crate::operation::{Change, Step};
use crate::record::StoreState;
use crate::resource::implementation;
use crate::workflow::{ActivateDomain, DeleteStore, DomainPlan};
use crate::{Code, EntropyExt, Error, Hostname, Result, StoreId, Table, ZoneStatus};
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
    /// What it waits for besides: then it belongs to an operation of its own, which the store does not wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
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
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn plan_create(&self, request: &CreateStoreRequest) -> Result<PlanView> {
        let primary = &self.settings().primary_domain;
        self.check_domain(request)?;
        let system = primary.below(request.username.as_str())?;
        let names = [(Some(&system), Code::UsernameTaken, "/username"), (request.domain.as_ref(), Code::DomainTaken, "/domain")];
        for (name, taken, pointer) in names.into_iter().filter_map(|(name, taken, pointer)| Some((name?, taken, pointer))) {
            if self.providers().repo.get(Table::Domains, name.as_str()).await?.is_some() {
                return Err(Error::new(taken, format!("{name} belongs to another store")).pointer(pointer));
            }
        }
        let (params, steps) = self.plan_of_create(request).await?;
        if let (Some(domain), DomainPlan::Zone) = (&request.domain, &params.domain_plan)
            && self.providers().domains.find_zone(domain).await?.is_some()
        {
            let why = format!("the account has a zone {domain} that storex did not make");
            return Err(Error::new(Code::ZoneExists, why).pointer("/domain"));
        }
        let mut plan = view("create_store", &steps);
        if let (Some(domain), DomainPlan::CustomHostname { .. }) = (&request.domain, &params.domain_plan) {
            plan.append_activation(domain);
        }
        Ok(plan)
    }

    /// What making the platform stand would do. Nothing is written; that the primary zone is there is looked at.
    ///
    /// # Errors
    /// `primary_zone_missing`; as [`Controller::ensure_platform`], as far as looking tells.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn plan_platform(&self, router: &str) -> Result<PlanView> {
        let primary = &self.settings().primary_domain;
        let zone = self.providers().domains.find_zone(primary).await?;
        if zone.is_none_or(|zone| zone.status != ZoneStatus::Active) {
            return Err(Error::new(Code::PrimaryZoneMissing, format!("the zone {primary} is not there, or not active")));
        }
        let (params, steps) = self.plan_of_platform(router).await?;
        if params.before.is_none() && self.providers().tunnel.find(&params.tunnel_name).await?.is_some() {
            let why = format!("the account has a tunnel {} that storex did not make", params.tunnel_name);
            return Err(Error::new(Code::ForeignObject, why));
        }
        Ok(view("ensure_platform", &steps))
    }

    /// What deleting the store would do. Nothing is written.
    ///
    /// # Errors
    /// As [`Controller::delete_store`].
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
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

impl PlanView {
    /// What the domain's own operation does once the owner has proved the name.
    fn append_activation(&mut self, domain: &Hostname) {
        for (action, task, key, change) in ActivateDomain::preview(domain) {
            self.steps.push(PlannedStep {
                action: action.to_owned(),
                task: task.to_owned(),
                resource: key.to_string(),
                change,
                skipped: None,
                after: Vec::new(),
                cloudflare_calls: implementation(key.kind).edge_calls(change),
                once: Some("the owner's TXT record proves the name".to_owned()),
            });
        }
        self.cloudflare_calls = self.steps.iter().map(|step| step.cloudflare_calls).sum();
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
            once: None,
        })
        .collect();
    let cloudflare_calls = steps.iter().map(|step| step.cloudflare_calls).sum();
    PlanView { status: "success".to_owned(), operation: operation.to_owned(), steps, cloudflare_calls }
}
