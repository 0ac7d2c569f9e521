//! What a failure means: was the call refused, was it never sent, or is its effect in doubt; and which storex code says so.

use crate::budget::Quota;
use crate::taxonomy::{CERTIFICATE_PAUSE, DEFAULT_PAUSE, Meaning, Standing, meaning};
use crate::wire::ApiError;
use std::time::Duration;
use storex_core::{Code, Error};

/// Why a call did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Proved: not one byte of the call was sent.
    Unsent(Error),
    /// Cloudflare said no; nothing happened.
    Refused(Refusal),
    /// Sent, and no usable answer came: timeouts, resets, 5xx, undecodable answers. The error is unclear where the call has an effect.
    Doubt(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unsent(error) | Failure::Doubt(error) => error,
            Failure::Refused(refusal) => refusal.into(),
        }
    }
}

/// A refusal as Cloudflare put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What was called, such as `POST /zones`.
    pub(crate) call: String,
    /// HTTP status.
    pub(crate) status: u16,
    /// Cloudflare's errors, possibly none.
    pub(crate) errors: Vec<ApiError>,
    /// `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    /// The least that is left of any quota by the rate headers.
    pub(crate) calls_left: Option<usize>,
    /// Whether the call was to remove what it names.
    pub(crate) removal: bool,
    /// What the call draws on besides the call budget.
    pub(crate) quota: Quota,
    /// Whether what the call names has a pace of its own.
    pub(crate) paced: bool,
}

impl Refusal {
    /// What it is about.
    pub(crate) fn meaning(&self) -> Meaning {
        meaning(self.status, &self.errors)
    }

    /// How the call stands.
    pub(crate) fn standing(&self) -> Standing {
        self.meaning().standing(self.removal)
    }

    /// A zone of this name exists in the account.
    pub(crate) fn is_zone_exists(&self) -> bool {
        self.meaning() == Meaning::ZoneExists
    }

    /// A tunnel of this name exists (cloudflared maps any 409 to it).
    pub(crate) fn is_tunnel_exists(&self) -> bool {
        self.status == 409 || self.meaning() == Meaning::AlreadyExists
    }

    /// A custom hostname of this name exists, in this zone or another one.
    pub(crate) fn is_hostname_exists(&self) -> bool {
        self.meaning() == Meaning::AlreadyExists
    }

    /// The custom hostname in the path does not exist.
    pub(crate) fn is_hostname_missing(&self) -> bool {
        self.errors.iter().any(|error| error.code == HOSTNAME_MISSING)
    }

    /// A 429 that is about what the call draws on besides, not about the call budget: the budget has calls left, or, for certificates, the headers do
    /// not say that it has none. A budget that is used up after all says so at the next call.
    pub(crate) fn is_about_its_quota(&self) -> bool {
        self.meaning() == Meaning::Throttled
            && match self.quota {
                Quota::Calls => self.paced && self.calls_left.is_some_and(|left| left > 0),
                Quota::ZoneSignup => self.calls_left.is_some_and(|left| left > 0),
                Quota::HostnameCertificate => self.calls_left != Some(0),
                Quota::Analytics => true,
            }
    }

    /// A record is in the way, perhaps one exactly as asked.
    pub(crate) fn is_record_conflict(&self) -> bool {
        matches!(self.meaning(), Meaning::Identical | Meaning::InTheWay)
    }

    /// More records than the zone's plan holds, or more changes than a batch takes.
    pub(crate) fn is_quota(&self) -> bool {
        self.meaning() == Meaning::Quota
    }

    /// A record that was to be deleted or changed is gone.
    pub(crate) fn is_record_missing(&self) -> bool {
        self.errors.iter().any(|error| error.code == RECORD_MISSING)
    }

    /// What the path names does not exist.
    pub(crate) fn is_missing(&self) -> bool {
        self.status == 404
    }

