//! What all stores share: the tunnel, the wildcard record that leads to it, its constant ingress rules and, where there are custom hostnames, the origin
//! they go to.

use super::{missing, params, zone_policy};
use crate::operation::{Flow, OperationDoc, Plan, Step};
use crate::policy::ZonePolicy;
use crate::record::{Held, PLATFORM, PlatformRecord, Routing, plain};
use crate::resource::{
    FallbackOriginSpec, IngressSpec, RecordsSpec, ResourceKey, ResourceKind, TunnelSpec, ZonePolicySpec, ZoneSpec,
};
use crate::{HostId, Hostname, IngressRule, Json, RecordSpec, Result, Subject, Table, TunnelFacts, ZoneFacts};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Map;

pub(super) const NAME: &str = "ensure_platform";
const GROUP: &str = "Ensure Platform";

/// What the platform is made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlatformParams {
    pub(crate) primary_domain: Hostname,
    pub(crate) tunnel_name: String,
    /// Where the router listens, such as `http://localhost:3000`.
    pub(crate) router: String,
    /// How requests come from the tunnel to a store.
    #[serde(default, skip_serializing_if = "Routing::is_router")]
    pub(crate) routing: Routing,
    /// The one host of direct routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) direct_host: Option<HostId>,
    /// Whether custom hostnames are made ready.
    #[serde(default)]
    pub(crate) custom_hostnames: bool,
    /// What the primary zone is made to do with requests.
    #[serde(default)]
    pub(crate) policy: ZonePolicy,
    /// The platform as it stands, when it was made before.
    pub(crate) before: Option<PlatformRecord>,
}

/// First label of the name custom hostnames go to. No username can be it.
const FALLBACK: &str = "fallback";
/// First label of the name owners let theirs lead to, so that where it goes can change without them (Cloudflare docs, "Cloudflare for SaaS: get started",
/// CNAME target). No username can be it.
const TARGET: &str = "shops";

/// Where the CNAME of a custom hostname must lead.
pub(crate) fn target_of(primary: &Hostname) -> Result<Hostname> {
    primary.below(TARGET)
}

/// The records of the origin of custom hostnames and of the name owners let theirs lead to.
fn fallback_records(primary: &Hostname, target: &str) -> Result<Vec<RecordSpec>> {
    [primary.below(FALLBACK)?, target_of(primary)?].iter().map(|name| RecordSpec::cname(name.as_str(), target, true)).collect()
}

/// Our own ingress rules, whatever stores there are: system names lead to the router. All other names do too, or where routing is direct to nowhere:
/// each store's have a rule of their own.
pub(crate) fn ingress(primary: &Hostname, router: &str, routing: Routing) -> Vec<IngressRule> {
    let rule = |hostname: Option<String>, service: &str| IngressRule { hostname, service: service.to_owned(), rest: Map::new() };
    let others = if routing == Routing::Direct { "http_status:404" } else { router };
    vec![rule(Some(format!("*.{primary}")), router), rule(None, others)]
}

/// What of the platform can drift, as its document says it should stand.
pub(crate) fn platform_resources(platform: &PlatformRecord) -> Result<Vec<Held>> {
    let held = |key, spec, found, after| Held { key, spec, found, after, late_until: None };
    let (tunnel, wildcard) = (&platform.tunnel, format!("*.{}", platform.primary_domain));
    let tunnel_key = ResourceKey::new(ResourceKind::Tunnel, &tunnel.name);
    let record = RecordSpec::cname(&wildcard, &tunnel.id.dns_target(), true)?;
    let records = RecordsSpec { zone: platform.primary_zone.id.clone(), records: vec![record] };
    let rules = IngressSpec { tunnel: tunnel.id.clone(), rules: platform.ingress.clone() };
    let mut resources = vec![
        held(tunnel_key.clone(), Json::of(&TunnelSpec { name: tunnel.name.clone() })?, Some(Json::of(tunnel)?), Vec::new()),
        held(ResourceKey::new(ResourceKind::Records, wildcard), Json::of(&records)?, None, vec![tunnel_key.clone()]),
        held(ResourceKey::new(ResourceKind::Ingress, &tunnel.name), Json::of(&rules)?, None, vec![tunnel_key.clone()]),
    ];
    if let Some(origin) = &platform.fallback {
        let records = fallback_records(&platform.primary_domain, &tunnel.id.dns_target())?;
        let zone = platform.primary_zone.id.clone();
        let (records, records_key) =
            (RecordsSpec { zone: zone.clone(), records }, ResourceKey::new(ResourceKind::Records, origin));
        let set = FallbackOriginSpec { zone, origin: origin.clone(), made: true };
        resources.push(held(records_key.clone(), Json::of(&records)?, None, vec![tunnel_key]));
        resources.push(held(ResourceKey::new(ResourceKind::FallbackOrigin, origin), Json::of(&set)?, None, vec![records_key]));
    }
    resources.extend(zone_policy::held(&platform.policy, &platform.primary_domain)?);
    Ok(resources)
}

