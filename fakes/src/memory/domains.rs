//! Zones and DNS records in memory, with the conflicts Cloudflare refuses.

use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{
    Code, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Error, Hostname, Mark, RecordFacts, RecordId, RecordSpec,
    RecordType, Result, ZoneFacts, ZoneId, ZoneStatus,
};

#[derive(Clone, Debug)]
struct MemoryZone {
    facts: ZoneFacts,
    records: Vec<RecordFacts>,
}

#[derive(Clone, Debug)]
struct State {
    primary: Hostname,
    issued: u64,
    zones: Vec<MemoryZone>,
    /// The zones before the last change.
    before: Vec<MemoryZone>,
    late_effect_window: Duration,
}

/// The [`DomainProvider`] without a provider: one account that begins with the active primary zone. Clones share one world.
///
/// It serves names that are registrable domains outside the platform, as Cloudflare does, and refuses a CNAME beside an
/// address or another CNAME of its name. It has no clock, so it does not look at deadlines.
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
        let world = Self::of(State { primary, issued: 0, zones: Vec::new(), before: Vec::new(), late_effect_window });
        world.state().add_zone(&name, ZoneStatus::Active);
        world
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), past: false }
    }

    fn state(&self) -> MutexGuard<'_, State> {
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
        if past { &self.before } else { &self.zones }
    }

    fn named(&self, name: &Hostname) -> Option<&ZoneFacts> {
        self.zones.iter().map(|zone| &zone.facts).find(|facts| facts.name == *name)
    }

    /// What stands now is what stood before the change that follows.
    fn remember(&mut self) {
        self.before.clone_from(&self.zones);
    }

    fn made(&mut self, record: &RecordSpec, comment: Option<String>) -> RecordFacts {
        RecordFacts {
            id: id(&format!("record{}", self.next())),
            record_type: type_name(record.record_type),
            name: record.name.to_lowercase(),
            content: record.content.clone(),
            proxied: record.proxied,
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
                let fits = |record: &&RecordFacts| {
                    is_ours(record, mark) && same_place(spec, record) && (!exact || same_content(spec, record))
                };
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
                    && !(is_ours(record, mark) && excludes(&facts, record) && !claimed.contains(&Some(record.id.clone())))
            });
            if let Some(rival) = records.iter().find(|record| excludes(&facts, record)) {
                let message =
                    format!("a {} record of {} that this store does not own is in the way", rival.record_type, rival.name);
                return Err(Error::new(Code::ForeignObject, message).with("domain", &rival.name).with("detail", &rival.id));
            }
            records.push(facts.clone());
            answer.push(facts);
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
    if spec.record_type == RecordType::Mx {
        return Err(Error::new(Code::Unsupported, "an MX record needs a priority, which a record specification does not hold"));
    }
    let name = spec.name.to_lowercase();
    if name != apex.as_str() && !name.ends_with(&format!(".{apex}")) {
        return Err(Error::new(Code::CloudflareRefused, format!("{name} is not in the zone {apex}")));
    }
    Ok(())
}

/// Words made of letters and a number are identifiers, so this parses always; the fallback cannot be reached.
fn id<T: std::str::FromStr<Err = Error>>(word: &str) -> T {
    match word.parse() {
        Ok(id) => id,
        Err(_) => id("unreachable"),
    }
}

fn type_name(record_type: RecordType) -> String {
    match record_type {
        RecordType::A => "A",
        RecordType::Aaaa => "AAAA",
        RecordType::Cname => "CNAME",
        RecordType::Txt => "TXT",
        RecordType::Mx => "MX",
        _ => "OTHER",
    }
    .to_owned()
}

fn is_ours(record: &RecordFacts, mark: &Mark) -> bool {
    let theirs = record.comment.as_ref().and_then(|comment| comment.parse::<Mark>().ok());
    theirs.is_some_and(|theirs| theirs.same_owner(mark))
}

fn same_place(spec: &RecordSpec, record: &RecordFacts) -> bool {
    record.record_type == type_name(spec.record_type) && record.name == spec.name.to_lowercase()
}

fn same_content(spec: &RecordSpec, record: &RecordFacts) -> bool {
    record.content == spec.content && record.proxied == spec.proxied
}

/// Whether Cloudflare would refuse `new` beside `old`: an identical record, a CNAME beside an address or CNAME of its name.
fn excludes(new: &RecordFacts, old: &RecordFacts) -> bool {
    let address = |kind: &str| kind == "A" || kind == "AAAA";
    let alias = |one: &RecordFacts, other: &RecordFacts| {
        one.record_type == "CNAME" && (address(&other.record_type) || other.record_type == "CNAME")
    };
    let identical = new.record_type == old.record_type && new.content == old.content;
    new.name == old.name && (identical || alias(new, old) || alias(old, new))
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

    async fn ensure_zone(&self, _cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        let mut state = self.state();
        if let Some(facts) = state.named(name) {
            return Ok(facts.clone());
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
        self.state().ensure(&cx.mark, zone, records)
    }

    async fn remove(&self, _cx: &EffectCx, object: &DomainObject) -> Result<()> {
        let mut state = self.state();
        state.remember();
        match object {
            DomainObject::Zone(id) => state.zones.retain(|zone| zone.facts.id != *id),
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
