//! Laws of [`DatabaseAdmin`]: databases, their users, their removal, and what a store can do with its password.

mod foreign;
mod making;
mod order;
mod passwords;
mod removal;
mod snapshots;
mod users;

use super::{Broken, Law, Verdict, ensure, fresh};
use async_trait::async_trait;
use jiff::Timestamp;
use std::fmt::Debug;
use std::sync::Arc;
use storex_core::{
    Code, DatabaseAdmin, DatabaseFacts, DatabaseName, DatabaseUser, DatabaseUserFacts, EffectCx, Epoch, Mark, Result, Secret,
    SnapshotFacts, StoreDigits, Subject as Owner,
};

/// The server as others see it: stores, and people with databases of their own.
#[async_trait]
pub trait DatabaseWorld: Debug + Send + Sync + 'static {
    /// Connects as this user of this database; the connection stays. `unauthenticated` when the server does not know it.
    async fn login(&self, name: &DatabaseName, user: &DatabaseUser, password: &Secret<String>) -> Result<Box<dyn StoreLogin>>;

    /// Makes a database of this name with a document, as somebody who knows nothing of storex.
    async fn plant_database(&self, name: &DatabaseName) -> Result<()>;

    /// Makes a user of this database, with this mark or as somebody who knows nothing of storex.
    async fn plant_user(&self, name: &DatabaseName, user: &DatabaseUser, mark: Option<&Mark>) -> Result<()>;

    /// Lets a user of one database read and write another.
    async fn widen(&self, name: &DatabaseName, user: &DatabaseUser, to: &DatabaseName) -> Result<()>;

    /// Everything in a database and every user of it, as text; equal for equal bytes.
    async fn contents(&self, name: &DatabaseName) -> Result<Vec<String>>;

    /// Everything in a snapshot, as text: a line for each collection and each document.
    async fn snapshot_contents(&self, facts: &SnapshotFacts) -> Result<Vec<String>>;
}

/// A connection of a store. `denied` for what its user may not do.
#[async_trait]
pub trait StoreLogin: Debug + Send + Sync + 'static {
    /// Puts a document with this id.
    async fn write(&self, name: &DatabaseName, collection: &str, id: &str) -> Result<()>;

    /// The ids of a collection, ascending.
    async fn read(&self, name: &DatabaseName, collection: &str) -> Result<Vec<String>>;

    /// Removes a collection.
    async fn drop_collection(&self, name: &DatabaseName, collection: &str) -> Result<()>;
}

/// What a law judges: the administration, and the server it is of.
#[derive(Debug)]
pub struct DatabaseSubject {
    /// What is judged.
    pub admin: Arc<dyn DatabaseAdmin>,
    /// What it works on, seen from outside.
    pub world: Arc<dyn DatabaseWorld>,
}

type Subject = Arc<DatabaseSubject>;

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |subject| Box::pin($judge(subject)) }
    };
}
use law;

/// Every law of the trait.
pub fn laws() -> Vec<Law<DatabaseSubject>> {
    [making::laws(), foreign::laws(), users::laws(), passwords::laws(), removal::laws(), snapshots::laws(), order::laws()]
        .into_iter()
        .flatten()
        .collect()
}

/// A store nobody used, and what is its own.
#[derive(Clone, Debug)]
struct Store {
    name: DatabaseName,
    user: DatabaseUser,
    password: Secret<String>,
}

/// Number of the installation the laws act for, and of another one.
const OURS: &str = "0a1b2c3d";
const THEIRS: &str = "ffffffff";

impl Store {
    fn new() -> Result<Self> {
        let text = fresh("");
        let digits: StoreDigits = format!("7{text:0>7}").parse()?;
        let name = format!("store_law-{text}").parse()?;
        Ok(Self { name, user: DatabaseUser::of(digits), password: Secret::new(fresh("P%ss:word/@")) })
    }

    /// The context of an effect nobody made before, by the installation `instance`.
    fn cx_of(&self, instance: &str, epoch: u64) -> Result<EffectCx> {
        let mark =
            Mark { instance: instance.parse()?, subject: Owner::Store(self.user.digits()), effect: fresh("law.").parse()? };
        Ok(EffectCx { mark, epoch: Epoch(epoch), deadline: Timestamp::constant(4_000_000_000, 0) })
    }

    fn cx(&self) -> Result<EffectCx> {
        self.cx_of(OURS, 1)
    }

    /// What the marks of this store begin with.
    fn prefix(&self) -> Result<String> {
        Ok(Mark::prefix(&OURS.parse()?, Owner::Store(self.user.digits())))
    }
}

impl DatabaseSubject {
    /// A store with a database and a user.
    async fn store(&self) -> Result<Store> {
        let store = self.database().await?;
        self.admin.ensure_user(&store.cx()?, &store.name, &store.user, &store.password).await?;
        Ok(store)
    }

    /// A store with a database and no user.
    async fn database(&self) -> Result<Store> {
        let store = Store::new()?;
        self.admin.ensure_database(&store.cx()?, &store.name).await?;
        Ok(store)
    }

    async fn found(&self, store: &Store) -> Result<DatabaseFacts, Broken> {
        let found = self.admin.find(&store.name).await?;
        found.ok_or_else(|| Broken(format!("{} is not found", store.name)))
    }

    async fn found_user(&self, store: &Store) -> Result<DatabaseUserFacts, Broken> {
        let found = self.found(store).await?;
        found.user(&store.user).cloned().ok_or_else(|| Broken(format!("{} is not found", store.user)))
    }

    async fn login(&self, store: &Store) -> Result<Box<dyn StoreLogin>> {
        self.world.login(&store.name, &store.user, &store.password).await
    }

    /// Nothing is left of the store's database.
    async fn nothing(&self, store: &Store) -> Verdict {
        let found = self.admin.find(&store.name).await?;
        ensure(found.is_none(), || format!("{found:?} is there"))?;
        let contents = self.world.contents(&store.name).await?;
        ensure(contents.is_empty(), || format!("{contents:?} is there"))
    }

    /// Every call with an effect on the store's database and user, each with a context of its own; the names of the calls, and what each came to.
    async fn every_call(&self, store: &Store, cx: impl Fn() -> Result<EffectCx>) -> Result<Vec<(&'static str, Result<()>)>> {
        let Store { name, user, password } = store;
        Ok(vec![
            ("ensure_database", self.admin.ensure_database(&cx()?, name).await.map(drop)),
            ("ensure_user", self.admin.ensure_user(&cx()?, name, user, password).await.map(drop)),
            ("set_password", self.admin.set_password(&cx()?, name, user, password).await.map(drop)),
            ("snapshot", self.admin.snapshot(&cx()?, name).await.map(drop)),
            ("remove_user", self.admin.remove_user(&cx()?, name, user).await),
            ("remove_database", self.admin.remove_database(&cx()?, name).await),
        ])
    }
}

/// The call was refused with this code, proved to have had no effect.
fn refused<T>(outcome: Result<T>, code: Code) -> Verdict {
    match outcome {
        Err(error) if error.code() == code && !error.is_unclear() => Ok(()),
        Err(error) => Err(Broken(format!("expected a clear {}, got {error:?}", code.as_str()))),
        Ok(_) => Err(Broken(format!("expected {}, it was accepted", code.as_str()))),
    }
}
