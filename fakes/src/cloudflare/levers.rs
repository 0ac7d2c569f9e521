//! The levers on the world that a test pulls without HTTP: time, the registrar, other people's DNS and pages, connectors.

use super::connectors;
use super::edge_state::Traffic;
use super::internet::{Delegation, Internet, OutsideRecord};
use super::limits::Limits;
use super::resolver::Resolved;
use super::simulator::{Simulator, SimulatorError};
use super::state::{Plan, Zone, ZoneStatus};
use super::visit::{self, Visit};
use super::zone_life;
use jiff::{SignedDuration, Timestamp};

impl Simulator {
    /// What time it is there.
    pub fn time(&self) -> Timestamp {
        self.now()
    }

    /// Moves the clock on and lets everything happen that is due by then. Negative durations count as none.
    ///
    /// # Errors
    /// The state file cannot be written.
    pub fn advance(&self, duration: SignedDuration) -> Result<(), SimulatorError> {
        let seconds = u64::try_from(duration.as_secs()).unwrap_or(0);
        self.change(|world, _| {
            world.advanced = world.advanced.saturating_add(seconds);
            Ok(())
        })?;
        // A change that changes nothing: what is due now happens before it, and is saved.
        self.change(|_, _| Ok(()))
    }

    /// Changes the outside world.
    ///
    /// # Errors
    /// The state file cannot be written.
    pub fn change_internet(&self, change: impl FnOnce(&mut Internet)) -> Result<(), SimulatorError> {
        self.change(|world, _| {
            change(&mut world.internet);
            Ok(())
        })
    }

    /// Sets the nameservers of a domain at the registrar. A zone of that name notices at its next check.
    ///
    /// # Errors
    /// The state file cannot be written.
    pub fn delegate(&self, domain: &str, delegation: Delegation) -> Result<(), SimulatorError> {
        let domain = domain.to_ascii_lowercase();
        self.change_internet(|internet| {
            internet.delegations.insert(domain, delegation);
        })
    }

    /// Delegates a zone's domain to the pair the zone was given.
    ///
    /// # Errors
    /// No such zone, or the state file cannot be written.
    pub fn delegate_here(&self, zone: &str) -> Result<(), SimulatorError> {
        let world = self.state();
        let found = world.zone_named(zone).or_else(|| world.zone(zone)).ok_or_else(|| unknown("zone", zone))?;
        self.delegate(&found.name, Delegation::to(found.name_servers.clone()))
    }

