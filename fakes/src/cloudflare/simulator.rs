//! The simulator as a Rust value: the world, and the levers a test pulls without HTTP.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::auth::TokenSettings;
use super::builder::SimulatorBuilder;
use super::fault::{FaultError, FaultRule, FaultStatus, Faults};
use super::fault_action::FaultAction;
use super::held::{HeldCall, Waiting};
use super::journal::{Call, Counts, Journal};
use super::limits::{CallBudget, Limits};
use super::persist::StateFile;
use super::routes;
use super::settle;
use super::state::{Account, CloudState};
use super::zone_life::later;

/// A source of the current time, when the logical clock is not wanted.
pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A simulated Cloudflare. Clones share one world.
#[derive(Clone)]
pub struct Simulator {
    pub(super) inner: Arc<Inner>,
}

/// What the clones share.
pub(super) struct Inner {
    pub(super) tokens: Vec<TokenSettings>,
    pub(super) limits: Mutex<Limits>,
    pub(super) clock: Option<Clock>,
    pub(super) file: Option<StateFile>,
    pub(super) world: Mutex<CloudState>,
    /// The world's `moment`, readable without waiting for a world that is being saved.
    pub(super) moment: AtomicU64,
    /// The world's `advanced`, readable likewise.
    pub(super) advanced: AtomicU64,
    pub(super) desk: Mutex<Desk>,
    pub(super) waiting: Waiting,
}

/// What belongs to the process and not to the world.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) journal: Journal,
    pub(super) faults: Faults,
    pub(super) budgets: BTreeMap<String, CallBudget>,
    pub(super) graphql: CallBudget,
    /// The worlds that stale answers are read from, per fault rule.
    pub(super) snapshots: BTreeMap<String, CloudState>,
}

/// Why a simulator cannot be built or changed from outside.
#[derive(Debug)]
#[non_exhaustive]
pub enum SimulatorError {
    /// No token was given.
    NoToken,
    /// A token is not a token68 and could never be presented.
    Token,
    /// The primary domain is no name a zone can have.
    PrimaryDomain(String),
    /// The state file cannot be read, understood or written.
    StateFile(PathBuf, std::io::Error),
    /// There is no zone or tunnel of that name or id.
    Unknown(String),
}

impl std::fmt::Display for SimulatorError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoToken => write!(f, "the simulator needs at least one token"),
            Self::Token => write!(f, "a token may hold letters, digits and -._~+/ only"),
            Self::PrimaryDomain(name) => write!(f, "{name:?} cannot be the primary domain"),
            Self::StateFile(path, error) => write!(f, "state file {}: {error}", path.display()),
            Self::Unknown(name) => write!(f, "there is no {name} in the simulated account"),
        }
    }
}

impl std::error::Error for SimulatorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::StateFile(_, error) => Some(error),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("limits", &self.limits()).field("file", &self.inner.file).finish_non_exhaustive()
    }
}

/// Seconds since 1970 of 2026-01-01T00:00:00Z, where the logical clock starts.
const EPOCH: i64 = 1_767_225_600;

