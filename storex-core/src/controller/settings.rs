//! What a controller is told once.

use crate::{HostId, Hostname};
use std::time::Duration;

/// Settings of a controller. Every limit has a default that fits production; tests use shorter ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Domain below which every store has its system name.
    pub primary_domain: Hostname,
    /// Name of the platform's tunnel. Default `storex-main-tunnel`.
    pub tunnel_name: String,
    /// Host new stores are placed on. Default `local`.
    pub host: HostId,
    /// Hard limit of one effect. Default 30 s.
    pub effect_limit: Duration,
    /// Time after which a create that has not succeeded turns back. Default 15 min.
    pub operation_limit: Duration,
    /// Longest time a create waits for the zone's name servers before it answers. Default 10 s.
    pub answer_limit: Duration,
    /// How long a finished operation can be looked at. Default 30 days.
    pub operation_retention: Duration,
    /// Pause between two sweeps that look for drift. Default 10 min.
    pub reconcile_interval: Duration,
    /// Lease of an operation without renewal. Default 15 s.
    pub lease: Duration,
    /// First pause after a failure; doubles with full jitter. Default 500 ms.
    pub first_pause: Duration,
    /// Longest pause. Default 60 s.
    pub longest_pause: Duration,
    /// Tries of a step before an operation that can turn back does. Default 6.
    pub tries: u32,
}

impl Settings {
    /// The defaults, on this primary domain.
    pub fn new(primary_domain: Hostname) -> Self {
        Self {
            primary_domain,
            tunnel_name: "storex-main-tunnel".to_owned(),
            host: HostId::local(),
            effect_limit: Duration::from_secs(30),
            operation_limit: Duration::from_mins(15),
            answer_limit: Duration::from_secs(10),
            operation_retention: Duration::from_hours(24 * 30),
            reconcile_interval: Duration::from_mins(10),
            lease: Duration::from_secs(15),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_mins(1),
            tries: 6,
        }
    }
}
