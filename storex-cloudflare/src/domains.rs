//! Zones, DNS records and custom hostnames over the Cloudflare API.

use crate::account::CloudflareAccount;
use crate::api::{dns_records, zones};
use crate::error::Failure;
use crate::page;
use crate::record_plan::{RecordPlan, Source};
use crate::record_quota::{self, Change};
use crate::wire::{WireBatch, WireRecord};
use crate::zone_presence::explain;
use async_trait::async_trait;
use jiff::Timestamp;
use storex_core::{
    CertificateStatus, Code, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Error, FallbackOrigin, Hostname,
    HostnameFacts, HostnameSpec, OriginStatus, RecordFacts, RecordId, RecordSpec, RecordType, Result, ZoneFacts, ZoneId,
};

/// How often records in the way are looked at: twice, since somebody may put one there between the look and the change.
const LOOKS: u32 = 2;

/// The [`DomainProvider`] over the Cloudflare API.
///
/// Making a zone costs one call, making its records one more; only when something is in the way are records listed, and everything else costs
/// one call as well. Ownership of a record is its comment, an owner mark of at most 90 characters (the free plan allows 100).
#[derive(Clone, Debug)]
pub struct CloudflareDomains {
    account: CloudflareAccount,
}

impl CloudflareDomains {
    /// Zones and records of this account.
    pub fn new(account: CloudflareAccount) -> Self {
        Self { account }
    }

    async fn records(
        &self,
        zone: &ZoneId,
        comment_prefix: Option<&str>,
        deadline: Option<Timestamp>,
    ) -> Result<Vec<RecordFacts>> {
        let list = dns_records::list(zone, comment_prefix);
        let records = match page::read_all(self.account.client(), &list, dns_records::PER_PAGE, deadline).await {
            Ok(records) => records,
            Err(failure) => return Err(self.zone_error(zone, failure, deadline).await),
        };
        let facts: Vec<RecordFacts> = records.into_iter().map(WireRecord::facts).collect::<Result<_>>()?;
        let wanted = |record: &RecordFacts| {
            comment_prefix.is_none_or(|prefix| record.comment.as_deref().is_some_and(|comment| comment.starts_with(prefix)))
        };
        Ok(facts.into_iter().filter(wanted).collect())
    }

    pub(crate) fn account(&self) -> &CloudflareAccount {
        &self.account
    }

    pub(crate) async fn zone_error(&self, zone: &ZoneId, failure: Failure, deadline: Option<Timestamp>) -> Error {
        match failure {
            Failure::Refused(refusal) => explain(&self.account, zone, refusal, deadline).await,
            other => other.into(),
        }
    }

    /// Carries the plan out in one transaction.
    async fn apply(
        &self,
        cx: &EffectCx,
        zone: &ZoneId,
        records: &[RecordSpec],
        plan: RecordPlan,
    ) -> Result<Vec<RecordFacts>, Failure> {
        let comment = cx.mark.to_string();
        let (mut patches, mut posts) = (Vec::new(), Vec::new());
        for (record, source) in records.iter().zip(&plan.sources) {
            match source {
                Source::Kept(_) => {}
                Source::Patched(id) => patches.push(dns_records::patch(id, record, &comment)),
                Source::Posted => posts.push(dns_records::post(record, &comment)),
            }
        }
        let (made, removed) = (posts.len(), plan.deletes.len());
        let change = Change { made, removed, operations: made + removed + patches.len() };
        record_quota::admit(&self.account, zone, change, Some(cx.deadline)).await?;
        let batch = dns_records::batch(zone, &plan.deletes, patches, posts);
        let answer = match self.account.client().effect(&batch, cx.deadline).await {
            Err(Failure::Refused(refusal)) if refusal.is_quota() => {
                let refused = Error::from(refusal);
                let error = record_quota::explain(&self.account, zone, change, refused, Some(cx.deadline)).await;
                return Err(Failure::Unsent(error));
            }
            other => other?,
        };
        in_order_asked(plan, answer).map_err(|error| Failure::Doubt(error.into_unclear()))
    }

    async fn ensure_all(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        let deadline = Some(cx.deadline);
        // Only an alias excludes another of its name, so only then does Cloudflare itself say that there is one already.
        if records.iter().all(|record| record.record_type() == RecordType::Cname) {
            match self.apply(cx, zone, records, RecordPlan::all_posted(records.len())).await {
                Ok(facts) => return Ok(facts),
                Err(Failure::Refused(refusal)) if refusal.is_record_conflict() => {}
                Err(failure) => return Err(self.zone_error(zone, failure, deadline).await),
            }
        }
        let mut last = Error::new(Code::Unavailable, "records of the zone keep changing");
        for _ in 0..LOOKS {
            let existing = self.records(zone, None, deadline).await?;
            let plan = RecordPlan::decide(records, &existing, &cx.mark)?;
            if let Some(facts) = plan.finished() {
                return Ok(facts);
            }
            match self.apply(cx, zone, records, plan).await {
                Ok(facts) => return Ok(facts),
                Err(Failure::Refused(refusal)) if refusal.is_record_conflict() => last = refusal.into(),
                Err(Failure::Refused(refusal)) if refusal.is_record_missing() => {}
                Err(failure) => return Err(self.zone_error(zone, failure, deadline).await),
            }
        }
        Err(last)
    }

    async fn remove_zone(&self, cx: &EffectCx, zone: &ZoneId) -> Result<()> {
        match self.account.client().effect(&zones::delete(zone), cx.deadline).await {
            Ok(_) => Ok(()),
            Err(failure) => absent_is_success(self.zone_error(zone, failure, Some(cx.deadline)).await),
        }
    }

