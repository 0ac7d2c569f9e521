//! Directories, links and environment files of stores on one host.

use crate::{EffectCx, Result, StoreId, StorePackage};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::path::PathBuf;

/// A store's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeFacts {
    /// Absolute path.
    pub path: PathBuf,
    /// Digest of what the directory should hold: equal for equal packages and core.
    pub digest: String,
    /// True when every link and copied file is there as specified.
    pub intact: bool,
}

/// A store's environment file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFacts {
    /// Absolute path.
    pub path: PathBuf,
    /// Digest of the content.
    pub digest: String,
}

/// What of a store lies on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesFacts {
    /// The directory.
    pub tree: Option<TreeFacts>,
    /// The environment file.
    pub environment: Option<EnvironmentFacts>,
}

/// Directories, links and environment files of stores.
///
/// # Guarantees
/// Every directory carries a marker with the store's id; nothing without our marker is changed or removed (`foreign_object`). No path
/// leaves the root. Writes are atomic and durable: after a crash the old or the new state is there.
///
/// # Cancellation
/// Dropping the future of a mutating call leaves its effect in doubt; `find` tells.
#[async_trait]
pub trait StoreFiles: Debug + Send + Sync + 'static {
    /// Makes the store's directory with its copied entry file and its links to the shared core.
    ///
    /// # Errors
    /// `invalid_field` for a directory or link outside the closed list; `foreign_object`; `unusable` when the core lacks a component.
    async fn ensure_tree(&self, cx: &EffectCx, package: &StorePackage) -> Result<TreeFacts>;

    /// Writes the environment file, mode 0400 and owned by the user the stores run as.
    ///
    /// # Errors
    /// `invalid_field` naming the key, for keys that are reserved or malformed and values the file cannot hold exactly.
    async fn ensure_environment(&self, cx: &EffectCx, package: &StorePackage) -> Result<EnvironmentFacts>;

    /// What of the store lies on disk.
    ///
    /// # Errors
    /// `unavailable` when the disk cannot be read.
    async fn find(&self, store: &StoreId) -> Result<FilesFacts>;

    /// Every store that has a directory or an environment file with our marker.
    ///
    /// # Errors
    /// `unavailable` when the disk cannot be read.
    async fn list(&self) -> Result<Vec<StoreId>>;

    /// Removes the directory; absent is success. Links are removed, never followed.
    ///
    /// # Errors
    /// `foreign_object` when the marker is missing or names another store.
    async fn remove_tree(&self, cx: &EffectCx, store: &StoreId) -> Result<()>;

    /// Removes the environment file; absent is success.
    ///
    /// # Errors
    /// `unavailable` when the disk cannot be written.
    async fn remove_environment(&self, cx: &EffectCx, store: &StoreId) -> Result<()>;
}
