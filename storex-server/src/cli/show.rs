//! Documents for people: aligned pairs and plain tables.

use super::streams::paragraph;
use serde_json::Value;

/// Pairs with the values in one column; a value of several lines continues below itself. A pair without a value is left out.
pub(super) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let mut shown = *name;
        for line in value.lines() {
            lines.push(format!("{shown:<width$}  {line}"));
            shown = "";
        }
    }
    paragraph(lines)
}

/// A table with a head; columns are as wide as they need to be.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let mut widths = vec![0; head.len()];
    for row in std::iter::once(&head).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    paragraph(std::iter::once(&head).chain(rows).map(line))
}

/// The text at a JSON pointer; empty when there is none.
pub(super) fn text(document: &Value, pointer: &str) -> String {
    match document.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(values)) => values.iter().map(|value| text(value, "")).collect::<Vec<_>>().join("\n"),
        Some(other) => other.to_string(),
    }
}

/// A store, or the answer to its creation.
pub(super) fn store(document: &Value) -> String {
    const ROWS: [(&str, &str); 13] = [
        ("store", "/store_id"),
        ("state", "/state"),
        ("system domain", "/domains/system"),
        ("custom domain", "/domains/custom"),
        ("configuration", "/configuration/status"),
        ("nameservers", "/configuration/nameservers"),
        ("next steps", "/configuration/next_steps"),
        ("owner", "/storeDetails/owner"),
        ("e-mail", "/storeDetails/email"),
        ("plan", "/storeDetails/plan"),
        ("created", "/created_at"),
        ("updated", "/updated_at"),
        ("operation", "/operation"),
    ];
    let gap = |gap: &Value| format!("{}: {}", text(gap, "/part"), text(gap, "/reason"));
    let gaps: Vec<String> = list(document, "unsupported_on_plan").iter().map(gap).collect();
    let mut rows = ROWS.map(|(name, pointer)| (name, text(document, pointer))).to_vec();
    if !gaps.is_empty() {
        rows.push(("not on the zone's plan", gaps.join("\n")));
    }
    pairs(&rows)
}

/// A page of stores.
pub(super) fn stores(stores: &[Value]) -> String {
    let columns = ["/store_id", "/state", "/domains/system", "/domains/custom", "/configuration/status"];
    table(&["STORE", "STATE", "SYSTEM DOMAIN", "CUSTOM DOMAIN", "CONFIGURATION"], &cells(stores, &columns))
}

/// A row for each document, with the texts at these pointers.
fn cells(documents: &[Value], columns: &[&str]) -> Vec<Vec<String>> {
    let cell = |document: &Value, pointer: &str| {
        let text = text(document, pointer);
        if text.is_empty() { "-".to_owned() } else { text }
    };
    documents.iter().map(|document| columns.iter().map(|pointer| cell(document, pointer)).collect()).collect()
}

fn list<'a>(document: &'a Value, key: &str) -> &'a [Value] {
    document.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The drift of a report, and how many stores were looked at.
pub(super) fn drift(report: &Value) -> String {
    let columns = ["/store_id", "/resource", "/state", "/action", "/detail"];
    let found = list(report, "drift");
    let mut shown = String::new();
    if !found.is_empty() {
        shown = table(&["STORE", "RESOURCE", "STATE", "ACTION", "DETAIL"], &cells(found, &columns));
    }
    shown.push_str(&paragraph([format!("{} differ; {} stores were looked at", found.len(), text(report, "/checked"))]));
    shown
}

/// What the edge counted of a store's hosts.
pub(super) fn insight(view: &Value) -> String {
    let mut shown = pairs(&[("from", text(view, "/from")), ("until", text(view, "/until"))]);
    let columns = ["/host", "/requests", "/cached", "/client_errors", "/server_errors", "/bytes"];
    let head = ["HOST", "REQUESTS", "FROM CACHE", "4XX", "5XX", "BYTES"];
    shown.push_str(&table(&head, &cells(list(view, "hosts"), &columns)));
    let events = list(view, "security_events");
    if events.is_empty() {
        shown.push_str(&paragraph(["no security events".to_owned()]));
    } else {
        let columns = ["/host", "/action", "/source", "/count"];
        shown.push_str(&table(&["HOST", "SECURITY EVENT", "SOURCE", "COUNT"], &cells(events, &columns)));
    }
    shown
}

/// The steps of a plan in order, and what they cost.
pub(super) fn plan(plan: &Value) -> String {
    let columns = ["/action", "/task", "/change", "/resource", "/cloudflare_calls", "/skipped"];
    let head = ["STEP", "TASK", "CHANGE", "RESOURCE", "CLOUDFLARE CALLS", "SKIPPED"];
    let mut shown = table(&head, &cells(list(plan, "steps"), &columns));
    let later = list(plan, "steps").iter().filter(|step| step.get("once").is_some());
    shown
        .push_str(&paragraph(later.map(|step| format!("{} comes later, once {}", text(step, "/resource"), text(step, "/once")))));
    let calls = text(plan, "/cloudflare_calls");
    shown.push_str(&paragraph([format!("{}: {calls} calls of Cloudflare's API; nothing was done", text(plan, "/operation"))]));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pairs_are_aligned_lists_continue_and_empty_ones_are_left_out() {
        let document = json!({
            "store_id": "a-12345", "domains": { "system": "a.storex.com", "custom": null },
            "configuration": { "nameservers": ["ns1", "ns2"], "status": "configuring", "next_steps": [] },
        });
        let expected = "store          a-12345\nsystem domain  a.storex.com\nconfiguration  configuring\nnameservers    ns1\n               ns2\n";
        assert_eq!(store(&document), expected);
    }

    #[test]
    fn what_the_plan_does_not_let_be_is_shown_a_line_each_and_only_when_there_is_something() {
        let gap = |part: &str| json!({ "part": part, "reason": "from Pro on" });
        let shown = store(&json!({ "store_id": "a-12345", "unsupported_on_plan": [gap("waf"), gap("bots")] }));
        assert_eq!(
            shown,
            "store                   a-12345\nnot on the zone's plan  waf: from Pro on\n                        bots: from Pro on\n"
        );
        assert_eq!(store(&json!({ "store_id": "a-12345" })).lines().count(), 1);
    }

    #[test]
    fn a_table_is_as_wide_as_it_needs_to_be_and_ends_without_blanks() {
        let rows = [vec!["a".to_owned(), "bücher\u{1b}".to_owned()], vec!["long".to_owned(), "-".to_owned()]];
        assert_eq!(table(&["X", "Y"], &rows), "X     Y\na     bücher\u{fffd}\nlong  -\n");
    }
}
