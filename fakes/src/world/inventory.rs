//! What is there and what should be there, as sets of lines that can be compared.

use super::{Allowance, World};
use std::collections::BTreeSet;
use storex_core::record::{DomainRecord, InstanceRecord, PlatformRecord, Routing, StoreRecord, StoreState};
use storex_core::resource::{DatabaseSpec, ResourceKind};
use storex_core::{Hostname, Mark, Part, RecordFacts, Table, ZoneFacts};

pub(super) type Lines = BTreeSet<String>;

impl World {
    /// Everything in the world that is no sentinel and not the primary zone, one line each. Records without our mark are not listed.
    pub(super) fn inventory(&self) -> Lines {
        let mut lines = Lines::new();
        let sentinels = self.wires.sentinels();
        for zone in self.domains.zones() {
            if zone.name != self.primary && !sentinels.zones.contains(&zone) {
                lines.insert(format!("zone {}", zone.name));
            }
            let ours = self.domains.records(&zone.id).into_iter().filter(|record| self.is_ours(record));
            lines.extend(ours.map(|record| format!("record {} {} in {}", record.name, record.content, zone.name)));
        }
        let hostnames = self.domains.hostnames().into_iter().filter(|one| !sentinels.hostnames.contains(one));
        lines.extend(hostnames.map(|hostname| format!("hostname {}", hostname.name)));
        let foreign = |name: &str| name == "sentinel-tunnel";
        for tunnel in self.tunnels.tunnels().into_iter().filter(|tunnel| !foreign(&tunnel.name)) {
            lines.insert(format!("tunnel {}", tunnel.name));
            let rules = self.tunnels.document(&tunnel.name).unwrap_or_default().ingress;
            let ours = rules.iter().filter(|rule| {
                let known = sentinels.rules.iter().any(|(name, sentinel)| *name == tunnel.name && sentinel == *rule);
                rule.hostname.is_some() && !known
            });
            lines.extend(ours.map(|rule| format!("rule {} {}", rule.hostname.as_deref().unwrap_or_default(), rule.service)));
        }
        for facts in self.databases.databases().into_iter().filter(|one| !sentinels.databases.contains(one)) {
            let made = facts.mark.is_some() || !facts.collections.is_empty();
            lines.extend(made.then(|| format!("database {}", facts.name)));
            lines.extend(facts.users.iter().map(|user| format!("user {} of {}", user.name, facts.name)));
        }
        for deployed in self.host.deployments().into_iter().filter(|one| !sentinels.deployments.contains(one)) {
            lines.extend(deployed.parts.keys().map(|part| format!("part {} {part}", deployed.store_id)));
        }
        let known =
            |namespace: &str, name: &str| sentinels.claims.iter().any(|(one, other, _)| one == namespace && other == name);
        // Keys of requests are kept for a day; a turn of an operation that is over is taken from it by whoever is next.
        let kept = |namespace: &str| matches!(namespace, "idempotency_key" | "turn");
        let claims = self.stores.claims().into_iter();
        let claims = claims.filter(|claim| !known(&claim.namespace, &claim.name) && !kept(&claim.namespace));
        lines.extend(claims.map(|claim| format!("claim {}/{} for {}", claim.namespace, claim.name, claim.label)));
        for table in [Table::Stores, Table::Domains, Table::Certificates, Table::DueTimes, Table::TunnelRoutes] {
            let rows = self.stores.rows(table).into_iter();
            let rows = rows.filter(|row| !sentinels.rows.iter().any(|(_, sentinel)| sentinel == row));
            lines.extend(rows.map(|row| format!("document {table}/{}", row.id)));
        }
        lines
    }

    fn is_ours(&self, record: &RecordFacts) -> bool {
        let row = self.stores.row(Table::Platform, "instance");
        let instance = row.and_then(|row| row.body.read::<InstanceRecord>().ok()).map(|record| record.instance);
        let mark = record.comment.as_deref().and_then(|comment| comment.parse::<Mark>().ok());
        mark.is_some_and(|mark| Some(mark.instance) == instance)
    }

    /// True when somebody else has a record in the zone: then it stays.
    pub(super) fn is_used_by_others(&self, zone: &ZoneFacts) -> bool {
        self.domains.records(&zone.id).iter().any(|record| !self.is_ours(record))
    }

    pub(super) fn platform_record(&self) -> Option<PlatformRecord> {
        self.stores.row(Table::Platform, "platform")?.body.read().ok()
    }

    /// Every store's document; a line for each that cannot be read.
    pub(super) fn store_records(&self) -> (Vec<StoreRecord>, Vec<String>) {
        let (mut records, mut problems) = (Vec::new(), Vec::new());
        for row in self.stores.rows(Table::Stores) {
            match row.body.read() {
                Ok(record) => records.push(record),
                Err(error) => problems.push(format!("the document stores/{} cannot be read: {error}", row.id)),
            }
        }
        (records, problems)
    }

