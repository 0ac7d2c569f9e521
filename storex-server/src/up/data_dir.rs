//! The directory of an installation: who may enter it, what lies where, and its locks.

use crate::ApiToken;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use storex_agent::atomic;
use storex_core::{Code, Error, Result};

/// The directory of an installation.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Makes the directory when it is absent. It is 0711: the stores' user passes through it and cannot list it.
    ///
    /// # Errors
    /// `unusable` naming the path.
    pub fn open(path: &Path) -> Result<Self> {
        let unusable = |error: &dyn std::fmt::Display| {
            Error::new(Code::Unusable, format!("the data directory {} cannot be used: {error}", path.display()))
        };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|error| unusable(&error))?;
        }
        atomic::make_dir(path, 0o711, None).map_err(|error| unusable(&error.message()))?;
        let root = path.canonicalize().map_err(|error| unusable(&error))?;
        Ok(Self { root })
    }

    /// A file or folder of the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Makes a folder of the directory.
    pub(super) fn folder(&self, name: &str, mode: u32) -> Result<PathBuf> {
        let path = self.path(name);
        atomic::make_dir(&path, mode, None)?;
        Ok(path)
    }

    /// The directory itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Token of the REST API.
    pub(super) fn admin_token(&self) -> PathBuf {
        self.path("admin.token")
    }

    /// Token of the agent.
    pub(super) fn agent_token(&self) -> PathBuf {
        self.path("agent.token")
    }

    /// Token the simulator accepts.
    pub(super) fn simulator_token(&self) -> PathBuf {
        self.path("simulator.token")
    }

    /// The token in this file. `storex up` makes one where there is none; a role served alone refuses to start without.
    ///
    /// # Errors
    /// `unusable` naming the file, what is wrong with it and what to do.
    pub(super) fn token(path: &Path, make: bool) -> Result<ApiToken> {
        if make && !path.exists() { ApiToken::create(path) } else { ApiToken::load(path) }
    }

    /// Where `storex up` says what it runs.
    pub(super) fn announcement(&self) -> PathBuf {
        self.path("up.json")
    }

    /// Takes the directory for this process alone; the lock ends with the process.
    ///
    /// # Errors
    /// `directory_busy`.
    pub(super) fn lock(&self) -> Result<Vec<File>> {
        ["agent", "simulator", "controller"].into_iter().map(|role| self.lock_role(role)).collect()
    }

    /// Takes one role of the directory for this process alone.
    ///
    /// # Errors
    /// `directory_busy`.
    pub(super) fn lock_role(&self, role: &str) -> Result<File> {
        let path = self.path(&format!("{role}.lock"));
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(|error| Error::new(Code::Unusable, format!("{} cannot be opened: {error}", path.display())))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(_) => Err(Error::new(Code::DirectoryBusy, format!("another storex runs the {role} on {}", self.root.display()))),
        }
    }

    /// Removes the announcement: what it names is stopped.
    pub(super) fn forget_announcement(&self) {
        if let Err(error) = std::fs::remove_file(self.announcement()) {
            tracing::debug!(%error, "no announcement to remove");
        }
    }
}
