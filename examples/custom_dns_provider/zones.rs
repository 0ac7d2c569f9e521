//! The zones of a small DNS: what is there, and whose records they are.

use storex_core::{Code, Error, Hostname, Mark, RecordFacts, RecordId, RecordSpec, Result, ZoneFacts, ZoneId, ZoneStatus};

/// Records a zone may hold.
const QUOTA: usize = 200;

/// Every zone with its records.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    zones: Vec<(ZoneFacts, Vec<RecordFacts>)>,
    /// Identifiers are never given twice.
    issued: u64,
}

impl Zones {
    fn next(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    /// The domains that have a zone.
    pub(crate) fn names(&self) -> Vec<String> {
        self.zones.iter().map(|(zone, _)| zone.name.to_string()).collect()
    }

    /// The zone of exactly this name.
    pub(crate) fn find(&self, name: &Hostname) -> Option<ZoneFacts> {
        self.zones.iter().map(|(zone, _)| zone).find(|zone| zone.name == *name).cloned()
    }

    /// A new zone, which waits for its delegation. Of two that make one the second is refused: nobody takes over what another has made.
    pub(crate) fn create(&mut self, name: &Hostname) -> Result<ZoneFacts> {
        if self.find(name).is_some() {
            return Err(Error::new(Code::ZoneExists, format!("there is a zone {name} already")).with("domain", name));
        }
        // A zone is a registrable domain: no name below one, and no public suffix.
        name.check_custom_domain(&"own-dns.example".parse()?)?;
        let number = self.next();
        let zone = ZoneFacts {
            id: format!("zone-{number}").parse()?,
            name: name.clone(),
            status: ZoneStatus::Pending,
            name_servers: vec![format!("a{number}.own-dns.example"), format!("b{number}.own-dns.example")],
            created_at: None,
        };
        self.zones.push((zone.clone(), Vec::new()));
        Ok(zone)
    }

    /// The zone of this name answers from now on; one is made when there is none.
    pub(crate) fn delegate(&mut self, name: &Hostname) {
        // A name that cannot be a zone stays without one.
        let _there = self.create(name);
        for (zone, _) in self.zones.iter_mut().filter(|(zone, _)| zone.name == *name) {
            zone.status = ZoneStatus::Active;
        }
    }

    /// The records of a zone.
    pub(crate) fn records(&mut self, id: &ZoneId) -> Result<&mut Vec<RecordFacts>> {
        let zone = self.zones.iter_mut().find(|(zone, _)| zone.id == *id).map(|(_, records)| records);
        zone.ok_or_else(|| Error::new(Code::NotFound, format!("there is no zone {id}")))
    }

    /// Removes a zone; absent is success.
    pub(crate) fn remove(&mut self, id: &ZoneId) {
        self.zones.retain(|(zone, _)| zone.id != *id);
    }

    /// Removes records; absent is success.
    pub(crate) fn remove_records(&mut self, zone: &ZoneId, ids: &[RecordId]) {
        if let Ok(records) = self.records(zone) {
            records.retain(|record| !ids.contains(&record.id));
        }
    }

    /// Makes the records exist, all or none: works on a copy, which replaces the records once nothing refuses.
    pub(crate) fn ensure(&mut self, mark: &Mark, zone: &ZoneId, specs: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        RecordSpec::check_together(specs)?;
        let mut records = self.records(zone)?.clone();
        let mut answer = Vec::new();
        for spec in specs {
            let wanted = RecordFacts {
                id: format!("record-{}", self.next()).parse()?,
                record_type: spec.record_type().to_string(),
                name: spec.name().to_string(),
                content: spec.content().to_string(),
                proxied: spec.is_proxied(),
                ttl: spec.ttl().get(),
                comment: Some(mark.to_string()),
            };
            let taken = |record: &RecordFacts| answer.iter().any(|made: &RecordFacts| made.id == record.id);
            // One of ours of the same name and type is brought to the specification and keeps its identifier.
            let own = records.iter().filter(|record| spec.is_at(record) && is_ours(record, mark) && !taken(record));
            let id = own.max_by_key(|record| spec.matches(record)).map(|record| record.id.clone());
            let wanted = RecordFacts { id: id.unwrap_or_else(|| wanted.id.clone()), ..wanted };
            // One of ours that cannot stand beside it gives way; one of somebody else's is in the way.
            records
                .retain(|record| record.id != wanted.id && !(is_ours(record, mark) && !taken(record) && spec.excludes(record)));
            if let Some(rival) = records.iter().find(|record| spec.excludes(record)) {
                let why = format!("a {} record of {} that is not ours is in the way", rival.record_type, rival.name);
                return Err(Error::new(Code::ForeignObject, why).with("domain", &rival.name));
            }
            records.push(wanted.clone());
            answer.push(wanted);
        }
        let used = self.records(zone)?.len();
        if records.len() > QUOTA.max(used) {
            let more = records.len() - used;
            let why = format!("the zone holds {used} of the {QUOTA} records it may hold, and {more} more do not fit");
            return Err(Error::new(Code::Quota, why).with("detail", zone));
        }
        *self.records(zone)? = records;
        Ok(answer)
    }
}

/// Whether the record's mark names the same installation and store.
fn is_ours(record: &RecordFacts, mark: &Mark) -> bool {
    record.comment.as_deref().and_then(|comment| comment.parse::<Mark>().ok()).is_some_and(|theirs| theirs.same_owner(mark))
}
