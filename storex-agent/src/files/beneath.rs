//! Reading and removing below an open directory, one path component at a time, never through a symbolic link.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use std::ffi::CString;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use storex_core::{Code, Error, Result};

/// How often a directory that fills up again is emptied before that is an error.
const ROUNDS: u32 = 10_000;

/// What could not be done below a directory.
pub(super) fn failed(what: &str, name: &str, errno: Errno) -> Error {
    Error::new(Code::Unavailable, format!("cannot {what}: {}", std::io::Error::from(errno))).with("path", name)
}

/// A regular file as read.
pub(super) struct Text {
    /// Its content.
    pub(super) bytes: Vec<u8>,
    /// The user it belongs to.
    pub(super) uid: u32,
}

/// Opens a directory; `None` when there is nothing or something else, a symbolic link included.
pub(super) fn open_dir(parent: BorrowedFd<'_>, name: &str) -> Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(failed("open the directory", name, errno)),
    }
}

/// Whether anything has this name, a dangling link included.
pub(super) fn exists(parent: BorrowedFd<'_>, name: &str) -> Result<bool> {
    Ok(stat(parent, name)?.is_some())
}

/// Facts of what has this name, a link itself rather than its target.
pub(super) fn stat(parent: BorrowedFd<'_>, name: &str) -> Result<Option<Stat>> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(failed("look at the entry", name, errno)),
    }
}

/// Reads a regular file; `None` when there is none, or something else has the name, or it is longer than `limit` bytes.
pub(super) fn read(parent: BorrowedFd<'_>, name: &str, limit: usize) -> Result<Option<Text>> {
    // NONBLOCK: opening a pipe somebody put there must not wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
        Err(errno) => return Err(failed("open the file", name, errno)),
    };
    let stat = rustix::fs::fstat(&fd).map_err(|errno| failed("look at the file", name, errno))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::from(fd)
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(Code::Unavailable, format!("cannot read the file: {error}")).with("path", name))?;
    Ok((bytes.len() <= limit).then_some(Text { bytes, uid: stat.st_uid }))
}

/// Target of a symbolic link; `None` when there is nothing or no link.
pub(super) fn link_target(parent: BorrowedFd<'_>, name: &str) -> Result<Option<CString>> {
    match rustix::fs::readlinkat(parent, name, Vec::new()) {
        Ok(target) => Ok(Some(target)),
        Err(Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(errno) => Err(failed("read the link", name, errno)),
    }
}

/// The names in a directory, sorted, without `.` and `..`; names that are not UTF-8 are passed over, as none of ours is such.
pub(super) fn names(dir: BorrowedFd<'_>) -> Result<Vec<String>> {
    let mut names: Vec<String> = entries(dir)?.into_iter().filter_map(|(name, _)| name.into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

fn entries(dir: BorrowedFd<'_>) -> Result<Vec<(CString, FileType)>> {
    let read = || -> rustix::io::Result<Vec<(CString, FileType)>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                entries.push((entry.file_name().to_owned(), entry.file_type()));
            }
        }
        Ok(entries)
    };
    read().map_err(|errno| failed("read the directory", ".", errno))
}

/// Moves an entry between directories without replacing anything; false when the new name is taken.
pub(super) fn move_to(from: BorrowedFd<'_>, name: &str, to: BorrowedFd<'_>, new_name: &str) -> Result<bool> {
    match rustix::fs::renameat_with(from, name, to, new_name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(failed("move the entry", name, errno)),
    }
}

/// Makes what was done in a directory outlive a power failure.
pub(super) fn sync(dir: BorrowedFd<'_>, name: &str) -> Result<()> {
    rustix::fs::fsync(dir).map_err(|errno| failed("sync the directory", name, errno).into_unclear())
}

/// Removes an entry of `parent` and everything below it. Links are removed, never followed; another file system mounted below is refused.
/// Holds two descriptors however deep the tree is: what lies deeper than one level is first moved up.
pub(super) fn remove_dir_all_beneath(parent: BorrowedFd<'_>, name: &str) -> Result<()> {
    let Some(top) = open_dir(parent, name)? else {
        return unlink(parent, name);
    };
    let device = device(top.as_fd(), name)?;
    // A store that runs as the agent's own user may have taken its write permission away; for root this changes nothing.
    let _ = rustix::fs::fchmod(&top, Mode::RWXU);
    let mut raised = 0_u64;
    // A process that still writes there makes more than one round necessary.
    for _ in 0..ROUNDS {
        for (entry, _) in entries(top.as_fd())? {
            empty_one(top.as_fd(), &entry, device, &mut raised)?;
        }
        match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY) => {}
            Err(errno) => return Err(failed("remove the directory", name, errno)),
        }
    }
    Err(failed("remove the directory", name, Errno::NOTEMPTY))
}

