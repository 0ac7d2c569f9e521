//! What a failure means: was the call refused, was it never sent, or is its effect in doubt; and which storex code says so.
//!
//! Codes and texts of Cloudflare are those seen in its documentation ("Cannot add domain", "DNS records: FAQ", API rate limits) and in public
//! reports (favonia/cloudflare-ddns issue 990 for 81054, NewFuture/DDNS issue 21 for 81057, jeessy2/ddns-go issue 1378 for 81058).

use crate::wire::ApiError;
use std::time::Duration;
use storex_core::{Code, Error};

/// The pause Cloudflare imposes when its answer 429 does not say how long (Cloudflare docs: every call is blocked for the next five minutes).
pub(crate) const DEFAULT_PAUSE: Duration = Duration::from_mins(5);

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
    /// Calls left in the budget by the `Ratelimit` header.
    pub(crate) calls_left: Option<u64>,
}

/// `<domain> already exists` in this account.
const ZONE_EXISTS: i64 = 1061;
/// A tunnel of this name exists (cloudflared maps HTTP 409 to it).
const TUNNEL_EXISTS: i64 = 1013;
/// The record to change or delete does not exist.
const RECORD_MISSING: i64 = 81044;
/// Another record is in the way; 81058 is an identical one, 81057 its older number.
const RECORD_CONFLICTS: &[i64] = &[81053, 81054, 81055, 81056, 81057, 81058];
/// The name cannot be a zone: not registered, a subdomain, banned, no root domain.
const UNUSABLE_NAMES: &[i64] = &[1049, 1093, 1097, 1099, 1116];
/// Malformed header, unknown or unauthorized token.
const BAD_TOKENS: &[i64] = &[6003, 6111, 9106, 9109, 10000];
/// Throttled; seen with and without HTTP 429.
const THROTTLES: &[i64] = &[971, 10429];
/// Failures on Cloudflare's side that come with a status of refusal (cloudflare/python-cloudflare issue 131 for 1052).
const SERVER_FAILURES: &[i64] = &[1052, 1500];
/// The registrar could not be asked.
const LOOKUP_FAILED: i64 = 1110;
/// Too many attempts to add this domain; Cloudflare says to wait three hours.
const TRIED_TOO_OFTEN: i64 = 1105;
/// Too many pending zones.
const TOO_MANY_PENDING: i64 = 1118;

impl Refusal {
    fn has(&self, codes: &[i64]) -> bool {
        self.errors.iter().any(|error| codes.contains(&error.code))
    }

    /// A zone of this name exists in the account.
    pub(crate) fn is_zone_exists(&self) -> bool {
        self.has(&[ZONE_EXISTS])
    }

    /// A tunnel of this name exists.
    pub(crate) fn is_tunnel_exists(&self) -> bool {
        self.status == 409 || self.has(&[TUNNEL_EXISTS])
    }

    /// A record is in the way.
    pub(crate) fn is_record_conflict(&self) -> bool {
        self.has(RECORD_CONFLICTS)
    }

    /// A record that was to be deleted or changed is gone.
    pub(crate) fn is_record_missing(&self) -> bool {
        self.has(&[RECORD_MISSING])
    }

    /// What the path names does not exist.
    pub(crate) fn is_missing(&self) -> bool {
        self.status == 404
    }

    /// Cloudflare may mean that the zone in the path is gone: it does not tell an unknown zone from a forbidden one, nor from one so young
    /// that its rights have not spread yet (octodns/octodns-cloudflare issue 108).
    pub(crate) fn may_be_about_the_zone(&self) -> bool {
        matches!(self.status, 403 | 404) && !self.is_record_missing()
    }

    /// Cloudflare asks to slow down.
    pub(crate) fn is_throttled(&self) -> bool {
        self.status == 429 || self.has(THROTTLES)
    }

    /// Something failed on Cloudflare's side, so the call may have taken effect.
    pub(crate) fn is_server_failure(&self) -> bool {
        self.status >= 500 || self.status == 408 || self.has(SERVER_FAILURES)
    }

    /// How long to wait when throttled.
    pub(crate) fn pause(&self) -> Duration {
        self.retry_after.unwrap_or(DEFAULT_PAUSE)
    }

    fn code(&self) -> (Code, Option<Duration>) {
        if self.is_throttled() {
            (Code::RateLimited, Some(self.pause()))
        } else if self.has(&[TRIED_TOO_OFTEN]) {
            (Code::RateLimited, Some(Duration::from_hours(3)))
        } else if self.has(&[TOO_MANY_PENDING]) {
            (Code::RateLimited, Some(Duration::from_mins(10)))
        } else if self.has(UNUSABLE_NAMES) {
            (Code::InvalidDomain, None)
        } else if self.has(&[LOOKUP_FAILED]) {
            (Code::Unavailable, None)
        } else if self.has(RECORD_CONFLICTS) {
            (Code::ForeignObject, None)
        } else if matches!(self.status, 401 | 403) || self.has(BAD_TOKENS) {
            (Code::CloudflareDenied, None)
        } else if self.is_missing() {
            (Code::NotFound, None)
        } else {
            (Code::CloudflareRefused, None)
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let (code, retry_after) = refusal.code();
        let mut error = Self::new(code, format!("Cloudflare refused {}", refusal.call)).with("status", refusal.status);
        for first in refusal.errors.iter().take(1) {
            error = error.with("cloudflare_code", first.code).with("cloudflare_message", &first.message);
            for below in &first.error_chain {
                error = error.with("cloudflare_code", below.code).with("cloudflare_message", &below.message);
            }
        }
        if code == Code::InvalidDomain {
            error = error.pointer("/domain");
        }
        match retry_after {
            Some(delay) => error.retry_after(delay),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: i64) -> Refusal {
        let errors = vec![ApiError { code, message: "no".to_owned(), error_chain: Vec::new() }];
        Refusal { call: "POST /zones".to_owned(), status, errors, retry_after: None, calls_left: None }
    }

    #[test]
    fn every_code_of_cloudflare_has_its_storex_code_and_no_doubt() {
        for (status, number, code) in [
            (429, 971, Code::RateLimited),
            (429, 0, Code::RateLimited),
            (400, 1105, Code::RateLimited),
            (400, 1118, Code::RateLimited),
            (400, 1097, Code::InvalidDomain),
            (400, 1099, Code::InvalidDomain),
            (400, 1116, Code::InvalidDomain),
            (400, 1110, Code::Unavailable),
            (400, 6003, Code::CloudflareDenied),
            (401, 1000, Code::CloudflareDenied),
            (403, 10000, Code::CloudflareDenied),
            (403, 0, Code::CloudflareDenied),
            (400, 81054, Code::ForeignObject),
            (404, 81044, Code::NotFound),
            (400, 1056, Code::CloudflareRefused),
            (400, 1004, Code::CloudflareRefused),
        ] {
            let error = Error::from(refusal(status, number));
            assert_eq!((error.code(), error.is_unclear()), (code, false), "{status}/{number}");
            assert!(error.context().any(|(key, value)| key == "cloudflare_code" && value == number.to_string()), "{error}");
        }
    }

    #[test]
    fn a_pause_is_what_cloudflare_said_or_five_minutes() {
        assert_eq!(Error::from(refusal(429, 971)).retry_delay(), Some(Duration::from_mins(5)));
        let said = Refusal { retry_after: Some(Duration::from_secs(7)), ..refusal(429, 971) };
        assert_eq!(Error::from(said).retry_delay(), Some(Duration::from_secs(7)));
        assert_eq!(Error::from(refusal(400, 1061)).retry_delay(), None);
    }
}
