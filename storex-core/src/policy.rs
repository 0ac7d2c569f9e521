//! What a zone should do with requests at the edge, and how that differs from what it does. Pure.
//!
//! A policy is applied by difference: only what differs is sent, and rules of others keep their words and their places. A rule is ours by its reference, which
//! begins with [`EdgeRule::PREFIX`].

mod reissue;

pub use reissue::{Reissue, reissue};

use crate::{Code, EdgeLimits, EdgeRule, EdgeSetting, Error, Result, RuleChange, RuleFacts, RuleList, RulePhase};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a zone should do with requests. What it does not name is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZonePolicy {
    /// Settings with their values.
    #[serde(default)]
    pub settings: BTreeMap<EdgeSetting, String>,
    /// Our rules of each phase, in the order in which they are asked.
    #[serde(default)]
    pub rules: BTreeMap<RulePhase, Vec<EdgeRule>>,
}

impl ZonePolicy {
    /// Nothing is changed.
    pub fn none() -> Self {
        Self::default()
    }

    /// The edge speaks TLS to the origin: `ssl_config` of the specification, `full`.
    pub fn minimal() -> Self {
        Self { settings: BTreeMap::from([(EdgeSetting::Ssl, "full".to_owned())]), rules: BTreeMap::new() }
    }

    /// [`ZonePolicy::minimal`], plain HTTP redirected, and no TLS older than 1.2: three settings every plan has.
    pub fn standard() -> Self {
        let mut policy = Self::minimal();
        policy.settings.insert(EdgeSetting::AlwaysUseHttps, "on".to_owned());
        policy.settings.insert(EdgeSetting::MinTlsVersion, "1.2".to_owned());
        policy
    }

    /// The same with another value of a setting.
    ///
    /// # Errors
    /// `invalid_field` for a value the setting does not take.
    pub fn with(mut self, setting: EdgeSetting, value: &str) -> Result<Self> {
        if !setting.values().contains(&value) {
            let known = setting.values().join(", ");
            return Err(Error::new(Code::InvalidField, format!("{setting} takes {known}, not {value:?}")));
        }
        self.settings.insert(setting, value.to_owned());
        Ok(self)
    }

    /// The same with these rules of a phase.
    ///
    /// # Errors
    /// `invalid_field` for a reference that does not begin with [`EdgeRule::PREFIX`] or stands twice.
    pub fn with_rules(mut self, phase: RulePhase, rules: Vec<EdgeRule>) -> Result<Self> {
        for (place, rule) in rules.iter().enumerate() {
            let twice = rules.iter().take(place).any(|other| other.reference == rule.reference);
            if twice || !is_ours(&rule.reference) {
                let why =
                    format!("the reference {:?} of a rule must begin with {} and stand once", rule.reference, EdgeRule::PREFIX);
                return Err(Error::new(Code::InvalidField, why));
            }
        }
        self.rules.insert(phase, rules);
        Ok(self)
    }

    /// Its parts, each of which is brought about by itself.
    pub fn parts(&self) -> Vec<PolicyPart> {
        let settings =
            self.settings.iter().map(|(setting, value)| PolicyPart::Setting { setting: *setting, value: value.clone() });
        let rules = self.rules.iter().map(|(phase, rules)| PolicyPart::Rules { phase: *phase, rules: rules.clone() });
        settings.chain(rules).collect()
    }
}

/// One part of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyPart {
    /// A setting.
    Setting {
        /// Which.
        setting: EdgeSetting,
        /// Its value.
        value: String,
    },
    /// Our rules of a phase.
    Rules {
        /// Which.
        phase: RulePhase,
        /// The rules in their order.
        rules: Vec<EdgeRule>,
    },
}

impl PolicyPart {
    /// Stable name: that of the setting or phase.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Setting { setting, .. } => setting.as_str(),
            Self::Rules { phase, .. } => phase.as_str(),
        }
    }

    /// Whether what the plan allows has to be known before it is applied. Settings every plan has need no look.
    pub fn needs_limits(&self) -> bool {
        matches!(self, Self::Rules { .. } | Self::Setting { setting: EdgeSetting::BotFightMode, .. })
    }

    /// Why the plan does not have it at all; none when it does.
    pub fn unsupported(&self, limits: &EdgeLimits) -> Option<String> {
        match self {
            Self::Setting { setting, .. } => {
                let locked = limits.locked.contains(setting);
                locked.then(|| format!("the plan {} does not have the setting {setting}", limits.plan))
            }
            Self::Rules { phase, rules } => {
                let most = limits.rules.get(phase).copied().unwrap_or(0);
                (most == 0 && !rules.is_empty()).then(|| format!("the plan {} has no rules of the phase {phase}", limits.plan))
            }
        }
    }
}

/// What is to be changed, and what the plan does not let be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RulePlan {
    /// Changes in their order.
    pub changes: Vec<RuleChange>,
    /// Rules that are not attempted: reference and reason.
    pub unsupported: Vec<(String, String)>,
}

fn is_ours(reference: &str) -> bool {
    reference.starts_with(EdgeRule::PREFIX)
}

/// Whether the rule says all it should; what a provider adds by itself does not count.
fn says(facts: &RuleFacts, rule: &EdgeRule) -> bool {
    rule.body.iter().all(|(key, value)| facts.body.get(key) == Some(value))
}

/// How the rules of a phase have to change so that ours are exactly `wanted`. Rules of others are in no change. What the plan forbids, by itself or because others
/// have used it up, is not attempted.
pub fn rule_changes(wanted: &[EdgeRule], seen: Option<&RuleList>, limits: Option<&EdgeLimits>, phase: RulePhase) -> RulePlan {
    let mut plan = RulePlan::default();
    let standing = seen.map(|list| list.rules.as_slice()).unwrap_or_default();
    let foreign = standing.iter().filter(|rule| !is_ours(&rule.reference)).count();
    let most = limits.map(|limits| limits.rules.get(&phase).copied().unwrap_or(0));
    let mut kept: Vec<&EdgeRule> = Vec::new();
    for rule in wanted {
        let below = limits.filter(|limits| limits.plan < rule.from_plan);
        let full = most.filter(|most| foreign + kept.len() >= *most);
        match (below, full) {
            (Some(limits), _) => {
                let why = format!("the plan {} does not have it; it takes {}", limits.plan, rule.from_plan);
                plan.unsupported.push((rule.reference.clone(), why));
            }
            (None, Some(most)) => {
                let why = format!("the plan has room for {most} rules of the phase {phase}, and {foreign} of others stand there");
                plan.unsupported.push((rule.reference.clone(), why));
            }
            (None, None) => kept.push(rule),
        }
    }
    let Some(list) = seen else {
        if !kept.is_empty() {
            plan.changes.push(RuleChange::Begin { rules: kept.into_iter().cloned().collect() });
        }
        return plan;
    };
    // Ours that are not wanted go first: they may be in the way of the plan's number of rules.
    let stale =
        standing.iter().filter(|rule| is_ours(&rule.reference) && !kept.iter().any(|kept| kept.reference == rule.reference));
    plan.changes.extend(stale.map(|rule| RuleChange::Remove { list: list.id.clone(), id: rule.id.clone() }));
    for rule in kept {
        let list = list.id.clone();
        match standing.iter().find(|facts| facts.reference == rule.reference) {
            Some(facts) if says(facts, rule) => {}
            Some(facts) => plan.changes.push(RuleChange::Change { list, id: facts.id.clone(), rule: rule.clone() }),
            None => plan.changes.push(RuleChange::Add { list, rule: rule.clone() }),
        }
    }
    plan
}
