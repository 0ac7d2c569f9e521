//! A secret that a variable of the environment holds, or a file that another variable names.

use crate::private_file::PrivateFile;
use std::path::PathBuf;
use storex_core::{Code, Error, Result, Secret};

/// A secret as the environment names it: by a variable that holds it, or by one that names a file with it. The environment of a process can be read for as
/// long as it runs, by root and by whoever has its user; the file only has to be there when it starts.
///
/// A file is read when the secret is needed, so that no command asks for one it does not use.
#[derive(Clone, Debug, Default)]
pub struct SecretSetting {
    name: &'static str,
    value: Option<Secret<String>>,
    file_name: &'static str,
    file: Option<PathBuf>,
}

impl SecretSetting {
    /// What the variables of these names are set to.
    pub(super) fn of(name: &'static str, value: Option<String>, file_name: &'static str, file: Option<PathBuf>) -> Self {
        Self { name, value: value.map(Secret::new), file_name, file }
    }

    /// Whether either variable is set.
    pub fn is_set(&self) -> bool {
        self.value.is_some() || self.file.is_some()
    }

    /// The secret, without the white space around it when it comes from a file; `None` when neither variable is set.
    ///
    /// # Errors
    /// `unusable` naming the variable, the path, the reason and the fix, never what the file holds: both variables are set; the file is missing, no regular
    /// file (a link is none), somebody else's, open to others, larger than 64 KiB, no text, empty, or of several lines.
    pub fn read(&self) -> Result<Option<Secret<String>>> {
        let Some(path) = &self.file else { return Ok(self.value.clone()) };
        let (name, file_name) = (self.name, self.file_name);
        if self.value.is_some() {
            let why = format!("{name} and {file_name} are both set; to fix it: unset {name}, and leave the secret in the file");
            return Err(Error::new(Code::Unusable, why));
        }
        let new_one = format!("write what {name} would hold to it: (umask 077; cat > {})", path.display());
        let file = PrivateFile { path, what: file_name, new_one };
        let text = file.read()?;
        let text = Secret::new(text.expose().trim().to_owned());
        if text.expose().is_empty() {
            return Err(file.unusable("is empty", &file.new_one));
        }
        if text.expose().contains(char::is_control) {
            return Err(file.unusable("holds several lines or control characters", &file.new_one));
        }
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{OpenOptions, Permissions, set_permissions};
    use std::io::Write;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
    use std::path::Path;
    use tempfile::TempDir;

    const URI: &str = "mongodb://u:canary-password@h/storex";

    fn folder_with(bytes: &[u8]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uri");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
        file.write_all(bytes).unwrap();
        (folder, path)
    }

    fn by_file(path: &Path) -> SecretSetting {
        SecretSetting::of("STOREX_MONGODB_URI", None, "STOREX_MONGODB_URI_FILE", Some(path.to_owned()))
    }

    #[track_caller]
    fn refused(setting: &SecretSetting, why: &str) {
        let error = setting.read().unwrap_err();
        assert_eq!(error.code(), Code::Unusable);
        let told = format!("{error} {error:?} {setting:?}");
        assert!(error.message().contains(why) && error.message().contains("to fix it: "), "{error}");
        assert!(error.message().contains("STOREX_MONGODB_URI_FILE") && !told.contains("canary"), "{told}");
        if setting.value.is_none() {
            assert!(error.message().contains(&setting.file.as_ref().unwrap().display().to_string()), "{error}");
        }
    }

    #[test]
    fn a_secret_comes_from_the_variable_or_from_the_file_without_what_is_around_it() {
        let neither = SecretSetting::of("STOREX_MONGODB_URI", None, "STOREX_MONGODB_URI_FILE", None);
        assert!(!neither.is_set() && neither.read().unwrap().is_none());
        let variable = SecretSetting::of("STOREX_MONGODB_URI", Some(format!(" {URI}")), "STOREX_MONGODB_URI_FILE", None);
        assert_eq!((variable.is_set(), variable.read().unwrap().unwrap().expose()), (true, &format!(" {URI}")));
        for around in ["", "\n", "\r\n", " \t\n\n"] {
            let (_folder, path) = folder_with(format!("{URI}{around}").as_bytes());
            let setting = by_file(&path);
            assert_eq!((setting.is_set(), setting.read().unwrap().unwrap().expose().as_str()), (true, URI));
            assert!(!format!("{:?}", setting.read()).contains("canary"));
        }
    }

    #[test]
    fn a_file_beside_the_variable_is_refused_with_the_one_to_unset() {
        let (_folder, path) = folder_with(URI.as_bytes());
        let both = SecretSetting { value: Some(Secret::new(URI.to_owned())), ..by_file(&path) };
        refused(&both, "unset STOREX_MONGODB_URI,");
    }

    #[test]
    fn a_file_that_is_missing_or_no_file_or_open_to_others_is_refused() {
        let (folder, path) = folder_with(URI.as_bytes());
        refused(&by_file(&folder.path().join("none")), "does not exist");
        refused(&by_file(folder.path()), "no regular file");
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        refused(&by_file(&link), "symbolic link");
        for mode in [0o604, 0o640, 0o620, 0o601] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            refused(&by_file(&path), "chmod 600");
        }
        set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(by_file(&path).read().unwrap().is_some());
    }

    #[test]
    fn a_file_that_holds_no_secret_is_refused_and_not_shown() {
        let large = [URI.as_bytes(), &vec![b'\n'; 64 * 1024]].concat();
        let texts: [(&[u8], &str); 6] = [
            (b"", "is empty"),
            (b" \r\n\n", "is empty"),
            (b"canary\xff", "not UTF-8"),
            (&large, "larger than 64 KiB"),
            (b"canary\ncanary\n", "several lines"),
            (b"canary\0canary", "control characters"),
        ];
        for (bytes, why) in texts {
            let (_folder, path) = folder_with(bytes);
            refused(&by_file(&path), why);
        }
        let (_folder, path) = folder_with(&large[..64 * 1024]);
        assert_eq!(by_file(&path).read().unwrap().unwrap().expose(), URI, "the control: as large as it may be");
    }
}
