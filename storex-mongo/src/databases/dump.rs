//! Files of snapshots: written for their owner only, and durable before they have their name.

use mongodb::bson::Document;
use mongodb::bson::oid::ObjectId;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use storex_core::{Code, Error, Result};

/// Longest name of a file without its ending, in bytes; most file systems take 255 with it.
const LONGEST: usize = 230;

/// Makes the folder of snapshots and proves that it can be written.
///
/// # Errors
/// `unusable` naming the folder.
pub(super) async fn prepare(folder: &Path) -> Result<()> {
    let folder = folder.to_owned();
    blocking(folder.clone(), move || {
        make_folder(&folder, true)?;
        let probe = folder.join(".writable");
        create(&probe)?.sync_all()?;
        fs::remove_file(probe)
    })
    .await
}

/// A snapshot that is being written, in a folder of its own whose name begins with a dot. Whoever writes it has a lock on the folder, which ends with its
/// process.
#[derive(Debug)]
pub(super) struct Dump {
    folder: PathBuf,
    name: String,
    partial: PathBuf,
    _lock: File,
    files: usize,
}

impl Dump {
    /// Begins one; what others of the same name left that nobody writes any more is removed.
    ///
    /// # Errors
    /// `unusable` naming the folder.
    pub(super) async fn begin(folder: &Path, name: String) -> Result<Self> {
        let folder = folder.to_owned();
        blocking(folder.clone(), move || {
            let prefix = format!(".{name}.");
            let partial = folder.join(format!("{prefix}{}", ObjectId::new().to_hex()));
            // One at a time makes a folder and locks it, or removes one that is not locked.
            let turn = File::open(&folder)?;
            turn.lock()?;
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let is_left = || File::open(entry.path()).is_ok_and(|left| left.try_lock().is_ok());
                if entry.file_name().to_string_lossy().starts_with(&prefix) && is_left() {
                    remove_flat(&entry.path())?;
                }
            }
            make_folder(&partial, false)?;
            let lock = File::open(&partial)?;
            lock.lock()?;
            Ok(Self { folder, name, partial, _lock: lock, files: 0 })
        })
        .await
    }

    /// Begins the files of a collection; what describes it is written at once.
    ///
    /// # Errors
    /// As [`Dump::begin`].
    pub(super) async fn collection(&mut self, name: &str, description: Document) -> Result<Documents> {
        self.files += 1;
        let base = file_name(name, self.files);
        let partial = self.partial.clone();
        let (about, path) = (partial.join(format!("{base}.metadata.json")), partial.join(format!("{base}.bson")));
        let file = blocking(path.clone(), move || {
            let mut described = create(&about)?;
            described.write_all(&serde_json::to_vec(&description)?)?;
            described.sync_all()?;
            create(&path)
        });
        Ok(Documents { path: partial.join(format!("{base}.bson")), file: file.await? })
    }

    /// Gives the snapshot its name; answers where it is.
    ///
    /// # Errors
    /// As [`Dump::begin`].
    pub(super) async fn finish(self) -> Result<PathBuf> {
        let partial = self.partial.clone();
        blocking(partial.clone(), move || {
            File::open(&partial)?.sync_all()?;
            let turn = File::open(&self.folder)?;
            turn.lock()?;
            // A copy that was finished and never written down stays for people to look at.
            let names = std::iter::once(self.name.clone()).chain((2_u32..).map(|number| format!("{}.{number}", self.name)));
            let free = names.map(|name| self.folder.join(name)).find(|path| !path.exists());
            let place = free.ok_or_else(|| io::Error::other("no name is free"))?;
            fs::rename(&partial, &place)?;
            turn.sync_all()?;
            Ok(place)
        })
        .await
    }

    /// Removes what was written.
    pub(super) async fn give_up(self) {
        let partial = self.partial.clone();
        // What cannot be removed now is when the next one begins.
        drop(blocking(partial.clone(), move || remove_flat(&partial)).await);
    }
}

/// The file of a collection's documents, one behind the other as MongoDB holds them.
#[derive(Debug)]
pub(super) struct Documents {
    path: PathBuf,
    file: File,
}

impl Documents {
    /// Appends documents.
    ///
    /// # Errors
    /// As [`Dump::begin`].
    pub(super) async fn append(self, bytes: Vec<u8>) -> Result<Self> {
        blocking(self.path.clone(), move || {
            let mut file = &self.file;
            file.write_all(&bytes)?;
            Ok(self)
        })
        .await
    }

