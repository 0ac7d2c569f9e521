//! The one place every call to Cloudflare passes: call budget, time limits, repeats of reads.

use crate::api;
use crate::budget::{Budget, Quota, UnderWay};
use crate::builder::CloudflareClientBuilder;
use crate::endpoint::Endpoint;
use crate::error::{Failure, Refusal};
use crate::http::Http;
use crate::lane::Lane;
use crate::rate_headers::RateHeaders;
use crate::taxonomy::Meaning;
use crate::wire::{AccountId, Answer, TokenFacts, TokenOwner, TokenStatus};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{Clock, Code, Error, Result, remaining};

/// How often a read is sent at most.
const READ_ATTEMPTS: u32 = 3;
/// Pause before the first repeat of a read; doubled for each further one.
const REPEAT_PAUSE: Duration = Duration::from_millis(250);

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// One exchange.
    pub(crate) request: Duration,
    /// A call with its repeats, from the first exchange on.
    pub(crate) hard: Duration,
    /// How long after its deadline a call's effect can still appear.
    pub(crate) late_effects: Duration,
    /// How long a read somebody waits for stands in line for its turn.
    pub(crate) patience: Duration,
}

/// A client of the Cloudflare v4 API. Clones share the call budget and the connections; all users of one token in a process belong on clones of one
/// client.
///
/// # Guarantees
/// At most 1,080 calls in any five minutes and 100 in any second, fewer when the rate headers say that others draw on the same budget; nothing at
/// all after an answer 429 until the time it names. Calls over the budget wait in the order they came, those of [`in_background`](crate::in_background)
/// behind all others, and are refused with `rate_limited` and the time there is room when that is after their deadline. Reads are repeated up to three
/// times when Cloudflare cannot be reached or answers nothing usable; calls with an effect are sent once. Redirects are not followed, no proxy is
/// used, and the token is in no error, log line or `Debug` output.
///
/// # Cancellation
/// Dropping a call before its turn sends nothing; dropping it later leaves its effect in doubt.
#[derive(Clone)]
pub struct CloudflareClient(Arc<Inner>);

struct Inner {
    http: Http,
    budget: Budget,
    clock: Arc<dyn Clock>,
    account: Option<AccountId>,
    limits: Limits,
}

impl CloudflareClient {
    /// Begins to set up a client.
    pub fn builder() -> CloudflareClientBuilder {
        CloudflareClientBuilder::default()
    }

    pub(crate) fn assemble(
        http: Http,
        budget: Budget,
        clock: Arc<dyn Clock>,
        account: Option<AccountId>,
        limits: Limits,
    ) -> Self {
        Self(Arc::new(Inner { http, budget, clock, account, limits }))
    }

    /// The account it was told to work in.
    pub fn account(&self) -> Option<&AccountId> {
        self.0.account.as_ref()
    }

    /// How long after a call's deadline its effect can still appear.
    pub(crate) fn late_effect_window(&self) -> Duration {
        self.0.limits.late_effects
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Checks the token: as a user's, and when Cloudflare does not know it as one, as the account's. One that ends within fourteen days is warned of in
    /// the log.
    ///
    /// # Errors
    /// `cloudflare_denied` when it is unknown, disabled or expired; `unavailable`, `timeout`, `rate_limited`, `cloudflare_answer`.
    pub async fn verify_token(&self, account: Option<&AccountId>) -> Result<TokenFacts> {
        let facts = self.token_facts(account).await.map_err(|error| error.during("cloudflare.verify_token"))?;
        if facts.status != TokenStatus::Active {
            return Err(Error::new(Code::CloudflareDenied, format!("the Cloudflare API token is {}", facts.status))
                .during("cloudflare.verify_token"));
        }
        if let Some(left) = facts.ends_soon(self.now()) {
            tracing::warn!(days = left.as_secs() / 86_400, "the Cloudflare API token ends soon");
        }
        Ok(facts)
    }

    /// What is known of the token, active or not.
    pub(crate) async fn token_facts(&self, account: Option<&AccountId>) -> Result<TokenFacts> {
        let unknown = |failure: &Failure| matches!(failure, Failure::Refused(refusal) if matches!(refusal.meaning(), Meaning::InvalidToken | Meaning::Forbidden));
        let (owner, answer) = match (self.read(&api::token::verify_of_user(), None).await, account.or(self.account())) {
            (Err(failure), Some(account)) if unknown(&failure) => {
                (TokenOwner::Account, self.read(&api::token::verify_of_account(account), None).await)
            }
            (first, _) => (TokenOwner::User, first),
        };
        Ok(answer?.result.facts(owner))
    }

    /// Sends a read, repeating it while it can help. Without a deadline a read in the background waits for its turn however long that takes, any other
    /// for the client's patience.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint<T>,
        deadline: Option<Timestamp>,
    ) -> Result<Answer<T>, Failure> {
        let lane = Lane::of_task();
        let patience = || self.now().checked_add(self.0.limits.patience).ok().filter(|_| lane == Lane::Interactive);
        let mut stop = deadline;
        let mut pause = REPEAT_PAUSE;
        for attempt in 1.. {
            let turn = self.turn(endpoint, lane, stop.or_else(patience)).await?;
            if attempt == 1 {
                let hard = self.now().checked_add(self.0.limits.hard).ok();
                stop = [stop, hard].into_iter().flatten().min();
            }
            let sent = self.exchange(endpoint, stop, turn).await;
            let repeatable = matches!(sent, Err(Failure::Unsent(_) | Failure::Doubt(_)));
            let in_time = stop.is_none_or(|stop| remaining(self.now(), stop) > pause);
            if !repeatable || !in_time || attempt >= READ_ATTEMPTS {
                return sent;
            }
            self.0.clock.sleep(pause).await;
            pause *= 2;
        }
        Err(Failure::Unsent(Error::new(Code::Internal, "a read was never sent")))
    }

