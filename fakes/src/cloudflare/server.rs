//! The simulator as an HTTP server: one call from arrival to answer, and the ways to serve it.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Query as UrlQuery, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::response::Response;
use axum::routing::any;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::auth::{TokenSettings, authenticate, authorize};
use super::control;
use super::doh;
use super::envelope::{Outcome, Refusal, Reply, respond};
use super::exchange::{ApiCall, Exchange};
use super::fault::When;
use super::fault_action::FaultAction;
use super::held::{Ended, HeldCall};
use super::journal::Arrival;
use super::limits::{Limits, throttled};
use super::paging::Query;
use super::routes::{self, Match};
use super::simulator::{Desk, Simulator};
use super::state::CloudState;

/// Where the API lies on the server.
const BASE: &str = "/client/v4";
/// `Ratelimit` and `Ratelimit-Policy`.
type RateHeaders = [(&'static str, String); 2];

const BODY_LIMIT: usize = 16 * 1024 * 1024;

impl Simulator {
    /// The API under `/client/v4`, a public resolver at `/dns-query` and the control routes under `/__sim/`. Merge further routes into it as needed.
    pub fn router(&self) -> Router {
        let api = Router::new().route("/client/v4/{*path}", any(api)).with_state(self.clone());
        api.merge(doh::router(self.clone())).merge(control::router(self.clone()))
    }

    /// Serves [`Simulator::router`] until `shutdown` resolves; then held calls are dropped and open ones finished.
    ///
    /// # Errors
    /// Only those of accepting connections.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        self.serve_router(listener, self.router(), shutdown).await
    }

    /// The same for a router that has more routes merged in.
    ///
    /// # Errors
    /// Only those of accepting connections.
    pub async fn serve_router(
        &self,
        listener: TcpListener,
        router: Router,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let simulator = self.clone();
        let stop = async move {
            shutdown.await;
            simulator.drop_held();
        };
        axum::serve(listener, router).with_graceful_shutdown(stop).await
    }

    /// Serves on a free loopback port until the returned value is dropped. For tests.
    ///
    /// # Errors
    /// Only those of binding a loopback port.
    pub async fn start_on_loopback(self) -> std::io::Result<RunningSimulator> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let simulator = self.clone();
        tokio::spawn(async move {
            // An error here ends the server; whoever calls it then sees a refused connection.
            let _ = simulator
                .serve(listener, async move {
                    let _ = stopped.await;
                })
                .await;
        });
        Ok(RunningSimulator { simulator: self, address, _stop: stop })
    }

    /// Answers one call.
    async fn answer(self, call: ApiCall) -> Response {
        let route = routes::template(&call.method, &call.path);
        let (sequence, struck, budget, headers) = {
            let (now, limits) = (self.now(), self.limits());
            let desk = &mut *self.desk();
            let (budget, headers) = self.spend(desk, &limits, &call, now);
            let struck = desk.faults.arrive(&call.method, &call.path, route);
            let known = authenticate(&self.inner.tokens, call.authorization.as_deref(), true).ok();
            let (method, path, query) = (call.method.as_str(), call.path.as_str(), call.raw_query.as_str());
            let principal = known.map(|token| token.principal(true));
            let sequence = desk.journal.arrive(Arrival { method, path, query, route, principal, at: now }, struck.ids());
            (sequence, struck, budget, headers)
        };
        let place =
            |when, fault: String| HeldCall { id: sequence, method: call.method.clone(), path: call.path.clone(), when, fault };
        let stale = struck.before.as_ref().filter(|(_, action)| *action == FaultAction::Stale).map(|(id, _)| id.clone());
        let twice = struck.before.as_ref().is_some_and(|(_, action)| *action == FaultAction::Twice);
        let truncated = struck.after.as_ref().is_some_and(|(_, action)| *action == FaultAction::Truncated);
        let before = struck.before.map(|(id, action)| (place(When::Before, id), action));
        let after = struck.after.map(|(id, action)| (place(When::After, id), action));
        let reply = if let Some(replaced) = self.strike(before).await {
            replaced
        } else {
            let acted = match budget {
                Ok(()) => self.clone().act(call, stale, twice).await,
                Err(refusal) => Reply::from(refusal),
            };
            let acted = if truncated { acted.truncated() } else { acted };
            self.strike(after).await.unwrap_or(acted)
        };
        self.desk().journal.answer(sequence, reply.status());
        respond(reply, sequence, headers)
    }

    /// Spends from the budget a call belongs to: GraphQL has one of its own.
    fn spend(&self, desk: &mut Desk, limits: &Limits, call: &ApiCall, now: Timestamp) -> (Result<(), Refusal>, RateHeaders) {
        if call.path == "/graphql" {
            let spent = desk.graphql.spend(limits.graphql_per_5_minutes, now);
            return (spent, desk.graphql.headers(limits.graphql_per_5_minutes, now));
        }
        let known = authenticate(&self.inner.tokens, call.authorization.as_deref(), true).ok();
        let principal = known.map(|token| token.principal(limits.budget_per_token)).unwrap_or_default();
        let by_address = desk.graphql.spend_second(limits.calls_per_second, now);
        let budget = desk.budgets.entry(principal).or_default();
        let spent = budget.spend(limits.calls_per_5_minutes, now).and(by_address);
        (spent, budget.headers(limits.calls_per_5_minutes, now))
    }

    /// Lets a fault strike, if there is one; `None` when the call goes on.
    async fn strike(&self, fault: Option<(HeldCall, FaultAction)>) -> Option<Reply> {
        let (held, action) = fault?;
        let when = held.when;
        match action {
            FaultAction::Hold => match self.inner.waiting.hold(held).await {
                Ended::Released => None,
                Ended::Stopped => Some(Reply::Dropped),
            },
            FaultAction::Delay { milliseconds } => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                None
            }
            FaultAction::Answer { status, code, message } => Some(Reply::from(Refusal::new(status, code, message))),
            FaultAction::RateLimited { retry_after } => Some(Reply::from(throttled(retry_after))),
            FaultAction::Html => Some(Reply::Html { status: 502 }),
            FaultAction::Reset => Some(Reply::Dropped),
            FaultAction::Truncated if when == When::Before => Some(Reply::from(Refusal::new(502, 0, "Bad gateway")).truncated()),
            FaultAction::Truncated | FaultAction::Stale | FaultAction::Twice => None,
        }
    }

    /// Has the effect. With a state file the world may be locked by a save that waits for the disk, so the call runs where
    /// waiting is allowed; it also runs to its end when the caller goes away meanwhile, as at Cloudflare.
    async fn act(self, call: ApiCall, stale: Option<String>, twice: bool) -> Reply {
        let durable = self.inner.file.is_some();
        let run = move || {
            let first = self.handle(&call, stale.as_deref());
            if twice {
                let _second = self.handle(&call, None);
            }
            first
        };
        if !durable {
            return Reply::from(run());
        }
        let acted = tokio::task::spawn_blocking(run).await;
        acted.map_or(Reply::Dropped, Reply::from)
    }

    fn handle(&self, call: &ApiCall, stale: Option<&str>) -> Outcome {
        let verifying = call.path.ends_with("/tokens/verify");
        let token = authenticate(&self.inner.tokens, call.authorization.as_deref(), verifying)?;
        let found = routes::find(&call.method, &call.path)?;
        authorize(token, found.route.permission)?;
        let limits = self.limits();
        let admitted = Admitted { limits: &limits, token, found, call };
        let unsaved = |error| Refusal::new(500, 1500, format!("The simulator could not save its state: {error}"));
        // Verification with a retry is the one GET that changes something.
        if call.method != "GET" || call.query.get("retry") == Some("true") {
            return self.commit(|world, now| admitted.run(world, now), unsaved);
        }
        if let Some(mut past) = stale.and_then(|id| self.desk().snapshots.get(id).cloned()) {
            return admitted.run(&mut past, self.now());
        }
        let mut world = self.world();
        self.settle(&mut world).map_err(unsaved)?;
        admitted.run(&mut world, self.now())
    }
}

