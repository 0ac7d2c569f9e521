//! The steps that bring a zone's policy about: of a zone the operation made, and of the primary zone, which is a reference.

use super::missing;
use crate::operation::{OperationDoc, Plan};
use crate::policy::{PolicyPart, ZonePolicy};
use crate::record::Held;
use crate::resource::{PolicyLook, PolicyLookSpec, ResourceKey, ResourceKind, ZonePolicySpec};
use crate::{Hostname, Json, Result, ZoneFacts};

/// One step for each part of the policy of a zone this operation makes. What the plan allows is looked at once, and only when a part depends on it.
pub(super) fn steps(plan: &mut Plan, policy: &ZonePolicy, domain: &Hostname, zone: usize) -> Vec<usize> {
    let parts = policy.parts();
    let mut after = vec![zone];
    if parts.iter().any(PolicyPart::needs_limits) {
        after.push(plan.check(look_key(domain), None, &[zone]));
    }
    let ground = |part: &PolicyPart| if part.needs_limits() { after.as_slice() } else { after.get(..1).unwrap_or_default() };
    parts.iter().map(|part| plan.bring_later(part_key(domain, part), ground(part))).collect()
}

/// The value of such a step. The zone goes when its store goes, so nothing of it is ever put back.
pub(super) fn of_new_zone(policy: &ZonePolicy, doc: &OperationDoc, zone: &ZoneFacts, key: &ResourceKey) -> Result<Json> {
    if key.kind == ResourceKind::PolicyLook {
        return Json::of(&PolicyLookSpec { zone: zone.id.clone(), settings: Vec::new(), limits: true });
    }
    let part = part(policy, &zone.name, key)?;
    let limits = look(doc, &look_key(&zone.name))?.limits.filter(|_| part.needs_limits());
    Json::of(&ZonePolicySpec { zone: zone.id.clone(), part, made_by: Some(doc.id.clone()), before: None, limits })
}

fn look_key(zone: &Hostname) -> ResourceKey {
    ResourceKey::new(ResourceKind::PolicyLook, zone)
}

fn part_key(zone: &Hostname, part: &PolicyPart) -> ResourceKey {
    ResourceKey::new(ResourceKind::ZonePolicy, format!("{zone}/{}", part.as_str()))
}

fn part(policy: &ZonePolicy, zone: &Hostname, key: &ResourceKey) -> Result<PolicyPart> {
    let named = policy.parts().into_iter().find(|part| part_key(zone, part) == *key);
    named.ok_or_else(|| missing("the part of the policy"))
}

fn look(doc: &OperationDoc, key: &ResourceKey) -> Result<PolicyLook> {
    Ok(doc.found(key).map(Json::read).transpose()?.unwrap_or_default())
}

/// The steps for a zone that was there before storex: each part after a look at what stands, which its intent keeps to put it back. What the platform's document
/// says was applied costs nothing.
pub(super) fn reference_steps(
    plan: &mut Plan,
    policy: &ZonePolicy,
    recorded: &[ZonePolicySpec],
    zone_name: &Hostname,
    zone: usize,
) -> Vec<usize> {
    let mut steps = Vec::new();
    for part in policy.parts().iter().filter(|part| !recorded.iter().any(|spec| spec.part == **part)) {
        let look = plan.check(reference_look_key(zone_name, part), None, &[zone]);
        steps.push(plan.bring_later(part_key(zone_name, part), &[zone, look]));
    }
    steps
}

fn reference_look_key(zone: &Hostname, part: &PolicyPart) -> ResourceKey {
    ResourceKey::new(ResourceKind::PolicyLook, format!("{zone}/{}", part.as_str()))
}

/// The value of such a step. What stood before storex first changed a part is what is put back, whatever storex made of it since.
pub(super) fn of_reference(
    policy: &ZonePolicy,
    recorded: &[ZonePolicySpec],
    doc: &OperationDoc,
    zone: &ZoneFacts,
    key: &ResourceKey,
) -> Result<Json> {
    let named = |part: &PolicyPart| {
        let look = key.kind == ResourceKind::PolicyLook;
        *key == if look { reference_look_key(&zone.name, part) } else { part_key(&zone.name, part) }
    };
    let part = policy.parts().into_iter().find(named).ok_or_else(|| missing("the part of the policy"))?;
    let setting = match &part {
        PolicyPart::Setting { setting, .. } => Some(*setting),
        PolicyPart::Rules { .. } => None,
    };
    if key.kind == ResourceKind::PolicyLook {
        let settings = setting.into_iter().collect();
        return Json::of(&PolicyLookSpec { zone: zone.id.clone(), settings, limits: setting.is_none() });
    }
    let look = look(doc, &reference_look_key(&zone.name, &part))?;
    let first = recorded.iter().find(|spec| spec.part.as_str() == part.as_str()).and_then(|spec| spec.before.clone());
    let before = first.or_else(|| look.settings.into_iter().next().map(|(_, facts)| facts.value));
    Json::of(&ZonePolicySpec { zone: zone.id.clone(), part, made_by: None, before, limits: look.limits })
}

/// What the platform's document says of the policy: the parts that are wanted. One that is wanted no longer stays as it is, and nobody watches it any more.
pub(super) fn of_record(
    policy: &ZonePolicy,
    recorded: &[ZonePolicySpec],
    doc: &OperationDoc,
    zone: &Hostname,
) -> Result<Vec<ZonePolicySpec>> {
    let spec = |part: PolicyPart| {
        let key = part_key(zone, &part);
        let applied = doc.steps.iter().find(|step| step.key == key).and_then(|step| step.intent.as_ref());
        match applied {
            Some(intent) => intent.spec.read(),
            None => recorded.iter().find(|spec| spec.part == part).cloned().ok_or_else(|| missing("the part of the policy")),
        }
    };
    policy.parts().into_iter().map(spec).collect()
}

/// The parts the platform's document says were applied, as what should stand.
pub(super) fn held(recorded: &[ZonePolicySpec], zone: &Hostname) -> Result<Vec<Held>> {
    let held = |spec: &ZonePolicySpec| {
        let key = part_key(zone, &spec.part);
        Ok(Held { key, spec: Json::of(spec)?, found: None, after: Vec::new(), late_until: None })
    };
    recorded.iter().map(held).collect()
}
