//! Settings, rules, certificates and cache of zones in memory.

use super::MemoryDomains;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{
    CertificateChange, CertificateFacts, Code, EdgeLimits, EdgePlan, EdgePolicies, EdgeRule, EdgeSetting, EffectCx, Error,
    Hostname, PackFacts, PackId, PackKind, PackStatus, Result, RuleChange, RuleFacts, RuleId, RuleList, RulePhase, SettingFacts,
    ZoneFacts, ZoneId, ZoneStatus,
};

/// What stands at the edge of one zone.
#[derive(Clone, Debug, Default)]
struct Edge {
    plan: EdgePlan,
    settings: BTreeMap<EdgeSetting, String>,
    rules: BTreeMap<RulePhase, RuleList>,
    universal_off: bool,
    ordered: Vec<PackFacts>,
}

#[derive(Clone, Debug, Default)]
struct State {
    issued: u64,
    zones: BTreeMap<ZoneId, Edge>,
    purged: Vec<Hostname>,
    writes: u64,
}

/// The [`EdgePolicies`] without a provider, for the zones of a [`MemoryDomains`]. Clones share one world.
///
/// An ordered pack is on its way when it is looked at first and serves when it is looked at again. It has no clock, so it does not look at deadlines.
#[derive(Clone, Debug)]
pub struct MemoryEdge {
    domains: MemoryDomains,
    state: Arc<Mutex<State>>,
}

impl MemoryEdge {
    /// The edge of these zones, as a provider makes it.
    pub fn of(domains: MemoryDomains) -> Self {
        Self { domains, state: Arc::default() }
    }

    /// A world of its own that begins as this one is now, for the zones of `domains`.
    #[must_use]
    pub fn fork(&self, domains: MemoryDomains) -> Self {
        Self { domains, state: Arc::new(Mutex::new(self.state().clone())) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn zone(&self, id: &ZoneId) -> Result<ZoneFacts> {
        let found = self.domains.zones().into_iter().find(|zone| zone.id == *id);
        found.ok_or_else(|| Error::new(Code::NotFound, format!("there is no zone {id}")))
    }

    /// Puts the zone on another plan.
    pub fn set_plan(&self, zone: &ZoneId, plan: EdgePlan) {
        self.state().zones.entry(zone.clone()).or_default().plan = plan;
    }

    /// Changes a setting as a person does at the provider's own site.
    pub fn edit_setting(&self, zone: &ZoneId, setting: EdgeSetting, value: &str) {
        self.state().zones.entry(zone.clone()).or_default().settings.insert(setting, value.to_owned());
    }

    /// Changes the rules of a phase as a person does at the provider's own site; makes the list where there is none.
    pub fn edit_rules(&self, zone: &ZoneId, phase: RulePhase, edit: impl FnOnce(&mut Vec<RuleFacts>)) {
        let mut state = self.state();
        let id = state.id("list");
        let list = state.zones.entry(zone.clone()).or_default().rules.entry(phase);
        edit(&mut list.or_insert_with(|| RuleList { id, rules: Vec::new() }).rules);
    }

    /// Brings every ordered pack of the zone to this status.
    pub fn edit_packs(&self, zone: &ZoneId, status: &PackStatus) {
        let mut state = self.state();
        let packs = &mut state.zones.entry(zone.clone()).or_default().ordered;
        for pack in packs {
            pack.status = status.clone();
        }
    }

    /// The hosts that were purged, oldest first.
    pub fn purged(&self) -> Vec<Hostname> {
        self.state().purged.clone()
    }

    /// How many calls with an effect were made.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }
}

impl State {
    /// A number behind a word is an identifier, so this parses always; the fallback cannot be reached.
    fn id<T: std::str::FromStr<Err = Error>>(&mut self, word: &str) -> T {
        self.issued += 1;
        match format!("{word}{}", self.issued).parse() {
            Ok(id) => id,
            Err(_) => self.id("unreachable"),
        }
    }

    fn facts(&mut self, rule: &EdgeRule) -> RuleFacts {
        RuleFacts { id: self.id("rule"), reference: rule.reference.clone(), body: rule.body.clone() }
    }
}

fn conflict(why: &str) -> Error {
    Error::new(Code::VersionConflict, why)
}

fn refused(why: String) -> Error {
    Error::new(Code::CloudflareRefused, why)
}

/// What a plan allows: the figures of the provider the twin stands for.
fn limits(plan: EdgePlan) -> EdgeLimits {
    let paid = usize::from(plan != EdgePlan::Free);
    let rules = [
        (RulePhase::ManagedFirewall, 50 * paid),
        (RulePhase::CustomFirewall, 5 + 15 * paid),
        (RulePhase::RateLimit, 1 + paid),
        (RulePhase::Ddos, 1),
        (RulePhase::Cache, 10 + 15 * paid),
    ];
    let locked = if plan == EdgePlan::Free { Vec::new() } else { vec![EdgeSetting::BotFightMode] };
    EdgeLimits { plan, rules: rules.into_iter().collect(), locked }
}

fn usual(setting: EdgeSetting) -> &'static str {
    match setting {
        EdgeSetting::Ssl => "flexible",
        EdgeSetting::MinTlsVersion => "1.0",
        EdgeSetting::AutomaticHttpsRewrites => "on",
        EdgeSetting::SecurityLevel => "medium",
        _ => "off",
    }
}

impl Edge {
    /// The rules as they are after the change, on a copy: a refusal leaves them as they were.
    fn changed(&self, state: &mut State, phase: RulePhase, change: &RuleChange) -> Result<RuleList> {
        let at = |wanted: &RuleId| self.rules.get(&phase).filter(|list| list.id == *wanted).cloned();
        let gone = || conflict("the list of rules is not there");
        match change {
            RuleChange::Begin { .. } if self.rules.contains_key(&phase) => Err(conflict("the phase has a list of rules")),
            RuleChange::Begin { rules } => {
                Ok(RuleList { id: state.id("list"), rules: rules.iter().map(|rule| state.facts(rule)).collect() })
            }
            RuleChange::Add { list, rule } => {
                let mut list = at(list).ok_or_else(gone)?;
                list.rules.push(state.facts(rule));
                Ok(list)
            }
            RuleChange::Change { list, id, rule } => {
                let mut list = at(list).ok_or_else(gone)?;
                let place = list.rules.iter_mut().find(|facts| facts.id == *id);
                let place = place.ok_or_else(|| conflict("the rule is not there"))?;
                place.reference.clone_from(&rule.reference);
                place.body.extend(rule.body.clone());
                Ok(list)
            }
            RuleChange::Remove { list, id } => {
                let mut list = at(list).ok_or_else(gone)?;
                list.rules.retain(|rule| rule.id != *id);
                Ok(list)
            }
            other => Err(Error::new(Code::Unsupported, format!("cannot make the change {other:?}"))),
        }
    }

