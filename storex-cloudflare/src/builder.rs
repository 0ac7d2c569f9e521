//! How a client is set up.

use crate::base_url::{BaseUrl, CLOUDFLARE};
use crate::budget::{Budget, Limit, Rates};
use crate::client::{CloudflareClient, Limits};
use crate::http::Http;
use crate::wire::AccountId;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{Clock, Code, Error, Result, Secret, SystemClock};

/// Time Cloudflare is given, beyond the last moment at which a call is waited for, to finish what it began.
const LATE_MARGIN: Duration = Duration::from_secs(15);

/// Settings of a [`CloudflareClient`]. Only the token is required.
#[derive(Debug)]
#[must_use]
pub struct CloudflareClientBuilder {
    base_url: String,
    token: Option<Secret<String>>,
    account: Option<AccountId>,
    clock: Arc<dyn Clock>,
    loopback_only: bool,
    connect_timeout: Duration,
    request_timeout: Duration,
    hard_deadline: Duration,
    late_effect_window: Option<Duration>,
    patience: Duration,
    rates: Rates,
    unlimited: bool,
}

impl Default for CloudflareClientBuilder {
    fn default() -> Self {
        Self {
            base_url: CLOUDFLARE.to_owned(),
            token: None,
            account: None,
            clock: Arc::new(SystemClock),
            loopback_only: false,
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(15),
            hard_deadline: Duration::from_secs(30),
            late_effect_window: None,
            patience: Duration::from_secs(20),
            rates: Rates::default(),
            unlimited: false,
        }
    }
}

impl CloudflareClientBuilder {
    /// Where the API is; `https://api.cloudflare.com/client/v4` unless said otherwise. Plain http is taken on loopback only.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// The API token.
    pub fn token(mut self, token: Secret<String>) -> Self {
        self.token = Some(token);
        self
    }

    /// The account to work in; without it, the account of the primary zone.
    pub fn account(mut self, account: Option<AccountId>) -> Self {
        self.account = account;
        self
    }

    /// Where the time comes from; the machine's clock unless said otherwise.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Refuses a base URL that is not on this machine: what tests, the demo and the bench ask for.
    pub fn loopback_only(mut self, only: bool) -> Self {
        self.loopback_only = only;
        self
    }

    /// How long a connection may take; 3 s unless said otherwise.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long one exchange may take; 15 s unless said otherwise.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// How long a call with its repeats may take once its first exchange was let through; 30 s unless said otherwise.
    pub fn hard_deadline(mut self, limit: Duration) -> Self {
        self.hard_deadline = limit;
        self
    }

    /// How long after a call's deadline its effect can still appear; the hard deadline and 15 s unless said otherwise.
    pub fn late_effect_window(mut self, window: Duration) -> Self {
        self.late_effect_window = Some(window);
        self
    }

    /// At most `calls` calls in any `window`; 1,080 in 300 s and 100 in 1 s unless said otherwise (Cloudflare's limits are 1,200 and 200).
    pub fn budget(mut self, calls: usize, window: Duration) -> Self {
        (self.rates.calls, self.rates.further) = (Limit::new(calls, window), Vec::new());
        self
    }

    /// At most `zones` zones added in any `window`; 25 in 10 minutes unless said otherwise (Cloudflare's limit).
    pub fn zone_signups(mut self, zones: usize, window: Duration) -> Self {
        self.rates.signups = Limit::new(zones, window);
        self
    }

    /// At most this many certificates for custom hostnames asked for in any `window`; 15 in one minute unless said otherwise (Cloudflare's limit).
    pub fn hostname_certificates(mut self, certificates: usize, window: Duration) -> Self {
        self.rates.certificates = Limit::new(certificates, window);
        self
    }

    /// At most this many queries of analytics in any `window`; 270 in five minutes unless said otherwise (Cloudflare's limit is 300).
    pub fn analytics_queries(mut self, queries: usize, window: Duration) -> Self {
        self.rates.queries = Limit::new(queries, window);
        self
    }

    /// How long a read without a deadline waits for its turn before it is refused with `rate_limited`; 20 s unless said otherwise. A read in the
    /// background waits without end.
    pub fn read_patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// Sends everything at once, whatever the rate headers and answers 429 say: the control of a test that shows what the budget is for. On this machine
    /// only.
    pub fn unlimited(mut self) -> Self {
        self.unlimited = true;
        self
    }

    /// The client. Sends nothing.
    ///
    /// # Errors
    /// `unusable` when the token is missing or cannot be sent, the base URL may not be used, or the machine has no certificates to trust.
    pub fn build(self) -> Result<CloudflareClient> {
        let base = BaseUrl::parse(&self.base_url, self.loopback_only || self.unlimited)?;
        let token = self.token.ok_or_else(|| Error::new(Code::Unusable, "no Cloudflare API token was given"))?;
        let http = Http::new(base, token, self.connect_timeout)?;
        let budget = Budget::new(Arc::clone(&self.clock), (!self.unlimited).then_some(self.rates));
        let limits = Limits {
            request: self.request_timeout,
            hard: self.hard_deadline,
            late_effects: self.late_effect_window.unwrap_or(self.hard_deadline + LATE_MARGIN),
            patience: self.patience,
        };
        Ok(CloudflareClient::assemble(http, budget, self.clock, self.account, limits))
    }
}
