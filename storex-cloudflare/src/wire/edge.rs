//! Settings, rulesets and certificates of a zone.

use super::hostname::certificate;
use super::or_default;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use storex_core::{
    CertificateStatus, Code, EdgePlan, Error, PackFacts, PackKind, PackStatus, Result, RuleFacts, RuleList, SettingFacts,
};

/// A zone, for its plan only.
#[derive(Debug, Deserialize)]
pub(crate) struct WireZonePlan {
    #[serde(default, deserialize_with = "or_default")]
    plan: WirePlan,
}

#[derive(Debug, Default, Deserialize)]
struct WirePlan {
    #[serde(default, deserialize_with = "or_default")]
    legacy_id: String,
}

impl WireZonePlan {
    /// The plan; one that is not known counts as the smallest.
    pub(crate) fn plan(&self) -> EdgePlan {
        match self.plan.legacy_id.as_str() {
            "pro" => EdgePlan::Pro,
            "business" => EdgePlan::Business,
            "enterprise" => EdgePlan::Enterprise,
            _ => EdgePlan::Free,
        }
    }
}

/// A setting as answered.
#[derive(Debug, Deserialize)]
pub(crate) struct WireSetting {
    value: Value,
    #[serde(default)]
    editable: Option<bool>,
}

impl WireSetting {
    /// What is known of the setting. One that does not say whether it can be changed can.
    pub(crate) fn facts(self) -> SettingFacts {
        let value = match self.value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        SettingFacts { value, editable: self.editable.unwrap_or(true) }
    }
}

/// What is set about bots.
#[derive(Debug, Deserialize)]
pub(crate) struct WireBots {
    #[serde(default)]
    fight_mode: Option<bool>,
}

impl WireBots {
    /// Bot Fight Mode as a setting; a plan above Free has other fields instead (docs, "Super Bot Fight Mode").
    pub(crate) fn facts(&self) -> SettingFacts {
        let value = self.fight_mode.map_or("", |on| if on { "on" } else { "off" });
        SettingFacts { value: value.to_owned(), editable: self.fight_mode.is_some() }
    }
}

/// The rules of a phase as answered.
#[derive(Debug, Deserialize)]
pub(crate) struct WireRuleset {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    rules: Vec<Map<String, Value>>,
}

/// What Cloudflare counts by itself with every change of a rule.
const COUNTED: [&str; 2] = ["version", "last_updated"];

impl WireRuleset {
    /// What is known of the rules.
    ///
    /// # Errors
    /// `cloudflare_answer` when an identifier cannot be one.
    pub(crate) fn list(self) -> Result<RuleList> {
        let rules = self.rules.into_iter().map(rule).collect::<Result<_>>()?;
        Ok(RuleList { id: self.id.parse()?, rules })
    }
}

fn rule(mut body: Map<String, Value>) -> Result<RuleFacts> {
    let mut text = |key: &str| body.remove(key).as_ref().and_then(Value::as_str).map(str::to_owned);
    let id = text("id").ok_or_else(|| Error::new(Code::CloudflareAnswer, "Cloudflare answered a rule without its id"))?;
    // A rule without a reference of its own has its id as one (docs, "Rulesets API: JSON objects").
    let reference = text("ref").unwrap_or_else(|| id.clone());
    for key in COUNTED {
        body.remove(key);
    }
    Ok(RuleFacts { id: id.parse()?, reference, body })
}

/// Universal SSL's switch.
#[derive(Debug, Deserialize)]
pub(crate) struct WireUniversal {
    /// On or off.
    pub(crate) enabled: bool,
}

/// What a change of a pack answers, looked at for its id only.
#[derive(Debug, Deserialize)]
pub(crate) struct WireOrdered {
    /// Identifier of the pack.
    pub(crate) id: String,
}

/// How the validation of a pack stands.
#[derive(Debug, Deserialize)]
pub(crate) struct WireVerification {
    /// The pack.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) cert_pack_uuid: String,
    /// Held up because the name looks like somebody's trademark.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) brand_check: bool,
}

/// A certificate pack as answered.
#[derive(Debug, Deserialize)]
pub(crate) struct WirePack {
    id: String,
    #[serde(default, deserialize_with = "or_default", rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    hosts: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    validation_method: String,
    #[serde(default)]
    validity_days: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    certificate_authority: String,
    #[serde(default, deserialize_with = "or_default")]
    certificates: Vec<WireCertificate>,
}

#[derive(Debug, Deserialize)]
struct WireCertificate {
    #[serde(default)]
    expires_on: Option<String>,
}

impl WirePack {
    /// Where it is when it is the one Cloudflare issues by itself.
    pub(crate) fn universal(&self) -> Option<CertificateStatus> {
        (self.kind == "universal").then(|| certificate(&self.status))
    }

    /// Where it is when it names this host, wildcards spelled out, and is there.
    pub(crate) fn covering(&self, host: &str) -> Option<CertificateStatus> {
        (self.status != "deleted" && self.hosts.iter().any(|name| name == host)).then(|| certificate(&self.status))
    }

