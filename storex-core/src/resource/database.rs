//! The database of a store with the users that reach it. Its value is which users there are, so that a change of password is two changes of this value:
//! one user more, then one less.

use super::{Audit, Providers, Removal, Resource, Scene, Seen};
use crate::{
    Code, DatabaseAdmin, DatabaseFacts, DatabaseName, DatabaseUser, EntropyExt, Error, Keyring, Mark, Result, SealPlace, Sealed,
    Secret,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A user with its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseLogin {
    /// The user.
    pub user: DatabaseUser,
    /// Its password, sealed for [`password_place`].
    pub password: Sealed,
}

/// A database to have, with these users and no others of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseSpec {
    /// The database.
    pub name: DatabaseName,
    /// Its users.
    pub logins: Vec<DatabaseLogin>,
}

/// Where the password of a user of this database belongs: of the first of the two names a store has, or of the second.
pub fn password_place(name: &DatabaseName, second: bool) -> SealPlace<'_> {
    SealPlace { collection: "databases", id: name.as_str(), field: if second { "second_password" } else { "password" } }
}

impl DatabaseSpec {
    fn wants(&self, user: &str) -> bool {
        self.logins.iter().any(|login| login.user.as_str() == user)
    }

    /// Everything is there, and nothing of ours beside it.
    fn is_met_by(&self, facts: &DatabaseFacts) -> bool {
        let confined = |login: &DatabaseLogin| facts.user(&login.user).is_some_and(|user| user.is_confined_to(&self.name));
        facts.mark.is_some() && self.logins.iter().all(confined) && facts.users.iter().all(|user| self.wants(&user.name))
    }

    fn was_set_by(&self, facts: &DatabaseFacts, mark: &Mark) -> bool {
        let set = |login: &DatabaseLogin| facts.user(&login.user).is_some_and(|user| user.password_mark.as_ref() == Some(mark));
        self.logins.iter().all(set)
    }
}

#[derive(Debug)]
pub(super) struct DatabaseResource;

#[async_trait]
impl Resource for DatabaseResource {
    type Spec = DatabaseSpec;
    type Found = DatabaseFacts;

    fn late_effect_window(&self, providers: &Providers) -> Duration {
        providers.databases.as_ref().map_or(Duration::ZERO, |databases| databases.capabilities().late_effect_window)
    }

    async fn observe(&self, scene: &Scene, spec: &DatabaseSpec, _: Option<&DatabaseFacts>) -> Result<Seen<DatabaseFacts>> {
        Ok(match databases(&scene.providers)?.find(&spec.name).await? {
            None => Seen::Absent,
            Some(facts) => match foreign(&facts, &scene.cx.mark) {
                Some(what) => Seen::Foreign(what),
                // A password cannot be read; whose effect set it can.
                None => Seen::Ours { complete: spec.is_met_by(&facts) && spec.was_set_by(&facts, &scene.cx.mark), found: facts },
            },
        })
    }

    async fn audit(&self, scene: &Scene, spec: &DatabaseSpec, _: Option<&DatabaseFacts>) -> Result<Audit> {
        Ok(match databases(&scene.providers)?.find(&spec.name).await? {
            None => Audit::Missing,
            Some(facts) => match foreign(&facts, &scene.cx.mark) {
                Some(what) => Audit::Foreign(what),
                None if spec.is_met_by(&facts) => Audit::Intact,
                None if facts.mark.is_none() => Audit::Missing,
                None => Audit::Differs(differs(spec, &facts)),
            },
        })
    }

    /// A user that `from` has with the same password is left as it is, so that nothing of it is under way when it is removed soon after.
    async fn bring(&self, scene: &Scene, spec: &DatabaseSpec, from: Option<&DatabaseSpec>) -> Result<DatabaseFacts> {
        let (databases, cx, name) = (databases(&scene.providers)?, &scene.cx, &spec.name);
        let passwords = spec.logins.iter().map(|login| open_password(&scene.providers, name, login));
        let passwords = passwords.collect::<Result<Vec<_>>>()?;
        let mut facts = databases.ensure_database(cx, name).await?;
        for (login, password) in spec.logins.iter().zip(&passwords) {
            let had = from.is_some_and(|from| from.logins.contains(login));
            if had && facts.user(&login.user).is_some_and(|user| user.is_confined_to(name)) {
                continue;
            }
            // The database may be new: a refusal from here on does not say that nothing was done.
            let made = databases.ensure_user(cx, name, &login.user, password).await.map_err(Error::into_unclear)?;
            facts.users.retain(|user| user.name != made.name);
            facts.users.push(made);
        }
        for user in surplus(spec, &facts) {
            databases.remove_user(cx, name, &user).await.map_err(Error::into_unclear)?;
            facts.users.retain(|other| other.name != user.as_str());
        }
        facts.users.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(facts)
    }

