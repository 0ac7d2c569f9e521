//! Settings, rules, certificates and cache of zones over the Cloudflare API.

use crate::account::CloudflareAccount;
use crate::api::edge;
use crate::edge_limits::limits;
use crate::endpoint::Endpoint;
use crate::error::{Failure, Refusal};
use crate::page;
use crate::taxonomy::Meaning;
use crate::zone_presence::explain;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use storex_core::{
    CertificateChange, CertificateFacts, Code, EdgeLimits, EdgePolicies, EdgeSetting, EffectCx, Error, Hostname, PackId, Result,
    RuleChange, RuleList, RulePhase, SettingFacts, ZoneId,
};

/// Hosts one call may name (docs, "Purge cache: availability and limits").
const HOSTS_PER_PURGE: usize = 100;

/// The [`EdgePolicies`] over the Cloudflare API.
///
/// Every method is one call, but `certificates`, which is three reads, and `purge`, which is one for each hundred hosts. A list of rules is never replaced whole: it is begun where there
/// is none, which Cloudflare refuses where there is one, and else rules are added, changed and removed one at a time, so that nobody's rule can be lost to a
/// write between our read and ours.
#[derive(Clone, Debug)]
pub struct CloudflareEdge {
    account: CloudflareAccount,
}

impl CloudflareEdge {
    /// Zones of this account.
    pub fn new(account: CloudflareAccount) -> Self {
        Self { account }
    }

    async fn read<T: DeserializeOwned>(&self, zone: &ZoneId, endpoint: &Endpoint<T>) -> Result<T> {
        match self.account.client().read(endpoint, None).await {
            Ok(answer) => Ok(answer.result),
            Err(failure) => Err(self.explained(zone, failure, None).await),
        }
    }

    /// A call with an effect. What the path names beside the zone is not there: `version_conflict`.
    async fn effect<T: DeserializeOwned>(&self, cx: &EffectCx, zone: &ZoneId, endpoint: &Endpoint<T>) -> Result<T> {
        match self.account.client().effect(endpoint, cx.deadline).await {
            Ok(result) => Ok(result),
            Err(Failure::Refused(refusal)) if refusal.meaning() == Meaning::Conflict => Err(moved(refusal)),
            Err(Failure::Refused(refusal)) if refusal.meaning() == Meaning::NotFound => {
                Err(self.missing(zone, refusal, cx.deadline).await)
            }
            Err(failure) => Err(self.explained(zone, failure, Some(cx.deadline)).await),
        }
    }

    /// A 404 is about the zone or about what is named in it: the complete list of zones tells. Here it counts that a zone is there, however young.
    async fn missing(&self, zone: &ZoneId, refusal: Refusal, deadline: Timestamp) -> Error {
        match self.account.zones(Some(deadline)).await {
            Ok(zones) if zones.iter().any(|known| known.id() == zone.as_str()) => moved(refusal),
            Ok(_) => Error::new(Code::NotFound, "the account has no such zone").with("detail", zone),
            Err(_) => {
                Error::new(Code::Unavailable, "whether the zone is there could not be read").caused_by(Error::from(refusal))
            }
        }
    }

    async fn explained(&self, zone: &ZoneId, failure: Failure, deadline: Option<Timestamp>) -> Error {
        match failure {
            Failure::Refused(refusal) => explain(&self.account, zone, refusal, deadline).await,
            other => other.into(),
        }
    }

    async fn rule_list(&self, zone: &ZoneId, phase: RulePhase) -> Result<Option<RuleList>> {
        match self.account.client().read(&edge::entrypoint(zone, phase), None).await {
            Ok(answer) => answer.result.list().map(Some),
            // No route is another 404 than no list.
            Err(Failure::Refused(refusal)) if refusal.is_missing() && refusal.meaning() == Meaning::NotFound => Ok(None),
            Err(failure) => Err(self.explained(zone, failure, None).await),
        }
    }

    async fn change_rule_list(&self, cx: &EffectCx, zone: &ZoneId, phase: RulePhase, change: &RuleChange) -> Result<()> {
        match change {
            RuleChange::Begin { rules } => self.effect(cx, zone, &edge::begin(zone, phase, rules)).await.map(drop),
            RuleChange::Add { list, rule } => self.effect(cx, zone, &edge::add_rule(zone, list, rule)).await.map(drop),
            RuleChange::Change { list, id, rule } => {
                self.effect(cx, zone, &edge::patch_rule(zone, list, id, rule)).await.map(drop)
            }
            RuleChange::Remove { list, id } => absent(self.effect(cx, zone, &edge::delete_rule(zone, list, id)).await.map(drop)),
            other => Err(Error::new(Code::Unsupported, format!("cannot make the change {other:?}"))),
        }
    }

