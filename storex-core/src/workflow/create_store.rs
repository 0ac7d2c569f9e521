//! Creating a store: absent → everything the specification's fifteen tasks name.

use super::custom_domain::{self, DomainPlan};
use super::environment::{Inputs, package};
use super::{missing, params, zone_policy};
use crate::operation::{Change, Flow, OperationDoc, Plan, Step, StepState};
use crate::policy::ZonePolicy;
use crate::record::{DueRecord, Held, OutboxRecord, RouteRow, StoreDetails, StoreDomains, StoreRecord, StoreState, due};
use crate::resource::{
    ClaimSpec, Claimed, ConnectivitySpec, DatabaseLogin, DatabaseSpec, HostPartSpec, RecordRow, RecordsSpec, ResourceKey,
    ResourceKind, TunnelRouteSpec,
};
use crate::{
    Code, DatabaseAddress, DatabaseName, DatabaseUser, HostId, Hostname, IngressRule, Json, Notification, Part, Port, RecordSpec,
    Result, Sealed, StoreDigits, StoreId, Subject, Table, TunnelId, Username, ZoneFacts,
};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use std::fmt;

pub(super) const NAME: &str = "create_store";

const INITIALIZE: &str = "Initialize Store";
const DOMAINS: &str = "Configure Domains";
const INFRASTRUCTURE: &str = "Deploy Infrastructure";
const ACTIVATE: &str = "Activate Store";

/// Where a store says how it is.
pub(super) const HEALTH: &str = "/health";

/// Reason of the database task.
const NO_DATABASE: &str = "no database server is configured";

/// The checks of a store: name, metrics, seconds between two, from the specification's monitoring setup.
const CHECKS: [(&str, &[&str], u32); 3] = [
    ("domain", &["dns_resolution", "ssl_validity", "response_time", "availability"], 300),
    ("application", &["process_status", "memory_usage", "cpu_usage", "error_rates"], 60),
    ("infrastructure", &["tunnel_status", "network_latency", "database_connections", "cache_hits"], 120),
];

/// What a store is created from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CreateParams {
    pub(crate) username: Username,
    pub(crate) domain: Option<Hostname>,
    pub(crate) details: StoreDetails,
    pub(crate) system: Hostname,
    /// How the custom domain reaches the tunnel.
    #[serde(default)]
    pub(crate) domain_plan: DomainPlan,
    /// Where DNS records of a custom domain point.
    pub(crate) tunnel_target: String,
    /// What the zone of a custom domain does with requests.
    #[serde(default)]
    pub(crate) policy: ZonePolicy,
    /// Where its database is made, and the password of its first user; none makes no database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<DatabasePlan>,
    /// Host to run on.
    pub(crate) host: HostId,
    /// The tunnel, where it leads straight to the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) direct: Option<TunnelId>,
}

/// The database of a new store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DatabasePlan {
    /// Where the store reaches it.
    pub(crate) address: DatabaseAddress,
    /// Password of its first user.
    pub(crate) password: Sealed,
}

impl CreateParams {
    /// The rules of direct routing: one for each host name, straight to the store's port.
    pub(crate) fn tunnel_rules(&self, port: impl fmt::Display) -> Vec<IngressRule> {
        let service = format!("http://localhost:{port}");
        let rule = |name: &Hostname| IngressRule { hostname: Some(name.to_string()), service: service.clone(), rest: Map::new() };
        [&self.system].into_iter().chain(&self.domain).map(rule).collect()
    }
}

/// What is chosen from while the store is made, each in the order of trying.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    pub(crate) digits: Vec<StoreDigits>,
    /// Free ports of the host.
    pub(crate) ports: Vec<Port>,
}

/// The keys of the steps others refer to.
struct Keys {
    digits: ResourceKey,
    port: ResourceKey,
    store: ResourceKey,
    zone: Option<ResourceKey>,
}

impl Keys {
    fn of(params: &CreateParams) -> Self {
        Self {
            digits: ResourceKey::new(ResourceKind::Claim, "store_digits"),
            port: ResourceKey::on(&params.host, ResourceKind::Claim, "port"),
            store: record(Table::Stores, "self"),
            zone: params.domain.as_ref().and_then(|name| params.domain_plan.zone_key(name)),
        }
    }
}

fn record(table: Table, id: &str) -> ResourceKey {
    ResourceKey::new(ResourceKind::Record, format!("{table}/{id}"))
}

fn claim(namespace: &str, candidates: Vec<String>, label: &Username, taken: Code, pointer: Option<&str>) -> Result<Json> {
    Json::of(&ClaimSpec {
        namespace: namespace.to_owned(),
        candidates,
        label: label.to_string(),
        taken,
        pointer: pointer.map(str::to_owned),
    })
}

/// The flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CreateStore;

