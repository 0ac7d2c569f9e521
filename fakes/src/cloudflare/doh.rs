//! The public resolver beside the API: `GET /dns-query?name=…&type=…` in the JSON form of DNS over HTTPS, with the account's zones and the outside
//! world behind it. Source: Cloudflare 1.1.1.1 documentation, "Using JSON".

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::simulator::Simulator;

pub(super) fn router(simulator: Simulator) -> Router {
    Router::new().route("/dns-query", get(answer)).with_state(simulator)
}

#[derive(Debug, Deserialize)]
struct Question {
    name: String,
    #[serde(rename = "type", default = "address")]
    kind: String,
}

fn address() -> String {
    "A".to_owned()
}

/// Numbers of the record types (IANA, "DNS Parameters").
const TYPES: [(&str, u16); 6] = [("A", 1), ("NS", 2), ("CNAME", 5), ("MX", 15), ("TXT", 16), ("AAAA", 28)];

/// `Status` 3 is NXDOMAIN, as resolvers answer for a name nobody has anything at.
async fn answer(State(simulator): State<Simulator>, Query(question): Query<Question>) -> Response {
    let kind = question.kind.to_ascii_uppercase();
    let found = records(&simulator, &question.name, &kind);
    let answers: Vec<Value> = found.iter().map(|(name, kind, data)| shown(name, kind, data)).collect();
    let (status, number) = (if answers.is_empty() { 3 } else { 0 }, number(&kind));
    let body = json!({
        "Status": status, "TC": false, "RD": true, "RA": true, "AD": false, "CD": false,
        "Question": [{"name": question.name, "type": number}], "Answer": answers,
    });
    ([(CONTENT_TYPE, "application/dns-json")], body.to_string()).into_response()
}

/// Name servers are what the registrar says; everything else is what they answer.
fn records(simulator: &Simulator, name: &str, kind: &str) -> Vec<(String, String, String)> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let world = simulator.state();
    if kind == "NS"
        && let Some(delegation) = world.internet.delegations.get(&name)
    {
        return delegation.name_servers.iter().map(|server| (name.clone(), kind.to_owned(), server.clone())).collect();
    }
    let found = world.resolve(&name, kind);
    found.into_iter().map(|record| (record.name, record.kind, record.content)).collect()
}

fn number(kind: &str) -> u16 {
    TYPES.iter().find(|(known, _)| *known == kind).map_or(0, |(_, number)| *number)
}

/// Texts come in quotes, cut into strings of 255 bytes; host names with a final dot.
fn shown(name: &str, kind: &str, data: &str) -> Value {
    let data = match kind {
        "TXT" => {
            let escaped: Vec<char> = data.chars().collect();
            let strings = escaped.chunks(255).map(|part| {
                let text: String = part.iter().collect();
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            });
            strings.collect::<Vec<_>>().join(" ")
        }
        "CNAME" | "NS" => format!("{}.", data.trim_end_matches('.')),
        _ => data.to_owned(),
    };
    json!({"name": name, "type": number(kind), "TTL": 300, "data": data})
}
