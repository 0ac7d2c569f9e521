//! What a controller is told once.

use crate::policy::ZonePolicy;
use crate::record::Routing;
use crate::{DomainStrategy, HostId, Hostname, TunnelLimits, ValidationMethod};
use std::time::Duration;

/// Settings of a controller. Every limit has a default that fits production; tests use shorter ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Domain below which every store has its system name.
    pub primary_domain: Hostname,
    /// Name of the platform's tunnel. Default `storex-main-tunnel`.
    pub tunnel_name: String,
    /// How requests come from the tunnel to a store. Default [`Routing::Router`].
    pub routing: Routing,
    /// Shortest time between two writes of the tunnel's document where routing is direct; all changes within it are one write. Default 2 s.
    pub tunnel_window: Duration,
    /// How large the tunnel's document may become where routing is direct. Default 1,000 rules and 256 KiB.
    pub tunnel_limits: TunnelLimits,
    /// Pause between two looks at the tunnel's connectors, each of two calls. Default 1 min, a hundredth of the edge's budget.
    pub tunnel_look: Duration,
    /// Host new stores are placed on. Default `local`.
    pub host: HostId,
    /// How custom domains reach the tunnel when a request does not say. Default `zone`.
    pub domain_strategy: DomainStrategy,
    /// Makes the platform ready for custom hostnames also when `zone` is the default strategy. Default false.
    pub custom_hostnames: bool,
    /// How certificates of custom hostnames are validated. Default by a page, which the edge serves.
    pub hostname_validation: ValidationMethod,
    /// The Cloudflare plan has addresses for the apex of a custom hostname (Enterprise). Default false.
    pub apex_proxying: bool,
    /// A zone of a custom domain that the account has already is used as it is: only our own records in it are ours, and it is never removed.
    /// Default false: such a domain is refused.
    pub adopt_zones: bool,
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
    /// What the zone of a custom domain does with requests. Default [`ZonePolicy::standard`].
    pub zone_policy: ZonePolicy,
    /// What the primary zone is made to do with requests; what it does not name is never changed there. Default [`ZonePolicy::none`].
    pub primary_policy: ZonePolicy,
    /// Tries of a step before an operation that can turn back does. Default 6.
    pub tries: u32,
}

impl Settings {
    /// The defaults, on this primary domain.
    pub fn new(primary_domain: Hostname) -> Self {
        Self {
            primary_domain,
            tunnel_name: "storex-main-tunnel".to_owned(),
            routing: Routing::Router,
            tunnel_window: Duration::from_secs(2),
            tunnel_limits: TunnelLimits::default(),
            tunnel_look: Duration::from_mins(1),
            host: HostId::local(),
            domain_strategy: DomainStrategy::Zone,
            custom_hostnames: false,
            hostname_validation: ValidationMethod::Http,
            apex_proxying: false,
            adopt_zones: false,
            effect_limit: Duration::from_secs(30),
            operation_limit: Duration::from_mins(15),
            answer_limit: Duration::from_secs(10),
            operation_retention: Duration::from_hours(24 * 30),
            reconcile_interval: Duration::from_mins(10),
            lease: Duration::from_secs(15),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_mins(1),
            zone_policy: ZonePolicy::standard(),
            primary_policy: ZonePolicy::none(),
            tries: 6,
        }
    }

    /// Whether the platform is made ready for custom hostnames.
    pub fn serves_custom_hostnames(&self) -> bool {
        self.custom_hostnames || self.domain_strategy == DomainStrategy::CustomHostname
    }
}