    /// Sends a call with an effect, once. It never stands behind sweeps.
    pub(crate) async fn effect<T: DeserializeOwned>(&self, endpoint: &Endpoint<T>, deadline: Timestamp) -> Result<T, Failure> {
        let turn = self.turn(endpoint, Lane::Interactive, Some(deadline)).await?;
        Ok(self.exchange(endpoint, Some(deadline), turn).await?.result)
    }

    /// Waits for the call's turn.
    async fn turn<T>(&self, endpoint: &Endpoint<T>, lane: Lane, deadline: Option<Timestamp>) -> Result<UnderWay<'_>, Failure> {
        let turn = self.0.budget.admit(lane, endpoint.quota, deadline).await;
        turn.map_err(|error| Failure::Unsent(error.with("detail", endpoint.name())))
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint<T>,
        deadline: Option<Timestamp>,
        turn: UnderWay<'_>,
    ) -> Result<Answer<T>, Failure> {
        let left = deadline.map_or(Duration::MAX, |deadline| remaining(self.now(), deadline));
        if left.is_zero() {
            let message = format!("the deadline had passed before {} was sent", endpoint.name());
            return Err(Failure::Unsent(Error::new(Code::Timeout, message)));
        }
        // Analytics have a limit of their own, and their headers speak of that.
        let learn = |rates: &RateHeaders| {
            if endpoint.quota != Quota::Analytics {
                self.0.budget.learn(rates);
            }
        };
        let sent = self.0.http.send(endpoint, left.min(self.0.limits.request), learn).await;
        tracing::debug!(call = endpoint.name(), outcome = outcome(&sent), "called Cloudflare");
        if let Err(Failure::Refused(refusal)) = &sent {
            self.obey(refusal);
        }
        drop(turn);
        sent
    }

    /// Obeys a refusal that asks to slow down. A 429 that leaves calls in the budget can only be about what the call draws on besides; too many pending
    /// zones hold up new zones and nothing else, and a call with a pace of its own holds up nothing.
    fn obey(&self, refusal: &Refusal) {
        let (meaning, pause) = (refusal.meaning(), refusal.pause());
        match meaning {
            Meaning::Throttled if refusal.is_about_its_quota() && refusal.quota == Quota::Calls => {}
            Meaning::Throttled if refusal.is_about_its_quota() => self.0.budget.close_quota(refusal.quota, pause),
            Meaning::TooManyPending => self.0.budget.close_quota(Quota::ZoneSignup, pause),
            Meaning::Throttled => {
                tracing::warn!(call = refusal.call, seconds = pause.as_secs(), "Cloudflare asks to slow down");
                self.0.budget.close(pause);
            }
            _ => {}
        }
    }
}

fn outcome<T>(sent: &Result<Answer<T>, Failure>) -> &'static str {
    match sent {
        Ok(_) => "success",
        Err(Failure::Unsent(_)) => "unsent",
        Err(Failure::Refused(_)) => "refused",
        Err(Failure::Doubt(_)) => "in doubt",
    }
}

impl fmt::Debug for CloudflareClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudflareClient")
            .field("base_url", &self.0.http.base())
            .field("account", &self.0.account)
            .field("limits", &self.0.limits)
            .field("budget", &self.0.budget)
            .finish_non_exhaustive()
    }
}
