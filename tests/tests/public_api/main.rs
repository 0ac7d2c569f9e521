//! The public API of every library, written down in `docs/api/`: whoever changes it changes a file that a reviewer sees.
//!
//! `STOREX_WRITE_API=1 cargo test -p storex-tests --test public_api` makes the files anew.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod item;
mod listing;
mod resolve;
mod source;

use std::path::{Path, PathBuf};
use storex_tests::process;

/// Each library and its folder.
const LIBRARIES: [(&str, &str); 7] = [
    ("storex_core", "storex-core"),
    ("storex_cloudflare", "storex-cloudflare"),
    ("storex_redb", "storex-redb"),
    ("storex_mongo", "storex-mongo"),
    ("storex_agent", "storex-agent"),
    ("storex_server", "storex-server"),
    ("storex_fakes", "fakes"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The listing of a library whose source begins at this file.
fn listing_of(library: &str, file: &Path) -> String {
    let krate = source::Module::load(file);
    let mut page = listing::list(library, &krate).join("\n");
    page.push('\n');
    page
}

/// First lines in which two pages differ.
fn difference(committed: &str, made: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (committed.lines().collect(), made.lines().collect());
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(come).take(40).collect::<Vec<_>>().join("\n")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "this test can write the pages it checks")]
fn the_public_api_is_what_docs_api_says() {
    let folder = root().join("docs/api");
    let mut stale = Vec::new();
    for (library, place) in LIBRARIES {
        let made = listing_of(library, &root().join(place).join("src/lib.rs"));
        assert!(made.lines().count() > 3, "{library} has no public item: the check would be empty");
        let path = folder.join(format!("{}.txt", library.replace('_', "-")));
        if process::setting("STOREX_WRITE_API").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        if committed != made {
            stale.push(format!("{}:\n{}", path.display(), difference(&committed, &made)));
        }
    }
    let make = "STOREX_WRITE_API=1 cargo test -p storex-tests --test public_api";
    assert!(stale.is_empty(), "the public API changed; if it should, make its pages anew: {make}\n{}", stale.join("\n"));
}

/// A library of two files whose listing is known.
fn sample(change: impl Fn(String) -> String) -> String {
    let folder = tempfile::tempdir().unwrap();
    let library = "\
mod hidden;
pub mod open { pub use super::hidden::Shown as Renamed; pub(crate) struct Inner; pub fn free<T: Clone>(one: &T, other: Option<T>) -> T { one.clone() } }
pub use hidden::*;
#[cfg(test)] mod tests { pub struct OnlyInTests; }
";
    let hidden = "\
#[derive(Clone, Debug)] #[non_exhaustive] pub struct Shown { pub seen: u8, unseen: u8 }
impl Shown { pub async fn new(seen: u8) -> Self { Self { seen, unseen: 0 } } fn private(&self) {} pub const MOST: u8 = 7; }
impl From<u8> for Shown { fn from(seen: u8) -> Self { Self { seen, unseen: 1 } } }
pub enum Kind { One, Two(u8), Three { inner: String } }
pub trait Does: Send { type Out; fn required(&self) -> Self::Out; fn given(&self) {} }
macro_rules! made { ($name:ident) => { pub struct $name; } }
made!(ByMacro);
";
    write(&folder.path().join("lib.rs"), library);
    write(&folder.path().join("hidden.rs"), &change(hidden.to_owned()));
    listing_of("sample", &folder.path().join("lib.rs"))
}

#[expect(clippy::disallowed_methods, reason = "a sample for the check")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_sample_is_listed_as_its_users_see_it() {
    let wanted = "\
#[non_exhaustive] pub struct sample::Shown
impl Clone for sample::Shown
impl Debug for sample::Shown
impl From<u8> for sample::Shown
made! { ByMacro } in sample
pub async fn sample::Shown::new(seen: u8) -> Self
pub const sample::Shown::MOST: u8
pub enum sample::Kind
pub fn sample::Does::given(&self) (provided)
pub fn sample::Does::required(&self) -> Self::Out
pub fn sample::open::free<T: Clone>(one: &T, other: Option<T>) -> T
pub mod sample::open
pub sample::Kind::One
pub sample::Kind::Three { inner: String }
pub sample::Kind::Two(u8)
pub sample::Shown::seen: u8
pub trait sample::Does: Send
pub type sample::Does::Out
pub use sample::open::Renamed = sample::Shown
";
    assert_eq!(sample(|same| same), wanted);
}

#[test]
fn every_kind_of_change_is_seen() {
    let before = sample(|same| same);
    let changes: [(&str, &str); 10] = [
        ("pub seen: u8", "seen: u8"),
        ("unseen: u8 }\nimpl", "pub unseen: u8 }\nimpl"),
        ("#[non_exhaustive]", ""),
        ("Clone, Debug", "Debug"),
        ("pub async fn new(seen: u8)", "pub async fn new(seen: u16)"),
        ("impl From<u8> for", "impl From<u16> for"),
        ("One, Two", "Two"),
        ("Does: Send", "Does: Sync"),
        ("fn given(&self) {}", "fn given(&self);"),
        ("made!(ByMacro)", "made!(Other)"),
    ];
    for (from, to) in changes {
        let after = sample(|text| text.replacen(from, to, 1));
        assert_ne!(before, after, "{from} -> {to} is not seen");
    }
    for (from, to) in [("fn private(&self) {}", "fn other(&self) {}"), ("unseen: 0", "unseen: 9")] {
        assert_eq!(before, sample(|text| text.replacen(from, to, 1)), "{from} -> {to} is no change of the API");
    }
}
