//! The journal file: one change per line, each flushed to the device before it counts.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use storex_core::{Claim, Code, Epoch, Error, Json, Result, Table};

/// A change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Entry {
    Row { table: Table, id: String, version: u64, body: Json, indexes: BTreeMap<String, String>, nonce: String },
    Gone { table: Table, id: String },
    Claimed(Claim),
    Released { namespace: String, name: String },
    Epoch(Epoch),
}

/// The file, open at its end.
#[derive(Debug)]
pub(crate) struct Journal(File);

impl Journal {
    /// Opens or makes the file and reads it. A last line without its end was never answered and is cut off.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Entry>)> {
        let unusable = |error: std::io::Error| Error::new(Code::Unusable, format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(unusable)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unusable)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(unusable)?;
        let lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let entries: Result<Vec<Entry>> = lines
            .map(|line| {
                serde_json::from_slice(line).map_err(|error| Error::new(Code::Corrupt, format!("a journal line: {error}")))
            })
            .collect();
        Ok((Self(file), entries?))
    }

    /// Writes one change. After a failure it may or may not be in the file.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<()> {
        let unclear = |error: &dyn std::fmt::Display| Error::unclear(Code::Unavailable, format!("the journal: {error}"));
        let mut line = serde_json::to_vec(entry).map_err(|error| unclear(&error))?;
        line.push(b'\n');
        self.0.write_all(&line).and_then(|()| self.0.sync_data()).map_err(|error| unclear(&error))
    }
}
