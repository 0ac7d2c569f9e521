//! [`DatabaseAdmin`] over a MongoDB server with access control.
//!
//! A store's user lives in the store's database, so its connection string needs no `authSource`, and holds its mark in `customData`, which `readWrite`
//! cannot change. The mark of the database is a document in a database of storex's own. `docs/adr/0011-databases.md` says why.

mod access;
mod answer;
mod collections;
mod copies;
mod dump;
mod marks;
mod settings;
mod snapshot;
mod users;

pub use settings::DatabaseSettings;

use crate::{connect, server};
use answer::Limit;
use async_trait::async_trait;
use copies::Copies;
use marks::{Marked, Marks};
use mongodb::{Client, Database};
use std::fmt;
use std::sync::Arc;
use storex_core::{
    Code, DatabaseAdmin, DatabaseCapabilities, DatabaseFacts, DatabaseName, DatabaseUser, DatabaseUserFacts, EffectCx, Error,
    Result, STORE_COLLECTIONS, Secret, SnapshotFacts,
};

/// The setting that holds the connection string, as errors name it.
pub(crate) const SETTING: &str = "STOREX_DATABASES_URI";
/// The database of the marks when the connection string names none.
const DATABASE: &str = "storex_databases";

/// A [`DatabaseAdmin`] on one MongoDB server or replica set. Clones share the connections. Its calls must run inside a tokio runtime.
#[derive(Clone)]
pub struct MongoDatabases {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    marks: Marks,
    settings: DatabaseSettings,
    capabilities: DatabaseCapabilities,
    copies: Copies,
}

impl MongoDatabases {
    /// Connects, and proves that the server keeps stores apart: it is 6.0 or newer and a primary, lets nobody in without a password, lets storex's user do
    /// what it does, and snapshots can be written. Nothing is made on the server.
    ///
    /// # Errors
    /// `unusable` with what to do: a string that is none, wrong credentials, access control that is off, missing rights (with the command that grants them), a
    /// folder that cannot be written. `unavailable` or `timeout` when no primary answers.
    ///
    /// # Cancellation
    /// Safe to drop at any moment.
    pub async fn open(settings: DatabaseSettings) -> Result<Self> {
        Self::start(settings).await.map_err(|error| error.during("databases.open"))
    }

    async fn start(settings: DatabaseSettings) -> Result<Self> {
        let options = connect::options(SETTING, settings.uri.expose()).await?;
        let name = options.default_database.clone().unwrap_or_else(|| DATABASE.to_owned());
        if name.parse::<DatabaseName>().is_ok() || ["admin", "config", "local"].contains(&name.as_str()) {
            let why = format!(
                "{SETTING} cannot be used: {name} is not for storex's own marks: name another database in its path, such as {DATABASE}"
            );
            return Err(Error::new(Code::Unusable, why));
        }
        let address = settings.address(&options)?;
        access::refuse_open_server(&options).await?;
        let client = connect::client(SETTING, options)?;
        let database = client.database(&name);
        access::check_rights(&client, &name).await?;
        server::check(&database).await?;
        dump::prepare(&settings.snapshots).await?;
        let capabilities = DatabaseCapabilities::new(address, settings.late_effect_window);
        let shared = Shared { client, marks: Marks::of(&database), settings, capabilities, copies: Copies::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    fn database(&self, name: &DatabaseName) -> Database {
        self.shared.client.database(name.as_str())
    }

    /// The mark of a database that was made, for a call of its owner.
    async fn made(&self, cx: &EffectCx, name: &DatabaseName) -> Result<Marked> {
        let limit = Limit::of(cx)?;
        match self.shared.marks.enter(cx, name, limit).await? {
            Some(marked) => Ok(marked),
            None if collections::names(&self.database(name), limit).await?.is_empty() => {
                Err(Error::new(Code::NotFound, format!("the database {name} was not made")).with("database", name))
            }
            None => Err(foreign("the database", name.as_str())),
        }
    }

    /// Marks a database that is not there; false when another call of its owner came first.
    async fn mark(&self, cx: &EffectCx, name: &DatabaseName) -> Result<bool> {
        let (limit, database) = (Limit::of(cx)?, self.database(name));
        if !collections::names(&database, limit).await?.is_empty() {
            return Err(foreign("the database", name.as_str()));
        }
        let users = users::of(&self.shared.client, name, limit).await?;
        if let Some(user) = users.iter().find(|user| !users::is_owned(user, cx)) {
            return Err(foreign("the database user", &user.name));
        }
        if !self.shared.marks.insert(cx, name).await? {
            self.made(cx, name).await?;
            return Ok(false);
        }
        // Somebody may have made one between the look and the mark.
        if collections::names(&database, limit).await?.is_empty() {
            return Ok(true);
        }
        self.shared.marks.remove(cx, name).await?;
        Err(foreign("the database", name.as_str()))
    }
}

impl fmt::Debug for MongoDatabases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoDatabases").field("address", &self.shared.capabilities.address).finish_non_exhaustive()
    }
}

