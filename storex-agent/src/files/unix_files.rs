//! [`StoreFiles`] on a Unix file system.

use super::beneath;
use super::env_file::{self, FILE_MAX};
use super::marker::{self, Marker};
use super::tree::{self, Tree};
use crate::atomic::{self, Owner};
use crate::proc::User;
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use storex_core::{
    Code, EffectCx, EnvironmentFacts, Error, FilesFacts, Mark, Result, StoreFiles, StoreId, StorePackage, TreeFacts, Username,
};

/// Where the files of stores lie and who may read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesSettings {
    /// Directory of `stores`, `env` and `quarantine`; made when absent, in a folder that exists. The stores' user must be able to pass
    /// through everything above it.
    pub root: PathBuf,
    /// The shared core: `app.js` and the folders of [`LINKS`](super::LINKS).
    pub core: PathBuf,
    /// User the stores run as when the agent is root; `None` when the stores run as the agent's own user.
    pub user: Option<User>,
}

/// Longest environment file with its first line.
const ENV_LIMIT: usize = FILE_MAX + 1024;

/// How many changes of different stores can go on at the same time.
const LANES: usize = 16;

/// The files of the stores of one host. Only one instance may work on a root at a time.
#[derive(Clone, Debug)]
pub struct UnixFiles(Arc<Folders>);

#[derive(Debug)]
struct Folders {
    root: PathBuf,
    core: PathBuf,
    user: Option<User>,
    stores: OwnedFd,
    env: OwnedFd,
    quarantine: OwnedFd,
    lanes: [Mutex<()>; LANES],
}

impl UnixFiles {
    /// Makes the folders below the root where they are absent and removes what a crash left unfinished. Blocking.
    ///
    /// # Errors
    /// `unavailable` naming the path.
    pub fn open(settings: FilesSettings) -> Result<Self> {
        let FilesSettings { root, core, user } = settings;
        atomic::make_dir(&root, 0o711, None)?;
        let root = fs::canonicalize(&root).map_err(|error| unreadable(&root, &error))?;
        let parent = rustix::fs::open(
            &root,
            rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .map_err(|errno| unreadable(&root, &errno.into()))?;
        let folder = |name, mode| {
            atomic::make_dir_at(parent.as_fd(), name, mode, None).map_err(|error| error.with("path", root.join(name).display()))
        };
        let (stores, env, quarantine) = (folder("stores", 0o711)?, folder("env", 0o711)?, folder("quarantine", 0o700)?);
        for dir in [&stores, &env] {
            for name in beneath::names(dir.as_fd())?.iter().filter(|name| name.starts_with(atomic::UNFINISHED)) {
                beneath::remove_dir_all_beneath(dir.as_fd(), name)?;
            }
        }
        for name in beneath::names(quarantine.as_fd())? {
            beneath::remove_dir_all_beneath(quarantine.as_fd(), &name)?;
        }
        Ok(Self(Arc::new(Folders { root, core, user, stores, env, quarantine, lanes: Default::default() })))
    }

    /// Runs a change or a read where it may block. Dropping the caller's future does not stop it half-way.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Folders) -> Result<T> + Send + 'static) -> Result<T> {
        let folders = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&folders))
            .await
            .unwrap_or_else(|error| Err(Error::unclear(Code::Internal, format!("work on files ended early: {error}"))))
    }

    /// The same, after every earlier change of this store.
    async fn changing<T: Send + 'static>(
        &self,
        store: &StoreId,
        work: impl FnOnce(&Folders) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lane =
            store.username().as_str().bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % LANES;
        self.blocking(move |folders| {
            let lane = folders.lanes.get(lane).map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner));
            let done = work(folders);
            drop(lane);
            done
        })
        .await
    }
}

impl Folders {
    /// Owner of a directory and its files: whoever we are, readable by the stores' group.
    fn readers(&self) -> Owner {
        self.user.as_ref().map(|user| (rustix::process::geteuid().as_raw(), user.gid))
    }

