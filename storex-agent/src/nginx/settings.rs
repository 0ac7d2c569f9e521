//! What the router needs to know of its machine.

use crate::proc::User;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use storex_core::{Code, Error, Result};

/// How long workers get to switch to a new table before the former one is restored; nginx needs about 0.1 s.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Settings of the router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxSettings {
    /// The nginx program.
    pub binary: PathBuf,
    /// Directory that is the router's alone; made when absent, in a folder that exists. The workers' user must be able to pass through
    /// everything above it.
    pub prefix: PathBuf,
    /// Where visitors arrive. Loopback only: the router believes the headers with which the tunnel names visitors.
    pub listen: SocketAddr,
    /// User of the workers and of trial runs when the agent is root; `None` otherwise.
    pub user: Option<User>,
    /// Number of workers, 1 to 64.
    pub workers: u32,
    /// How long workers get to switch to a new table. [`PATIENCE`] unless a test is in a hurry.
    pub patience: Duration,
}

impl NginxSettings {
    /// Refuses settings that cannot work, each with what to do about it.
    ///
    /// # Errors
    /// `unusable`.
    pub(super) fn check(&self) -> Result<()> {
        let unusable = |why: String| Err(Error::new(Code::Unusable, why));
        if !self.listen.ip().is_loopback() {
            return unusable(format!(
                "the router believes forwarded headers, so it listens on loopback only, not on {}",
                self.listen.ip()
            ));
        }
        if !(1..=64).contains(&self.workers) {
            return unusable(format!("{} router workers are asked for; 1 to 64 are possible", self.workers));
        }
        let root = rustix::process::geteuid().is_root();
        match &self.user {
            Some(_) if !root => unusable("only root can run router workers as another user".to_owned()),
            Some(user) if user.uid == 0 => unusable("router workers do not run as root; name an unprivileged user".to_owned()),
            None if root => unusable("as root, the router needs an unprivileged user for its workers".to_owned()),
            _ => Ok(()),
        }
    }

    /// Arguments of nginx's `user` directive, when there is one: the names of user and group.
    ///
    /// # Errors
    /// `unusable` when the group has no name, or a name could mean something else in a configuration.
    pub(super) fn worker_names(&self) -> Result<Option<(String, String)>> {
        let Some(user) = &self.user else { return Ok(None) };
        let table = fs::read_to_string("/etc/group")
            .map_err(|error| Error::new(Code::Unusable, format!("/etc/group cannot be read: {error}")))?;
        let group = group_name(&table, user.gid)
            .ok_or_else(|| Error::new(Code::Unusable, format!("the group {} of {} has no name", user.gid, user.name)))?;
        for name in [&user.name, &group] {
            if !is_plain(name) {
                return Err(Error::new(Code::Unusable, format!("the name {name:?} cannot stand in a router configuration")));
            }
        }
        Ok(Some((user.name.clone(), group)))
    }
}

/// Lines of group(5): `name:password:gid:members`.
fn group_name(table: &str, gid: u32) -> Option<String> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

/// Letters, digits, `_`, `-` and `.`: nothing a configuration reads as more than a word.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> NginxSettings {
        let user = rustix::process::geteuid().is_root().then(|| User { uid: 65_534, gid: 65_534, name: "nobody".to_owned() });
        NginxSettings {
            binary: "/usr/sbin/nginx".into(),
            prefix: "/tmp/router".into(),
            listen: "127.0.0.1:3000".parse().unwrap(),
            user,
            workers: 2,
            patience: PATIENCE,
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        settings().check().unwrap();
        let root = User { uid: 0, gid: 0, name: "root".to_owned() };
        let other =
            if settings().user.is_some() { None } else { Some(User { uid: 65_534, gid: 65_534, name: "nobody".to_owned() }) };
        for bad in [
            NginxSettings { listen: "0.0.0.0:3000".parse().unwrap(), ..settings() },
            NginxSettings { workers: 0, ..settings() },
            NginxSettings { workers: 65, ..settings() },
            NginxSettings { user: Some(root), ..settings() },
            NginxSettings { user: other, ..settings() },
        ] {
            assert_eq!(bad.check().unwrap_err().code(), Code::Unusable, "{bad:?}");
        }
        NginxSettings { listen: "[::1]:3000".parse().unwrap(), ..settings() }.check().unwrap();
    }

    #[test]
    fn a_group_is_found_by_its_number_and_names_with_meaning_are_not_plain() {
        let table = "root:x:0:\nweb:x:33:a,b\nbroken\nodd:x:y:\n";
        assert_eq!(group_name(table, 33).as_deref(), Some("web"));
        assert_eq!(group_name(table, 34), None);
        assert!(is_plain("storex-apps") && is_plain("www.data_1"));
        for bad in ["", "a b", "a;", "a\n", "a}", "$x", "\"a\"", "#a", "DOM\\user"] {
            assert!(!is_plain(bad), "{bad:?}");
        }
    }
}
