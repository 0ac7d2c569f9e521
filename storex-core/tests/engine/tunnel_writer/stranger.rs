//! Somebody else who works on the same document.

use crate::tunnel_writer::dice::Dice;
use serde_json::json;
use std::sync::Arc;
use storex_core::{IngressRule, TunnelDocument, TunnelId};
use storex_fakes::MemoryTunnels;
use tokio::sync::RwLock;

/// A stranger with rules of their own, which storex would never write.
#[derive(Debug)]
pub(crate) struct Stranger {
    pub(crate) tunnels: MemoryTunnels,
    pub(crate) tunnel: TunnelId,
    pub(crate) gap: Arc<RwLock<()>>,
    pub(crate) dice: Dice,
    /// Their rules as they left them, in order.
    rules: Vec<IngressRule>,
    made: u64,
    /// How often they found their rules other than they had left them.
    pub(crate) harmed: usize,
}

/// The rules of strangers in a document, in order.
pub(crate) fn theirs(document: &TunnelDocument) -> Vec<IngressRule> {
    document.ingress.iter().filter(|rule| rule.service.starts_with("http://10.0.0.")).cloned().collect()
}

impl Stranger {
    pub(crate) fn new(tunnels: MemoryTunnels, tunnel: TunnelId, gap: Arc<RwLock<()>>, dice: Dice) -> Self {
        Self { tunnels, tunnel, gap, dice, rules: Vec::new(), made: 0, harmed: 0 }
    }

    /// Adds a rule somewhere, changes or removes one of theirs.
    pub(crate) async fn edit(&mut self, name: &str) {
        let gap = Arc::clone(&self.gap);
        let _gap = gap.write().await;
        let mut document = self.tunnels.document(name).unwrap_or_default();
        self.harmed += usize::from(!self.finds_all(&document));
        let places: Vec<usize> =
            document.ingress.iter().enumerate().filter(|(_, rule)| self.rules.contains(rule)).map(|(place, _)| place).collect();
        match (self.dice.below(4), places.get(self.pick(places.len()))) {
            (0, Some(place)) => {
                document.ingress.remove(*place);
            }
            (1, Some(place)) => document.ingress[*place] = self.rule(),
            _ => {
                let last = document.ingress.len().saturating_sub(1);
                document.ingress.insert(self.pick(last + 1), self.rule());
            }
        }
        document.rest.insert("from-next-year".to_owned(), json!({"edits": self.made, "exact": 2.50}));
        self.rules = theirs(&document);
        self.tunnels.overwrite(&self.tunnel, document).expect("the tunnel is there");
    }

    fn pick(&self, count: usize) -> usize {
        usize::try_from(self.dice.below(count as u64)).unwrap_or_default()
    }

    fn rule(&mut self) -> IngressRule {
        self.made += 1;
        let service = format!("http://10.0.0.{}:80", self.made % 250);
        let rule = match self.made % 3 {
            0 => json!({"path": format!("^/theirs/{}", self.made), "service": service}),
            1 => {
                json!({"hostname": format!("*.Theirs-{}.com", self.made), "service": service, "originRequest": {"x": [1, null, 0.10]}})
            }
            _ => json!({"hostname": format!("theirs-{}.com.", self.made), "service": service, "note": {}}),
        };
        serde_json::from_value(rule).expect("a rule")
    }

    /// Whether their rules are in the document, byte by byte and in their order, and so are their other keys.
    pub(crate) fn finds_all(&self, document: &TunnelDocument) -> bool {
        let text = |rules: &[IngressRule]| serde_json::to_string(rules).unwrap_or_default();
        let key = self.made == 0 || document.rest.get("from-next-year").is_some_and(|key| key["exact"] == json!(2.5));
        text(&theirs(document)) == text(&self.rules) && key
    }
}
