//! A controller behind its REST API.

use crate::call::{Answer, Backend, Call, Failure, LOOKED_FOR, Outcome, class, is_done};
use crate::settings::RemoteSettings;
use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::time::Duration;
use storex_core::{Code, Entropy, EntropyExt, Error, Kind, Result, Secret, SystemEntropy};
use tokio::sync::OnceCell;

/// Longest time until a connection stands.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longest time of a call; more than the server allows itself.
const CALL_LIMIT: Duration = Duration::from_secs(75);
/// Largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// Time the server holds one question for an operation at rest, in seconds: it allows up to 60.
const ONE_QUESTION: &str = "30";
/// How many times in a row the server may be unreachable while somebody waits, as while it starts again.
const PATIENCE: u32 = 30;
/// First pause between two looks at an operation; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause between two looks at an operation.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// Bytes of chance in a key of our own.
const TICKET: usize = 16;
/// Pause after it was unreachable.
const UNREACHABLE_PAUSE: Duration = Duration::from_secs(1);

/// The use case that makes a store.
const CREATE: &str = "stores.create";

/// A client of one API.
#[derive(Debug)]
pub(crate) struct Remote {
    url: String,
    token: Secret<String>,
    client: OnceCell<(Url, Client)>,
}

/// The members of a problem document that are read.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    #[serde(default)]
    pointer: Option<String>,
    #[serde(default)]
    next_step: String,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    unclear: bool,
    #[serde(default)]
    context: Map<String, Value>,
    #[serde(default)]
    log: Vec<String>,
}

/// Members that name an operation: of an operation, or of a store.
#[derive(Deserialize)]
struct Found {
    id: Option<String>,
    operation: Option<String>,
    state: Option<String>,
}

impl Remote {
    pub(crate) fn new(settings: RemoteSettings) -> Self {
        Self { url: settings.url, token: Secret::new(settings.token), client: OnceCell::new() }
    }

    async fn client(&self) -> Result<&(Url, Client)> {
        self.client
            .get_or_try_init(|| async {
                let (url, here) = address(&self.url)?;
                storex_cloudflare::ensure_crypto_provider();
                let builder = Client::builder().redirect(reqwest::redirect::Policy::none()).connect_timeout(CONNECT_LIMIT);
                let builder = if here { builder.no_proxy() } else { builder };
                let broken = |error| Error::new(Code::Unusable, format!("no client for {}: {error}", self.url));
                Ok((url, builder.timeout(CALL_LIMIT).build().map_err(broken)?))
            })
            .await
    }

