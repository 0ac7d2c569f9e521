//! Laws of [`EdgePolicies`]: settings, rules, certificates and cache of zones, on new zones of the smallest plan.

mod certificates;
mod rules;
mod settings;

use super::{Broken, Law, Verdict, ensure, fresh};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use storex_core::{
    CertificateChange, Code, DomainObject, DomainProvider, EdgePlan, EdgePolicies, EdgeRule, EdgeSetting, EffectCx, Epoch, Error,
    Hostname, PackOrder, Result, RuleChange, RuleFacts, RuleList, RulePhase, SettingFacts, ZoneFacts, ZoneId,
};

/// What a law judges: the edge, and where its zones come from.
#[derive(Debug)]
pub struct EdgeSubject {
    /// Makes and removes the zones.
    pub domains: Arc<dyn DomainProvider>,
    /// What is judged.
    pub edge: Arc<dyn EdgePolicies>,
}

type Subject = Arc<EdgeSubject>;

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |subject| Box::pin($judge(subject)) }
    };
}
use law;

/// Every law of the trait.
pub fn laws() -> Vec<Law<EdgeSubject>> {
    [settings::laws(), rules::laws(), certificates::laws()].into_iter().flatten().collect()
}

/// The context of an effect. The deadline lies far ahead in every clock.
fn cx() -> Result<EffectCx> {
    let mark = format!("storex/1 i=0a1b2c3d s=12345 e={}", fresh("law.")).parse()?;
    Ok(EffectCx { mark, epoch: Epoch(1), deadline: Timestamp::constant(4_000_000_000, 0) })
}

/// A zone nobody used.
async fn new_zone(subject: &EdgeSubject) -> Result<ZoneFacts> {
    let name: Hostname = format!("{}-shop.com", fresh("edge")).parse()?;
    subject.domains.create_zone(&cx()?, &name).await
}

/// The identifier of a zone that is gone.
async fn gone_zone(subject: &EdgeSubject) -> Result<ZoneId> {
    let zone = new_zone(subject).await?.id;
    subject.domains.remove(&cx()?, &DomainObject::Zone(zone.clone())).await?;
    Ok(zone)
}

/// A rule that blocks a path of its own, with this reference.
fn rule(reference: &str) -> EdgeRule {
    let body = json!({
        "description": format!("law {reference}"),
        "expression": format!("(http.request.uri.path eq \"/{reference}\")"),
        "action": "block",
        "enabled": true,
        "logging": {"enabled": true},
    });
    EdgeRule { reference: reference.to_owned(), from_plan: EdgePlan::Free, body: fields(body) }
}

fn fields(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}

const CUSTOM: RulePhase = RulePhase::CustomFirewall;

/// Begins the phase with rules of these references and answers the list.
async fn begun(subject: &EdgeSubject, zone: &ZoneId, references: &[&str]) -> Result<RuleList, Broken> {
    let rules = references.iter().map(|reference| rule(reference)).collect();
    subject.edge.change_rules(&cx()?, zone, CUSTOM, &RuleChange::Begin { rules }).await?;
    listed(subject, zone).await
}

async fn listed(subject: &EdgeSubject, zone: &ZoneId) -> Result<RuleList, Broken> {
    let list = subject.edge.rules(zone, CUSTOM).await?;
    list.ok_or_else(|| Broken("a list that was begun is not there".to_owned()))
}

/// Whether the rule says all that was asked; a provider may add what it takes for granted.
fn says(facts: &RuleFacts, rule: &EdgeRule) -> bool {
    facts.reference == rule.reference && rule.body.iter().all(|(key, value)| facts.body.get(key) == Some(value))
}

fn references(list: &RuleList) -> Vec<&str> {
    list.rules.iter().map(|rule| rule.reference.as_str()).collect()
}

/// The error of a call that must be refused, its effect not in doubt.
fn refused<T>(outcome: Result<T>) -> Result<Error, Broken> {
    let Err(error) = outcome else { return Err(Broken("it should be refused".to_owned())) };
    ensure(!error.is_unclear(), || format!("it should be refused, not left in doubt: {error:?}"))?;
    Ok(error)
}

fn refused_with<T>(outcome: Result<T>, code: Code) -> Verdict {
    let error = refused(outcome)?;
    ensure(error.code() == code, || format!("it should be refused with {}, not: {error:?}", code.as_str()))
}
