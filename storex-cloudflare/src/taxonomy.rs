//! What a refusal of Cloudflare means: every code that was seen in its documentation or in public reports, with its source beside it.
//!
//! The order of the table counts: the first row that fits decides. Sources: "docs" is cloudflare/cloudflare-docs as of 2026-08, "issue" a public issue or
//! pull request, "practice" what is known from use and confirmed by nothing read; such a row only ever leads to waiting or to a refusal.

#[cfg(test)]
mod tests;

use crate::wire::ApiError;
use std::time::Duration;
use storex_core::Code;

/// The pause Cloudflare imposes when its answer 429 does not say how long (docs, API rate limits: every call is blocked for the next five minutes).
pub(crate) const DEFAULT_PAUSE: Duration = Duration::from_mins(5);
/// The pause after too many certificates for custom hostnames when the answer does not say how long (docs, "Cloudflare for SaaS: troubleshooting": 15 a
/// minute, then nothing for 30 seconds).
pub(crate) const CERTIFICATE_PAUSE: Duration = Duration::from_secs(30);
/// What "too many attempts to add this domain" asks for (docs, "Cannot add domain").
const TRIED_PAUSE: Duration = Duration::from_hours(3);
/// How often zones queued behind too many pending ones are tried: as often as the window of new zones opens.
const PENDING_PAUSE: Duration = Duration::from_mins(10);
/// When to try again what Cloudflare is still busy with.
const BUSY_PAUSE: Duration = Duration::from_secs(30);

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The token is malformed, unknown, disabled or expired.
    InvalidToken,
    /// The token may not, or the zone is not (or not yet) one of its own.
    Forbidden,
    /// What was named does not exist.
    NotFound,
    /// A zone of this name exists in the account.
    ZoneExists,
    /// A tunnel or hostname of this name exists.
    AlreadyExists,
    /// The record exists exactly as asked.
    Identical,
    /// Another record of this name is in the way.
    InTheWay,
    /// It cannot be in the present state, and only another call changes that.
    Conflict,
    /// It cannot be yet; Cloudflare is still at work on the object.
    Busy,
    /// The request can never succeed as written.
    Invalid,
    /// The name can be no zone or hostname.
    UnusableName,
    /// Cloudflare will not serve the name: banned, or held by somebody.
    Blocked,
    /// A number the account may not exceed.
    Quota,
    /// Not part of the plan.
    PlanRequired,
    /// Too many calls.
    Throttled,
    /// Too many attempts with this domain.
    TriedTooOften,
    /// Too many zones wait for their delegation.
    TooManyPending,
    /// A third party Cloudflare asks did not answer.
    LookupFailed,
    /// Something failed on Cloudflare's side.
    ServerFailure,
    /// A number nobody has described.
    Unknown,
}

/// How a call with this refusal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The world is as asked.
    Done,
    /// Not now; later, without anybody changing anything.
    Pending,
    /// Proved: no effect.
    Refused,
    /// It may have happened.
    Unclear,
}

impl Meaning {
    /// The storex code of the refusal.
    pub(crate) fn code(self) -> Code {
        match self {
            Self::InvalidToken | Self::Forbidden => Code::CloudflareDenied,
            Self::NotFound => Code::NotFound,
            Self::ZoneExists => Code::ZoneExists,
            Self::AlreadyExists | Self::Identical | Self::InTheWay => Code::ForeignObject,
            Self::UnusableName | Self::Blocked => Code::InvalidDomain,
            Self::Throttled | Self::TriedTooOften | Self::TooManyPending => Code::RateLimited,
            Self::Busy | Self::LookupFailed | Self::ServerFailure => Code::Unavailable,
            Self::Quota => Code::Quota,
            Self::Conflict | Self::Invalid | Self::PlanRequired | Self::Unknown => Code::CloudflareRefused,
        }
    }

