//! Tripwires: invariants judged at the moment of each mutation.
//!
//! I1 a routed name has a claim of its store · I2 a port has one · I7 foreign objects never change · I8 every effect has an earlier
//! durable intent · I9 the journal moves by its automaton · I10 a host accepts no lower epoch.

mod automaton;
mod watched;

pub use automaton::{JournalChange, Moved};
pub use watched::Watched;

use crate::{FaultScript, MemoryDatabases, MemoryDomains, MemoryHost, MemoryStores, MemoryTunnels};
use automaton::Trace;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::resource::ResourceKind;
use storex_core::{
    DatabaseFacts, DatabaseName, Deployed, EffectCx, Epoch, HostnameFacts, IngressRule, Lease, Mark, Part, RecordFacts, Row,
    RowWrite, StoreId, StorePackage, Subject, Table, ZoneFacts, ZoneId,
};

/// Objects storex did not make, one or more in every namespace.
#[derive(Clone, Debug, Default)]
pub struct Sentinels {
    /// Zones, whole.
    pub zones: Vec<ZoneFacts>,
    /// Records, each with its zone.
    pub records: Vec<(ZoneId, RecordFacts)>,
    /// Custom hostnames, whole.
    pub hostnames: Vec<HostnameFacts>,
    /// Name of a tunnel and one of its rules.
    pub rules: Vec<(String, IngressRule)>,
    /// Databases, with their users.
    pub databases: Vec<DatabaseFacts>,
    /// Deployments.
    pub deployments: Vec<Deployed>,
    /// Claims: namespace, name, owner.
    pub claims: Vec<(String, String, String)>,
    /// Documents.
    pub rows: Vec<(Table, Arc<Row>)>,
}

#[derive(Default)]
struct State {
    tripped: Vec<String>,
    traces: HashMap<String, Trace>,
    changes: Vec<JournalChange>,
    epochs: BTreeMap<StoreId, Epoch>,
    /// The running leases: who holds each until when.
    leases: HashMap<String, (String, Timestamp)>,
    /// Every epoch that was granted, with its lease.
    granted: HashSet<(String, Epoch)>,
    sentinels: Sentinels,
}

/// The tripwires of one world. Clones are the same.
#[derive(Clone)]
pub struct Tripwires {
    state: Arc<Mutex<State>>,
    script: FaultScript,
    stores: MemoryStores,
    domains: MemoryDomains,
    tunnels: MemoryTunnels,
    databases: MemoryDatabases,
    host: MemoryHost,
}

impl fmt::Debug for Tripwires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tripwires").field("tripped", &self.tripped()).finish_non_exhaustive()
    }
}

