//! The simulator as an HTTP server: one call from arrival to answer, and the ways to serve it.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Query as UrlQuery, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use axum::routing::any;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::auth::{TokenSettings, authenticate, authorize};
use super::control;
use super::envelope::{Outcome, Refusal, Reply, respond};
use super::exchange::{ApiCall, Exchange};
use super::fault::When;
use super::fault_action::FaultAction;
use super::held::{Ended, HeldCall};
use super::limits::{Limits, throttled};
use super::paging::Query;
use super::routes::{self, Match};
use super::simulator::Simulator;
use super::state::CloudState;

/// Where the API lies on the server.
const BASE: &str = "/client/v4";
const BODY_LIMIT: usize = 16 * 1024 * 1024;

impl Simulator {
    /// The API under `/client/v4` and the control routes under `/__sim/`. Merge further routes into it as needed.
    pub fn router(&self) -> Router {
        Router::new().route("/client/v4/{*path}", any(api)).with_state(self.clone()).merge(control::router(self.clone()))
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
            let now = self.now();
            let desk = &mut *self.desk();
            let budget = desk.budget.spend(&self.inner.limits, now);
            let struck = desk.faults.arrive(&call.method, &call.path, route);
            let sequence = desk.journal.arrive(&call.method, &call.path, &call.raw_query, route, struck.ids());
            (sequence, struck, budget, desk.budget.headers(&self.inner.limits, now))
        };
        let place =
            |when, fault: String| HeldCall { id: sequence, method: call.method.clone(), path: call.path.clone(), when, fault };
        let before = struck.before.map(|(id, action)| (place(When::Before, id), action));
        let after = struck.after.map(|(id, action)| (place(When::After, id), action));
        let reply = if let Some(replaced) = self.strike(before).await {
            replaced
        } else {
            let acted = match budget {
                Ok(()) => self.clone().act(call).await,
                Err(refusal) => Reply::from(refusal),
            };
            self.strike(after).await.unwrap_or(acted)
        };
        self.desk().journal.answer(sequence, reply.status());
        respond(reply, sequence, headers)
    }

    /// Lets a fault strike, if there is one; `None` when the call goes on.
    async fn strike(&self, fault: Option<(HeldCall, FaultAction)>) -> Option<Reply> {
        let (held, action) = fault?;
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
        }
    }

    /// Has the effect. With a state file the world may be locked by a save that waits for the disk, so the call runs where
    /// waiting is allowed; it also runs to its end when the caller goes away meanwhile, as at Cloudflare.
    async fn act(self, call: ApiCall) -> Reply {
        if self.inner.file.is_none() {
            return Reply::from(self.handle(&call));
        }
        let acted = tokio::task::spawn_blocking(move || self.handle(&call)).await;
        acted.map_or(Reply::Dropped, Reply::from)
    }

    fn handle(&self, call: &ApiCall) -> Outcome {
        let verifying = call.path.ends_with("/tokens/verify");
        let token = authenticate(&self.inner.tokens, call.authorization.as_deref(), verifying)?;
        let found = routes::find(&call.method, &call.path)?;
        authorize(token, found.route.permission)?;
        let admitted = Admitted { limits: &self.inner.limits, token, found, call };
        if call.method == "GET" {
            return admitted.run(&mut self.world(), self.now());
        }
        self.commit(
            |world, now| admitted.run(world, now),
            |error| Refusal::new(500, 1500, format!("The simulator could not save its state: {error}")),
        )
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
            body: &self.call.body,
            now,
        };
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