    /// Whether it has this identifier.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.id == id
    }

    /// What is known of the pack; none when it is gone.
    ///
    /// # Errors
    /// `cloudflare_answer` when the identifier cannot be one.
    pub(crate) fn facts(self, held_up: bool) -> Result<Option<PackFacts>> {
        if self.status == "deleted" {
            return Ok(None);
        }
        let ends = self.certificates.iter().filter_map(|one| one.expires_on.as_deref()?.parse::<Timestamp>().ok());
        Ok(Some(PackFacts {
            id: self.id.parse()?,
            kind: kind(self.kind),
            status: status(self.status),
            hosts: self.hosts,
            validation_method: self.validation_method,
            validity_days: self.validity_days,
            authority: self.certificate_authority,
            expires_at: ends.min(),
            held_up,
        }))
    }
}

fn kind(word: String) -> PackKind {
    match word.as_str() {
        "universal" => PackKind::Universal,
        "advanced" => PackKind::Advanced,
        _ => PackKind::Other(word),
    }
}

/// Statuses of a pack (API reference, Certificate Packs; the same words as the official SDK of 2026). One that is not known is on its way.
fn status(word: String) -> PackStatus {
    match word.as_str() {
        "active" => PackStatus::Active,
        timed_out if timed_out.ends_with("_timed_out") => PackStatus::TimedOut(word),
        "expired" | "pending_deletion" | "pending_cleanup" | "deactivating" | "inactive" => PackStatus::Over(word),
        _ => PackStatus::Pending(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    /// The result of the golden of this name in `tests/goldens/edge.json`, where its source and date are.
    fn golden<T: DeserializeOwned>(name: &str) -> T {
        let goldens: Vec<Value> = serde_json::from_str(include_str!("../../tests/goldens/edge.json")).unwrap();
        let found = goldens.into_iter().find(|golden| golden["name"] == name).expect("a golden of this name");
        serde_json::from_value(found["body"]["result"].clone()).unwrap()
    }

    #[test]
    fn settings_are_read_whatever_their_value_is_and_say_whether_they_can_be_changed() {
        let facts = |value: &str, editable| SettingFacts { value: value.to_owned(), editable };
        assert_eq!(golden::<WireSetting>("a setting").facts(), facts("flexible", true));
        assert_eq!(golden::<WireSetting>("a setting that is a number").facts(), facts("14400", true));
        assert_eq!(golden::<WireSetting>("a setting the plan locks").facts(), facts("off", false));
        assert_eq!(golden::<WireBots>("bots on the free plan").facts(), facts("on", true));
        assert_eq!(golden::<WireBots>("bots above it").facts(), facts("", false));
    }

    #[test]
    fn a_rule_keeps_every_key_but_those_cloudflare_counts() {
        let list = golden::<WireRuleset>("the rules of a phase").list().unwrap();
        let [rule] = list.rules.as_slice() else { panic!("one rule: {list:?}") };
        assert_eq!((list.id.as_str(), rule.reference.as_str()), ("2f2feab2026849078ba485f918791bdc", "my_ref"));
        let keys: Vec<&str> = rule.body.keys().map(String::as_str).collect();
        assert!(
            ["action", "action_parameters", "categories", "enabled", "expression", "logging"]
                .iter()
                .all(|key| keys.contains(key))
        );
        assert_eq!(keys.len(), 6, "{keys:?}");
    }

    #[test]
    fn a_pack_says_where_it_is_and_when_it_ends() {
        let pack = golden::<Vec<WirePack>>("certificate packs").remove(0).facts(true).unwrap().expect("it is not gone");
        assert_eq!((&pack.kind, &pack.status), (&PackKind::Advanced, &PackStatus::Pending("initializing".to_owned())));
        assert_eq!((pack.validity_days, pack.authority.as_str(), pack.held_up), (Some(14), "lets_encrypt", true));
        assert_eq!(pack.expires_at.map(|end| end.to_string()).as_deref(), Some("2025-01-01T05:20:00Z"));
        assert!(!golden::<Vec<WireVerification>>("the verification of packs")[0].brand_check);
        assert!(golden::<WireUniversal>("universal SSL").enabled);
    }

    #[test]
    fn every_status_the_reference_knows_is_in_place_on_its_way_stopped_or_over() {
        let of = |word: &str| status(word.to_owned());
        for word in
            ["initializing", "pending_validation", "pending_issuance", "pending_deployment", "holding_deployment", "new_word"]
        {
            assert_eq!(of(word), PackStatus::Pending(word.to_owned()));
        }
        for word in ["initializing_timed_out", "validation_timed_out", "issuance_timed_out", "deployment_timed_out"] {
            assert_eq!(of(word), PackStatus::TimedOut(word.to_owned()));
        }
        for word in ["expired", "pending_deletion", "deactivating", "inactive"] {
            assert_eq!(of(word), PackStatus::Over(word.to_owned()));
        }
        assert_eq!(of("active"), PackStatus::Active);
    }
}