    fn check(&self, phase: RulePhase, list: &RuleList) -> Result<()> {
        let most = limits(self.plan).rules.get(&phase).copied().unwrap_or_default();
        if list.rules.len() > most {
            return Err(refused(format!("the plan {} has {most} rules of the phase {phase}", self.plan)));
        }
        let mut references: Vec<&str> = list.rules.iter().map(|rule| rule.reference.as_str()).collect();
        references.sort_unstable();
        references.dedup();
        let unique = references.len() == list.rules.len();
        if unique { Ok(()) } else { Err(refused("the reference of a rule must be unique".to_owned())) }
    }

    fn change_pack(&mut self, state: &mut State, change: &CertificateChange) -> Result<Option<PackId>> {
        let gone = || conflict("the pack is not there");
        let universal = |pack: &PackId| pack.as_str().starts_with("universal");
        match change {
            CertificateChange::Universal { enabled } => self.universal_off = !enabled,
            CertificateChange::Order(order) => {
                let id: PackId = state.id("pack");
                self.ordered.push(PackFacts {
                    id: id.clone(),
                    kind: PackKind::Advanced,
                    status: PackStatus::Pending("initializing".to_owned()),
                    hosts: order.hosts.clone(),
                    validation_method: order.validation_method.clone(),
                    validity_days: Some(order.validity_days),
                    authority: order.authority.clone(),
                    expires_at: None,
                    held_up: false,
                });
                return Ok(Some(id));
            }
            CertificateChange::Delete { pack } if universal(pack) => {
                return Err(refused("only advanced packs can be deleted".to_owned()));
            }
            CertificateChange::Delete { pack } => self.ordered.retain(|known| known.id != *pack),
            CertificateChange::Restart { pack } | CertificateChange::Revalidate { pack, .. } => {
                if universal(pack) {
                    return Ok(None);
                }
                let known = self.ordered.iter_mut().find(|known| known.id == *pack).ok_or_else(gone)?;
                if matches!(known.status, PackStatus::TimedOut(_)) {
                    known.status = PackStatus::Pending("pending_validation".to_owned());
                } else if matches!(change, CertificateChange::Restart { .. }) {
                    return Err(refused("only a pack that came to a stop can be restarted".to_owned()));
                }
            }
            other => return Err(Error::new(Code::Unsupported, format!("cannot make the change {other:?}"))),
        }
        Ok(None)
    }
}

#[async_trait]
impl EdgePolicies for MemoryEdge {
    async fn limits(&self, zone: &ZoneId) -> Result<EdgeLimits> {
        self.zone(zone)?;
        Ok(limits(self.state().zones.get(zone).map(|edge| edge.plan).unwrap_or_default()))
    }

