//! What belongs in a store's directory, and bringing the directory to it.

use super::beneath::{self, failed};
use super::marker::{self, Marker};
use crate::atomic::{self, Owner};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use storex_core::{Code, Error, Mark, Result, StorePackage};

/// The closed list of core folders a store may be linked to.
pub const LINKS: [&str; 5] = ["middleware", "models", "public", "templates", "utils"];

/// The entry file. It is copied, not linked: Node resolves a link's real path and would look for the folders beside it in the core.
pub const ENTRY: &str = "app.js";

/// Longest entry file that is copied, in bytes.
const ENTRY_MAX: usize = 4 * 1024 * 1024;

/// What belongs in one store's directory.
#[derive(Debug)]
pub(super) struct Tree {
    /// Content of the marker file.
    pub(super) marker: Marker,
    entry: Vec<u8>,
}

impl Tree {
    /// What this package and the core as it is now make of the directory.
    pub(super) fn of(package: &StorePackage, mark: &Mark, core: &Path) -> Result<Self> {
        check_directory(package)?;
        let links = check_links(package)?;
        let core = fs::canonicalize(core).map_err(|error| lacking(core, &error))?;
        let entry = read_entry(&core)?;
        let links =
            links.into_iter().map(|name| Ok((name.to_owned(), folder(&core, name)?))).collect::<Result<BTreeMap<_, _>>>()?;
        let marker = Marker { store_id: package.store_id.clone(), mark: mark.clone(), links, entry: marker::digest(&entry) };
        Ok(Self { marker, entry })
    }

    /// Brings an open directory to what belongs in it, durably, and removes what a crash left under construction in it. The marker comes first, so that a directory left half-way says what it lacks.
    pub(super) fn put(&self, dir: BorrowedFd<'_>, readers: Owner, aside: BorrowedFd<'_>) -> Result<()> {
        atomic::sweep_at(dir)?;
        clear(dir, marker::NAME, aside, false)?;
        atomic::place_at(dir, marker::NAME, self.marker.to_text()?.as_bytes(), 0o440, readers)?;
        clear(dir, ENTRY, aside, false)?;
        // Written even when its content is right: its mode and owner then are too.
        atomic::place_at(dir, ENTRY, &self.entry, 0o640, readers)?;
        for name in LINKS {
            let target = self.marker.links.get(name);
            if !link_is(dir, name, target)? {
                clear(dir, name, aside, true)?;
                if let Some(target) = target {
                    rustix::fs::symlinkat(target.as_str(), dir, name).map_err(|errno| failed("make the link", name, errno))?;
                }
            }
        }
        beneath::sync(dir, marker::NAME)
    }
}

/// True when an open directory holds exactly what its marker says.
pub(super) fn is_intact(dir: BorrowedFd<'_>, marker: &Marker) -> Result<bool> {
    for name in LINKS {
        if !link_is(dir, name, marker.links.get(name))? {
            return Ok(false);
        }
    }
    entry_is(dir, marker)
}

fn entry_is(dir: BorrowedFd<'_>, marker: &Marker) -> Result<bool> {
    Ok(beneath::read(dir, ENTRY, ENTRY_MAX)?.is_some_and(|text| marker::digest(&text.bytes) == marker.entry))
}

/// Whether the link has this target; without one, whether nothing has the name.
fn link_is(dir: BorrowedFd<'_>, name: &str, target: Option<&String>) -> Result<bool> {
    match target {
        Some(target) => Ok(beneath::link_target(dir, name)?.is_some_and(|found| found.as_bytes() == target.as_bytes())),
        None => Ok(!beneath::exists(dir, name)?),
    }
}

/// Makes room for what belongs under this name: links and files go, a directory somebody put there is moved aside.
fn clear(dir: BorrowedFd<'_>, name: &str, aside: BorrowedFd<'_>, files_too: bool) -> Result<()> {
    if beneath::open_dir(dir, name)?.is_none() {
        return if files_too { beneath::unlink(dir, name) } else { Ok(()) };
    }
    let moved = quarantine(dir, name, aside)?;
    beneath::remove_dir_all_beneath(aside, &moved)
}

