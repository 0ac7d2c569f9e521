//! Databases of stores in memory.

mod outside;

pub use outside::MemoryLogin;

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{
    Code, DatabaseAddress, DatabaseAdmin, DatabaseCapabilities, DatabaseFacts, DatabaseGrant, DatabaseName, DatabaseRight,
    DatabaseUser, DatabaseUserFacts, EffectCx, Epoch, Error, Mark, Result, STORE_COLLECTIONS, Secret, SnapshotFacts,
};

/// Documents by collection and id.
pub type Collections = BTreeMap<String, BTreeMap<String, String>>;

/// A server of databases without a server. Clones share it. It has no clock, so it does not look at deadlines.
#[derive(Clone, Debug)]
pub struct MemoryDatabases {
    address: DatabaseAddress,
    late_effect_window: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    databases: BTreeMap<DatabaseName, Held>,
    snapshots: BTreeMap<String, Collections>,
    /// Users ever made: a number tells one from an earlier one of the same name.
    users: u64,
}

#[derive(Clone, Debug, Default)]
struct Held {
    mark: Option<Mark>,
    epoch: Epoch,
    collections: Collections,
    users: BTreeMap<String, User>,
    snapshot: Option<SnapshotFacts>,
}

#[derive(Clone, Debug)]
struct User {
    facts: DatabaseUserFacts,
    password: Secret<String>,
    number: u64,
}

impl MemoryDatabases {
    /// An empty server that stores reach at this address. Its effects are never late.
    pub fn new(address: DatabaseAddress) -> Self {
        Self { address, late_effect_window: Duration::ZERO, state: Arc::default() }
    }

    /// The same with effects that can appear so long after a call's deadline.
    #[must_use]
    pub fn with_late_effect_window(mut self, window: Duration) -> Self {
        self.late_effect_window = window;
        self
    }

    /// A server of its own that begins as this one is now.
    #[must_use]
    pub fn fork(&self) -> Self {
        let state = Arc::new(Mutex::new(self.state().clone()));
        Self { address: self.address.clone(), late_effect_window: self.late_effect_window, state }
    }

    /// Every database, and every user without one, ascending by name.
    pub fn databases(&self) -> Vec<DatabaseFacts> {
        self.state().databases.iter().filter(|(_, held)| !held.is_nothing()).map(|(name, held)| held.facts(name)).collect()
    }

    /// Whether this user and password open the database.
    pub fn opens(&self, name: &DatabaseName, user: &str, password: &Secret<String>) -> bool {
        let state = self.state();
        let user = state.databases.get(name).and_then(|held| held.users.get(user));
        user.is_some_and(|user| user.password.expose() == password.expose())
    }

    /// Changes documents as a person with every right does; makes the database where there is none.
    pub fn edit_documents(&self, name: &DatabaseName, edit: impl FnOnce(&mut Collections)) {
        let mut state = self.state();
        edit(&mut state.databases.entry(name.clone()).or_default().collections);
        state.sweep(name);
    }

    /// Changes a user as a person with every right does.
    pub fn edit_user(&self, name: &DatabaseName, user: &str, edit: impl FnOnce(&mut DatabaseUserFacts)) {
        if let Some(found) = self.state().databases.get_mut(name).and_then(|held| held.users.get_mut(user)) {
            edit(&mut found.facts);
        }
    }

