//! Everything outside the account: the registrar, other people's DNS and web pages, what other accounts hold. Only tests
//! and the control routes change it; the API reads it, as Cloudflare reads the real one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The outside world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Internet {
    /// What the registrar says, per registered domain.
    pub delegations: BTreeMap<String, Delegation>,
    /// Records that somebody else's nameservers answer with, per name.
    pub records: BTreeMap<String, Vec<OutsideRecord>>,
    /// Web pages that somebody else serves: address to body.
    pub pages: BTreeMap<String, String>,
    /// Domains whose zones another account holds, names below included.
    pub held: BTreeSet<String>,
    /// Hostnames the provider blocks.
    pub blocked: BTreeSet<String>,
    /// Hostnames another account has validated since.
    pub taken: BTreeSet<String>,
    /// Domains that cannot be added now, and the code they are refused with: 1049 (not registered), 1097 (banned), 1105 (too
    /// many attempts), 1110 (the registrar does not answer) or 1116.
    pub refused: BTreeMap<String, i64>,
}

/// What the registrar says about one domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Its nameservers.
    pub name_servers: Vec<String>,
    /// Whether it still carries a DS record of its former signatures.
    #[serde(default)]
    pub dnssec: bool,
}

/// A record outside the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideRecord {
    /// `A`, `AAAA`, `CNAME`, `TXT`, …; `ALIAS` stands for an apex its host flattens.
    #[serde(rename = "type")]
    pub kind: String,
    /// An address, a host name or plain text.
    pub content: String,
}

impl Delegation {
    /// A delegation to these nameservers, unsigned.
    pub fn to<S: Into<String>>(name_servers: impl IntoIterator<Item = S>) -> Self {
        Self { name_servers: name_servers.into_iter().map(Into::into).collect(), dnssec: false }
    }

    /// Whether it names `pair` and nothing else.
    pub(super) fn is_to(&self, pair: &[String; 2]) -> bool {
        let spelled = |name: &String| name.trim_end_matches('.').to_ascii_lowercase();
        let named: BTreeSet<String> = self.name_servers.iter().map(spelled).collect();
        named == pair.iter().map(spelled).collect()
    }
}

impl OutsideRecord {
    /// A record of this type.
    pub fn new(kind: &str, content: &str) -> Self {
        Self { kind: kind.to_ascii_uppercase(), content: content.to_owned() }
    }
}

impl Internet {
    /// Whether another account holds `name` or a name above it.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.held.iter().any(|held| name == held || name.strip_suffix(held.as_str()).is_some_and(|rest| rest.ends_with('.')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delegation_is_to_a_pair_whatever_its_order_and_spelling() {
        let pair = ["ada.ns.cloudflare.com".to_owned(), "bob.ns.cloudflare.com".to_owned()];
        assert!(Delegation::to(["BOB.ns.cloudflare.com.", "ada.ns.cloudflare.com"]).is_to(&pair));
        assert!(!Delegation::to(["ada.ns.cloudflare.com"]).is_to(&pair), "one is missing");
        assert!(!Delegation::to(["ada.ns.cloudflare.com", "bob.ns.cloudflare.com", "ns1.old.net"]).is_to(&pair), "one too many");
    }

    #[test]
    fn a_hold_covers_the_names_below_it() {
        let internet = Internet { held: BTreeSet::from(["shop.com".to_owned()]), ..Internet::default() };
        assert!(internet.holds("shop.com") && internet.holds("www.shop.com"));
        assert!(!internet.holds("myshop.com") && !internet.holds("com"));
    }
}
