//! How a simulator comes to be: loaded from its file, or new with one account and one active zone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::auth::TokenSettings;
use super::held::Waiting;
use super::identity::Identifiers;
use super::internet::Internet;
use super::limits::Limits;
use super::persist::StateFile;
use super::saas_state::HostnamePace;
use super::simulator::{Clock, Desk, Inner, Simulator, SimulatorError};
use super::state::{Account, CloudState, FORMAT, ZoneStatus};
use super::{zone_names, zones};

/// Describes a simulator before it is built.
#[must_use]
pub struct SimulatorBuilder {
    primary_domain: String,
    account_name: String,
    seed: u64,
    tokens: Vec<TokenSettings>,
    limits: Limits,
    clock: Option<Clock>,
    state_file: Option<PathBuf>,
}

impl Default for SimulatorBuilder {
    fn default() -> Self {
        Self {
            primary_domain: "storex.com".to_owned(),
            account_name: "storex sandbox".to_owned(),
            seed: 1,
            tokens: Vec::new(),
            limits: Limits::default(),
            clock: None,
            state_file: None,
        }
    }
}

impl std::fmt::Debug for SimulatorBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatorBuilder").field("primary_domain", &self.primary_domain).finish_non_exhaustive()
    }
}

impl SimulatorBuilder {
    /// The zone a new world starts with, active. Default `storex.com`; a loaded world keeps what it has.
    pub fn primary_domain(mut self, name: impl Into<String>) -> Self {
        self.primary_domain = name.into();
        self
    }

    /// Display name of a new world's account.
    pub fn account_name(mut self, name: impl Into<String>) -> Self {
        self.account_name = name.into();
        self
    }

    /// Where a new world's ids come from. Default 1.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Accepts an active user token with every permission. At least one token is needed.
    pub fn token(self, value: impl Into<String>) -> Self {
        self.token_with(TokenSettings::new(value))
    }

    /// Accepts a token with its own owner, status and permissions.
    pub fn token_with(mut self, token: TokenSettings) -> Self {
        self.tokens.push(token);
        self
    }

    /// Switches limits on.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Uses this clock for every date. Without it time is logical: it starts at 2026-01-01T00:00:00Z and moves one second
    /// per mutation.
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Keeps the world in this file: loaded at once if it exists, written after every mutation and before its answer is
    /// sent or held. The directory must exist; one simulator at a time may use it.
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_file = Some(path.into());
        self
    }

    /// Builds it. Reads and writes the state file, so it blocks for a moment.
    ///
    /// # Errors
    /// No token, a malformed token or primary domain, or a state file that cannot be read, understood or written.
    pub fn build(self) -> Result<Simulator, SimulatorError> {
        if self.tokens.is_empty() {
            return Err(SimulatorError::NoToken);
        }
        if !self.tokens.iter().all(TokenSettings::is_well_formed) {
            return Err(SimulatorError::Token);
        }
        let primary = zone_names::examine(&self.primary_domain);
        let primary = primary.map_err(|_| SimulatorError::PrimaryDomain(self.primary_domain.clone()))?;
        let file = self.state_file.map(StateFile::new);
        let failed =
            |error| SimulatorError::StateFile(file.as_ref().map(|file| file.path().to_owned()).unwrap_or_default(), error);
        let loaded = file.as_ref().map_or(Ok(None), StateFile::load).map_err(failed)?;
        let fresh = loaded.is_none();
        let world = loaded.unwrap_or_else(|| empty_world(self.seed, &self.account_name));
        let simulator = Simulator {
            inner: Arc::new(Inner {
                tokens: self.tokens,
                limits: Mutex::new(self.limits),
                clock: self.clock,
                moment: AtomicU64::new(world.moment),
                advanced: AtomicU64::new(world.advanced),
                world: Mutex::new(world),
                desk: Mutex::new(Desk::default()),
                waiting: Waiting::default(),
                file,
            }),
        };
        if fresh {
            let plan = self.limits.plan;
            simulator.change(|world, now| Ok(zones::add(world, &primary, ZoneStatus::Active, plan, now)))?;
        }
        Ok(simulator)
    }
}

fn empty_world(seed: u64, account_name: &str) -> CloudState {
    let mut identifiers = Identifiers::new(seed);
    let account = Account { id: identifiers.next_hex("account"), name: account_name.to_owned() };
    CloudState {
        format: FORMAT,
        identifiers,
        moment: 0,
        account,
        zones: Vec::new(),
        zone_generations: BTreeMap::new(),
        zone_signups: Vec::new(),
        tunnels: Vec::new(),
        advanced: 0,
        internet: Internet::default(),
        archived: Vec::new(),
        hostname_pace: HostnamePace::default(),
        buckets: BTreeMap::new(),
        traffic: Vec::new(),
    }
}
