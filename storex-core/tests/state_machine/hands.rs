//! What somebody does by hand, at the provider's site or on the host.

use crate::accidents::Accidents;
use crate::book::Book;
use crate::command::{DOMAINS, Edit, NAMES};
use storex_core::operation::{Change, Direction, OperationDoc, Step, StepState};
use storex_core::resource::{ResourceKey, ResourceKind};
use storex_core::{Hostname, Mark, Part, RecordFacts, RecordSpec, RecordType, StoreId, Table, ZoneFacts};
use storex_fakes::{Sentinels, World};

fn ours(record: &RecordFacts) -> bool {
    record.comment.as_deref().is_some_and(|comment| comment.parse::<Mark>().is_ok())
}

fn zone(world: &World, domain: usize) -> Option<ZoneFacts> {
    world.domains.zones().into_iter().find(|zone| zone.name.as_str() == DOMAINS[domain])
}

fn deployed(world: &World, name: usize) -> Option<StoreId> {
    world.host.stores().into_iter().find(|store| store.username().as_str() == NAMES[name])
}

/// True while an operation may be making or removing the zone. Neither has a precondition on the wire, and a zone carries no mark: what somebody does
/// to it in those very moments can be lost or taken for ours, so nobody does anything then.
fn is_in_hand(world: &World, name: &str) -> bool {
    let operations = world.stores.rows(Table::Operations).into_iter().map(|row| row.body.read::<OperationDoc>().unwrap());
    let key = ResourceKey::new(ResourceKind::Zone, name);
    let (mut operations, now) = (operations, world.clock().now());
    operations.any(|doc| {
        let leaving = |step: &Step| doc.direction == Direction::Backward || step.change == Change::Remove;
        let late = |step: &Step| step.doubt_until.is_some_and(|until| until > now);
        let in_hand = |step: &Step| late(step) || (!doc.is_over() && (step.state == StepState::Intent || leaving(step)));
        doc.steps.iter().any(|step| step.key == key && in_hand(step))
    })
}

/// Does the edit where there is something to edit.
pub(crate) fn edit(world: &World, book: &Book, accidents: &Accidents, edit: Edit) {
    if by_hand(world, book, accidents, edit).is_some() {
        book.disturb(|so_far| so_far.edited = true);
    }
}

fn by_hand(world: &World, book: &Book, accidents: &Accidents, edit: Edit) -> Option<()> {
    let now = world.clock().now();
    match edit {
        Edit::RecordsChanged(domain) => {
            let lead_elsewhere = |record: &mut RecordFacts| "elsewhere.example.net".clone_into(&mut record.content);
            world.domains.edit_records(&zone(world, domain)?.id, |records| {
                records.iter_mut().filter(|one| ours(one)).for_each(lead_elsewhere);
            });
        }
        Edit::RecordsRemoved(domain) => {
            world.domains.take_records(&zone(world, domain)?.id, ours);
            accidents.changed(now);
        }
        Edit::ForeignRecord(domain) => {
            let zone = zone(world, domain).filter(|_| !is_in_hand(world, DOMAINS[domain]))?;
            let name = format!("somebody.{}", zone.name);
            let record = RecordSpec::parse(RecordType::Txt, &name, "somebody was here").unwrap();
            let facts = world.domains.insert_foreign_record(&zone.id, &record).unwrap();
            world.wires.guard(Sentinels { records: vec![(zone.id, facts)], ..Sentinels::default() });
            book.disturb(|so_far| so_far.foreign.extend([domain]));
        }
        Edit::ForeignZone(domain) => {
            if zone(world, domain).is_some() || is_in_hand(world, DOMAINS[domain]) {
                return None;
            }
            let name: Hostname = DOMAINS[domain].parse().unwrap();
            let facts = world.domains.insert_foreign_zone(&name);
            world.wires.guard(Sentinels { zones: vec![facts], ..Sentinels::default() });
            book.disturb(|so_far| so_far.foreign.extend([domain]));
        }
        Edit::ZoneRemoved(domain) => {
            let zone = zone(world, domain).filter(|_| !is_in_hand(world, DOMAINS[domain]))?;
            if world.wires.sentinels().zones.contains(&zone) || !world.domains.records(&zone.id).iter().all(ours) {
                return None;
            }
            world.domains.take_zone(&zone.id);
            accidents.changed(now);
            book.disturb(|so_far| so_far.lost.extend([domain]));
        }
        Edit::ProcessStopped(name) => world.host.damage(&deployed(world, name)?, Part::Process, "the process is stopped"),
        Edit::LinkRemoved(name) => world.host.damage(&deployed(world, name)?, Part::Files, "a link is missing"),
    }
    Some(())
}
