//! Zones, DNS records and custom hostnames in memory, with the conflicts Cloudflare refuses.

use super::hostnames::Hostnames;
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{
    CertificateStatus, Code, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Error, FallbackOrigin, Hostname,
    HostnameFacts, HostnameSpec, Mark, OriginStatus, RecordFacts, RecordId, RecordSpec, Result, ZoneFacts, ZoneId, ZoneStatus,
};

#[derive(Clone, Debug)]
struct MemoryZone {
    facts: ZoneFacts,
    records: Vec<RecordFacts>,
}

#[derive(Clone, Debug)]
pub(super) struct State {
    primary: Hostname,
    issued: u64,
    zones: Vec<MemoryZone>,
    pub(super) hostnames: Hostnames,
    /// Zones and hostnames before the last change.
    before: (Vec<MemoryZone>, Hostnames),
    late_effect_window: Duration,
    /// Records a zone may hold.
    record_quota: usize,
}

/// Records a zone of Cloudflare's Free plan holds (Cloudflare docs, "DNS records": limits).
const RECORD_QUOTA: usize = 200;

/// The [`DomainProvider`] without a provider: one account that begins with the active primary zone. Clones share one world.
///
/// It serves names that are registrable domains outside the platform, as Cloudflare does, refuses a CNAME beside an
/// address or another CNAME of its name, and holds 200 records in a zone. It has no clock, so it does not look at deadlines.
#[derive(Clone, Debug)]
pub struct MemoryDomains {
    state: Arc<Mutex<State>>,
    /// True for the view of what stood before the last change.
    past: bool,
}