impl CreateStore {
    /// The steps. Domains and infrastructure depend on the store's document alone, so they proceed at the same time.
    pub(crate) fn steps(params: &CreateParams, candidates: &Candidates) -> Result<Vec<Step>> {
        let keys = Keys::of(params);
        let mut plan = Plan::default();
        let claims = claims(&mut plan, params, candidates, &keys)?;
        let store = plan.task(INITIALIZE, "Create database entries").bring_later(keys.store.clone(), &claims);
        let mut all = domain_steps(&mut plan, params, store)?;
        let infrastructure = infrastructure_steps(&mut plan, params, store);
        all.extend(&infrastructure);
        activation_steps(&mut plan, params, &keys, &all, &infrastructure);
        Ok(plan.into_steps())
    }
}

fn claims(plan: &mut Plan, params: &CreateParams, candidates: &Candidates, keys: &Keys) -> Result<Vec<usize>> {
    let user = &params.username;
    let mut claims = Vec::new();
    plan.task(INITIALIZE, "Validate domain availability");
    let spec = claim("username", vec![user.to_string()], user, Code::UsernameTaken, Some("/username"))?;
    claims.push(plan.bring(ResourceKey::new(ResourceKind::Claim, format!("username/{user}")), spec, &[]));
    let names =
        [(Some(&params.system), Code::UsernameTaken, "/username"), (params.domain.as_ref(), Code::DomainTaken, "/domain")];
    for (name, taken, pointer) in names.into_iter().filter_map(|(name, taken, pointer)| Some((name?, taken, pointer))) {
        let spec = claim("domain", vec![name.to_string()], user, taken, Some(pointer))?;
        claims.push(plan.bring(ResourceKey::new(ResourceKind::Claim, format!("domain/{name}")), spec, &[]));
    }
    plan.task(INITIALIZE, "Generate store identifiers");
    let digits = candidates.digits.iter().map(ToString::to_string).collect();
    claims.push(plan.bring(keys.digits.clone(), claim("store_digits", digits, user, Code::Exhausted, None)?, &[]));
    let ports = candidates.ports.iter().map(ToString::to_string).collect();
    claims.push(plan.bring(keys.port.clone(), claim(&format!("port:{}", params.host), ports, user, Code::Exhausted, None)?, &[]));
    let database = DatabaseName::of(user);
    let spec = claim("database", vec![database.to_string()], user, Code::UsernameTaken, Some("/username"))?;
    claims.push(plan.bring(ResourceKey::new(ResourceKind::Claim, format!("database/{database}")), spec, &[]));
    Ok(claims)
}

fn domain_steps(plan: &mut Plan, params: &CreateParams, store: usize) -> Result<Vec<usize>> {
    plan.task(DOMAINS, "Setup system subdomain");
    let mut steps = vec![plan.bring_later(record(Table::Domains, params.system.as_str()), &[store])];
    match &params.domain {
        Some(domain) => steps.extend(params.domain_plan.steps(plan, domain, &params.policy, store)?),
        None => custom_domain::skipped(plan, store),
    }
    Ok(steps)
}

fn infrastructure_steps(plan: &mut Plan, params: &CreateParams, store: usize) -> Vec<usize> {
    let key = |part: Part| ResourceKey::on(&params.host, ResourceKind::HostPart, part);
    let files = plan.task(INFRASTRUCTURE, "Create directory structure").bring_later(key(Part::Files), &[store]);
    let environment = plan.task(INFRASTRUCTURE, "Configure environment").bring_later(key(Part::Environment), &[store]);
    let database = database_step(plan.task(INFRASTRUCTURE, "Setup database"), params, store);
    let route = plan.task(INFRASTRUCTURE, "Configure routing").bring_later(key(Part::Route), &[store]);
    let direct = params.direct.as_ref();
    let direct = direct.map(|_| plan.bring_later(ResourceKey::new(ResourceKind::TunnelRoute, &params.username), &[store]));
    let process =
        plan.task(ACTIVATE, "Start application process").bring_later(key(Part::Process), &[files, environment, database]);
    [Some(route), direct, Some(process)].into_iter().flatten().collect()
}

fn database_step(plan: &mut Plan, params: &CreateParams, store: usize) -> usize {
    let key = ResourceKey::new(ResourceKind::Database, DatabaseName::of(&params.username));
    if params.database.is_some() { plan.bring_later(key, &[store]) } else { plan.skip(key, NO_DATABASE, &[store]) }
}