impl Simulator {
    /// Starts describing a simulator.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::default()
    }

    pub(super) fn world(&self) -> MutexGuard<'_, CloudState> {
        self.inner.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.inner.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        *self.inner.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts other limits in force.
    pub fn set_limits(&self, limits: Limits) {
        *self.inner.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// The time of the next event: the injected clock's, or the logical clock's, which moves one second per mutation; both as
    /// far ahead as [`Simulator::advance`] moved them.
    pub(super) fn now(&self) -> Timestamp {
        let logical = || {
            let moment = i64::try_from(self.inner.moment.load(Ordering::Relaxed)).ok();
            let second = moment.and_then(|moment| EPOCH.checked_add(moment));
            second.and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
        };
        let now = self.inner.clock.as_ref().map_or_else(logical, |clock| clock());
        later(now, self.inner.advanced.load(Ordering::Relaxed))
    }

    /// Lets the world live until now and saves it if that changed anything. What cannot be saved is lived through again
    /// after a restart.
    ///
    /// # Errors
    /// The state file cannot be written.
    pub(super) fn settle(&self, world: &mut CloudState) -> std::io::Result<()> {
        let changed = settle::settle(world, &self.limits(), self.now());
        match &self.inner.file {
            Some(file) if changed => file.save(world),
            _ => Ok(()),
        }
    }

    /// Changes the world and saves it. `change` refuses before it changes anything; when the file cannot be written the
    /// world is as before.
    pub(super) fn commit<T, E>(
        &self,
        change: impl FnOnce(&mut CloudState, Timestamp) -> Result<T, E>,
        unsaved: impl FnOnce(std::io::Error) -> E,
    ) -> Result<T, E> {
        let mut world = self.world();
        let now = self.now();
        let before = self.inner.file.as_ref().map(|file| (file, world.clone()));
        settle::settle(&mut world, &self.limits(), now);
        let identifiers = world.identifiers;
        let value = change(&mut world, now).inspect_err(|_| world.identifiers = identifiers)?;
        world.moment += 1;
        if let Some((file, before)) = before
            && let Err(error) = file.save(&world)
        {
            *world = before;
            return Err(unsaved(error));
        }
        self.inner.moment.store(world.moment, Ordering::Relaxed);
        self.inner.advanced.store(world.advanced, Ordering::Relaxed);
        Ok(value)
    }

    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut CloudState, Timestamp) -> Result<T, SimulatorError>,
    ) -> Result<T, SimulatorError> {
        let path = self.inner.file.as_ref().map(|file| file.path().to_owned()).unwrap_or_default();
        self.commit(change, |error| SimulatorError::StateFile(path, error))
    }

    /// A copy of the whole world as it is now.
    pub fn state(&self) -> CloudState {
        let mut world = self.world();
        settle::settle(&mut world, &self.limits(), self.now());
        world.clone()
    }

    /// The one account.
    pub fn account(&self) -> Account {
        self.world().account.clone()
    }

    /// Every call since the journal was last cleared, oldest first (at most the latest 100,000).
    pub fn calls(&self) -> Vec<Call> {
        self.desk().journal.after(0)
    }

    /// The calls numbered higher than `sequence`, oldest first.
    pub fn calls_after(&self, sequence: u64) -> Vec<Call> {
        self.desk().journal.after(sequence)
    }

    /// How often what was called since the journal was last cleared.
    pub fn counts(&self) -> Counts {
        self.desk().journal.counts()
    }

    /// Every endpoint of the route table as `"METHOD /template"`, as the counts name them.
    pub fn routes(&self) -> Vec<String> {
        routes::names()
    }

    /// Forgets calls and counts. Numbering goes on.
    pub fn clear_calls(&self) {
        self.desk().journal.clear();
    }

    /// Puts a fault rule in force and returns its name.
    ///
    /// # Errors
    /// See [`FaultError`].
    pub fn add_fault(&self, rule: FaultRule) -> Result<String, FaultError> {
        let stale = (rule.action == FaultAction::Stale).then(|| self.state());
        let mut desk = self.desk();
        let id = desk.faults.add(rule)?;
        desk.snapshots.extend(stale.map(|world| (id.clone(), world)));
        Ok(id)
    }

    /// The rules in force, with how often each fired.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.desk().faults.list()
    }

    /// Takes a rule out of force; whether there was one. Calls it holds stay held.
    pub fn remove_fault(&self, id: &str) -> bool {
        let mut desk = self.desk();
        desk.snapshots.remove(id);
        desk.faults.remove(id)
    }

    /// Takes every rule out of force.
    pub fn clear_faults(&self) {
        let mut desk = self.desk();
        desk.snapshots.clear();
        desk.faults.clear();
    }

    /// The calls that are held now.
    pub fn held(&self) -> Vec<HeldCall> {
        self.inner.waiting.list()
    }

    /// Waits until at least `count` calls are held. Cancel safe; has no deadline of its own.
    pub async fn until_held(&self, count: usize) {
        self.inner.waiting.at_least(count).await;
    }

    /// Releases one held call; whether it was held.
    pub fn release(&self, id: u64) -> bool {
        self.inner.waiting.release(id)
    }

    /// Releases every held call and returns how many there were.
    pub fn release_all(&self) -> usize {
        self.inner.waiting.release_all()
    }

    /// Drops every held call without an answer, and every call that would be held later: what a server does that stops.
    pub fn drop_held(&self) {
        self.inner.waiting.stop();
    }
}
