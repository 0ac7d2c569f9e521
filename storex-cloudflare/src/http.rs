//! One HTTP exchange: sends a call once and says what became of it.

use crate::base_url::BaseUrl;
use crate::budget::Quota;
use crate::endpoint::Endpoint;
use crate::error::{Failure, Refusal};
use crate::rate_headers::RateHeaders;
use crate::taxonomy::{Meaning, meaning};
use crate::tls::ensure_crypto_provider;
use crate::wire::{self, Answer, ApiError, Reading};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Response, redirect, retry};
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;
use storex_core::{Code, Error, Result, Secret};

/// Longest answer read: a tunnel document of 50,000 rules has about 5 MB.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;
/// Connections unused for longer are not used again, so that a call seldom meets one the other side has just closed.
const IDLE: Duration = Duration::from_secs(20);

/// An HTTP client that talks to one address with one token: no proxy, no redirects, no repeats.
pub(crate) struct Http {
    client: reqwest::Client,
    base: BaseUrl,
    token: Secret<String>,
    authorization: HeaderValue,
}

impl Http {
    /// Builds the client. On plain loopback http no certificate is trusted at all; else those of the machine are.
    ///
    /// # Errors
    /// `unusable` when the token cannot be sent in a header or the machine has no certificates.
    pub(crate) fn new(base: BaseUrl, token: Secret<String>, connect: Duration) -> Result<Self> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .ok()
            .filter(|_| !token.expose().is_empty() && token.expose().bytes().all(|b| b.is_ascii_graphic()))
            .ok_or_else(|| Error::new(Code::Unusable, "the Cloudflare API token is empty or holds characters no token has"))?;
        authorization.set_sensitive(true);
        ensure_crypto_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("storex/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(connect)
            .pool_idle_timeout(IDLE);
        if base.is_plain_loopback() {
            builder = builder.tls_certs_only([]);
        }
        let client = builder
            .build()
            .map_err(|error| Error::new(Code::Unusable, "cannot set up TLS for Cloudflare").caused_by(error.without_url()))?;
        Ok(Self { client, base, token, authorization })
    }

    /// The address calls go to.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str()
    }

    /// Sends the call once and waits at most `timeout` for the whole answer. `learn` is told what the headers of an answer say about the rate of
    /// calls, whatever becomes of its body.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint<T>,
        timeout: Duration,
        learn: impl FnOnce(&RateHeaders),
    ) -> Result<Answer<T>, Failure> {
        let url = format!("{}{}", self.base.as_str(), endpoint.path);
        let mut request = self.client.request(endpoint.method.clone(), url).query(&endpoint.query).timeout(timeout);
        if let Some(body) = &endpoint.body {
            request = request.json(body);
        }
        let response = match request.header(AUTHORIZATION, self.authorization.clone()).send().await {
            Ok(response) => response,
            Err(error) => return Err(self.broken(endpoint, error)),
        };
        let status = response.status().as_u16();
        let rates = RateHeaders::read(response.headers());
        learn(&rates);
        let body = match whole_body(response).await {
            Ok(body) => body,
            // The status alone settles a 429, whatever became of its body.
            Err(_) if status == 429 => Vec::new(),
            Err(Some(error)) => return Err(self.broken(endpoint, error)),
            Err(None) => {
                return Err(doubt(endpoint, Code::CloudflareAnswer, "answered more than anybody would read").with_status(status));
            }
        };
        let refusal = |errors| Refusal {
            call: endpoint.name(),
            status,
            errors: self.scrubbed(errors),
            retry_after: rates.retry_after,
            calls_left: rates.least_left(),
            removal: endpoint.method == Method::DELETE,
            quota: endpoint.quota,
            paced: endpoint.paced,
        };
        let read = if endpoint.text { wire::read_text::<T> } else { wire::read::<T> };
        match read(status, &body) {
            Reading::Success(answer) => Ok(answer),
            Reading::Refused(errors) => Err(judged(endpoint, refusal(errors))),
            Reading::Unreadable(_) if status == 429 => Err(Failure::Refused(refusal(Vec::new()))),
            Reading::Unreadable(_) if status >= 500 => {
                Err(doubt(endpoint, Code::Unavailable, "failed on Cloudflare's side").with_status(status))
            }
            Reading::Unreadable(why) => {
                Err(doubt(endpoint, Code::CloudflareAnswer, format!("got an answer that {why}")).with_status(status))
            }
        }
    }

    /// No whole answer came.
    fn broken<T>(&self, endpoint: &Endpoint<T>, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        if error.is_builder() {
            return Failure::Unsent(
                Error::new(Code::Internal, format!("cannot build the request for {}", endpoint.name())).caused_by(error),
            );
        }
        if error.is_connect() {
            let message = format!("cannot reach Cloudflare at {}", self.base.as_str());
            return Failure::Unsent(Error::new(Code::Unavailable, message).caused_by(error));
        }
        let found = if error.is_timeout() {
            doubt(endpoint, Code::Timeout, "got no answer in time")
        } else {
            doubt(endpoint, Code::Unavailable, "lost its connection before the answer was whole")
        };
        match found {
            Failure::Doubt(inner) => Failure::Doubt(inner.caused_by(error)),
            other => other,
        }
    }

    /// Cloudflare's texts, short, without the token should one repeat it.
    fn scrubbed(&self, errors: Vec<ApiError>) -> Vec<ApiError> {
        let clean = |mut error: ApiError| {
            error.message = error.message.replace(self.token.expose(), "***").chars().take(300).collect();
            error.error_chain = self.scrubbed(error.error_chain);
            error
        };
        errors.into_iter().take(5).map(clean).collect()
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("base", &self.base).field("token", &self.token).finish_non_exhaustive()
    }
}

/// A refusal that blames Cloudflare's own side leaves the effect in doubt.
fn judged<T>(endpoint: &Endpoint<T>, refusal: Refusal) -> Failure {
    if meaning(refusal.status, &refusal.errors) != Meaning::ServerFailure {
        return Failure::Refused(refusal);
    }
    let mut failure = doubt(endpoint, Code::Unavailable, "failed on Cloudflare's side").with_status(refusal.status);
    if let (Failure::Doubt(error), Some(first)) = (&mut failure, refusal.errors.first()) {
        let told = std::mem::replace(error, Error::new(Code::Internal, ""));
        *error = told.with("cloudflare_code", first.code).with("cloudflare_message", &first.message);
    }
    failure
}

fn doubt<T>(endpoint: &Endpoint<T>, code: Code, what: impl fmt::Display) -> Failure {
    let error = Error::new(code, format!("{} {what}", endpoint.name()));
    // Asking analytics changes nothing, though it is a POST.
    let reads = endpoint.method == Method::GET || endpoint.quota == Quota::Analytics;
    Failure::Doubt(if reads { error } else { error.into_unclear() })
}

impl Failure {
    fn with_status(self, status: u16) -> Self {
        match self {
            Self::Doubt(error) => Self::Doubt(error.with("status", status)),
            other => other,
        }
    }
}

/// The whole body, or the error that cut it short; `None` when it is too long.
async fn whole_body(mut response: Response) -> Result<Vec<u8>, Option<reqwest::Error>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Some)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_no_header_can_hold_is_refused_without_being_shown() {
        for bad in ["", "canary\r\nX-Evil: 1", "canary space", "canaryé"] {
            let base = BaseUrl::parse("http://127.0.0.1:1", true).expect("loopback");
            let error = Http::new(base, Secret::new(bad.to_owned()), IDLE).expect_err("unusable");
            assert_eq!(error.code(), Code::Unusable);
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
}
