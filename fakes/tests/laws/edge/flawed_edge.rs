//! The twin of edge policies with one flaw at a time.

use async_trait::async_trait;
use std::sync::Arc;
use storex_core::{
    CertificateChange, CertificateFacts, Code, EdgeLimits, EdgePlan, EdgePolicies, EdgeSetting, EffectCx, Error, Hostname,
    PackId, PackStatus, Result, RuleChange, RuleFacts, RuleList, RulePhase, SettingFacts, ZoneId,
};
use storex_fakes::laws::edge_policies::EdgeSubject;
use storex_fakes::{MemoryDomains, MemoryEdge};

macro_rules! flaws {
    ($($flaw:ident,)*) => {
        /// What is wrong with the twin.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw { $($flaw,)* }

        impl Flaw {
            pub(crate) const ALL: &[Flaw] = &[$(Flaw::$flaw,)*];
        }
    };
}

flaws! {
    NoUsualValue, NothingEditable, KeepsTheFirstValue, SetsBoth, OneZoneForSettings, AcceptsAnyValue, RefusesTheSame, BotsAreAlwaysOff,
    PromisesMore, ForgetsAPhase, ReadsGoneZones, ChangesGoneZones, EmptyListAtFirst, SortsRules, BeginsAgain, AddsInFront, AddsOverAll,
    ChangesTheLast, NewIdentityOnChange, RemovesAll, AbsentRuleIsAnError, DropsUnknownKeys, TakesAnyList, OnePhase, OneZoneForRules, NoLimit,
    ReferencesTwice, UniversalIsOff, SwitchDoesNothing, PackAtOnce, PackForgetsDays, DeletesAllPacks, AbsentPackIsAnError, TakesAnyPack,
    OneZoneForPacks, PurgeTakesRules, PurgeTakesSettings,
}

/// [`MemoryEdge`] with a flaw.
#[derive(Debug)]
pub(crate) struct FlawedEdge {
    flaw: Flaw,
    domains: MemoryDomains,
    inner: MemoryEdge,
}

/// What sits the laws.
pub(crate) fn subject(edge: FlawedEdge) -> EdgeSubject {
    EdgeSubject { domains: Arc::new(edge.domains.clone()), edge: Arc::new(edge) }
}