    /// Changes the mark of a database, where there is one.
    pub fn edit_mark(&self, name: &DatabaseName, mark: Option<Mark>) {
        if let Some(held) = self.state().databases.get_mut(name) {
            held.mark = mark;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn is_nothing(&self) -> bool {
        self.mark.is_none() && self.collections.is_empty() && self.users.is_empty()
    }

    /// Whether it is as if it was never made: a user may be left over.
    fn is_unmade(&self) -> bool {
        self.mark.is_none() && self.collections.is_empty()
    }

    /// Lets a call of this owner in.
    fn enter(&mut self, cx: &EffectCx, name: &DatabaseName) -> Result<()> {
        if !self.mark.as_ref().is_some_and(|mark| mark.same_owner(&cx.mark)) {
            return Err(foreign("the database", name));
        }
        if cx.epoch < self.epoch {
            let why = format!("the database has seen epoch {}, the call has {}", self.epoch, cx.epoch);
            return Err(Error::new(Code::StaleEpoch, why));
        }
        self.epoch = cx.epoch;
        Ok(())
    }

    /// The user, when there is one and it has the owner of the call.
    fn own_user(&mut self, cx: &EffectCx, user: &DatabaseUser) -> Result<Option<&mut User>> {
        let Some(found) = self.users.get_mut(user.as_str()) else { return Ok(None) };
        if found.facts.mark.as_ref().is_some_and(|mark| mark.same_owner(&cx.mark)) {
            Ok(Some(found))
        } else {
            Err(foreign("the database user", user))
        }
    }

    fn has_foreign_user(&self, cx: &EffectCx) -> bool {
        let is_ours = |user: &User| user.facts.mark.as_ref().is_some_and(|mark| mark.same_owner(&cx.mark));
        self.users.values().any(|user| !is_ours(user))
    }

    fn facts(&self, name: &DatabaseName) -> DatabaseFacts {
        DatabaseFacts {
            name: name.clone(),
            mark: self.mark.clone(),
            collections: self.collections.keys().cloned().collect(),
            users: self.users.values().map(|user| user.facts.clone()).collect(),
            snapshot: self.snapshot.clone(),
        }
    }
}

impl State {
    /// The database that was made, for a call of its owner.
    fn made(&mut self, cx: &EffectCx, name: &DatabaseName) -> Result<&mut Held> {
        let absent = || Error::new(Code::NotFound, format!("the database {name} was not made"));
        let held = self.databases.get_mut(name).filter(|held| !held.is_unmade()).ok_or_else(absent)?;
        held.enter(cx, name)?;
        Ok(held)
    }

    fn sweep(&mut self, name: &DatabaseName) {
        if self.databases.get(name).is_some_and(Held::is_nothing) {
            self.databases.remove(name);
        }
    }
}

fn foreign(what: &str, name: &dyn std::fmt::Display) -> Error {
    Error::new(Code::ForeignObject, format!("{what} {name} is not this store's"))
}

fn check_password(password: &Secret<String>) -> Result<()> {
    let text = password.expose();
    if (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::new(Code::InvalidField, "a database password has 1 to 128 printable ASCII characters and no spaces"))
}

fn own_grant(name: &DatabaseName) -> DatabaseGrant {
    DatabaseGrant { database: name.to_string(), right: DatabaseRight::ReadWrite }
}

#[async_trait]
impl DatabaseAdmin for MemoryDatabases {
    fn capabilities(&self) -> DatabaseCapabilities {
        DatabaseCapabilities::new(self.address.clone(), self.late_effect_window)
    }

    async fn find(&self, name: &DatabaseName) -> Result<Option<DatabaseFacts>> {
        Ok(self.state().databases.get(name).filter(|held| !held.is_nothing()).map(|held| held.facts(name)))
    }

    async fn list_owned(&self, mark_prefix: &str) -> Result<Vec<DatabaseName>> {
        let begins = |mark: &Option<Mark>| mark.as_ref().is_some_and(|mark| mark.to_string().starts_with(mark_prefix));
        let owned = |held: &Held| begins(&held.mark) || held.users.values().any(|user| begins(&user.facts.mark));
        Ok(self.state().databases.iter().filter(|(_, held)| owned(held)).map(|(name, _)| name.clone()).collect())
    }

    async fn ensure_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<DatabaseFacts> {
        let mut state = self.state();
        let held = state.databases.entry(name.clone()).or_default();
        if held.is_unmade() {
            if held.has_foreign_user(cx) {
                return Err(foreign("a user of the database", name));
            }
            held.mark = Some(cx.mark.clone());
        }
        held.enter(cx, name)?;
        for collection in STORE_COLLECTIONS {
            held.collections.entry(collection.to_owned()).or_default();
        }
        Ok(held.facts(name))
    }

    async fn ensure_user(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        check_password(password)?;
        let mut state = self.state();
        let number = state.users + 1;
        let held = state.made(cx, name)?;
        let mark = held.own_user(cx, user)?.and_then(|found| found.facts.mark.clone());
        let facts = DatabaseUserFacts {
            name: user.to_string(),
            mark: mark.or_else(|| Some(cx.mark.clone())),
            password_mark: Some(cx.mark.clone()),
            grants: vec![own_grant(name)],
        };
        let made = User { facts: facts.clone(), password: password.clone(), number };
        let kept = held.users.entry(user.to_string()).or_insert(made);
        (kept.facts, kept.password) = (facts.clone(), password.clone());
        state.users = number;
        Ok(facts)
    }

    async fn set_password(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        check_password(password)?;
        let mut state = self.state();
        let absent = || Error::new(Code::NotFound, format!("there is no database user {user}"));
        let found = state.made(cx, name)?.own_user(cx, user)?.ok_or_else(absent)?;
        found.facts.password_mark = Some(cx.mark.clone());
        found.password = password.clone();
        Ok(found.facts.clone())
    }

    async fn remove_user(&self, cx: &EffectCx, name: &DatabaseName, user: &DatabaseUser) -> Result<()> {
        let mut state = self.state();
        let Some(held) = state.databases.get_mut(name) else { return Ok(()) };
        if held.own_user(cx, user)?.is_some() {
            if !held.is_unmade() {
                held.enter(cx, name)?;
            }
            held.users.remove(user.as_str());
        }
        state.sweep(name);
        Ok(())
    }

    async fn snapshot(&self, cx: &EffectCx, name: &DatabaseName) -> Result<SnapshotFacts> {
        let mut state = self.state();
        let held = state.made(cx, name)?;
        if let Some(taken) = held.snapshot.as_ref().filter(|taken| taken.mark == cx.mark) {
            return Ok(taken.clone());
        }
        let documents = || held.collections.values().flatten();
        let facts = SnapshotFacts {
            mark: cx.mark.clone(),
            place: format!("memory:{name}.{}", cx.mark.effect),
            documents: documents().count() as u64,
            bytes: documents().map(|(id, text)| (id.len() + text.len()) as u64).sum(),
        };
        held.snapshot = Some(facts.clone());
        let copy = held.collections.clone();
        state.snapshots.insert(facts.place.clone(), copy);
        Ok(facts)
    }

    async fn remove_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<()> {
        let mut state = self.state();
        let Some(held) = state.databases.get_mut(name).filter(|held| !held.is_unmade()) else { return Ok(()) };
        held.enter(cx, name)?;
        if held.has_foreign_user(cx) {
            return Err(foreign("a user of the database", name));
        }
        if !held.users.is_empty() {
            return Err(Error::new(Code::VersionConflict, format!("the database {name} has a user, who could bring it back")));
        }
        state.databases.remove(name);
        Ok(())
    }
}