    /// The open directory of a store and its marker; `None` when nothing is there.
    fn tree(&self, store: &StoreId) -> Result<Option<(OwnedFd, Marker)>> {
        let name = store.username().as_str();
        let Some(dir) = beneath::open_dir(self.stores.as_fd(), name)? else {
            return if beneath::exists(self.stores.as_fd(), name)? { Err(self.foreign_tree(name)) } else { Ok(None) };
        };
        match Marker::read(dir.as_fd())? {
            Some(marker) if marker.store_id == *store => Ok(Some((dir, marker))),
            _ => Err(self.foreign_tree(name)),
        }
    }

    fn foreign_tree(&self, name: &str) -> Error {
        foreign("the directory has no marker of this store", &self.root.join("stores").join(name))
    }

    fn ensure_tree(&self, package: &StorePackage, mark: &Mark) -> Result<TreeFacts> {
        let tree = Tree::of(package, mark, &self.core)?;
        let name = package.store_id.username().as_str();
        let (readers, aside) = (self.readers(), self.quarantine.as_fd());
        if self.tree(&package.store_id)?.is_some() {
            let dir = tree::dressed(self.stores.as_fd(), name, readers)?;
            tree.put(dir.as_fd(), readers, aside)?;
        } else if !tree::build(self.stores.as_fd(), name, &tree, readers, aside)? {
            return Err(self.foreign_tree(name));
        }
        Ok(self.tree_facts(&tree.marker, true))
    }

    fn tree_facts(&self, marker: &Marker, intact: bool) -> TreeFacts {
        let path = self.root.join("stores").join(marker.store_id.username().as_str());
        TreeFacts { path, digest: marker.digest(), intact }
    }

    /// Reads the environment file of a store; `None` when nothing is there.
    fn environment(&self, store: &StoreId) -> Result<Option<EnvironmentFacts>> {
        let name = env_name(store);
        let path = self.root.join("env").join(&name);
        let Some(text) = beneath::read(self.env.as_fd(), &name, ENV_LIMIT)? else {
            return if beneath::exists(self.env.as_fd(), &name)? {
                Err(foreign("it is no file of this store", &path))
            } else {
                Ok(None)
            };
        };
        match marker::env_body(&text.bytes, store) {
            Some((_, body)) => Ok(Some(EnvironmentFacts { path, digest: marker::digest(body) })),
            None => Err(foreign("the environment file has no mark of this store", &path)),
        }
    }

    fn ensure_environment(&self, package: &StorePackage, mark: &Mark) -> Result<EnvironmentFacts> {
        let body = env_file::render(&package.environment)?;
        self.environment(&package.store_id)?;
        let text = marker::env_header(mark, &package.store_id) + &body;
        let owner = self.user.as_ref().map(|user| (user.uid, user.gid));
        let name = env_name(&package.store_id);
        let path = self.root.join("env").join(&name);
        atomic::write_at(self.env.as_fd(), &name, text.as_bytes(), 0o400, owner)
            .map_err(|error| error.with("path", path.display()))?;
        Ok(EnvironmentFacts { path, digest: marker::digest(body.as_bytes()) })
    }

    fn find(&self, store: &StoreId) -> Result<FilesFacts> {
        let tree = match absent_if_foreign(self.tree(store))? {
            Some((dir, marker)) => Some(self.tree_facts(&marker, tree::is_intact(dir.as_fd(), &marker)?)),
            None => None,
        };
        Ok(FilesFacts { tree, environment: absent_if_foreign(self.environment(store))? })
    }

