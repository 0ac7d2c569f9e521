//! Rulesets of a zone: one per phase, its entry point. Every change makes a new version. A PUT to an entry point makes the
//! ruleset if there is none; before that a GET answers 404 (documentation, "Rulesets API"; its code is not confirmed).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::edge_state::{Rule, Ruleset};
use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::identity::Identifiers;
use super::ruleset_rules;
use super::state::Plan;

/// `GET /zones/{zone}/rulesets`: without the rules; cursors, and never more than one page here.
pub(super) fn list(exchange: &mut Exchange<'_>) -> Outcome {
    Ok(Success::cursored(exchange.zone()?.rulesets.iter().map(|ruleset| render(ruleset, false)).collect()))
}

/// `POST /zones/{zone}/rulesets`: refused with 20217 when the phase has one already.
pub(super) fn create(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let phase = body.get("phase").and_then(Value::as_str).unwrap_or_default().to_owned();
    if body.get("kind").and_then(Value::as_str) != Some("zone") {
        return Err(Refusal::new(400, 20_016, "kind must be zone for a ruleset of a zone").at("/kind"));
    }
    if body.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(Refusal::new(400, 20_016, "name is required").at("/name"));
    }
    ruleset_rules::check_phase(&phase)?;
    if exchange.zone()?.rulesets.iter().any(|ruleset| ruleset.phase == phase) {
        let text = "exceeded maximum number of zone rulesets for phase";
        return Err(Refusal::new(400, 20_217, format!("A similar configuration already exists: {text} {phase}")));
    }
    replace(exchange, &phase, &body)
}

/// `GET /zones/{zone}/rulesets/phases/{phase}/entrypoint`
pub(super) fn get_entrypoint(exchange: &mut Exchange<'_>) -> Outcome {
    let phase = exchange.param("phase").to_owned();
    ruleset_rules::check_phase(&phase)?;
    let found = exchange.zone()?.rulesets.iter().find(|ruleset| ruleset.phase == phase);
    found.map(|ruleset| Success::of(render(ruleset, true))).ok_or_else(|| missing(exchange))
}

/// `PUT /zones/{zone}/rulesets/phases/{phase}/entrypoint`: the whole list of rules.
pub(super) fn put_entrypoint(exchange: &mut Exchange<'_>) -> Outcome {
    let (phase, body) = (exchange.param("phase").to_owned(), exchange.body()?);
    ruleset_rules::check_phase(&phase)?;
    replace(exchange, &phase, &body)
}

/// `GET /zones/{zone}/rulesets/{ruleset}`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    let id = exchange.param("ruleset");
    let found = exchange.zone()?.rulesets.iter().find(|ruleset| ruleset.id == id);
    found.map(|ruleset| Success::of(render(ruleset, true))).ok_or_else(|| missing(exchange))
}

/// `PUT /zones/{zone}/rulesets/{ruleset}`
pub(super) fn put(exchange: &mut Exchange<'_>) -> Outcome {
    let (phase, body) = (open(exchange)?.phase, exchange.body()?);
    replace(exchange, &phase, &body)
}

/// `DELETE /zones/{zone}/rulesets/{ruleset}`: 204.
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let id = open(exchange)?.id;
    exchange.zone_mut()?.rulesets.retain(|ruleset| ruleset.id != id);
    Ok(Success::nothing())
}

/// `POST /zones/{zone}/rulesets/{ruleset}/rules`: at the end, or where `position` says.
pub(super) fn add_rule(exchange: &mut Exchange<'_>) -> Outcome {
    let (mut ruleset, mut body) = (open(exchange)?, exchange.body()?);
    let position = body.remove("position");
    let rule = make(&mut exchange.state.identifiers, body, exchange.now);
    ruleset.rules.push(rule.clone());
    place(&mut ruleset, &rule.id, position.as_ref())?;
    close(exchange, ruleset)
}

/// `PATCH /zones/{zone}/rulesets/{ruleset}/rules/{rule}`: fields that are not sent keep their value.
pub(super) fn patch_rule(exchange: &mut Exchange<'_>) -> Outcome {
    let (mut ruleset, mut body) = (open(exchange)?, exchange.body()?);
    let (id, now) = (exchange.param("rule").to_owned(), exchange.now);
    let position = body.remove("position");
    let rule = ruleset.rules.iter_mut().find(|rule| rule.id == id).ok_or_else(no_rule)?;
    if let Some(reference) = body.remove("ref").as_ref().and_then(Value::as_str) {
        reference.clone_into(&mut rule.reference);
    }
    for server_side in ["id", "version", "last_updated"] {
        body.remove(server_side);
    }
    rule.fields.extend(body);
    (rule.version, rule.last_updated) = (rule.version + 1, now);
    place(&mut ruleset, &id, position.as_ref())?;
    close(exchange, ruleset)
}

/// `DELETE /zones/{zone}/rulesets/{ruleset}/rules/{rule}`
pub(super) fn delete_rule(exchange: &mut Exchange<'_>) -> Outcome {
    let mut ruleset = open(exchange)?;
    let id = exchange.param("rule");
    let before = ruleset.rules.len();
    ruleset.rules.retain(|rule| rule.id != id);
    if ruleset.rules.len() == before { Err(no_rule()) } else { close(exchange, ruleset) }
}

fn open(exchange: &Exchange<'_>) -> Result<Ruleset, Refusal> {
    let id = exchange.param("ruleset");
    exchange.zone()?.rulesets.iter().find(|ruleset| ruleset.id == id).cloned().ok_or_else(|| missing(exchange))
}