impl MemoryDomains {
    /// A world with the active zone `primary`. No effect is late in it.
    pub fn new(primary: Hostname) -> Self {
        let name = primary.clone();
        let late_effect_window = Duration::ZERO;
        let (zones, hostnames, before) = Default::default();
        let record_quota = RECORD_QUOTA;
        let world = Self::of(State { primary, issued: 0, zones, hostnames, before, late_effect_window, record_quota });
        world.state().add_zone(&name, ZoneStatus::Active);
        world
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), past: false }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same world as it stood before its last change. Reads of this view are stale; it changes nothing.
    #[must_use]
    pub fn before(&self) -> Self {
        Self { state: Arc::clone(&self.state), past: true }
    }

    /// A world of its own that begins as this one is now.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::of(self.state().clone())
    }

    /// Sets the window the capabilities name; for the whole world.
    #[must_use]
    pub fn with_late_effect_window(self, window: Duration) -> Self {
        self.state().late_effect_window = window;
        self
    }

    /// Sets how many records a zone may hold, as a larger plan would; for the whole world.
    #[must_use]
    pub fn with_record_quota(self, records: usize) -> Self {
        self.state().record_quota = records;
        self
    }

    /// Every zone, oldest first.
    pub fn zones(&self) -> Vec<ZoneFacts> {
        self.state().zones.iter().map(|zone| zone.facts.clone()).collect()
    }

    /// Every record of the zone, oldest first; none when there is no such zone.
    pub fn records(&self, zone: &ZoneId) -> Vec<RecordFacts> {
        self.state().zones.iter().find(|known| known.facts.id == *zone).map(|zone| zone.records.clone()).unwrap_or_default()
    }

    /// True when exactly this zone is there.
    pub fn has_zone(&self, facts: &ZoneFacts) -> bool {
        self.state().zones.iter().any(|zone| zone.facts == *facts)
    }

    /// True when exactly this record is in the zone.
    pub fn has_record(&self, zone: &ZoneId, record: &RecordFacts) -> bool {
        self.state().zones.iter().any(|known| known.facts.id == *zone && known.records.contains(record))
    }

    /// Removes a zone, as somebody else would.
    pub fn take_zone(&self, zone: &ZoneId) {
        let mut state = self.state();
        state.remember();
        state.zones.retain(|known| known.facts.id != *zone);
    }

    /// Removes records, as somebody else would.
    pub fn take_records(&self, zone: &ZoneId, taken: impl Fn(&RecordFacts) -> bool) {
        let mut state = self.state();
        state.remember();
        if let Ok(zone) = state.zone(zone) {
            zone.records.retain(|record| !taken(record));
        }
    }

    /// Changes the records of a zone as a person does at the provider's own site: behind everybody's back.
    pub fn edit_records(&self, zone: &ZoneId, edit: impl FnOnce(&mut Vec<RecordFacts>)) {
        if let Some(zone) = self.state().zones.iter_mut().find(|known| known.facts.id == *zone) {
            edit(&mut zone.records);
        }
    }

    /// Puts a zone into the account that storex did not make; a name that is there already is answered as it is.
    pub fn insert_foreign_zone(&self, name: &Hostname) -> ZoneFacts {
        let mut state = self.state();
        let known = state.named(name).cloned();
        known.unwrap_or_else(|| state.add_zone(name, ZoneStatus::Pending))
    }

    /// Puts a record without owner mark into a zone, whatever stands there already.
    ///
    /// # Errors
    /// `not_found` when there is no such zone.
    pub fn insert_foreign_record(&self, zone: &ZoneId, record: &RecordSpec) -> Result<RecordFacts> {
        self.insert(zone, record, None)
    }

    /// The same with a comment, such as another installation's mark.
    ///
    /// # Errors
    /// `not_found` when there is no such zone.
    pub fn insert_marked_record(&self, zone: &ZoneId, record: &RecordSpec, comment: &str) -> Result<RecordFacts> {
        self.insert(zone, record, Some(comment.to_owned()))
    }

    fn insert(&self, zone: &ZoneId, record: &RecordSpec, comment: Option<String>) -> Result<RecordFacts> {
        let mut state = self.state();
        let facts = state.made(record, comment);
        state.zone(zone)?.records.push(facts.clone());
        Ok(facts)
    }

    /// Makes the zone active, as its registrar would.
    ///
    /// # Errors
    /// `not_found` when there is no such zone.
    pub fn activate(&self, zone: &ZoneId) -> Result<()> {
        self.state().zone(zone)?.facts.status = ZoneStatus::Active;
        Ok(())
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    fn add_zone(&mut self, name: &Hostname, status: ZoneStatus) -> ZoneFacts {
        let number = self.next();
        let facts = ZoneFacts {
            id: id(&format!("zone{number}")),
            name: name.clone(),
            status,
            name_servers: vec![format!("ada{number}.ns.cloudflare.com"), format!("bob{number}.ns.cloudflare.com")],
            created_at: Some(Timestamp::constant(1_767_225_600, 0)),
        };
        self.zones.push(MemoryZone { facts: facts.clone(), records: Vec::new() });
        facts
    }

    fn zone(&mut self, id: &ZoneId) -> Result<&mut MemoryZone> {
        self.zones.iter_mut().find(|zone| zone.facts.id == *id).ok_or_else(|| missing(id))
    }

    fn seen(&self, past: bool) -> &[MemoryZone] {
        if past { &self.before.0 } else { &self.zones }
    }

    pub(super) fn add_hostname(&mut self, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        let apex = self.zone(zone)?.facts.name.clone();
        let id = id(&format!("hostname{}", self.next()));
        self.hostnames.add(zone, &apex, spec, id)
    }

    fn named(&self, name: &Hostname) -> Option<&ZoneFacts> {
        self.zones.iter().map(|zone| &zone.facts).find(|facts| facts.name == *name)
    }

    /// What stands now is what stood before the change that follows.
    pub(super) fn remember(&mut self) {
        self.before.0.clone_from(&self.zones);
        self.before.1.clone_from(&self.hostnames);
    }

    fn made(&mut self, record: &RecordSpec, comment: Option<String>) -> RecordFacts {
        RecordFacts {
            id: id(&format!("record{}", self.next())),
            record_type: record.record_type().to_string(),
            name: record.name().to_string(),
            content: record.content().to_string(),
            proxied: record.is_proxied(),
            ttl: record.ttl().get(),
            comment,
        }
    }

    /// Works on a copy of the zone's records, so a refusal leaves the zone as it was.
    fn ensure(&mut self, mark: &Mark, zone: &ZoneId, specs: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        let apex = self.zone(zone)?.facts.name.clone();
        let mut records = self.zone(zone)?.records.clone();
        let mut claimed: Vec<Option<RecordId>> = vec![None; specs.len()];
        for exact in [true, false] {
            for index in 0..specs.len() {
                let (Some(spec), Some(None)) = (specs.get(index), claimed.get(index)) else {
                    continue;
                };
                let free = |record: &&RecordFacts| !claimed.contains(&Some(record.id.clone()));
                let fits =
                    |record: &&RecordFacts| is_ours(record, mark) && spec.is_at(record) && (!exact || spec.matches(record));
                let found = records.iter().filter(free).find(fits).map(|record| record.id.clone());
                if let Some(place) = claimed.get_mut(index) {
                    *place = found;
                }
            }
        }
        let mut answer = Vec::with_capacity(specs.len());
        for (spec, place) in specs.iter().zip(&claimed) {
            check_supported(spec, &apex)?;
            let mut facts = self.made(spec, Some(mark.to_string()));
            if let Some(id) = place {
                facts.id = id.clone();
            }
            records.retain(|record| {
                place.as_ref() != Some(&record.id)
                    && !(is_ours(record, mark) && spec.excludes(record) && !claimed.contains(&Some(record.id.clone())))
            });
            if let Some(rival) = records.iter().find(|record| spec.excludes(record)) {
                let message =
                    format!("a {} record of {} that this store does not own is in the way", rival.record_type, rival.name);
                return Err(Error::new(Code::ForeignObject, message).with("domain", &rival.name).with("detail", &rival.id));
            }
            records.push(facts.clone());
            answer.push(facts);
        }
        let (quota, used) = (self.record_quota, self.zone(zone)?.records.len());
        if records.len() > quota.max(used) {
            let message = format!(
                "the zone holds {used} of the {quota} records its plan allows, and {} more do not fit; remove records that are not needed",
                records.len() - used
            );
            return Err(Error::new(Code::Quota, message).with("detail", zone));
        }
        if self.zone(zone)?.records != records {
            self.remember();
            self.zone(zone)?.records = records;
        }
        Ok(answer)
    }
}

