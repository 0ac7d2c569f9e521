//! Token files: who may read them, what they hold.

use crate::private_file::PrivateFile;
use std::path::Path;
use std::str::FromStr;
use storex_core::{Code, EntropyExt, Error, Result, Secret, SystemEntropy};
use subtle::ConstantTimeEq;

const PREFIX: &str = "stx_";
/// Fewest hexadecimal digits: 128 bits.
const FEWEST_DIGITS: usize = 32;
/// Random bytes of a new token.
const RANDOM_BYTES: usize = 32;

/// A token of an API: `stx_` and at least 32 hexadecimal digits. Its `Debug` shows nothing.
#[derive(Clone, Debug)]
pub struct ApiToken(Secret<String>);

impl ApiToken {
    /// Reads the token of a file that belongs to us and to which nobody else has any access.
    ///
    /// # Errors
    /// `unusable` naming the path, the reason and the fix: the file is missing, no regular file (a link is none), somebody else's, open to
    /// others, or does not hold one token.
    pub fn load(path: &Path) -> Result<Self> {
        let file = file(path);
        let text = file.read()?;
        text.expose().trim_end_matches(['\r', '\n']).parse().map_err(|error: Error| file.unusable(error.message(), &file.new_one))
    }

    /// Makes a new token and writes it to a file of this name, which must not exist, readable by nobody but us. Durable when this answers.
    ///
    /// # Errors
    /// `unusable` naming the path when the file exists or cannot be written; nothing is left then.
    pub fn create(path: &Path) -> Result<Self> {
        let token = format!("{PREFIX}{}", SystemEntropy.hex(RANDOM_BYTES)?);
        file(path).create(&format!("{token}\n"))?;
        Ok(Self(Secret::new(token)))
    }

    /// The token itself, to be sent.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// True when these bytes are the token. How long the comparison takes tells at most the token's length.
    pub fn matches(&self, sent: &[u8]) -> bool {
        self.0.expose().as_bytes().ct_eq(sent).into()
    }
}

impl FromStr for ApiToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.strip_prefix(PREFIX).unwrap_or_default();
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() < FEWEST_DIGITS || !digits.bytes().all(is_hex) {
            return Err(Error::new(Code::Unusable, "does not hold a token: stx_ and at least 32 lower-case hexadecimal digits"));
        }
        Ok(Self(Secret::new(text.to_owned())))
    }
}

fn file(path: &Path) -> PrivateFile<'_> {
    let shown = path.display();
    let new_one = format!("storex up makes one; by hand: (umask 077; printf 'stx_%s\\n' \"$(openssl rand -hex 32)\" > {shown})");
    PrivateFile { path, what: "token file", new_one }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FileType, Mode};
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};

    fn refusal(path: &Path) -> String {
        let error = ApiToken::load(path).expect_err("refused");
        assert_eq!(error.code(), Code::Unusable);
        assert!(error.message().contains(&path.display().to_string()), "{error}");
        error.message().to_owned()
    }

    #[test]
    fn a_new_token_is_private_and_loads_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        let made = ApiToken::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let loaded = ApiToken::load(&path).unwrap();
        assert_eq!(made.expose(), loaded.expose());
        assert_eq!(made.expose().len(), 4 + 64);
        assert!(loaded.matches(made.expose().as_bytes()) && !loaded.matches(b"") && !loaded.matches(b"stx_"));
        assert!(!loaded.matches(&made.expose().as_bytes()[..67]));
        assert!(!format!("{loaded:?}").contains(made.expose()));
        let again = ApiToken::create(&path).expect_err("the name is in use");
        assert!(again.message().contains("admin.token"), "{again}");
        assert_eq!(ApiToken::load(&path).unwrap().expose(), made.expose());
        assert_ne!(ApiToken::create(&folder.path().join("agent.token")).unwrap().expose(), made.expose());
    }

    #[test]
    fn a_file_that_is_missing_or_open_to_others_or_no_file_is_refused_with_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        assert!(refusal(&path).contains("does not exist"));
        ApiToken::create(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o666, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(refusal(&path).contains("chmod 600"), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        ApiToken::load(&path).expect("nobody else can read it");
        let link = folder.path().join("link.token");
        symlink(&path, &link).unwrap();
        assert!(refusal(&link).contains("symbolic link"));
        assert!(refusal(folder.path()).contains("no regular file"));
        let pipe = folder.path().join("pipe.token");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(refusal(&pipe).contains("no regular file"), "and nobody waits for a writer");
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        ApiToken::create(&path).unwrap();
        // Only root gives files away; everybody else finds one of root's.
        let theirs =
            if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() { path.as_path() } else { Path::new("/etc/passwd") };
        assert!(refusal(theirs).contains("belongs to the user"));
    }

    #[test]
    fn what_is_no_token_is_refused_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let hex = "0123456789abcdef".repeat(2);
        let texts = [
            "",
            "\n",
            &hex,
            "stx_",
            "stx_0123456789abcdef",
            &format!("stx_{hex}G"),
            &format!("stx_{hex}\nstx_{hex}"),
            &format!(" stx_{hex}"),
        ];
        for (number, text) in texts.iter().enumerate() {
            let path = folder.path().join(format!("{number}.token"));
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let message = refusal(&path);
            assert!(message.contains("does not hold a token") && !message.contains(&hex), "{text:?}: {message}");
        }
        assert!(format!("stx_{hex}").parse::<ApiToken>().is_ok());
    }
}
