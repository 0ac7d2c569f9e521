//! What the edge does with requests of a zone before they reach a store: settings, rules, certificates, the cache.

use super::domain_provider::provider_id;
use super::{CertificateChange, CertificateFacts, PackId, ZoneId};
use crate::value::text_serde;
use crate::{Code, EffectCx, Error, Hostname, Result};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::str::FromStr;

/// A setting of a zone that storex writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EdgeSetting {
    /// How the edge speaks to the origin: `off`, `flexible`, `full`, `strict`.
    Ssl,
    /// Whether plain HTTP is answered with a redirect: `on`, `off`.
    AlwaysUseHttps,
    /// Oldest TLS version visitors may use: `1.0` to `1.3`.
    MinTlsVersion,
    /// Whether http links in pages are rewritten: `on`, `off`.
    AutomaticHttpsRewrites,
    /// How suspicious a visitor may be: `off`, `essentially_off`, `low`, `medium`, `high`, `under_attack`.
    SecurityLevel,
    /// Whether visitors that look like bots are challenged: `on`, `off`. It cannot be switched off for a path, so it can turn payment notices away.
    BotFightMode,
}

impl EdgeSetting {
    /// Every setting.
    pub const ALL: [Self; 6] = [
        Self::Ssl,
        Self::AlwaysUseHttps,
        Self::MinTlsVersion,
        Self::AutomaticHttpsRewrites,
        Self::SecurityLevel,
        Self::BotFightMode,
    ];

    /// Stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssl => "ssl",
            Self::AlwaysUseHttps => "always_use_https",
            Self::MinTlsVersion => "min_tls_version",
            Self::AutomaticHttpsRewrites => "automatic_https_rewrites",
            Self::SecurityLevel => "security_level",
            Self::BotFightMode => "bot_fight_mode",
        }
    }

    /// The values it takes.
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Self::Ssl => &["off", "flexible", "full", "strict"],
            Self::AlwaysUseHttps | Self::AutomaticHttpsRewrites | Self::BotFightMode => &["on", "off"],
            Self::MinTlsVersion => &["1.0", "1.1", "1.2", "1.3"],
            Self::SecurityLevel => &["off", "essentially_off", "low", "medium", "high", "under_attack"],
        }
    }
}

impl fmt::Display for EdgeSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EdgeSetting {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|setting| setting.as_str() == text);
        known.ok_or_else(|| Error::new(Code::InvalidField, format!("{text:?} is no setting of a zone")))
    }
}

/// A setting as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingFacts {
    /// Its value, as the provider spells it; one it does not know of this zone is empty.
    pub value: String,
    /// Whether the zone's plan lets it be changed.
    pub editable: bool,
}

/// A place in the handling of a request where rules stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RulePhase {
    /// The provider's own rules against attacks.
    ManagedFirewall,
    /// Rules of the zone's owner against attacks.
    CustomFirewall,
    /// Limits on the rate of requests.
    RateLimit,
    /// Tuning of the defence against floods, which is always on.
    Ddos,
    /// What is cached, and for how long.
    Cache,
}

impl RulePhase {
    /// Every phase.
    pub const ALL: [Self; 5] = [Self::ManagedFirewall, Self::CustomFirewall, Self::RateLimit, Self::Ddos, Self::Cache];

    /// Stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ManagedFirewall => "managed_firewall",
            Self::CustomFirewall => "custom_firewall",
            Self::RateLimit => "rate_limit",
            Self::Ddos => "ddos",
            Self::Cache => "cache",
        }
    }
}

impl fmt::Display for RulePhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a zone's plan is called, from the smallest on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgePlan {
    /// The plan without a price; also one this version does not know, since it promises the least.
    #[default]
    Free,
    /// The first paid plan.
    Pro,
    /// The second.
    Business,
    /// By contract.
    Enterprise,
}

impl fmt::Display for EdgePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Business => "business",
            Self::Enterprise => "enterprise",
        })
    }
}

/// What a zone's plan allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeLimits {
    /// The plan.
    pub plan: EdgePlan,
    /// Rules each phase may hold, all owners together.
    pub rules: BTreeMap<RulePhase, usize>,
    /// Settings the plan does not have.
    pub locked: Vec<EdgeSetting>,
}

provider_id!(
    /// Immutable identifier of a rule or of a list of rules.
    RuleId
);

/// A rule as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeRule {
    /// Our name for it, the proof that it is ours: it begins with [`EdgeRule::PREFIX`].
    #[serde(rename = "ref")]
    pub reference: String,
    /// The smallest plan that has what the rule uses.
    #[serde(default)]
    pub from_plan: EdgePlan,
    /// What it says, in the provider's own words.
    pub body: Map<String, Value>,
}

