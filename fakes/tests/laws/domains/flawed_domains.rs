//! The twin of zones and records with one flaw at a time.

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use storex_core::{
    CertificateStatus, Code, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Error, FallbackOrigin, Hostname,
    HostnameFacts, HostnameSpec, OriginStatus, RecordFacts, RecordSpec, RecordType, Result, ZoneFacts, ZoneId, ZoneStatus,
};
use storex_fakes::MemoryDomains;

macro_rules! flaws {
    ($($flaw:ident,)*) => {
        /// What is wrong with the twin.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw { $($flaw,)* }

        impl Flaw {
            pub(crate) const ALL: &[Flaw] = &[$(Flaw::$flaw,)*];
        }
    };
}

flaws! {
    FindsWhatNobodyMade, FindsNothing, FindsByEnding, MakesAnotherEachTime, OneNameServer, OneIdForAll, AcceptsAnyName, ActiveAtOnce,
    ListsAStranger, AnswersBackwards, ListsAllButOne, NoMark, NewIdEachTime, KeepsOldContent, DoublesText, KeepsOldMark,
    AnswersOnlyNewOnes, MakesOneUnasked, DoesNotGiveWay, LosesStars, IgnoresPrefix, PrefixWithoutCase, TakesOver, RefusesWithoutName,
    OneByOne, ClearsTheZone, RemovesAllRecords, AbsentRecordIsAnError, AbsentRecordStopsAll, GoneZoneHasEmptyList, AbsentZoneIsAnError,
    OldIdAgain, MakesRecordsNowhere, RemovesAllZones, AnswersWhatExists, SpellsAddressesOut, LosesPriority, DoublesMail, OneMailServer,
    SwapsWeightAndPort, LosesFlags, CutsText, EscapesText, LosesTimeToLive, KeepsOldTimeToLive, AliasesOnly, AliasStays,
    RemovesWholeNames, NoQuota, QuotaWithoutNumbers, FillsUp, CountsRemoved,
}

/// [`MemoryDomains`] with a flaw.
#[derive(Debug)]
pub(crate) struct FlawedDomains {
    flaw: Flaw,
    inner: MemoryDomains,
    calls: AtomicU64,
    first_ids: Mutex<BTreeMap<Hostname, ZoneId>>,
}

/// The twin without a flaw.
pub(crate) fn sound() -> Arc<dyn DomainProvider> {
    Arc::new(MemoryDomains::new("storex.com".parse().unwrap()))
}

