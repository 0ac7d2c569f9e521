//! `storex drift`, `storex reconcile` and `storex plan`.

use super::args::{DriftArgs, PlanCommand, ReconcileArgs};
use super::connection::connect;
use super::failure::Outcome;
use super::follow::follow;
use super::http::{Client, segment};
use super::store::creation;
use super::streams::Streams;
use super::{show, streams};
use crate::Environment;
use serde_json::{Value, json};

pub(super) async fn drift(args: DriftArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let mut pages = Pages::default();
    let store = args.store.as_deref().unwrap_or_default();
    loop {
        let path = format!("/api/drift?store_id={}&page_token={}", segment(store), segment(&pages.token));
        if !pages.add(client.get(&path).await?.body) {
            break;
        }
    }
    let document = json!({ "status": "success", "checked": pages.checked, "drift": pages.drift, "safe_mode": pages.safe_mode });
    streams.answer(&document, || Ok(pages.table()))
}

pub(super) async fn reconcile(args: ReconcileArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let client = connect(&args.connection, environment)?;
    let mut pages = Pages::default();
    loop {
        let mut body = json!({ "dry_run": args.dry_run, "accept_restore": args.accept_restore, "page_token": pages.token });
        if let (Some(store), Some(fields)) = (&args.store, body.as_object_mut()) {
            fields.insert("store_id".to_owned(), store.as_str().into());
        }
        if !pages.add(client.post("/api/reconcile", &body).await?.body) {
            break;
        }
    }
    let document = json!({
        "status": "success", "checked": pages.checked, "drift": pages.drift, "operations": pages.operations, "held_back": pages.held_back,
    });
    streams.answer(&document, || Ok(pages.table()))?;
    for why in &pages.held_back {
        streams.note(&show::text(why, ""));
    }
    wait(&client, &pages.operations, &args, streams).await
}

/// With `--wait`, stays until every repair is at rest.
async fn wait(client: &Client, operations: &[Value], args: &ReconcileArgs, streams: &mut Streams) -> Outcome {
    for operation in operations.iter().filter(|_| args.wait.wait) {
        follow(client, &show::text(operation, ""), &args.wait, streams).await?;
    }
    Ok(())
}

pub(super) async fn plan(command: PlanCommand, environment: &Environment, streams: &mut Streams) -> Outcome {
    let plan = match command {
        PlanCommand::Create(args) => {
            connect(&args.connection, environment)?.post("/api/stores?dry_run=true", &creation(&args)).await?.body
        }
        PlanCommand::Delete(args) => {
            let path = format!("/api/stores/{}?dry_run=true", segment(&args.id));
            connect(&args.connection, environment)?.delete(&path).await?.body
        }
    };
    streams.answer(&plan, || Ok(planned(&plan)))
}

/// A plan as a table, with its cost.
fn planned(plan: &Value) -> String {
    let columns = ["/change", "/resource", "/task", "/cloudflare_calls", "/skipped"];
    let steps = plan.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> =
        steps.iter().map(|step| columns.iter().map(|column| show::text(step, column)).collect()).collect();
    let calls = show::text(plan, "/cloudflare_calls");
    let table = show::table(&["CHANGE", "RESOURCE", "TASK", "CALLS", "SKIPPED"], &rows);
    format!("{table}{}", streams::paragraph([format!("{calls} calls of Cloudflare's API; nothing was changed")]))
}

/// The pages of a report, put together.
#[derive(Debug, Default)]
struct Pages {
    token: String,
    checked: u64,
    drift: Vec<Value>,
    operations: Vec<Value>,
    held_back: Vec<Value>,
    safe_mode: Value,
}

impl Pages {
    /// Adds a page; answers whether another follows.
    fn add(&mut self, mut page: Value) -> bool {
        let mut taken = |key: &str| match page.get_mut(key).map(Value::take) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        self.drift.extend(taken("drift"));
        self.operations.extend(taken("operations"));
        self.held_back.extend(taken("held_back"));
        self.checked += page.get("checked").and_then(Value::as_u64).unwrap_or(0);
        self.safe_mode = page.get("safe_mode").cloned().unwrap_or_default();
        self.token = show::text(&page, "/next_page_token");
        !self.token.is_empty()
    }

    fn table(&self) -> String {
        if self.drift.is_empty() {
            return streams::paragraph([format!("{} stores looked at, nothing has drifted", self.checked)]);
        }
        let columns = ["/store_id", "/resource", "/state", "/action", "/detail"];
        let cell = |drift: &Value, column: &str| {
            let text = show::text(drift, column);
            if text.is_empty() { "platform".to_owned() } else { text }
        };
        let rows: Vec<Vec<String>> =
            self.drift.iter().map(|drift| columns.iter().map(|column| cell(drift, column)).collect()).collect();
        show::table(&["STORE", "RESOURCE", "STATE", "ACTION", "DETAIL"], &rows)
    }
}
