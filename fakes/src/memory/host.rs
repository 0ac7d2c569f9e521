//! A store host in memory: the ledger's rules and a router that forwards to processes, with nothing behind either.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{
    Clock, Code, Deployed, EffectCx, Epoch, Error, HostFacts, Hostname, Mark, Part, PartFacts, Port, PortRange, Result, Secret,
    StoreHost, StoreId, StorePackage, Visit,
};

/// How many ports a host names as free at most.
const FREE_PORTS: usize = 1000;

/// A store host that keeps everything in memory. Clones share one world.
///
/// Epochs fence, marks make calls idempotent, an undo closes the effect it undoes. Without a clock every deadline lies ahead.
#[derive(Clone)]
pub struct MemoryHost {
    world: Arc<Mutex<World>>,
    clock: Option<Arc<dyn Clock>>,
}

impl fmt::Debug for MemoryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHost").field("stores", &self.stores()).finish_non_exhaustive()
    }
}

impl Default for MemoryHost {
    /// A host for the ports 4001 to 4999.
    fn default() -> Self {
        Self::of("4001-4999".parse().ok())
    }
}

#[derive(Clone)]
struct World {
    ports: Vec<Port>,
    stores: BTreeMap<StoreId, Entry>,
    /// The stores before the last change, while somebody wants to go back there.
    before: Option<BTreeMap<StoreId, Entry>>,
    silent: BTreeSet<String>,
    occupied: BTreeSet<Port>,
    history: Vec<String>,
}

#[derive(Clone, Default)]
struct Entry {
    epoch: Epoch,
    parts: BTreeMap<Part, Standing>,
    done: Vec<Done>,
    log: Vec<String>,
}

/// A part that stands, with the port and the names it holds.
#[derive(Clone)]
struct Standing {
    facts: PartFacts,
    port: Option<Port>,
    names: Vec<Hostname>,
    /// What the environment says the store reaches its database with.
    login: Option<(String, Secret<String>)>,
}

/// A finished effect; an apply keeps its answer.
#[derive(Clone)]
struct Done {
    mark: Mark,
    part: Part,
    answer: Option<PartFacts>,
}

impl MemoryHost {
    /// A host with the ports of this range for its stores.
    pub fn new(range: PortRange) -> Self {
        Self::of(Some(range))
    }

    fn of(range: Option<PortRange>) -> Self {
        let world = World {
            ports: range.map(|range| range.iter().collect()).unwrap_or_default(),
            stores: BTreeMap::new(),
            before: None,
            silent: BTreeSet::new(),
            occupied: BTreeSet::new(),
            history: Vec::new(),
        };
        Self { world: Arc::new(Mutex::new(world)), clock: None }
    }

    /// The same host with a clock, by which deadlines pass.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stores of which anything stands, by ascending id.
    pub fn stores(&self) -> Vec<StoreId> {
        self.world().stores.iter().filter(|(_, entry)| !entry.parts.is_empty()).map(|(id, _)| id.clone()).collect()
    }

    /// A host of its own that begins as this one is now, with this clock.
    #[must_use]
    pub fn fork(&self, clock: Arc<dyn Clock>) -> Self {
        let world = self.world().clone();
        Self { world: Arc::new(Mutex::new(world)), clock: Some(clock) }
    }

    /// What the host knows of every store of which anything stands, by ascending id.
    pub fn deployments(&self) -> Vec<Deployed> {
        self.world().stores.iter().filter_map(|(store, entry)| deployed(store, entry)).collect()
    }

    /// From now on the host could come back as it was before its last change: [`MemoryHost::roll_back`].
    pub fn keep_backup(&self) {
        let mut world = self.world();
        if world.before.is_none() {
            world.before = Some(world.stores.clone());
        }
    }

    /// The host comes back with its ledger as it was before its last change. Nothing happens without [`MemoryHost::keep_backup`].
    pub fn roll_back(&self) {
        let mut world = self.world();
        if let Some(before) = world.before.clone() {
            world.stores = before;
        }
    }

