//! What people ask of the edge for one store: forget what is cached, get another certificate.

use super::Controller;
use crate::policy::{Reissue, reissue};
use crate::record::{DomainRecord, StoreRecord, decode};
use crate::workflow::{ReissueCertificate, ReissueParams, hostname_of};
use crate::{
    Code, DomainObject, DomainStrategy, EffectCx, EffectId, EntropyExt, Epoch, Error, Hostname, Json, Mark, OperationId, PackId,
    Result, StoreId, Subject, Table, ZoneId,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PurgeView {
    /// `success`.
    pub status: String,
    /// Hosts nothing is cached of any more.
    pub purged: Vec<Hostname>,
}

/// What becomes of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReissueView {
    /// `success`.
    pub status: String,
    /// What is done, or why nothing is.
    pub detail: String,
    /// The operation that does it; none when there is nothing to do, or nothing to wait for.
    pub operation: Option<OperationId>,
}

impl Controller {
    /// Forgets what the edge has cached of the store's hosts, by host: other stores of the same zone keep theirs. One call for each zone.
    ///
    /// # Errors
    /// `not_found`; `unsupported` without edge policies; what the edge answers, unclear when some may be forgotten.
    ///
    /// # Cancellation
    /// Dropping the future leaves what is under way in doubt; asking again is safe.
    pub async fn purge_cache(&self, id: &StoreId) -> Result<PurgeView> {
        let (store, _) = self.store(id).await?;
        let edge = self.providers().edge()?;
        let primary = self.platform().await?.primary_zone.id;
        let mut hosts: BTreeMap<ZoneId, Vec<Hostname>> = BTreeMap::new();
        hosts.entry(primary.clone()).or_default().push(store.domains.system.clone());
        if let Some(custom) = &store.domains.custom {
            let zone = self.custom_domain(custom).await?.and_then(|record| record.zone).unwrap_or(primary);
            hosts.entry(zone).or_default().push(custom.clone());
        }
        let mut purged = Vec::new();
        for (number, (zone, hosts)) in hosts.into_iter().enumerate() {
            let cx = self.effect_cx(&store)?;
            let done = edge.purge(&cx, &zone, &hosts).await;
            done.map_err(|error| (if number == 0 { error } else { error.into_unclear() }).with("store", id))?;
            purged.extend(hosts);
        }
        Ok(PurgeView { status: "success".to_owned(), purged })
    }

    /// Does what helps to get another certificate for the store's own domain: what that is depends on the certificate and where it is on its way.
    ///
    /// # Errors
    /// `not_found`; `unsupported` for a store without a domain of its own; `rate_limited` when too many certificates were asked for; `force_required` when only what leaves visitors without HTTPS for a while would help and
    /// `force` is not given; what the edge and the repo answer.
    ///
    /// # Cancellation
    /// Dropping the future after the operation began does not stop it.
    pub async fn reissue_certificate(&self, id: &StoreId, force: bool) -> Result<ReissueView> {
        let (store, _) = self.store(id).await?;
        let unsupported = |why: &str| Error::new(Code::Unsupported, why).with("store", id);
        let Some(domain) = &store.domains.custom else {
            return Err(unsupported(
                "the system subdomain is covered by the primary zone's certificate, which storex never changes",
            ));
        };
        let record = self.custom_domain(domain).await?;
        if record.as_ref().is_some_and(|record| record.strategy == DomainStrategy::CustomHostname.as_str()) {
            return self.validate_hostname_again(&store, domain).await;
        }
        let zone = record.filter(|record| record.strategy == DomainStrategy::Zone.as_str()).and_then(|record| record.zone);
        let zone = zone.ok_or_else(|| unsupported("the store's domain has no zone of its own"))?;
        let edge = self.providers().edge()?;
        let facts = edge.certificates(&zone).await?;
        let decision = reissue(&facts, domain.as_str(), force);
        let known: Vec<PackId> = facts.packs.into_iter().map(|pack| pack.id).collect();
        let detail = match &decision {
            Reissue::NeedsForce(why) => return Err(Error::new(Code::ForceRequired, why.clone()).with("store", id)),
            Reissue::Nothing(why) => {
                return Ok(ReissueView { status: "success".to_owned(), detail: why.clone(), operation: None });
            }
            Reissue::Change(_) => "the certificate is asked for again; it comes by itself",
            Reissue::Replace { .. } => "a new certificate is ordered; the old one serves until it is in place",
            Reissue::Toggle => "the universal certificate is switched off and on; visitors get no HTTPS until it is issued anew",
        };
        let steps = ReissueCertificate::steps(&zone, &decision, &known)?;
        let params = Json::of(&ReissueParams { store_id: id.clone(), zone })?;
        let mut doc = self.document("reissue_certificate", id.username().as_str(), params, steps)?;
        doc.turn = Some(id.to_string());
        let operation = doc.id.clone();
        self.start(doc).await?;
        Ok(ReissueView { status: "success".to_owned(), detail: detail.to_owned(), operation: Some(operation) })
    }

    /// A custom hostname has its certificate validated anew, which also takes up one that came to a stop; what serves goes on serving meanwhile.
    async fn validate_hostname_again(&self, store: &StoreRecord, name: &Hostname) -> Result<ReissueView> {
        let domains = &self.providers().domains;
        let zone = self.platform().await?.primary_zone.id;
        let made = hostname_of(store, name).map(|facts| facts.id);
        let found = domains.find_hostname(&zone, name).await?.filter(|facts| Some(&facts.id) == made.as_ref());
        let Some(hostname) = found else {
            let detail = format!("the custom hostname {name} is not made yet: its certificate comes with it");
            return Ok(ReissueView { status: "success".to_owned(), detail, operation: None });
        };
        let object = DomainObject::Hostname { zone, id: hostname.id };
        domains.recheck(&self.effect_cx(store)?, &object).await.map_err(|error| error.with("store", &store.store_id))?;
        let detail = format!("the certificate of the custom hostname {name} is validated again; it comes by itself");
        Ok(ReissueView { status: "success".to_owned(), detail, operation: None })
    }

    async fn custom_domain(&self, name: &Hostname) -> Result<Option<DomainRecord>> {
        let row = self.providers().repo.get(Table::Domains, name.as_str()).await?;
        row.as_ref().map(decode).transpose()
    }

    /// The context of an effect that belongs to no operation.
    fn effect_cx(&self, store: &StoreRecord) -> Result<EffectCx> {
        let now = self.providers().clock.now();
        let effect = EffectId::of(&self.providers().entropy.operation_id(now)?, 0, false);
        let instance = self.inner.driver.instance.clone();
        let mark = Mark { instance, subject: Subject::Store(store.store_id.digits()), effect };
        Ok(EffectCx { mark, epoch: Epoch(0), deadline: now + self.settings().effect_limit })
    }
}