    async fn packs(&self, zone: &ZoneId) -> Result<CertificateFacts> {
        let universal = self.read(zone, &edge::universal(zone)).await?.enabled;
        let packs = match page::read_all(self.account.client(), &edge::packs(zone), edge::PER_PAGE, None).await {
            Ok(packs) => packs,
            Err(failure) => return Err(self.explained(zone, failure, None).await),
        };
        let verification = self.read(zone, &edge::verification(zone)).await?;
        let mut facts = CertificateFacts { universal, packs: Vec::new() };
        for pack in packs {
            let held_up = verification.iter().any(|one| one.brand_check && pack.is(&one.cert_pack_uuid));
            facts.packs.extend(pack.facts(held_up)?);
        }
        Ok(facts)
    }

    async fn change_pack(&self, cx: &EffectCx, zone: &ZoneId, change: &CertificateChange) -> Result<Option<PackId>> {
        match change {
            CertificateChange::Revalidate { pack, method } => {
                self.effect(cx, zone, &edge::revalidate(zone, pack, method)).await.map(|_| None)
            }
            CertificateChange::Restart { pack } => self.effect(cx, zone, &edge::restart(zone, pack)).await.map(|_| None),
            CertificateChange::Order(order) => {
                let ordered = self.effect(cx, zone, &edge::order(zone, order)).await?;
                ordered.id.parse().map(Some).map_err(|error: Error| error.into_unclear())
            }
            CertificateChange::Delete { pack } => {
                absent(self.effect(cx, zone, &edge::delete_pack(zone, pack)).await.map(drop)).map(|()| None)
            }
            CertificateChange::Universal { enabled } => {
                self.effect(cx, zone, &edge::patch_universal(zone, *enabled)).await.map(|_| None)
            }
            other => Err(Error::new(Code::Unsupported, format!("cannot make the change {other:?}"))),
        }
    }
}

/// What the call names is not as the caller took it to be.
fn moved(refusal: Refusal) -> Error {
    let error = Error::from(refusal);
    Error::new(Code::VersionConflict, error.message().to_owned()).caused_by(error)
}

/// What was to be removed is gone: `version_conflict` is answered of one in a zone that is there.
fn absent(removed: Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.code() == Code::VersionConflict => Ok(()),
        other => other,
    }
}

#[async_trait]
impl EdgePolicies for CloudflareEdge {
    async fn limits(&self, zone: &ZoneId) -> Result<EdgeLimits> {
        let read = self.read(zone, &edge::zone(zone)).await;
        read.map(|zone| limits(zone.plan())).map_err(|error| error.during("edge.limits"))
    }

    async fn setting(&self, zone: &ZoneId, setting: EdgeSetting) -> Result<SettingFacts> {
        let facts = if setting == EdgeSetting::BotFightMode {
            self.read(zone, &edge::bots(zone)).await.map(|bots| bots.facts())
        } else {
            self.read(zone, &edge::setting(zone, setting.as_str())).await.map(crate::wire::WireSetting::facts)
        };
        facts.map_err(|error| error.during("edge.setting"))
    }

    async fn set(&self, cx: &EffectCx, zone: &ZoneId, setting: EdgeSetting, value: &str) -> Result<()> {
        let set = if setting == EdgeSetting::BotFightMode {
            self.effect(cx, zone, &edge::put_bots(zone, value == "on")).await.map(drop)
        } else {
            self.effect(cx, zone, &edge::patch_setting(zone, setting.as_str(), value)).await.map(drop)
        };
        set.map_err(|error| error.during("edge.set").with("detail", setting))
    }

    async fn rules(&self, zone: &ZoneId, phase: RulePhase) -> Result<Option<RuleList>> {
        self.rule_list(zone, phase).await.map_err(|error| error.during("edge.rules"))
    }

    async fn change_rules(&self, cx: &EffectCx, zone: &ZoneId, phase: RulePhase, change: &RuleChange) -> Result<()> {
        self.change_rule_list(cx, zone, phase, change).await.map_err(|error| error.during("edge.change_rules"))
    }

    async fn certificates(&self, zone: &ZoneId) -> Result<CertificateFacts> {
        self.packs(zone).await.map_err(|error| error.during("edge.certificates"))
    }

    async fn change_certificate(&self, cx: &EffectCx, zone: &ZoneId, change: &CertificateChange) -> Result<Option<PackId>> {
        self.change_pack(cx, zone, change).await.map_err(|error| error.during("edge.change_certificate"))
    }

    async fn purge(&self, cx: &EffectCx, zone: &ZoneId, hosts: &[Hostname]) -> Result<()> {
        for (number, hosts) in hosts.chunks(HOSTS_PER_PURGE).enumerate() {
            let purged = self.effect(cx, zone, &edge::purge(zone, hosts)).await;
            // After the first call no error proves that there was no effect.
            purged.map_err(|error| (if number == 0 { error } else { error.into_unclear() }).during("edge.purge"))?;
        }
        Ok(())
    }
}
