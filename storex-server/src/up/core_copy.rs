//! The shared core, copied into the data directory: read-only for stores, reachable by their user, one folder per content.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use storex_agent::atomic;
use storex_core::{Code, Error, Result};

/// Copies the core below `into` unless the same content is there already; answers its folder. Blocking.
///
/// # Errors
/// `unusable` naming the path, for a core that is missing, has no `app.js`, or holds anything but files and folders.
pub(super) fn install(source: &Path, into: &Path) -> Result<PathBuf> {
    if !source.join("app.js").is_file() {
        return Err(unusable(source, &"it has no app.js; name the shared core with --core"));
    }
    let mut files = Vec::new();
    collect(source, Path::new(""), &mut files)?;
    files.sort();
    let mut digest = blake3::Hasher::new();
    for (name, bytes) in &files {
        digest.update(name.to_string_lossy().as_bytes()).update(&[0]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }
    let target = into.join(digest.finalize().to_hex().chars().take(16).collect::<String>());
    if target.is_dir() {
        return Ok(target);
    }
    let unfinished = into.join(format!(".unfinished-{}", std::process::id()));
    for (name, bytes) in &files {
        let path = unfinished.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| unusable(parent, &error))?;
        }
        atomic::write(&path, bytes, 0o644, None)?;
    }
    open_folders(&unfinished)?;
    fs::rename(&unfinished, &target).map_err(|error| unusable(&target, &error))?;
    Ok(target)
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::new(Code::Unusable, format!("the core at {} cannot be used: {why}", path.display()))
}

fn collect(root: &Path, below: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    let folder = root.join(below);
    for entry in fs::read_dir(&folder).map_err(|error| unusable(&folder, &error))? {
        let entry = entry.map_err(|error| unusable(&folder, &error))?;
        let kind = entry.file_type().map_err(|error| unusable(&entry.path(), &error))?;
        let name = below.join(entry.file_name());
        if kind.is_dir() {
            collect(root, &name, files)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).map_err(|error| unusable(&entry.path(), &error))?;
            files.push((name, bytes));
        } else {
            return Err(unusable(&entry.path(), &"it is neither a file nor a folder"));
        }
    }
    Ok(())
}

/// The process's umask may keep others out; the stores' user must read the core.
fn open_folders(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(|error| unusable(folder, &error))?;
    for entry in fs::read_dir(folder).map_err(|error| unusable(folder, &error))? {
        let path = entry.map_err(|error| unusable(folder, &error))?.path();
        if path.is_dir() {
            open_folders(&path)?;
        }
    }
    Ok(())
}
