//! What storex needs of a Cloudflare account, tried on the account itself: each thing is made, looked at, changed and removed again.
//!
//! On a real account only when asked for (`examples/cloudflare_live.rs`); in tests on the simulator. Everything it makes carries one owner mark and one
//! name of its own, so that what a failure leaves is found and removed, and nothing else is touched.

use jiff::Timestamp;
use serde_json::Map;
use std::time::Duration;
use storex_cloudflare::{CloudflareAccount, CloudflareClient, CloudflareDomains, CloudflareTunnels, TokenReport};
use storex_core::{
    Clock, Code, DomainObject, DomainProvider, EffectCx, EffectId, EntropyExt, Epoch, Error, Hostname, IngressRule, InstanceId,
    Mark, RecordFacts, RecordSpec, RecordType, Result, Subject, SystemClock, SystemEntropy, TunnelDocument, TunnelFacts,
    TunnelRoutes, ZoneId,
};

/// Longest time of one change.
const LIMIT: Duration = Duration::from_secs(30);

/// What a run makes, in its order, in words: nothing else.
pub fn plan(zone: &Hostname, run: &str) -> Vec<String> {
    let name = name(run);
    vec![
        format!(
            "a CNAME record {name}.{zone}, changed once from DNS only to proxied, and a TXT record {name}.{zone}'s neighbour {name}-txt.{zone}"
        ),
        format!("a tunnel named {name} with no connector, and one configuration of two rules in it"),
    ]
}

fn name(run: &str) -> String {
    format!("storex-live-{run}")
}

/// A name for a run that no other has.
///
/// # Errors
/// When the machine gives no randomness.
pub fn fresh_run() -> Result<String> {
    Ok(format!("{:08x}", SystemEntropy.below(u64::from(u32::MAX))?))
}

/// One run on one account.
#[derive(Debug)]
pub struct Live {
    client: CloudflareClient,
    domains: CloudflareDomains,
    tunnels: CloudflareTunnels,
    zone: ZoneId,
    zone_name: Hostname,
    name: String,
    mark: Mark,
}

impl Live {
    /// A run of this name in the account of the zone. Nothing is made yet.
    ///
    /// # Errors
    /// `primary_zone_missing` when the zone is not there or not active; what the provider answers.
    pub async fn prepare(client: CloudflareClient, zone_name: &Hostname, run: &str) -> Result<Self> {
        let account = CloudflareAccount::discover(&client, zone_name).await?;
        let (domains, tunnels) = (account.domains(), account.tunnels());
        let zone = domains.find_zone(zone_name).await?.ok_or_else(|| wrong(&format!("the zone {zone_name} is not there")))?.id;
        let operation = SystemEntropy.operation_id(SystemClock.now())?;
        let mark =
            Mark { instance: run.parse::<InstanceId>()?, subject: Subject::Platform, effect: EffectId::of(&operation, 0, false) };
        Ok(Self { client, domains, tunnels, zone, zone_name: zone_name.clone(), name: name(run), mark })
    }

    /// Runs all of it; says each thing that held. What it made is removed again, also when something did not hold.
    ///
    /// # Errors
    /// The first thing that did not hold; else what kept something from being removed.
    pub async fn run(&self, said: &mut Vec<String>) -> Result<()> {
        let outcome = self.all(said).await;
        let swept = self.sweep().await;
        let left = outcome.and(swept)?;
        said.push(format!("{left} things were left to remove at the end"));
        Ok(())
    }

    /// Runs all of it and, when something does not hold, leaves what it made: the control of the sweep.
    ///
    /// # Errors
    /// The first thing that did not hold.
    pub async fn all(&self, said: &mut Vec<String>) -> Result<()> {
        let report = TokenReport::probe(&self.client, &self.zone_name).await?;
        if let Some(missing) = report.missing().next() {
            return Err(wrong(&format!("the token lacks {}", missing.permission)));
        }
        said.push("the token has every permission storex needs".to_owned());
        self.records(said).await?;
        self.tunnel(said).await
    }

