//! Databases of stores: one for each, with a user that reaches nothing else.

use crate::{DatabaseAddress, DatabaseName, DatabaseUser, EffectCx, Mark, Result, Secret};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::time::Duration;

/// Collections the database of a store begins with.
pub const STORE_COLLECTIONS: [&str; 3] = ["customers", "orders", "products"];

/// Where the databases are, and what it costs to be unsure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseCapabilities {
    /// Where stores reach their databases.
    pub address: DatabaseAddress,
    /// Longest time after a call's deadline at which its effect can still appear. Settling waits this long.
    pub late_effect_window: Duration,
}

impl DatabaseCapabilities {
    /// Capabilities with this address and window.
    pub fn new(address: DatabaseAddress, late_effect_window: Duration) -> Self {
        Self { address, late_effect_window }
    }
}

/// What a user may do in a database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DatabaseRight {
    /// Read and change its documents, collections and indexes; neither remove the database nor see or change users.
    ReadWrite,
    /// Something storex does not grant, as the server spells it.
    Other(String),
}

/// A right in a database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DatabaseGrant {
    /// Name of the database, as the server spells it.
    pub database: String,
    /// The right.
    pub right: DatabaseRight,
}

/// A user as it is. Its password cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseUserFacts {
    /// Its name, as the server spells it.
    pub name: String,
    /// Mark of the effect that made it; none on a user storex did not make.
    pub mark: Option<Mark>,
    /// Mark of the effect that last gave it a password.
    pub password_mark: Option<Mark>,
    /// What it may do, by database.
    pub grants: Vec<DatabaseGrant>,
}

impl DatabaseUserFacts {
    /// Whether it may read and write this database, and nothing else anywhere.
    pub fn is_confined_to(&self, name: &DatabaseName) -> bool {
        matches!(self.grants.as_slice(), [grant] if grant.database == name.as_str() && grant.right == DatabaseRight::ReadWrite)
    }
}

/// A copy of a database as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFacts {
    /// Mark of the effect that took it.
    pub mark: Mark,
    /// Where it is, for the people who keep it.
    pub place: String,
    /// Documents in it.
    pub documents: u64,
    /// Bytes of these documents.
    pub bytes: u64,
}

/// A database as it is, with the users defined in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// Its name.
    pub name: DatabaseName,
    /// Mark of the effect that made it, kept where no user of the database can reach it; none on a database storex did not make.
    pub mark: Option<Mark>,
    /// Its collections, ascending. A store can drop them all: the database is still ours then.
    pub collections: Vec<String>,
    /// The users defined in it, ascending. They can be there without a database.
    pub users: Vec<DatabaseUserFacts>,
    /// The last snapshot that was finished.
    pub snapshot: Option<SnapshotFacts>,
}

impl DatabaseFacts {
    /// The user of this name.
    pub fn user(&self, user: &DatabaseUser) -> Option<&DatabaseUserFacts> {
        self.users.iter().find(|facts| facts.name == user.as_str())
    }
}

/// Databases of stores on one server: each with its own user, which reaches nothing else.
///
/// # Guarantees
/// A call with an effect changes the database it names and nothing else. What is not marked with the owner of `cx.mark` is never changed or removed
/// (`foreign_object`), not even added to. A call with a lower epoch than the highest seen for a database that stands is refused (`stale_epoch`). Calls may be
/// repeated. What was acknowledged survives the loss of a server. No password is in an error or a log.
///
/// Making is in this order: database, user. Removing: user, snapshot, database. [`DatabaseAdmin::find`] answers `None` when nothing is left: that is the proof.
///
/// # Cancellation
/// Dropping the future of a mutating call leaves its effect in doubt; `find` tells.
#[async_trait]
pub trait DatabaseAdmin: Debug + Send + Sync + 'static {
    /// Where the databases are, and how late effects can be.
    fn capabilities(&self) -> DatabaseCapabilities;

    /// The database of this name, whosever it is; `None` when there is neither a database nor a mark nor a user of it.
    ///
    /// # Errors
    /// `unavailable`, `timeout`; `unusable` when the server refuses storex.
    async fn find(&self, name: &DatabaseName) -> Result<Option<DatabaseFacts>>;

    /// Every database that has a mark beginning so, or a user with one; ascending.
    ///
    /// # Errors
    /// As [`DatabaseAdmin::find`].
    async fn list_owned(&self, mark_prefix: &str) -> Result<Vec<DatabaseName>>;

    /// Makes the database with [`STORE_COLLECTIONS`], marked with `cx.mark`. One of the same owner keeps its mark and all that is in it and is given the
    /// collections it lacks.
    ///
    /// # Errors
    /// `foreign_object` when somebody else's database, or one with a user of somebody else, has this name; `stale_epoch`; else as [`DatabaseAdmin::find`];
    /// unclear when it may be there now.
    async fn ensure_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<DatabaseFacts>;

    /// Makes the user exist with this password and the right to read and write this database, and no other right. A user of the same owner keeps its mark
    /// and is brought to this; its running connections go on.
    ///
    /// # Errors
    /// `invalid_field` for a password that is not 1 to 128 printable ASCII characters without spaces; `not_found` when the database was not made;
    /// `foreign_object`; `stale_epoch`; else as [`DatabaseAdmin::find`]; unclear when it may be there now.
    async fn ensure_user(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts>;

    /// Gives the user another password. Running connections go on; new ones need the new password, and the old one is refused. Never makes a user.
    ///
    /// # Errors
    /// `not_found` when there is no such user; else as [`DatabaseAdmin::ensure_user`]; unclear when it may count now.
    async fn set_password(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts>;

    /// Removes the user; absent is success. Its running connections can do nothing any more when this answers.
    ///
    /// # Errors
    /// `foreign_object`; `stale_epoch`; else as [`DatabaseAdmin::find`]; unclear when it may be gone.
    async fn remove_user(&self, cx: &EffectCx, name: &DatabaseName, user: &DatabaseUser) -> Result<()>;

    /// Copies every document to where people keep snapshots, and answers once it is safe there. Repeated with the mark of a finished one it answers that one and
    /// copies nothing, so that it never holds less than the first time. It is whole only when nobody writes: remove the user first.
    ///
    /// A copy may go on beyond the deadline of the call, and the same call again waits for it.
    ///
    /// # Errors
    /// `snapshot_in_progress` when the copy goes on beyond the deadline; `not_found` when the database was not made; `unusable` when it is larger than may be copied, or nothing can be written there; `foreign_object`;
    /// `stale_epoch`; else as [`DatabaseAdmin::find`].
    async fn snapshot(&self, cx: &EffectCx, name: &DatabaseName) -> Result<SnapshotFacts>;

    /// Removes the database, then its mark; absent is success.
    ///
    /// # Errors
    /// `version_conflict` while a user of it stands, who could bring it back; `foreign_object` when that user is somebody else's, too; `stale_epoch`; else as
    /// [`DatabaseAdmin::find`]; unclear when it may be gone.
    async fn remove_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<()>;
}
