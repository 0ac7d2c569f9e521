//! Store files on a real disk: the laws, owners and modes, what is repaired, what is foreign, and that nothing leaves the root.

#![expect(clippy::disallowed_methods, reason = "tests put on the disk what they need")]
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storex_agent::files::{ENTRY, FilesSettings, LINKS, UnixFiles};
use storex_agent::proc::User;
use storex_core::{Code, EffectCx, Epoch, Mark, StoreFiles, StoreId, StorePackage, Symlinks};
use storex_fakes::laws::{broken_laws, store_files};
use tempfile::TempDir;

/// A root, a core, and something outside that must never change.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for name in LINKS {
            fs::create_dir_all(place.core().join(name)).unwrap();
            fs::write(place.core().join(name).join("code.js"), name).unwrap();
        }
        fs::write(place.core().join(ENTRY), "first").unwrap();
        fs::create_dir(place.outside()).unwrap();
        fs::write(place.outside().join("canary"), "alive").unwrap();
        place
    }

    fn core(&self) -> PathBuf {
        self.folder.path().join("core")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    fn store(&self, name: &str) -> PathBuf {
        self.root().join("stores").join(name)
    }

    fn open(&self) -> UnixFiles {
        self.open_for(None)
    }

    fn open_for(&self, user: Option<User>) -> UnixFiles {
        UnixFiles::open(FilesSettings { root: self.root(), core: self.core(), user }).unwrap()
    }

    /// Everything outside, as it was.
    fn assert_outside_untouched(&self) {
        let names: Vec<_> = fs::read_dir(self.outside()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["canary"]);
        assert_eq!(fs::read_to_string(self.outside().join("canary")).unwrap(), "alive");
        for name in LINKS {
            assert_eq!(fs::read_to_string(self.core().join(name).join("code.js")).unwrap(), name, "the shared core");
        }
    }
}

fn package(id: &str) -> StorePackage {
    let store_id: StoreId = id.parse().unwrap();
    let symlinks = Symlinks { core_components: LINKS.map(str::to_owned).to_vec(), static_assets: Vec::new() };
    let environment = BTreeMap::from([("DB_PASSWORD".to_owned(), json!("it's secret"))]);
    StorePackage { directory: format!("/stores/{}", store_id.username()), store_id, environment, symlinks }
}

