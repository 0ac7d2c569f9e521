//! `docs/laws.md` is what the laws say, and the tests it names sit them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use storex_fakes::laws::{book, page};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the room lies in the repository").to_owned()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "this test can write the page it checks")]
fn the_page_of_laws_is_made_from_the_laws() {
    let path = root().join("docs/laws.md");
    if std::env::var_os("STOREX_WRITE_LAWS").is_some() {
        std::fs::write(&path, page()).expect("the page is written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let make = "STOREX_WRITE_LAWS=1 cargo test -p storex-fakes --test laws page";
    assert!(committed == page(), "docs/laws.md is out of date; make it anew: {make}");
}

#[test]
fn every_law_has_a_number_of_its_own() {
    let all: Vec<&str> = book().iter().flat_map(|chapter| chapter.laws.iter().map(|(id, _)| *id)).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    for chapter in book() {
        let prefix = |id: &&str| id.split_once('-').map(|(prefix, _)| prefix.to_owned());
        let prefixes: BTreeSet<_> = chapter.laws.iter().map(|(id, _)| prefix(id)).collect();
        assert!(prefixes.len() == 1 && !prefixes.contains(&None), "{}: {prefixes:?}", chapter.trait_name);
    }
}

/// Whether the text runs the laws of this module.
fn sits(text: &str, module: &str) -> bool {
    text.contains("broken_laws(") && text.contains(module)
}

#[test]
fn every_test_the_page_names_runs_the_laws_of_its_trait() {
    for chapter in book() {
        for sitting in chapter.sittings {
            let text = std::fs::read_to_string(root().join(sitting.test)).unwrap_or_default();
            assert!(sits(&text, chapter.module), "{} does not run the laws of {}", sitting.test, chapter.trait_name);
            let drift = chapter.module != "store_host" || text.contains("broken_laws(DRIFT");
            assert!(drift || text.contains("mod drift;"), "{} does not run the laws about drift", sitting.test);
        }
        let twins = std::fs::read_to_string(root().join(chapter.twins)).unwrap_or_default();
        assert!(twins.contains(&format!("impl {} for", chapter.trait_name)), "{} holds no twin", chapter.twins);
    }
    assert!(!sits("let laws = store_repo::laws();", "store_repo") && !sits("broken_laws(&laws)", "store_repo"));
}