    async fn records(&self, said: &mut Vec<String>) -> Result<()> {
        let target = format!("target.{}", self.zone_name);
        let text = RecordSpec::parse(RecordType::Txt, &format!("{}-txt.{}", self.name, self.zone_name), "storex live suite")?;
        let alias = |proxied| RecordSpec::cname(&format!("{}.{}", self.name, self.zone_name), &target, proxied);
        let first = [alias(false)?, text.clone()];
        let made = self.domains.ensure_records(&self.cx(), &self.zone, &first).await?;
        holds(made.len() == 2, "two records are made in one batch")?;
        let again = self.domains.ensure_records(&self.cx(), &self.zone, &first).await?;
        holds(ids(&again) == ids(&made), "records that stand are left as they are")?;
        let second = [alias(true)?, text];
        let changed = self.domains.ensure_records(&self.cx(), &self.zone, &second).await?;
        let is_changed = ids(&changed) == ids(&made) && changed.iter().any(|record| record.proxied);
        holds(is_changed, "a record is changed in place")?;
        let marked = self.marked().await?;
        holds(marked.len() == 2, "the records are found by their owner mark")?;
        self.remove_records(&marked).await?;
        holds(self.marked().await?.is_empty(), "the records are gone")?;
        said.push("records: made in one batch, left alone, changed in place, found by their mark, removed".to_owned());
        Ok(())
    }

    async fn tunnel(&self, said: &mut Vec<String>) -> Result<()> {
        let made = self.tunnels.create(&self.cx(), &self.name).await?;
        let twice = self.tunnels.create(&self.cx(), &self.name).await;
        let is_refused = twice.is_err_and(|error| error.code() == Code::ForeignObject);
        holds(is_refused, "a second tunnel of the same name is refused")?;
        let (version, _) = self.tunnels.load(&made.id).await?;
        let rule =
            |hostname: Option<String>, service: &str| IngressRule { hostname, service: service.to_owned(), rest: Map::new() };
        let rules =
            vec![rule(Some(format!("{}.{}", self.name, self.zone_name)), "http://127.0.0.1:3000"), rule(None, "http_status:404")];
        let document = TunnelDocument { ingress: rules, rest: Map::new() };
        let stored = self.tunnels.store(&self.cx(), &made.id, &document, version).await?;
        holds(stored > version, "a configuration that is stored has a later version")?;
        let (read, found) = self.tunnels.load(&made.id).await?;
        holds(read == stored && found.ingress == document.ingress, "the configuration is read as it was stored")?;
        let stale = self.tunnels.store(&self.cx(), &made.id, &TunnelDocument::default(), version).await;
        holds(stale.is_err_and(|error| error.code() == Code::VersionConflict), "a write on an older version is refused")?;
        self.tunnels.remove(&self.cx(), &made.id).await?;
        holds(self.own_tunnel().await?.is_none(), "the tunnel is gone")?;
        said.push("tunnel: made, refused twice, configured, read back, a stale write refused, removed".to_owned());
        Ok(())
    }

    /// Removes what this run made and did not remove; answers how many things it were.
    ///
    /// # Errors
    /// What the provider answers.
    pub async fn sweep(&self) -> Result<usize> {
        let records = self.marked().await?;
        if !records.is_empty() {
            self.remove_records(&records).await?;
        }
        let tunnel = self.own_tunnel().await?;
        if let Some(tunnel) = &tunnel {
            self.tunnels.remove(&self.cx(), &tunnel.id).await?;
        }
        Ok(records.len() + usize::from(tunnel.is_some()))
    }

    async fn own_tunnel(&self) -> Result<Option<TunnelFacts>> {
        self.tunnels.find(&self.name).await
    }

    async fn marked(&self) -> Result<Vec<RecordFacts>> {
        let records = self.domains.list_records(&self.zone, Some(&format!("storex/1 i={} ", self.mark.instance))).await?;
        let ours = |record: &RecordFacts| record.comment.as_deref().is_some_and(|comment| comment == self.mark.to_string());
        Ok(records.into_iter().filter(ours).collect())
    }

    async fn remove_records(&self, records: &[RecordFacts]) -> Result<()> {
        let object =
            DomainObject::Records { zone: self.zone.clone(), ids: records.iter().map(|record| record.id.clone()).collect() };
        self.domains.remove(&self.cx(), &object).await
    }

    fn cx(&self) -> EffectCx {
        let deadline: Timestamp = SystemClock.now() + LIMIT;
        EffectCx { mark: self.mark.clone(), epoch: Epoch(1), deadline }
    }
}

fn ids(records: &[RecordFacts]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

fn holds(is_so: bool, what: &str) -> Result<()> {
    if is_so { Ok(()) } else { Err(wrong(&format!("it does not hold that {what}"))) }
}

fn wrong(what: &str) -> Error {
    Error::new(Code::Unusable, what)
}