fn cx(effect: &str) -> EffectCx {
    let mark: Mark = format!("storex/1 i=0a1b2c3d s=12345 e={effect}").parse().unwrap();
    EffectCx { mark, epoch: Epoch(1), deadline: jiff::Timestamp::MAX }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn entries(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn files_on_disk_keep_every_law() {
    let place = Place::new();
    let subject: Arc<dyn StoreFiles> = Arc::new(place.open());
    assert_eq!(broken_laws(&store_files::laws(), &subject).await, []);
    place.assert_outside_untouched();
    assert_eq!(entries(&place.root().join("quarantine")), Vec::<String>::new());
}

#[tokio::test]
async fn a_directory_holds_a_copied_entry_links_to_the_real_core_and_a_marker_only() {
    let place = Place::new();
    // The core is reached through a link, as an operator would switch versions.
    let current = place.folder.path().join("current");
    symlink(place.core(), &current).unwrap();
    let files = UnixFiles::open(FilesSettings { root: place.root(), core: current, user: None }).unwrap();
    let facts = files.ensure_tree(&cx("a.1f"), &package("ocean-12345")).await.unwrap();
    let store = fs::canonicalize(place.store("ocean")).unwrap();
    assert_eq!(facts.path, store);
    assert_eq!(entries(&store), [".storex", "app.js", "middleware", "models", "public", "templates", "utils"]);
    assert!(fs::symlink_metadata(store.join(ENTRY)).unwrap().is_file());
    assert_eq!(fs::read_to_string(store.join(ENTRY)).unwrap(), "first");
    let core = fs::canonicalize(place.core()).unwrap();
    for name in LINKS {
        assert_eq!(fs::read_link(store.join(name)).unwrap(), core.join(name));
    }
    let marker = fs::read_to_string(store.join(".storex")).unwrap();
    assert!(marker.contains("ocean-12345") && marker.contains("e=a.1f"), "{marker}");
    let environment = files.ensure_environment(&cx("a.2f"), &package("ocean-12345")).await.unwrap();
    assert_eq!(
        fs::read_to_string(environment.path).unwrap(),
        "# storex/1 i=0a1b2c3d s=12345 e=a.2f ocean-12345\nDB_PASSWORD=`it's secret`\n"
    );
}

#[tokio::test]
async fn modes_and_owners_let_the_stores_user_read_and_nobody_else() {
    let place = Place::new();
    let root = fs::metadata(place.folder.path()).unwrap().uid() == 0;
    let user = User { uid: 64_001, gid: 64_002, name: "apps".to_owned() };
    let files = place.open_for(root.then(|| user.clone()));
    let tree = files.ensure_tree(&cx("a.1f"), &package("ocean-12345")).await.unwrap().path;
    let environment = files.ensure_environment(&cx("a.1f"), &package("ocean-12345")).await.unwrap().path;
    let modes = [(tree.clone(), 0o750), (tree.join(ENTRY), 0o640), (tree.join(".storex"), 0o440), (environment.clone(), 0o400)];
    let folders = [("stores", 0o711), ("env", 0o711), ("quarantine", 0o700)].map(|(name, mode)| (place.root().join(name), mode));
    for (path, wanted) in modes.into_iter().chain(folders) {
        assert_eq!(mode(&path), wanted, "{}", path.display());
    }
    if root {
        let owner = |path: &Path| fs::symlink_metadata(path).map(|meta| (meta.uid(), meta.gid())).unwrap();
        for path in [tree.clone(), tree.join(ENTRY), tree.join(".storex")] {
            assert_eq!(owner(&path), (0, user.gid), "{}", path.display());
        }
        assert_eq!(owner(&environment), (user.uid, user.gid));
    }
}

#[tokio::test]
async fn what_was_changed_in_a_directory_is_seen_and_repaired() {
    let place = Place::new();
    let (files, package) = (place.open(), package("ocean-12345"));
    let made = files.ensure_tree(&cx("a.1f"), &package).await.unwrap();
    let store = place.store("ocean");
    let (entry, models, extra) = (store.join(ENTRY), store.join("models"), store.join("own.txt"));
    let outside = place.outside();
    let damages: [(&str, &dyn Fn()); 7] = [
        ("changed entry", &|| fs::write(&entry, "evil").unwrap()),
        ("missing entry", &|| fs::remove_file(&entry).unwrap()),
        ("entry is a link", &|| {
            fs::remove_file(&entry).unwrap();
            symlink(outside.join("canary"), &entry).unwrap();
        }),
        ("entry is a directory", &|| {
            fs::remove_file(&entry).unwrap();
            fs::create_dir(&entry).unwrap();
        }),
        ("missing link", &|| fs::remove_file(&models).unwrap()),
        ("link elsewhere", &|| {
            fs::remove_file(&models).unwrap();
            symlink(&outside, &models).unwrap();
        }),
        ("directory in place of a link", &|| {
            fs::remove_file(&models).unwrap();
            fs::create_dir_all(models.join("deep/deeper")).unwrap();
            symlink(&outside, models.join("deep/out")).unwrap();
        }),
    ];
    fs::write(&extra, "of the shop").unwrap();
    for (what, damage) in damages {
        damage();
        let found = files.find(&package.store_id).await.unwrap().tree.unwrap();
        assert!(!found.intact && found.digest == made.digest, "{what}: {found:?}");
        assert_eq!(files.ensure_tree(&cx("a.2f"), &package).await.unwrap(), made, "{what}");
        assert!(files.find(&package.store_id).await.unwrap().tree.unwrap().intact, "{what}");
        assert_eq!(fs::read_to_string(&entry).unwrap(), "first", "{what}");
        place.assert_outside_untouched();
    }
    fs::set_permissions(&store, fs::Permissions::from_mode(0o777)).unwrap();
    files.ensure_tree(&cx("a.3f"), &package).await.unwrap();
    assert_eq!(mode(&store), 0o750);
    assert_eq!(fs::read_to_string(extra).unwrap(), "of the shop", "what the shop keeps there stays");
}

#[tokio::test]
async fn a_new_core_changes_the_digest_and_reaches_the_store_with_the_next_call() {
    let place = Place::new();
    let (files, package) = (place.open(), package("ocean-12345"));
    let before = files.ensure_tree(&cx("a.1f"), &package).await.unwrap();
    fs::write(place.core().join(ENTRY), "second").unwrap();
    assert_eq!(files.find(&package.store_id).await.unwrap().tree.as_ref(), Some(&before), "a store changes only when told to");
    let after = files.ensure_tree(&cx("a.2f"), &package).await.unwrap();
    assert_ne!(before.digest, after.digest);
    assert_eq!(fs::read_to_string(place.store("ocean").join(ENTRY)).unwrap(), "second");
}

#[tokio::test]
async fn a_core_that_lacks_a_part_is_named_and_nothing_is_made() {
    for lacking in ["models", ENTRY] {
        let place = Place::new();
        let path = place.core().join(lacking);
        fs::rename(&path, place.core().join("gone")).unwrap();
        let error = place.open().ensure_tree(&cx("a.1f"), &package("ocean-12345")).await.unwrap_err();
        assert_eq!(error.code(), Code::Unusable);
        assert!(error.to_string().contains(lacking), "{error}");
        assert_eq!(entries(&place.root().join("stores")), Vec::<String>::new());
    }
    let place = Place::new();
    fs::remove_file(place.core().join("models/code.js")).unwrap();
    fs::remove_dir(place.core().join("models")).unwrap();
    fs::write(place.core().join("models"), "a file").unwrap();
    let error = place.open().ensure_tree(&cx("a.1f"), &package("ocean-12345")).await.unwrap_err();
    assert_eq!(error.code(), Code::Unusable);
}

/// Puts something of this name among the stores that storex did not make.
type Intruder = fn(&Place, &Path);

#[tokio::test]
async fn what_storex_did_not_make_is_neither_changed_nor_removed_nor_seen() {
    let marker = |id: &str| format!(r#"{{"store_id":"{id}","mark":"storex/1 i=0a1b2c3d s=12345 e=a","links":{{}},"entry":""}}"#);
    let intruders: [(&str, Intruder); 5] = [
        ("a directory without a marker", |_, path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("data"), "theirs").unwrap();
        }),
        ("a link to a directory outside", |place, path| {
            symlink(place.outside(), path).unwrap();
        }),
        ("a dangling link", |_, path| symlink("/nonexistent", path).unwrap()),
        ("a file", |_, path| fs::write(path, "theirs").unwrap()),
        ("a marker that is a link", |place, path| {
            fs::create_dir(path).unwrap();
            fs::write(
                place.folder.path().join("marker"),
                r#"{"store_id":"ocean-12345","mark":"storex/1 i=0a1b2c3d s=12345 e=a","links":{},"entry":""}"#,
            )
            .unwrap();
            symlink(place.folder.path().join("marker"), path.join(".storex")).unwrap();
        }),
    ];
    let package = package("ocean-12345");
    for (what, intrude) in intruders {
        let place = Place::new();
        let files = place.open();
        intrude(&place, &place.store("ocean"));
        assert_eq!(files.ensure_tree(&cx("a.1f"), &package).await.unwrap_err().code(), Code::ForeignObject, "{what}");
        assert_eq!(files.remove_tree(&cx("a.1f"), &package.store_id).await.unwrap_err().code(), Code::ForeignObject, "{what}");
        assert_eq!(files.find(&package.store_id).await.unwrap().tree, None, "{what}");
        assert_eq!(files.list().await.unwrap(), [], "{what}");
        assert!(fs::symlink_metadata(place.store("ocean")).is_ok(), "{what}");
        place.assert_outside_untouched();
    }
    // The control: with a marker of its own the same directory is a store's.
    let place = Place::new();
    let files = place.open();
    fs::create_dir(place.store("ocean")).unwrap();
    fs::write(place.store("ocean").join(".storex"), marker("ocean-12345")).unwrap();
    assert_eq!(files.list().await.unwrap(), std::slice::from_ref(&package.store_id));
    fs::write(place.store("ocean").join(".storex"), marker("ocean-54321")).unwrap();
    assert_eq!(files.remove_tree(&cx("a.1f"), &package.store_id).await.unwrap_err().code(), Code::ForeignObject);
    files.remove_tree(&cx("a.1f"), &"ocean-54321".parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_environment_file_without_our_line_is_foreign() {
    let place = Place::new();
    let (files, package) = (place.open(), package("ocean-12345"));
    let path = place.root().join("env/ocean-12345.env");
    for content in ["A=1\n", "", "# storex/1 i=0a1b2c3d s=12345 e=a ocean-99999\nA=1\n"] {
        fs::write(&path, content).unwrap();
        assert_eq!(files.ensure_environment(&cx("a.1f"), &package).await.unwrap_err().code(), Code::ForeignObject);
        assert_eq!(files.remove_environment(&cx("a.1f"), &package.store_id).await.unwrap_err().code(), Code::ForeignObject);
        assert_eq!(files.find(&package.store_id).await.unwrap().environment, None);
        assert_eq!(files.list().await.unwrap(), []);
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[tokio::test]
async fn removing_a_store_follows_no_link_and_leaves_nothing() {
    let place = Place::new();
    let (files, package) = (place.open(), package("ocean-12345"));
    files.ensure_tree(&cx("a.1f"), &package).await.unwrap();
    let store = place.store("ocean");
    fs::create_dir_all(store.join("uploads/a/b")).unwrap();
    symlink(place.outside(), store.join("uploads/a/out")).unwrap();
    symlink(place.outside().join("canary"), store.join("uploads/canary")).unwrap();
    files.remove_tree(&cx("a.2f"), &package.store_id).await.unwrap();
    assert_eq!(entries(&place.root().join("stores")), Vec::<String>::new());
    assert_eq!(entries(&place.root().join("quarantine")), Vec::<String>::new());
    place.assert_outside_untouched();
}

#[tokio::test]
async fn what_a_crash_left_unfinished_is_gone_after_the_next_start_and_stores_stay() {
    let place = Place::new();
    let package = package("ocean-12345");
    let made = place.open().ensure_tree(&cx("a.1f"), &package).await.unwrap();
    fs::create_dir_all(place.root().join("quarantine/other-1/models")).unwrap();
    symlink(place.outside(), place.root().join("quarantine/other-1/public")).unwrap();
    fs::create_dir(place.root().join("stores/.storex-new-reef")).unwrap();
    fs::write(place.root().join("env/.storex-new-1-1"), "DB_PASSWORD='x'").unwrap();
    let files = place.open();
    assert_eq!(entries(&place.root().join("quarantine")), Vec::<String>::new());
    assert_eq!(entries(&place.root().join("stores")), ["ocean"]);
    assert_eq!(entries(&place.root().join("env")), Vec::<String>::new());
    assert_eq!(files.find(&package.store_id).await.unwrap().tree, Some(made));
    place.assert_outside_untouched();
}

#[tokio::test]
async fn what_a_crash_left_unfinished_in_a_stores_directory_is_gone_once_it_is_ensured_again() {
    let place = Place::new();
    let package = package("ocean-12345");
    place.open().ensure_tree(&cx("a.1f"), &package).await.unwrap();
    let whole = entries(&place.store("ocean"));
    fs::write(place.store("ocean").join(".storex-new-4711-3"), "half a mark").unwrap();
    let files = place.open();
    files.ensure_tree(&cx("a.1f"), &package).await.unwrap();
    assert_eq!(entries(&place.store("ocean")), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_keeps_swapping_its_folders_for_links_leads_nothing_outside() {
    let place = Place::new();
    let (files, package) = (place.open(), package("ocean-12345"));
    let stop = Arc::new(AtomicBool::new(false));
    let (store, outside, ended) = (place.store("ocean"), place.outside(), Arc::clone(&stop));
    let swapper = std::thread::spawn(move || {
        let mut swaps = 0_u32;
        while !ended.load(Ordering::Relaxed) {
            for name in ["models", "uploads", ENTRY, ".storex"] {
                let path = store.join(name);
                // Whatever fails failed because the other side was faster.
                let _ = fs::remove_file(&path);
                swaps += u32::from(symlink(&outside, &path).is_ok());
                let _ = fs::remove_file(&path);
                let _ = fs::create_dir(&path);
                let _ = symlink(&outside, path.join("inner"));
                let _ = fs::remove_file(path.join("inner"));
                let _ = fs::remove_dir(&path);
            }
        }
        swaps
    });
    let mut done = 0;
    for round in 0..100 {
        let made = files.ensure_tree(&cx("a.1f"), &package).await.is_ok();
        let removed = files.remove_tree(&cx("a.2f"), &package.store_id).await.is_ok();
        done += u32::from(made || removed);
        if fs::symlink_metadata(place.store("ocean")).is_ok() {
            // The swapper took the marker: what is left is foreign now. Out of the way, for the next round.
            fs::rename(place.store("ocean"), place.folder.path().join(format!("aside{round}"))).unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    let swaps = swapper.join().unwrap();
    println!("{done} of 100 rounds did something, beside {swaps} swaps");
    assert!(done > 0 && swaps > 0, "the race did not take place");
    place.assert_outside_untouched();
}

#[tokio::test]
async fn a_root_in_a_folder_that_does_not_exist_is_refused_by_its_path() {
    let place = Place::new();
    let root = place.folder.path().join("absent/root");
    let error = UnixFiles::open(FilesSettings { root: root.clone(), core: place.core(), user: None }).unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.to_string().contains(&root.display().to_string()), "{error}");
}
