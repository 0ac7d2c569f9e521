//! The trait over the zones. All that storex asks of a provider is in these methods; what they must keep is in the laws.

use crate::zones::Zones;
use async_trait::async_trait;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{
    Code, DomainCapabilities, DomainObject, DomainProvider, EffectCx, Error, Hostname, HostnameFacts, HostnameSpec, OriginStatus,
    RecordFacts, RecordSpec, Result, ZoneFacts, ZoneId,
};

/// A DNS of our own. Here it lives in memory; yours would speak to a server.
#[derive(Debug, Default)]
pub(crate) struct OwnDns(Mutex<Zones>);

impl OwnDns {
    fn zones(&self) -> MutexGuard<'_, Zones> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The domain's registrar names our servers now: its zone answers.
    pub(crate) fn delegate(&self, name: &Hostname) {
        self.zones().delegate(name);
    }

    /// The domains that have a zone.
    pub(crate) fn names(&self) -> Vec<String> {
        self.zones().names()
    }
}

#[async_trait]
impl DomainProvider for OwnDns {
    fn capabilities(&self) -> DomainCapabilities {
        // Nothing happens here after a call has ended. Over a network it may: then say how long, and undoing waits for it.
        DomainCapabilities::new(Duration::ZERO)
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        Ok(self.zones().find(name))
    }

    async fn create_zone(&self, _cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        self.zones().create(name)
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        let wanted = |record: &RecordFacts| {
            comment_prefix.is_none_or(|prefix| record.comment.as_deref().unwrap_or_default().starts_with(prefix))
        };
        let mut records = self.zones().records(zone)?.clone();
        records.retain(wanted);
        Ok(records)
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        self.zones().ensure(&cx.mark, zone, records)
    }

    async fn find_hostname(&self, _zone: &ZoneId, _name: &Hostname) -> Result<Option<HostnameFacts>> {
        Ok(None)
    }

    async fn create_hostname(&self, _cx: &EffectCx, _zone: &ZoneId, _spec: &HostnameSpec) -> Result<HostnameFacts> {
        Err(no_hostnames())
    }

    async fn ensure_fallback_origin(&self, _cx: &EffectCx, _zone: &ZoneId, _origin: &Hostname) -> Result<OriginStatus> {
        Err(no_hostnames())
    }

    async fn remove(&self, _cx: &EffectCx, object: &DomainObject) -> Result<()> {
        match object {
            DomainObject::Zone(id) => self.zones().remove(id),
            DomainObject::Records { zone, ids } => self.zones().remove_records(zone, ids),
            other => return Err(Error::new(Code::Unsupported, format!("there is no {other:?} here"))),
        }
        Ok(())
    }
}

/// Only stores whose domain has a zone of its own are served.
fn no_hostnames() -> Error {
    Error::new(Code::Unsupported, "custom hostnames are not served here; use the strategy zone")
}
