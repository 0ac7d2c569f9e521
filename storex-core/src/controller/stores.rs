//! Creating, showing, listing and deleting stores.

use super::{
    Accepted, ConfigurationView, Controller, CreateStoreRequest, DomainsView, OperationHandle, RequestOptions, StoreCreated,
    StoreList, StoreView,
};
use crate::operation::{Direction, OperationDoc, Step, StepState};
use crate::record::{DomainRecord, PlatformRecord, Routing, StoreRecord, StoreState, decode};
use crate::resource::{Claimed, RecordRow, ResourceKind};
use crate::workflow::{Candidates, CreateParams, CreateStore, DeleteParams, DomainPlan, target_of};
use crate::{
    Code, DomainStrategy, EntropyExt, Error, Hostname, Json, OperationId, Page, Query, Result, StoreDigits, StoreId, Table,
};

/// The flow that makes a store.
const CREATE: &str = "create_store";
/// Store numbers tried for a new store: digits, and how many of that width.
const DIGITS_TRIED: [(u32, usize); 4] = [(5, 1), (6, 2), (7, 4), (9, 8)];
/// Most stores on one page.
const LARGEST_PAGE: usize = 1000;
/// Stores on a page when nobody says.
const USUAL_PAGE: usize = 50;

impl Controller {
    /// Creates a store. Answers once its names are claimed, its intent is durable and, for a custom domain, the zone's name servers are known
    /// (or the time for that is over); the operation goes on by itself.
    ///
    /// # Errors
    /// `username_taken`, `domain_taken`, `zone_exists`, `invalid_domain`, `platform_not_ready`; `foreign_object` when a record keeps the wildcard from
    /// answering for the system name; when the operation fails before the answer, its error.
    ///
    /// # Cancellation
    /// Dropping the future leaves the operation begun or not begun; one that was begun goes on, at the latest with the next pass of
    /// [`Controller::run_recovery`].
    pub async fn create_store(&self, request: &CreateStoreRequest) -> Result<(StoreCreated, OperationHandle)> {
        let accepted = self.create_store_with(request, &RequestOptions::default()).await?;
        Ok((accepted.answer, accepted.operation))
    }

    /// [`Controller::create_store`] with options.
    ///
    /// # Errors
    /// As [`Controller::create_store`]; `idempotency_key_reused` when the key was used for another request.
    ///
    /// # Cancellation
    /// As [`Controller::create_store`].
    pub async fn create_store_with(
        &self,
        request: &CreateStoreRequest,
        options: &RequestOptions,
    ) -> Result<Accepted<StoreCreated>> {
        let Accepted { operation, replayed, .. } = self.begin_create(request, options).await?;
        let answer = operation.created().await?;
        Ok(Accepted { answer, operation, replayed })
    }

    /// The first half of [`Controller::create_store_with`]: answers as soon as the operation is durable, so that whoever stops waiting for the
    /// other half, [`OperationHandle::created`], knows its id.
    ///
    /// # Errors
    /// As [`Controller::create_store_with`], except for what the operation comes to.
    ///
    /// # Cancellation
    /// As [`Controller::create_store`].
    pub async fn begin_create(&self, request: &CreateStoreRequest, options: &RequestOptions) -> Result<Accepted<()>> {
        self.check_domain(request)?;
        let reserved = self.reserve(CREATE, request, options).await?;
        let operation = reserved.id.clone();
        let mut replayed = reserved.begun;
        if !reserved.begun {
            let (params, steps) = self.plan_of_create(request).await?;
            let doc = self.document(CREATE, params.username.as_str(), Json::of(&params)?, steps)?;
            replayed = !self.begin(reserved, doc).await?;
        }
        Ok(Accepted { answer: (), operation: OperationHandle::new(self.clone(), operation), replayed })
    }

    /// What a store is created from, and the steps.
    pub(super) async fn plan_of_create(&self, request: &CreateStoreRequest) -> Result<(CreateParams, Vec<Step>)> {
        let platform = self.platform().await?;
        let settings = self.settings();
        let candidates =
            Candidates { digits: self.digits_to_try()?, ports: self.providers().host(&settings.host)?.facts().await?.free_ports };
        let domain_plan = match &request.domain {
            Some(name) => self.domain_plan(request, name, &platform).await?,
            None => DomainPlan::default(),
        };
        let params = CreateParams {
            username: request.username.clone(),
            domain: request.domain.clone(),
            domain_plan,
            details: request.details.clone(),
            system: settings.primary_domain.below(request.username.as_str())?,
            tunnel_target: platform.tunnel.id.dns_target(),
            policy: self.providers().edge.as_ref().map(|_| settings.zone_policy.clone()).unwrap_or_default(),
            host: settings.host.clone(),
            direct: (platform.routing == Routing::Direct).then(|| platform.tunnel.id.clone()),
        };
        if let Some(host) = platform.direct_host.as_ref().filter(|host| **host != settings.host) {
            let why = format!("direct routing serves one host only, {host}");
            return Err(Error::new(Code::Unsupported, why).with("host", &settings.host));
        }
        self.check_shadow(&platform, &params.system).await?;
        if candidates.ports.is_empty() {
            return Err(Error::new(Code::Exhausted, "no port of the host's range is free").with("host", &settings.host));
        }
        let steps = CreateStore::steps(&params, &candidates)?;
        Ok((params, steps))
    }

