//! Logs of the stores: one file each, both streams in the order in which they arrived.

use super::{Pm2Settings, home};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use storex_core::{Code, Error, Result, StoreId};

/// How many bytes from the end of a log are looked at, and how many of a line are answered.
const TAIL_BYTES: u64 = 256 * 1024;
const LINE_BYTES: usize = 4 * 1024;

/// Log of a store.
pub(super) fn path(settings: &Pm2Settings, store: &StoreId) -> PathBuf {
    settings.log_dir.join(format!("{store}.log"))
}

/// The last `lines` lines of the store's log among its last 256 KiB, oldest first; invalid UTF-8 is replaced, long lines are cut.
///
/// # Errors
/// `unavailable` when it cannot be read, `foreign_object` when something else has its name; no log is an empty answer.
pub(super) fn tail(settings: &Pm2Settings, store: &StoreId, lines: usize) -> Result<Vec<String>> {
    let path = path(settings, store);
    let Some(mut file) = open(&path, settings.uid())? else {
        return Ok(Vec::new());
    };
    let length = file.metadata().map_err(|error| cannot_read(&path, &error))?.len();
    let start = length.saturating_sub(TAIL_BYTES);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))
        .and_then(|_| file.take(TAIL_BYTES).read_to_end(&mut bytes))
        .map_err(|error| cannot_read(&path, &error))?;
    Ok(last_lines(&bytes, start > 0, lines))
}

/// Removes the store's log; absent is success.
///
/// # Errors
/// `unavailable` when it cannot be removed.
pub(super) fn remove(settings: &Pm2Settings, store: &StoreId) -> Result<()> {
    let path = path(settings, store);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::new(Code::Unavailable, format!("{} cannot be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// `cut` says that the first line may be the rest of a longer one.
fn last_lines(bytes: &[u8], cut: bool, lines: usize) -> Vec<String> {
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if whole.is_empty() {
        return Vec::new();
    }
    let all: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').skip(usize::from(cut)).collect();
    let shown = all.iter().skip(all.len().saturating_sub(lines));
    shown.map(|line| String::from_utf8_lossy(line.get(..LINE_BYTES).unwrap_or(line)).trim_end_matches('\r').to_owned()).collect()
}

/// Opens a file of the stores' user for reading; `None` when there is none. Links are not followed, pipes not waited for.
pub(super) fn open(path: &Path, uid: u32) -> Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(cannot_read(path, &errno.into())),
    };
    home::check_own(&file, path, &[uid])?;
    Ok(Some(file))
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::Unavailable, format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::geteuid;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_last_lines_come_oldest_first() {
        let text = b"one\ntwo\n\nfour\n";
        assert_eq!(last_lines(text, false, 2), ["", "four"]);
        assert_eq!(last_lines(text, false, 9), ["one", "two", "", "four"]);
        assert_eq!(last_lines(text, true, 9), ["two", "", "four"]);
        assert_eq!(last_lines(b"unfinished", false, 1), ["unfinished"]);
        assert_eq!(last_lines(text, false, 0), Vec::<String>::new());
        assert_eq!(last_lines(b"", false, 3), Vec::<String>::new());
        assert_eq!(last_lines(b"a\r\n\xff\n", false, 3), ["a", "\u{fffd}"]);
        assert_eq!(last_lines(&[b'x'; 10_000], false, 1)[0].len(), LINE_BYTES);
    }

    #[test]
    fn only_a_file_of_the_user_is_read() {
        let top = tempfile::tempdir().unwrap();
        let own = geteuid().as_raw();
        let mut file = tempfile::NamedTempFile::new_in(top.path()).unwrap();
        file.write_all(b"secret").unwrap();
        assert!(open(file.path(), own).unwrap().is_some());
        assert_eq!(open(file.path(), own + 1).unwrap_err().code(), Code::ForeignObject);
        assert!(open(&top.path().join("absent"), own).unwrap().is_none());
        let link = top.path().join("link");
        symlink(file.path(), &link).unwrap();
        assert_eq!(open(&link, own).unwrap_err().code(), Code::Unavailable);
        assert_eq!(open(top.path(), own).unwrap_err().code(), Code::ForeignObject);
    }
}
