//! How certificates come about: ordered, validated, issued, deployed, renewed. The zone of a universal or advanced
//! certificate is on Cloudflare's own nameservers, so the authority's question is answered at once while it is active.

use jiff::Timestamp;

use super::edge_state::CertificatePack;
use super::identity::Identifiers;
use super::state::{CloudState, Zone, ZoneStatus};
use super::timings::Timings;
use super::zone_life::later;

/// The steps of a pack on its way, in their order (the SDK's enumeration of pack statuses).
const STEPS: [&str; 5] = ["initializing", "pending_validation", "pending_issuance", "pending_deployment", "active"];
/// Renewal begins this long before the end (documentation, "Certificate validity periods": 30 days for 90-day certificates).
const RENEW_BEFORE_S: u64 = 30 * 86_400;
const DAY: u64 = 86_400;

/// What a step becomes when the authority or the edge does not answer.
pub(super) fn timed_out(step: &str) -> Option<&'static str> {
    match step {
        "initializing" => Some("initializing_timed_out"),
        "pending_validation" => Some("validation_timed_out"),
        "pending_issuance" => Some("issuance_timed_out"),
        "pending_deployment" => Some("deployment_timed_out"),
        _ => None,
    }
}

/// The step after `step`.
pub(super) fn next(step: &str) -> Option<&'static str> {
    let place = STEPS.iter().position(|known| *known == step)?;
    STEPS.get(place + 1).copied()
}

/// A universal pack, just ordered: the apex and one level below (documentation, "Universal SSL limitations").
pub(super) fn universal(identifiers: &mut Identifiers, zone: &Zone, now: Timestamp) -> CertificatePack {
    CertificatePack {
        id: identifiers.next_uuid("certificate_pack"),
        kind: "universal".to_owned(),
        hosts: vec![zone.name.clone(), format!("*.{}", zone.name)],
        status: "initializing".to_owned(),
        next_step: Some(now),
        validation_method: "txt".to_owned(),
        validity_days: 90,
        certificate_authority: "google".to_owned(),
        cloudflare_branding: false,
        created_on: now,
        expires_on: None,
        certificate: identifiers.next_uuid("certificate"),
        token: identifiers.next_hex("validation"),
    }
}

/// The pack as it is once everything went well, for a zone that was always there.
pub(super) fn issued(mut pack: CertificatePack, now: Timestamp) -> CertificatePack {
    pack.next_step = None;
    complete(&mut pack, now);
    pack
}

fn complete(pack: &mut CertificatePack, at: Timestamp) {
    "active".clone_into(&mut pack.status);
    pack.expires_on = Some(later(at, u64::from(pack.validity_days) * DAY));
}

/// Lets every pack take the steps that are due; whether one did.
pub(super) fn settle(world: &mut CloudState, timings: &Timings, now: Timestamp) -> bool {
    let mut changed = false;
    for zone in &mut world.zones {
        let (active, stall) = (zone.status == ZoneStatus::Active, zone.certificates_stall_at.clone());
        for pack in &mut zone.packs {
            while step(pack, active, stall.as_deref(), timings, now) {
                changed = true;
            }
        }
        let before = zone.packs.len();
        zone.packs.retain(|pack| pack.status != "deleted");
        changed |= zone.packs.len() != before;
    }
    changed
}

/// Takes one step if it is due.
fn step(pack: &mut CertificatePack, zone_active: bool, stall: Option<&str>, timings: &Timings, now: Timestamp) -> bool {
    if pack.status == "active" {
        let due = pack.expires_on.filter(|end| later(now, RENEW_BEFORE_S) >= *end);
        if due.is_some() && zone_active {
            let renewed = due.map_or(now, |end| later(end, u64::from(pack.validity_days) * DAY));
            pack.expires_on = Some(renewed);
            return true;
        }
        return false;
    }
    let Some(due) = pack.next_step.filter(|due| *due <= now) else { return false };
    if pack.status == "pending_deletion" {
        "deleted".clone_into(&mut pack.status);
        pack.next_step = None;
        return true;
    }
    if stall == Some(pack.status.as_str())
        && let Some(status) = timed_out(&pack.status)
    {
        status.clone_into(&mut pack.status);
        pack.next_step = None;
        return true;
    }
    if pack.status == "pending_validation" && !zone_active {
        return false;
    }
    let Some(status) = next(&pack.status) else {
        pack.next_step = None;
        return true;
    };
    status.clone_into(&mut pack.status);
    pack.next_step = (status != "active").then(|| later(due, timings.certificate_step_s));
    if status == "active" {
        complete(pack, due);
    }
    true
}

/// Starts the validation of a pack anew.
pub(super) fn restart(pack: &mut CertificatePack, now: Timestamp) {
    "pending_validation".clone_into(&mut pack.status);
    pack.next_step = Some(now);
}
