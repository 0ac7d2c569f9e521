//! Purging the cache. Its limits are per account and plan: the documentation's table "Purge cache: availability and limits".

use serde_json::{Map, Value, json};

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::meter::Rate;
use super::state::Plan;

/// The keys of which a call uses exactly one, and what each counts as.
const WAYS: [&str; 5] = ["files", "hosts", "prefixes", "purge_everything", "tags"];

/// `POST /zones/{zone}/purge_cache`
pub(super) fn purge(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let plan = exchange.zone()?.plan;
    let ways: Vec<&str> = WAYS.into_iter().filter(|way| body.contains_key(*way)).collect();
    let [way] = ways[..] else {
        return Err(Refusal::new(400, 1012, "Request must contain one of purge_everything, files, tags, hosts or prefixes"));
    };
    let operations = operations(&body, way, plan)?;
    if exchange.limits.purge {
        let (key, rate) = if way == "files" { ("purge_files", by_address(plan)) } else { ("purge", by_other(plan)) };
        let mut bucket = exchange.state.buckets.get(key).copied();
        let wanted = if way == "files" { operations } else { 1 };
        rate.take(&mut bucket, wanted, exchange.now)
            .map_err(|wait| Refusal::new(429, 971, "Rate limit of purge requests reached").retry_after(wait))?;
        exchange.state.buckets.extend(bucket.map(|bucket| (key.to_owned(), bucket)));
    }
    Ok(Success::of(json!({"id": exchange.param("zone")})))
}

/// How many things a call names; at most 100, and 500 addresses on Enterprise.
fn operations(body: &Map<String, Value>, way: &str, plan: Plan) -> Result<u64, Refusal> {
    if way == "purge_everything" {
        let everything = body.get(way) == Some(&Value::Bool(true));
        return if everything {
            Ok(1)
        } else {
            Err(Refusal::new(400, 1012, "purge_everything must be true").at("/purge_everything"))
        };
    }
    let wrong = |text: String| Refusal::new(400, 1012, text).at(&format!("/{way}"));
    let items = body.get(way).and_then(Value::as_array).filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| wrong(format!("{way} must be a list that is not empty")))?;
    let fits = |item: &Value| item.is_string() || way == "files" && item.get("url").is_some_and(Value::is_string);
    if !items.iter().all(fits) {
        return Err(wrong(format!("{way} holds something that cannot be purged")));
    }
    let most = if way == "files" && plan == Plan::Enterprise { 500 } else { 100 };
    if items.len() > most {
        return Err(wrong(format!("{way} holds more than {most} entries")));
    }
    Ok(items.len() as u64)
}

const fn by_other(plan: Plan) -> Rate {
    match plan {
        Plan::Free => Rate { size: 25, tokens: 5, seconds: 60 },
        Plan::Pro => Rate { size: 25, tokens: 5, seconds: 1 },
        Plan::Business => Rate { size: 50, tokens: 10, seconds: 1 },
        Plan::Enterprise => Rate { size: 500, tokens: 50, seconds: 1 },
    }
}

const fn by_address(plan: Plan) -> Rate {
    match plan {
        Plan::Free => Rate { size: 800, tokens: 800, seconds: 1 },
        Plan::Pro | Plan::Business => Rate { size: 1500, tokens: 1500, seconds: 1 },
        Plan::Enterprise => Rate { size: 3000, tokens: 3000, seconds: 1 },
    }
}
