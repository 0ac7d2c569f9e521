//! Tokens: how a call proves who sends it, and the two routes that verify one.

use jiff::Timestamp;
use serde_json::json;

use super::envelope::{Outcome, Refusal, Success};
use super::exchange::{Exchange, forbidden};
use super::identity::{Identifiers, digest};
use super::state::Zone;

/// Who owns a token; it decides which verify route knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenKind {
    /// Verified at `/user/tokens/verify`.
    #[default]
    User,
    /// Verified at `/accounts/{account}/tokens/verify`.
    Account,
}

/// Whether a token may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenStatus {
    /// In use.
    #[default]
    Active,
    /// Switched off by its owner.
    Disabled,
    /// Past its end.
    Expired,
}

/// A permission a token may lack. Reading and writing are not told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// Nothing is needed.
    None,
    /// Zones.
    Zone,
    /// Zone settings.
    ZoneSettings,
    /// DNS records.
    Dns,
    /// Tunnels of the account.
    Tunnel,
    /// Certificates, custom hostnames and their fallback origin (`SSL and Certificates`).
    Certificates,
    /// Rulesets of every phase.
    Rulesets,
    /// Bots.
    BotManagement,
    /// Purging the cache.
    CachePurge,
    /// Analytics.
    Analytics,
}

/// A token the simulator knows. Kept in memory only: the state file holds none.
#[derive(Clone)]
pub struct TokenSettings {
    value: String,
    kind: TokenKind,
    status: TokenStatus,
    missing: Vec<Permission>,
    zones: Option<Vec<String>>,
    expires_on: Option<Timestamp>,
}

impl TokenSettings {
    /// An active token of a user with every permission. `value` is what follows `Bearer`.
    pub fn new(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            kind: TokenKind::User,
            status: TokenStatus::Active,
            missing: Vec::new(),
            zones: None,
            expires_on: None,
        }
    }

    /// The same token, owned by the account or by a user.
    #[must_use]
    pub const fn kind(mut self, kind: TokenKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same token in another status.
    #[must_use]
    pub const fn status(mut self, status: TokenStatus) -> Self {
        self.status = status;
        self
    }

    /// The same token without a permission: its routes answer 403 with code 10000.
    #[must_use]
    pub fn without(mut self, permission: Permission) -> Self {
        self.missing.push(permission);
        self
    }

    /// The same token for these zones (ids or names) only: others are not listed and answer 403 with code 10000, also one it
    /// makes itself.
    #[must_use]
    pub fn only_zones(mut self, zones: impl IntoIterator<Item = String>) -> Self {
        self.zones = Some(zones.into_iter().collect());
        self
    }

    /// Whether the token may see a zone.
    pub(super) fn sees(&self, zone: &Zone) -> bool {
        self.zones.as_ref().is_none_or(|zones| zones.contains(&zone.id) || zones.contains(&zone.name))
    }

    /// The same token with an end that verify reports.
    #[must_use]
    pub const fn expires_on(mut self, end: Timestamp) -> Self {
        self.expires_on = Some(end);
        self
    }

    /// Whose call budget a call with it spends: one for all, or its own.
    pub(super) fn principal(&self, per_token: bool) -> String {
        if per_token { self.id() } else { String::new() }
    }

    pub(super) fn is_well_formed(&self) -> bool {
        is_token68(&self.value)
    }

    fn id(&self) -> String {
        Identifiers::new(digest(&self.value)).next_hex("token")
    }
}

impl std::fmt::Debug for TokenSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSettings").field("kind", &self.kind).field("status", &self.status).finish_non_exhaustive()
    }
}

/// Finds the token a call presents.
///
/// # Errors
/// 400/9106 without the header; 400/6003 (chain 6111) for a header that is not `Bearer` and a token68; for an unknown
/// token 401/1000 on the verify routes and 403/10000 elsewhere; 403/10000 for a disabled or expired token.
pub(super) fn authenticate<'t>(
    tokens: &'t [TokenSettings],
    authorization: Option<&str>,
    verifying: bool,
) -> Result<&'t TokenSettings, Refusal> {
    let header =
        authorization.ok_or_else(|| Refusal::new(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers"))?;
    let value = header.strip_prefix("Bearer ").filter(|value| is_token68(value)).ok_or_else(malformed)?;
    let known = tokens.iter().find(|token| token.value == value);
    let token = known.ok_or_else(|| if verifying { invalid() } else { forbidden() })?;
    if verifying || token.status == TokenStatus::Active { Ok(token) } else { Err(forbidden()) }
}

/// Whether the token may use an endpoint.
///
/// # Errors
/// 403/10000 when it lacks the permission.
pub(super) fn authorize(token: &TokenSettings, permission: Permission) -> Result<(), Refusal> {
    if token.missing.contains(&permission) { Err(forbidden()) } else { Ok(()) }
}

/// `GET /user/tokens/verify`
pub(super) fn verify_user(exchange: &mut Exchange<'_>) -> Outcome {
    verify(exchange.token, TokenKind::User)
}

/// `GET /accounts/{account}/tokens/verify`
pub(super) fn verify_account(exchange: &mut Exchange<'_>) -> Outcome {
    if exchange.param("account") != exchange.state.account.id {
        return Err(forbidden());
    }
    verify(exchange.token, TokenKind::Account)
}

/// Code 10000 stands in the `messages` of a *successful* verify: a client must not read it as the error of that number.
fn verify(token: &TokenSettings, kind: TokenKind) -> Outcome {
    if token.kind != kind {
        return Err(invalid());
    }
    let (status, remark) = match token.status {
        TokenStatus::Active => ("active", "This API Token is valid and active"),
        TokenStatus::Disabled => ("disabled", "This API Token is disabled"),
        TokenStatus::Expired => ("expired", "This API Token is expired"),
    };
    let mut result = json!({"id": token.id(), "status": status});
    if let (Some(fields), Some(end)) = (result.as_object_mut(), token.expires_on) {
        fields.insert("expires_on".to_owned(), json!(end));
    }
    Ok(Success::of(result).remarking(json!({"code": 10000, "message": remark, "type": null})))
}

/// `GET /user/tokens/permission_groups`: the groups storex needs, as the API names them (documentation, "API token
/// permissions").
#[expect(clippy::unnecessary_wraps, reason = "every handler has the signature the route table asks for")]
pub(super) fn permission_groups(_exchange: &mut Exchange<'_>) -> Outcome {
    let group = |(name, scope): &(&str, &str)| {
        let id = Identifiers::new(digest(name)).next_hex("permission_group");
        json!({"id": id, "name": name, "scopes": [format!("com.cloudflare.api.account{scope}")]})
    };
    Ok(Success::of(GROUPS.iter().map(group).collect()))
}

/// Name and scope of each group.
const GROUPS: &[(&str, &str)] = &[
    ("Zone Write", ".zone"),
    ("DNS Write", ".zone"),
    ("Zone Settings Write", ".zone"),
    ("SSL and Certificates Write", ".zone"),
    ("Zone WAF Write", ".zone"),
    ("Bot Management Write", ".zone"),
    ("Cache Purge", ".zone"),
    ("Analytics Read", ".zone"),
    ("Config Rules Write", ".zone"),
    ("Cloudflare Tunnel Write", ""),
];

fn malformed() -> Refusal {
    Refusal::new(400, 6003, "Invalid request headers").caused_by(6111, "Invalid format for Authorization header")
}

fn invalid() -> Refusal {
    Refusal::new(401, 1000, "Invalid API Token")
}

/// The syntax of a bearer token (RFC 7235 §2.1).
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}
