//! What the headers of an answer say about the rate of calls.
//!
//! Source: Cloudflare docs, "Rate limits" under API reference (updated 2026-04-20): `Ratelimit` lists items of name, remaining quota `r` and seconds to
//! the next window `t`; `Ratelimit-Policy` lists name, quota `q` and window `w`; `Retry-After` comes with a 429 only. Introduced 2025-09-03 (changelog);
//! before, there were `X-RateLimit-Limit`, `-Remaining` and `-Reset`, whose last is seen as seconds, as a time since 1970 and as a date.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// Longest `Retry-After` believed.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_hours(24);
/// Longest time to a next window believed.
const LONGEST_RESET: Duration = Duration::from_hours(1);
/// The name the older headers go by here.
const OLDER: &str = "x-ratelimit";

/// What is left of one quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    /// Name of the quota.
    pub(crate) name: String,
    /// Calls left.
    pub(crate) left: usize,
    /// Time to its next window.
    pub(crate) reset: Duration,
}

/// How large a quota is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Name of the quota.
    pub(crate) name: String,
    /// Calls.
    pub(crate) quota: usize,
    /// In this time, where it is said.
    pub(crate) window: Option<Duration>,
}

/// The headers of one answer, as far as they can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RateHeaders {
    /// What is left, by quota.
    pub(crate) remaining: Vec<Remaining>,
    /// The quotas.
    pub(crate) policies: Vec<Policy>,
    /// How long to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl RateHeaders {
    /// Reads them. What cannot be read is left out.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut read = Self { retry_after: retry_after(headers), ..Self::default() };
        for item in items(headers, "ratelimit") {
            if let (Some(left), Some(reset)) = (item.number("r"), item.number("t")) {
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                let reset = Duration::from_secs(reset).min(LONGEST_RESET);
                read.remaining.push(Remaining { name: item.name, left, reset });
            }
        }
        for item in items(headers, "ratelimit-policy") {
            if let Some(quota) = item.number("q") {
                let (quota, window) = (usize::try_from(quota).unwrap_or(usize::MAX), item.number("w").map(Duration::from_secs));
                read.policies.push(Policy { name: item.name, quota, window });
            }
        }
        read.add_older(headers);
        read
    }

    fn add_older(&mut self, headers: &HeaderMap) {
        let number = |name: &str| text(headers, name).and_then(|text| text.parse::<usize>().ok());
        let reset = text(headers, "x-ratelimit-reset").and_then(|text| until(text, headers));
        if let (Some(left), Some(reset)) = (number("x-ratelimit-remaining"), reset) {
            self.remaining.push(Remaining { name: OLDER.to_owned(), left, reset: reset.min(LONGEST_RESET) });
        }
        if let Some(quota) = number("x-ratelimit-limit") {
            self.policies.push(Policy { name: OLDER.to_owned(), quota, window: None });
        }
    }

    /// The least that is left of any quota.
    pub(crate) fn least_left(&self) -> Option<usize> {
        self.remaining.iter().map(|remaining| remaining.left).min()
    }
}

/// One item of a list: `"default";r=50;t=30`.
struct Item {
    name: String,
    parameters: Vec<(String, String)>,
}

impl Item {
    fn number(&self, key: &str) -> Option<u64> {
        self.parameters.iter().find(|(name, _)| name == key)?.1.parse().ok()
    }
}

/// The items of a list header, which may be spread over several lines (RFC 9651 §3.1; names here hold no commas).
fn items(headers: &HeaderMap, name: &str) -> Vec<Item> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    let read = |item: &str| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next()?.trim_matches('"').to_owned();
        let parameters = parts.filter_map(|part| part.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned()));
        Some(Item { name, parameters: parameters.collect() })
    };
    lines.flat_map(|line| line.split(',')).filter_map(read).collect()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, RETRY_AFTER.as_str())?;
    Some(until(text, headers)?.min(LONGEST_PAUSE))
}

/// Seconds, or the time from the answer's own date to this one: no clock but the other side's is believed.
fn until(text: &str, headers: &HeaderMap) -> Option<Duration> {
    let date = |text: &str| -> Option<Timestamp> { DateTimeParser::new().parse_timestamp(text).ok() };
    let then = match text.parse::<u32>() {
        // Nobody waits thirty years: a number as large is a time since 1970.
        Ok(seconds) if seconds < 1_000_000_000 => return Some(Duration::from_secs(seconds.into())),
        Ok(seconds) => Timestamp::from_second(seconds.into()).ok()?,
        Err(_) => date(text)?,
    };
    let now = date(self::text(headers, DATE.as_str())?)?;
    Some(Duration::try_from(then.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn read(lines: &[(&'static str, &'static str)]) -> RateHeaders {
        let lines = lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        lines.for_each(|(name, value)| {
            headers.append(name, value);
        });
        RateHeaders::read(&headers)
    }

    #[test]
    fn several_items_on_one_line_and_on_several_are_read() {
        let read = read(&[
            ("ratelimit", "\"default\";r=50;t=30, \"burst\";r=3;t=1"),
            ("ratelimit", "token;t=9;r=7"),
            ("ratelimit-policy", "\"default\";q=1200;w=300,\"burst\";q=100;w=60"),
        ]);
        let left = |name: &str, left, reset| Remaining { name: name.to_owned(), left, reset: Duration::from_secs(reset) };
        assert_eq!(read.remaining, [left("default", 50, 30), left("burst", 3, 1), left("token", 7, 9)]);
        let policy =
            |name: &str, quota, window| Policy { name: name.to_owned(), quota, window: Some(Duration::from_secs(window)) };
        assert_eq!(read.policies, [policy("default", 1200, 300), policy("burst", 100, 60)]);
        assert_eq!((read.least_left(), read.retry_after), (Some(3), None));
    }

    #[test]
    fn the_older_headers_count_from_the_answers_own_date() {
        for reset in ["Wed, 21 Oct 2026 07:29:30 GMT", "1792567770", "90"] {
            let read = read(&[
                ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
                ("x-ratelimit-limit", "1200"),
                ("x-ratelimit-remaining", "17"),
                ("x-ratelimit-reset", reset),
            ]);
            assert_eq!(
                read.remaining,
                [Remaining { name: OLDER.to_owned(), left: 17, reset: Duration::from_secs(90) }],
                "{reset}"
            );
            assert_eq!(read.policies, [Policy { name: OLDER.to_owned(), quota: 1200, window: None }]);
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_date_and_never_longer_than_a_day() {
        let date = ("date", "Wed, 21 Oct 2026 07:28:00 GMT");
        for (value, pause) in [
            ("42", Some(Duration::from_secs(42))),
            ("Wed, 21 Oct 2026 07:30:00 GMT", Some(Duration::from_mins(2))),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(Duration::ZERO)),
            ("99999999", Some(LONGEST_PAUSE)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(read(&[date, ("retry-after", value)]).retry_after, pause, "{value}");
        }
        assert_eq!(read(&[("retry-after", "Wed, 21 Oct 2026 07:30:00 GMT")]).retry_after, None, "no date to count from");
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        for value in ["nonsense", "", ";;;", "\"default\";r=x;t=1", "\"default\";r=5", "=,=;="] {
            assert_eq!(read(&[("ratelimit", value), ("x-ratelimit-remaining", "5")]), RateHeaders::default(), "{value}");
        }
    }
}
