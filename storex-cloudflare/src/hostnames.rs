//! Custom hostnames over the Cloudflare API: the half of [`CloudflareDomains`] that speaks Cloudflare for SaaS.

use crate::api::{custom_hostnames, edge, zones};
use crate::domains::CloudflareDomains;
use crate::error::Failure;
use crate::page;
use crate::wire::{WireHostname, WirePack};
use storex_core::{
    CertificateStatus, Code, DomainObject, EffectCx, Error, FallbackOrigin, Hostname, HostnameFacts, HostnameId, HostnameSpec,
    OriginStatus, Result, ZoneId,
};

impl CloudflareDomains {
    pub(crate) async fn hostname_named(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        let list = custom_hostnames::named(zone, name);
        let found = match page::read_all(self.account().client(), &list, custom_hostnames::PER_PAGE, None).await {
            Ok(found) => found,
            Err(failure) => return Err(self.zone_error(zone, failure, None).await),
        };
        found.into_iter().find(|hostname| hostname.is_named(name)).map(WireHostname::facts).transpose()
    }

    pub(crate) async fn hostnames(&self, zone: &ZoneId) -> Result<Vec<HostnameFacts>> {
        let list = custom_hostnames::all(zone);
        match page::read_all(self.account().client(), &list, custom_hostnames::PER_PAGE, None).await {
            Ok(found) => found.into_iter().map(WireHostname::facts).collect(),
            Err(failure) => Err(self.zone_error(zone, failure, None).await),
        }
    }

    pub(crate) async fn add_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        match self.account().client().effect(&custom_hostnames::create(zone, spec), cx.deadline).await {
            Ok(hostname) => hostname.facts().map_err(Error::into_unclear),
            Err(Failure::Refused(refusal)) if refusal.is_hostname_exists() => {
                let why = format!("a custom hostname {} exists already", spec.name);
                Err(Error::new(Code::ForeignObject, why).caused_by(Error::from(refusal)))
            }
            Err(failure) => Err(self.zone_error(zone, failure, Some(cx.deadline)).await),
        }
    }

    /// Nothing is compared on the wire, so somebody who sets another origin between the look and the change is overwritten.
    pub(crate) async fn fallback_at(
        &self,
        cx: &EffectCx,
        zone: &ZoneId,
        origin: &Hostname,
        instead_of: Option<&Hostname>,
    ) -> Result<OriginStatus> {
        let client = self.account().client();
        match client.read(&custom_hostnames::fallback_origin(zone), Some(cx.deadline)).await {
            Ok(answer) if answer.result.is_set() && answer.result.is(origin) => return Ok(answer.result.status()),
            Ok(answer) if answer.result.is_set() && !instead_of.is_some_and(|other| answer.result.is(other)) => {
                let why = format!("custom hostnames of the zone go to {}, which storex did not set", answer.result.origin());
                return Err(Error::new(Code::ForeignObject, why));
            }
            Ok(_) => {}
            Err(Failure::Refused(refusal)) if refusal.is_missing() => {}
            Err(failure) => return Err(self.zone_error(zone, failure, Some(cx.deadline)).await),
        }
        match client.effect(&custom_hostnames::set_fallback_origin(zone, origin), cx.deadline).await {
            Ok(set) => Ok(set.status()),
            Err(failure) => Err(self.zone_error(zone, failure, Some(cx.deadline)).await),
        }
    }

    pub(crate) async fn fallback(&self, zone: &ZoneId) -> Result<FallbackOrigin> {
        match self.account().client().read(&custom_hostnames::fallback_origin(zone), None).await {
            Ok(answer) if answer.result.is_set() => {
                let name = answer.result.origin().to_ascii_lowercase();
                let odd = |error: Error| Error::new(Code::CloudflareAnswer, format!("{name:?} is no name")).caused_by(error);
                name.parse().map(FallbackOrigin::Set).map_err(odd)
            }
            Ok(_) => Ok(FallbackOrigin::Unset),
            Err(Failure::Refused(refusal)) if refusal.is_missing() => Ok(FallbackOrigin::Unset),
            Err(failure) => Err(self.zone_error(zone, failure, None).await),
        }
    }

    /// A zone may be checked once an hour on the free plan, else every five minutes (API reference, "Rerun the activation check").
    pub(crate) async fn check_now(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        let client = self.account().client();
        match object {
            DomainObject::Zone(zone) => match client.effect(&zones::activation_check(zone), cx.deadline).await {
                Ok(_) => Ok(()),
                Err(failure) => Err(self.zone_error(zone, failure, Some(cx.deadline)).await),
            },
            DomainObject::Hostname { zone, id } => {
                let read = client.read(&custom_hostnames::one(zone, id), Some(cx.deadline)).await;
                let method = match read {
                    Ok(answer) => answer.result.method().to_owned(),
                    Err(failure) => return Err(self.hostname_error(zone, failure, cx).await),
                };
                match client.effect(&custom_hostnames::revalidate(zone, id, &method), cx.deadline).await {
                    Ok(_) => Ok(()),
                    Err(failure) => Err(self.hostname_error(zone, failure, cx).await),
                }
            }
            other => Err(Error::new(Code::Unsupported, format!("cannot check {other:?}"))),
        }
    }

    pub(crate) async fn universal_certificate(&self, zone: &ZoneId) -> Result<Option<CertificateStatus>> {
        let packs = page::read_all(self.account().client(), &edge::packs(zone), zones::PER_PAGE, None).await;
        match packs {
            // A zone whose certificate is not ordered yet has no pack: it comes.
            Ok(packs) => Ok(packs.iter().find_map(WirePack::universal).or(Some(CertificateStatus::Initializing))),
            Err(failure) => Err(self.zone_error(zone, failure, None).await),
        }
    }

    pub(crate) async fn remove_hostname(&self, cx: &EffectCx, zone: &ZoneId, id: &HostnameId) -> Result<()> {
        match self.account().client().effect(&custom_hostnames::delete(zone, id), cx.deadline).await {
            Ok(_) => Ok(()),
            Err(failure) => absent_is_success(self.hostname_error(zone, failure, cx).await),
        }
    }

    pub(crate) async fn remove_fallback(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<()> {
        let client = self.account().client();
        let deadline = Some(cx.deadline);
        match client.read(&custom_hostnames::fallback_origin(zone), deadline).await {
            Ok(answer) if answer.result.is_set() && answer.result.is(origin) => {}
            Ok(_) => return Ok(()),
            Err(Failure::Refused(refusal)) if refusal.is_missing() => return Ok(()),
            Err(failure) => return absent_is_success(self.zone_error(zone, failure, deadline).await),
        }
        match client.effect(&custom_hostnames::delete_fallback_origin(zone), cx.deadline).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refusal)) if refusal.is_missing() => Ok(()),
            Err(failure) => absent_is_success(self.zone_error(zone, failure, deadline).await),
        }
    }

    /// A hostname that Cloudflare says is not there is not there; anything else may be about the zone.
    async fn hostname_error(&self, zone: &ZoneId, failure: Failure, cx: &EffectCx) -> Error {
        match failure {
            Failure::Refused(refusal) if refusal.is_hostname_missing() => {
                Error::new(Code::NotFound, "there is no such custom hostname").caused_by(Error::from(refusal))
            }
            other => self.zone_error(zone, other, Some(cx.deadline)).await,
        }
    }
}

fn absent_is_success(error: Error) -> Result<()> {
    if error.code() == Code::NotFound { Ok(()) } else { Err(error) }
}
