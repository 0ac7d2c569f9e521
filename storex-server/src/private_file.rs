//! Files with a secret in them: who may read them, how they are made.

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use storex_core::{Code, Error, Result, Secret};

/// Most bytes of a file.
const LARGEST: u64 = 64 * 1024;

/// A file that belongs to us and to which nobody else has any access.
pub(crate) struct PrivateFile<'a> {
    pub(crate) path: &'a Path,
    /// What it is, for errors, such as `token file`.
    pub(crate) what: &'static str,
    /// How another one is made, for errors.
    pub(crate) new_one: String,
}

impl PrivateFile<'_> {
    /// The text of the file.
    ///
    /// # Errors
    /// `unusable` naming the path, the reason and the fix: the file is missing, no regular file (a link is none), somebody else's, open to others, larger
    /// than 64 KiB, no text.
    pub(crate) fn read(&self) -> Result<Secret<String>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(self.path, flags, Mode::empty()).map_err(|error| self.unopened(error))?);
        self.check_access(&file)?;
        let mut bytes = Vec::new();
        let read = (&mut file).take(LARGEST + 1).read_to_end(&mut bytes);
        let bytes = Secret::new(bytes);
        let read = read.map_err(|error| self.unusable(&format!("cannot be read: {error}"), &self.new_one))?;
        if read as u64 > LARGEST {
            return Err(self.unusable(&format!("is larger than {} KiB", LARGEST / 1024), &self.new_one));
        }
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| self.unusable("is not UTF-8 text", &self.new_one))?;
        Ok(Secret::new(text.to_owned()))
    }

    /// Makes the file, which must not exist, with this text, readable by nobody but us. Durable when this answers.
    ///
    /// # Errors
    /// `unusable` naming the path when the file exists or cannot be written; nothing is left then.
    pub(crate) fn create(&self, text: &str) -> Result<()> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path);
        let mut file =
            file.map_err(|error| self.unusable(&format!("cannot be made: {error}"), "check the folder, or remove the file"))?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| sync_folder(self.path));
        written.map_err(|error| {
            // The error is what counts; a file that cannot be removed is refused by the next read.
            let _left = std::fs::remove_file(self.path);
            self.unusable(&format!("cannot be written: {error}"), "make room or check the disk")
        })
    }

    fn check_access(&self, file: &File) -> Result<()> {
        let facts = file.metadata().map_err(|error| self.unusable(&format!("cannot be examined: {error}"), &self.new_one))?;
        if FileType::from_raw_mode(facts.mode()) != FileType::RegularFile {
            return Err(self.unusable("is no regular file", &self.new_one));
        }
        let (me, path) = (rustix::process::geteuid().as_raw(), self.path.display());
        if facts.uid() != me {
            let why = format!("belongs to the user {}, not to the user {me} this runs as", facts.uid());
            return Err(self.unusable(&why, &format!("run as its owner, or chown {me} {path}")));
        }
        if facts.mode() & 0o077 != 0 {
            let why = format!("can be used by others (mode {:04o})", facts.mode() & 0o7777);
            return Err(self.unusable(&why, &format!("chmod 600 {path}, and make a new one if others may have read it")));
        }
        Ok(())
    }

    fn unopened(&self, error: Errno) -> Error {
        match error {
            Errno::NOENT => self.unusable("does not exist", &self.new_one),
            Errno::LOOP => self.unusable("is a symbolic link", "name the file itself"),
            Errno::ACCESS => self.unusable("cannot be read by this user", "run as its owner"),
            other => self.unusable(&format!("cannot be opened: {other}"), &self.new_one),
        }
    }

    /// Why the file cannot be used and what helps.
    pub(crate) fn unusable(&self, why: &str, fix: &str) -> Error {
        let message = format!("the {} {} {why}; to fix it: {fix}", self.what, self.path.display());
        Error::new(Code::Unusable, message).with("path", self.path.display())
    }
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
