//! What happens to a custom hostname while nobody calls: two state machines side by side, one for its traffic and one for
//! its certificate, both checked by the published schedule (75 checks over seven days, then given up). Source: Cloudflare
//! for Platforms documentation, "Validation backoff schedule" and "Hostname validation".

use jiff::Timestamp;

use super::certificates;
use super::internet::Internet;
use super::limits::Limits;
use super::resolver::{is_below, standing};
use super::saas_state::{CustomHostname, HostnameCertificate};
use super::ssl_verification::delegation_id;
use super::state::{CloudState, Zone};
use super::timings::{HOSTNAME_CHECKS, Timings, hostname_pause};
use super::zone_life::later;

/// A certificate of a hostname is good for 90 days; the documentation names no other validity for managed ones.
const VALID_S: u64 = 90 * 86_400;

/// Lets every custom hostname and fallback origin take the steps that are due; whether one did.
pub(super) fn settle(world: &mut CloudState, limits: &Limits, now: Timestamp) -> bool {
    let mut changed = false;
    for index in 0..world.zones.len() {
        changed |= settle_fallback(world, index, &limits.timings, now);
        let due = |hostname: &CustomHostname| {
            let steps = [hostname.next_check, hostname.ssl.as_ref().and_then(|ssl| ssl.next_step)];
            steps.into_iter().flatten().any(|due| due <= now)
        };
        let Some(zone) = world.zones.get_mut(index).filter(|zone| zone.hostnames.iter().any(due)) else { continue };
        changed = true;
        // Taken out meanwhile: no check looks at another hostname.
        let mut hostnames = std::mem::take(&mut zone.hostnames);
        for hostname in hostnames.iter_mut().filter(|hostname| due(hostname)) {
            while run(world, index, hostname, &limits.timings, now) {}
        }
        hostnames.retain(|hostname| hostname.status != "deleted");
        if let Some(zone) = world.zones.get_mut(index) {
            zone.hostnames = hostnames;
        }
    }
    changed
}

fn settle_fallback(world: &mut CloudState, index: usize, timings: &Timings, now: Timestamp) -> bool {
    let Some(zone) = world.zones.get_mut(index) else { return false };
    let mut changed = false;
    while let Some(fallback) = zone.fallback.as_mut() {
        let Some(due) = fallback.next_step.filter(|due| *due <= now) else { break };
        changed = true;
        let (status, next_step) = match fallback.status.as_str() {
            "initializing" => ("pending_deployment", Some(later(due, timings.fallback_step_s))),
            "pending_deletion" => {
                zone.fallback = None;
                break;
            }
            _ => ("active", None),
        };
        status.clone_into(&mut fallback.status);
        fallback.next_step = next_step;
    }
    changed
}

/// Takes the earlier of the two steps that are due; whether there was one.
fn run(world: &CloudState, index: usize, hostname: &mut CustomHostname, timings: &Timings, now: Timestamp) -> bool {
    let Some(zone) = world.zones.get(index) else { return false };
    let traffic = hostname.next_check.filter(|due| *due <= now);
    let certificate = hostname.ssl.as_ref().and_then(|ssl| ssl.next_step).filter(|due| *due <= now);
    match (traffic, certificate) {
        (Some(at), other) if other.is_none_or(|other| at <= other) => check_traffic(world, zone, hostname, timings, at),
        (_, Some(at)) => step_certificate(world, zone, hostname, timings, at),
        _ => return false,
    }
    true
}

fn check_traffic(world: &CloudState, zone: &Zone, hostname: &mut CustomHostname, timings: &Timings, at: Timestamp) {
    hostname.next_check = None;
    if world.internet.blocked.contains(&hostname.hostname) || world.internet.holds(&hostname.hostname) {
        "blocked".clone_into(&mut hostname.status);
        hostname.verification_errors = vec!["the hostname is blocked or held by another account".to_owned()];
        return;
    }
    let here = leads_here(world, zone, &hostname.hostname);
    let taken = world.internet.taken.contains(&hostname.hostname);
    match hostname.status.as_str() {
        "active" if taken || hostname.seen_here && !here => move_away(hostname, timings, at),
        "active" => {
            hostname.seen_here |= here;
            hostname.next_check = Some(later(at, timings.recheck_s.max(1)));
        }
        "moved" => "deleted".clone_into(&mut hostname.status),
        _ if taken => move_away(hostname, timings, at),
        _ => attempt(world, zone, hostname, here, timings, at),
    }
}

fn move_away(hostname: &mut CustomHostname, timings: &Timings, at: Timestamp) {
    "moved".clone_into(&mut hostname.status);
    hostname.verification_errors = vec!["custom hostname does not CNAME to this zone.".to_owned()];
    hostname.moved_on = Some(at);
    hostname.next_check = Some(later(at, timings.hostname_moved_s.max(1)));
}

