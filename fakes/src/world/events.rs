//! What happens in the world beside a call.

use crate::{Event, FaultScript, MemoryDomains, MemoryHost};
use storex_core::{Hostname, RecordFacts, RecordSpec, RecordType};

/// Lets the events of this script happen to these twins.
pub(super) fn listen(script: &FaultScript, primary: &Hostname, domains: &MemoryDomains, host: &MemoryHost) {
    let (primary, domains, host) = (primary.clone(), domains.clone(), host.clone());
    script.on_event(move |event| {
        let zones = domains.zones().into_iter().filter(|zone| zone.name != primary);
        let ours = |record: &RecordFacts| record.comment.as_deref().is_some_and(|comment| comment.starts_with("storex/1 "));
        match event {
            // Everything the ledger acknowledged is there again before the agent answers.
            Event::HostRestart => {}
            Event::HostRollback => host.roll_back(),
            Event::RecordAdded => {
                for zone in zones {
                    let name = format!("somebody.{}", zone.name);
                    // The zone was listed above, and the record can be one.
                    let record = RecordSpec::parse(RecordType::Txt, &name, "somebody was here");
                    drop(record.and_then(|record| domains.insert_foreign_record(&zone.id, &record)));
                }
            }
            Event::RecordsRemoved => zones.for_each(|zone| domains.take_records(&zone.id, ours)),
            Event::ZonesRemoved => {
                for zone in zones.filter(|zone| domains.records(&zone.id).iter().all(ours)) {
                    domains.take_zone(&zone.id);
                }
            }
        }
    });
}
