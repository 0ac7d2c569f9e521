//! The twin of custom hostnames with one flaw at a time. Zones and records are sound.

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Mutex;
use storex_core::{
    CertificateStatus, Code, DnsProof, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Error, FallbackOrigin,
    Hostname, HostnameFacts, HostnameId, HostnameSpec, OriginStatus, RecordFacts, RecordSpec, Result, RoutingStatus,
    ValidationMethod, ZoneFacts, ZoneId,
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
    FindsWhatNobodyMade, FindsNothing, AnswersWhatExists, FindsInAnyZone, FindsByEnding, OneIdForAll, ActiveAtOnce, OneProofForAll, AcceptsAnyName,
    PagesOnly, KeepsRemoved, RemovesAll, AbsentIsAnError, OldIdAgain, CheckMakesAnew, ChecksNothing, GoneZoneIsEmpty, TakesOrigin,
    AcceptsBareOrigin, RemovesAnyOrigin, KeepsOrigin, RemovesTheZone, OriginOnce, CertificateAtOnce,
    ListsAPage, ListsAllZones, ListsGoneZones, ShowsNoOrigin, ReplacesAnyOrigin, ReplacesNoOrigin,
}

/// [`MemoryDomains`] with a flaw in its custom hostnames.
#[derive(Debug)]
pub(crate) struct FlawedHostnames {
    flaw: Flaw,
    inner: MemoryDomains,
    first_ids: Mutex<BTreeMap<Hostname, HostnameId>>,
}

impl FlawedHostnames {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { flaw, inner: MemoryDomains::new("storex.com".parse().unwrap()), first_ids: Mutex::default() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// What a flaw makes of a hostname that is answered.
    fn shown(&self, mut facts: HostnameFacts) -> Result<HostnameFacts> {
        match self.flaw {
            Flaw::OneIdForAll => facts.id = "one".parse()?,
            Flaw::ActiveAtOnce => {
                (facts.routing, facts.certificate) = (RoutingStatus::Active, Some(CertificateStatus::Active));
            }
            Flaw::OneProofForAll => {
                facts.ownership = Some(DnsProof { name: format!("_proof.{}", facts.name), value: "same".to_owned() });
                facts.name = "www.one-for-all.com".parse()?;
                facts.ownership = Some(DnsProof { name: format!("_proof.{}", facts.name), value: "same".to_owned() });
            }
            Flaw::OldIdAgain => {
                let mut first = self.first_ids.lock().unwrap();
                facts.id = first.entry(facts.name.clone()).or_insert(facts.id).clone();
            }
            _ => {}
        }
        Ok(facts)
    }

    async fn forget_origin(&self, cx: &EffectCx, zone: &ZoneId) -> Result<()> {
        if let Some((origin, _)) = self.inner.fallback_origin(zone) {
            self.inner.remove(cx, &DomainObject::FallbackOrigin { zone: zone.clone(), origin }).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl DomainProvider for FlawedHostnames {
    fn capabilities(&self) -> DomainCapabilities {
        self.inner.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        self.inner.find_zone(name).await
    }

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        self.inner.create_zone(cx, name).await
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        self.inner.list_records(zone, comment_prefix).await
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        self.inner.ensure_records(cx, zone, records).await
    }

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        let all = self.inner.hostnames();
        let found = match self.flaw {
            Flaw::FindsNothing => None,
            Flaw::FindsInAnyZone => all.into_iter().find(|facts| facts.name == *name),
            Flaw::FindsByEnding => all.into_iter().find(|facts| facts.name.as_str().ends_with(name.as_str())),
            Flaw::GoneZoneIsEmpty => self.inner.find_hostname(zone, name).await.unwrap_or_default(),
            _ => self.inner.find_hostname(zone, name).await?,
        };
        match found {
            None if self.has(Flaw::FindsWhatNobodyMade) => self.inner.insert_foreign_hostname(zone, name).map(Some),
            found => found.map(|facts| self.shown(facts)).transpose(),
        }
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        match self.flaw {
            Flaw::ListsAllZones => Ok(Some(self.inner.hostnames())),
            Flaw::ListsGoneZones => Ok(Some(self.inner.list_hostnames(zone).await.ok().flatten().unwrap_or_default())),
            _ => {
                let mut list = self.inner.list_hostnames(zone).await?;
                if let Some(list) = list.as_mut().filter(|_| self.has(Flaw::ListsAPage)) {
                    list.truncate(50);
                }
                Ok(list)
            }
        }
    }

    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        if self.has(Flaw::PagesOnly) && spec.validation == ValidationMethod::Txt {
            return Err(Error::new(Code::Unsupported, "only pages are validated"));
        }
        let known = || self.inner.hostnames().into_iter().find(|facts| facts.name == spec.name);
        match self.inner.create_hostname(cx, zone, spec).await {
            Err(error) if self.has(Flaw::AnswersWhatExists) && error.code() == Code::ForeignObject => known().ok_or(error),
            Err(error) if self.has(Flaw::AcceptsAnyName) && error.code() == Code::InvalidDomain => {
                let other = HostnameSpec { name: "www.accepted-anyway.com".parse()?, ..spec.clone() };
                self.inner.create_hostname(cx, zone, &other).await
            }
            other => self.shown(other?),
        }
    }

    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        match self.flaw {
            Flaw::TakesOrigin => self.forget_origin(cx, zone).await?,
            Flaw::OriginOnce if self.inner.fallback_origin(zone).is_some_and(|(known, _)| known == *origin) => {
                return Err(Error::new(Code::ForeignObject, "it is set already"));
            }
            _ => {}
        }
        match self.inner.ensure_fallback_origin(cx, zone, origin).await {
            Err(error) if self.has(Flaw::AcceptsBareOrigin) && error.code() == Code::CloudflareRefused => {
                Ok(OriginStatus::Pending)
            }
            other => other,
        }
    }

