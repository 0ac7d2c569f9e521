//! Custom hostnames (Cloudflare for SaaS) as the account remembers them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A customer's hostname that leads into a zone of this account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomHostname {
    /// UUID.
    pub id: String,
    /// Lower case, punycode.
    pub hostname: String,
    /// `pending`, `active`, `moved`, `blocked` …: whether the edge sends its traffic here.
    pub status: String,
    /// Its certificate; `None` when none was asked for.
    pub ssl: Option<HostnameCertificate>,
    /// What `_cf-custom-hostname.<hostname>` must say to prove it early.
    pub ownership_token: String,
    /// What the page of the other early proof must say.
    pub ownership_page: String,
    /// Where its traffic goes instead of the fallback origin.
    pub custom_origin_server: Option<String>,
    /// The name the origin's certificate must carry.
    pub custom_origin_sni: Option<String>,
    /// The owner's notes.
    pub custom_metadata: Option<BTreeMap<String, String>>,
    /// Why it is not active.
    pub verification_errors: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Checks so far in this round.
    pub attempts: u32,
    /// The next check; `None` in an end state.
    pub next_check: Option<Timestamp>,
    /// Whether its DNS was seen to lead here: only then can it move away.
    pub seen_here: bool,
    /// When it was found to be elsewhere.
    pub moved_on: Option<Timestamp>,
}

/// The certificate of a custom hostname.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostnameCertificate {
    /// UUID.
    pub id: String,
    /// `http`, `txt` or `email`.
    pub method: String,
    /// Where it stands.
    pub status: String,
    /// TLS settings as they were sent.
    pub settings: Value,
    /// Whether names below it are covered.
    pub wildcard: bool,
    /// `ubiquitous`, `optimal` or `force`.
    pub bundle_method: String,
    /// Who signs it.
    pub certificate_authority: String,
    /// What the authority wants to find.
    pub token: String,
    /// Why it was not issued.
    pub validation_errors: Vec<String>,
    /// Checks so far in this round.
    pub attempts: u32,
    /// The next step; `None` in an end state.
    pub next_step: Option<Timestamp>,
    /// End of the certificate, once there is one.
    pub expires_on: Option<Timestamp>,
}

/// The fallback origin of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackOrigin {
    /// A proxied name of the zone.
    pub origin: String,
    /// `initializing`, `pending_deployment`, `active` or `pending_deletion`.
    pub status: String,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last set.
    pub updated_at: Timestamp,
    /// When it takes its next step.
    pub next_step: Option<Timestamp>,
}

/// How fast custom hostnames were made lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostnamePace {
    /// Successful creations of the last minute.
    pub made: Vec<Timestamp>,
    /// Until when no certificate is taken.
    pub blocked_until: Option<Timestamp>,
}