fn missing(id: &ZoneId) -> Error {
    Error::new(Code::NotFound, format!("there is no zone {id}"))
}

fn check_supported(spec: &RecordSpec, apex: &Hostname) -> Result<()> {
    if spec.name().is_within(apex) {
        return Ok(());
    }
    Err(Error::new(Code::CloudflareRefused, format!("{} is not in the zone {apex}", spec.name())))
}

/// Words made of letters and a number are identifiers, so this parses always; the fallback cannot be reached.
fn id<T: std::str::FromStr<Err = Error>>(word: &str) -> T {
    match word.parse() {
        Ok(id) => id,
        Err(_) => id("unreachable"),
    }
}

fn is_ours(record: &RecordFacts, mark: &Mark) -> bool {
    let theirs = record.comment.as_ref().and_then(|comment| comment.parse::<Mark>().ok());
    theirs.is_some_and(|theirs| theirs.same_owner(mark))
}

#[async_trait]
impl DomainProvider for MemoryDomains {
    fn capabilities(&self) -> DomainCapabilities {
        DomainCapabilities::new(self.state().late_effect_window)
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        let state = self.state();
        Ok(state.seen(self.past).iter().find(|zone| zone.facts.name == *name).map(|zone| zone.facts.clone()))
    }

    async fn create_zone(&self, _cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        let mut state = self.state();
        if state.named(name).is_some() {
            return Err(Error::new(Code::ZoneExists, format!("the account has a zone {name} already")).with("domain", name));
        }
        name.check_custom_domain(&state.primary)?;
        state.remember();
        Ok(state.add_zone(name, ZoneStatus::Pending))
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        let wanted = |record: &&RecordFacts| {
            comment_prefix.is_none_or(|prefix| record.comment.as_deref().is_some_and(|comment| comment.starts_with(prefix)))
        };
        let state = self.state();
        let found = state.seen(self.past).iter().find(|known| known.facts.id == *zone).ok_or_else(|| missing(zone))?;
        Ok(found.records.iter().filter(wanted).cloned().collect())
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        RecordSpec::check_together(records)?;
        self.state().ensure(&cx.mark, zone, records)
    }

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        let mut state = self.state();
        if self.past {
            return Ok(state.before.1.named(zone, name));
        }
        state.zone(zone)?;
        Ok(state.hostnames.named(zone, name))
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        let mut state = self.state();
        if self.past {
            return Ok(Some(state.before.1.of(zone)));
        }
        state.zone(zone)?;
        Ok(Some(state.hostnames.of(zone)))
    }

    async fn create_hostname(&self, _cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        let mut state = self.state();
        let before = (state.zones.clone(), state.hostnames.clone());
        let made = state.add_hostname(zone, spec)?;
        state.before = before;
        Ok(made)
    }

    async fn ensure_fallback_origin(&self, _cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        let mut state = self.state();
        let proxied = |record: &RecordFacts| record.proxied && record.name == origin.as_str();
        if !state.zone(zone)?.records.iter().any(proxied) {
            return Err(Error::new(Code::CloudflareRefused, format!("{origin} has no proxied record in the zone")));
        }
        state.remember();
        state.hostnames.ensure_origin(zone, origin)
    }

    async fn fallback_origin(&self, zone: &ZoneId) -> Result<FallbackOrigin> {
        let mut state = self.state();
        let origin = if self.past {
            state.before.1.origin(zone)
        } else {
            state.zone(zone)?;
            state.hostnames.origin(zone)
        };
        Ok(origin.map_or(FallbackOrigin::Unset, |(origin, _)| FallbackOrigin::Set(origin)))
    }

    async fn recheck(&self, _cx: &EffectCx, object: &DomainObject) -> Result<()> {
        let mut state = self.state();
        match object {
            DomainObject::Zone(zone) => state.zone(zone).map(|_| ()),
            DomainObject::Hostname { zone, id } => {
                let known = state.hostnames.list().iter().any(|facts| facts.id == *id);
                if known { state.zone(zone).map(|_| ()) } else { Err(Error::new(Code::NotFound, "no such custom hostname")) }
            }
            other => Err(Error::new(Code::Unsupported, format!("cannot check {other:?}"))),
        }
    }

    /// The provider issues it with the activation.
    async fn zone_certificate(&self, zone: &ZoneId) -> Result<Option<CertificateStatus>> {
        let active = self.state().zone(zone)?.facts.status == ZoneStatus::Active;
        Ok(Some(if active { CertificateStatus::Active } else { CertificateStatus::Initializing }))
    }

    async fn remove(&self, _cx: &EffectCx, object: &DomainObject) -> Result<()> {
        let mut state = self.state();
        state.remember();
        match object {
            DomainObject::Zone(id) => {
                state.zones.retain(|zone| zone.facts.id != *id);
                state.hostnames.forget_zone(id);
            }
            DomainObject::Hostname { zone, id } => state.hostnames.remove(zone, id),
            DomainObject::FallbackOrigin { zone, origin } => state.hostnames.remove_origin(zone, origin),
            DomainObject::Records { zone, ids } => {
                if let Ok(zone) = state.zone(zone) {
                    zone.records.retain(|record| !ids.contains(&record.id));
                }
            }
            other => return Err(Error::new(Code::Unsupported, format!("cannot remove {other:?}"))),
        }
        Ok(())
    }
}