impl FlawedEdge {
    pub(crate) fn new(flaw: Flaw) -> Self {
        let domains = MemoryDomains::new("storex.com".parse().unwrap());
        Self { flaw, inner: MemoryEdge::of(domains.clone()), domains }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// The zone the flaw works on: the primary one stands in for all.
    fn zone(&self, zone: &ZoneId, flaw: Flaw) -> ZoneId {
        if self.has(flaw) { self.domains.zones()[0].id.clone() } else { zone.clone() }
    }

    fn is_gone(&self, zone: &ZoneId) -> bool {
        self.domains.zones().iter().all(|known| known.id != *zone)
    }

    async fn put(&self, cx: &EffectCx, zone: &ZoneId, phase: RulePhase, change: &RuleChange) -> Result<()> {
        let standing = self.inner.rules(zone, phase).await?;
        let edit = |edit: &dyn Fn(&mut Vec<RuleFacts>)| self.inner.edit_rules(zone, phase, edit);
        match (self.flaw, change) {
            (Flaw::BeginsAgain, RuleChange::Begin { .. }) if standing.is_some() => edit(&Vec::clear),
            (Flaw::AddsOverAll, RuleChange::Add { .. }) => edit(&|rules| rules.truncate(1)),
            (Flaw::RemovesAll, RuleChange::Remove { .. }) => edit(&Vec::clear),
            (Flaw::AbsentRuleIsAnError, RuleChange::Remove { id, .. }) => {
                let there = standing.iter().flat_map(|list| &list.rules).any(|rule| rule.id == *id);
                if !there {
                    return Err(Error::new(Code::VersionConflict, "there is no such rule"));
                }
            }
            (Flaw::TakesAnyList, RuleChange::Add { .. } | RuleChange::Change { .. })
                if standing.as_ref().is_some_and(|list| !change_names(change, list)) =>
            {
                return Ok(());
            }
            (Flaw::ChangesTheLast, RuleChange::Change { list, rule, .. }) => {
                let id = standing.iter().flat_map(|list| &list.rules).last().unwrap().id.clone();
                let other = RuleChange::Change { list: list.clone(), id, rule: rule.clone() };
                return self.inner.change_rules(cx, zone, phase, &other).await;
            }
            (Flaw::NoLimit | Flaw::ReferencesTwice, RuleChange::Add { rule, .. }) => {
                let full = standing.as_ref().is_some_and(|list| list.rules.len() >= 5);
                if self.has(Flaw::NoLimit) == full {
                    let id = format!("more{}", self.inner.writes()).parse().unwrap();
                    let facts = RuleFacts { id, reference: rule.reference.clone(), body: rule.body.clone() };
                    edit(&|rules| rules.push(facts.clone()));
                    return Ok(());
                }
            }
            _ => {}
        }
        self.inner.change_rules(cx, zone, phase, change).await?;
        match (self.flaw, change) {
            (Flaw::SortsRules, _) => edit(&|rules| rules.sort_by_key(|rule| rule.reference.clone())),
            (Flaw::AddsInFront, RuleChange::Add { .. }) => edit(&|rules| rules.rotate_right(1)),
            (Flaw::NewIdentityOnChange, RuleChange::Change { rule, .. }) => edit(&|rules| {
                rules
                    .iter_mut()
                    .filter(|facts| facts.reference == rule.reference)
                    .for_each(|facts| facts.id = "new".parse().unwrap());
            }),
            (Flaw::DropsUnknownKeys, _) => {
                edit(&|rules| rules.iter_mut().for_each(|rule| drop(rule.body.remove("from_next_year"))));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether the change names this list and, when it changes a rule, a rule in it.
fn change_names(change: &RuleChange, list: &RuleList) -> bool {
    match change {
        RuleChange::Add { list: named, .. } => *named == list.id,
        RuleChange::Change { list: named, id, .. } => *named == list.id && list.rules.iter().any(|rule| rule.id == *id),
        _ => true,
    }
}

#[async_trait]
impl EdgePolicies for FlawedEdge {
    async fn limits(&self, zone: &ZoneId) -> Result<EdgeLimits> {
        let mut limits = match self.inner.limits(zone).await {
            Err(_) if self.has(Flaw::ReadsGoneZones) => return self.inner.limits(&self.domains.zones()[0].id).await,
            other => other?,
        };
        match self.flaw {
            Flaw::PromisesMore => limits.plan = EdgePlan::Business,
            Flaw::ForgetsAPhase => drop(limits.rules.remove(&RulePhase::Ddos)),
            _ => {}
        }
        Ok(limits)
    }

    async fn setting(&self, zone: &ZoneId, setting: EdgeSetting) -> Result<SettingFacts> {
        let at = if self.is_gone(zone) { zone.clone() } else { self.zone(zone, Flaw::OneZoneForSettings) };
        let mut facts = self.inner.setting(&at, setting).await?;
        match self.flaw {
            Flaw::NoUsualValue => facts.value = facts.value.replace("medium", ""),
            Flaw::NothingEditable => facts.editable = false,
            Flaw::BotsAreAlwaysOff if setting == EdgeSetting::BotFightMode => "off".clone_into(&mut facts.value),
            _ => {}
        }
        Ok(facts)
    }

    async fn set(&self, cx: &EffectCx, zone: &ZoneId, setting: EdgeSetting, value: &str) -> Result<()> {
        if self.has(Flaw::ChangesGoneZones) && self.is_gone(zone) {
            return Ok(());
        }
        let at = if self.is_gone(zone) { zone.clone() } else { self.zone(zone, Flaw::OneZoneForSettings) };
        let before = self.inner.setting(&at, setting).await?.value;
        match self.flaw {
            Flaw::AcceptsAnyValue if !setting.values().contains(&value) => {
                self.inner.edit_setting(zone, setting, value);
                return Ok(());
            }
            Flaw::KeepsTheFirstValue => return Ok(()),
            Flaw::RefusesTheSame if before == value => return Err(Error::new(Code::CloudflareRefused, "it is that already")),
            _ => {}
        }
        self.inner.set(cx, &at, setting, value).await?;
        if self.has(Flaw::SetsBoth) && setting == EdgeSetting::Ssl {
            self.inner.edit_setting(&at, EdgeSetting::AlwaysUseHttps, "on");
        }
        Ok(())
    }

    async fn rules(&self, zone: &ZoneId, phase: RulePhase) -> Result<Option<RuleList>> {
        let at = if self.is_gone(zone) { zone.clone() } else { self.zone(zone, Flaw::OneZoneForRules) };
        let phase = if self.has(Flaw::OnePhase) { RulePhase::CustomFirewall } else { phase };
        let found = self.inner.rules(&at, phase).await?;
        let empty = || RuleList { id: "empty".parse().unwrap(), rules: Vec::new() };
        Ok(if self.has(Flaw::EmptyListAtFirst) { Some(found.unwrap_or_else(empty)) } else { found })
    }

    async fn change_rules(&self, cx: &EffectCx, zone: &ZoneId, phase: RulePhase, change: &RuleChange) -> Result<()> {
        let at = if self.is_gone(zone) { zone.clone() } else { self.zone(zone, Flaw::OneZoneForRules) };
        if self.has(Flaw::BeginsAgain)
            && matches!(change, RuleChange::Begin { .. })
            && self.inner.rules(&at, phase).await?.is_some()
        {
            self.inner.edit_rules(&at, phase, Vec::clear);
            return Ok(());
        }
        self.put(cx, &at, phase, change).await
    }

    async fn certificates(&self, zone: &ZoneId) -> Result<CertificateFacts> {
        let at = if self.is_gone(zone) { zone.clone() } else { self.zone(zone, Flaw::OneZoneForPacks) };
        let mut facts = self.inner.certificates(&at).await?;
        match self.flaw {
            Flaw::UniversalIsOff => facts.universal = false,
            Flaw::PackAtOnce => facts.packs.iter_mut().for_each(|pack| pack.status = PackStatus::Active),
            Flaw::PackForgetsDays => facts.packs.iter_mut().for_each(|pack| pack.validity_days = None),
            _ => {}
        }
        Ok(facts)
    }

    async fn change_certificate(&self, cx: &EffectCx, zone: &ZoneId, change: &CertificateChange) -> Result<Option<PackId>> {
        let at = if self.is_gone(zone) { zone.clone() } else { self.zone(zone, Flaw::OneZoneForPacks) };
        if let (Flaw::AbsentPackIsAnError, CertificateChange::Delete { pack }) = (self.flaw, change)
            && self.inner.certificates(&at).await?.packs.iter().all(|known| known.id != *pack)
        {
            return Err(Error::new(Code::NotFound, "there is no such pack"));
        }
        match (self.flaw, change) {
            (Flaw::SwitchDoesNothing, CertificateChange::Universal { .. }) => {
                return self.inner.certificates(&at).await.map(|_| None);
            }
            (Flaw::DeletesAllPacks, CertificateChange::Delete { .. }) => {
                for pack in self.inner.certificates(&at).await?.packs {
                    self.inner.change_certificate(cx, &at, &CertificateChange::Delete { pack: pack.id }).await?;
                }
                return Ok(None);
            }
            (Flaw::TakesAnyPack, CertificateChange::Restart { .. } | CertificateChange::Revalidate { .. }) => return Ok(None),
            _ => {}
        }
        self.inner.change_certificate(cx, &at, change).await
    }

    async fn purge(&self, cx: &EffectCx, zone: &ZoneId, hosts: &[Hostname]) -> Result<()> {
        self.inner.purge(cx, zone, hosts).await?;
        match self.flaw {
            Flaw::PurgeTakesRules => self.inner.edit_rules(zone, RulePhase::CustomFirewall, Vec::clear),
            Flaw::PurgeTakesSettings => self.inner.edit_setting(zone, EdgeSetting::Ssl, "off"),
            _ => {}
        }
        Ok(())
    }
}