/// The flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnsurePlatform;

struct Keys {
    zone: ResourceKey,
    tunnel: ResourceKey,
    records: ResourceKey,
    ingress: ResourceKey,
    fallback_records: ResourceKey,
    fallback: ResourceKey,
}

impl Keys {
    fn of(params: &PlatformParams) -> Self {
        Self {
            zone: ResourceKey::new(ResourceKind::PrimaryZone, &params.primary_domain),
            tunnel: ResourceKey::new(ResourceKind::Tunnel, &params.tunnel_name),
            records: ResourceKey::new(ResourceKind::Records, format!("*.{}", params.primary_domain)),
            ingress: ResourceKey::new(ResourceKind::Ingress, &params.tunnel_name),
            fallback_records: ResourceKey::new(ResourceKind::Records, format!("{FALLBACK}.{}", params.primary_domain)),
            fallback: ResourceKey::new(ResourceKind::FallbackOrigin, format!("{FALLBACK}.{}", params.primary_domain)),
        }
    }
}

impl EnsurePlatform {
    /// The steps. A platform that stands keeps its tunnel, its wildcard and its fallback origin; only its ingress rules follow the router.
    pub(crate) fn steps(params: &PlatformParams) -> Result<Vec<Step>> {
        let keys = Keys::of(params);
        let mut plan = Plan::default();
        let zone_spec = Json::of(&ZoneSpec { name: params.primary_domain.clone() })?;
        let zone = plan.task(GROUP, "Find primary zone").check(keys.zone, Some(zone_spec), &[]);
        let mut made = vec![zone];
        if params.before.is_none() {
            let spec = Json::of(&TunnelSpec { name: params.tunnel_name.clone() })?;
            let tunnel = plan.task(GROUP, "Create tunnel").bring(keys.tunnel, spec, &[zone]);
            made.push(plan.task(GROUP, "Configure wildcard DNS record").bring_later(keys.records, &[zone, tunnel]));
            made.push(tunnel);
        }
        if params.custom_hostnames && params.before.as_ref().is_none_or(|before| before.fallback.is_none()) {
            let task = "Configure fallback origin";
            let records = plan.task(GROUP, task).bring_later(keys.fallback_records, &made);
            made.push(plan.bring_later(keys.fallback, &[records]));
        }
        let last = made.clone();
        made.push(plan.task(GROUP, "Configure tunnel ingress").bring_later(keys.ingress, &last));
        plan.task(GROUP, "Configure primary zone");
        let recorded = params.before.as_ref().map(|before| before.policy.as_slice()).unwrap_or_default();
        made.extend(zone_policy::reference_steps(&mut plan, &params.policy, recorded, &params.primary_domain, zone));
        let record = ResourceKey::new(ResourceKind::Record, format!("{}/{PLATFORM}", Table::Platform));
        plan.task(GROUP, "Record platform").bring_later(record, &made);
        Ok(plan.into_steps())
    }
}

struct Known<'a> {
    doc: &'a OperationDoc,
    params: PlatformParams,
    keys: Keys,
}

impl<'a> Known<'a> {
    fn of(doc: &'a OperationDoc) -> Result<Self> {
        let params: PlatformParams = params(doc)?;
        let keys = Keys::of(&params);
        Ok(Self { doc, params, keys })
    }