    /// Cloudflare may mean that the zone in the path is gone: it does not tell an unknown zone from a forbidden one, nor from one so young
    /// that its rights have not spread yet (octodns/octodns-cloudflare issue 108).
    pub(crate) fn may_be_about_the_zone(&self) -> bool {
        (self.meaning() == Meaning::Forbidden || self.is_missing()) && !self.is_record_missing()
    }

    /// How long to wait when throttled.
    pub(crate) fn pause(&self) -> Duration {
        let certificates = self.quota == Quota::HostnameCertificate && self.is_about_its_quota();
        let usual = if certificates { Some(CERTIFICATE_PAUSE) } else { self.meaning().pause() };
        self.retry_after.or(usual).unwrap_or(DEFAULT_PAUSE)
    }
}

/// The custom hostname was not found (docs, "Custom hostname status codes").
const HOSTNAME_MISSING: i64 = 1436;

/// The record to change or delete does not exist.
const RECORD_MISSING: i64 = 81044;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let meaning = refusal.meaning();
        let colon = if meaning.words().is_empty() { "" } else { ": " };
        let message = format!("Cloudflare refused {}{colon}{}", refusal.call, meaning.words());
        let mut error = Self::new(meaning.code(), message).with("status", refusal.status);
        for first in refusal.errors.iter().take(1) {
            error = error.with("cloudflare_code", first.code).with("cloudflare_message", &first.message);
            for below in &first.error_chain {
                error = error.with("cloudflare_code", below.code).with("cloudflare_message", &below.message);
            }
        }
        if meaning.code() == Code::InvalidDomain {
            error = error.pointer("/domain");
        }
        match refusal.standing() {
            Standing::Pending => error.retry_after(refusal.pause()),
            Standing::Unclear => error.into_unclear(),
            Standing::Done | Standing::Refused => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: i64) -> Refusal {
        let errors = vec![ApiError { code, message: "no".to_owned(), error_chain: Vec::new() }];
        let call = "POST /zones".to_owned();
        Refusal { call, status, errors, retry_after: None, calls_left: None, removal: false, quota: Quota::Calls, paced: false }
    }

    #[test]
    fn a_pause_is_what_cloudflare_said_or_five_minutes() {
        assert_eq!(Error::from(refusal(429, 971)).retry_delay(), Some(Duration::from_mins(5)));
        let said = Refusal { retry_after: Some(Duration::from_secs(7)), ..refusal(429, 971) };
        assert_eq!(Error::from(said).retry_delay(), Some(Duration::from_secs(7)));
        assert_eq!(Error::from(refusal(400, 1061)).retry_delay(), None);
    }

    #[test]
    fn a_429_about_certificates_waits_thirty_seconds_and_one_about_calls_five_minutes() {
        let certificate = Refusal { quota: Quota::HostnameCertificate, ..refusal(429, 1498) };
        let (half, five) = (Duration::from_secs(30), Duration::from_mins(5));
        for (calls_left, about_it, pause) in [(None, true, half), (Some(800), true, half), (Some(0), false, five)] {
            let one = Refusal { calls_left, ..certificate.clone() };
            assert_eq!((one.is_about_its_quota(), one.pause()), (about_it, pause), "{calls_left:?}");
        }
        let said = Refusal { retry_after: Some(Duration::from_secs(7)), ..certificate };
        assert_eq!(said.pause(), Duration::from_secs(7));
        let signup = Refusal { quota: Quota::ZoneSignup, ..refusal(429, 971) };
        assert_eq!((signup.is_about_its_quota(), signup.pause()), (false, five));
    }

    #[test]
    fn an_error_says_in_words_what_the_number_means_and_keeps_the_number() {
        let error = Error::from(refusal(400, 1118));
        assert_eq!(error.message(), "Cloudflare refused POST /zones: too many zones are still pending");
        assert!(error.context().any(|(key, value)| key == "cloudflare_code" && value == "1118"), "{error}");
        assert_eq!(Error::from(refusal(400, 4_294_967_296)).message(), "Cloudflare refused POST /zones");
    }
}
