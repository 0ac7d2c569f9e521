//! The laws of edge insight, sat by the twin and by broken twins.

mod flawed_insight;

use crate::tally::{Tally, on_a_runtime};
use flawed_insight::{Flaw, FlawedInsight};
use std::sync::{Arc, OnceLock};
use storex_core::EdgeInsight;
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::edge_insight::{self, InsightSubject};
use storex_fakes::{MemoryDomains, MemoryInsight};

/// A subject over a twin, as `wrap` sees it.
fn subject(wrap: impl FnOnce(MemoryInsight) -> Arc<dyn EdgeInsight>) -> Arc<InsightSubject> {
    let domains = MemoryDomains::new("storex.com".parse().unwrap());
    let twin = MemoryInsight::of(domains.clone());
    let fed = twin.clone();
    let feed = Box::new(move |zone: &storex_core::ZoneId, visits| fed.visit(zone, visits));
    Arc::new(InsightSubject { domains: Arc::new(domains), insight: wrap(twin), feed })
}

#[tokio::test]
async fn the_twin_of_edge_insight_obeys_every_law() {
    assert_eq!(broken_laws(&edge_insight::laws(), &subject(|twin| Arc::new(twin))).await, []);
}

/// What the flawed twins of edge insight did; computed once.
pub(crate) fn tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let flawed = |flaw: &Flaw| (*flaw, subject(|twin| Arc::new(FlawedInsight::new(*flaw, twin))));
    TALLY.get_or_init(|| {
        on_a_runtime(false, async {
            Tally::count("EdgeInsight", edge_insight::laws(), Flaw::ALL.iter().map(flawed).collect()).await
        })
    })
}

#[test]
fn every_law_of_edge_insight_is_broken_by_a_flawed_twin() {
    tally().assert_whole();
}
