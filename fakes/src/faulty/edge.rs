//! Zones, records and tunnels under a script.

use super::{Faulty, again};
use crate::fault::Head;
use async_trait::async_trait;
use storex_core::{
    DomainCapabilities, DomainObject, DomainProvider, EffectCx, Hostname, RecordFacts, RecordSpec, Result, TunnelDocument,
    TunnelFacts, TunnelId, TunnelRoutes, ZoneFacts, ZoneId,
};

#[async_trait]
impl DomainProvider for Faulty<dyn DomainProvider> {
    fn capabilities(&self) -> DomainCapabilities {
        self.inner.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        let before = self.before.as_ref().map(|before| before.find_zone(name));
        self.line.read_stale("domains.find_zone", name.as_str(), self.inner.find_zone(name), before).await
    }

    async fn ensure_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        let again = again!(self, [cx, name], |inner| inner.ensure_zone(&cx, &name));
        let head = Head::of("domains.ensure_zone", name.as_str(), cx);
        self.line.effect(head, self.inner.ensure_zone(cx, name), &again).await
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        let before = self.before.as_ref().map(|before| before.list_records(zone, comment_prefix));
        let now = self.inner.list_records(zone, comment_prefix);
        self.line.read_stale("domains.list_records", zone.as_str(), now, before).await
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        let again = again!(self, [cx, zone, records], |inner| inner.ensure_records(&cx, &zone, &records));
        let head = Head::of("domains.ensure_records", zone.as_str(), cx);
        self.line.effect(head, self.inner.ensure_records(cx, zone, records), &again).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        let subject = format!("{object:?}");
        let again = again!(self, [cx, object], |inner| inner.remove(&cx, &object));
        self.line.effect(Head::of("domains.remove", &subject, cx), self.inner.remove(cx, object), &again).await
    }
}

#[async_trait]
impl TunnelRoutes for Faulty<dyn TunnelRoutes> {
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>> {
        let before = self.before.as_ref().map(|before| before.find(name));
        self.line.read_stale("tunnel.find", name, self.inner.find(name), before).await
    }

    async fn ensure(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        let again = again!(self, [cx, name], |inner| inner.ensure(&cx, &name));
        self.line.effect(Head::of("tunnel.ensure", name, cx), self.inner.ensure(cx, name), &again).await
    }

    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)> {
        let before = self.before.as_ref().map(|before| before.load(id));
        self.line.read_stale("tunnel.load", id.as_str(), self.inner.load(id), before).await
    }

    async fn store(&self, cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected_version: u64) -> Result<u64> {
        let again = again!(self, [cx, id, document], |inner| inner.store(&cx, &id, &document, expected_version));
        let call = self.inner.store(cx, id, document, expected_version);
        self.line.effect(Head::of("tunnel.store", id.as_str(), cx), call, &again).await
    }

    async fn remove(&self, cx: &EffectCx, id: &TunnelId) -> Result<()> {
        let again = again!(self, [cx, id], |inner| inner.remove(&cx, &id));
        self.line.effect(Head::of("tunnel.remove", id.as_str(), cx), self.inner.remove(cx, id), &again).await
    }
}