    /// From now on the process of the store with this username or id does not listen: `apply` answers `process_not_serving`.
    pub fn silence(&self, name: &str) {
        self.world().silent.insert(name.to_owned());
    }

    /// Ends [`MemoryHost::silence`] for this username or id.
    pub fn unsilence(&self, name: &str) {
        self.world().silent.remove(name);
    }

    /// Changes a part by hand, as a person at the host does: from now on a look says how it differs, until the part is applied anew.
    pub fn damage(&self, store: &StoreId, part: Part, how: &str) {
        let mut world = self.world();
        let standing = world.stores.get_mut(store).and_then(|entry| entry.parts.get_mut(&part));
        if let Some(standing) = standing {
            standing.facts.detail = match std::mem::take(&mut standing.facts.detail) {
                Value::Object(mut detail) => {
                    detail.insert("drift".to_owned(), how.into());
                    detail.into()
                }
                _ => json!({ "drift": how }),
            };
        }
    }

    /// User and password the store reaches its database with, as its environment says; none without a database.
    pub fn login(&self, store: &StoreId) -> Option<(String, Secret<String>)> {
        self.world().stores.get(store)?.parts.get(&Part::Environment)?.login.clone()
    }

    /// A program that is no store holds this port from now on.
    pub fn occupy(&self, port: Port) {
        self.world().occupied.insert(port);
    }

    /// Every mutating call that passed its fences and did something, oldest first: `apply oceanbreeze-12345 files`.
    pub fn history(&self) -> Vec<String> {
        self.world().history.clone()
    }

    fn check_deadline(&self, cx: &EffectCx) -> Result<()> {
        match &self.clock {
            Some(clock) if clock.now() >= cx.deadline => {
                Err(Error::new(Code::Timeout, "the deadline had passed before the call began"))
            }
            _ => Ok(()),
        }
    }
}

impl World {
    fn remember(&mut self) {
        if self.before.is_some() {
            self.before = Some(self.stores.clone());
        }
    }

    /// Refuses what an older controller or an undone step sends.
    fn fence(&mut self, cx: &EffectCx, store: &StoreId, applies: bool) -> Result<&mut Entry> {
        let entry = self.stores.entry(store.clone()).or_default();
        if cx.epoch < entry.epoch {
            return Err(
                Error::new(Code::StaleEpoch, format!("{store} has seen epoch {}", entry.epoch)).with("epoch", entry.epoch)
            );
        }
        if applies && entry.done.iter().any(|done| undoes(&done.mark, &cx.mark)) {
            return Err(Error::new(Code::StaleEpoch, format!("the effect {} has been undone", cx.mark.effect)));
        }
        entry.epoch = cx.epoch;
        Ok(entry)
    }