/// Checks a changed ruleset and puts it back as its next version.
fn close(exchange: &mut Exchange<'_>, mut ruleset: Ruleset) -> Outcome {
    let now = exchange.now;
    let plan: Plan = exchange.zone()?.plan;
    ruleset_rules::check(&ruleset.phase, &ruleset.rules, plan)?;
    (ruleset.version, ruleset.last_updated) = (ruleset.version + 1, now);
    let shown = render(&ruleset, true);
    let zone = exchange.zone_mut()?;
    match zone.rulesets.iter_mut().find(|known| known.id == ruleset.id) {
        Some(place) => *place = ruleset,
        None => zone.rulesets.push(ruleset),
    }
    Ok(Success::of(shown))
}

fn replace(exchange: &mut Exchange<'_>, phase: &str, body: &Map<String, Value>) -> Outcome {
    let now = exchange.now;
    let known = exchange.zone()?.rulesets.iter().find(|ruleset| ruleset.phase == phase).cloned();
    let wishes = match body.get("rules") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(rules)) => rules.iter().map(Value::as_object).collect::<Option<Vec<_>>>().ok_or_else(bad_rules)?,
        Some(_) => return Err(bad_rules()),
    };
    let identifiers = &mut exchange.state.identifiers;
    let mut ruleset = known.unwrap_or_else(|| Ruleset {
        id: identifiers.next_hex("ruleset"),
        name: "default".to_owned(),
        description: String::new(),
        phase: phase.to_owned(),
        version: 0,
        last_updated: now,
        rules: Vec::new(),
    });
    for (key, place) in [("name", &mut ruleset.name), ("description", &mut ruleset.description)] {
        if let Some(text) = body.get(key).and_then(Value::as_str) {
            text.clone_into(place);
        }
    }
    let before = std::mem::take(&mut ruleset.rules);
    ruleset.rules = wishes.into_iter().map(|wish| keep_or_make(identifiers, &before, wish, now)).collect();
    close(exchange, ruleset)
}

/// A rule that names its id or `ref` is the same rule; its version rises when it changed.
fn keep_or_make(identifiers: &mut Identifiers, before: &[Rule], wish: &Map<String, Value>, now: Timestamp) -> Rule {
    let named = |key: &str| wish.get(key).and_then(Value::as_str);
    let same =
        before.iter().find(|rule| named("id") == Some(&rule.id) || named("ref").is_some_and(|name| name == rule.reference));
    let made = make(identifiers, wish.clone(), now);
    match same {
        Some(rule) if rule.fields == made.fields && named("ref").is_none_or(|name| name == rule.reference) => rule.clone(),
        Some(rule) => Rule {
            id: rule.id.clone(),
            reference: named("ref").unwrap_or(&rule.reference).to_owned(),
            version: rule.version + 1,
            ..made
        },
        None => made,
    }
}

fn make(identifiers: &mut Identifiers, mut fields: Map<String, Value>, now: Timestamp) -> Rule {
    let id = identifiers.next_hex("rule");
    let reference = fields.remove("ref").as_ref().and_then(Value::as_str).map_or_else(|| id.clone(), str::to_owned);
    for server_side in ["id", "version", "last_updated"] {
        fields.remove(server_side);
    }
    fields.entry("enabled").or_insert(json!(true));
    Rule { id, reference, version: 1, last_updated: now, fields }
}

/// Moves a rule to `{"index": n}` (from 1), or before or after another one.
fn place(ruleset: &mut Ruleset, id: &str, position: Option<&Value>) -> Result<(), Refusal> {
    let Some(position) = position.filter(|position| !position.is_null()) else { return Ok(()) };
    let Some(from) = ruleset.rules.iter().position(|rule| rule.id == id) else { return Ok(()) };
    let rule = ruleset.rules.remove(from);
    let other = |key: &str| position.get(key).and_then(Value::as_str);
    let at = |other: &str| ruleset.rules.iter().position(|rule| rule.id == other);
    let to = match (position.get("index").and_then(Value::as_u64), other("before"), other("after")) {
        (Some(index @ 1..), None, None) => usize::try_from(index - 1).ok().filter(|index| *index <= ruleset.rules.len()),
        (None, Some(""), None) => Some(0),
        (None, Some(before), None) => at(before),
        (None, None, Some("")) => Some(ruleset.rules.len()),
        (None, None, Some(after)) => at(after).map(|index| index + 1),
        _ => None,
    };
    let to = to.ok_or_else(|| Refusal::new(400, 20_016, "position is invalid").at("/position"))?;
    ruleset.rules.insert(to, rule);
    Ok(())
}

fn missing(exchange: &Exchange<'_>) -> Refusal {
    Refusal::new(404, exchange.limits.codes.no_entrypoint, "could not find ruleset")
}

fn no_rule() -> Refusal {
    Refusal::new(404, 20_015, "could not find rule")
}

fn bad_rules() -> Refusal {
    Refusal::new(400, 20_016, "rules must be a list of objects").at("/rules")
}

fn render(ruleset: &Ruleset, with_rules: bool) -> Value {
    let mut shown = json!({
        "id": ruleset.id,
        "name": ruleset.name,
        "description": ruleset.description,
        "kind": "zone",
        "version": ruleset.version.to_string(),
        "last_updated": ruleset.last_updated,
        "phase": ruleset.phase,
    });
    if let Some(fields) = shown.as_object_mut().filter(|_| with_rules) {
        fields.insert("rules".to_owned(), ruleset.rules.iter().map(render_rule).collect());
    }
    shown
}

fn render_rule(rule: &Rule) -> Value {
    let mut shown = rule.fields.clone();
    shown.insert("id".to_owned(), json!(rule.id));
    shown.insert("ref".to_owned(), json!(rule.reference));
    shown.insert("version".to_owned(), json!(rule.version.to_string()));
    shown.insert("last_updated".to_owned(), json!(rule.last_updated));
    Value::Object(shown)
}
