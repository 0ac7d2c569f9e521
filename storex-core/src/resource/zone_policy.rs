//! One part of what a zone does with requests at the edge: a setting, or our rules of a phase.
//!
//! A setting carries no mark. On a zone that this very operation made nothing stood before, so the value is written without a look, and taking the part away costs
//! nothing: it goes with the zone. Anywhere else the part is applied by difference, and taking it away puts back what stood before.

use super::{Audit, Providers, Removal, Resource, Scene, Seen};
use crate::operation::Change;
use crate::policy::{PolicyPart, RulePlan, rule_changes};
use crate::{
    Code, EdgeLimits, EdgePolicies, EdgeRule, EdgeSetting, Error, Kind, OperationId, Result, RuleChange, RulePhase, SettingFacts,
    ZoneId,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A part of a zone's policy to have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZonePolicySpec {
    /// The zone.
    pub zone: ZoneId,
    /// The part.
    pub part: PolicyPart,
    /// The operation that made the zone; none when the zone was there before storex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<OperationId>,
    /// The setting before storex changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What the plan of the zone allows, where that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<EdgeLimits>,
}

/// How a part was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyApplied {
    /// What the zone's plan does not let be, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported_on_plan: Vec<(String, String)>,
}

#[derive(Debug)]
pub(super) struct ZonePolicyResource;

#[async_trait]
impl Resource for ZonePolicyResource {
    type Spec = ZonePolicySpec;
    type Found = PolicyApplied;

    fn late_effect_window(&self, providers: &Providers) -> Duration {
        providers.domains.capabilities().late_effect_window
    }

    /// Writing the same value again is safe, and rules are looked at before each change.
    async fn observe(&self, _: &Scene, _: &ZonePolicySpec, _: Option<&PolicyApplied>) -> Result<Seen<PolicyApplied>> {
        Ok(Seen::Repeatable)
    }

    async fn audit(&self, scene: &Scene, spec: &ZonePolicySpec, _: Option<&PolicyApplied>) -> Result<Audit> {
        let edge = scene.providers.edge()?;
        let audit = match &spec.part {
            PolicyPart::Setting { setting, value } => edge.setting(&spec.zone, *setting).await.map(|facts| {
                let differs = facts.editable && facts.value != *value && !is_unsupported(spec);
                if differs {
                    Audit::Differs(format!("the setting {setting} is {}, not {value}", facts.value))
                } else {
                    Audit::Intact
                }
            }),
            PolicyPart::Rules { phase, rules } => edge.rules(&spec.zone, *phase).await.map(|list| {
                let plan = rule_changes(rules, list.as_ref(), spec.limits.as_ref(), *phase);
                let differs = format!("{} of our rules of the phase {phase} are not as they should be", plan.changes.len());
                if plan.changes.is_empty() { Audit::Intact } else { Audit::Differs(differs) }
            }),
        };
        match audit {
            // A zone that is gone is told of by itself.
            Err(error) if error.kind() == Kind::NotFound => Ok(Audit::Unaudited),
            other => other,
        }
    }

    /// One call each: a setting is written, the rules of a new zone's phase are begun.
    fn edge_calls(&self, change: Change) -> u32 {
        u32::from(change != Change::Remove)
    }

    async fn bring(&self, scene: &Scene, spec: &ZonePolicySpec, _: Option<&ZonePolicySpec>) -> Result<PolicyApplied> {
        let edge = scene.providers.edge()?;
        if let Some(why) = spec.limits.as_ref().and_then(|limits| spec.part.unsupported(limits)) {
            return Ok(PolicyApplied { unsupported_on_plan: vec![(spec.part.as_str().to_owned(), why)] });
        }
        let new = spec.made_by.as_ref() == Some(&scene.operation);
        match &spec.part {
            PolicyPart::Setting { setting, value } if new => {
                edge.set(&scene.cx, &spec.zone, *setting, value).await?;
                Ok(PolicyApplied::default())
            }
            PolicyPart::Setting { setting, value } => apply_setting(scene, &*edge, &spec.zone, *setting, value).await,
            PolicyPart::Rules { phase, rules } => apply_rules(scene, &*edge, spec, *phase, rules, new).await,
        }
    }

    async fn remove(&self, scene: &Scene, spec: &ZonePolicySpec, _: Option<&PolicyApplied>) -> Result<Removal> {
        if spec.made_by.is_some() {
            return Ok(Removal::default());
        }
        let restored = restore(scene, spec).await;
        match restored {
            Err(error) if error.kind() == Kind::NotFound => Ok(Removal::default()),
            other => other.map(|()| Removal::default()),
        }
    }
}

fn is_unsupported(spec: &ZonePolicySpec) -> bool {
    spec.limits.as_ref().is_some_and(|limits| spec.part.unsupported(limits).is_some())
}