    async fn fallback_origin(&self, zone: &ZoneId) -> Result<FallbackOrigin> {
        if self.has(Flaw::ShowsNoOrigin) {
            return Ok(FallbackOrigin::Unset);
        }
        DomainProvider::fallback_origin(&self.inner, zone).await
    }

    async fn replace_fallback_origin(
        &self,
        cx: &EffectCx,
        zone: &ZoneId,
        other: &Hostname,
        origin: &Hostname,
    ) -> Result<OriginStatus> {
        match self.flaw {
            Flaw::ReplacesAnyOrigin => self.forget_origin(cx, zone).await?,
            Flaw::ReplacesNoOrigin => return self.inner.ensure_fallback_origin(cx, zone, origin).await,
            _ => {}
        }
        self.inner.replace_fallback_origin(cx, zone, other, origin).await
    }

    async fn recheck(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        if self.has(Flaw::ChecksNothing) {
            return Ok(());
        }
        self.inner.recheck(cx, object).await?;
        let DomainObject::Hostname { zone, id } = object else { return Ok(()) };
        let known = self.inner.hostnames().into_iter().find(|facts| facts.id == *id);
        if let Some(facts) = known.filter(|_| self.has(Flaw::CheckMakesAnew)) {
            self.inner.remove(cx, object).await?;
            let spec = HostnameSpec { name: facts.name, validation: ValidationMethod::Http };
            self.inner.create_hostname(cx, zone, &spec).await?;
        }
        Ok(())
    }

    async fn zone_certificate(&self, zone: &ZoneId) -> Result<Option<CertificateStatus>> {
        if self.has(Flaw::CertificateAtOnce) {
            return Ok(Some(CertificateStatus::Active));
        }
        self.inner.zone_certificate(zone).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        match object {
            DomainObject::Hostname { zone, id } => match self.flaw {
                Flaw::KeepsRemoved => return Ok(()),
                Flaw::RemovesAll => {
                    for facts in self.inner.hostnames() {
                        self.inner.take_hostname(zone, &facts);
                    }
                }
                Flaw::RemovesTheZone => self.inner.take_zone(zone),
                Flaw::AbsentIsAnError if self.inner.hostnames().iter().all(|facts| facts.id != *id) => {
                    return Err(Error::new(Code::NotFound, "there is no such custom hostname"));
                }
                _ => {}
            },
            DomainObject::FallbackOrigin { zone, .. } => match self.flaw {
                Flaw::RemovesAnyOrigin => self.forget_origin(cx, zone).await?,
                Flaw::KeepsOrigin => return Ok(()),
                _ => {}
            },
            _ => {}
        }
        self.inner.remove(cx, object).await
    }
}
