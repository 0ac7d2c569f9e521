//! What becomes of a call whose future is dropped: said on every public async function of core, or once on its trait.

use super::tree::{self, TextFile};

const SAID: &str = "# Cancellation";

/// Public async functions and async trait methods whose documentation does not say it, and how many there are.
fn silent(files: &[TextFile]) -> (Vec<String>, usize) {
    let (mut findings, mut seen) = (Vec::new(), 0);
    for file in files.iter().filter(|file| file.path.starts_with("storex-core/src/") && !file.is_test()) {
        let (mut said, mut in_trait, mut trait_said) = (false, false, false);
        for line in file.text.lines() {
            let code = line.trim_start();
            if code.starts_with("///") {
                said |= code.contains(SAID);
                continue;
            }
            if code.starts_with("#[") {
                continue;
            }
            if line.starts_with("pub trait ") {
                (in_trait, trait_said) = (true, said);
            } else if line == "}" {
                in_trait = false;
            }
            let of_trait = in_trait && code.starts_with("async fn ");
            if code.starts_with("pub async fn ") || of_trait {
                seen += 1;
                let by_trait = of_trait && trait_said;
                if !(said || by_trait) {
                    findings.push(format!("{}: {code}", file.path));
                }
            }
            said = false;
        }
    }
    (findings, seen)
}

#[test]
fn every_async_function_of_core_says_what_dropping_it_does() {
    let (findings, seen) = silent(&tree::rust_files());
    assert!(seen > 60, "only {seen} functions were read: the check would be empty");
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn a_function_and_a_trait_that_say_nothing_are_found() {
    let of = |text: &str| silent(&[TextFile { path: "storex-core/src/lib.rs".to_owned(), text: text.to_owned() }]).0.len();
    assert_eq!(of("/// Waits.\npub async fn wait() {}\n"), 1);
    assert_eq!(
        of("/// Waits.\n///\n/// # Cancellation\n/// Safe.\n#[must_use]\npub async fn wait() {}\npub async fn other() {}\n"),
        1
    );
    assert_eq!(of("/// Of a host.\n#[async_trait]\npub trait Host {\n    /// Waits.\n    async fn wait(&self);\n}\n"), 1);
    assert_eq!(of("/// # Cancellation\n#[async_trait]\npub trait Host {\n    /// Waits.\n    async fn wait(&self);\n}\n"), 0);
    assert_eq!(of("pub(crate) async fn own() {}\nasync fn private() {}\n"), 0);
}
