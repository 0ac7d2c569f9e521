//! The daemon's folders and log, made for a user who may be hostile: nothing is followed, nothing foreign is written to.

use super::Pm2Settings;
use crate::atomic;
use rustix::fs::{FileType, FlockOperation, Gid, Mode, OFlags, Uid, flock};
use rustix::process::geteuid;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use storex_core::{Code, Error, Result};

/// The daemon's own log is emptied at a start of the daemon when it is larger than this, in bytes.
const LOG_LIMIT: u64 = 8 * 1024 * 1024;

/// Makes the folders with their owners and modes, or brings existing ones to them.
///
/// PM2 itself would make none of them, and a daemon whose home is missing lives on without sockets.
pub(super) fn make_folders(settings: &Pm2Settings) -> Result<()> {
    for folder in [&settings.home, &settings.log_dir, &settings.pid_dir] {
        atomic::make_dir(folder, 0o700, settings.owner())?;
    }
    atomic::make_dir(&settings.state_dir, 0o700, None)?;
    // Without it the daemon logs a stack trace at every start.
    let modules = settings.home.join("module_conf.json");
    if modules.symlink_metadata().is_err() {
        atomic::write(&modules, b"{}", 0o600, settings.owner())?;
    }
    Ok(())
}

/// Opens the daemon's log for appending.
///
/// # Errors
/// `foreign_object` when something else than a file of the user's own has its name; `unavailable` when it cannot be opened.
pub(super) fn open_log(settings: &Pm2Settings) -> Result<File> {
    let path = settings.home.join("pm2.log");
    // NONBLOCK: a pipe put there must not make us wait for a reader.
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd =
        rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP).map_err(|errno| cannot_use(&path, errno.into()))?;
    let file = File::from(fd);
    check_own(&file, &path, &[settings.uid(), geteuid().as_raw()])?;
    if let Some((uid, gid)) = settings.owner() {
        rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
            .map_err(|errno| cannot_use(&path, errno.into()))?;
    }
    if file.metadata().is_ok_and(|facts| facts.len() > LOG_LIMIT) {
        file.set_len(0).map_err(|error| cannot_use(&path, error))?;
    }
    Ok(file)
}

/// Checks that an open file is a regular file with one name that belongs to one of these users.
///
/// # Errors
/// `foreign_object` otherwise.
pub(super) fn check_own(file: &File, path: &Path, owners: &[u32]) -> Result<()> {
    let facts = file.metadata().map_err(|error| cannot_use(path, error))?;
    let regular = FileType::from_raw_mode(facts.mode()) == FileType::RegularFile;
    if regular && facts.nlink() == 1 && owners.contains(&facts.uid()) {
        return Ok(());
    }
    Err(Error::new(Code::ForeignObject, format!("{} is no file of the stores' user", path.display())))
}

/// Takes the lock that keeps a second agent off this daemon; it is held until the answer is dropped or the process ends, however it ends.
///
/// # Errors
/// `directory_busy` when another process holds it.
pub(super) fn lock(settings: &Pm2Settings) -> Result<File> {
    let path = settings.state_dir.join("lock");
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| cannot_use(&path, errno.into()))?;
    match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(File::from(fd)),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(Error::new(Code::DirectoryBusy, format!("another agent holds {}", path.display())))
        }
        Err(errno) => Err(cannot_use(&path, errno.into())),
    }
}

fn cannot_use(path: &Path, error: std::io::Error) -> Error {
    Error::new(Code::Unavailable, format!("{} cannot be used", path.display())).with("why", &error).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    fn settings(top: &Path) -> Pm2Settings {
        Pm2Settings {
            node: "/usr/bin/node".into(),
            pm2_daemon: "/opt/pm2/lib/Daemon.js".into(),
            home: top.join("home"),
            log_dir: top.join("log"),
            pid_dir: top.join("pid"),
            state_dir: top.join("state"),
            stores_root: top.to_owned(),
            user: None,
            start_limit: Duration::from_secs(1),
        }
    }

    #[test]
    fn folders_are_closed_to_everybody_else_and_made_again_without_harm() {
        let top = tempfile::tempdir().unwrap();
        let settings = settings(top.path());
        make_folders(&settings).unwrap();
        std::fs::set_permissions(&settings.home, PermissionsExt::from_mode(0o755)).unwrap();
        make_folders(&settings).unwrap();
        for folder in [&settings.home, &settings.log_dir, &settings.pid_dir, &settings.state_dir] {
            assert_eq!(folder.metadata().unwrap().mode() & 0o7777, 0o700, "{}", folder.display());
        }
        assert_eq!(std::fs::read(settings.home.join("module_conf.json")).unwrap(), b"{}");
    }

    #[test]
    fn a_link_in_the_place_of_the_log_is_not_followed() {
        let top = tempfile::tempdir().unwrap();
        let settings = settings(top.path());
        make_folders(&settings).unwrap();
        let victim = tempfile::NamedTempFile::new_in(top.path()).unwrap();
        let log = settings.home.join("pm2.log");
        symlink(victim.path(), &log).unwrap();
        assert!(open_log(&settings).is_err());
        std::fs::remove_file(&log).unwrap();
        std::fs::hard_link(victim.path(), &log).unwrap();
        assert_eq!(open_log(&settings).unwrap_err().code(), Code::ForeignObject);
        std::fs::remove_file(&log).unwrap();
        open_log(&settings).unwrap().write_all(b"one\n").unwrap();
        open_log(&settings).unwrap().write_all(b"two\n").unwrap();
        assert_eq!(std::fs::read(&log).unwrap(), b"one\ntwo\n");
        open_log(&settings).unwrap().set_len(LOG_LIMIT + 1).unwrap();
        assert_eq!(open_log(&settings).unwrap().metadata().unwrap().len(), 0);
    }

    #[test]
    fn a_second_agent_is_refused_while_the_first_lives() {
        let top = tempfile::tempdir().unwrap();
        let settings = settings(top.path());
        make_folders(&settings).unwrap();
        let first = lock(&settings).unwrap();
        assert_eq!(lock(&settings).unwrap_err().code(), Code::DirectoryBusy);
        drop(first);
        lock(&settings).unwrap();
    }
}