/// A call that may act: its token is known and allowed, its endpoint exists.
#[derive(Debug)]
struct Admitted<'a> {
    limits: &'a Limits,
    token: &'a TokenSettings,
    found: Match,
    call: &'a ApiCall,
}

impl Admitted<'_> {
    fn run(&self, state: &mut CloudState, now: Timestamp) -> Outcome {
        let mut exchange = Exchange {
            state,
            limits: self.limits,
            token: self.token,
            params: &self.found.params,
            query: &self.call.query,
            content_type: &self.call.content_type,
            body: &self.call.body,
            now,
        };
        exchange.check_age(self.found.route.template)?;
        (self.found.route.handler)(&mut exchange)
    }
}

async fn api(State(simulator): State<Simulator>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let query = UrlQuery::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|UrlQuery(pairs)| pairs).unwrap_or_default();
    let authorization = parts.headers.get(AUTHORIZATION).map(|value| value.to_str().map(str::to_owned).unwrap_or_default());
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        let refusal = Refusal::new(413, 6008, "Request body is too large or was cut off");
        return respond(Reply::from(refusal), 0, [("ratelimit", String::new()), ("ratelimit-policy", String::new())]);
    };
    let call = ApiCall {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().strip_prefix(BASE).unwrap_or_default().to_owned(),
        raw_query: parts.uri.query().unwrap_or_default().to_owned(),
        query: Query(query),
        authorization,
        content_type: parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned(),
        body: body.to_vec(),
    };
    simulator.answer(call).await
}

/// A simulator that is being served on loopback. Dropping it stops the server and drops held calls.
#[derive(Debug)]
pub struct RunningSimulator {
    simulator: Simulator,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl RunningSimulator {
    /// What a client is configured with: `http://127.0.0.1:PORT/client/v4`.
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE}", self.address)
    }

    /// Where its public resolver answers: `http://127.0.0.1:PORT/dns-query`.
    pub fn resolver_url(&self) -> String {
        format!("http://{}/dns-query", self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl std::ops::Deref for RunningSimulator {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.simulator
    }
}
