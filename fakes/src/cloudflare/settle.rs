//! Lets the world live until now: everything that happens at Cloudflare while nobody calls. Run before each call, so time
//! passes without a thread of its own, and alike in every run.

use jiff::Timestamp;

use super::limits::Limits;
use super::state::CloudState;
use super::{certificates, dns_transfer, dnssec, hostname_life, zone_life};

/// Brings the world to `now`; whether anything changed.
pub(super) fn settle(world: &mut CloudState, limits: &Limits, now: Timestamp) -> bool {
    let zones = zone_life::settle(world, limits, now);
    let packs = certificates::settle(world, &limits.timings, now);
    let hostnames = hostname_life::settle(world, limits, now);
    let signatures = dnssec::settle(world, limits, now);
    let scans = dns_transfer::settle(world, limits, now);
    zones || packs || hostnames || signatures || scans
}