    async fn setting(&self, zone: &ZoneId, setting: EdgeSetting) -> Result<SettingFacts> {
        self.zone(zone)?;
        let state = self.state();
        let edge = state.zones.get(zone);
        if limits(edge.map(|edge| edge.plan).unwrap_or_default()).locked.contains(&setting) {
            return Ok(SettingFacts { value: String::new(), editable: false });
        }
        let value = edge.and_then(|edge| edge.settings.get(&setting)).map_or(usual(setting), String::as_str);
        Ok(SettingFacts { value: value.to_owned(), editable: true })
    }

    async fn set(&self, _cx: &EffectCx, zone: &ZoneId, setting: EdgeSetting, value: &str) -> Result<()> {
        self.zone(zone)?;
        let mut state = self.state();
        state.writes += 1;
        let edge = state.zones.entry(zone.clone()).or_default();
        if !setting.values().contains(&value) || limits(edge.plan).locked.contains(&setting) {
            return Err(refused(format!("the setting {setting} cannot be {value:?} here")));
        }
        edge.settings.insert(setting, value.to_owned());
        Ok(())
    }

    async fn rules(&self, zone: &ZoneId, phase: RulePhase) -> Result<Option<RuleList>> {
        self.zone(zone)?;
        Ok(self.state().zones.get(zone).and_then(|edge| edge.rules.get(&phase)).cloned())
    }

    async fn change_rules(&self, _cx: &EffectCx, zone: &ZoneId, phase: RulePhase, change: &RuleChange) -> Result<()> {
        self.zone(zone)?;
        let mut state = self.state();
        state.writes += 1;
        let edge = state.zones.get(zone).cloned().unwrap_or_default();
        let list = match edge.changed(&mut state, phase, change) {
            Err(error) if error.code() == Code::VersionConflict && matches!(change, RuleChange::Remove { .. }) => return Ok(()),
            other => other?,
        };
        edge.check(phase, &list)?;
        state.zones.entry(zone.clone()).or_default().rules.insert(phase, list);
        Ok(())
    }

    async fn certificates(&self, zone: &ZoneId) -> Result<CertificateFacts> {
        let active = self.zone(zone)?;
        let mut state = self.state();
        let edge = state.zones.entry(zone.clone()).or_default();
        let mut packs = edge.ordered.clone();
        // What is on its way has come a step further when somebody looks again.
        edge.ordered
            .iter_mut()
            .filter(|pack| matches!(pack.status, PackStatus::Pending(_)))
            .for_each(|pack| pack.status = PackStatus::Active);
        if active.status == ZoneStatus::Active && !edge.universal_off {
            packs.push(PackFacts {
                id: format!("universal-{zone}").parse()?,
                kind: PackKind::Universal,
                status: PackStatus::Active,
                hosts: vec![active.name.to_string(), format!("*.{}", active.name)],
                validation_method: "txt".to_owned(),
                validity_days: Some(90),
                authority: "google".to_owned(),
                expires_at: None,
                held_up: false,
            });
        }
        Ok(CertificateFacts { universal: !edge.universal_off, packs })
    }

    async fn change_certificate(&self, _cx: &EffectCx, zone: &ZoneId, change: &CertificateChange) -> Result<Option<PackId>> {
        self.zone(zone)?;
        let mut state = self.state();
        state.writes += 1;
        let mut edge = state.zones.get(zone).cloned().unwrap_or_default();
        let ordered = edge.change_pack(&mut state, change)?;
        state.zones.insert(zone.clone(), edge);
        Ok(ordered)
    }

    async fn purge(&self, _cx: &EffectCx, zone: &ZoneId, hosts: &[Hostname]) -> Result<()> {
        self.zone(zone)?;
        let mut state = self.state();
        state.writes += 1;
        state.purged.extend(hosts.iter().cloned());
        Ok(())
    }
}