impl EdgeRule {
    /// What the references of our rules begin with.
    pub const PREFIX: &'static str = "storex-";
}

/// A rule as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleFacts {
    /// Immutable identifier.
    pub id: RuleId,
    /// Its owner's name for it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Everything else it says, keys storex does not know too; not the provider's own count of its versions.
    pub body: Map<String, Value>,
}

/// The rules of a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleList {
    /// Immutable identifier of the list.
    pub id: RuleId,
    /// The rules in the order in which they are asked.
    pub rules: Vec<RuleFacts>,
}

/// One change to the rules of a phase. It touches no other rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RuleChange {
    /// Makes the list with these rules, where there is none.
    Begin {
        /// The rules.
        rules: Vec<EdgeRule>,
    },
    /// Puts a rule behind all others.
    Add {
        /// The list.
        list: RuleId,
        /// The rule.
        rule: EdgeRule,
    },
    /// Makes a rule say something else, where it stands.
    Change {
        /// The list.
        list: RuleId,
        /// The rule that is there.
        id: RuleId,
        /// What it should say.
        rule: EdgeRule,
    },
    /// Takes a rule away; absent is success.
    Remove {
        /// The list.
        list: RuleId,
        /// The rule.
        id: RuleId,
    },
}

/// Settings, rules, certificates and cache of zones. Facts only: whose a rule is, and what is to be written, core decides.
///
/// # Guarantees
/// A call with an effect changes what it names and nothing else, and is sent once: a rule somebody else made, its place and keys storex does not know stay as
/// they are. Lists are complete or an error. Every method answers `not_found` for a zone that is gone.
///
/// # Cancellation
/// Dropping the future of a mutating call leaves its effect in doubt.
#[async_trait]
pub trait EdgePolicies: Debug + Send + Sync + 'static {
    /// What the plan of the zone allows.
    ///
    /// # Errors
    /// `not_found`, `unavailable`, `timeout`, `rate_limited`, `cloudflare_denied`, `cloudflare_answer`.
    async fn limits(&self, zone: &ZoneId) -> Result<EdgeLimits>;

    /// The setting as it stands.
    ///
    /// # Errors
    /// As [`EdgePolicies::limits`].
    async fn setting(&self, zone: &ZoneId, setting: EdgeSetting) -> Result<SettingFacts>;

    /// Gives the setting this value, whatever it was.
    ///
    /// # Errors
    /// `cloudflare_refused` for a value it does not take or a plan that does not have it; else as [`EdgePolicies::limits`]; unclear when it may be written.
    async fn set(&self, cx: &EffectCx, zone: &ZoneId, setting: EdgeSetting, value: &str) -> Result<()>;

    /// The rules of the phase, every owner's; none when nobody ever made a list of them.
    ///
    /// # Errors
    /// As [`EdgePolicies::limits`].
    async fn rules(&self, zone: &ZoneId, phase: RulePhase) -> Result<Option<RuleList>>;

    /// Makes one change to the rules of the phase.
    ///
    /// # Errors
    /// `version_conflict` when the rules are not as the change takes them to be: a list to begin is there, a list or rule to change is gone;
    /// `cloudflare_refused` for what the plan or the provider does not take; else as [`EdgePolicies::limits`]; unclear when it may be made.
    async fn change_rules(&self, cx: &EffectCx, zone: &ZoneId, phase: RulePhase, change: &RuleChange) -> Result<()>;

    /// The certificates the edge shows for names of the zone.
    ///
    /// # Errors
    /// As [`EdgePolicies::limits`].
    async fn certificates(&self, zone: &ZoneId) -> Result<CertificateFacts>;

    /// Makes one change to the certificates; answers the pack it ordered.
    ///
    /// # Errors
    /// `version_conflict` when the certificate is not as the change takes it to be; `cloudflare_refused` for what the plan or the provider does not take; else
    /// as [`EdgePolicies::limits`]; unclear when it may be made.
    async fn change_certificate(&self, cx: &EffectCx, zone: &ZoneId, change: &CertificateChange) -> Result<Option<PackId>>;

    /// Forgets what is cached of these hosts, and of no other.
    ///
    /// # Errors
    /// As [`EdgePolicies::limits`]; unclear when it may be forgotten.
    async fn purge(&self, cx: &EffectCx, zone: &ZoneId, hosts: &[Hostname]) -> Result<()>;
}