    fn held_elsewhere<'a>(&'a self, store: &'a StoreId) -> impl Iterator<Item = (&'a StoreId, &'a Standing)> {
        self.stores
            .iter()
            .filter(move |(id, _)| *id != store)
            .flat_map(|(id, entry)| entry.parts.values().map(move |part| (id, part)))
    }

    fn check_process(&self, cx: &EffectCx, package: &StorePackage, port: Port) -> Result<()> {
        let store = &package.store_id;
        for part in [Part::Files, Part::Environment] {
            let wanted = facts_of(cx, package, part)?.digest;
            let standing = self.stores.get(store).and_then(|entry| entry.parts.get(&part));
            if standing.is_none_or(|standing| standing.facts.digest != wanted) {
                let message = format!("the process of {store} needs its {part} as in this package");
                return Err(Error::new(Code::Unusable, message).with("store", store));
            }
        }
        self.check_port(store, port)
    }

    fn check_port(&self, store: &StoreId, port: Port) -> Result<()> {
        if !self.ports.contains(&port) {
            return Err(
                Error::new(Code::InvalidField, format!("port {port} is not in the host's range")).pointer("/environment/PORT")
            );
        }
        let taken = self.held_elsewhere(store).any(|(_, part)| part.port == Some(port));
        if taken || self.occupied.contains(&port) {
            return Err(Error::new(Code::PortBusy, format!("port {port} is in use")).with("port", port));
        }
        Ok(())
    }

    fn check_names(&self, store: &StoreId, names: &[Hostname]) -> Result<()> {
        let taken = |name: &&Hostname| self.held_elsewhere(store).any(|(_, part)| part.names.contains(name));
        match names.iter().find(taken) {
            Some(name) => Err(Error::new(Code::DomainTaken, format!("{name} is routed to another store")).with("domain", name)),
            None => Ok(()),
        }
    }

    fn check_serving(&mut self, store: &StoreId) -> Result<()> {
        if !self.silent.contains(store.username().as_str()) && !self.silent.contains(&store.to_string()) {
            return Ok(());
        }
        if let Some(entry) = self.stores.get_mut(store) {
            entry.parts.remove(&Part::Process);
        }
        let log = "starting\nError: the application does not listen";
        Err(Error::new(Code::ProcessNotServing, format!("{store} does not listen on its port")).with("log", log))
    }

    fn make(&mut self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        let store = &package.store_id;
        let mut standing = Standing { facts: facts_of(cx, package, part)?, port: None, names: Vec::new(), login: None };
        match part {
            Part::Files => {}
            Part::Environment => standing.login = login_of(package),
            Part::Process => {
                let port = port_of(package)?;
                self.check_process(cx, package, port)?;
                self.check_serving(store)?;
                standing.port = Some(port);
            }
            Part::Route => {
                standing.port = Some(port_of(package)?);
                standing.names = names_of(package)?;
                self.check_port(store, port_of(package)?)?;
                self.check_names(store, &standing.names)?;
            }
        }
        let facts = standing.facts.clone();
        let entry = self.stores.entry(store.clone()).or_default();
        if part == Part::Process {
            entry.log.push(format!("{} listens on 127.0.0.1:{}", store.username(), standing.port.map_or(0, Port::get)));
        }
        entry.done.push(Done { mark: cx.mark.clone(), part, answer: Some(facts.clone()) });
        entry.parts.insert(part, standing);
        self.history.push(format!("apply {store} {part}"));
        Ok(facts)
    }
}

/// True when `undo` is the way back of the step whose way there is `effect`.
fn undoes(undo: &Mark, effect: &Mark) -> bool {
    let step = effect.effect.as_str().strip_suffix('f');
    undo.same_owner(effect) && step.is_some() && step == undo.effect.as_str().strip_suffix('u')
}

fn port_of(package: &StorePackage) -> Result<Port> {
    let refuse = |why: &str| Error::new(Code::InvalidField, format!("PORT {why}")).pointer("/environment/PORT");
    let number = package.environment.get("PORT").and_then(Value::as_u64).ok_or_else(|| refuse("is no whole number"))?;
    let number = u16::try_from(number).map_err(|_| refuse("is no port number"))?;
    Port::try_from(number).map_err(|error| refuse(error.message()))
}

fn names_of(package: &StorePackage) -> Result<Vec<Hostname>> {
    let mut names = Vec::new();
    for key in ["INTERNAL_DOMAIN", "DOMAIN"] {
        let pointer = format!("/environment/{key}");
        match package.environment.get(key) {
            Some(Value::String(text)) => names.push(text.parse::<Hostname>().map_err(|error| error.pointer(pointer))?),
            Some(_) => return Err(Error::new(Code::InvalidField, format!("{key} is no text")).pointer(pointer)),
            None if key == "INTERNAL_DOMAIN" => {
                return Err(Error::new(Code::MissingField, "a route needs INTERNAL_DOMAIN").pointer(pointer));
            }
            None => {}
        }
    }
    Ok(names)
}

fn login_of(package: &StorePackage) -> Option<(String, Secret<String>)> {
    let text = |key: &str| package.environment.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((text("DB_USER")?, Secret::new(text("DB_PASSWORD")?)))
}

