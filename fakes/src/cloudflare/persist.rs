//! The state file: the one place of the simulator that touches the disk. A reader sees the old document or the new one,
//! never a part, and a document that was reported saved survives a power cut.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::state::{CloudState, FORMAT};

/// Where the world is kept.
#[derive(Debug, Clone)]
pub(super) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The saved world; `None` when there is no file yet.
    ///
    /// # Errors
    /// An unreadable file, or a document this version does not understand. It is never replaced by an empty world.
    pub(super) fn load(&self) -> io::Result<Option<CloudState>> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let state: CloudState = serde_json::from_slice(&bytes)?;
        if state.format == FORMAT {
            return Ok(Some(state));
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("format {} is not {FORMAT}", state.format)))
    }

    /// Replaces the file: a temporary file beside it is written, flushed to the device and renamed over it, and the
    /// directory is flushed too. Blocks; the caller holds the world's lock, so there is one writer.
    pub(super) fn save(&self, state: &CloudState) -> io::Result<()> {
        let temporary = self.path.with_extension("json.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(state)?)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    }
}
