//! The laws of edge policies, sat by the twin, by the twin under an empty fault script, and by broken twins.

mod flawed_edge;

use crate::tally::{Tally, on_a_runtime};
use flawed_edge::{Flaw, FlawedEdge, subject};
use std::sync::{Arc, OnceLock};
use storex_core::{DomainProvider, EdgePolicies};
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::edge_policies::{self, EdgeSubject};
use storex_fakes::{FaultScript, Faulty, MemoryDomains, MemoryEdge};

fn sound() -> (Arc<dyn DomainProvider>, Arc<dyn EdgePolicies>) {
    let domains = MemoryDomains::new("storex.com".parse().unwrap());
    (Arc::new(domains.clone()), Arc::new(MemoryEdge::of(domains)))
}

#[tokio::test]
async fn the_twin_of_edge_policies_obeys_every_law() {
    let (domains, edge) = sound();
    assert_eq!(broken_laws(&edge_policies::laws(), &Arc::new(EdgeSubject { domains, edge })).await, []);
    let (domains, edge) = sound();
    let script = FaultScript::new();
    let edge: Arc<dyn EdgePolicies> = Arc::new(Faulty::new(edge, script.clone()));
    assert_eq!(broken_laws(&edge_policies::laws(), &Arc::new(EdgeSubject { domains, edge })).await, []);
    assert!(script.count("edge.change_rules") > 20, "the wrapper was in the way of the calls");
}

/// What the flawed twins of edge policies did; computed once.
pub(crate) fn tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let flawed = |flaw: &Flaw| (*flaw, Arc::new(subject(FlawedEdge::new(*flaw))));
    TALLY.get_or_init(|| {
        on_a_runtime(false, async {
            Tally::count("EdgePolicies", edge_policies::laws(), Flaw::ALL.iter().map(flawed).collect()).await
        })
    })
}

#[test]
fn every_law_of_edge_policies_is_broken_by_a_flawed_twin() {
    tally().assert_whole();
}
