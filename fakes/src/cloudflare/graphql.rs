//! The GraphQL Analytics API, as far as storex asks it: `httpRequestsAdaptiveGroups` and `firewallEventsAdaptiveGroups` of zones,
//! answered from injected traffic. At most ten zones per query (documentation, "GraphQL Analytics API limits"); the texts of its
//! errors are not confirmed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::edge_state::Traffic;
use super::envelope::{Outcome, Success};
use super::exchange::Exchange;
use super::graphql_query::{self, Field};
use super::state::CloudState;

const ZONES: usize = 10;
/// Most groups one node answers (documentation, same page).
const GROUPS: u64 = 10_000;

/// `POST /graphql` with `{"query": …, "variables": …}`: HTTP 200 with `data` or `errors`, never an envelope.
pub(super) fn answer(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let variables = body.get("variables").and_then(Value::as_object).cloned().unwrap_or_default();
    let query = body.get("query").and_then(Value::as_str).unwrap_or_default();
    let answered = graphql_query::read(query, &variables).and_then(|fields| select(exchange.state, &fields));
    Ok(Success::bare(match answered {
        Ok(data) => json!({"data": data, "errors": null}),
        Err(message) => {
            let error = json!({"message": message, "path": null, "extensions": {"timestamp": exchange.now}});
            json!({"data": null, "errors": [error]})
        }
    }))
}

fn select(world: &CloudState, fields: &[Field]) -> Result<Value, String> {
    object(fields, |field| match field.name.as_str() {
        "viewer" => object(&field.fields, |field| match field.name.as_str() {
            "zones" => zones(world, field),
            "__typename" => Ok(json!("viewer")),
            other => Err(format!("unknown field {other}")),
        }),
        other => Err(format!("unknown field {other}")),
    })
}

fn object(fields: &[Field], mut value: impl FnMut(&Field) -> Result<Value, String>) -> Result<Value, String> {
    let pairs = fields.iter().map(|field| Ok((field.alias.clone(), value(field)?)));
    pairs.collect::<Result<Map<_, _>, String>>().map(Value::Object)
}

fn zones(world: &CloudState, field: &Field) -> Result<Value, String> {
    let filter = field.arguments.get("filter").and_then(Value::as_object).cloned().unwrap_or_default();
    let listed = filter.get("zoneTag_in").and_then(Value::as_array).map(|list| list.iter().collect::<Vec<_>>());
    let wanted: Vec<&str> =
        listed.unwrap_or_else(|| filter.get("zoneTag").into_iter().collect()).into_iter().filter_map(Value::as_str).collect();
    if wanted.is_empty() {
        return Err("zones need a filter by zoneTag or zoneTag_in".to_owned());
    }
    if wanted.len() > ZONES {
        return Err(format!("zone count limit exceeded: {} is more than {ZONES}", wanted.len()));
    }
    let shown = wanted.into_iter().map(|id| {
        if world.zone(id).is_none() {
            return Err("zone does not have access to the path or does not exist".to_owned());
        }
        object(&field.fields, |field| match field.name.as_str() {
            "zoneTag" => Ok(json!(id)),
            "httpRequestsAdaptiveGroups" => groups(world, id, field, false),
            "firewallEventsAdaptiveGroups" => groups(world, id, field, true),
            "settings" => settings(field),
            other => Err(format!("unknown field {other}")),
        })
    });
    shown.collect()
}

/// What a zone may ask: how far back and for how long (the `settings` node).
fn settings(field: &Field) -> Result<Value, String> {
    object(&field.fields, |node| {
        object(&node.fields, |field| match field.name.as_str() {
            "enabled" => Ok(json!(true)),
            "maxDuration" => Ok(json!(86_400)),
            "maxPageSize" => Ok(json!(GROUPS)),
            "notOlderThan" => Ok(json!(691_200)),
            "maxNumberOfFields" => Ok(json!(30)),
            "availableFields" => Ok(json!([])),
            other => Err(format!("unknown field {other}")),
        })
    })
}

/// The value of a dimension, for groups and for filters.
fn dimension(visits: &Traffic, name: &str) -> Option<Value> {
    let at = visits.at.unwrap_or(Timestamp::UNIX_EPOCH);
    Some(match name {
        "clientRequestHTTPHost" => json!(visits.host),
        "clientRequestPath" => json!(visits.path),
        "edgeResponseStatus" | "originResponseStatus" => json!(visits.status),
        "cacheStatus" => json!(visits.cache_status),
        "datetime" => json!(at),
        "date" => json!(at.to_string().get(..10)),
        "datetimeMinute" => json!(at.to_string().get(..16).map(|minute| format!("{minute}:00Z"))),
        "datetimeHour" => json!(at.to_string().get(..13).map(|hour| format!("{hour}:00:00Z"))),
        "action" => json!(visits.action),
        "source" => json!(visits.source),
        _ => return None,
    })
}