    /// The users first, whose connections end with them; then a snapshot, the database, and the proof that nothing is left.
    async fn remove(&self, scene: &Scene, spec: &DatabaseSpec, found: Option<&DatabaseFacts>) -> Result<Removal> {
        let (databases, cx, name) = (databases(&scene.providers)?, &scene.cx, &spec.name);
        let Some(facts) = databases.find(name).await? else { return Ok(Removal::nothing_seen(found.is_some())) };
        if let Some(what) = foreign(&facts, &cx.mark) {
            return Ok(Removal::left(format!("{what}; it was left alone")));
        }
        for user in facts.users.iter().filter_map(|user| user.name.parse::<DatabaseUser>().ok()) {
            databases.remove_user(cx, name, &user).await?;
        }
        if facts.mark.is_some() {
            databases.snapshot(cx, name).await?;
        }
        databases.remove_database(cx, name).await?;
        match databases.find(name).await? {
            None => Ok(Removal::default()),
            Some(_) => Err(Error::unclear(Code::Unavailable, format!("the database {name} is still seen after its removal"))),
        }
    }
}

/// The users of ours that are not wanted.
fn surplus(spec: &DatabaseSpec, facts: &DatabaseFacts) -> Vec<DatabaseUser> {
    facts.users.iter().filter(|user| !spec.wants(&user.name)).filter_map(|user| user.name.parse().ok()).collect()
}

/// What in it is not of the mark's owner, in words.
fn foreign(facts: &DatabaseFacts, mark: &Mark) -> Option<String> {
    let is_foreign = |other: Option<&Mark>| !other.is_some_and(|other| other.same_owner(mark));
    // Users can be there without their database, which has no mark then.
    if is_foreign(facts.mark.as_ref()) && (facts.mark.is_some() || !facts.collections.is_empty()) {
        return Some(format!("the database {} is not this store's", facts.name));
    }
    let user = facts.users.iter().find(|user| is_foreign(user.mark.as_ref()))?;
    Some(format!("the user {} of the database {} is not this store's", user.name, facts.name))
}

fn differs(spec: &DatabaseSpec, facts: &DatabaseFacts) -> String {
    if let Some(login) = spec.logins.iter().find(|login| facts.user(&login.user).is_none()) {
        return format!("the user {} is not there", login.user);
    }
    match facts.users.iter().find(|user| !spec.wants(&user.name)) {
        Some(user) => format!("there is a user {} that should be gone", user.name),
        None => "a user may do more or less than read and write this database".to_owned(),
    }
}

fn databases(providers: &Providers) -> Result<&Arc<dyn DatabaseAdmin>> {
    let none = "this controller has no database server, and the store has a database: start it with the address of the server";
    providers.databases.as_ref().ok_or_else(|| Error::new(Code::Unavailable, none))
}

fn keyring(providers: &Providers) -> Result<&Arc<Keyring>> {
    let none = "this controller has no keyring, and the store has a sealed password: start it with the keyring";
    providers.keyring.as_ref().ok_or_else(|| Error::new(Code::Unavailable, none))
}

/// The password of this user of the database.
///
/// # Errors
/// `unavailable` without a keyring; as [`Keyring::open`].
pub(super) fn open_password(providers: &Providers, name: &DatabaseName, login: &DatabaseLogin) -> Result<Secret<String>> {
    keyring(providers)?.open(password_place(name, login.user.is_second()), &login.password)
}

/// A new password for this user, sealed. 32 hexadecimal digits: 128 random bits that no shell, URL or file format changes.
///
/// # Errors
/// `unavailable` without a keyring; `internal` when the machine gives no random bytes.
pub(crate) fn new_password(providers: &Providers, name: &DatabaseName, second: bool) -> Result<Sealed> {
    let password = Secret::new(providers.entropy.hex(16)?);
    keyring(providers)?.seal(providers.entropy.as_ref(), password_place(name, second), &password)
}