    async fn exchange(&self, route: Route, call: &Call) -> Outcome {
        let (base, client) = self.client().await?;
        let effect = route.method != Method::GET && !route.dry_run;
        let request = self.request(base, client, route, call)?;
        let doubtful = |error: Error| if effect { error.into_unclear() } else { error };
        let failed = |error: reqwest::Error| {
            let why = error.without_url();
            if why.is_connect() {
                Error::new(Code::Unavailable, format!("nothing answers at {}: {why}; is the controller running?", self.url))
            } else if why.is_timeout() {
                doubtful(Error::new(Code::Timeout, format!("{} does not answer", self.url)))
            } else {
                doubtful(Error::new(Code::Unavailable, format!("{} broke off the answer: {why}", self.url)))
            }
        };
        let mut response = client.execute(request).await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(Error::new(Code::Unavailable, "the answer is larger than 64 MiB").into());
            }
        }
        answer(&response, body)
    }

    fn request(&self, base: &Url, client: &Client, route: Route, call: &Call) -> Result<Request> {
        let unsendable = |why: &dyn std::fmt::Display| Error::new(Code::Unusable, format!("the request cannot be sent: {why}"));
        let mut url = base.clone();
        url.path_segments_mut().map_err(|()| unsendable(&"the address takes no path"))?.clear().extend(route.path);
        let mut builder = client.request(route.method, url).bearer_auth(self.token.expose());
        if !call.query.is_empty() {
            builder = builder.query(&call.query);
        }
        if route.dry_run {
            builder = builder.query(&[("dry_run", "true")]);
        }
        if let Some(key) = call.key.as_ref().or(call.ticket.get()) {
            let refuse =
                |_| Error::new(Code::InvalidField, "the key has characters no header can carry").pointer("/Idempotency-Key");
            builder = builder.header("idempotency-key", HeaderValue::from_bytes(key.as_bytes()).map_err(refuse)?);
        }
        if let Some(body) = &call.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        builder.build().map_err(|error| unsendable(&error.without_url()))
    }

    /// A creation always goes out with a key, one of our own if need be: whoever does not get its answer finds the operation by it.
    fn ticketed(call: &Call) -> Result<()> {
        if call.name == CREATE && call.key.is_none() && call.ticket.get().is_none() {
            let entropy: &dyn Entropy = &SystemEntropy;
            // Somebody else may have been faster; then that one counts.
            drop(call.ticket.set(format!("py-{}", entropy.hex(TICKET)?)));
        }
        Ok(())
    }

    /// The operation that a request has begun whose answer did not come.
    async fn find(&self, call: &Call) -> Option<String> {
        let look = match call.name.as_str() {
            CREATE => {
                let key = call.key.as_ref().or(call.ticket.get())?.clone();
                Call { query: vec![("idempotency_key".to_owned(), key)], ..Call::named("operations.find", "") }
            }
            "stores.delete" => Call::named("stores.get", &call.id),
            _ => return None,
        };
        let found: Found = serde_json::from_str(&self.exchange(route(&look).ok()?, &look).await.ok()?.document).ok()?;
        match found {
            Found { id: Some(id), .. } => Some(id),
            // Only of a store that is being deleted the operation is this one.
            Found { operation, state: Some(state), .. } if state == "deleting" => operation,
            Found { .. } => None,
        }
    }

    /// Asks again and again until the operation is at rest.
    async fn until_rest(&self, look: &Call) -> Outcome {
        let mut unreachable = 0;
        loop {
            match self.call(look).await {
                Ok(answer) if is_done(&answer.document) => return Ok(answer),
                Ok(_) => unreachable = 0,
                Err(failure) if unreachable < PATIENCE && failure.is_passing() => {
                    unreachable += 1;
                    tokio::time::sleep(UNREACHABLE_PAUSE).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

#[async_trait]
impl Backend for Remote {
    async fn call(&self, call: &Call) -> Outcome {
        Self::ticketed(call)?;
        let outcome = self.exchange(route(call)?, call).await;
        match (call.name.as_str(), outcome) {
            (_, Err(mut failure)) if failure.unclear && failure.operation.is_none() => {
                failure.operation = self.begun(call).await;
                Err(failure)
            }
            ("health", Ok(_)) => Answer::of(&json!({ "ready": true, "missing": "" })),
            ("health", Err(failure)) if failure.code == Code::PlatformNotReady.as_str() => {
                Answer::of(&json!({ "ready": false, "missing": failure.message }))
            }
            (_, outcome) => outcome,
        }
    }

    async fn rest(&self, id: &str, limit: Duration) -> Outcome {
        let look = Call::named("operations.get", id);
        let query = vec![("wait".to_owned(), ONE_QUESTION.to_owned())];
        match tokio::time::timeout(limit, self.until_rest(&Call { query, ..look.clone() })).await {
            Ok(outcome) => outcome,
            Err(_) => self.call(&look).await,
        }
    }

    async fn changed(&self, id: &str, seen: &str) -> Outcome {
        let look = Call::named("operations.get", id);
        let mut pause = FIRST_PAUSE;
        loop {
            match self.call(&look).await {
                Ok(answer) if answer.document != seen => return Ok(answer),
                Err(failure) if !failure.is_passing() => return Err(failure),
                _ => tokio::time::sleep(pause).await,
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn begun(&self, call: &Call) -> Option<String> {
        // The request may be on its way still.
        let found = async {
            loop {
                match self.find(call).await {
                    Some(operation) => return operation,
                    None => tokio::time::sleep(FIRST_PAUSE).await,
                }
            }
        };
        if call.begins() { tokio::time::timeout(LOOKED_FOR, found).await.ok() } else { None }
    }

    async fn stop(&self) {}
}

/// Where a call goes.
struct Route {
    method: Method,
    path: Vec<String>,
    dry_run: bool,
}

/// The route of a call. What is no identifier does not go out: its answer is known.
fn route(call: &Call) -> Result<Route> {
    let of = |method: Method, path: &[&str]| Route {
        method,
        path: path.iter().map(ToString::to_string).collect(),
        dry_run: call.name.contains("plan"),
    };
    let store = || call.store().map(|id| id.to_string());
    let operation = || call.operation().map(|id| id.to_string());
    Ok(match call.name.as_str() {
        "open" => of(Method::GET, &["healthz"]),
        "health" => of(Method::GET, &["readyz"]),
        CREATE | "stores.plan" => of(Method::POST, &["api", "stores"]),
        "stores.list" => of(Method::GET, &["api", "stores"]),
        "stores.get" => of(Method::GET, &["api", "stores", &store()?]),
        "stores.delete" | "stores.plan_delete" => of(Method::DELETE, &["api", "stores", &store()?]),
        "stores.purge" => of(Method::POST, &["api", "stores", &store()?, "cache", "purge"]),
        "stores.reissue" => of(Method::POST, &["api", "stores", &store()?, "certificate", "reissue"]),
        "stores.insight" => of(Method::GET, &["api", "stores", &store()?, "insight"]),
        "stores.rotate" => of(Method::POST, &["api", "stores", &store()?, "database", "rotate"]),
        "tunnel.show" => of(Method::GET, &["api", "tunnel", "connectors"]),
        "tunnel.reset" => of(Method::POST, &["api", "tunnel", "connectors", &call.connector()?.to_string(), "reset"]),
        "operations.find" => of(Method::GET, &["api", "operations"]),
        "operations.get" => of(Method::GET, &["api", "operations", &operation()?]),
        "operations.cancel" => of(Method::POST, &["api", "operations", &operation()?, "cancel"]),
        "operations.retry" => of(Method::POST, &["api", "operations", &operation()?, "retry"]),
        "drift" => of(Method::GET, &["api", "drift"]),
        "reconcile" => of(Method::POST, &["api", "reconcile"]),
        name => return Err(Error::new(Code::Unsupported, format!("a controller elsewhere has no use case {name}"))),
    })
}

/// The address of an API, and whether it is on this machine.
fn address(text: &str) -> Result<(Url, bool)> {
    let no_url = || Error::new(Code::Unusable, format!("{text:?} is no address such as http://127.0.0.1:8080"));
    let url: Url = text.parse().map_err(|_| no_url())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.path() == "/";
    let (true, Some(host)) = (plain, url.host_str()) else { return Err(no_url()) };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let here = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => Ok((url, here)),
        "http" if here => Ok((url, here)),
        "http" => {
            let why = format!("{text} cannot be reached safely: the token would travel readable; use https, or forward its port");
            Err(Error::new(Code::Unsupported, why))
        }
        _ => Err(no_url()),
    }
}

fn answer(response: &Response, body: Vec<u8>) -> Outcome {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let status = response.status();
    if !status.is_success() {
        let retry_after = header(RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
        return Err(Box::new(Failure { retry_after, ..failure(status, &body) }));
    }
    let foreign = |_| Error::new(Code::Unavailable, "the answer is not JSON, so no storex gave it");
    let document = String::from_utf8(body).map_err(foreign)?;
    if serde_json::from_str::<&serde_json::value::RawValue>(&document).is_err() {
        return Err(Error::new(Code::Unavailable, "the answer is not JSON, so no storex gave it").into());
    }
    let operation = header("operation-location").and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    Ok(Answer { document, operation, replayed: header("idempotency-replayed") == Some("true") })
}

/// The failure a problem document tells of. A code this version does not know counts by its HTTP status.
fn failure(status: StatusCode, body: &[u8]) -> Failure {
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else { return foreign(status) };
    let by_status = match status.as_u16() {
        401 => Kind::Unauthenticated,
        403 => Kind::Denied,
        404 => Kind::NotFound,
        409 => Kind::Conflict,
        400..=499 => Kind::Invalid,
        500 => Kind::Internal,
        _ => Kind::Unavailable,
    };
    Failure {
        kind: class(Code::parse(&problem.code).map_or(by_status, |code| code.entry().kind)),
        code: problem.code,
        message: problem.detail,
        pointer: problem.pointer,
        operation: problem.operation,
        next_step: problem.next_step,
        unclear: problem.unclear,
        context: problem.context,
        log: problem.log,
        retry_after: None,
    }
}

/// The failure behind an answer without a problem document, as something between us and the API may give.
fn foreign(status: StatusCode) -> Failure {
    let code = match status.as_u16() {
        401 | 403 => Code::Unauthenticated,
        404 => Code::NotFound,
        _ => Code::Unavailable,
    };
    let why = format!("the answer is {status} without a problem document, so no storex gave it");
    Failure::from(&Error::new(code, why))
}