    fn list(&self) -> Result<Vec<StoreId>> {
        let mut stores = BTreeSet::new();
        for name in beneath::names(self.stores.as_fd())? {
            let Ok(username) = name.parse::<Username>() else { continue };
            let Some(dir) = beneath::open_dir(self.stores.as_fd(), &name)? else {
                continue;
            };
            stores.extend(Marker::read(dir.as_fd())?.map(|marker| marker.store_id).filter(|store| *store.username() == username));
        }
        for name in beneath::names(self.env.as_fd())? {
            let Some(store) = name.strip_suffix(".env").and_then(|id| id.parse::<StoreId>().ok()) else {
                continue;
            };
            if absent_if_foreign(self.environment(&store))?.is_some() {
                stores.insert(store);
            }
        }
        Ok(stores.into_iter().collect())
    }

    fn remove_tree(&self, store: &StoreId) -> Result<()> {
        let Some((dir, _)) = self.tree(store)? else { return Ok(()) };
        let (name, aside) = (store.username().as_str(), self.quarantine.as_fd());
        let moved = tree::quarantine(self.stores.as_fd(), name, aside)?;
        // What was moved must be what was proved ours: the name could have come to mean something else in between.
        let proved = rustix::fs::fstat(&dir).map_err(|errno| beneath::failed("look at the directory", name, errno))?;
        let same = beneath::stat(aside, &moved)?.is_some_and(|stat| (stat.st_dev, stat.st_ino) == (proved.st_dev, proved.st_ino));
        if !same {
            beneath::move_to(aside, &moved, self.stores.as_fd(), name)?;
            return Err(self.foreign_tree(name));
        }
        beneath::sync(self.stores.as_fd(), name)?;
        drop(dir);
        beneath::remove_dir_all_beneath(aside, &moved)
    }

    fn remove_environment(&self, store: &StoreId) -> Result<()> {
        if self.environment(store)?.is_some() {
            beneath::unlink(self.env.as_fd(), &env_name(store))?;
            beneath::sync(self.env.as_fd(), "env")?;
        }
        Ok(())
    }
}

#[async_trait]
impl StoreFiles for UnixFiles {
    async fn ensure_tree(&self, cx: &EffectCx, package: &StorePackage) -> Result<TreeFacts> {
        let (package, mark) = (package.clone(), cx.mark.clone());
        self.changing(&package.store_id.clone(), move |folders| folders.ensure_tree(&package, &mark))
            .await
            .map_err(|error| error.during("files.ensure_tree"))
    }

    async fn ensure_environment(&self, cx: &EffectCx, package: &StorePackage) -> Result<EnvironmentFacts> {
        let (package, mark) = (package.clone(), cx.mark.clone());
        self.changing(&package.store_id.clone(), move |folders| folders.ensure_environment(&package, &mark))
            .await
            .map_err(|error| error.during("files.ensure_environment"))
    }

    async fn find(&self, store: &StoreId) -> Result<FilesFacts> {
        let store = store.clone();
        self.blocking(move |folders| folders.find(&store)).await.map_err(|error| error.during("files.find"))
    }

    async fn list(&self) -> Result<Vec<StoreId>> {
        self.blocking(Folders::list).await.map_err(|error| error.during("files.list"))
    }

    async fn remove_tree(&self, _: &EffectCx, store: &StoreId) -> Result<()> {
        let id = store.clone();
        self.changing(store, move |folders| folders.remove_tree(&id)).await.map_err(|error| error.during("files.remove_tree"))
    }

    async fn remove_environment(&self, _: &EffectCx, store: &StoreId) -> Result<()> {
        let id = store.clone();
        self.changing(store, move |folders| folders.remove_environment(&id))
            .await
            .map_err(|error| error.during("files.remove_environment"))
    }
}

fn env_name(store: &StoreId) -> String {
    format!("{store}.env")
}

/// To a reader, what is not ours is not there.
fn absent_if_foreign<T>(found: Result<Option<T>>) -> Result<Option<T>> {
    match found {
        Err(error) if error.code() == Code::ForeignObject => Ok(None),
        other => other,
    }
}

fn foreign(why: &str, path: &Path) -> Error {
    Error::new(Code::ForeignObject, why).with("path", path.display())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::Unavailable, format!("cannot open the directory: {error}")).with("path", path.display())
}
