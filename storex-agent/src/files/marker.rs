//! The marks that make a directory or an environment file ours: without one, nothing is changed or removed.

use super::beneath;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use storex_core::{Code, Error, Mark, Result, StoreId};

/// Name of the marker file in a store's directory.
pub(super) const NAME: &str = ".storex";

/// Longest marker that is read, in bytes.
const LIMIT: usize = 16 * 1024;

/// Content of the marker file of a store's directory: whose it is, and what belongs in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    /// The store.
    pub(super) store_id: StoreId,
    /// Mark of the effect that last changed what belongs in the directory.
    pub(super) mark: Mark,
    /// Name of each link to the core, and its target.
    pub(super) links: BTreeMap<String, String>,
    /// Digest of the copied entry file.
    pub(super) entry: String,
}

impl Marker {
    /// The marker of an open directory; `None` when it has none that we wrote.
    pub(super) fn read(dir: BorrowedFd<'_>) -> Result<Option<Self>> {
        let Some(text) = beneath::read(dir, NAME, LIMIT)? else {
            return Ok(None);
        };
        // A file of another user is not ours, whatever it says.
        if text.uid != rustix::process::geteuid().as_raw() {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&text.bytes).ok())
    }

    /// The text of the marker file.
    pub(super) fn to_text(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| Error::new(Code::Internal, format!("the marker has no text form: {error}")))
    }

    /// Digest of what belongs in the directory, whoever put it there last.
    pub(super) fn digest(&self) -> String {
        let mut hash = blake3::Hasher::new();
        let mut add = |part: &str| {
            // The length in front keeps different parts from running together into the same text.
            hash.update(&part.len().to_le_bytes());
            hash.update(part.as_bytes());
        };
        add(&self.store_id.to_string());
        add(&self.entry);
        for (name, target) in &self.links {
            add(name);
            add(target);
        }
        hash.finalize().to_hex().to_string()
    }
}

/// The first line of an environment file: a comment to Node, the mark to us.
pub(super) fn env_header(mark: &Mark, store: &StoreId) -> String {
    format!("# {mark} {store}\n")
}

/// Splits an environment file we wrote for this store into its mark and the rest; `None` for any other text.
pub(super) fn env_body<'a>(text: &'a [u8], store: &StoreId) -> Option<(Mark, &'a [u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(text.get(..end)?).ok()?;
    let (mark, id) = line.strip_prefix("# ")?.rsplit_once(' ')?;
    (id == store.to_string()).then_some((mark.parse().ok()?, text.get(end + 1..)?))
}

/// Digest of bytes, in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        Marker {
            store_id: "ocean-12345".parse().unwrap(),
            mark: "storex/1 i=0a1b2c3d s=12345 e=a.1f".parse().unwrap(),
            links: BTreeMap::from([("models".to_owned(), "/core/models".to_owned())]),
            entry: "00".to_owned(),
        }
    }

    #[test]
    fn the_digest_follows_what_belongs_in_the_directory_and_not_who_put_it_there() {
        let (first, mut other) = (marker(), marker());
        other.mark = "storex/1 i=0a1b2c3d s=12345 e=b.2f".parse().unwrap();
        assert_eq!(first.digest(), other.digest());
        let changes: [fn(&mut Marker); 4] = [
            |marker| marker.entry = "01".to_owned(),
            |marker| marker.links.clear(),
            |marker| marker.store_id = "ocean-12346".parse().unwrap(),
            |marker| marker.links = BTreeMap::from([("model".to_owned(), "s/core/models".to_owned())]),
        ];
        for change in changes {
            let mut changed = marker();
            change(&mut changed);
            assert_ne!(first.digest(), changed.digest(), "{changed:?}");
        }
    }

    #[test]
    fn an_environment_file_is_ours_only_with_our_line_for_this_store() {
        let store: StoreId = "ocean-12345".parse().unwrap();
        let text = env_header(&marker().mark, &store) + "A='1'\n";
        assert_eq!(env_body(text.as_bytes(), &store), Some((marker().mark, &b"A='1'\n"[..])));
        assert_eq!(env_body(text.as_bytes(), &"ocean-12346".parse().unwrap()), None);
        for other in ["", "A='1'\n", "# a comment\nA='1'\n", "# storex/1 i=0a1b2c3d s=12345 e=a.1f ocean-12345"] {
            assert_eq!(env_body(other.as_bytes(), &store), None, "{other:?}");
        }
    }
}