impl FlawedDomains {
    pub(crate) fn new(flaw: Flaw) -> Self {
        let quota = if flaw == Flaw::NoQuota { usize::MAX } else { 200 };
        let inner = MemoryDomains::new("storex.com".parse().unwrap()).with_record_quota(quota);
        Self { flaw, inner, calls: AtomicU64::new(0), first_ids: Mutex::default() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn number(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::SeqCst)
    }

    /// Records as a flaw spells them, answered and listed alike.
    fn misspell(&self, zone: &ZoneId, made: &mut [RecordFacts]) {
        let flaw = self.flaw;
        self.inner.edit_records(zone, |records| records.iter_mut().for_each(|record| misspelled(flaw, record)));
        for record in made {
            misspelled(flaw, record);
        }
    }

    async fn clear(&self, cx: &EffectCx, zone: &ZoneId, chosen: impl Fn(&RecordFacts) -> bool) -> Result<()> {
        let ids = self.inner.records(zone).iter().filter(|record| chosen(record)).map(|record| record.id.clone()).collect();
        self.inner.remove(cx, &DomainObject::Records { zone: zone.clone(), ids }).await
    }

    /// What stands at the places asked for, under any mark.
    fn standing(&self, zone: &ZoneId, records: &[RecordSpec]) -> Vec<RecordFacts> {
        let named = |record: &RecordFacts| records.iter().any(|spec| spec.name().as_str() == record.name);
        self.inner.records(zone).into_iter().filter(named).collect()
    }

    /// Clears what a flaw clears before the records are ensured.
    async fn prepare(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<()> {
        let standing = self.standing(zone, records);
        match self.flaw {
            Flaw::NewIdEachTime => self.clear(cx, zone, is_ours).await,
            Flaw::ClearsTheZone => self.clear(cx, zone, |record| !is_ours(record)).await,
            Flaw::TakesOver => self.clear(cx, zone, |record| standing.contains(record) && !is_ours(record)).await,
            Flaw::OneMailServer => self.clear(cx, zone, |record| standing.contains(record) && record.record_type == "MX").await,
            _ => Ok(()),
        }
    }

    /// What a flaw answers instead of ensuring the records.
    async fn instead(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Option<Vec<RecordFacts>>> {
        let standing = self.standing(zone, records);
        let all_there = !records.is_empty() && standing.len() == records.len();
        let unchanged = |(spec, facts): (&RecordSpec, &RecordFacts)| spec.matches(facts);
        Ok(match self.flaw {
            Flaw::KeepsOldContent if all_there && standing.iter().all(is_ours) => Some(standing),
            Flaw::KeepsOldMark if all_there && records.iter().zip(&standing).all(unchanged) => Some(standing),
            Flaw::DoesNotGiveWay if standing.iter().any(|record| record.record_type == "A") => {
                return Err(Error::new(Code::ForeignObject, format!("{} is in the way", standing[0].name)));
            }
            Flaw::AliasStays if records.iter().any(|spec| spec.record_type() == RecordType::A) && standing.len() == 1 => {
                return Err(Error::new(Code::ForeignObject, format!("{} is in the way", standing[0].name)));
            }
            Flaw::AliasesOnly if records.len() > 2 && records.iter().any(|spec| spec.record_type() == RecordType::Srv) => {
                return Err(Error::new(Code::Unsupported, "not in one change"));
            }
            Flaw::KeepsOldTimeToLive if all_there && records.iter().zip(&standing).all(|(spec, facts)| spec.is_at(facts)) => {
                let same = |(spec, facts): (&RecordSpec, &RecordFacts)| spec.content().to_string() == facts.content;
                records.iter().zip(&standing).all(same).then_some(standing)
            }
            Flaw::DoublesMail if all_there && records.iter().any(|spec| spec.record_type() == RecordType::Mx) => {
                Some(records.iter().map(|spec| self.inner.insert_foreign_record(zone, spec)).collect::<Result<_>>()?)
            }
            Flaw::CountsRemoved if records.len() == 1 && self.calls.load(Ordering::SeqCst) > 0 => {
                let full = self.inner.records(zone).len() > 198;
                full.then(|| Err(Error::new(Code::Quota, "200 records were made"))).transpose()?
            }
            Flaw::MakesRecordsNowhere if self.inner.list_records(zone, None).await.is_err() => Some(Vec::new()),
            Flaw::MakesOneUnasked if records.is_empty() => {
                let name = self.inner.zones().into_iter().find(|known| known.id == *zone).unwrap().name.to_string();
                self.inner.insert_foreign_record(zone, &RecordSpec::parse(RecordType::Txt, &name, "unasked")?)?;
                Some(Vec::new())
            }
            Flaw::DoublesText if records.iter().any(|spec| spec.record_type() == RecordType::Txt) => {
                Some(records.iter().map(|spec| self.inner.insert_foreign_record(zone, spec)).collect::<Result<_>>()?)
            }
            Flaw::OneByOne => {
                let mut made = Vec::new();
                for spec in records {
                    made.extend(self.inner.ensure_records(cx, zone, std::slice::from_ref(spec)).await?);
                }
                Some(made)
            }
            _ => None,
        })
    }
}

fn misspelled(flaw: Flaw, record: &mut RecordFacts) {
    let words: Vec<&str> = record.content.split(' ').collect();
    let content = match (flaw, record.record_type.as_str()) {
        (Flaw::SpellsAddressesOut, "AAAA") => record.content.replace("::", ":0:0:0:0:0:"),
        (Flaw::LosesPriority, "MX") => format!("0 {}", words[1]),
        (Flaw::SwapsWeightAndPort, "SRV") => format!("{} {} {} {}", words[0], words[2], words[1], words[3]),
        (Flaw::LosesFlags, "CAA") => format!("0 {}", words[1..].join(" ")),
        (Flaw::CutsText, "TXT") => record.content.chars().take(255).collect(),
        (Flaw::EscapesText, "TXT") => record.content.replace('\\', "\\\\"),
        _ => record.content.clone(),
    };
    record.content = content;
    if flaw == Flaw::LosesTimeToLive {
        record.ttl = 1;
    }
}

fn is_ours(record: &RecordFacts) -> bool {
    record.comment.as_deref().is_some_and(|text| text.starts_with("storex/1 i=0a1b2c3d s=12345"))
}

#[async_trait]
impl DomainProvider for FlawedDomains {
    fn capabilities(&self) -> DomainCapabilities {
        self.inner.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        match self.flaw {
            Flaw::FindsWhatNobodyMade => Ok(Some(self.inner.insert_foreign_zone(name))),
            Flaw::FindsNothing => Ok(None),
            Flaw::FindsByEnding => Ok(self.inner.zones().into_iter().find(|zone| zone.name.as_str().ends_with(name.as_str()))),
            _ => self.inner.find_zone(name).await,
        }
    }

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        let mut zone = match self.inner.create_zone(cx, name).await {
            Err(error) if self.has(Flaw::AcceptsAnyName) && error.code() == Code::InvalidDomain => {
                self.inner.insert_foreign_zone(name)
            }
            Err(error) if self.has(Flaw::AnswersWhatExists) && error.code() == Code::ZoneExists => {
                self.inner.insert_foreign_zone(name)
            }
            other => other?,
        };
        match self.flaw {
            Flaw::MakesAnotherEachTime => zone.id = format!("another{}", self.number()).parse()?,
            Flaw::OneNameServer => zone.name_servers.truncate(1),
            Flaw::OneIdForAll => zone.id = "one".parse()?,
            Flaw::ActiveAtOnce => zone.status = ZoneStatus::Active,
            Flaw::OldIdAgain => zone.id = self.first_ids.lock().unwrap().entry(name.clone()).or_insert(zone.id).clone(),
            _ => {}
        }
        Ok(zone)
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        let prefix = comment_prefix.filter(|_| !self.has(Flaw::IgnoresPrefix));
        let lower = prefix.map(str::to_lowercase);
        let prefix = if self.has(Flaw::PrefixWithoutCase) { lower.as_deref() } else { prefix };
        let mut records = match self.inner.list_records(zone, prefix).await {
            Err(_) if self.has(Flaw::GoneZoneHasEmptyList) => Vec::new(),
            other => other?,
        };
        if self.has(Flaw::ListsAllButOne) {
            records.pop();
        }
        if self.has(Flaw::ListsAStranger) {
            let (id, record_type, name) = ("stranger".parse()?, "A".to_owned(), "stranger.com".to_owned());
            records.push(RecordFacts { id, record_type, name, content: String::new(), proxied: false, ttl: 1, comment: None });
        }
        Ok(records)
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        let before = self.inner.records(zone);
        self.prepare(cx, zone, records).await?;
        if let Some(answer) = self.instead(cx, zone, records).await? {
            return Ok(answer);
        }
        let mut asked = records.to_vec();
        if self.has(Flaw::LosesStars) {
            for spec in &mut asked {
                let name = spec.name().as_str().replace("*.", "star.").parse()?;
                *spec = RecordSpec::new(name, spec.content().clone())?.with_proxy(spec.is_proxied())?;
            }
        }
        let mut made = match self.inner.ensure_records(cx, zone, &asked).await {
            Err(error) if self.has(Flaw::RefusesWithoutName) => return Err(Error::new(error.code(), "something is in the way")),
            Err(error) if self.has(Flaw::QuotaWithoutNumbers) && error.code() == Code::Quota => {
                return Err(Error::new(error.code(), "too many"));
            }
            Err(error) if self.has(Flaw::FillsUp) && error.code() == Code::Quota => {
                for spec in &asked {
                    self.inner.ensure_records(cx, zone, std::slice::from_ref(spec)).await?;
                }
                return Err(error);
            }
            other => other?,
        };
        self.misspell(zone, &mut made);
        match self.flaw {
            Flaw::AnswersBackwards => made.reverse(),
            Flaw::NoMark => made.iter_mut().for_each(|record| record.comment = None),
            Flaw::AnswersOnlyNewOnes => made.retain(|record| before.iter().all(|old| old.id != record.id)),
            _ => {}
        }
        Ok(made)
    }

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        self.inner.find_hostname(zone, name).await
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        self.inner.list_hostnames(zone).await
    }

    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        self.inner.create_hostname(cx, zone, spec).await
    }