    /// How the call stands; `removal` when it was to remove what the refusal is about.
    pub(crate) fn standing(self, removal: bool) -> Standing {
        match self {
            Self::Identical => Standing::Done,
            Self::NotFound if removal => Standing::Done,
            Self::ServerFailure => Standing::Unclear,
            Self::Throttled | Self::TriedTooOften | Self::TooManyPending | Self::Busy | Self::LookupFailed => Standing::Pending,
            _ => Standing::Refused,
        }
    }

    /// How long to wait when Cloudflare does not say.
    pub(crate) fn pause(self) -> Option<Duration> {
        match self {
            Self::Throttled => Some(DEFAULT_PAUSE),
            Self::TriedTooOften => Some(TRIED_PAUSE),
            Self::TooManyPending => Some(PENDING_PAUSE),
            Self::Busy | Self::LookupFailed => Some(BUSY_PAUSE),
            _ => None,
        }
    }

    /// The same for people, as the end of a sentence; empty where Cloudflare's own text says it best.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::InvalidToken => "the token is not valid",
            Self::Forbidden => "the token may not do this",
            Self::NotFound => "it does not exist",
            Self::ZoneExists => "the account has a zone of this name",
            Self::AlreadyExists => "one of this name exists",
            Self::Identical => "an identical record exists",
            Self::InTheWay => "another record is in the way",
            Self::Busy => "it is still being changed",
            Self::UnusableName => "the name cannot be used",
            Self::Blocked => "the name is blocked",
            Self::Quota => "a quota of the account is used up",
            Self::PlanRequired => "the plan does not include it",
            Self::Throttled => "too many calls",
            Self::TriedTooOften => "this domain was added too often lately",
            Self::TooManyPending => "too many zones are still pending",
            Self::LookupFailed => "the domain could not be looked up",
            Self::ServerFailure => "it failed on Cloudflare's side",
            Self::Conflict | Self::Invalid | Self::Unknown => "",
        }
    }
}

/// A row of the table. 0 fits any status or code, an empty text any message.
#[derive(Debug)]
pub(crate) struct Row {
    /// HTTP status; below 10 all statuses of that hundred.
    pub(crate) status: u16,
    /// Cloudflare's number, of the error or of one in its chain.
    pub(crate) code: i64,
    /// Part of Cloudflare's message, lower case.
    pub(crate) says: &'static str,
    /// What it means.
    pub(crate) meaning: Meaning,
    /// Where that was seen.
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers, and for the test that wants it of every row"))]
    pub(crate) source: &'static str,
}

const fn row(status: u16, code: i64, meaning: Meaning, source: &'static str) -> Row {
    Row { status, code, says: "", meaning, source }
}

const fn saying(status: u16, code: i64, says: &'static str, meaning: Meaning, source: &'static str) -> Row {
    Row { status, code, says, meaning, source }
}

const ADD: &str = "docs dns/zone-setups/troubleshooting/cannot-add-domain";
const SAAS: &str = "docs cloudflare-for-saas/reference/status-codes/custom-hostnames";
const LIMITS: &str = "docs fundamentals/api/reference/limits (updated 2026-04-20); codes from practice";