/// The refusal to touch something.
fn foreign(what: &str, name: &str) -> Error {
    Error::new(Code::ForeignObject, format!("{what} {name} is not this store's")).with("object", name)
}

#[async_trait]
impl DatabaseAdmin for MongoDatabases {
    fn capabilities(&self) -> DatabaseCapabilities {
        self.shared.capabilities.clone()
    }

    async fn find(&self, name: &DatabaseName) -> Result<Option<DatabaseFacts>> {
        let limit = Limit::READ;
        self.shared.marks.catch_up(limit).await?;
        let marked = self.shared.marks.find(name, limit).await?;
        let collections = collections::names(&self.database(name), limit).await?;
        let users = users::of(&self.shared.client, name, limit).await?;
        if marked.is_none() && collections.is_empty() && users.is_empty() {
            return Ok(None);
        }
        let (mark, snapshot) = marked.map(|marked| (marked.mark, marked.snapshot)).unzip();
        Ok(Some(DatabaseFacts { name: name.clone(), mark: mark.flatten(), collections, users, snapshot: snapshot.flatten() }))
    }

    async fn list_owned(&self, mark_prefix: &str) -> Result<Vec<DatabaseName>> {
        self.shared.marks.catch_up(Limit::READ).await?;
        let mut all = self.shared.marks.list(mark_prefix).await?;
        all.extend(users::list(&self.shared.client, mark_prefix).await?);
        Ok(all.into_iter().collect())
    }

    async fn ensure_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<DatabaseFacts> {
        let is_new = self.shared.marks.enter(cx, name, Limit::of(cx)?).await?.is_none() && self.mark(cx, name).await?;
        let database = self.database(name);
        for collection in STORE_COLLECTIONS {
            match collections::create(&database, collection, cx).await {
                Err(error) if is_new && error.code() == Code::ForeignObject => {
                    self.shared.marks.remove(cx, name).await?;
                    return Err(error);
                }
                made => made?,
            }
        }
        let found = self.find(name).await.map_err(Error::into_unclear)?;
        found.ok_or_else(|| Error::unclear(Code::VersionConflict, format!("the database {name} was removed meanwhile")))
    }

    async fn ensure_user(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        users::check_password(password)?;
        self.made(cx, name).await?;
        users::ensure(&self.shared.client, cx, name, user, password).await
    }

    async fn set_password(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        users::check_password(password)?;
        self.made(cx, name).await?;
        users::rotate(&self.shared.client, cx, name, user, password).await
    }

    async fn remove_user(&self, cx: &EffectCx, name: &DatabaseName, user: &DatabaseUser) -> Result<()> {
        let limit = Limit::of(cx)?;
        self.shared.marks.catch_up(limit).await?;
        if users::own(&self.shared.client, cx, name, user, limit).await?.is_none() {
            return Ok(());
        }
        self.shared.marks.enter(cx, name, limit).await?;
        users::remove(&self.shared.client, cx, name, user).await
    }

    async fn snapshot(&self, cx: &EffectCx, name: &DatabaseName) -> Result<SnapshotFacts> {
        let marked = self.made(cx, name).await?;
        if let Some(taken) = marked.snapshot.filter(|taken| taken.mark == cx.mark) {
            return Ok(taken);
        }
        let (database, name) = (self.database(name), name.clone());
        let Shared { marks, settings, copies, .. } = self.shared.as_ref();
        let (marks, settings, mark) = (marks.clone(), settings.clone(), cx.mark.clone());
        copies.wait(cx, |epoch| snapshot::Job { database, name, marks, settings, mark, epoch }).await
    }

    async fn remove_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<()> {
        let (limit, database) = (Limit::of(cx)?, self.database(name));
        if self.shared.marks.enter(cx, name, limit).await?.is_none() {
            let is_absent = collections::names(&database, limit).await?.is_empty();
            return if is_absent { Ok(()) } else { Err(foreign("the database", name.as_str())) };
        }
        let users = users::of(&self.shared.client, name, limit).await?;
        if let Some(user) = users.iter().find(|user| !users::is_owned(user, cx)) {
            return Err(foreign("the database user", &user.name));
        }
        if let Some(user) = users.first() {
            let why =
                format!("the database {name} still has the user {}, who could bring it back: remove the user first", user.name);
            return Err(Error::new(Code::VersionConflict, why));
        }
        collections::drop_all(&database, cx).await?;
        self.shared.marks.remove(cx, name).await.map_err(Error::into_unclear)
    }
}