    fn strategy(&self, request: &CreateStoreRequest) -> DomainStrategy {
        request.domain_strategy.unwrap_or(self.settings().domain_strategy)
    }

    /// Whether the domain can be what the request asks for, as far as its name tells.
    ///
    /// # Errors
    /// `invalid_domain`; `unsupported` when the platform is not ready for custom hostnames.
    pub(super) fn check_domain(&self, request: &CreateStoreRequest) -> Result<()> {
        let (Some(domain), settings) = (&request.domain, self.settings()) else { return Ok(()) };
        match self.strategy(request) {
            DomainStrategy::Zone => domain.check_custom_domain(&settings.primary_domain),
            DomainStrategy::CustomHostname if settings.serves_custom_hostnames() => {
                let apex = settings.apex_proxying || request.apex_flattening;
                domain.check_custom_hostname(&settings.primary_domain, apex)
            }
            DomainStrategy::CustomHostname => {
                let why =
                    "this platform is not ready for custom hostnames; start its controller with --custom-hostnames, or use zone";
                Err(Error::new(Code::Unsupported, why).pointer("/domain_strategy"))
            }
        }
    }

    /// How the domain reaches the tunnel. A zone the account has already is used when the operator allows that; else it is found in the way later.
    async fn domain_plan(&self, request: &CreateStoreRequest, name: &Hostname, platform: &PlatformRecord) -> Result<DomainPlan> {
        let settings = self.settings();
        if self.strategy(request) == DomainStrategy::Zone {
            let adopted = settings.adopt_zones && self.providers().domains.find_zone(name).await?.is_some();
            return Ok(if adopted { DomainPlan::ReferenceZone } else { DomainPlan::Zone });
        }
        if platform.fallback.is_none() {
            let why = "the platform's fallback origin does not stand yet: ensure the platform again";
            return Err(Error::new(Code::PlatformNotReady, why));
        }
        let proof = format!("storex-domain-verification={}", self.providers().entropy.hex(16)?);
        Ok(DomainPlan::CustomHostname { proof, target: target_of(&settings.primary_domain)? })
    }

    /// Numbers to try, in order. One try at five digits: once half of them are in use, most new stores get six, and so on.
    fn digits_to_try(&self) -> Result<Vec<StoreDigits>> {
        let mut digits = Vec::new();
        for (width, count) in DIGITS_TRIED {
            digits.extend(self.providers().entropy.store_digits(width, count)?);
        }
        Ok(digits)
    }

    pub(super) fn document(&self, flow: &str, label: &str, params: Json, steps: Vec<Step>) -> Result<OperationDoc> {
        let now = self.providers().clock.now();
        Ok(OperationDoc {
            id: self.providers().entropy.operation_id(now)?,
            flow: flow.to_owned(),
            flow_version: 1,
            label: label.to_owned(),
            params,
            turn: None,
            idempotency: None,
            planned: true,
            cancelled_at: None,
            direction: Direction::Forward,
            steps,
            error: None,
            created_at: now,
            updated_at: now,
            deadline: now + self.settings().operation_limit,
        })
    }

    /// Waits until the answer can be given and gives it.
    pub(super) async fn answer(&self, id: &OperationId) -> Result<StoreCreated> {
        let limit = self.settings().answer_limit;
        let (doc, _) = self.operation(id).await?;
        if doc.flow != CREATE {
            return Err(Error::new(Code::Unsupported, format!("operation {id} creates no store")).with("operation", id));
        }
        let params: CreateParams = doc.params.read()?;
        let known = |doc: &OperationDoc| claimed(doc) && params.domain.as_ref().is_none_or(|name| recorded(doc, name));
        // The name servers may not be known in time: then they are left out.
        let doc = self.watch(id, limit, |doc| doc.error.is_some() || known(doc)).await?;
        if let Some(error) = &doc.error {
            return Err(Error::from(error.clone()).with("operation", id));
        }
        let digits = digits(&doc)
            .ok_or_else(|| Error::new(Code::Timeout, "the store's names could not be claimed in time").with("operation", id))?;
        let domain = params.domain.as_ref().and_then(|name| domain(&doc, name));
        Ok(StoreCreated {
            status: "success".to_owned(),
            store_id: StoreId::new(params.username, digits.parse()?),
            domains: DomainsView { system: params.system.clone(), custom: params.domain.clone() },
            configuration: ConfigurationView::of(params.domain.is_some(), domain.as_ref()),
        })
    }

