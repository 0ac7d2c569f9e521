//! The databases of stores: the server they are on, and the keys their passwords are sealed with.

use super::{DataDir, DatabaseOptions};
use crate::private_file::PrivateFile;
use std::path::Path;
use std::sync::Arc;
use storex_core::{ControllerBuilder, Keyring, Result, SystemEntropy};
use storex_mongo::{DatabaseSettings, MongoDatabases};

/// Name of the key in a keyring made here.
const FIRST_KEY: &str = "main";

/// The same controller with databases for its stores, when a server is named; and with the keyring, when there is one: stores that were made with a
/// database before need it.
pub(super) async fn assemble(
    builder: ControllerBuilder,
    dir: &DataDir,
    options: &DatabaseOptions,
    make: bool,
) -> Result<ControllerBuilder> {
    let path = options.keyring.clone().unwrap_or_else(|| dir.path("keyring"));
    let Some(uri) = &options.uri else {
        let needed = options.keyring.is_some() || path.exists();
        return Ok(if needed { builder.keyring(keyring(&path, false)?) } else { builder });
    };
    let builder = builder.keyring(keyring(&path, make)?);
    let mut settings = DatabaseSettings::new(uri.clone(), dir.folder("snapshots", 0o700)?);
    settings.address = options.address.clone();
    settings.largest_snapshot = options.largest_snapshot.unwrap_or(settings.largest_snapshot);
    Ok(builder.databases(Arc::new(MongoDatabases::open(settings).await?)))
}

/// The keyring in this file. `storex up` makes one where there is none; a role served alone refuses to start without.
fn keyring(path: &Path, make: bool) -> Result<Keyring> {
    let shown = path.display();
    let new_one = format!(
        "bring back the one the passwords were sealed with, or, where none were: (umask 077; printf '{FIRST_KEY} %s\\n' \"$(openssl rand -hex 32)\" > {shown})"
    );
    let file = PrivateFile { path, what: "keyring", new_one };
    if make && !path.exists() {
        file.create(Keyring::generate(FIRST_KEY, &SystemEntropy)?.expose())?;
    }
    Keyring::parse(file.read()?.expose()).map_err(|error| file.unusable(&format!("is none: {}", error.message()), &file.new_one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storex_core::Code;

    #[test]
    fn a_keyring_is_made_once_and_refused_when_it_is_missing_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyring");
        let error = keyring(&path, false).unwrap_err();
        assert_eq!(error.code(), Code::Unusable);
        assert!(error.message().contains("does not exist") && error.message().contains("openssl"), "{error}");
        keyring(&path, true).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        keyring(&path, true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "the keys that seal are kept");
        std::fs::remove_file(&path).unwrap();
        PrivateFile { path: &path, what: "keyring", new_one: String::new() }.create("main 12").unwrap();
        let error = keyring(&path, true).unwrap_err();
        assert!(error.message().contains("line 1"), "{error}");
    }
}
