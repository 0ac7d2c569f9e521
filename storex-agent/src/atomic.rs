//! Durable files and directories: after a crash the old content or the new one is there, never a mixture. The only module of the agent
//! that writes files which must outlive it.
//!
//! A file is written beside its place, synced, given its owner and mode, renamed over the old one, and the directory is synced (rename(2),
//! fsync(2)). A symbolic link at the place is replaced, never followed.

use rustix::fs::{AtFlags, Dir, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use storex_core::{Code, Error, Result};

/// User and group a file or directory is given to; `None` leaves it to whoever writes it.
pub type Owner = Option<(u32, u32)>;

/// How every file under construction begins; a crash may leave some, which nothing reads and [`sweep`] removes.
pub const UNFINISHED: &str = ".storex-new-";

/// Puts `bytes` at `path`, with exactly this mode (the umask does not count) and owner.
///
/// # Errors
/// `unavailable` naming the path. The former content is still there unless the error is unclear: then the new one is in place and may not
/// survive a power failure.
///
/// # Cancellation
/// Blocking; once begun it ends. Milliseconds on a disk that syncs fast.
pub fn write(path: &Path, bytes: &[u8], mode: u32, owner: Owner) -> Result<()> {
    let (folder, name) = split(path)?;
    write_at(folder.as_fd(), name, bytes, mode, owner).map_err(|error| error.with("path", path.display()))
}

/// [`write()`], below an open directory: `name` is one path component.
///
/// # Errors
/// As [`write()`], without the path.
pub fn write_at(folder: BorrowedFd<'_>, name: &str, bytes: &[u8], mode: u32, owner: Owner) -> Result<()> {
    place_at(folder, name, bytes, mode, owner)?;
    sync(folder).map_err(Error::into_unclear)
}

/// [`write_at`] without its last step: the caller makes several changes in a directory and then calls [`sync`] once.
///
/// # Errors
/// As [`write_at`]; never unclear.
pub fn place_at(folder: BorrowedFd<'_>, name: &str, bytes: &[u8], mode: u32, owner: Owner) -> Result<()> {
    let (unfinished, file) = begin(folder)?;
    let filled = fill(file, bytes, mode, owner).and_then(|()| {
        rustix::fs::renameat(folder, &unfinished, folder, name)
            .map_err(|errno| refused("cannot move the file to its place", errno))
    });
    if filled.is_err() {
        // The unfinished file is all there is to clean up; failing at that changes nothing for the caller.
        let _ = rustix::fs::unlinkat(folder, &unfinished, AtFlags::empty());
    }
    filled
}

/// Makes what was changed in a directory outlive a power failure.
///
/// # Errors
/// `unavailable`.
pub fn sync(folder: BorrowedFd<'_>) -> Result<()> {
    rustix::fs::fsync(folder).map_err(|errno| refused("cannot sync the directory", errno))
}

/// Removes the files that writers which crashed left under construction in a folder. Only for whoever alone writes there: the file of
/// another writer at work would go too. Directories of such a name stay.
///
/// # Errors
/// `unavailable` naming the path.
pub fn sweep(path: &Path) -> Result<()> {
    let folder = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| refused("cannot open the folder", errno));
    folder.and_then(|folder| sweep_at(folder.as_fd())).map_err(|error| error.with("path", path.display()))
}

/// [`sweep`], in an open directory.
///
/// # Errors
/// As [`sweep`], without the path.
pub fn sweep_at(folder: BorrowedFd<'_>) -> Result<()> {
    let unreadable = |errno| refused("cannot read the directory", errno);
    for entry in Dir::read_from(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_name().to_bytes().starts_with(UNFINISHED.as_bytes()) {
            match rustix::fs::unlinkat(folder, entry.file_name(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => {}
                Err(errno) => return Err(refused("cannot remove an unfinished file", errno)),
            }
        }
    }
    Ok(())
}

/// Makes the directory, or brings an existing one to this mode and owner. Its parent must exist; a symbolic link is refused.
///
/// # Errors
/// `unavailable` naming the path.
pub fn make_dir(path: &Path, mode: u32, owner: Owner) -> Result<()> {
    let (parent, name) = split(path)?;
    make_dir_at(parent.as_fd(), name, mode, owner).map(drop).map_err(|error| error.with("path", path.display()))
}

/// [`make_dir`], below an open directory; answers the directory, open.
///
/// # Errors
/// As [`make_dir`], without the path.
pub fn make_dir_at(parent: BorrowedFd<'_>, name: &str, mode: u32, owner: Owner) -> Result<OwnedFd> {
    let (dir, changed) = place_dir_at(parent, name, mode, owner)?;
    if changed {
        sync(dir.as_fd()).and_then(|()| sync(parent))?;
    }
    Ok(dir)
}

/// [`make_dir_at`] without syncing anything; answers the directory and whether anything was changed.
///
/// # Errors
/// As [`make_dir_at`].
pub fn place_dir_at(parent: BorrowedFd<'_>, name: &str, mode: u32, owner: Owner) -> Result<(OwnedFd, bool)> {
    let made = match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(refused("cannot make the directory", errno)),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir =
        rustix::fs::openat(parent, name, flags, Mode::empty()).map_err(|errno| refused("cannot open the directory", errno))?;
    let dressed = dress(dir.as_fd(), mode, owner)?;
    Ok((dir, made || dressed))
}

/// Opens the directory that holds `path` and answers it with the last component.
fn split(path: &Path) -> Result<(OwnedFd, &str)> {
    let unusable = || Error::new(Code::Unavailable, "the path has no folder and name").with("path", path.display());
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unusable)?;
    let folder = path.parent().ok_or_else(unusable)?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let open = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| refused("cannot open the folder", errno).with("path", path.display()))?;
    Ok((open, name))
}