    /// Makes all of it durable.
    ///
    /// # Errors
    /// As [`Dump::begin`].
    pub(super) async fn close(self) -> Result<()> {
        blocking(self.path.clone(), move || self.file.sync_all()).await
    }
}

/// Name of a collection's files: letters, digits, `_` and `-` as they are, every other byte as `%XX`, so that no name leaves the folder; one that is
/// too long is cut, and numbered.
fn file_name(collection: &str, number: usize) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let escaped: String =
        collection.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect();
    if escaped.len() <= LONGEST { escaped } else { format!("{}%24{number}", &escaped[..LONGEST - 20]) }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn make_folder(path: &Path, with_parents: bool) -> io::Result<()> {
    DirBuilder::new().recursive(with_parents).mode(0o700).create(path)
}

/// Removes a folder of files; absent is success.
fn remove_flat(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(folder)
}

async fn blocking<T: Send + 'static>(path: PathBuf, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let worked = tokio::task::spawn_blocking(work).await.map_err(|_| io::Error::other("the thread ended"));
    worked.and_then(|worked| worked).map_err(|error| {
        let what = format!(
            "a snapshot cannot be written to {}: {error}: give it a folder with room that storex may write",
            path.display()
        );
        Error::new(Code::Unusable, what).caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn no_name_of_a_collection_leaves_the_folder() {
        for (collection, file) in [
            ("orders", "orders"),
            ("a.b", "a%2Eb"),
            ("../../etc/passwd", "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd"),
            ("..", "%2E%2E"),
            ("é%", "%C3%A9%25"),
            ("Orders", "Orders"),
        ] {
            assert_eq!(file_name(collection, 1), file);
        }
        let long = "/".repeat(200);
        assert!(file_name(&long, 1) != file_name(&long, 2) && file_name(&long, usize::MAX).len() < 240);
    }

    #[tokio::test]
    async fn a_snapshot_has_its_name_when_it_is_whole_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = folder.path().join("deep/snapshots");
        prepare(&snapshots).await.unwrap();
        let mut places = Vec::new();
        for _ in 0..2 {
            // What an interrupted one left is in nobody's way.
            Dump::begin(&snapshots, "one".to_owned()).await.unwrap().collection("left", Document::new()).await.unwrap();
            let mut dump = Dump::begin(&snapshots, "one".to_owned()).await.unwrap();
            let documents = dump.collection("a/b", Document::new()).await.unwrap();
            documents.append(b"12".to_vec()).await.unwrap().append(b"3".to_vec()).await.unwrap().close().await.unwrap();
            assert_eq!(
                fs::read_dir(&snapshots).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() == "one").count(),
                places.len()
            );
            places.push(dump.finish().await.unwrap());
        }
        assert_eq!(places, [snapshots.join("one"), snapshots.join("one.2")]);
        assert_eq!(fs::read(places[1].join("a%2Fb.bson")).unwrap(), b"123");
        assert_eq!(fs::read_dir(&places[1]).unwrap().count(), 2, "what was left is in the snapshot");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&snapshots), mode(&places[0]), mode(&places[0].join("a%2Fb.bson"))), (0o700, 0o700, 0o600));
        let gone = Dump::begin(&snapshots, "gone".to_owned()).await.unwrap();
        gone.give_up().await;
        // Two that write the same one at once have a folder each.
        let mut both = Vec::new();
        for number in 0..2 {
            let mut dump = Dump::begin(&snapshots, "both".to_owned()).await.unwrap();
            let documents = dump.collection("c", Document::new()).await.unwrap();
            documents.append(vec![number; 3]).await.unwrap().close().await.unwrap();
            both.push(dump);
        }
        for dump in both.into_iter().rev() {
            let place = dump.finish().await.unwrap();
            let bytes = fs::read(place.join("c.bson")).unwrap();
            places.push(place);
            assert_eq!(bytes.first().copied(), Some(u8::try_from(4 - places.len()).unwrap()));
        }
        assert_eq!(fs::read_dir(&snapshots).unwrap().count(), 4);
    }

    #[tokio::test]
    async fn a_place_that_is_no_folder_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = prepare(&file.path().join("snapshots")).await.unwrap_err();
        assert!(error.code() == Code::Unusable && error.message().contains(file.path().to_str().unwrap()), "{error}");
    }
}
