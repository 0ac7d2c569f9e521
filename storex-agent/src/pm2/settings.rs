//! What a PM2 daemon of ours is given, checked before anything is made.

use crate::proc::User;
use rustix::process::geteuid;
use std::path::{Path, PathBuf};
use std::time::Duration;
use storex_core::{Code, Error, Result};

/// Longest path of a Unix socket on Linux, without its closing zero byte (unix(7)).
const SOCKET_PATH_LIMIT: usize = 107;

/// Programs, folders and user of one PM2 daemon and the store processes below it.
///
/// All paths are absolute. The parents of the four folders must exist, and the user must be able to walk down to `home`, `log_dir`, `pid_dir` and
/// `stores_root`; the folders themselves are made and given to the right user.
#[derive(Clone, Debug)]
pub struct Pm2Settings {
    /// The node that runs the daemon and the stores; its file is named `node`, since PM2 goes by that name.
    pub node: PathBuf,
    /// PM2's `lib/Daemon.js`.
    pub pm2_daemon: PathBuf,
    /// `PM2_HOME`: sockets and log of the daemon. 0700, owned by the user. At most 98 bytes long.
    pub home: PathBuf,
    /// Logs of the stores, one file each. 0700, owned by the user.
    pub log_dir: PathBuf,
    /// Pid files, which PM2 insists on and storex never reads. 0700, owned by the user.
    pub pid_dir: PathBuf,
    /// What the agent remembers of each process, and its lock. 0700, owned by the agent; nobody else writes there.
    pub state_dir: PathBuf,
    /// Folder below which every store directory lies.
    pub stores_root: PathBuf,
    /// Who the daemon and the stores run as. Needed when the agent is root, and never root; `None` is the agent's own user.
    pub user: Option<User>,
    /// How long the daemon may take to answer after its start, and a living one to answer at all.
    pub start_limit: Duration,
}

impl Pm2Settings {
    /// Checks users and paths.
    ///
    /// # Errors
    /// `unusable` with what to change: a daemon that would run as root, another user without being root, a relative or too long path, a folder
    /// the user cannot enter.
    pub(super) fn check(&self) -> Result<()> {
        self.check_user(geteuid().as_raw())?;
        for path in [&self.node, &self.pm2_daemon, &self.home, &self.log_dir, &self.pid_dir, &self.state_dir, &self.stores_root] {
            if !path.is_absolute() || path.to_str().is_none() {
                return Err(unusable(format!("{} is not an absolute path in UTF-8", path.display())));
            }
        }
        if self.node.file_name().is_none_or(|name| name != "node") {
            return Err(unusable(format!("{} must be named node: PM2 tells a Node program by that name", self.node.display())));
        }
        let socket = self.rpc_socket();
        if socket.as_os_str().len() > SOCKET_PATH_LIMIT {
            let shown = socket.display();
            return Err(unusable(format!(
                "{shown} is longer than {SOCKET_PATH_LIMIT} bytes, the limit for a socket; use a shorter data directory"
            )));
        }
        let Some(user) = &self.user else { return Ok(()) };
        let folders = [&self.home, &self.log_dir, &self.pid_dir].into_iter().filter_map(|folder| folder.parent());
        folders.chain([self.stores_root.as_path()]).try_for_each(|folder| user.check_can_enter(folder))
    }

    fn check_user(&self, own: u32) -> Result<()> {
        match &self.user {
            Some(user) if user.uid == 0 => {
                Err(unusable("PM2 is never run as root: a store's environment could raise its privileges".to_owned()))
            }
            None if own == 0 => Err(unusable(
                "root must name the user that runs the stores, such as storex-apps (scripts/install-host.sh makes it)".to_owned(),
            )),
            Some(user) if own != 0 && user.uid != own => Err(unusable(format!("only root can run stores as {}", user.name))),
            _ => Ok(()),
        }
    }

    /// Number of the user the daemon and the stores run as.
    pub(super) fn uid(&self) -> u32 {
        self.user.as_ref().map_or_else(|| geteuid().as_raw(), |user| user.uid)
    }

    /// Owner and group to give to files of that user; `None` keeps the agent's own.
    pub(super) fn owner(&self) -> crate::atomic::Owner {
        self.user.as_ref().map(|user| (user.uid, user.gid))
    }

    /// The socket on which the daemon takes requests.
    pub(super) fn rpc_socket(&self) -> PathBuf {
        self.home.join("rpc.sock")
    }

    /// Resolved folder of the stores, as /proc shows working directories.
    pub(super) fn holds_directory(&self, directory: &Path) -> bool {
        let resolved = |path: &Path| path.canonicalize().ok();
        match (resolved(&self.stores_root), resolved(directory)) {
            (Some(root), Some(directory)) => directory != root && directory.starts_with(root),
            _ => false,
        }
    }
}

fn unusable(what: String) -> Error {
    Error::new(Code::Unusable, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(user: Option<User>) -> Pm2Settings {
        let folder = |name: &str| PathBuf::from(format!("/tmp/{name}"));
        Pm2Settings {
            node: "/usr/bin/node".into(),
            pm2_daemon: "/opt/pm2/lib/Daemon.js".into(),
            home: folder("home"),
            log_dir: folder("log"),
            pid_dir: folder("pid"),
            state_dir: folder("state"),
            stores_root: "/tmp".into(),
            user,
            start_limit: Duration::from_secs(1),
        }
    }

    fn user(uid: u32) -> User {
        User { uid, gid: uid, name: format!("user{uid}") }
    }

    #[test]
    fn a_daemon_of_root_is_refused_and_only_root_changes_the_user() {
        for (who, own) in [(Some(user(0)), 0), (Some(user(0)), 1000), (None, 0), (Some(user(999)), 1000)] {
            let refused = settings(who.clone()).check_user(own);
            assert_eq!(refused.unwrap_err().code(), Code::Unusable, "{who:?} for {own}");
        }
        for (who, own) in [(Some(user(999)), 0), (None, 1000), (Some(user(1000)), 1000)] {
            settings(who).check_user(own).unwrap();
        }
    }

    #[test]
    fn paths_that_cannot_work_are_refused_before_anything_is_made() {
        let mine = User::named("nobody").ok();
        settings(mine.clone()).check_user(0).unwrap();
        let refused = |change: fn(&mut Pm2Settings), why: &str| {
            let mut bad = settings(if geteuid().is_root() { mine.clone() } else { None });
            bad.check().unwrap();
            change(&mut bad);
            let error = bad.check().unwrap_err();
            assert!(error.code() == Code::Unusable && error.message().contains(why), "{error}");
        };
        refused(|bad| bad.home = "pm2".into(), "not an absolute path");
        refused(|bad| bad.node = "/usr/bin/nodejs".into(), "must be named node");
        refused(|bad| bad.home = format!("/tmp/{}", "x".repeat(94)).into(), "longer than 107 bytes");
    }
}
