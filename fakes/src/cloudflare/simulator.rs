//! The simulator as a Rust value: the world, and the levers a test pulls without HTTP.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::auth::TokenSettings;
use super::builder::SimulatorBuilder;
use super::connectors;
use super::fault::{FaultError, FaultRule, FaultStatus, Faults};
use super::held::{HeldCall, Waiting};
use super::journal::{Call, Counts, Journal};
use super::limits::{CallBudget, Limits};
use super::persist::StateFile;
use super::state::{Account, CloudState, ZoneStatus};

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
    pub(super) limits: Limits,
    pub(super) clock: Option<Clock>,
    pub(super) file: Option<StateFile>,
    pub(super) world: Mutex<CloudState>,
    /// The world's `moment`, readable without waiting for a world that is being saved.
    pub(super) moment: AtomicU64,
    pub(super) desk: Mutex<Desk>,
    pub(super) waiting: Waiting,
}

/// What belongs to the process and not to the world.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) journal: Journal,
    pub(super) faults: Faults,
    pub(super) budget: CallBudget,
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
        f.debug_struct("Simulator").field("limits", &self.inner.limits).field("file", &self.inner.file).finish_non_exhaustive()
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

    /// The time of the next event: the injected clock's, or the logical clock's, which moves one second per mutation.
    pub(super) fn now(&self) -> Timestamp {
        let logical = || {
            let moment = i64::try_from(self.inner.moment.load(Ordering::Relaxed)).ok();
            let second = moment.and_then(|moment| EPOCH.checked_add(moment));
            second.and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
        };
        self.inner.clock.as_ref().map_or_else(logical, |clock| clock())
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
        let value = change(&mut world, now)?;
        world.moment += 1;
        if let Some((file, before)) = before
            && let Err(error) = file.save(&world)
        {
            *world = before;
            return Err(unsaved(error));
        }
        self.inner.moment.store(world.moment, Ordering::Relaxed);
        Ok(value)
    }

    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut CloudState, Timestamp) -> Result<T, SimulatorError>,
    ) -> Result<T, SimulatorError> {
        let path = self.inner.file.as_ref().map(|file| file.path().to_owned()).unwrap_or_default();
        self.commit(change, |error| SimulatorError::StateFile(path, error))
    }

    /// A copy of the whole world.
    pub fn state(&self) -> CloudState {
        self.world().clone()
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

    /// Forgets calls and counts. Numbering goes on.
    pub fn clear_calls(&self) {
        self.desk().journal.clear();
    }

    /// Puts a fault rule in force and returns its name.
    ///
    /// # Errors
    /// See [`FaultError`].
    pub fn add_fault(&self, rule: FaultRule) -> Result<String, FaultError> {
        self.desk().faults.add(rule)
    }

    /// The rules in force, with how often each fired.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.desk().faults.list()
    }

    /// Takes a rule out of force; whether there was one. Calls it holds stay held.
    pub fn remove_fault(&self, id: &str) -> bool {
        self.desk().faults.remove(id)
    }

    /// Takes every rule out of force.
    pub fn clear_faults(&self) {
        self.desk().faults.clear();
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

    /// Moves a zone (by id or name) to another status, as its delegation at the registrar would.
    ///
    /// # Errors
    /// No such zone, or the state file cannot be written.
    pub fn set_zone_status(&self, zone: &str, status: ZoneStatus) -> Result<(), SimulatorError> {
        self.change(|world, now| {
            let place = world.zone_mut(zone).ok_or_else(|| SimulatorError::Unknown(format!("zone {zone}")))?;
            (place.status, place.modified_on) = (status, now);
            if status == ZoneStatus::Active {
                place.activated_on.get_or_insert(now);
            }
            Ok(())
        })
    }

    /// Attaches a connector to a live tunnel, as `cloudflared tunnel run` would; returns its client id.
    ///
    /// # Errors
    /// No such live tunnel, or the state file cannot be written.
    pub fn attach_connector(&self, tunnel: &str) -> Result<String, SimulatorError> {
        self.change(|world, now| {
            let mut identifiers = world.identifiers;
            let place = world.tunnel_mut(tunnel).ok_or_else(|| SimulatorError::Unknown(format!("tunnel {tunnel}")))?;
            let id = connectors::attach(place, &mut identifiers, now);
            world.identifiers = identifiers;
            Ok(id)
        })
    }

    /// Detaches every connector of a live tunnel.
    ///
    /// # Errors
    /// No such live tunnel, or the state file cannot be written.
    pub fn detach_connectors(&self, tunnel: &str) -> Result<(), SimulatorError> {
        self.change(|world, now| {
            let place = world.tunnel_mut(tunnel).ok_or_else(|| SimulatorError::Unknown(format!("tunnel {tunnel}")))?;
            connectors::detach(place, None, now);
            Ok(())
        })
    }
}
