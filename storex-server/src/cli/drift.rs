//! `storex drift` and `storex reconcile`: page after page, shown as one report.

use super::args::{DriftArgs, ReconcileArgs, WaitArgs};
use super::connection::connect;
use super::failure::{Failure, Outcome};
use super::follow::follow;
use super::http::{Client, segment};
use super::show;
use super::streams::Streams;
use crate::Environment;
use serde_json::{Map, Value, json};
use storex_core::{Clock, SystemClock};

/// Stores on a page: few enough that looking at them takes less than the server allows an answer.
const PAGE: usize = 20;

pub(super) async fn drift(args: DriftArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let store = args.store.map(|id| format!("&store_id={}", segment(&id))).unwrap_or_default();
    let mut report = Value::Null;
    loop {
        let token = next(&report).map(|token| format!("&page_token={}", segment(&token))).unwrap_or_default();
        report = joined(report, client.get(&format!("/api/drift?limit={PAGE}{store}{token}")).await?.body);
        if next(&report).is_none() {
            break;
        }
    }
    streams.answer(&report, || Ok(show::drift(&report)))?;
    let safe_mode = show::text(&report, "/safe_mode");
    if !safe_mode.is_empty() {
        streams.note(&format!("nothing is repaired or removed: {safe_mode}"));
    }
    Ok(())
}

pub(super) async fn reconcile(args: ReconcileArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let mut report = Value::Null;
    loop {
        let page = client.post("/api/reconcile", &body(&args, next(&report)), None).await?.body;
        report = joined(report, page);
        if next(&report).is_none() {
            break;
        }
    }
    for why in report.get("held_back").and_then(Value::as_array).into_iter().flatten() {
        streams.note(&format!("held back: {}", show::text(why, "")));
    }
    let operations = operations(&report);
    if args.wait.wait {
        follow_all(&client, &operations, &args.wait, streams).await?;
    }
    streams.answer(&report, || Ok(show::drift(&report)))?;
    for operation in operations {
        let goes_on = format!("an operation goes on; follow it with: storex operation get {operation} --wait");
        streams.note(&if args.wait.wait { format!("operation {operation} succeeded") } else { goes_on });
    }
    Ok(())
}

fn body(args: &ReconcileArgs, page_token: Option<String>) -> Value {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
    put("dry_run", args.dry_run.into());
    put("accept_restore", args.accept_restore.into());
    put("limit", PAGE.into());
    if let Some(store) = &args.store {
        put("store_id", store.as_str().into());
    }
    if let Some(token) = page_token {
        put("page_token", token.into());
    }
    body.into()
}

fn operations(report: &Value) -> Vec<String> {
    let operations = report.get("operations").and_then(Value::as_array);
    operations.into_iter().flatten().map(|operation| show::text(operation, "")).collect()
}

/// Follows every operation, also after one that did not succeed; the time to wait is that of all together.
///
/// # Errors
/// As [`follow`]: the first failure of an operation, at once when the waiting ends.
async fn follow_all(client: &Client, operations: &[String], wait: &WaitArgs, streams: &mut Streams) -> Outcome {
    let begun = SystemClock.now();
    let mut first = None;
    for operation in operations {
        let passed = SystemClock.now().duration_since(begun).unsigned_abs().as_secs();
        let wait = WaitArgs { wait: true, timeout: wait.timeout.map(|limit| limit.saturating_sub(passed)) };
        match follow(client, operation, &wait, streams).await {
            Ok(_) => {}
            Err(failure) if has_ended(&failure) => drop(first.get_or_insert(failure)),
            Err(failure) => return Err(failure),
        }
    }
    first.map_or(Ok(()), Err)
}

/// True when it is the operation that ended, not the waiting.
fn has_ended(failure: &Failure) -> bool {
    failure.problem().is_some_and(|problem| matches!(problem.code.as_str(), "rolled_back" | "poisoned"))
}

/// Token of the next page.
fn next(report: &Value) -> Option<String> {
    Some(show::text(report, "/next_page_token")).filter(|token| !token.is_empty())
}

/// The report over the pages so far and one more: lists are joined, counts added up, the rest is what the first page that says something says.
fn joined(report: Value, page: Value) -> Value {
    let (Value::Object(mut report), Value::Object(page)) = (report, page.clone()) else { return page };
    for (key, value) in page {
        match (report.get_mut(&key), value) {
            (_, value) if key == "next_page_token" => drop(report.insert(key, value)),
            (Some(Value::Array(lines)), Value::Array(more)) => {
                let new: Vec<Value> = more.into_iter().filter(|line| key != "held_back" || !lines.contains(line)).collect();
                lines.extend(new);
            }
            (Some(Value::Number(sum)), Value::Number(more)) => {
                let added = sum.as_u64().unwrap_or_default().saturating_add(more.as_u64().unwrap_or_default());
                drop(report.insert(key, json!(added)));
            }
            (None | Some(Value::Null), value) => drop(report.insert(key, value)),
            (Some(_), _) => {}
        }
    }
    report.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_one_report() {
        let first = json!({ "status": "success", "checked": 2, "drift": [1], "safe_mode": null, "held_back": ["a"], "next_page_token": "t" });
        let second = json!({ "status": "success", "checked": 1, "drift": [2, 1], "safe_mode": "old", "held_back": ["a", "b"], "next_page_token": null });
        let one = joined(Value::Null, first);
        assert_eq!(next(&one).as_deref(), Some("t"));
        let both = joined(one, second);
        assert_eq!(next(&both), None);
        let expected = json!({ "status": "success", "checked": 3, "drift": [1, 2, 1], "safe_mode": "old", "held_back": ["a", "b"], "next_page_token": null });
        assert_eq!(both.to_string(), expected.to_string());
    }
}
