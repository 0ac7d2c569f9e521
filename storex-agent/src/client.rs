//! The agent's API seen from the controller: a store host at the other end of HTTP.

use crate::wire::{Applied, Lines, Listed, PACKAGE, SentDeployment, problem_of};
use async_trait::async_trait;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, Url};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{
    Clock, Code, Deployed, EffectCx, Error, HostFacts, Hostname, Part, PartFacts, Result, Secret, StoreHost, StoreId,
    StorePackage, Visit, remaining,
};

/// Longest wait for any answer.
const LONGEST: Duration = Duration::from_mins(1);
const CONNECT: Duration = Duration::from_secs(5);

/// A store host behind the agent's HTTP service, on loopback.
#[derive(Clone, Debug)]
pub struct AgentClient {
    base: Url,
    token: Arc<Secret<String>>,
    http: Client,
    clock: Arc<dyn Clock>,
}

/// Whether an answer that never came leaves an effect in doubt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nature {
    Reads,
    Changes,
}

impl AgentClient {
    /// A client of the service at this address.
    ///
    /// It takes nothing from the environment: no proxy, no certificates. It opens no connection yet.
    ///
    /// # Errors
    /// `unusable` for an address that is not loopback: the service speaks plain HTTP.
    pub fn new(address: SocketAddr, token: Secret<String>, clock: Arc<dyn Clock>) -> Result<Self> {
        if !address.ip().is_loopback() {
            return Err(Error::new(
                Code::Unusable,
                format!("the agent's address {address} is not loopback; its service speaks plain HTTP"),
            ));
        }
        let broken =
            |error: &dyn std::fmt::Display| Error::new(Code::Internal, format!("no client for the agent at {address}: {error}"));
        let base = Url::parse(&format!("http://{address}/")).map_err(|error| broken(&error))?;
        // A client is built with a TLS provider even when it never uses TLS.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| broken(&error))?;
        let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .build()
            .map_err(|error| broken(&error))?;
        Ok(Self { base, token: Arc::new(token), http, clock })
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().push("v1").extend(path);
        }
        self.http.request(method, url).bearer_auth(self.token.expose())
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        answer(request.timeout(LONGEST), Nature::Reads).await
    }

    async fn change<T: DeserializeOwned>(&self, cx: &EffectCx, request: RequestBuilder) -> Result<T> {
        let left = remaining(self.clock.now(), cx.deadline);
        if left.is_zero() {
            return Err(Error::new(Code::Timeout, "the deadline had passed before anything was sent"));
        }
        answer(request.timeout(left.min(LONGEST)), Nature::Changes).await
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder, nature: Nature) -> Result<T> {
    let doubt = |error: Error| {
        if nature == Nature::Changes { error.into_unclear() } else { error }
    };
    let response = request.send().await.map_err(|error| failure(&error, nature))?;
    let status = response.status();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = response.bytes().await.map_err(|error| failure(&error, nature))?;
    if !status.is_success() {
        let error = problem_of(status.as_u16(), content_type.as_deref(), &body);
        return Err(in_the_package(error));
    }
    serde_json::from_slice(&body)
        .map_err(|error| doubt(Error::new(Code::HostRefused, format!("the store host's answer cannot be read: {error}"))))
}

/// The service points into its document; a [`StoreHost`] points into the package.
fn in_the_package(error: Error) -> Error {
    let pointer = error.pointer_str().and_then(|pointer| pointer.strip_prefix(PACKAGE)).map(str::to_owned);
    match pointer {
        Some(pointer) => error.pointer(pointer),
        None => error,
    }
}

/// A connection that never came about carried nothing; any later failure leaves a change in doubt.
fn failure(error: &reqwest::Error, nature: Nature) -> Error {
    // The error's own text names the URL only; the token is in a header.
    let code = if error.is_timeout() && !error.is_connect() { Code::Timeout } else { Code::Unavailable };
    let told = Error::new(code, format!("the store host did not answer: {}", innermost(error)));
    if nature == Nature::Changes && !error.is_connect() { told.into_unclear() } else { told }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[async_trait]
impl StoreHost for AgentClient {
    async fn facts(&self) -> Result<HostFacts> {
        self.read(self.request(Method::GET, &["host"])).await
    }

    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>> {
        match self.read(self.request(Method::GET, &["deployments", &store.to_string()])).await {
            Err(error) if error.code() == Code::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    async fn list(&self) -> Result<Vec<Deployed>> {
        let listed: Listed = self.read(self.request(Method::GET, &["deployments"])).await?;
        Ok(listed.deployments)
    }

    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        let body =
            SentDeployment { store_deployment: package, apply: &[part], mark: &cx.mark, epoch: cx.epoch, deadline: cx.deadline };
        let mut applied: Applied = self.change(cx, self.request(Method::POST, &["deployments"]).json(&body)).await?;
        applied
            .parts
            .remove(&part)
            .ok_or_else(|| Error::unclear(Code::HostRefused, format!("the store host's answer lacks the {part} part")))
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        let query = [
            ("parts", part.to_string()),
            ("mark", cx.mark.to_string()),
            ("epoch", cx.epoch.to_string()),
            ("deadline", cx.deadline.to_string()),
        ];
        let request = self.request(Method::DELETE, &["deployments", &store.to_string()]).query(&query);
        self.change::<serde_json::Value>(cx, request).await.map(drop)
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        self.read(self.request(Method::GET, &["visit"]).query(&[("host", name.as_str()), ("path", path)])).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        let request = self.request(Method::GET, &["deployments", &store.to_string(), "logs"]).query(&[("lines", lines)]);
        let answer: Lines = self.read(request).await?;
        Ok(answer.lines)
    }
}