/// A new file of a name nobody has, readable by nobody else.
fn begin(folder: BorrowedFd<'_>) -> Result<(String, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let name = format!("{UNFINISHED}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(folder, &name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => return Ok((name, File::from(fd))),
            // Left by a process of the same number that crashed.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(refused("cannot make a file", errno)),
        }
    }
}

fn fill(mut file: File, bytes: &[u8], mode: u32, owner: Owner) -> Result<()> {
    file.write_all(bytes).map_err(|error| Error::new(Code::Unavailable, format!("cannot write the file: {error}")))?;
    dress(file.as_fd(), mode, owner)?;
    rustix::fs::fsync(&file).map_err(|errno| refused("cannot sync the file", errno))
}

/// Gives an open file or directory its owner and mode; answers whether anything had to change. The owner comes first: chown(2) may
/// clear mode bits.
fn dress(fd: BorrowedFd<'_>, mode: u32, owner: Owner) -> Result<bool> {
    let stat = rustix::fs::fstat(fd).map_err(|errno| refused("cannot read owner and mode", errno))?;
    let moves = owner.filter(|owner| *owner != (stat.st_uid, stat.st_gid));
    if let Some((uid, gid)) = moves {
        rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
            .map_err(|errno| refused("cannot set the owner", errno))?;
    }
    if moves.is_none() && stat.st_mode & 0o7777 == mode {
        return Ok(false);
    }
    rustix::fs::fchmod(fd, Mode::from_raw_mode(mode)).map_err(|errno| refused("cannot set the mode", errno))?;
    Ok(true)
}

fn refused(what: &str, errno: Errno) -> Error {
    Error::new(Code::Unavailable, format!("{what}: {}", std::io::Error::from(errno)))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests put on the disk what they need")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_written_file_has_its_content_and_exact_mode_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one", 0o400, None).unwrap();
        write(&path, b"two", 0o666, None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o666);
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_link_at_the_place_is_replaced_and_its_target_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "kept").unwrap();
        symlink(&target, &link).unwrap();
        write(&link, b"new", 0o600, None).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }

    #[test]
    fn a_failed_write_keeps_the_former_state_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("dir");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("inside"), "kept").unwrap();
        let error = write(&place, b"new", 0o600, None).unwrap_err();
        assert_eq!((error.code(), error.is_unclear()), (Code::Unavailable, false));
        assert_eq!(names(folder.path()), ["dir"]);
        assert_eq!(fs::read_to_string(place.join("inside")).unwrap(), "kept");
        assert!(write(&folder.path().join("absent/file"), b"", 0o600, None).is_err());
    }

    #[test]
    fn a_name_left_by_a_crashed_writer_is_stepped_over() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..2000 {
            fs::write(folder.path().join(format!("{UNFINISHED}{}-{n}", std::process::id())), "").unwrap();
        }
        write(&folder.path().join("a"), b"x", 0o600, None).unwrap();
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"x");
    }

    #[test]
    fn what_crashed_writers_left_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kept", ".storex", &format!("{UNFINISHED}1-0"), &format!("{UNFINISHED}99999-7")] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join(format!("{UNFINISHED}folder"))).unwrap();
        sweep(folder.path()).unwrap();
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [".storex", ".storex-new-folder", "kept"]);
        assert!(sweep(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn a_directory_is_made_once_and_brought_to_its_mode_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d");
        make_dir(&path, 0o711, None).unwrap();
        fs::write(path.join("inside"), "kept").unwrap();
        make_dir(&path, 0o700, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
        assert_eq!(fs::read_to_string(path.join("inside")).unwrap(), "kept");
    }

    #[test]
    fn a_link_or_a_file_is_no_directory() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        symlink("/", &link).unwrap();
        fs::write(&file, "").unwrap();
        assert!(make_dir(&link, 0o777, None).is_err());
        assert!(make_dir(&file, 0o777, None).is_err());
    }

    #[test]
    fn root_gives_files_and_directories_away() {
        let folder = tempfile::tempdir().unwrap();
        let (file, dir) = (folder.path().join("f"), folder.path().join("d"));
        let owner = fs::metadata(folder.path()).unwrap();
        let other = (65_534, 65_533);
        let given = write(&file, b"", 0o400, Some(other)).and_then(|()| make_dir(&dir, 0o700, Some(other)));
        if owner.uid() == 0 {
            given.unwrap();
            for path in [&file, &dir] {
                let meta = fs::metadata(path).unwrap();
                assert_eq!((meta.uid(), meta.gid()), other);
            }
        } else {
            assert_eq!(given.unwrap_err().code(), Code::Unavailable);
            assert!(!file.exists(), "a file of the wrong owner must not appear");
        }
    }
}
