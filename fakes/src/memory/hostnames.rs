//! Custom hostnames in memory: two states a test moves by hand.

use super::MemoryDomains;
use jiff::Timestamp;
use storex_core::{
    CertificateStatus, Code, DnsProof, Error, Hostname, HostnameFacts, HostnameId, HostnameSpec, OriginStatus, Result,
    RoutingStatus, ValidationMethod, ZoneId,
};

/// Names Cloudflare takes for documentation and never serves.
const RESERVED: [&str; 3] = ["example.com", "example.net", "example.org"];
/// Longest name a certificate's common name holds (Cloudflare docs, "Cloudflare for SaaS: troubleshooting").
const COMMON_NAME: usize = 64;

/// The hostnames of all zones of an account, and where they go.
#[derive(Clone, Debug, Default)]
pub(super) struct Hostnames {
    all: Vec<(ZoneId, HostnameFacts)>,
    origins: Vec<(ZoneId, Hostname, OriginStatus)>,
}

impl Hostnames {
    pub(super) fn list(&self) -> Vec<HostnameFacts> {
        self.all.iter().map(|(_, facts)| facts.clone()).collect()
    }

    pub(super) fn named(&self, zone: &ZoneId, name: &Hostname) -> Option<HostnameFacts> {
        self.all.iter().find(|(known, facts)| known == zone && facts.name == *name).map(|(_, facts)| facts.clone())
    }

    pub(super) fn of(&self, zone: &ZoneId) -> Vec<HostnameFacts> {
        self.all.iter().filter(|(known, _)| known == zone).map(|(_, facts)| facts.clone()).collect()
    }

    /// Adds a pending hostname. One name leads into one zone of all there are.
    pub(super) fn add(&mut self, zone: &ZoneId, apex: &Hostname, spec: &HostnameSpec, id: HostnameId) -> Result<HostnameFacts> {
        let name = &spec.name;
        let refuse = |why: &str| Err(Error::new(Code::InvalidDomain, format!("{name} {why}")).pointer("/domain"));
        if self.all.iter().any(|(_, facts)| facts.name == *name) {
            return Err(Error::new(Code::ForeignObject, format!("a custom hostname {name} exists already")));
        }
        if name == apex {
            return refuse("is the name of the zone itself");
        }
        if name.as_str().len() > COMMON_NAME {
            return refuse("is longer than 64 characters");
        }
        if RESERVED.iter().any(|known| name.as_str() == *known || name.as_str().ends_with(&format!(".{known}"))) {
            return refuse("is reserved for documentation");
        }
        let facts = HostnameFacts {
            id,
            name: name.clone(),
            routing: RoutingStatus::Pending,
            certificate: Some(CertificateStatus::Initializing),
            ownership: Some(DnsProof { name: format!("_cf-custom-hostname.{name}"), value: format!("proof-of-{name}") }),
            validation: Vec::new(),
            errors: Vec::new(),
            created_at: Some(Timestamp::constant(1_767_225_600, 0)),
        };
        self.all.push((zone.clone(), facts.clone()));
        Ok(facts)
    }

    pub(super) fn edit(&mut self, name: &Hostname, edit: impl FnOnce(&mut HostnameFacts)) {
        if let Some((_, facts)) = self.all.iter_mut().find(|(_, facts)| facts.name == *name) {
            edit(facts);
        }
    }

    pub(super) fn remove(&mut self, zone: &ZoneId, id: &HostnameId) {
        self.all.retain(|(known, facts)| known != zone || facts.id != *id);
    }

    /// Everything that leads into the zone goes with it.
    pub(super) fn forget_zone(&mut self, zone: &ZoneId) {
        self.all.retain(|(known, _)| known != zone);
        self.origins.retain(|(known, ..)| known != zone);
    }

    pub(super) fn origin(&self, zone: &ZoneId) -> Option<(Hostname, OriginStatus)> {
        self.origins.iter().find(|(known, ..)| known == zone).map(|(_, origin, status)| (origin.clone(), status.clone()))
    }

    /// A new one is pending; looked at again it is active.
    pub(super) fn ensure_origin(&mut self, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        if let Some((_, known, status)) = self.origins.iter_mut().find(|(known, ..)| known == zone) {
            if known != origin {
                return Err(Error::new(Code::ForeignObject, format!("custom hostnames of the zone go to {known}")));
            }
            *status = OriginStatus::Active;
            return Ok(OriginStatus::Active);
        }
        self.origins.push((zone.clone(), origin.clone(), OriginStatus::Pending));
        Ok(OriginStatus::Pending)
    }

    pub(super) fn put_origin(&mut self, zone: &ZoneId, origin: Option<&Hostname>) {
        self.origins.retain(|(known, ..)| known != zone);
        self.origins.extend(origin.map(|origin| (zone.clone(), origin.clone(), OriginStatus::Active)));
    }

    pub(super) fn remove_origin(&mut self, zone: &ZoneId, origin: &Hostname) {
        self.origins.retain(|(known, name, _)| known != zone || name != origin);
    }
}

impl MemoryDomains {
    /// Every custom hostname, oldest first.
    pub fn hostnames(&self) -> Vec<HostnameFacts> {
        self.state().hostnames.list()
    }

    /// Where the custom hostnames of the zone go.
    pub fn fallback_origin(&self, zone: &ZoneId) -> Option<(Hostname, OriginStatus)> {
        self.state().hostnames.origin(zone)
    }

    /// Lets the custom hostnames of the zone go to this name or nowhere, as somebody else would.
    pub fn put_fallback_origin(&self, zone: &ZoneId, origin: Option<&Hostname>) {
        let mut state = self.state();
        state.remember();
        state.hostnames.put_origin(zone, origin);
    }

    /// Changes a custom hostname, as its provider's state machines do.
    pub fn edit_hostname(&self, name: &Hostname, edit: impl FnOnce(&mut HostnameFacts)) {
        self.state().hostnames.edit(name, edit);
    }

    /// Puts a custom hostname into a zone that storex did not make.
    ///
    /// # Errors
    /// As [`storex_core::DomainProvider::create_hostname`].
    pub fn insert_foreign_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<HostnameFacts> {
        let spec = HostnameSpec { name: name.clone(), validation: ValidationMethod::Http };
        self.state().add_hostname(zone, &spec)
    }

    /// Removes a custom hostname, as somebody else would.
    pub fn take_hostname(&self, zone: &ZoneId, facts: &HostnameFacts) {
        let mut state = self.state();
        state.remember();
        state.hostnames.remove(zone, &facts.id);
    }
}