/// One check of a pending hostname: it leads here, or it was proved early by text or page.
fn attempt(world: &CloudState, zone: &Zone, hostname: &mut CustomHostname, here: bool, timings: &Timings, at: Timestamp) {
    let proved = here || has_ownership_proof(world, hostname);
    let errors = obstacles(zone, hostname, proved);
    if errors.is_empty() {
        "active".clone_into(&mut hostname.status);
        hostname.verification_errors = errors;
        hostname.seen_here |= here;
        hostname.next_check = Some(later(at, timings.recheck_s.max(1)));
        if let Some(ssl) = hostname.ssl.as_mut().filter(|ssl| ssl.status == "pending_validation" && ssl.method == "http") {
            ssl.next_step = Some(at);
        }
        return;
    }
    hostname.verification_errors = errors;
    let pause = hostname_pause(hostname.attempts);
    hostname.attempts += 1;
    if hostname.attempts > HOSTNAME_CHECKS {
        move_away(hostname, timings, at);
    } else {
        hostname.next_check = Some(later(at, pause));
    }
}

/// The texts of "Custom hostname verification errors"; their exact spelling is not confirmed.
fn obstacles(zone: &Zone, hostname: &CustomHostname, proved: bool) -> Vec<String> {
    if !proved {
        return vec!["custom hostname does not CNAME to this zone.".to_owned()];
    }
    match (&hostname.custom_origin_server, zone.fallback.as_ref().map(|fallback| fallback.status.as_str())) {
        (Some(_), _) | (None, Some("active")) => Vec::new(),
        (None, None) => vec!["fallback origin is not set for this zone.".to_owned()],
        (None, Some(_)) => vec!["fallback origin is not active.".to_owned()],
    }
}

/// Whether a lookup of `hostname` passes a name of `zone` that exists there.
pub(super) fn leads_here(world: &CloudState, zone: &Zone, hostname: &str) -> bool {
    let concrete = hostname.strip_prefix("*.").map_or_else(|| hostname.to_owned(), |above| format!("any.{above}"));
    let passed = world.passed(&concrete);
    passed.iter().skip(1).any(|name| is_below(name, &zone.name) && !standing(zone, name).is_empty())
}

fn has_ownership_proof(world: &CloudState, hostname: &CustomHostname) -> bool {
    let text = world.resolve(&format!("_cf-custom-hostname.{}", hostname.hostname), "TXT");
    let page = world.internet.pages.get(&ownership_url(hostname));
    text.iter().any(|record| record.content == hostname.ownership_token) || page == Some(&hostname.ownership_page)
}

/// Where the page of the early proof must be.
pub(super) fn ownership_url(hostname: &CustomHostname) -> String {
    format!("http://{}/.well-known/cf-custom-hostname-challenge/{}", hostname.hostname, hostname.id)
}

/// Where the authority looks for its page.
pub(super) fn validation_url(hostname: &str, ssl: &HostnameCertificate) -> String {
    format!("http://{hostname}/.well-known/pki-validation/{}.txt", ssl.id)
}

fn step_certificate(world: &CloudState, zone: &Zone, hostname: &mut CustomHostname, timings: &Timings, at: Timestamp) {
    let name = hostname.hostname.clone();
    let edge_answers = hostname.status == "active" && hostname.seen_here;
    let Some(ssl) = hostname.ssl.as_mut() else { return };
    ssl.next_step = None;
    if zone.certificates_stall_at.as_deref() == Some(ssl.status.as_str())
        && let Some(status) = certificates::timed_out(&ssl.status)
    {
        status.clone_into(&mut ssl.status);
        return;
    }
    if ssl.status == "pending_validation" && !is_validated(&world.internet, world, zone, &name, ssl, edge_answers) {
        ssl.validation_errors = vec!["the certificate authority did not find the validation record.".to_owned()];
        let pause = hostname_pause(ssl.attempts);
        ssl.attempts += 1;
        if ssl.attempts > HOSTNAME_CHECKS {
            "validation_timed_out".clone_into(&mut ssl.status);
        } else {
            ssl.next_step = Some(later(at, pause));
        }
        return;
    }
    if ssl.status == "active" {
        ssl.expires_on = Some(later(at, VALID_S));
        ssl.next_step = Some(later(at, VALID_S * 2 / 3));
        return;
    }
    let Some(status) = certificates::next(&ssl.status) else { return };
    status.clone_into(&mut ssl.status);
    ssl.validation_errors.clear();
    ssl.next_step = Some(match status {
        "pending_validation" => at,
        "active" => later(at, VALID_S * 2 / 3),
        _ => later(at, timings.certificate_step_s),
    });
    if status == "active" {
        ssl.expires_on = Some(later(at, VALID_S));
    }
}

/// Whether the authority finds what it asked for: by text, by a delegated `_acme-challenge`, or by a page, which the edge
/// itself serves once the hostname leads to it. E-mail is never answered here.
fn is_validated(
    internet: &Internet,
    world: &CloudState,
    zone: &Zone,
    name: &str,
    ssl: &HostnameCertificate,
    edge_answers: bool,
) -> bool {
    let base = name.strip_prefix("*.").unwrap_or(name);
    match ssl.method.as_str() {
        "http" => edge_answers || internet.pages.get(&validation_url(name, ssl)) == Some(&ssl.token),
        "txt" => {
            let challenge = format!("_acme-challenge.{base}");
            let delegated = format!("{base}.{}.dcv.cloudflare.com", delegation_id(&zone.id));
            world.resolve(&challenge, "TXT").iter().any(|record| record.content == ssl.token || record.content == delegated)
                || world.passed(&challenge).contains(&delegated)
        }
        _ => false,
    }
}
