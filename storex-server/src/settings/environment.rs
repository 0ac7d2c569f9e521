//! The environment: read once, here, and handed on as a value. No other module reads it.

use super::SecretSetting;
use std::ffi::OsString;
use std::path::PathBuf;
use storex_core::{Code, Error, Result, Secret};

/// What storex takes from its environment. A variable that is empty counts as not set.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Environment {
    /// `STOREX_URL`: address of the controller's API.
    pub url: Option<String>,
    /// `STOREX_TOKEN_FILE`: file with the token of that API.
    pub token_file: Option<PathBuf>,
    /// `STOREX_DATA_DIR`: folder of `storex up`.
    pub data_dir: Option<PathBuf>,
    /// `STOREX_LOG`: filter of the log, such as `info` or `storex_core=debug`.
    pub log: Option<String>,
    /// `STOREX_TOOLS`: folder whose `bin` holds Node and PM2.
    pub tools: Option<PathBuf>,
    /// `CLOUDFLARE_API_TOKEN`, or the file `CLOUDFLARE_API_TOKEN_FILE` names: with it, storex works on the real Cloudflare.
    pub cloudflare_api_token: SecretSetting,
    /// `CLOUDFLARE_ACCOUNT_ID`: account to work in, when the token reaches several.
    pub cloudflare_account_id: Option<String>,
    /// `STOREX_MONGODB_URI`, or the file `STOREX_MONGODB_URI_FILE` names: with it, the controller keeps its state in this MongoDB database instead of a file.
    pub mongodb_uri: SecretSetting,
    /// `STOREX_DATABASES_URI`, or the file `STOREX_DATABASES_URI_FILE` names: with it, each new store gets a database of its own on this MongoDB server.
    pub databases_uri: SecretSetting,
    /// `STOREX_DATABASES_ADDRESS`: where stores reach that server, when it is not where storex reaches it.
    pub databases_address: Option<String>,
    /// `STOREX_LARGEST_SNAPSHOT_GIB`: largest database of a store that is copied before it is removed.
    pub largest_snapshot_gib: Option<String>,
    /// `STOREX_KEYRING_FILE`: file with the keys that passwords of databases are sealed with.
    pub keyring_file: Option<PathBuf>,
    /// `STOREX_COPY_FROM`: where `storex db copy` reads.
    pub copy_from: Option<Secret<String>>,
    /// `STOREX_COPY_TO`: where `storex db copy` writes.
    pub copy_to: Option<Secret<String>>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
}

impl Environment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// `unusable` naming a variable that has to be text and is not.
    pub fn read() -> Result<Self> {
        Self::of(variable)
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        let text = |name: &str| {
            let unreadable = |_| Error::new(Code::Unusable, format!("the environment variable {name} is not UTF-8 text"));
            set(name).map(|value| value.into_string().map_err(unreadable)).transpose()
        };
        let secret =
            |name: &'static str, file: &'static str| Ok::<_, Error>(SecretSetting::of(name, text(name)?, file, path(file)));
        Ok(Self {
            url: text("STOREX_URL")?,
            token_file: path("STOREX_TOKEN_FILE"),
            data_dir: path("STOREX_DATA_DIR"),
            log: text("STOREX_LOG")?,
            tools: path("STOREX_TOOLS"),
            cloudflare_api_token: secret("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_TOKEN_FILE")?,
            cloudflare_account_id: text("CLOUDFLARE_ACCOUNT_ID")?,
            mongodb_uri: secret("STOREX_MONGODB_URI", "STOREX_MONGODB_URI_FILE")?,
            databases_uri: secret("STOREX_DATABASES_URI", "STOREX_DATABASES_URI_FILE")?,
            databases_address: text("STOREX_DATABASES_ADDRESS")?,
            largest_snapshot_gib: text("STOREX_LARGEST_SNAPSHOT_GIB")?,
            keyring_file: path("STOREX_KEYRING_FILE"),
            copy_from: text("STOREX_COPY_FROM")?.map(Secret::new),
            copy_to: text("STOREX_COPY_TO")?.map(Secret::new),
            home: path("HOME"),
            path: set("PATH"),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn empty_counts_as_not_set_and_secrets_are_never_shown() {
        let environment = Environment::of(|name| match name {
            "STOREX_URL" => Some("http://127.0.0.1:1".into()),
            "CLOUDFLARE_API_TOKEN" => Some("cf-secret".into()),
            "STOREX_MONGODB_URI" => Some("mongodb://u:db-secret@h/".into()),
            _ => Some(OsString::new()),
        });
        let environment = environment.unwrap();
        assert_eq!(environment.url.as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!((environment.data_dir.as_ref(), environment.path.as_ref()), (None, None));
        assert!(!format!("{environment:?}").contains("-secret"));
        assert!(environment.mongodb_uri.is_set() && !environment.databases_uri.is_set());
        assert_eq!(environment.cloudflare_api_token.read().unwrap().unwrap().expose(), "cf-secret");
    }

    #[test]
    fn each_secret_may_be_named_by_a_file_which_is_read_when_it_is_needed() {
        for name in ["STOREX_MONGODB_URI", "STOREX_DATABASES_URI", "CLOUDFLARE_API_TOKEN"] {
            let environment = Environment::of(|asked| (asked == format!("{name}_FILE")).then(|| "/nonexistent/secret".into()));
            let environment = environment.unwrap();
            let settings = [&environment.mongodb_uri, &environment.databases_uri, &environment.cloudflare_api_token];
            let set: Vec<&&SecretSetting> = settings.iter().filter(|setting| setting.is_set()).collect();
            let error = set[0].read().unwrap_err();
            assert_eq!((set.len(), error.code()), (1, Code::Unusable));
            assert!(error.message().starts_with(&format!("the {name}_FILE /nonexistent/secret does not exist")), "{error}");
        }
    }

    #[test]
    fn paths_may_be_any_bytes_and_text_may_not() {
        let bytes = || OsString::from_vec(vec![b'/', 0xff]);
        let paths = Environment::of(|name| (name == "STOREX_DATA_DIR").then(bytes)).unwrap();
        assert_eq!(paths.data_dir, Some(PathBuf::from(bytes())));
        let error = Environment::of(|name| (name == "STOREX_URL").then(bytes)).unwrap_err();
        assert!(error.message().contains("STOREX_URL"), "{error}");
    }
}
