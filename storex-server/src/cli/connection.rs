//! Finding the API and the token: a flag, else the environment, else the `up.json` of the data folder, else the usual place.

use super::args::{ConnectionArgs, USUAL_DATA_DIR};
use super::http::Client;
use crate::{ApiToken, Environment};
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use storex_core::{Code, Error, Result};

const USUAL_URL: &str = "http://127.0.0.1:8080";

/// What `storex up` says of itself in its data folder, as far as a client wants to know.
#[derive(Debug, Deserialize)]
struct UpFile {
    controller: Part,
    #[serde(default)]
    admin_token_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Part {
    url: String,
}

/// A client for the API these arguments name. Nothing is sent yet.
///
/// # Errors
/// `unusable` for a token file that cannot be used, for a named data folder without `up.json` when that is needed, and for an address that is no URL;
/// `unsupported` for an address the token must not be sent to.
pub(super) fn connect(args: &ConnectionArgs, environment: &Environment) -> Result<Client> {
    let (url, token_file) = resolve(args, environment, Path::new(USUAL_DATA_DIR))?;
    Client::new(&url, ApiToken::load(&token_file)?)
}

fn resolve(args: &ConnectionArgs, environment: &Environment, usual: &Path) -> Result<(String, PathBuf)> {
    let url = args.url.as_ref().or(environment.url.as_ref());
    let token_file = args.token_file.as_ref().or(environment.token_file.as_ref());
    if let (Some(url), Some(token_file)) = (url, token_file) {
        return Ok((url.clone(), token_file.clone()));
    }
    let named = args.data.data_dir.as_deref().or(environment.data_dir.as_deref());
    let folder = named.unwrap_or(usual);
    let up = up_file(folder)?;
    if up.is_none() && named.is_some() && url.is_none() {
        let message = format!(
            "{} does not say where the API is; run storex up --data-dir {}",
            folder.join("up.json").display(),
            folder.display()
        );
        return Err(Error::new(Code::Unusable, message));
    }
    let (known_url, known_token) = up.map(|up| (up.controller.url, up.admin_token_file)).unzip();
    let url = url.cloned().or(known_url).unwrap_or_else(|| USUAL_URL.to_owned());
    let token_file = token_file.cloned().or(known_token.flatten()).unwrap_or_else(|| folder.join("admin.token"));
    Ok((url, token_file))
}

fn up_file(folder: &Path) -> Result<Option<UpFile>> {
    let path = folder.join("up.json");
    let unusable = |why: String| Error::new(Code::Unusable, format!("{} {why}", path.display())).with("path", path.display());
    match std::fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).map_err(|error| unusable(format!("is not what storex up writes: {error}")))
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unusable(format!("cannot be read: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::DataDir;
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    fn args(url: Option<&str>, token_file: Option<&str>, data_dir: Option<&Path>) -> ConnectionArgs {
        let data = DataDir { data_dir: data_dir.map(Path::to_owned) };
        ConnectionArgs { url: url.map(str::to_owned), token_file: token_file.map(PathBuf::from), data }
    }

    fn folder_with(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut file = OpenOptions::new().write(true).create_new(true).open(folder.path().join("up.json")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        folder
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_folder() {
        let folder = folder_with(r#"{"controller":{"url":"http://127.0.0.1:18080"},"admin_token_file":"/t/up.token","pid":1}"#);
        let mut environment = Environment::default();
        let resolved = |args: &ConnectionArgs, environment: &Environment| {
            let (url, token) = resolve(args, environment, Path::new("/nowhere")).unwrap();
            (url, token.display().to_string())
        };
        let pair = |url: &str, token: &str| (url.to_owned(), token.to_owned());
        assert_eq!(resolved(&args(None, None, None), &environment), pair(USUAL_URL, "/nowhere/admin.token"));
        let by_folder = args(None, None, Some(folder.path()));
        assert_eq!(resolved(&by_folder, &environment), pair("http://127.0.0.1:18080", "/t/up.token"));
        environment.url = Some("http://127.0.0.1:2".to_owned());
        environment.token_file = Some("/t/env.token".into());
        assert_eq!(resolved(&by_folder, &environment), pair("http://127.0.0.1:2", "/t/env.token"));
        let by_flags = args(Some("http://127.0.0.1:3"), Some("/t/flag.token"), Some(folder.path()));
        assert_eq!(resolved(&by_flags, &environment), pair("http://127.0.0.1:3", "/t/flag.token"));
        environment = Environment::default();
        environment.data_dir = Some(folder.path().to_owned());
        assert_eq!(resolved(&args(None, None, None), &environment), pair("http://127.0.0.1:18080", "/t/up.token"));
    }

    #[test]
    fn a_named_folder_that_does_not_tell_is_refused_with_the_command() {
        let empty = tempfile::tempdir().unwrap();
        let error = resolve(&args(None, None, Some(empty.path())), &Environment::default(), Path::new("/nowhere")).unwrap_err();
        assert!(error.message().contains("storex up --data-dir"), "{error}");
        let broken = folder_with("{}");
        let error = resolve(&args(None, None, Some(broken.path())), &Environment::default(), Path::new("/nowhere")).unwrap_err();
        assert_eq!(error.code(), Code::Unusable);
        let by_url = args(Some("http://127.0.0.1:3"), None, Some(empty.path()));
        let (_, token) = resolve(&by_url, &Environment::default(), Path::new("/nowhere")).unwrap();
        assert_eq!(token, empty.path().join("admin.token"));
    }
}