    async fn remove_records(&self, cx: &EffectCx, zone: &ZoneId, ids: &[RecordId]) -> Result<()> {
        let mut present = ids.to_vec();
        for _ in 0..LOOKS {
            if present.is_empty() {
                return Ok(());
            }
            let batch = dns_records::batch(zone, &present, Vec::new(), Vec::new());
            match self.account.client().effect(&batch, cx.deadline).await {
                Ok(_) => return Ok(()),
                // One that is gone keeps the others from being removed: the transaction names the first only.
                Err(Failure::Refused(refusal)) if refusal.is_record_missing() => {
                    let existing = match self.records(zone, None, Some(cx.deadline)).await {
                        Ok(existing) => existing,
                        Err(error) => return absent_is_success(error),
                    };
                    present.retain(|id| existing.iter().any(|record| record.id == *id));
                }
                Err(failure) => return absent_is_success(self.zone_error(zone, failure, Some(cx.deadline)).await),
            }
        }
        let settled = if present.is_empty() { Ok(()) } else { Err("records of the zone keep changing") };
        settled.map_err(|why| Error::new(Code::Unavailable, why))
    }
}

/// `not_found` is answered for a zone that is proved to be gone only, see [`explain`].
fn absent_is_success(error: Error) -> Result<()> {
    if error.code() == Code::NotFound { Ok(()) } else { Err(error) }
}

/// The batch's answer in the order the records were asked for.
fn in_order_asked(plan: RecordPlan, answer: WireBatch) -> Result<Vec<RecordFacts>> {
    let (mut patched, mut posted) = (answer.patches.into_iter(), answer.posts.into_iter());
    let mut facts = Vec::with_capacity(plan.sources.len());
    for source in plan.sources {
        let record = match source {
            Source::Kept(kept) => {
                facts.push(kept);
                continue;
            }
            Source::Patched(_) => patched.next(),
            Source::Posted => posted.next(),
        };
        facts.push(
            record
                .ok_or_else(|| Error::new(Code::CloudflareAnswer, "Cloudflare answered fewer records than it was sent"))?
                .facts()?,
        );
    }
    Ok(facts)
}

#[async_trait]
impl DomainProvider for CloudflareDomains {
    fn capabilities(&self) -> DomainCapabilities {
        DomainCapabilities::new(self.account.client().late_effect_window())
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        let found = self.account.zone_named(name, None).await;
        found.and_then(|zone| zone.map(|zone| zone.facts()).transpose()).map_err(|error| error.during("domains.find_zone"))
    }

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        let during = |error: Error| error.during("domains.create_zone").with("domain", name);
        match self.account.client().effect(&zones::create(self.account.id(), name), cx.deadline).await {
            Ok(zone) => zone.facts().map_err(|error| during(error.into_unclear())),
            Err(Failure::Refused(refusal)) if refusal.is_zone_exists() => {
                Err(during(Error::new(Code::ZoneExists, format!("the account has a zone {name} already"))))
            }
            Err(failure) => Err(during(failure.into())),
        }
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        self.records(zone, comment_prefix, None).await.map_err(|error| error.during("domains.list_records"))
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        RecordSpec::check_together(records).map_err(|error| error.during("domains.ensure_records"))?;
        self.ensure_all(cx, zone, records).await.map_err(|error| error.during("domains.ensure_records"))
    }

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        self.hostname_named(zone, name).await.map_err(|error| error.during("domains.find_hostname"))
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        self.hostnames(zone).await.map(Some).map_err(|error| error.during("domains.list_hostnames"))
    }

    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        let during = |error: Error| error.during("domains.create_hostname").with("domain", &spec.name);
        self.add_hostname(cx, zone, spec).await.map_err(during)
    }

    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        let during = |error: Error| error.during("domains.ensure_fallback_origin").with("domain", origin);
        self.fallback_at(cx, zone, origin, None).await.map_err(during)
    }

    async fn fallback_origin(&self, zone: &ZoneId) -> Result<FallbackOrigin> {
        self.fallback(zone).await.map_err(|error| error.during("domains.fallback_origin"))
    }

    /// One PUT, so that custom hostnames go somewhere all the time.
    async fn replace_fallback_origin(
        &self,
        cx: &EffectCx,
        zone: &ZoneId,
        other: &Hostname,
        origin: &Hostname,
    ) -> Result<OriginStatus> {
        let during = |error: Error| error.during("domains.replace_fallback_origin").with("domain", origin);
        self.fallback_at(cx, zone, origin, Some(other)).await.map_err(during)
    }

    async fn recheck(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        self.check_now(cx, object).await.map_err(|error| error.during("domains.recheck"))
    }

    async fn zone_certificate(&self, zone: &ZoneId) -> Result<Option<CertificateStatus>> {
        self.universal_certificate(zone).await.map_err(|error| error.during("domains.zone_certificate"))
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        let removed = match object {
            DomainObject::Zone(zone) => self.remove_zone(cx, zone).await,
            DomainObject::Records { zone, ids } => self.remove_records(cx, zone, ids).await,
            DomainObject::Hostname { zone, id } => self.remove_hostname(cx, zone, id).await,
            DomainObject::FallbackOrigin { zone, origin } => self.remove_fallback(cx, zone, origin).await,
            other => Err(Error::new(Code::Unsupported, format!("cannot remove {other:?}"))),
        };
        removed.map_err(|error| error.during("domains.remove"))
    }
}
