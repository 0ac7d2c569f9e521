//! What the agent remembers of each process, in a folder only it can write: `<store id>.json`.
//!
//! PM2 forgets everything when its daemon dies. A record says what runs, and its pid with start time proves an orphan ours. The record is an aid, not
//! an authority: a lost or damaged one is as good as none.

use crate::atomic;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use storex_core::{Code, Error, ProcessSpec, Result, StoreId};

/// A process as it was last started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What was started.
    pub(super) spec: ProcessSpec,
    /// True once it was stopped on request.
    pub(super) stopped: bool,
    /// Its pid and start time, when it had one.
    pub(super) process: Option<(u32, u64)>,
}

/// The records of all stores.
#[derive(Clone, Debug)]
pub(super) struct Records {
    folder: PathBuf,
}

impl Records {
    /// The records in this folder, which exists.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self, store: &StoreId) -> PathBuf {
        self.folder.join(format!("{store}.json"))
    }

    /// The record of a store.
    pub(super) fn get(&self, store: &StoreId) -> Option<Record> {
        let path = self.path(store);
        let record: Option<Record> = serde_json::from_slice(&fs::read(&path).ok()?).ok();
        match record {
            Some(record) if record.spec.store == *store => Some(record),
            _ => {
                tracing::warn!(path = %path.display(), "a damaged record is passed over");
                None
            }
        }
    }

    /// Every record, by ascending store.
    ///
    /// # Errors
    /// `unavailable` when the folder cannot be read.
    pub(super) fn list(&self) -> Result<Vec<Record>> {
        let unreadable =
            |error: std::io::Error| Error::new(Code::Unavailable, format!("{} cannot be read: {error}", self.folder.display()));
        let mut stores = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            stores.extend(
                name.to_str().and_then(|name| name.strip_suffix(".json")).and_then(|store| store.parse::<StoreId>().ok()),
            );
        }
        stores.sort();
        Ok(stores.iter().filter_map(|store| self.get(store)).collect())
    }

    /// Keeps a record; durable when this answers.
    ///
    /// # Errors
    /// `unavailable` when the disk cannot be written.
    pub(super) fn put(&self, record: &Record) -> Result<()> {
        let bytes =
            serde_json::to_vec(record).map_err(|error| Error::new(Code::Internal, format!("a record is no JSON: {error}")))?;
        atomic::write(&self.path(&record.spec.store), &bytes, 0o600, None)
    }

    /// Forgets a store; absent is success.
    ///
    /// # Errors
    /// `unavailable` when the disk cannot be written.
    pub(super) fn remove(&self, store: &StoreId) -> Result<()> {
        match fs::remove_file(self.path(store)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::new(Code::Unavailable, format!("a record cannot be removed: {error}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(store: &str) -> Record {
        let spec = ProcessSpec {
            store: store.parse().unwrap(),
            script: "/s/app.js".into(),
            directory: "/s".into(),
            environment_file: "/e".into(),
            environment_digest: "d".into(),
            port: 4001.try_into().unwrap(),
            node_env: "production".into(),
            max_memory_bytes: 1 << 30,
        };
        Record { spec, stopped: false, process: Some((1, 2)) }
    }

    #[test]
    fn what_was_put_is_there_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(folder.path());
        let (one, two) = (record("one-12345"), record("two-12345"));
        records.put(&two).unwrap();
        records.put(&one).unwrap();
        assert_eq!(records.list().unwrap(), [one.clone(), two.clone()]);
        let stopped = Record { stopped: true, process: None, ..one };
        records.put(&stopped).unwrap();
        assert_eq!(records.get(&stopped.spec.store), Some(stopped.clone()));
        records.remove(&stopped.spec.store).unwrap();
        records.remove(&stopped.spec.store).unwrap();
        assert_eq!(records.list().unwrap(), [two]);
    }

    #[test]
    fn a_damaged_or_foreign_record_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(folder.path());
        let kept = record("one-12345");
        records.put(&kept).unwrap();
        fs::copy(folder.path().join("one-12345.json"), folder.path().join("two-12345.json")).unwrap();
        atomic::write(&folder.path().join("three-12345.json"), b"{", 0o600, None).unwrap();
        atomic::write(&folder.path().join("lock"), b"", 0o600, None).unwrap();
        assert_eq!(records.list().unwrap(), [kept]);
        assert_eq!(records.get(&"two-12345".parse().unwrap()), None);
    }
}