/// Every refusal that is known.
pub(crate) const TABLE: &[Row] = &[
    // Whatever the body says, and it is sometimes a page of HTML.
    row(429, 0, Meaning::Throttled, LIMITS),
    row(0, 971, Meaning::Throttled, LIMITS),
    row(0, 10429, Meaning::Throttled, LIMITS),
    // The other side's failures, some under a status of refusal.
    row(0, 1052, Meaning::ServerFailure, "issue cloudflare/python-cloudflare 131: -502 on making a zone, with status 400"),
    row(0, 1500, Meaning::ServerFailure, SAAS),
    row(408, 0, Meaning::ServerFailure, "cloudflare/cloudflare-typescript src/client.ts repeats 408"),
    row(5, 0, Meaning::ServerFailure, "RFC 9110 §15.6"),
    // Tokens.
    row(0, 6003, Meaning::InvalidToken, "issue putyourlightson/craft-cloudflare 88, with 6111 in its chain"),
    row(0, 6111, Meaning::InvalidToken, "issue jeessy2/ddns-go 1296"),
    row(0, 6103, Meaning::InvalidToken, "issue jeessy2/ddns-go 1296"),
    row(0, 9106, Meaning::InvalidToken, "practice: no header at all"),
    row(401, 0, Meaning::InvalidToken, SAAS),
    row(0, 9109, Meaning::Forbidden, "practice: unauthorized to access the resource"),
    row(
        0,
        10000,
        Meaning::Forbidden,
        "docs dns/manage-dns-records/faq; issue octodns/octodns-cloudflare 108: also on a young zone",
    ),
    // Zones.
    row(0, 1061, Meaning::ZoneExists, "issue midl-dev/tezos-on-gke 3"),
    row(400, 1105, Meaning::TriedTooOften, ADD),
    row(
        400,
        1118,
        Meaning::TooManyPending,
        "docs fundamentals/manage-domains/add-multiple-sites-automation; the number from practice",
    ),
    row(400, 1110, Meaning::LookupFailed, ADD),
    row(400, 1097, Meaning::Blocked, ADD),
    saying(400, 0, "subject to a hold", Meaning::Blocked, ADD),
    row(400, 1049, Meaning::UnusableName, ADD),
    row(400, 1093, Meaning::UnusableName, ADD),
    row(400, 1099, Meaning::UnusableName, ADD),
    row(400, 1116, Meaning::UnusableName, ADD),
    row(
        400,
        1107,
        Meaning::PlanRequired,
        "docs dns/zone-setups: partial and secondary zones need a plan; the number from practice",
    ),
    // Records.
    row(0, 81058, Meaning::Identical, "issue jeessy2/ddns-go 1378"),
    row(0, 81057, Meaning::Identical, "issue NewFuture/DDNS 21: the older number for an existing record"),
    row(0, 81053, Meaning::InTheWay, "issue cloudflare/terraform-provider-cloudflare 1247"),
    row(0, 81054, Meaning::InTheWay, "issue favonia/cloudflare-ddns 990"),
    row(0, 81055, Meaning::InTheWay, "practice: NS records exclude others"),
    row(0, 81056, Meaning::InTheWay, "practice: NS records exclude others"),
    row(0, 81044, Meaning::NotFound, "issue zanjie1999/cloudflare-api-v4-ddns 5"),
    row(400, 9208, Meaning::Quota, "practice: more operations than a batch of the plan takes, a file above 256 KiB"),
    row(0, 81045, Meaning::Quota, "issue ZoneABC/ZoneABC 30 for the text; the number from practice"),
    row(400, 9300, Meaning::PlanRequired, "issue kubernetes-sigs/external-dns 3706: tags on the free plan, in the chain of 1004"),
    row(400, 9003, Meaning::Invalid, "issue DNSControl/dnscontrol 4776"),
    row(400, 9005, Meaning::Invalid, "issue NewFuture/DDNS 35 in the chain of 1004; yulewang/cloudflare-api-v4-ddns 16 alone"),
    row(400, 9021, Meaning::Invalid, "issue ZE3kr/Cloudflare-CNAME-Setup 16, in the chain of 1004"),
    row(400, 9041, Meaning::Invalid, "issue jordantrizz/cloudflare-cli 8, in the chain of 1004"),
    row(400, 9009, Meaning::Invalid, "issue pulumi/pulumi-cloudflare 1107: a mail server that is no host name"),
    row(400, 9100, Meaning::Invalid, "issue cloudflare/cloudflare-php 136: MX without priority, in the chain of 1004"),
    row(400, 9207, Meaning::Invalid, "issue cloudflare/cloudflare-php 111: a body that cannot be parsed"),
    row(400, 9313, Meaning::Invalid, "issue STRRL/cloudflare-tunnel-ingress-controller 168: a comment longer than the plan's"),
    row(400, 1004, Meaning::Invalid, "issue kubernetes-sigs/external-dns 3706"),
    saying(400, 1003, "already exists", Meaning::InTheWay, "issue homeassistant-apps/app-cloudflared 129"),
    // Tunnels.
    row(0, 1013, Meaning::AlreadyExists, "issue linuxserver/docker-mods 280; cloudflared cfapi/tunnel.go"),
    row(400, 1022, Meaning::Conflict, "issue cloudflare/terraform-provider-cloudflare 5255: connectors are attached"),
    row(
        400,
        1056,
        Meaning::Invalid,
        "issue cloudflare/terraform-provider-cloudflare 2327 for the text; the number from practice",
    ),
    // Custom hostnames.
    row(0, 1406, Meaning::AlreadyExists, SAAS),
    row(403, 1404, Meaning::Quota, SAAS),
    row(403, 1405, Meaning::Quota, SAAS),
    row(403, 1413, Meaning::PlanRequired, SAAS),
    row(403, 1414, Meaning::PlanRequired, SAAS),
    row(400, 1448, Meaning::PlanRequired, SAAS),
    row(0, 1436, Meaning::NotFound, SAAS),
    row(409, 1439, Meaning::Busy, SAAS),
    row(400, 1407, Meaning::UnusableName, SAAS),
    row(400, 1408, Meaning::UnusableName, SAAS),
    row(400, 1409, Meaning::UnusableName, SAAS),
    row(400, 1410, Meaning::UnusableName, SAAS),
    row(400, 1411, Meaning::UnusableName, SAAS),
    row(400, 1421, Meaning::Invalid, SAAS),
    row(400, 1432, Meaning::Invalid, SAAS),
    row(400, 1433, Meaning::Invalid, SAAS),
    row(400, 1434, Meaning::Invalid, SAAS),
    row(400, 1440, Meaning::Invalid, SAAS),
    row(400, 1469, Meaning::UnusableName, "docs cloudflare-for-saas/reference/troubleshooting"),
    // Rulesets.
    row(
        400,
        20217,
        Meaning::Conflict,
        "pull request cloudflare/terraform-provider-cloudflare 7043: a second ruleset for a phase of a zone",
    ),
    row(404, 10003, Meaning::NotFound, "docs ruleset-engine: no entry point yet; the number from practice"),
    // What is left to say by the status alone.
    row(403, 0, Meaning::Forbidden, "issue pulumi/pulumi-cloudflare 251: also without any code"),
    row(404, 7003, Meaning::Invalid, "Cloudflare API reference, example answers: no route, often an id that cannot be one"),
    row(404, 0, Meaning::NotFound, "RFC 9110 §15.5.5"),
    row(
        409,
        0,
        Meaning::Conflict,
        "cloudflare/cloudflare-typescript src/client.ts repeats 409 blindly; 1406 and 1013 show that one must not",
    ),
];

/// What these errors under this status mean.
pub(crate) fn meaning(status: u16, errors: &[ApiError]) -> Meaning {
    TABLE.iter().find(|row| row.fits(status, errors)).map_or(Meaning::Unknown, |row| row.meaning)
}

impl Row {
    fn fits(&self, status: u16, errors: &[ApiError]) -> bool {
        let status_fits = match self.status {
            0 => true,
            hundred @ 1..10 => status / 100 == hundred,
            exact => status == exact,
        };
        let any = self.code == 0 && self.says.is_empty();
        status_fits && (any || errors.iter().any(|error| self.fits_one(error)))
    }

    fn fits_one(&self, error: &ApiError) -> bool {
        let itself = (self.code == 0 || self.code == error.code) && error.message.to_lowercase().contains(self.says);
        itself || error.error_chain.iter().any(|below| self.fits_one(below))
    }
}