    fn zone(&self) -> Result<ZoneFacts> {
        let found = self.doc.found(&self.keys.zone).ok_or_else(|| missing("the primary zone"))?;
        found.read::<ZoneFacts>().map_err(|_| missing("the primary zone"))
    }

    fn tunnel(&self) -> Result<TunnelFacts> {
        if let Some(before) = &self.params.before {
            return Ok(before.tunnel.clone());
        }
        let found = self.doc.found(&self.keys.tunnel).ok_or_else(|| missing("the tunnel"))?;
        found.read::<TunnelFacts>().map_err(|_| missing("the tunnel"))
    }

    fn rules(&self) -> Vec<IngressRule> {
        ingress(&self.params.primary_domain, &self.params.router, self.params.routing)
    }

    fn recorded(&self) -> &[ZonePolicySpec] {
        self.params.before.as_ref().map(|before| before.policy.as_slice()).unwrap_or_default()
    }

    fn wildcard(&self) -> Result<Json> {
        let name = format!("*.{}", self.params.primary_domain);
        let record = RecordSpec::cname(&name, &self.tunnel()?.id.dns_target(), true)?;
        Json::of(&RecordsSpec { zone: self.zone()?.id, records: vec![record] })
    }

    fn fallback_records(&self) -> Result<Json> {
        let records = fallback_records(&self.params.primary_domain, &self.tunnel()?.id.dns_target())?;
        Json::of(&RecordsSpec { zone: self.zone()?.id, records })
    }

    fn fallback(&self) -> Result<Json> {
        let origin = self.params.primary_domain.below(FALLBACK)?;
        Json::of(&FallbackOriginSpec { zone: self.zone()?.id, origin, made: false })
    }

    fn ingress(&self) -> Result<(Option<Json>, Json)> {
        let tunnel = self.tunnel()?.id;
        let from = self
            .params
            .before
            .as_ref()
            .map(|before| Json::of(&IngressSpec { tunnel: tunnel.clone(), rules: before.ingress.clone() }))
            .transpose()?;
        Ok((from, Json::of(&IngressSpec { tunnel, rules: self.rules() })?))
    }

    fn record(&self) -> Result<(Option<Json>, Json)> {
        let row = |record: &PlatformRecord| plain(Table::Platform, PLATFORM.to_owned(), record).and_then(|row| Json::of(&row));
        let before = self.params.before.as_ref().and_then(|before| before.fallback.clone());
        let made = || self.params.custom_hostnames.then(|| self.params.primary_domain.below(FALLBACK)).transpose();
        let fallback = if before.is_some() { before } else { made()? };
        let record = PlatformRecord {
            primary_domain: self.params.primary_domain.clone(),
            primary_zone: self.zone()?,
            tunnel: self.tunnel()?,
            ingress: self.rules(),
            routing: self.params.routing,
            direct_host: self.params.direct_host.clone(),
            fallback,
            policy: zone_policy::of_record(&self.params.policy, self.recorded(), self.doc, &self.params.primary_domain)?,
        };
        Ok((self.params.before.as_ref().map(row).transpose()?, row(&record)?))
    }
}

#[async_trait]
impl Flow for EnsurePlatform {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn forward_only(&self) -> bool {
        false
    }

    fn subject(&self, _: &OperationDoc) -> Subject {
        Subject::Platform
    }

    fn resolve(&self, doc: &OperationDoc, step: usize) -> Result<(Option<Json>, Json)> {
        let known = Known::of(doc)?;
        let key = doc.steps.get(step).map(|step| &step.key);
        match key.map(|key| key.kind) {
            Some(ResourceKind::Records) if key == Some(&known.keys.fallback_records) => Ok((None, known.fallback_records()?)),
            Some(ResourceKind::Records) => Ok((None, known.wildcard()?)),
            Some(ResourceKind::FallbackOrigin) => Ok((None, known.fallback()?)),
            Some(ResourceKind::Ingress) => known.ingress(),
            Some(ResourceKind::Record) => known.record(),
            Some(ResourceKind::ZonePolicy | ResourceKind::PolicyLook) => {
                let key = key.ok_or_else(|| missing("the step"))?;
                Ok((None, zone_policy::of_reference(&known.params.policy, known.recorded(), doc, &known.zone()?, key)?))
            }
            _ => Err(missing("the value")),
        }
    }
}
