//! Zones, records, custom hostnames, tunnels, edge policies and the public DNS under a script.

use super::{Faulty, again};
use crate::fault::Head;
use async_trait::async_trait;
use storex_core::{
    CertificateChange, CertificateFacts, CertificateStatus, ConnectorFacts, ConnectorId, DomainCapabilities, DomainObject,
    DomainProvider, EdgeLimits, EdgePolicies, EdgeSetting, EffectCx, FallbackOrigin, Hostname, HostnameFacts, HostnameSpec,
    Lookup, OriginStatus, PackId, RecordFacts, RecordSpec, Resolver, Result, RuleChange, RuleList, RulePhase, Secret,
    SettingFacts, TunnelDocument, TunnelFacts, TunnelId, TunnelRoutes, ZoneFacts, ZoneId,
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

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        let again = again!(self, [cx, name], |inner| inner.create_zone(&cx, &name));
        let head = Head::of("domains.create_zone", name.as_str(), cx);
        self.line.effect(head, self.inner.create_zone(cx, name), &again).await
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

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        let before = self.before.as_ref().map(|before| before.find_hostname(zone, name));
        self.line.read_stale("domains.find_hostname", name.as_str(), self.inner.find_hostname(zone, name), before).await
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        let before = self.before.as_ref().map(|before| before.list_hostnames(zone));
        self.line.read_stale("domains.list_hostnames", zone.as_str(), self.inner.list_hostnames(zone), before).await
    }

    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        let again = again!(self, [cx, zone, spec], |inner| inner.create_hostname(&cx, &zone, &spec));
        let head = Head::of("domains.create_hostname", spec.name.as_str(), cx);
        self.line.effect(head, self.inner.create_hostname(cx, zone, spec), &again).await
    }

    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        let again = again!(self, [cx, zone, origin], |inner| inner.ensure_fallback_origin(&cx, &zone, &origin));
        let head = Head::of("domains.ensure_fallback_origin", origin.as_str(), cx);
        self.line.effect(head, self.inner.ensure_fallback_origin(cx, zone, origin), &again).await
    }

    async fn fallback_origin(&self, zone: &ZoneId) -> Result<FallbackOrigin> {
        let before = self.before.as_ref().map(|before| before.fallback_origin(zone));
        self.line.read_stale("domains.fallback_origin", zone.as_str(), self.inner.fallback_origin(zone), before).await
    }

    async fn recheck(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        let subject = format!("{object:?}");
        self.line.read("domains.recheck", &subject, self.inner.recheck(cx, object)).await
    }

    async fn zone_certificate(&self, zone: &ZoneId) -> Result<Option<CertificateStatus>> {
        self.line.read("domains.zone_certificate", zone.as_str(), self.inner.zone_certificate(zone)).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        let subject = format!("{object:?}");
        let again = again!(self, [cx, object], |inner| inner.remove(&cx, &object));
        self.line.effect(Head::of("domains.remove", &subject, cx), self.inner.remove(cx, object), &again).await
    }
}

#[async_trait]
impl Resolver for Faulty<dyn Resolver> {
    async fn lookup(&self, name: &str, kind: Lookup) -> Result<Vec<String>> {
        self.line.read("dns.lookup", name, self.inner.lookup(name, kind)).await
    }
}

#[async_trait]
impl TunnelRoutes for Faulty<dyn TunnelRoutes> {
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>> {
        let before = self.before.as_ref().map(|before| before.find(name));
        self.line.read_stale("tunnel.find", name, self.inner.find(name), before).await
    }

    async fn create(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        let again = again!(self, [cx, name], |inner| inner.create(&cx, &name));
        self.line.effect(Head::of("tunnel.create", name, cx), self.inner.create(cx, name), &again).await
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

    async fn connectors(&self, id: &TunnelId) -> Result<Vec<ConnectorFacts>> {
        let before = self.before.as_ref().map(|before| before.connectors(id));
        self.line.read_stale("tunnel.connectors", id.as_str(), self.inner.connectors(id), before).await
    }

    async fn reset_connector(&self, cx: &EffectCx, id: &TunnelId, connector: &ConnectorId) -> Result<()> {
        let again = again!(self, [cx, id, connector], |inner| inner.reset_connector(&cx, &id, &connector));
        let call = self.inner.reset_connector(cx, id, connector);
        self.line.effect(Head::of("tunnel.reset_connector", connector.as_str(), cx), call, &again).await
    }

    async fn run_token(&self, id: &TunnelId) -> Result<Secret<String>> {
        let before = self.before.as_ref().map(|before| before.run_token(id));
        self.line.read_stale("tunnel.run_token", id.as_str(), self.inner.run_token(id), before).await
    }
}

#[async_trait]
impl EdgePolicies for Faulty<dyn EdgePolicies> {
    async fn limits(&self, zone: &ZoneId) -> Result<EdgeLimits> {
        self.line.read("edge.limits", zone.as_str(), self.inner.limits(zone)).await
    }

    async fn setting(&self, zone: &ZoneId, setting: EdgeSetting) -> Result<SettingFacts> {
        self.line.read("edge.setting", zone.as_str(), self.inner.setting(zone, setting)).await
    }

    async fn set(&self, cx: &EffectCx, zone: &ZoneId, setting: EdgeSetting, value: &str) -> Result<()> {
        let again = again!(self, [cx, zone, value], |inner| inner.set(&cx, &zone, setting, &value));
        self.line.effect(Head::of("edge.set", zone.as_str(), cx), self.inner.set(cx, zone, setting, value), &again).await
    }

    async fn rules(&self, zone: &ZoneId, phase: RulePhase) -> Result<Option<RuleList>> {
        self.line.read("edge.rules", zone.as_str(), self.inner.rules(zone, phase)).await
    }

    async fn change_rules(&self, cx: &EffectCx, zone: &ZoneId, phase: RulePhase, change: &RuleChange) -> Result<()> {
        let again = again!(self, [cx, zone, change], |inner| inner.change_rules(&cx, &zone, phase, &change));
        let call = self.inner.change_rules(cx, zone, phase, change);
        self.line.effect(Head::of("edge.change_rules", zone.as_str(), cx), call, &again).await
    }

    async fn certificates(&self, zone: &ZoneId) -> Result<CertificateFacts> {
        self.line.read("edge.certificates", zone.as_str(), self.inner.certificates(zone)).await
    }

    async fn change_certificate(&self, cx: &EffectCx, zone: &ZoneId, change: &CertificateChange) -> Result<Option<PackId>> {
        let again = again!(self, [cx, zone, change], |inner| inner.change_certificate(&cx, &zone, &change));
        let call = self.inner.change_certificate(cx, zone, change);
        self.line.effect(Head::of("edge.change_certificate", zone.as_str(), cx), call, &again).await
    }

    async fn purge(&self, cx: &EffectCx, zone: &ZoneId, hosts: &[Hostname]) -> Result<()> {
        let again = again!(self, [cx, zone, hosts], |inner| inner.purge(&cx, &zone, &hosts));
        self.line.effect(Head::of("edge.purge", zone.as_str(), cx), self.inner.purge(cx, zone, hosts), &again).await
    }
}
