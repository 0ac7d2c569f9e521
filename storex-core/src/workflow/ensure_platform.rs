//! What all stores share: the tunnel, the wildcard record that leads to it, and its constant ingress rules.

use super::{missing, params};
use crate::operation::{Flow, OperationDoc, Plan, Step};
use crate::record::{Held, PLATFORM, PlatformRecord, plain};
use crate::resource::{IngressSpec, RecordsSpec, ResourceKey, ResourceKind, TunnelSpec, ZoneSpec};
use crate::{Hostname, IngressRule, Json, RecordSpec, RecordType, Result, Subject, Table, TunnelFacts, ZoneFacts};
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
    /// The platform as it stands, when it was made before.
    pub(crate) before: Option<PlatformRecord>,
}

/// Our ingress rules in router mode: constant, whatever stores there are.
pub(crate) fn ingress(primary: &Hostname, router: &str) -> Vec<IngressRule> {
    let rule = |hostname: Option<String>| IngressRule { hostname, service: router.to_owned(), rest: Map::new() };
    vec![rule(Some(format!("*.{primary}"))), rule(None)]
}

/// What of the platform can drift, as its document says it should stand.
pub(crate) fn platform_resources(platform: &PlatformRecord) -> Result<Vec<Held>> {
    let held = |key, spec, found, after| Held { key, spec, found, after };
    let (tunnel, wildcard) = (&platform.tunnel, format!("*.{}", platform.primary_domain));
    let tunnel_key = ResourceKey::new(ResourceKind::Tunnel, &tunnel.name);
    let record =
        RecordSpec { record_type: RecordType::Cname, name: wildcard.clone(), content: tunnel.id.dns_target(), proxied: true };
    let records = RecordsSpec { zone: platform.primary_zone.id.clone(), records: vec![record] };
    let rules = IngressSpec { tunnel: tunnel.id.clone(), rules: platform.ingress.clone() };
    Ok(vec![
        held(tunnel_key.clone(), Json::of(&TunnelSpec { name: tunnel.name.clone() })?, Some(Json::of(tunnel)?), Vec::new()),
        held(ResourceKey::new(ResourceKind::Records, wildcard), Json::of(&records)?, None, vec![tunnel_key.clone()]),
        held(ResourceKey::new(ResourceKind::Ingress, &tunnel.name), Json::of(&rules)?, None, vec![tunnel_key]),
    ])
}

/// The flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnsurePlatform;

struct Keys {
    zone: ResourceKey,
    tunnel: ResourceKey,
    records: ResourceKey,
    ingress: ResourceKey,
}

impl Keys {
    fn of(params: &PlatformParams) -> Self {
        Self {
            zone: ResourceKey::new(ResourceKind::PrimaryZone, &params.primary_domain),
            tunnel: ResourceKey::new(ResourceKind::Tunnel, &params.tunnel_name),
            records: ResourceKey::new(ResourceKind::Records, format!("*.{}", params.primary_domain)),
            ingress: ResourceKey::new(ResourceKind::Ingress, &params.tunnel_name),
        }
    }
}

impl EnsurePlatform {
    /// The steps. A platform that stands keeps its tunnel and its wildcard; only its ingress rules follow the router.
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
        let last = made.clone();
        made.push(plan.task(GROUP, "Configure tunnel ingress").bring_later(keys.ingress, &last));
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
        ingress(&self.params.primary_domain, &self.params.router)
    }

    fn wildcard(&self) -> Result<Json> {
        let name = format!("*.{}", self.params.primary_domain);
        let record = RecordSpec { record_type: RecordType::Cname, name, content: self.tunnel()?.id.dns_target(), proxied: true };
        Json::of(&RecordsSpec { zone: self.zone()?.id, records: vec![record] })
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
        let record = PlatformRecord {
            primary_domain: self.params.primary_domain.clone(),
            primary_zone: self.zone()?,
            tunnel: self.tunnel()?,
            ingress: self.rules(),
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
        match doc.steps.get(step).map(|step| step.key.kind) {
            Some(ResourceKind::Records) => Ok((None, known.wildcard()?)),
            Some(ResourceKind::Ingress) => known.ingress(),
            Some(ResourceKind::Record) => known.record(),
            _ => Err(missing("the value")),
        }
    }
}