    /// What the platform's document calls for.
    pub(super) fn wanted_by_platform(&self, lines: &mut Lines) {
        let Some(platform) = self.platform_record() else { return };
        lines.insert(format!("tunnel {}", platform.tunnel.name));
        let (zone, target) = (&platform.primary_zone.name, platform.tunnel.id.dns_target());
        lines.insert(format!("record *.{zone} {target} in {zone}"));
        if platform.fallback.is_some() {
            lines.extend(["fallback", "shops"].map(|label| format!("record {label}.{zone} {target} in {zone}")));
        }
        let rules = platform.ingress.iter().filter_map(|rule| Some((rule.hostname.as_ref()?, &rule.service)));
        lines.extend(rules.map(|(hostname, service)| format!("rule {hostname} {service}")));
    }

    /// What a store's document calls for.
    pub(super) fn wanted_by(&self, store: &StoreRecord, lines: &mut Lines) {
        let (id, user) = (&store.store_id, store.store_id.username());
        let names: Vec<_> = [&store.domains.system].into_iter().chain(&store.domains.custom).collect();
        let mut claim =
            |namespace: &str, name: &dyn std::fmt::Display| lines.insert(format!("claim {namespace}/{name} for {user}"));
        claim("username", user);
        claim("store_digits", &id.digits());
        claim(&format!("port:{}", store.host), &store.port);
        claim("database", &store.database);
        for name in &names {
            claim("domain", name);
        }
        lines.insert(format!("document stores/{id}"));
        lines.extend(names.iter().map(|name| format!("document domains/{name}")));
        lines.extend(["domain", "application", "infrastructure"].map(|check| format!("document due_times/{id}/{check}")));
        if self.platform_record().is_some_and(|platform| platform.routing == Routing::Direct) {
            lines.insert(format!("document tunnel_routes/{id}"));
            lines.extend(names.iter().map(|name| format!("rule {name} http://localhost:{}", store.port)));
        }
        for database in databases_of(store) {
            lines.insert(format!("database {}", database.name));
            lines.extend(database.logins.iter().map(|login| format!("user {} of {}", login.user, database.name)));
        }
        lines.extend(Part::ALL.map(|part| format!("part {id} {part}")));
        if let Some(custom) = &store.domains.custom {
            let target = self.platform_record().map(|platform| platform.tunnel.id.dns_target()).unwrap_or_default();
            lines.insert(format!("document certificates/{custom}"));
            if self.is_custom_hostname(custom) {
                let made = store.resources.iter().any(|held| held.key.kind == ResourceKind::Hostname);
                lines.extend(made.then(|| format!("hostname {custom}")));
                return;
            }
            lines.insert(format!("zone {custom}"));
            lines.insert(format!("record {custom} {target} in {custom}"));
        }
    }

    fn domain_record(&self, name: &Hostname) -> Option<DomainRecord> {
        self.stores.row(Table::Domains, name.as_str())?.body.read().ok()
    }

    fn is_custom_hostname(&self, name: &Hostname) -> bool {
        self.domain_record(name).is_some_and(|record| record.strategy == "custom_hostname")
    }

    /// Where a store's documents and the world do not say the same.
    pub(super) fn disagreements(&self, store: &StoreRecord, allow: Allowance) -> Vec<String> {
        let (mut problems, id) = (Vec::new(), &store.store_id);
        if store.state != StoreState::Active {
            problems.push(format!("{} is {:?} and nothing is on its way", store.store_id, store.state));
        }
        for database in databases_of(store).filter(|_| !allow.missing && !allow.host) {
            let login = self.host.login(id);
            if !login.is_some_and(|(user, password)| self.databases.opens(&database.name, &user, &password)) {
                problems.push(format!("the environment of {id} does not open its database {}", database.name));
            }
        }
        if let Some(custom) = &store.domains.custom {
            let told = self.domain_record(custom).and_then(|record| record.zone);
            let zones = self.domains.zones();
            let there = zones.iter().find(|zone| zone.name == *custom).map(|zone| zone.id.clone());
            if told != there && !(allow.missing && there.is_none()) {
                problems.push(format!("the document of {custom} names the zone {told:?}, the account has {there:?}"));
            }
        }
        problems
    }
}

/// The databases the store's document calls for.
fn databases_of(store: &StoreRecord) -> impl Iterator<Item = DatabaseSpec> {
    let held = store.resources.iter().filter(|held| held.key.kind == ResourceKind::Database);
    held.filter_map(|held| held.spec.read().ok())
}
