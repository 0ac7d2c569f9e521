//! The repo over one open file.

use crate::failure::{Failure, Stop};
use crate::leases::Leases;
use crate::writer::Writer;
use crate::{file, schema};
use redb::Database;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use storex_core::{Clock, Code, Error, Result};
use tokio::sync::watch;

/// A [`StoreRepo`](storex_core::StoreRepo) in one file. Clones share the file; it is closed when the last of them and the last call under
/// way are gone. Its calls must run inside a tokio runtime.
#[derive(Clone)]
pub struct RedbStores {
    pub(crate) shared: Arc<Shared>,
}

/// What clones and running calls share.
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) writer: Writer,
    pub(crate) leases: Mutex<Leases>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) changed: watch::Sender<()>,
    pub(crate) commits: AtomicU64,
    path: PathBuf,
}

impl RedbStores {
    /// Opens the file, or makes it (mode 0600; its folder must exist). Leases of an earlier process are void, their epochs stay below all later
    /// ones. Blocks: it reads the whole file to prove it undamaged, and mends what a crash left. `clock` times leases.
    ///
    /// # Errors
    /// `directory_busy` when another process, or another repo of this one, has it open; `corrupt` when it is damaged or no store file;
    /// `unusable` when it was written by a newer storex or cannot be opened at all. The path is in the context.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let open = || {
            let database = file::open(path)?;
            schema::prepare(&database)?;
            Ok(Self::over(database, path, clock))
        };
        open().map_err(|error: Error| error.during("repo.open").with("path", path.display()))
    }

    /// The repo over a database that has its tables.
    pub(crate) fn over(database: Database, path: &Path, clock: Arc<dyn Clock>) -> Self {
        let (writer, leases, commits) = (Writer::default(), Mutex::default(), AtomicU64::new(0));
        let changed = watch::Sender::new(());
        Self { shared: Arc::new(Shared { database, writer, leases, clock, changed, commits, path: path.to_owned() }) }
    }

    /// How many durable commits this repo made since it was opened. Concurrent writes share one; calls that change nothing make none.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Reads on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || work(&shared.database)).await;
        match read {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Stop::Refused(error))) => Err(error),
            Ok(Err(Stop::Failed(failure))) => Err(failure.refused()),
            Err(stopped) if stopped.is_cancelled() => {
                Err(Error::new(Code::Unavailable, "the read was given up on: storex is stopping"))
            }
            Err(panicked) => Err(Failure::broken_down().refused().caused_by(panicked)),
        }
    }
}

impl fmt::Debug for RedbStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStores").field("path", &self.shared.path).field("commits", &self.commits()).finish_non_exhaustive()
    }
}
