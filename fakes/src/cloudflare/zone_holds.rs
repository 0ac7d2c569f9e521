//! Holds of a zone against other accounts: Enterprise only (documentation, "Zone holds"). The code of the refusal on other
//! plans is not confirmed.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::edge_state::Hold;
use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::state::{Plan, Zone};

/// `GET /zones/{zone}/hold`
pub(super) fn get(exchange: &mut Exchange<'_>) -> Outcome {
    let now = exchange.now;
    Ok(Success::of(render(exchange.zone()?, now)))
}

/// `POST /zones/{zone}/hold?include_subdomains=…`
pub(super) fn create(exchange: &mut Exchange<'_>) -> Outcome {
    let (now, below) = (exchange.now, exchange.query.get("include_subdomains") == Some("true"));
    let zone = entitled(exchange)?;
    zone.hold = Some(Hold { include_subdomains: below, hold_after: None });
    Ok(Success::of(render(zone, now)))
}

/// `PATCH /zones/{zone}/hold` with `hold_after` or `include_subdomains`
pub(super) fn patch(exchange: &mut Exchange<'_>) -> Outcome {
    let (body, now) = (exchange.body()?, exchange.now);
    let after = moment(body.get("hold_after").and_then(Value::as_str))?;
    let zone = entitled(exchange)?;
    let hold = zone.hold.get_or_insert(Hold { include_subdomains: false, hold_after: None });
    hold.include_subdomains = body.get("include_subdomains").and_then(Value::as_bool).unwrap_or(hold.include_subdomains);
    hold.hold_after = after.or(hold.hold_after);
    Ok(Success::of(render(zone, now)))
}

/// `DELETE /zones/{zone}/hold?hold_after=…`: lifted for good, or until then.
pub(super) fn delete(exchange: &mut Exchange<'_>) -> Outcome {
    let now = exchange.now;
    let after = moment(exchange.query.get("hold_after"))?;
    let zone = entitled(exchange)?;
    zone.hold = match (zone.hold.take(), after) {
        (Some(hold), Some(_)) => Some(Hold { hold_after: after, ..hold }),
        _ => None,
    };
    Ok(Success::of(render(zone, now)))
}

fn entitled<'e>(exchange: &'e mut Exchange<'_>) -> Result<&'e mut Zone, Refusal> {
    let zone = exchange.zone_mut()?;
    if zone.plan == Plan::Enterprise { Ok(zone) } else { Err(Refusal::new(403, 1017, "Zone holds need an Enterprise plan")) }
}

fn moment(text: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    let wrong = |_| Refusal::new(400, 1018, "hold_after is not a date").at("/hold_after");
    text.filter(|text| !text.is_empty()).map(str::parse).transpose().map_err(wrong)
}

fn render(zone: &Zone, now: Timestamp) -> Value {
    let Some(hold) = &zone.hold else { return json!({"hold": false}) };
    // The official clients know `include_subdomains` as a text.
    json!({
        "hold": hold.hold_after.is_none_or(|after| after <= now),
        "include_subdomains": hold.include_subdomains.to_string(),
        "hold_after": hold.hold_after.map(|after| after.to_string()),
    })
}