    /// The store.
    ///
    /// # Errors
    /// `not_found`; what the repo answers.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn get_store(&self, id: &StoreId) -> Result<StoreView> {
        let (store, _) = self.store(id).await?;
        self.view(store).await
    }

    async fn view(&self, store: StoreRecord) -> Result<StoreView> {
        let domain = match &store.domains.custom {
            Some(name) => self.providers().repo.get(Table::Domains, name.as_str()).await?,
            None => None,
        };
        let domain = domain.as_ref().map(decode::<DomainRecord>).transpose()?;
        Ok(StoreView::of(store, domain.as_ref()))
    }

    pub(super) async fn store(&self, id: &StoreId) -> Result<(StoreRecord, u64)> {
        let row = self.providers().repo.get(Table::Stores, &id.to_string()).await?;
        let row = row.ok_or_else(|| Error::new(Code::NotFound, format!("there is no store {id}")).with("store", id))?;
        Ok((decode(&row)?, row.version))
    }

    /// A page of stores by ascending identifier. `size` 0 means 50; more than 1000 means 1000.
    ///
    /// # Errors
    /// `invalid_field` for a token this did not give; what the repo answers.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn list_stores(&self, size: usize, token: Option<&str>) -> Result<StoreList> {
        let limit = if size == 0 { USUAL_PAGE } else { size.min(LARGEST_PAGE) };
        let page = Page { after: token.filter(|token| !token.is_empty()).map(str::to_owned), limit };
        let rows = self.providers().repo.list(Table::Stores, &Query::All, &page).await.map_err(at_page_token)?;
        let mut stores = Vec::with_capacity(rows.rows.len());
        for row in &rows.rows {
            stores.push(self.view(decode(row)?).await?);
        }
        Ok(StoreList { status: "success".to_owned(), stores, next_page_token: rows.next.unwrap_or_default() })
    }

    /// Deletes a store and everything it holds. Forward only: it is tried until it is done. Deleting a store that is being deleted answers the
    /// operation that does.
    ///
    /// # Errors
    /// `not_found`; `operation_in_progress` while the store is being made.
    ///
    /// # Cancellation
    /// As [`Controller::create_store`].
    pub async fn delete_store(&self, id: &StoreId) -> Result<OperationHandle> {
        self.delete_store_with(id, &RequestOptions::default()).await.map(|accepted| accepted.operation)
    }

    /// [`Controller::delete_store`] with options.
    ///
    /// # Errors
    /// As [`Controller::delete_store`]; `idempotency_key_reused` when the key was used for another request.
    ///
    /// # Cancellation
    /// As [`Controller::create_store`].
    pub async fn delete_store_with(&self, id: &StoreId, options: &RequestOptions) -> Result<Accepted<()>> {
        let reserved = self.reserve("delete_store", id, options).await?;
        let mut operation = reserved.id.clone();
        let mut replayed = reserved.begun;
        if !reserved.begun {
            let (store, _) = self.store(id).await?;
            match store.state {
                // Without a key, too, a second request finds the first one's operation.
                StoreState::Deleting if options.idempotency_key.is_none() => (operation, replayed) = (store.operation, true),
                StoreState::Deleting | StoreState::Active => {
                    let mut doc =
                        self.document("delete_store", id.username().as_str(), Json::of(&DeleteParams::of(id))?, Vec::new())?;
                    doc.turn = Some(id.to_string());
                    doc.planned = false;
                    replayed = !self.begin(reserved, doc).await?;
                }
                StoreState::Configuring => {
                    let why = format!("operation {} on store {id} is going on", store.operation);
                    return Err(Error::new(Code::OperationInProgress, why).with("operation", &store.operation));
                }
            }
        }
        Ok(Accepted { answer: (), operation: OperationHandle::new(self.clone(), operation), replayed })
    }
}

/// A refused cursor is the request's token; anything else is not the request's fault.
pub(super) fn at_page_token(error: Error) -> Error {
    if error.code() == Code::InvalidField { error.pointer("/page_token") } else { error }
}

/// True when every claim is held and the store's document is written.
fn claimed(doc: &OperationDoc) -> bool {
    let of = |kind: ResourceKind| doc.steps.iter().filter(move |step| step.key.kind == kind);
    let store = of(ResourceKind::Record).find(|step| step.key.name.starts_with("stores/"));
    of(ResourceKind::Claim).all(Step::is_settled) && store.is_some_and(Step::is_settled)
}

/// True when the custom domain's document is written, name servers included: a reader after the answer sees them too.
fn recorded(doc: &OperationDoc, name: &Hostname) -> bool {
    let key = format!("{}/{name}", Table::Domains);
    doc.steps.iter().any(|step| step.key.name == key && step.is_settled())
}

/// The custom domain's document, once it is written.
fn domain(doc: &OperationDoc, name: &Hostname) -> Option<DomainRecord> {
    let key = format!("{}/{name}", Table::Domains);
    let step = doc.steps.iter().find(|step| step.key.name == key && step.state == StepState::Done)?;
    step.intent.as_ref()?.spec.read::<RecordRow>().ok()?.body.read().ok()
}

fn digits(doc: &OperationDoc) -> Option<String> {
    let step = doc.steps.iter().find(|step| step.key.name == "store_digits" && step.state == StepState::Done)?;
    step.found.as_ref()?.read::<Claimed>().ok().map(|claimed| claimed.name)
}