    /// Sets what somebody else's nameservers answer for a name; an empty list removes it.
    ///
    /// # Errors
    /// The state file cannot be written.
    pub fn set_outside_records(&self, name: &str, records: Vec<OutsideRecord>) -> Result<(), SimulatorError> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.change_internet(|internet| {
            if records.is_empty() {
                internet.records.remove(&name);
            } else {
                internet.records.insert(name, records);
            }
        })
    }

    /// What a public resolver answers; see [`CloudState::resolve`](super::CloudState::resolve).
    pub fn resolve(&self, name: &str, kind: &str) -> Vec<Resolved> {
        self.state().resolve(name, kind)
    }

    /// What a visitor of `https://host/` meets.
    pub fn visit(&self, host: &str) -> Visit {
        visit::visit(&self.state(), host)
    }

    /// Adds visits that analytics will report.
    ///
    /// # Errors
    /// No such zone, or the state file cannot be written.
    pub fn add_traffic(&self, traffic: Vec<Traffic>) -> Result<(), SimulatorError> {
        self.change(|world, now| {
            let mut checked = Vec::new();
            for visits in traffic {
                let zone = world.zone_mut(&visits.zone).ok_or_else(|| unknown("zone", &visits.zone))?;
                checked.push(Traffic { zone: zone.id.clone(), at: Some(visits.at.unwrap_or(now)), ..visits });
            }
            world.traffic.extend(checked);
            Ok(())
        })
    }

    /// Puts a zone on another plan.
    ///
    /// # Errors
    /// No such zone, or the state file cannot be written.
    pub fn set_plan(&self, zone: &str, plan: Plan) -> Result<(), SimulatorError> {
        self.on_zone(zone, |place| place.plan = plan)
    }

    /// Lets the zone's certificates time out at a step (`pending_validation`, `pending_issuance`, …); `None` lets them pass.
    ///
    /// # Errors
    /// No such zone, or the state file cannot be written.
    pub fn stall_certificates(&self, zone: &str, step: Option<&str>) -> Result<(), SimulatorError> {
        self.on_zone(zone, |place| place.certificates_stall_at = step.map(str::to_owned))
    }

    fn on_zone(&self, zone: &str, change: impl FnOnce(&mut Zone)) -> Result<(), SimulatorError> {
        self.change(|world, _| {
            change(world.zone_mut(zone).ok_or_else(|| unknown("zone", zone))?);
            Ok(())
        })
    }

    /// Moves a zone (by id or name) to another status at once, and its delegation at the registrar with it.
    ///
    /// # Errors
    /// No such zone, or the state file cannot be written.
    pub fn set_zone_status(&self, zone: &str, status: ZoneStatus) -> Result<(), SimulatorError> {
        let limits: Limits = self.limits();
        self.change(|world, now| {
            let mut place = world.zone_mut(zone).ok_or_else(|| unknown("zone", zone))?.clone();
            let delegation = match status {
                ZoneStatus::Active => Delegation::to(place.name_servers.clone()),
                ZoneStatus::Pending | ZoneStatus::Moved => Delegation::to(["ns1.elsewhere.net", "ns2.elsewhere.net"]),
            };
            world.internet.delegations.insert(place.name.clone(), delegation);
            match status {
                ZoneStatus::Active => zone_life::activate(world, &mut place, now),
                ZoneStatus::Moved => (place.status, place.moved_on) = (status, Some(now)),
                ZoneStatus::Pending => place.status = status,
            }
            place.modified_on = now;
            place.next_check = Some(zone_life::later(now, limits.timings.recheck_s.max(1)));
            if let Some(known) = world.zone_mut(&place.id) {
                *known = place;
            }
            Ok(())
        })
    }

    /// Attaches a connector to a live tunnel, as `cloudflared tunnel run` would; returns its client id.
    ///
    /// # Errors
    /// No such live tunnel, or the state file cannot be written.
    pub fn attach_connector(&self, tunnel: &str) -> Result<String, SimulatorError> {
        self.change(|world, now| {
            let mut identifiers = world.identifiers;
            let place = world.tunnel_mut(tunnel).ok_or_else(|| unknown("tunnel", tunnel))?;
            let id = connectors::attach(place, &mut identifiers, now);
            world.identifiers = identifiers;
            Ok(id)
        })
    }

    /// Detaches every connector of a live tunnel.
    ///
    /// # Errors
    /// No such live tunnel, or the state file cannot be written.
    pub fn detach_connectors(&self, tunnel: &str) -> Result<(), SimulatorError> {
        self.change(|world, now| {
            let place = world.tunnel_mut(tunnel).ok_or_else(|| unknown("tunnel", tunnel))?;
            connectors::detach(place, None, now);
            Ok(())
        })
    }

    /// Lets a connector stay at the version it serves, as one does that cannot read a later document; or lets it follow again.
    ///
    /// # Errors
    /// No such live tunnel or connector, or the state file cannot be written.
    pub fn stick_connector(&self, tunnel: &str, connector: &str, stuck: bool) -> Result<(), SimulatorError> {
        let timings = self.limits().timings;
        self.change(|world, now| {
            let place = world.tunnel_mut(tunnel).ok_or_else(|| unknown("tunnel", tunnel))?;
            let version = stuck.then(|| connectors::applied(place, &timings, now));
            let known = place.connectors.iter_mut().find(|known| known.id == connector);
            known.ok_or_else(|| unknown("connector", connector))?.stuck_at = version;
            Ok(())
        })
    }

    /// Leaves a connector this many of its edge connections; fewer than four make the tunnel degraded.
    ///
    /// # Errors
    /// No such live tunnel or connector, or the state file cannot be written.
    pub fn limit_connections(&self, tunnel: &str, connector: &str, connections: usize) -> Result<(), SimulatorError> {
        self.change(|world, _| {
            let place = world.tunnel_mut(tunnel).ok_or_else(|| unknown("tunnel", tunnel))?;
            let known = place.connectors.iter_mut().find(|known| known.id == connector);
            known.ok_or_else(|| unknown("connector", connector))?.connections.truncate(connections);
            Ok(())
        })
    }
}

fn unknown(kind: &str, name: &str) -> SimulatorError {
    SimulatorError::Unknown(format!("{kind} {name}"))
}