/// Writes the setting where it is another; one the plan locks is said to be.
async fn apply_setting(
    scene: &Scene,
    edge: &dyn EdgePolicies,
    zone: &ZoneId,
    setting: EdgeSetting,
    value: &str,
) -> Result<PolicyApplied> {
    let SettingFacts { value: now, editable } = edge.setting(zone, setting).await?;
    if now == value {
        return Ok(PolicyApplied::default());
    }
    if !editable {
        let why = format!("it is {now:?}, and the plan of the zone does not let it be changed");
        return Ok(PolicyApplied { unsupported_on_plan: vec![(setting.as_str().to_owned(), why)] });
    }
    edge.set(&scene.cx, zone, setting, value).await?;
    Ok(PolicyApplied::default())
}

async fn apply_rules(
    scene: &Scene,
    edge: &dyn EdgePolicies,
    spec: &ZonePolicySpec,
    phase: RulePhase,
    rules: &[EdgeRule],
    new: bool,
) -> Result<PolicyApplied> {
    let limits = spec.limits.as_ref();
    if new {
        // A new zone has no list of ours or anybody's; one that is there after all is looked at.
        let plan = rule_changes(rules, None, limits, phase);
        match carry_out(scene, edge, &spec.zone, phase, &plan).await {
            Err(error) if error.code() == Code::VersionConflict => {}
            other => return other.map(|()| PolicyApplied { unsupported_on_plan: plan.unsupported }),
        }
    }
    let seen = edge.rules(&spec.zone, phase).await?;
    let plan = rule_changes(rules, seen.as_ref(), limits, phase);
    match carry_out(scene, edge, &spec.zone, phase, &plan).await {
        Err(error) if error.code() == Code::VersionConflict => {
            Err(Error::new(Code::Unavailable, format!("the rules of the phase {phase} changed meanwhile")).caused_by(error))
        }
        other => other.map(|()| PolicyApplied { unsupported_on_plan: plan.unsupported }),
    }
}

/// Makes the changes one after another. After the first no error proves that there was no effect.
async fn carry_out(scene: &Scene, edge: &dyn EdgePolicies, zone: &ZoneId, phase: RulePhase, plan: &RulePlan) -> Result<()> {
    for (number, change) in plan.changes.iter().enumerate() {
        let made = edge.change_rules(&scene.cx, zone, phase, change).await;
        made.map_err(|error| if number == 0 { error } else { error.into_unclear() })?;
    }
    Ok(())
}

/// Puts back what stood before, where what stands is still what storex wrote.
async fn restore(scene: &Scene, spec: &ZonePolicySpec) -> Result<()> {
    let edge = scene.providers.edge()?;
    match (&spec.part, &spec.before) {
        (PolicyPart::Setting { setting, value }, Some(before)) if before != value => {
            if edge.setting(&spec.zone, *setting).await?.value == *value {
                edge.set(&scene.cx, &spec.zone, *setting, before).await?;
            }
            Ok(())
        }
        (PolicyPart::Setting { .. }, _) => Ok(()),
        (PolicyPart::Rules { phase, rules }, _) => {
            let Some(list) = edge.rules(&spec.zone, *phase).await? else { return Ok(()) };
            let ours = list.rules.iter().filter(|rule| rules.iter().any(|wanted| wanted.reference == rule.reference));
            let changes = ours.map(|rule| RuleChange::Remove { list: list.id.clone(), id: rule.id.clone() }).collect();
            carry_out(scene, &*edge, &spec.zone, *phase, &RulePlan { changes, unsupported: Vec::new() }).await
        }
    }
}

/// A look at a setting or at a plan before a policy is applied: the pre-image, and what is allowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyLookSpec {
    /// The zone.
    pub zone: ZoneId,
    /// Settings whose values are looked at.
    pub settings: Vec<EdgeSetting>,
    /// Whether what the plan allows is looked at.
    pub limits: bool,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyLook {
    /// The settings.
    pub settings: Vec<(EdgeSetting, SettingFacts)>,
    /// What the plan allows.
    pub limits: Option<EdgeLimits>,
}

/// The check that looks.
#[derive(Debug)]
pub(super) struct PolicyLookCheck;

#[async_trait]
impl Resource for PolicyLookCheck {
    type Spec = PolicyLookSpec;
    type Found = PolicyLook;

    async fn observe(&self, _: &Scene, _: &PolicyLookSpec, _: Option<&PolicyLook>) -> Result<Seen<PolicyLook>> {
        Ok(Seen::Repeatable)
    }

    async fn bring(&self, scene: &Scene, spec: &PolicyLookSpec, _: Option<&PolicyLookSpec>) -> Result<PolicyLook> {
        let edge = scene.providers.edge()?;
        let mut look = PolicyLook::default();
        for setting in &spec.settings {
            look.settings.push((*setting, edge.setting(&spec.zone, *setting).await?));
        }
        if spec.limits {
            look.limits = Some(edge.limits(&spec.zone).await?);
        }
        Ok(look)
    }

    /// One read: of one setting, or of the plan.
    fn edge_calls(&self, _: Change) -> u32 {
        1
    }

    async fn remove(&self, _: &Scene, _: &PolicyLookSpec, _: Option<&PolicyLook>) -> Result<Removal> {
        Ok(Removal::default())
    }
}