    async fn fallback_origin(&self, zone: &ZoneId) -> Result<FallbackOrigin> {
        DomainProvider::fallback_origin(&self.inner, zone).await
    }

    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        self.inner.ensure_fallback_origin(cx, zone, origin).await
    }

    async fn recheck(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        self.inner.recheck(cx, object).await
    }

    async fn zone_certificate(&self, zone: &ZoneId) -> Result<Option<CertificateStatus>> {
        self.inner.zone_certificate(zone).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        let absent = || Err(Error::new(Code::NotFound, "there is no such thing"));
        match object {
            DomainObject::Records { zone, ids } => {
                let there = self.inner.records(zone);
                let some_absent = ids.iter().any(|id| there.iter().all(|record| record.id != *id));
                self.number();
                let removed = |record: &RecordFacts| there.iter().any(|gone| ids.contains(&gone.id) && gone.name == record.name);
                match self.flaw {
                    Flaw::RemovesWholeNames => return self.clear(cx, zone, removed).await,
                    Flaw::RemovesAllRecords => return self.clear(cx, zone, |_| true).await,
                    Flaw::AbsentRecordIsAnError if some_absent => return absent(),
                    Flaw::AbsentRecordStopsAll if some_absent => return Ok(()),
                    _ => {}
                }
            }
            DomainObject::Zone(id) => {
                let there = self.inner.zones();
                if self.has(Flaw::AbsentZoneIsAnError) && there.iter().all(|zone| zone.id != *id) {
                    return absent();
                }
                for zone in there.into_iter().filter(|_| self.has(Flaw::RemovesAllZones)) {
                    self.inner.remove(cx, &DomainObject::Zone(zone.id)).await?;
                }
            }
            _ => {}
        }
        self.inner.remove(cx, object).await
    }
}