fn activation_steps(plan: &mut Plan, params: &CreateParams, keys: &Keys, all: &[usize], infrastructure: &[usize]) {
    let key = ResourceKey::on(&params.host, ResourceKind::Connectivity, &params.username);
    let verified = plan.task(ACTIVATE, "Verify connectivity").check(key, None, infrastructure);
    plan.task(ACTIVATE, "Enable monitoring");
    let mut ready = all.to_vec();
    ready.push(verified);
    let mut last: Vec<usize> =
        CHECKS.iter().map(|(check, ..)| plan.bring_later(record(Table::DueTimes, check), &ready)).collect();
    last.extend(ready);
    let active = plan.bring_later(keys.store.clone(), &last);
    plan.task(ACTIVATE, "Send completion notification").bring_later(record(Table::Outbox, "created"), &[active]);
}

/// What earlier steps found.
struct Known<'a> {
    doc: &'a OperationDoc,
    params: CreateParams,
    keys: Keys,
}

impl<'a> Known<'a> {
    fn of(doc: &'a OperationDoc) -> Result<Self> {
        let params: CreateParams = params(doc)?;
        let keys = Keys::of(&params);
        Ok(Self { doc, params, keys })
    }

    fn claimed(&self, key: &ResourceKey) -> Result<String> {
        let found = self.doc.found(key).ok_or_else(|| missing("a claim"))?;
        Ok(found.read::<Claimed>().map_err(|_| missing("a claim"))?.name)
    }

    fn store_id(&self) -> Result<StoreId> {
        Ok(StoreId::new(self.params.username.clone(), self.claimed(&self.keys.digits)?.parse()?))
    }

    fn port(&self) -> Result<Port> {
        self.claimed(&self.keys.port)?.parse()
    }

    fn zone(&self) -> Result<ZoneFacts> {
        let found = self.keys.zone.as_ref().and_then(|key| self.doc.found(key)).ok_or_else(|| missing("the zone"))?;
        found.read::<ZoneFacts>().map_err(|_| missing("the zone"))
    }

    fn store(&self, state: StoreState) -> Result<StoreRecord> {
        Ok(StoreRecord {
            store_id: self.store_id()?,
            state,
            domains: StoreDomains { system: self.params.system.clone(), custom: self.params.domain.clone() },
            details: self.params.details.clone(),
            host: self.params.host.clone(),
            port: self.port()?,
            database: DatabaseName::of(&self.params.username).to_string(),
            created_at: self.doc.created_at,
            updated_at: if state == StoreState::Active { self.last_change() } else { self.doc.created_at },
            operation: self.doc.id.clone(),
            resources: if state == StoreState::Active { self.held() } else { Vec::new() },
        })
    }

    /// When the last of the finished steps was done.
    fn last_change(&self) -> Timestamp {
        self.doc.steps.iter().filter_map(|step| step.ended_at).max().unwrap_or(self.doc.created_at)
    }

    /// What the finished steps have made, each with what it hangs on.
    fn held(&self) -> Vec<Held> {
        let mut held: Vec<Held> = Vec::new();
        for (index, step) in self.doc.steps.iter().enumerate() {
            let made =
                step.change == Change::Bring && step.state == StepState::Done && !held.iter().any(|other| other.key == step.key);
            if let Some(intent) = step.intent.as_ref().filter(|_| made) {
                held.push(Held {
                    key: step.key.clone(),
                    spec: intent.spec.clone(),
                    found: step.found.clone(),
                    after: self.hangs_on(index),
                    late_until: self.doc.late_until(&step.key),
                });
            }
        }
        held
    }

    /// The resources a step hangs on; through checks, which make nothing.
    fn hangs_on(&self, index: usize) -> Vec<ResourceKey> {
        let mut keys = Vec::new();
        let after = self.doc.steps.get(index).map(|step| step.after.as_slice()).unwrap_or_default();
        for before in after {
            match self.doc.steps.get(*before) {
                Some(step) if step.change == Change::Bring => keys.push(step.key.clone()),
                Some(_) => keys.extend(self.hangs_on(*before)),
                None => {}
            }
        }
        keys
    }

    /// The user its database begins with.
    fn login(&self) -> Result<Option<DatabaseLogin>> {
        let Some(plan) = &self.params.database else { return Ok(None) };
        Ok(Some(DatabaseLogin { user: DatabaseUser::of(self.store_id()?.digits()), password: plan.password.clone() }))
    }

    fn database(&self) -> Result<Json> {
        let logins = self.login()?.into_iter().collect();
        Json::of(&DatabaseSpec { name: DatabaseName::of(&self.params.username), logins })
    }

    fn part(&self, part: Part) -> Result<Json> {
        let (store_id, port, login) = (self.store_id()?, self.port()?, self.login()?);
        let database = self.params.database.as_ref().map(|plan| &plan.address);
        let (system, custom) = (&self.params.system, self.params.domain.as_ref());
        let package = package(&Inputs { store_id: &store_id, port, system, custom, database });
        Json::of(&HostPartSpec { host: self.params.host.clone(), part, package, login })
    }

