//! The files of the repository as text, each with its path from the root.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no source of ours.
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];
/// What counts as text we wrote; a file without an extension is one of these names.
const EXTENSIONS: [&str; 8] = ["rs", "toml", "md", "sh", "js", "html", "css", "json"];
const NAMES: [&str; 2] = ["Makefile", "run"];

/// One text file: `path` from the repository's root with `/` between names, and its whole text.
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    /// A file of Rust source.
    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// A file that is compiled for tests or benches only: a room's `tests/` or `benches/` folder, or a `tests.rs`.
    pub(crate) fn is_test(&self) -> bool {
        let second = self.path.split('/').nth(1).unwrap_or_default();
        second == "tests" || second == "benches" || self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests room lies in the workspace").to_path_buf()
}

/// Every text file of the repository, ordered by path.
pub(crate) fn text_files() -> Vec<TextFile> {
    let root = root();
    let mut files = Vec::new();
    visit(&root, &root, &mut files);
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

/// Every file of Rust source, tests included.
pub(crate) fn rust_files() -> Vec<TextFile> {
    text_files().into_iter().filter(TextFile::is_rust).collect()
}

fn visit(root: &Path, folder: &Path, files: &mut Vec<TextFile>) {
    for entry in fs::read_dir(folder).expect("the tree is readable") {
        let path = entry.expect("an entry is readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_symlink() || SKIPPED.contains(&name) {
            continue;
        }
        if path.is_dir() {
            visit(root, &path, files);
        } else if is_text(&path, name) {
            let relative = path.strip_prefix(root).expect("the walk stays inside").to_string_lossy().into_owned();
            files.push(TextFile { path: relative, text: fs::read_to_string(&path).expect("our text is UTF-8") });
        }
    }
}

fn is_text(path: &Path, name: &str) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    NAMES.contains(&name) || extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

#[test]
fn the_walk_sees_every_room_scripts_and_the_ci_file() {
    let files = text_files();
    for path in
        ["storex-core/src/lib.rs", "fakes/src/lib.rs", "tests/src/process.rs", "scripts/install-host.sh", "Makefile", ".ci/run"]
    {
        assert!(files.iter().any(|file| file.path == path), "{path} was not walked");
    }
}

#[test]
fn test_folders_and_test_files_are_told_from_code() {
    let of = |path: &str| TextFile { path: path.to_owned(), text: String::new() }.is_test();
    assert!(of("storex-core/tests/engine.rs"));
    assert!(of("storex-redb/benches/put.rs"));
    assert!(of("storex-core/src/value/tests.rs"));
    assert!(!of("tests/src/process.rs"));
    assert!(!of("storex-core/src/attests.rs"));
}