impl Tripwires {
    /// Tripwires over these twins. Operations that are there already are known.
    pub fn new(
        script: FaultScript,
        stores: &MemoryStores,
        domains: &MemoryDomains,
        tunnels: &MemoryTunnels,
        databases: &MemoryDatabases,
        host: &MemoryHost,
    ) -> Self {
        let mut state = State::default();
        for row in stores.rows(Table::Operations) {
            state.traces.insert(row.id.clone(), Trace::of(&row.body, row.version));
        }
        for deployed in host.deployments() {
            state.epochs.insert(deployed.store_id, deployed.epoch);
        }
        Self {
            state: Arc::new(Mutex::new(state)),
            script,
            stores: stores.clone(),
            domains: domains.clone(),
            tunnels: tunnels.clone(),
            databases: databases.clone(),
            host: host.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was broken so far, each as `I8: …`.
    pub fn tripped(&self) -> Vec<String> {
        self.state().tripped.clone()
    }

    /// How the journals moved so far, oldest first.
    pub fn changes(&self) -> Vec<JournalChange> {
        self.state().changes.clone()
    }

    /// The foreign objects that are watched.
    pub fn sentinels(&self) -> Sentinels {
        self.state().sentinels.clone()
    }

    /// Watches these foreign objects from now on, beside those it watches already.
    pub fn guard(&self, more: Sentinels) {
        let mut state = self.state();
        let all = &mut state.sentinels;
        all.zones.extend(more.zones);
        all.records.extend(more.records);
        all.hostnames.extend(more.hostnames);
        all.rules.extend(more.rules);
        all.databases.extend(more.databases);
        all.deployments.extend(more.deployments);
        all.claims.extend(more.claims);
        all.rows.extend(more.rows);
    }

    fn trip(&self, what: String) {
        self.state().tripped.push(what);
    }

    /// Which sentinels are not as they were.
    pub fn harmed(&self) -> Vec<String> {
        let mut harmed = self.harmed_at_the_edge();
        let sentinels = self.sentinels();
        let standing = self.databases.databases();
        harmed
            .extend(sentinels.databases.iter().filter(|one| !standing.contains(one)).map(|one| format!("database {}", one.name)));
        let standing = self.host.deployments();
        harmed.extend(
            sentinels.deployments.iter().filter(|one| !standing.contains(one)).map(|one| format!("deployment {}", one.store_id)),
        );
        for (namespace, name, owner) in &sentinels.claims {
            if self.stores.holder(namespace, name).is_none_or(|claim| claim.owner != *owner) {
                harmed.push(format!("claim {namespace}/{name}"));
            }
        }
        for (table, row) in &sentinels.rows {
            if self.stores.row(*table, &row.id).as_ref() != Some(row) {
                harmed.push(format!("document {table}/{}", row.id));
            }
        }
        harmed
    }

    fn harmed_at_the_edge(&self) -> Vec<String> {
        let state = self.state();
        let sentinels = &state.sentinels;
        let zones = sentinels.zones.iter().filter(|zone| !self.domains.has_zone(zone)).map(|zone| format!("zone {}", zone.name));
        let records = sentinels.records.iter().filter(|(zone, record)| !self.domains.has_record(zone, record));
        let records = records.map(|(_, record)| format!("record {} {}", record.record_type, record.name));
        let kept = |(name, rule): &&(String, IngressRule)| !self.tunnels.has_rule(name, rule);
        let rules = sentinels.rules.iter().filter(kept).map(|(name, rule)| format!("rule {:?} of {name}", rule.hostname));
        let standing = self.domains.hostnames();
        let hostnames = sentinels.hostnames.iter().filter(|one| !standing.contains(one));
        let hostnames = hostnames.map(|one| format!("custom hostname {}", one.name));
        zones.chain(records).chain(hostnames).chain(rules).collect()
    }

    /// The edge was changed under this mark.
    pub(crate) fn edge_changed(&self, call: &str, cx: &EffectCx) {
        self.intended(call, &cx.mark);
        for what in self.harmed_at_the_edge() {
            self.trip(format!("I7: {call} {} harmed the foreign {what}", cx.mark));
        }
    }

    /// Records of this name were made for the mark's owner.
    pub(crate) fn named(&self, name: &str, mark: &Mark) {
        if matches!(mark.subject, Subject::Store(_)) && self.stores.holder("domain", name).is_none() {
            self.trip(format!("I1: {name} is routed at the edge and nobody claims it"));
        }
    }

    /// A database was changed.
    pub(crate) fn database_changed(&self, call: &str, cx: &EffectCx, name: &DatabaseName) {
        self.intended(call, &cx.mark);
        if self.state().sentinels.databases.iter().any(|one| one.name == *name) {
            self.trip(format!("I7: {call} changed the foreign database {name}"));
        }
    }

    /// I8.
    fn intended(&self, call: &str, mark: &Mark) {
        self.intended_effect(call, mark.effect.as_str());
    }

    pub(crate) fn intended_effect(&self, call: &str, effect: &str) {
        let mut state = self.state();
        let (operation, step) = effect.split_once('.').unwrap_or((effect, ""));
        let trace = state.traces.get(&format!("op_{operation}"));
        let why = match trace {
            None => "no operation of it is durable",
            Some(trace) if !trace.intended(step) => "no intent of it is durable",
            Some(_) => return,
        };
        state.tripped.push(format!("I8: {call} brought about the effect {effect} and {why}"));
    }

    /// A name was claimed. Turns and keys of requests are no names: they order operations before any step begins.
    pub(crate) fn claimed(&self, namespace: &str, name: &str, owner: &str) {
        if matches!(namespace, "turn" | "idempotency_key") {
            return;
        }
        let mut state = self.state();
        let intended = state.traces.get(owner).is_some_and(|trace| trace.begun(ResourceKind::Claim));
        if !intended {
            state.tripped.push(format!("I8: {name} was claimed by {owner}, of which no intent is durable"));
        }
    }

    /// A name was given up, or a document written or removed; true sentinels are compared.
    pub(crate) fn repo_changed(&self, subject: &str) {
        let sentinels = self.sentinels();
        for (namespace, name, owner) in &sentinels.claims {
            let same = subject.strip_prefix(namespace.as_str()).and_then(|rest| rest.strip_prefix('/')) == Some(name);
            if same && self.stores.holder(namespace, name).is_none_or(|claim| claim.owner != *owner) {
                self.trip(format!("I7: the foreign claim {subject} changed"));
            }
        }
        for (table, row) in &sentinels.rows {
            let same = subject.strip_prefix(table.as_str()).and_then(|rest| rest.strip_prefix('/')) == Some(row.id.as_str());
            if same && self.stores.row(*table, &row.id).as_ref() != Some(row) {
                self.trip(format!("I7: the foreign document {subject} changed"));
            }
        }
    }

    /// I9.
    pub(crate) fn journaled(&self, write: &RowWrite, version: u64) {
        let call = self.script.calls().saturating_sub(1);
        let mut state = self.state();
        let State { tripped, traces, changes, .. } = &mut *state;
        let trace = traces.entry(write.id.clone()).or_default();
        trace.advance(
            &write.body,
            version,
            |problem| tripped.push(format!("I9: {} {problem}", write.id)),
            |what| {
                changes.push(JournalChange { call, operation: write.id.clone(), what });
            },
        );
    }

    /// A lease was granted: two holders never have the same one at a time.
    pub(crate) fn leased(&self, lease: &Lease, epoch: Epoch, now: Timestamp) {
        let mut state = self.state();
        let until = now + lease.duration;
        state.granted.insert((lease.name.clone(), epoch));
        let before = state.leases.insert(lease.name.clone(), (lease.holder.clone(), until));
        if let Some((holder, until)) = before.filter(|(holder, until)| *holder != lease.holder && now < *until) {
            let name = &lease.name;
            state
                .tripped
                .push(format!("I10: the lease of {name} was granted to {} while {holder} held it until {until}", lease.holder));
        }
    }

    /// All leases ended, because those who held them are gone.
    pub(crate) fn leases_voided(&self) {
        self.state().leases.clear();
    }

    /// The host accepted a call for the store.
    pub(crate) fn host_changed(&self, call: &str, cx: &EffectCx, store: &StoreId) {
        self.intended(call, &cx.mark);
        let mut state = self.state();
        let operation = cx.mark.effect.as_str().split('.').next().unwrap_or_default();
        if !state.granted.contains(&(format!("op_{operation}"), cx.epoch)) {
            state
                .tripped
                .push(format!("I10: {call} of {store} carries the epoch {}, which no lease of its operation has", cx.epoch));
        }
        let seen = state.epochs.entry(store.clone()).or_default();
        if cx.epoch < *seen {
            let seen = *seen;
            state.tripped.push(format!("I10: {call} of {store} was accepted at epoch {} after {seen}", cx.epoch));
        } else {
            *seen = cx.epoch;
        }
        let foreign = state.sentinels.deployments.iter().any(|one| one.store_id == *store);
        if foreign {
            state.tripped.push(format!("I7: {call} changed the foreign deployment {store}"));
        }
    }

    /// A part was applied: its names and its port belong to the store.
    pub(crate) fn applied(&self, package: &StorePackage, part: Part) {
        let store = &package.store_id;
        let holds = |namespace: &str, name: &str| {
            self.stores.holder(namespace, name).is_some_and(|claim| claim.label == store.username().as_str())
        };
        let text =
            |key: &str| package.environment.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        if part == Part::Route {
            for name in ["INTERNAL_DOMAIN", "DOMAIN"].into_iter().filter_map(text).filter(|name| !holds("domain", name)) {
                self.trip(format!("I1: {name} is routed to {store}, which does not claim it"));
            }
        }
        if part == Part::Process {
            for port in text("PORT").into_iter().filter(|port| !holds("port:local", port)) {
                self.trip(format!("I2: {store} listens on {port}, which it does not claim"));
            }
        }
    }
}
