//! Control routes under `/__sim/` for what lies outside the account or is not the API's to change: the clock, the limits, the
//! registrar, other people's DNS and pages, plans, certificates that time out, visits.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::control::Refused;
use super::edge_state::Traffic;
use super::internet::{Delegation, Internet, OutsideRecord};
use super::limits::Limits;
use super::simulator::Simulator;
use super::state::Plan;

pub(super) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/__sim/routes", get(routes))
        .route("/__sim/clock", get(clock).post(advance))
        .route("/__sim/limits", get(limits).put(set_limits))
        .route("/__sim/limits/published", post(published_limits))
        .route("/__sim/internet", get(internet).put(set_internet))
        .route("/__sim/registrar/{domain}", put(delegate))
        .route("/__sim/registrar/{domain}/here", post(delegate_here))
        .route("/__sim/registrar/{domain}/refusal/{code}", put(refuse))
        .route("/__sim/dns/{name}", put(set_records))
        .route("/__sim/pages", put(set_page))
        .route("/__sim/names/{list}/{name}", put(list_name).delete(unlist_name))
        .route("/__sim/resolve", get(resolve))
        .route("/__sim/visit/{host}", get(visit))
        .route("/__sim/traffic", post(add_traffic))
        .route("/__sim/zones/{zone}/plan", put(set_plan))
        .route("/__sim/zones/{zone}/certificates", put(stall))
        .route("/__sim/tunnels/{tunnel}/connectors/{connector}", put(change_connector))
        .with_state(simulator)
}

/// A body, or why it is none.
type Body<T> = Result<Json<T>, JsonRejection>;
type Done = Result<StatusCode, Refused>;

const DONE: StatusCode = StatusCode::NO_CONTENT;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    url: String,
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnPlan {
    plan: Plan,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stall {
    stall_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectorBody {
    stuck: Option<bool>,
    connections: Option<usize>,
}

async fn routes(State(simulator): State<Simulator>) -> Json<Vec<String>> {
    Json(simulator.routes())
}

async fn clock(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!({"now": simulator.time()}))
}

async fn advance(State(simulator): State<Simulator>, body: Body<Advance>) -> Result<Json<Value>, Refused> {
    let Json(body) = body?;
    simulator.advance(SignedDuration::from_secs(body.advance_s))?;
    Ok(Json(json!({"now": simulator.time()})))
}

async fn limits(State(simulator): State<Simulator>) -> Json<Limits> {
    Json(simulator.limits())
}

/// What is not sent has its default.
async fn set_limits(State(simulator): State<Simulator>, body: Body<Limits>) -> Done {
    let Json(limits) = body?;
    simulator.set_limits(limits);
    Ok(DONE)
}

async fn published_limits(State(simulator): State<Simulator>) -> Json<Limits> {
    simulator.set_limits(Limits::published());
    Json(simulator.limits())
}

async fn internet(State(simulator): State<Simulator>) -> Response {
    Json(simulator.state().internet).into_response()
}

async fn set_internet(State(simulator): State<Simulator>, body: Body<Internet>) -> Done {
    let Json(wanted) = body?;
    simulator.change_internet(|internet| *internet = wanted)?;
    Ok(DONE)
}

async fn delegate(State(simulator): State<Simulator>, Path(domain): Path<String>, body: Body<Delegation>) -> Done {
    let Json(delegation) = body?;
    simulator.delegate(&domain, delegation)?;
    Ok(DONE)
}

async fn delegate_here(State(simulator): State<Simulator>, Path(domain): Path<String>) -> Done {
    simulator.delegate_here(&domain)?;
    Ok(DONE)
}

/// Code 0 lifts the refusal.
async fn refuse(State(simulator): State<Simulator>, Path((domain, code)): Path<(String, i64)>) -> Done {
    simulator.change_internet(|internet| {
        if code == 0 {
            internet.refused.remove(&domain)
        } else {
            internet.refused.insert(domain, code)
        };
    })?;
    Ok(DONE)
}

async fn set_records(State(simulator): State<Simulator>, Path(name): Path<String>, body: Body<Vec<OutsideRecord>>) -> Done {
    let Json(records) = body?;
    simulator.set_outside_records(&name, records)?;
    Ok(DONE)
}

async fn set_page(State(simulator): State<Simulator>, body: Body<Page>) -> Done {
    let Json(page) = body?;
    simulator.change_internet(|internet| {
        match page.body {
            Some(body) => internet.pages.insert(page.url, body),
            None => internet.pages.remove(&page.url),
        };
    })?;
    Ok(DONE)
}

async fn list_name(simulator: State<Simulator>, path: Path<(String, String)>) -> Done {
    change_names(&simulator, &path, true)
}

async fn unlist_name(simulator: State<Simulator>, path: Path<(String, String)>) -> Done {
    change_names(&simulator, &path, false)
}

/// `list` is `held`, `blocked` or `taken`.
fn change_names(simulator: &Simulator, (list, name): &(String, String), add: bool) -> Done {
    let mut known = true;
    simulator.change_internet(|internet| {
        let names = match list.as_str() {
            "held" => &mut internet.held,
            "blocked" => &mut internet.blocked,
            "taken" => &mut internet.taken,
            _ => {
                known = false;
                return;
            }
        };
        if add {
            names.insert(name.clone())
        } else {
            names.remove(name)
        };
    })?;
    if known { Ok(DONE) } else { Err(Refused(StatusCode::NOT_FOUND, format!("there is no list {list}: held, blocked, taken"))) }
}

async fn resolve(State(simulator): State<Simulator>, Query(question): Query<Question>) -> Response {
    Json(simulator.resolve(&question.name, &question.kind)).into_response()
}

async fn visit(State(simulator): State<Simulator>, Path(host): Path<String>) -> Response {
    Json(simulator.visit(&host)).into_response()
}

async fn add_traffic(State(simulator): State<Simulator>, body: Body<Vec<Traffic>>) -> Done {
    let Json(traffic) = body?;
    simulator.add_traffic(traffic)?;
    Ok(DONE)
}

async fn set_plan(State(simulator): State<Simulator>, Path(zone): Path<String>, body: Body<OnPlan>) -> Done {
    let Json(body) = body?;
    simulator.set_plan(&zone, body.plan)?;
    Ok(DONE)
}

async fn stall(State(simulator): State<Simulator>, Path(zone): Path<String>, body: Body<Stall>) -> Done {
    let Json(body) = body?;
    simulator.stall_certificates(&zone, body.stall_at.as_deref())?;
    Ok(DONE)
}

async fn change_connector(
    State(simulator): State<Simulator>,
    Path((tunnel, connector)): Path<(String, String)>,
    body: Body<ConnectorBody>,
) -> Done {
    let Json(body) = body?;
    if let Some(stuck) = body.stuck {
        simulator.stick_connector(&tunnel, &connector, stuck)?;
    }
    if let Some(connections) = body.connections {
        simulator.limit_connections(&tunnel, &connector, connections)?;
    }
    Ok(DONE)
}