fn facts_of(cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
    let (share, detail) = match part {
        Part::Files => (json!([package.directory, package.symlinks]), json!({ "path": package.directory })),
        Part::Environment => (json!(package.environment), Value::Null),
        Part::Process => {
            (json!([package.directory, package.environment]), json!({ "status": "running", "port": port_of(package)? }))
        }
        Part::Route => (json!([names_of(package)?, port_of(package)?]), Value::Null),
    };
    let mut hasher = DefaultHasher::new();
    (part, share.to_string()).hash(&mut hasher);
    Ok(PartFacts { mark: cx.mark.clone(), digest: format!("{:016x}", hasher.finish()), detail })
}

fn deployed(store: &StoreId, entry: &Entry) -> Option<Deployed> {
    let parts: BTreeMap<_, _> = entry.parts.iter().map(|(part, standing)| (*part, standing.facts.clone())).collect();
    (!parts.is_empty()).then(|| Deployed { store_id: store.clone(), epoch: entry.epoch, parts })
}

#[async_trait]
impl StoreHost for MemoryHost {
    async fn facts(&self) -> Result<HostFacts> {
        let world = self.world();
        let used: BTreeSet<Port> =
            world.stores.values().flat_map(|entry| entry.parts.values()).filter_map(|part| part.port).collect();
        let free = world.ports.iter().filter(|port| !used.contains(port) && !world.occupied.contains(port));
        Ok(HostFacts { free_ports: free.copied().take(FREE_PORTS).collect() })
    }

    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>> {
        Ok(self.world().stores.get(store).and_then(|entry| deployed(store, entry)))
    }

    async fn list(&self) -> Result<Vec<Deployed>> {
        Ok(self.world().stores.iter().filter_map(|(store, entry)| deployed(store, entry)).collect())
    }

    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        self.check_deadline(cx)?;
        let mut world = self.world();
        world.remember();
        let entry = world.fence(cx, &package.store_id, true)?;
        let known = entry.done.iter().find(|done| done.mark == cx.mark && done.part == part);
        if let Some(answer) = known.and_then(|done| done.answer.clone()) {
            return Ok(answer);
        }
        world.make(cx, package, part)
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        self.check_deadline(cx)?;
        let mut world = self.world();
        world.remember();
        let entry = world.fence(cx, store, false)?;
        if entry.done.iter().any(|done| done.mark == cx.mark && done.part == part && done.answer.is_none()) {
            return Ok(());
        }
        entry.done.push(Done { mark: cx.mark.clone(), part, answer: None });
        if part == Part::Process {
            entry.log.clear();
        }
        if entry.parts.remove(&part).is_some() {
            world.history.push(format!("withdraw {store} {part}"));
        }
        Ok(())
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        let world = self.world();
        let mut stores = world.stores.iter();
        let routed = stores.find_map(|(store, entry)| {
            let route = entry.parts.get(&Part::Route).filter(|route| route.names.contains(name))?;
            let login = entry.parts.get(&Part::Environment).and_then(|environment| environment.login.as_ref());
            Some((store, route.port, entry.parts.get(&Part::Process), login.map(|(user, _)| user)))
        });
        let (status, body) = match routed {
            None => (421, json!({ "error": "misdirected_request" })),
            Some((store, port, Some(process), user)) if process.port == port => {
                let database = user.map(|user| json!({ "user": user }));
                let name = store.username();
                (200, json!({ "status": "ok", "store_id": store, "store": name, "path": path, "database": database }))
            }
            Some(_) => (502, json!({ "error": "bad_gateway" })),
        };
        Ok(Visit { status, body: body.to_string() })
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        let world = self.world();
        let log = world.stores.get(store).map(|entry| entry.log.as_slice()).unwrap_or_default();
        Ok(log.iter().skip(log.len().saturating_sub(lines)).cloned().collect())
    }
}