/// Moves an entry into the quarantine under a name nobody has there and answers that name.
pub(super) fn quarantine(dir: BorrowedFd<'_>, name: &str, aside: BorrowedFd<'_>) -> Result<String> {
    let mut number = 0_u32;
    loop {
        number += 1;
        let place = format!("{name}-{number}");
        if beneath::move_to(dir, name, aside, &place)? {
            return Ok(place);
        }
    }
}

/// Builds the directory beside its place and moves it there whole. False when something has the name meanwhile.
pub(super) fn build(stores: BorrowedFd<'_>, name: &str, tree: &Tree, readers: Owner, aside: BorrowedFd<'_>) -> Result<bool> {
    let unfinished = format!("{}{name}", atomic::UNFINISHED);
    // Left by a crash; user names begin with a letter or a digit, so it is no store's.
    beneath::remove_dir_all_beneath(stores, &unfinished)?;
    let built: Result<bool> = (|| {
        let dir = dressed(stores, &unfinished, readers)?;
        tree.put(dir.as_fd(), readers, aside)?;
        let moved = beneath::move_to(stores, &unfinished, stores, name)?;
        beneath::sync(stores, name)?;
        Ok(moved)
    })();
    if !matches!(built, Ok(true)) {
        // What is left is swept at the next start at the latest.
        let _ = beneath::remove_dir_all_beneath(stores, &unfinished);
    }
    built
}

/// A store's directory, open, of the mode and owner it must have.
pub(super) fn dressed(stores: BorrowedFd<'_>, name: &str, readers: Owner) -> Result<OwnedFd> {
    atomic::place_dir_at(stores, name, 0o750, readers).map(|(dir, _)| dir)
}

fn check_directory(package: &StorePackage) -> Result<()> {
    let wanted = format!("/stores/{}", package.store_id.username());
    if package.directory == wanted {
        return Ok(());
    }
    Err(Error::new(Code::InvalidField, format!("the directory of {} is {wanted}", package.store_id)).pointer("/directory"))
}

fn check_links(package: &StorePackage) -> Result<BTreeSet<&'static str>> {
    let lists = [("core_components", &package.symlinks.core_components), ("static_assets", &package.symlinks.static_assets)];
    let mut links = BTreeSet::new();
    for (list, names) in lists {
        for (index, name) in names.iter().enumerate() {
            let known = LINKS.into_iter().find(|known| known == name).ok_or_else(|| {
                let shown: String = name.chars().take(40).collect();
                Error::new(Code::InvalidField, format!("{shown:?} is no part of the core; there are {}", LINKS.join(", ")))
                    .pointer(format!("/symlinks/{list}/{index}"))
            })?;
            links.insert(known);
        }
    }
    Ok(links)
}

fn folder(core: &Path, name: &str) -> Result<String> {
    let path = core.join(name);
    let real = fs::canonicalize(&path).map_err(|error| lacking(&path, &error))?;
    if !real.is_dir() {
        return Err(lacking(&path, &io::ErrorKind::NotADirectory.into()));
    }
    real.into_os_string()
        .into_string()
        .map_err(|path| Error::new(Code::Unusable, "the path of the core is not UTF-8").with("path", path.display()))
}

fn read_entry(core: &Path) -> Result<Vec<u8>> {
    let path = core.join(ENTRY);
    let entry = fs::read(&path).map_err(|error| lacking(&path, &error))?;
    if entry.len() > ENTRY_MAX {
        return Err(
            Error::new(Code::Unusable, format!("the entry file is larger than {ENTRY_MAX} bytes")).with("path", path.display())
        );
    }
    Ok(entry)
}

fn lacking(path: &Path, error: &io::Error) -> Error {
    Error::new(Code::Unusable, format!("the core lacks a part: {error}")).with("path", path.display())
}