fn groups(world: &CloudState, zone: &str, field: &Field, events: bool) -> Result<Value, String> {
    let limit = field.arguments.get("limit").and_then(Value::as_u64).ok_or("limit is required")?;
    if limit == 0 || limit > GROUPS {
        return Err(format!("limit must be between 1 and {GROUPS}"));
    }
    let filter = field.arguments.get("filter").and_then(Value::as_object).cloned().unwrap_or_default();
    let dimensions = field.fields.iter().find(|field| field.name == "dimensions").map(|field| field.fields.clone());
    let mut groups: BTreeMap<String, (Value, Vec<&Traffic>)> = BTreeMap::new();
    for visits in world.traffic.iter().filter(|visits| visits.zone == zone && visits.action.is_some() == events) {
        if !passes(visits, &filter)? {
            continue;
        }
        let key = object(dimensions.as_deref().unwrap_or_default(), |field| {
            dimension(visits, &field.name).ok_or_else(|| format!("unknown dimension {}", field.name))
        })?;
        groups.entry(key.to_string()).or_insert_with(|| (key, Vec::new())).1.push(visits);
    }
    let mut shown: Vec<(Value, Vec<&Traffic>)> = groups.into_values().collect();
    order(&mut shown, field);
    shown.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    shown.into_iter().map(|(key, visits)| group(field, &key, &visits)).collect()
}

fn order(groups: &mut [(Value, Vec<&Traffic>)], field: &Field) {
    let count = |visits: &[&Traffic]| visits.iter().map(|visits| visits.count).sum::<u64>();
    let words = field.arguments.get("orderBy").and_then(Value::as_array);
    match words.and_then(|words| words.first()).and_then(Value::as_str) {
        Some("count_DESC") => groups.sort_by_key(|(_, visits)| std::cmp::Reverse(count(visits))),
        Some("count_ASC") => groups.sort_by_key(|(_, visits)| count(visits)),
        _ => {}
    }
}

fn group(field: &Field, key: &Value, visits: &[&Traffic]) -> Result<Value, String> {
    let count: u64 = visits.iter().map(|visits| visits.count).sum();
    let bytes: u64 = visits.iter().map(|visits| visits.bytes).sum();
    object(&field.fields, |field| match field.name.as_str() {
        "count" => Ok(json!(count)),
        "dimensions" => Ok(key.clone()),
        "sum" => object(&field.fields, |field| match field.name.as_str() {
            "edgeResponseBytes" => Ok(json!(bytes)),
            "visits" => Ok(json!(count)),
            other => Err(format!("unknown field {other}")),
        }),
        "avg" => object(&field.fields, |field| match field.name.as_str() {
            "sampleInterval" => Ok(json!(1)),
            other => Err(format!("unknown field {other}")),
        }),
        other => Err(format!("unknown field {other}")),
    })
}

/// Whether visits pass a filter: `field`, `field_in`, `_neq`, `_gt`, `_geq`, `_lt`, `_leq`, `_like`, `AND`, `OR`.
fn passes(visits: &Traffic, filter: &Map<String, Value>) -> Result<bool, String> {
    for (key, wanted) in filter {
        let nested = |any: bool| {
            let parts: Vec<bool> = wanted
                .as_array()
                .into_iter()
                .flatten()
                .map(|part| passes(visits, &part.as_object().cloned().unwrap_or_default()))
                .collect::<Result<_, _>>()?;
            Ok::<bool, String>(if any { parts.contains(&true) } else { !parts.contains(&false) })
        };
        let passed = match key.as_str() {
            "AND" => nested(false)?,
            "OR" => nested(true)?,
            // Only visitors' requests are injected.
            "requestSource" => wanted == "eyeball",
            _ => compare(visits, key, wanted)?,
        };
        if !passed {
            return Ok(false);
        }
    }
    Ok(true)
}

fn compare(visits: &Traffic, key: &str, wanted: &Value) -> Result<bool, String> {
    let (name, operator) = match key.rsplit_once('_') {
        Some((name, operator @ ("in" | "neq" | "gt" | "geq" | "lt" | "leq" | "like"))) => (name, operator),
        _ => (key, "eq"),
    };
    let found = dimension(visits, name).ok_or_else(|| format!("unknown filter {key}"))?;
    let ordering = match (&found, wanted) {
        (Value::Number(found), Value::Number(wanted)) => found.as_f64().partial_cmp(&wanted.as_f64()),
        (Value::String(found), Value::String(wanted)) => match (found.parse::<Timestamp>(), wanted.parse::<Timestamp>()) {
            (Ok(found), Ok(wanted)) => Some(found.cmp(&wanted)),
            _ => Some(found.cmp(wanted)),
        },
        _ => None,
    };
    Ok(match operator {
        "in" => wanted.as_array().is_some_and(|list| list.contains(&found)),
        "neq" => found != *wanted,
        "gt" => ordering.is_some_and(std::cmp::Ordering::is_gt),
        "geq" => ordering.is_some_and(std::cmp::Ordering::is_ge),
        "lt" => ordering.is_some_and(std::cmp::Ordering::is_lt),
        "leq" => ordering.is_some_and(std::cmp::Ordering::is_le),
        "like" => {
            let pattern = wanted.as_str().unwrap_or_default();
            let text = found.as_str().unwrap_or_default();
            let middle = pattern.trim_matches('%');
            match (pattern.starts_with('%'), pattern.ends_with('%')) {
                (true, true) => text.contains(middle),
                (true, false) => text.ends_with(middle),
                (false, true) => text.starts_with(middle),
                (false, false) => text == middle,
            }
        }
        _ => ordering.map_or(found == *wanted, std::cmp::Ordering::is_eq),
    })
}