    fn domain(&self, name: &Hostname) -> Result<RecordRow> {
        if *name == self.params.system {
            return custom_domain::system(name, self.store_id()?);
        }
        self.params.domain_plan.domain(name, self.store_id()?, self.zone().ok(), self.doc.created_at)
    }

    fn records(&self) -> Result<Json> {
        let zone = self.zone()?;
        let apex = RecordSpec::cname(zone.name.as_str(), &self.params.tunnel_target, true)?;
        Json::of(&RecordsSpec { records: vec![apex], zone: zone.id })
    }

    fn due(&self, check: &str) -> Result<RecordRow> {
        let (_, metrics, interval) = CHECKS.iter().find(|(name, ..)| *name == check).ok_or_else(|| missing("the check"))?;
        let store_id = self.store_id()?;
        let due_at = self.doc.created_at + jiff::SignedDuration::from_secs(i64::from(*interval));
        let id = format!("{store_id}/{check}");
        let metrics = metrics.iter().map(ToString::to_string).collect();
        due(
            Table::DueTimes,
            id,
            &DueRecord { store_id, check: check.to_owned(), metrics, interval_seconds: *interval, due_at },
            due_at,
        )
    }

    fn notification(&self) -> Result<RecordRow> {
        let store_id = self.store_id()?;
        let id = format!("{store_id}/created");
        let data = json!({ "store_id": store_id, "domains": { "system": self.params.system, "custom": self.params.domain } });
        let notification = Notification {
            id: id.clone(),
            event: "store.created".to_owned(),
            at: self.doc.created_at,
            recipient: self.params.details.email.to_string(),
            data,
        };
        due(Table::Outbox, id, &OutboxRecord { notification, failures: 0, dead: None }, self.doc.created_at)
    }

    fn connectivity(&self) -> Result<Json> {
        let names = [&self.params.system].into_iter().chain(&self.params.domain).cloned().collect();
        let (host, store, path) = (self.params.host.clone(), self.store_id()?, HEALTH.to_owned());
        Json::of(&ConnectivitySpec { host, store, names, path, database_user: None })
    }

    fn tunnel_route(&self) -> Result<Json> {
        let tunnel = self.params.direct.clone().ok_or_else(|| missing("the tunnel"))?;
        let rules = self.params.tunnel_rules(self.port()?);
        let row = RouteRow { tunnel, host: self.params.host.clone(), rules };
        Json::of(&TunnelRouteSpec { store: self.store_id()?, row })
    }

    fn record(&self, step: &Step, index: usize) -> Result<(Option<Json>, Json)> {
        let (table, id) = step.key.name.split_once('/').ok_or_else(|| missing("the document"))?;
        let row = match table {
            "stores" => return self.store_transition(index),
            "domains" => self.domain(&id.parse()?)?,
            "certificates" => self.params.domain_plan.certificate(&id.parse()?, self.store_id()?, self.doc.created_at)?,
            "due_times" => self.due(id)?,
            _ => self.notification()?,
        };
        Ok((None, Json::of(&row)?))
    }

    /// The store's document comes twice: absent → configuring, configuring → active.
    fn store_transition(&self, index: usize) -> Result<(Option<Json>, Json)> {
        let first = self.doc.steps.iter().position(|step| step.key == self.keys.store) == Some(index);
        let configuring = Json::of(&self.store(StoreState::Configuring)?.row()?)?;
        if first {
            return Ok((None, configuring));
        }
        Ok((Some(configuring), Json::of(&self.store(StoreState::Active)?.row()?)?))
    }
}

#[async_trait]
impl Flow for CreateStore {
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
        // Only claims come before the number is known, and claims carry no mark.
        let id = Known::of(doc).and_then(|known| known.store_id());
        id.map_or(Subject::Platform, |id| Subject::Store(id.digits()))
    }

    fn resolve(&self, doc: &OperationDoc, index: usize) -> Result<(Option<Json>, Json)> {
        let known = Known::of(doc)?;
        let step = doc.steps.get(index).ok_or_else(|| missing("the step"))?;
        let spec = match step.key.kind {
            ResourceKind::Record => return known.record(step, index),
            ResourceKind::Records => known.records()?,
            ResourceKind::ZonePolicy | ResourceKind::PolicyLook => {
                zone_policy::of_new_zone(&known.params.policy, doc, &known.zone()?, &step.key)?
            }
            ResourceKind::Connectivity => known.connectivity()?,
            ResourceKind::TunnelRoute => known.tunnel_route()?,
            ResourceKind::Database => known.database()?,
            ResourceKind::HostPart => {
                let part = Part::ALL.into_iter().find(|part| part.as_str() == step.key.name);
                known.part(part.ok_or_else(|| missing("the part"))?)?
            }
            _ => return Err(missing("the value")),
        };
        Ok((None, spec))
    }
}
