//! The wildcard trap: a record at or below a store's system name stops the wildcard from answering there.
//!
//! `*.storex.com` answers only for names that do not exist, and a record of any type makes its name exist, with every name between it and the zone
//! (RFC 4592 §2.2.1 and §2.2.2; Cloudflare docs, "Wildcard DNS records"). So a TXT at `_acme-challenge.x.storex.com` takes `x.storex.com` off the
//! internet, and nothing at storex changes. An explicit proxied CNAME to the tunnel at the name itself answers in the wildcard's stead.
//!
//! Looking costs no call per store: the primary zone is listed once when the platform is ensured and once in each sweep, and a create asks that
//! listing. It may be as old as the sweeps are apart. What it does not show yet is reported as drift by the next sweep; what it shows is looked at
//! afresh before a store is refused, so that a record which is gone refuses nobody.

use super::{Controller, Drift};
use crate::record::PlatformRecord;
use crate::resource::{DriftAction, DriftState, ResourceKey, ResourceKind};
use crate::{Code, Error, Hostname, RecordFacts, Result, StoreId};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How old a listing may be that a store is refused by.
const FRESH: Duration = Duration::from_mins(1);

/// What the primary zone held when it was listed last.
#[derive(Debug)]
pub(super) struct Shadows {
    /// By the label below the primary domain, the record that keeps the wildcard from answering there.
    by_label: BTreeMap<String, String>,
    taken_at: Timestamp,
}

impl Shadows {
    /// Reads a complete listing of the primary zone. `target` is what the wildcard leads to.
    fn of(records: &[RecordFacts], primary: &Hostname, target: &str, taken_at: Timestamp) -> Self {
        let below = |record: &RecordFacts| record.name.strip_suffix(primary.as_str())?.strip_suffix('.').map(str::to_owned);
        let serves = |record: &&RecordFacts| record.record_type == "CNAME" && record.proxied && record.content == target;
        let served: Vec<String> = records.iter().filter(serves).filter_map(below).collect();
        let mut by_label = BTreeMap::new();
        for record in records {
            let Some(labels) = below(record) else { continue };
            let label = labels.rsplit('.').next().unwrap_or(&labels);
            if !served.iter().any(|served| served == label) {
                by_label.entry(label.to_owned()).or_insert_with(|| format!("{} {}", record.record_type, record.name));
            }
        }
        Self { by_label, taken_at }
    }
}

impl Controller {
    /// Lists the primary zone and remembers what stands in the wildcard's way.
    ///
    /// # Errors
    /// What the domain provider answers; then the earlier listing stays.
    pub(super) async fn look_for_shadows(&self, platform: &PlatformRecord) -> Result<Arc<Shadows>> {
        let records = self.providers().domains.list_records(&platform.primary_zone.id, None).await?;
        let now = self.providers().clock.now();
        let seen = Arc::new(Shadows::of(&records, &platform.primary_domain, &platform.tunnel.id.dns_target(), now));
        *self.inner.shadows.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&seen));
        Ok(seen)
    }

    /// The same where a listing that fails changes nothing: a sweep comes again.
    pub(super) async fn refresh_shadows(&self, platform: &PlatformRecord) {
        if let Err(error) = self.look_for_shadows(platform).await {
            tracing::warn!(%error, "the primary zone could not be listed; records in the wildcard's way may go unseen");
        }
    }

    /// The record that keeps the wildcard from answering for `system`, when there is one. Costs no call unless one is known.
    async fn shadow(&self, platform: &PlatformRecord, system: &Hostname) -> Option<String> {
        let label = system.as_str().strip_suffix(platform.primary_domain.as_str())?.strip_suffix('.')?;
        let known = self.inner.shadows.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        known.by_label.get(label)?;
        let age = self.providers().clock.now().duration_since(known.taken_at).unsigned_abs();
        let fresh = if age > FRESH { self.look_for_shadows(platform).await.unwrap_or(known) } else { known };
        fresh.by_label.get(label).cloned()
    }

    /// Refuses a system name the wildcard does not answer for.
    ///
    /// # Errors
    /// `foreign_object` at `/username`, naming the record and the fix.
    pub(super) async fn check_shadow(&self, platform: &PlatformRecord, system: &Hostname) -> Result<()> {
        match self.shadow(platform, system).await {
            None => Ok(()),
            Some(record) => {
                let target = platform.tunnel.id.dns_target();
                Err(Error::new(Code::ForeignObject, told(&record, system, &target)).pointer("/username").with("domain", system))
            }
        }
    }

    /// The same as drift of a store.
    pub(super) async fn shadow_drift(&self, store: &StoreId, system: &Hostname) -> Result<Option<Drift>> {
        let Some(platform) = self.platform_record().await? else { return Ok(None) };
        Ok(self.shadow(&platform, system).await.map(|record| Drift {
            store_id: Some(store.clone()),
            resource: ResourceKey::new(ResourceKind::Records, system).to_string(),
            state: DriftState::Foreign,
            detail: told(&record, system, &platform.tunnel.id.dns_target()),
            action: DriftAction::Report,
        }))
    }
}

fn told(record: &str, system: &Hostname, target: &str) -> String {
    format!(
        "the record {record} keeps the wildcard from answering for {system}; remove it, or add a proxied CNAME {system} to {target}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(record_type: &str, name: &str, content: &str, proxied: bool) -> RecordFacts {
        let (record_type, name, content) = (record_type.to_owned(), name.to_owned(), content.to_owned());
        RecordFacts { id: "1".parse().unwrap(), record_type, name, content, proxied, ttl: 1, comment: None }
    }

    #[test]
    fn a_record_at_or_below_a_name_shadows_it_and_only_a_proxied_alias_to_the_tunnel_serves_it() {
        let records = [
            fact("CNAME", "*.storex.com", "t.cfargotunnel.com", true),
            fact("MX", "storex.com", "10 mail.net", false),
            fact("TXT", "one.storex.com", "hello", false),
            fact("TXT", "_acme-challenge.two.storex.com", "token", false),
            fact("CNAME", "*.three.storex.com", "t.cfargotunnel.com", true),
            fact("CNAME", "four.storex.com", "t.cfargotunnel.com", true),
            fact("TXT", "_acme-challenge.four.storex.com", "token", false),
            fact("CNAME", "five.storex.com", "t.cfargotunnel.com", false),
            fact("CNAME", "six.storex.com", "elsewhere.net", true),
            fact("A", "evilstorex.com", "192.0.2.1", false),
        ];
        let shadows = Shadows::of(&records, &"storex.com".parse().unwrap(), "t.cfargotunnel.com", Timestamp::UNIX_EPOCH);
        let labels: Vec<&str> = shadows.by_label.keys().map(String::as_str).collect();
        assert_eq!(labels, ["five", "one", "six", "three", "two"]);
        assert_eq!(shadows.by_label["two"], "TXT _acme-challenge.two.storex.com");
    }
}
