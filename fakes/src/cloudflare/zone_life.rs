//! What happens to a zone while nobody calls: its nameservers are looked up, it is activated, it moves away, it is deleted
//! and at last forgotten. Delays are those of the documentation page "Zone status" (domain-status): a first look after
//! 60 seconds and growing pauses, a pending free zone deleted after 28 days, a moved one after 7, purged 7 days later.

use jiff::{SignedDuration, Timestamp};

use super::certificates;
use super::limits::Limits;
use super::state::{ArchivedZone, CloudState, Plan, Zone, ZoneStatus};
use super::timings::Timings;

/// Lets every zone live until `now`; whether anything changed.
pub(super) fn settle(world: &mut CloudState, limits: &Limits, now: Timestamp) -> bool {
    let mut changed = false;
    let mut index = 0;
    while let Some(zone) = world.zones.get(index) {
        if zone.next_check.is_some_and(|due| due > now) && end(zone, &limits.timings).is_none_or(|end| end > now) {
            index += 1;
            continue;
        }
        changed = true;
        let mut zone = zone.clone();
        let ended = live(world, &mut zone, &limits.timings, now);
        if let Some(on) = ended {
            world.zones.remove(index);
            archive(world, zone, &limits.timings, on);
        } else if let Some(place) = world.zones.get_mut(index) {
            *place = zone;
            index += 1;
        }
    }
    let before = world.archived.len();
    world.archived.retain(|archived| archived.purge_on > now);
    changed || world.archived.len() != before
}

/// Runs one zone's checks up to `now`; when it ended, if it did.
fn live(world: &mut CloudState, zone: &mut Zone, timings: &Timings, now: Timestamp) -> Option<Timestamp> {
    loop {
        let due = zone.next_check.unwrap_or_else(|| later(zone.created_on, timings.first_check_s).max(zone.created_on));
        let end = end(zone, timings).filter(|end| *end <= now);
        if let Some(end) = end.filter(|end| *end <= due) {
            return Some(end);
        }
        if due > now {
            zone.next_check = Some(due);
            return end;
        }
        check(world, zone, timings, due);
    }
}

/// When the zone is deleted if nothing changes.
fn end(zone: &Zone, timings: &Timings) -> Option<Timestamp> {
    match zone.status {
        ZoneStatus::Pending if zone.plan == Plan::Free => Some(later(zone.created_on, timings.pending_s)),
        ZoneStatus::Moved => zone.moved_on.map(|moved| later(moved, timings.moved_s)),
        ZoneStatus::Pending | ZoneStatus::Active => None,
    }
}

/// Looks the nameservers up at the registrar, at `at`. A zone whose delegation nobody ever said anything about stays as it
/// is.
pub(super) fn check(world: &mut CloudState, zone: &mut Zone, timings: &Timings, at: Timestamp) {
    let delegation = world.internet.delegations.get(&zone.name);
    let here = delegation.map(|delegation| (delegation.is_to(&zone.name_servers), delegation.dnssec));
    match (zone.status, here) {
        // A DS record of the former signatures would make every answer bogus, so the zone waits for it to go.
        (ZoneStatus::Pending | ZoneStatus::Moved, Some((true, false))) => activate(world, zone, at),
        (ZoneStatus::Active, Some((false, _))) => {
            (zone.status, zone.moved_on, zone.modified_on) = (ZoneStatus::Moved, Some(at), at);
        }
        _ => {}
    }
    zone.checks = if zone.status == ZoneStatus::Pending { zone.checks.saturating_add(1) } else { 0 };
    let pause = match zone.status {
        ZoneStatus::Pending => timings.check_pause(zone.checks),
        ZoneStatus::Active | ZoneStatus::Moved => timings.recheck_s.max(1),
    };
    zone.next_check = Some(later(at, pause));
}

/// Makes a zone active; its universal certificate is ordered the first time.
pub(super) fn activate(world: &mut CloudState, zone: &mut Zone, at: Timestamp) {
    (zone.status, zone.modified_on, zone.moved_on) = (ZoneStatus::Active, at, None);
    zone.activated_on.get_or_insert(at);
    if !zone.universal_disabled && zone.packs.iter().all(|pack| pack.kind != "universal") {
        let pack = certificates::universal(&mut world.identifiers, zone, at);
        zone.packs.push(pack);
    }
}

/// Takes a deleted zone out of the account; it answers DNS until it is purged.
pub(super) fn archive(world: &mut CloudState, zone: Zone, timings: &Timings, on: Timestamp) {
    let purge_on = later(on, timings.purge_s);
    world.archived.push(ArchivedZone { zone, purge_on });
}

/// `seconds` after `moment`.
pub(super) fn later(moment: Timestamp, seconds: u64) -> Timestamp {
    let seconds = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    moment.checked_add(seconds).unwrap_or(Timestamp::MAX)
}
