//! What is checked of a specification before PM2 hears of it.

use super::Pm2Settings;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use storex_core::{Code, Error, ProcessSpec, Result};

/// Checks what node and PM2 would only fail at later, and silently at first: PM2 calls a process without directory or interpreter `online`.
///
/// # Errors
/// `unusable` naming the path.
pub(super) fn check(settings: &Pm2Settings, spec: &ProcessSpec) -> Result<()> {
    check_paths(settings, spec).map_err(|what| Error::new(Code::Unusable, what).with("store", &spec.store))
}

fn check_paths(settings: &Pm2Settings, spec: &ProcessSpec) -> Result<(), String> {
    for path in [&spec.script, &spec.directory, &spec.environment_file] {
        if !path.is_absolute() || path.to_str().is_none() {
            return Err(format!("{} is no absolute path in UTF-8", path.display()));
        }
    }
    if !spec.script.is_file() {
        return Err(format!("the script {} is missing", spec.script.display()));
    }
    if !spec.directory.is_dir() {
        return Err(format!("the directory {} is missing", spec.directory.display()));
    }
    if !settings.holds_directory(&spec.directory) {
        return Err(format!("{} does not lie below {}", spec.directory.display(), settings.stores_root.display()));
    }
    check_environment_file(&spec.environment_file, settings.uid())
}

/// Node 20 says `not found` of a file it may not read, so this says it better; and a file others can read is no place for secrets.
fn check_environment_file(path: &Path, uid: u32) -> Result<(), String> {
    let shown = path.display();
    let Some(facts) = path.symlink_metadata().ok().filter(Metadata::is_file) else {
        return Err(format!("the environment file {shown} is missing"));
    };
    if facts.uid() != uid || facts.mode() & 0o077 != 0 {
        return Err(format!("the environment file {shown} must belong to user {uid} and be closed to all others"));
    }
    Ok(())
}
