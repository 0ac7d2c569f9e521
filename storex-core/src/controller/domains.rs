//! Looking after custom domains: each lives on its own, may wait days on a person, and never holds its store back.

use super::Controller;
use super::domain_life::{self, Verdict, Wait};
use crate::operation::Direction;
use crate::record::{CertificateRecord, DUE, DomainRecord, StoreRecord, StoreState, decode, sortable};
use crate::workflow::{ActivateParams, hostname_of};
use crate::{
    Code, DomainObject, DomainStrategy, EntropyExt, Expected, Fence, Json, Lookup, Nonce, OperationId, Page, Query, Result, Row,
    RowWrite, Subject, Table, ZoneId, ZoneStatus,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Pause between two looks for domains that are due.
const POLL: Duration = Duration::from_secs(15);
/// Domains looked at in one pass.
const BATCH: usize = 50;
/// Until a domain is looked at again that could not be looked at, or whose hostname is just being made.
const SOON: Duration = Duration::from_secs(30);
/// Until a refused custom hostname is tried again.
const REFUSED_PAUSE: Duration = Duration::from_hours(1);

/// What a look at a domain leads to.
struct Advance {
    record: DomainRecord,
    /// What was seen; none when nothing new is known.
    seen: Option<Verdict>,
    pause: Duration,
}

impl Controller {
    /// Looks after custom domains until the future is dropped: waits for their owners' proofs, makes their custom hostnames, asks Cloudflare to look
    /// when it can help and no more often than it allows, and says in their documents on whom they wait.
    ///
    /// # Cancellation
    /// Operations that were begun go on.
    pub async fn run_domains(&self) {
        loop {
            self.providers().clock.sleep(POLL).await;
            if let Err(error) = self.check_domains().await {
                tracing::warn!(%error, "the domains could not be listed");
            }
        }
    }

    /// Looks at the domains that are due now; answers how many those were. One that cannot be looked at is looked at again soon.
    ///
    /// # Errors
    /// What the repo answers.
    ///
    /// # Cancellation
    /// Safe to drop: a look is written down as one document, and what was begun goes on as an operation.
    pub async fn check_domains(&self) -> Result<usize> {
        let query = Query::Index { name: DUE.to_owned(), from: None, to: Some(sortable(self.providers().clock.now())) };
        let rows = self.providers().repo.list(Table::Domains, &query, &Page::first(BATCH)).await?.rows;
        for row in &rows {
            match self.look_after(row).await {
                // Its store goes, or another controller looked at the same time.
                Err(error) if matches!(error.code(), Code::VersionConflict | Code::NotFound) => {}
                Err(error) => tracing::warn!(domain = %row.id, %error, "what was seen of the domain could not be written"),
                Ok(()) => {}
            }
        }
        Ok(rows.len())
    }

    async fn look_after(&self, row: &Row) -> Result<()> {
        let record: DomainRecord = decode(row)?;
        let advance = match self.advance(record.clone()).await {
            Ok(advance) => advance,
            Err(error) => {
                tracing::warn!(domain = %record.name, %error, "the domain could not be looked at");
                Advance { record, seen: None, pause: SOON }
            }
        };
        let now = self.providers().clock.now();
        if let Some(verdict) = advance.seen {
            self.note_certificate(&advance.record, verdict.certificate, now).await?;
        }
        let body = Json::of(&advance.record)?;
        let indexes = BTreeMap::from([(DUE.to_owned(), sortable(now + advance.pause))]);
        self.replace(Table::Domains, row, body, indexes).await
    }

    async fn replace(&self, table: Table, row: &Row, body: Json, indexes: BTreeMap<String, String>) -> Result<()> {
        let write = RowWrite { table, id: row.id.clone(), body, indexes };
        let nonce = Nonce(self.providers().entropy.hex(8)?);
        self.providers().repo.put(&write, Expected::Version(row.version), &nonce, Fence::NONE).await.map(|_| ())
    }

    async fn note_certificate(&self, domain: &DomainRecord, wait: Option<Wait>, now: Timestamp) -> Result<()> {
        let Some(row) = self.providers().repo.get(Table::Certificates, domain.name.as_str()).await? else { return Ok(()) };
        let mut record: CertificateRecord = decode(&row)?;
        let waits_on = domain_life::waiting(wait, record.waits_on.as_ref(), now);
        if waits_on == record.waits_on || record.store_id != domain.store_id {
            return Ok(());
        }
        record.waits_on = waits_on;
        self.replace(Table::Certificates, &row, Json::of(&record)?, row.indexes.clone()).await
    }

    /// What a look at the domain leads to. Nothing while an operation makes or removes its store: until then the document is the operation's.
    async fn advance(&self, record: DomainRecord) -> Result<Advance> {
        let store = self.providers().repo.get(Table::Stores, &record.store_id.to_string()).await?;
        let store = store.as_ref().map(decode::<StoreRecord>).transpose()?;
        let Some(store) = store.filter(|store| store.state == StoreState::Active) else {
            return Ok(Advance { record, seen: None, pause: SOON });
        };
        if record.strategy == DomainStrategy::CustomHostname.as_str() {
            self.advance_hostname(record, &store).await
        } else {
            self.advance_zone(record).await
        }
    }

    /// A zone that waits on its owner costs no call of Cloudflare's API until its name servers are seen in the public DNS.
    async fn advance_zone(&self, mut record: DomainRecord) -> Result<Advance> {
        let waits_on_owner = record.waits_on.as_ref().is_some_and(|waits| waits.who == "owner");
        if waits_on_owner && self.is_delegated(&record).await == Some(false) {
            let pause = domain_life::pause(record.waits_on.as_ref(), self.providers().clock.now());
            return Ok(Advance { record, seen: None, pause });
        }
        let domains = &self.providers().domains;
        let zone = domains.find_zone(&record.name).await?.filter(|zone| Some(&zone.id) == record.zone.as_ref());
        let Some(zone) = zone else {
            let what = format!("the zone {} is gone from the Cloudflare account", record.name);
            return Ok(self.settled(record, Verdict { routing: Some(("operator", what)), ..Verdict::default() }, None));
        };
        let certificate = if zone.status == ZoneStatus::Active { domains.zone_certificate(&zone.id).await? } else { None };
        let verdict = domain_life::of_zone(&zone, certificate.as_ref());
        let object = DomainObject::Zone(zone.id);
        let recheck = verdict.recheck && domain_life::may_recheck(record.rechecked_at, self.providers().clock.now());
        let pause = if recheck { self.recheck(&mut record, &object).await? } else { None };
        Ok(self.settled(record, verdict, pause))
    }

    /// Whether the public DNS names one of the zone's name servers for the domain; none when that could not be read.
    async fn is_delegated(&self, record: &DomainRecord) -> Option<bool> {
        let found = self.providers().dns.lookup(record.name.as_str(), Lookup::Ns).await.ok()?;
        Some(found.iter().any(|server| record.name_servers.iter().any(|ours| ours.eq_ignore_ascii_case(server))))
    }

    async fn advance_hostname(&self, mut record: DomainRecord, store: &StoreRecord) -> Result<Advance> {
        let zone: ZoneId = self.platform().await?.primary_zone.id;
        let Some(known) = hostname_of(store, &record.name) else { return self.await_proof(record, store).await };
        let found = self.providers().domains.find_hostname(&zone, &record.name).await?;
        let Some(facts) = found.filter(|facts| facts.id == known.id) else {
            record.hostname = None;
            return self.await_proof(record, store).await;
        };
        (record.hostname, record.activation) = (Some(facts.id.clone()), None);
        let now = self.providers().clock.now();
        // A new hostname is looked at by Cloudflare's own schedule first.
        let last = record.rechecked_at.or(facts.created_at);
        let verdict = domain_life::of_hostname(&record, &facts);
        let object = DomainObject::Hostname { zone, id: facts.id };
        let recheck = verdict.recheck && domain_life::may_recheck(last, now);
        let pause = if recheck { self.recheck(&mut record, &object).await? } else { None };
        Ok(self.settled(record, verdict, pause))
    }

    /// Asks the provider to look now. One that has no time for it is asked again when the pace allows.
    async fn recheck(&self, record: &mut DomainRecord, object: &DomainObject) -> Result<Option<Duration>> {
        let cx = self.looking(Subject::Store(record.store_id.digits()))?.cx;
        record.rechecked_at = Some(self.providers().clock.now());
        match self.providers().domains.recheck(&cx, object).await {
            Ok(()) => Ok(Some(SOON)),
            Err(error) => {
                tracing::warn!(domain = %record.name, %error, "Cloudflare did not look at the domain now");
                Ok(None)
            }
        }
    }

    /// Waits for the owner's text record, and begins the operation that makes the custom hostname once it is there.
    async fn await_proof(&self, mut record: DomainRecord, store: &StoreRecord) -> Result<Advance> {
        if let Some(wait) = self.activation(&mut record).await? {
            return Ok(wait);
        }
        let Some(proof) = record.proof.clone() else {
            let what = "the domain has no proof to look for; delete the store's domain and add it again".to_owned();
            return Ok(self.settled(record, Verdict { routing: Some(("operator", what)), ..Verdict::default() }, None));
        };
        let texts = self.providers().dns.lookup(&proof.name, Lookup::Txt).await?;
        if !texts.contains(&proof.value) {
            let what = format!("add the TXT record {} with the value {}", proof.name, proof.value);
            let wait = Some(("owner", what));
            return Ok(self.settled(record, Verdict { routing: wait.clone(), certificate: wait, recheck: false }, None));
        }
        let (store_id, name) = (store.store_id.clone(), record.name.clone());
        let validation = self.settings().hostname_validation;
        let (label, turn) = (store_id.username().to_string(), store_id.to_string());
        let params = Json::of(&ActivateParams { store_id, name, validation })?;
        record.activation = Some(self.begin_unplanned("activate_domain", &label, params, turn).await?);
        Ok(self.being_made(record))
    }

    fn being_made(&self, record: DomainRecord) -> Advance {
        let wait = Some(("storex", format!("the custom hostname {} is being made", record.name)));
        self.settled(record, Verdict { routing: wait.clone(), certificate: wait, recheck: false }, Some(SOON))
    }

    /// How the operation stands that makes the hostname; none when there is none any more and the way is free.
    async fn activation(&self, record: &mut DomainRecord) -> Result<Option<Advance>> {
        let Some(id) = record.activation.clone() else { return Ok(None) };
        let doc = match self.operation(&OperationId::clone(&id)).await {
            Err(error) if error.code() == Code::NotFound => None,
            other => Some(other?.0),
        };
        let Some(doc) = doc else {
            record.activation = None;
            return Ok(None);
        };
        if doc.is_over() {
            record.activation = None;
            let Some(error) = doc.error else { return Ok(None) };
            let wait = Some(("operator", format!("the custom hostname {} could not be made: {}", record.name, error.message)));
            let verdict = Verdict { routing: wait.clone(), certificate: wait, recheck: false };
            return Ok(Some(self.settled(record.clone(), verdict, Some(REFUSED_PAUSE))));
        }
        if doc.direction == Direction::Poisoned {
            let wait = Some(("operator", format!("operation {id} needs an operator")));
            let verdict = Verdict { routing: wait.clone(), certificate: wait, recheck: false };
            return Ok(Some(self.settled(record.clone(), verdict, None)));
        }
        Ok(Some(self.being_made(record.clone())))
    }

    /// The verdict in the document; a domain is active once its certificate is too.
    fn settled(&self, mut record: DomainRecord, verdict: Verdict, pause: Option<Duration>) -> Advance {
        let now = self.providers().clock.now();
        let wait = verdict.routing.clone().or_else(|| verdict.certificate.clone());
        let was = record.waits_on.take();
        record.waits_on = domain_life::waiting(wait, was.as_ref(), now);
        if was.is_some() && record.waits_on.is_none() {
            tracing::info!(domain = %record.name, store = %record.store_id, "the domain is active");
        }
        let pause = pause.unwrap_or_else(|| domain_life::pause(record.waits_on.as_ref(), now));
        Advance { record, seen: Some(verdict), pause }
    }
}