/// Removes one entry of `top`; the directories in it move up into `top` first.
fn empty_one(top: BorrowedFd<'_>, entry: &CString, device: u64, raised: &mut u64) -> Result<()> {
    let shown = entry.to_string_lossy();
    let at = |what, errno| failed(what, &shown, errno);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match rustix::fs::openat(top, entry.as_c_str(), flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return rustix::fs::unlinkat(top, entry.as_c_str(), AtFlags::empty()).map_err(|errno| at("remove the entry", errno));
        }
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(at("open the directory", errno)),
    };
    if self::device(dir.as_fd(), &shown)? != device {
        return Err(
            Error::new(Code::ForeignObject, "another file system is mounted inside a store's directory").with("path", shown)
        );
    }
    let _ = rustix::fs::fchmod(&dir, Mode::RWXU);
    for (inner, _) in entries(dir.as_fd())? {
        match rustix::fs::unlinkat(&dir, inner.as_c_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            // Linux answers EISDIR for a directory, POSIX EPERM.
            Err(Errno::ISDIR | Errno::PERM) => raise(dir.as_fd(), &inner, top, raised)?,
            Err(errno) => return Err(at("remove the entry", errno)),
        }
    }
    match rustix::fs::unlinkat(top, entry.as_c_str(), AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => Ok(()),
        Err(errno) => Err(at("remove the directory", errno)),
    }
}

fn raise(from: BorrowedFd<'_>, entry: &CString, top: BorrowedFd<'_>, raised: &mut u64) -> Result<()> {
    loop {
        *raised += 1;
        let name = format!(".raised-{raised}");
        match rustix::fs::renameat_with(from, entry.as_c_str(), top, &name, RenameFlags::NOREPLACE) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed("move the directory", &entry.to_string_lossy(), errno)),
        }
    }
}

fn device(dir: BorrowedFd<'_>, name: &str) -> Result<u64> {
    rustix::fs::fstat(dir).map(|stat| stat.st_dev).map_err(|errno| failed("look at the directory", name, errno))
}

/// Removes a file or link; absent is success.
pub(super) fn unlink(parent: BorrowedFd<'_>, name: &str) -> Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(failed("remove the entry", name, errno)),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests put on the disk what they need")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn open(path: &Path) -> OwnedFd {
        rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    #[test]
    fn a_tree_is_removed_to_the_last_level_and_links_are_not_followed() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("kept"), "kept").unwrap();
        let mut deep = folder.path().join("tree");
        for level in 0..300 {
            fs::create_dir(&deep).unwrap();
            fs::write(deep.join("file"), "x").unwrap();
            symlink(outside.path(), deep.join("out")).unwrap();
            fs::create_dir(deep.join(format!("side{level}"))).unwrap();
            deep = deep.join("d");
        }
        remove_dir_all_beneath(open(folder.path()).as_fd(), "tree").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(outside.path().join("kept")).unwrap(), "kept");
    }

    #[test]
    fn names_used_while_removing_may_be_there_already() {
        let folder = tempfile::tempdir().unwrap();
        for n in 1..4 {
            fs::create_dir_all(folder.path().join(format!("tree/.raised-{n}/inner/.raised-{n}"))).unwrap();
        }
        remove_dir_all_beneath(open(folder.path()).as_fd(), "tree").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn removing_a_link_removes_the_link_and_absent_is_success() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(outside.path(), folder.path().join("link")).unwrap();
        let open = open(folder.path());
        remove_dir_all_beneath(open.as_fd(), "link").unwrap();
        remove_dir_all_beneath(open.as_fd(), "link").unwrap();
        assert!(outside.path().exists() && fs::read_dir(folder.path()).unwrap().count() == 0);
    }

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "12345").unwrap();
        symlink("file", folder.path().join("link")).unwrap();
        fs::create_dir(folder.path().join("dir")).unwrap();
        rustix::fs::mkfifoat(open(folder.path()), "pipe", Mode::RWXU).unwrap();
        let dir = open(folder.path());
        assert_eq!(read(dir.as_fd(), "file", 5).unwrap().unwrap().bytes, b"12345");
        for (name, limit) in [("file", 4), ("link", 9), ("dir", 9), ("pipe", 9), ("absent", 9)] {
            assert!(read(dir.as_fd(), name, limit).unwrap().is_none(), "{name}");
        }
    }

    #[test]
    fn a_link_is_no_directory() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("dir")).unwrap();
        symlink("dir", folder.path().join("link")).unwrap();
        let dir = open(folder.path());
        assert!(open_dir(dir.as_fd(), "dir").unwrap().is_some());
        assert!(open_dir(dir.as_fd(), "link").unwrap().is_none());
        assert!(exists(dir.as_fd(), "link").unwrap());
    }
}
