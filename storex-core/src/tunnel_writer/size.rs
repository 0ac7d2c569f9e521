//! How large the tunnel's document is, and how large it may become.

use crate::{Code, Error, IngressRule, Json, Result, TunnelDocument};
use serde::{Deserialize, Serialize};

/// Most that the tunnel's document holds. A change that would go beyond is refused before anything is written.
///
/// Cloudflare names no limit. These are storex's own: a connector tries the rules of a request one after another, and every change of one rule sends the
/// whole document again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelLimits {
    /// Rules, those of others included. Default 1,000.
    pub rules: usize,
    /// Bytes of JSON. Default 256 KiB.
    pub bytes: usize,
}

impl Default for TunnelLimits {
    fn default() -> Self {
        Self { rules: 1_000, bytes: 256 * 1024 }
    }
}

impl TunnelLimits {
    /// Whether a document of this size may be written.
    ///
    /// # Errors
    /// `tunnel_full` with the size, the limit and what to do.
    pub(crate) fn check(self, size: Size) -> Result<()> {
        let (would, limit) = if size.rules > self.rules {
            (format!("{} rules", size.rules), format!("{}", self.rules))
        } else if size.bytes > self.bytes {
            (format!("{} bytes", size.bytes), format!("{}", self.bytes))
        } else {
            return Ok(());
        };
        let why = format!(
            "the tunnel's document would have {would}, and its limit is {limit}: delete stores, or start the controller with --routing router, where two rules serve every new store"
        );
        Err(Error::new(Code::TunnelFull, why).with("rules", size.rules).with("bytes", size.bytes).with("limit", limit))
    }
}

/// How large a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    rules: usize,
    /// Of its JSON.
    bytes: usize,
}

impl Size {
    pub(crate) fn of(document: &TunnelDocument) -> Result<Self> {
        Ok(Self { rules: document.ingress.len(), bytes: Json::of(document)?.as_str().len() })
    }

    /// The size with these rules more.
    pub(crate) fn with(mut self, rules: &[IngressRule]) -> Result<Self> {
        for rule in rules {
            // Each stands before another one, so a comma comes with it.
            (self.rules, self.bytes) = (self.rules + 1, self.bytes + Json::of(rule)?.as_str().len() + 1);
        }
        Ok(self)
    }

    /// Whether it is larger than `other` in any way.
    pub(crate) fn exceeds(self, other: Self) -> bool {
        self.rules > other.rules || self.bytes > other.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn rule(hostname: Option<&str>, service: &str) -> IngressRule {
        IngressRule { hostname: hostname.map(str::to_owned), service: service.to_owned(), rest: Map::new() }
    }

    #[test]
    fn rules_that_are_added_count_as_the_document_that_holds_them_does() {
        let last = rule(None, "http_status:404");
        let more = [rule(Some("a.com"), "http://localhost:4001"), rule(Some("b.com"), "http://localhost:4002")];
        let few = TunnelDocument { ingress: vec![last.clone()], rest: Map::new() };
        let whole = TunnelDocument { ingress: [more.to_vec(), vec![last]].concat(), rest: Map::new() };
        assert_eq!(Size::of(&few).unwrap().with(&more).unwrap(), Size::of(&whole).unwrap());
        assert!(Size::of(&whole).unwrap().exceeds(Size::of(&few).unwrap()));
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_more_of_either_is_not() {
        let limits = TunnelLimits { rules: 3, bytes: 100 };
        assert!(limits.check(Size { rules: 3, bytes: 100 }).is_ok());
        for (size, would) in [(Size { rules: 4, bytes: 10 }, "4 rules"), (Size { rules: 3, bytes: 101 }, "101 bytes")] {
            let error = limits.check(size).unwrap_err();
            assert_eq!(error.code(), Code::TunnelFull);
            assert!(error.message().contains(would) && error.message().contains("--routing router"), "{error}");
        }
    }
}
