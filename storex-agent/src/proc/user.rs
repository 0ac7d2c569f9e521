//! Users of the machine, read from /etc/passwd.

use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use storex_core::{Code, Error, Result};

/// A user of the machine and its primary group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Number of the user.
    pub uid: u32,
    /// Number of its primary group.
    pub gid: u32,
    /// Its name.
    pub name: String,
}

impl User {
    /// The user with this name in `/etc/passwd`; other name services are not asked.
    ///
    /// # Errors
    /// `unusable` when there is none or the file cannot be read.
    pub fn named(name: &str) -> Result<Self> {
        let table = fs::read_to_string("/etc/passwd")
            .map_err(|error| Error::new(Code::Unusable, format!("/etc/passwd cannot be read: {error}")))?;
        Self::parse(&table, name)
            .ok_or_else(|| Error::new(Code::Unusable, format!("there is no user {name}; run scripts/install-host.sh as root")))
    }

    /// Checks that the user can walk down to this folder and enter it, by owner and mode bits; access lists are not looked at.
    ///
    /// # Errors
    /// `unusable` naming the first folder in the way, with the command that opens it.
    pub fn check_can_enter(&self, folder: &Path) -> Result<()> {
        let missing = |error| Error::new(Code::Unusable, format!("{} cannot be used: {error}", folder.display()));
        let resolved = folder.canonicalize().map_err(missing)?;
        let mut way: Vec<&Path> = resolved.ancestors().collect();
        way.reverse();
        for step in way {
            let facts = fs::metadata(step).map_err(missing)?;
            if !self.enters(facts.uid(), facts.gid(), facts.mode()) {
                let (shown, name) = (step.display(), &self.name);
                return Err(Error::new(Code::Unusable, format!("{shown} is closed to the user {name}; run: chmod o+x {shown}")));
            }
        }
        Ok(())
    }

    /// The class that applies decides alone: an owner without the right has no use of the group's or the others' (path_resolution(7)).
    fn enters(&self, owner: u32, group: u32, mode: u32) -> bool {
        let search = if owner == self.uid {
            0o100
        } else if group == self.gid {
            0o010
        } else {
            0o001
        };
        self.uid == 0 || mode & search != 0
    }

    /// Lines of passwd(5): `name:password:uid:gid:…`; malformed lines are passed over.
    fn parse(table: &str, name: &str) -> Option<Self> {
        table.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next().filter(|found| *found == name)?;
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(Self { uid, gid, name: found.to_owned() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_user_is_found_by_its_whole_name_only() {
        let table = "root:x:0:0:root:/root:/bin/bash\nstorex:x\nstorex-apps:x:999:995::/nonexistent:/usr/sbin/nologin\n";
        assert_eq!(User::parse(table, "storex-apps"), Some(User { uid: 999, gid: 995, name: "storex-apps".to_owned() }));
        for absent in ["storex", "apps", "", "root:x"] {
            assert_eq!(User::parse(table, absent), None, "{absent}");
        }
    }

    #[test]
    fn the_folder_that_blocks_a_user_is_named() {
        let nobody = User { uid: 65_534, gid: 65_534, name: "nobody".to_owned() };
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(&inner, 0o711);
        set(top.path(), 0o711);
        nobody.check_can_enter(&inner).unwrap();
        set(top.path(), 0o700);
        let error = nobody.check_can_enter(&inner).unwrap_err();
        assert!(error.message().contains(&format!("chmod o+x {}", top.path().canonicalize().unwrap().display())), "{error}");
        assert!(nobody.check_can_enter(&inner.join("absent")).is_err());
    }

    #[test]
    fn the_class_that_applies_decides_alone() {
        let user = User { uid: 7, gid: 8, name: "seven".to_owned() };
        assert!(user.enters(7, 0, 0o100) && user.enters(0, 8, 0o010) && user.enters(0, 0, 0o001));
        assert!(!user.enters(7, 8, 0o011) && !user.enters(0, 8, 0o101) && !user.enters(0, 0, 0o110));
    }

    #[test]
    fn the_machine_has_a_root_user_and_an_unknown_one_names_the_script() {
        assert_eq!(User::named("root").unwrap().uid, 0);
        let error = User::named("no-such-user-here").unwrap_err();
        assert!(error.message().contains("scripts/install-host.sh"), "{error}");
    }
}
