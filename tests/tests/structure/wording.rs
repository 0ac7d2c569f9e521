//! What code may not say: shortcuts left for later, silenced lints, names that mean nothing, places outside the repository.

use super::source;
use super::tree::{self, TextFile};

const MARKERS: [&str; 3] = ["TODO", "FIXME", "XXX"];
const SHORTCUTS: [&str; 5] = [".unwrap()", "#[allow", "#![allow", "todo!(", "unimplemented!("];
const EMPTY_WORDS: [&str; 6] = ["Manager", "Managers", "Helper", "Helpers", "Util", "Utils"];
const EMPTY_FILES: [&str; 7] = ["common", "util", "utils", "helper", "helpers", "manager", "misc"];
const DECLARES: [&str; 5] = ["struct", "enum", "trait", "type", "union"];
/// Written in two halves: this file is searched too.
const OUTSIDE: [&str; 2] = [concat!("../", "shared"), concat!("/wo", "rk/")];

fn shortcuts(files: &[TextFile]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        let own = source::without_tests(&file.text);
        let code = source::code_only(&own);
        let said = MARKERS.into_iter().filter(|marker| words(&own).any(|word| word == *marker));
        let written = SHORTCUTS.into_iter().filter(|shortcut| code.contains(shortcut));
        findings.extend(said.chain(written).map(|what| format!("{}: {what}", file.path)));
    }
    findings
}

fn empty_names(files: &[TextFile]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        let stem = file.path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
        findings.extend(EMPTY_FILES.contains(&stem).then(|| file.path.clone()));
        let code = source::code_only(&file.text);
        findings.extend(declared_names(&code).filter(|name| is_empty_name(name)).map(|name| format!("{}: {name}", file.path)));
    }
    findings
}

fn declared_names(code: &str) -> impl Iterator<Item = &str> {
    words(code).zip(words(code).skip(1)).filter(|(keyword, _)| DECLARES.contains(keyword)).map(|(_, name)| name)
}

fn is_empty_name(name: &str) -> bool {
    name.ends_with("Impl") || EMPTY_WORDS.into_iter().any(|word| has_hump(name, word))
}

/// Whether a camel-case name holds the word as a hump of its own: `PortManager`, not `Utility`.
fn has_hump(name: &str, word: &str) -> bool {
    name.match_indices(word)
        .any(|(at, _)| !name.get(at + word.len()..).unwrap_or_default().starts_with(|next: char| next.is_ascii_lowercase()))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !(character.is_alphanumeric() || character == '_')).filter(|word| !word.is_empty())
}

fn outside(files: &[TextFile]) -> Vec<String> {
    let named = |file: &TextFile| {
        OUTSIDE
            .into_iter()
            .filter(|place| file.text.contains(place))
            .map(|place| format!("{}: {place}", file.path))
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(named).collect()
}

#[test]
fn code_holds_no_shortcut_and_no_silenced_lint() {
    assert_eq!(shortcuts(&tree::rust_files()), Vec::<String>::new());
}

#[test]
fn names_say_what_a_thing_is() {
    assert_eq!(empty_names(&tree::rust_files()), Vec::<String>::new());
}

#[test]
fn nothing_names_a_place_outside_the_repository() {
    assert_eq!(outside(&tree::text_files()), Vec::<String>::new());
}

#[test]
fn each_shortcut_is_found_in_code_and_each_marker_in_comments() {
    let file = |text: String| TextFile { path: "storex-core/src/lib.rs".to_owned(), text };
    for shortcut in SHORTCUTS {
        assert_eq!(shortcuts(&[file(format!("fn f() {{ x{shortcut} }}\n"))]).len(), 1, "{shortcut}");
        assert_eq!(shortcuts(&[file(format!("/// Not x{shortcut}.\n"))]), Vec::<String>::new());
    }
    for marker in MARKERS {
        assert_eq!(shortcuts(&[file(format!("// {marker}: later\n"))]).len(), 1, "{marker}");
    }
}

#[test]
fn each_empty_name_is_found_and_longer_words_are_not() {
    let of = |path: &str, text: &str| empty_names(&[TextFile { path: path.to_owned(), text: text.to_owned() }]);
    for name in ["PortManager", "ManagerOfPorts", "DnsHelper", "StringUtils", "Util", "StoreImpl"] {
        assert_eq!(of("a/src/lib.rs", &format!("pub struct {name};")).len(), 1, "{name}");
    }
    assert_eq!(of("a/src/lib.rs", "struct Utility; enum Helperless {} // struct PortManager"), Vec::<String>::new());
    assert_eq!(of("a/src/common.rs", "").len(), 1);
}

#[test]
fn each_outside_place_is_found() {
    for place in OUTSIDE {
        assert_eq!(outside(&[TextFile { path: "README.md".to_owned(), text: format!("see {place}x") }]).len(), 1);
    }
}
