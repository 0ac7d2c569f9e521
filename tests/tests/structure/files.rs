//! File sizes and openings: small files, each saying first what lives in it.

use super::source;
use super::tree::{self, TextFile};

const CAP: usize = 450;
const MEDIAN: usize = 120;

fn code_lines(file: &TextFile) -> usize {
    source::without_tests(&file.text).lines().count()
}

fn too_long(files: &[TextFile]) -> Vec<String> {
    let over = |file: &&TextFile| !file.is_test() && code_lines(file) > CAP;
    files
        .iter()
        .filter(over)
        .map(|file| format!("{}: {} lines before its tests, at most {CAP}", file.path, code_lines(file)))
        .collect()
}

/// The middle length of the non-test files; the upper of two middles.
fn median(files: &[TextFile]) -> usize {
    let mut lengths: Vec<usize> = files.iter().filter(|file| !file.is_test()).map(code_lines).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or_default()
}

fn unopened(files: &[TextFile]) -> Vec<String> {
    files
        .iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| format!("{}: does not start with //!", file.path))
        .collect()
}

#[test]
fn no_file_is_over_the_cap_and_the_median_is_small() {
    let files = tree::rust_files();
    assert_eq!(too_long(&files), Vec::<String>::new());
    assert!(median(&files) <= MEDIAN, "the median file has {} lines, at most {MEDIAN}", median(&files));
}

#[test]
fn every_source_file_says_first_what_lives_in_it() {
    assert_eq!(unopened(&tree::rust_files()), Vec::<String>::new());
}

#[test]
fn a_long_file_a_long_median_and_a_mute_file_are_found() {
    let file = |path: &str, lines: usize| TextFile { path: path.to_owned(), text: "fn x() {}\n".repeat(lines) };
    assert_eq!(too_long(&[file("a/src/lib.rs", CAP), file("a/src/b.rs", CAP + 1), file("a/tests/c.rs", CAP * 2)]).len(), 1);
    assert_eq!(median(&[file("a/src/a.rs", 10), file("a/src/b.rs", 121), file("a/src/c.rs", 300), file("a/tests/d.rs", 1)]), 121);
    assert_eq!(unopened(&[file("a/src/a.rs", 1)]).len(), 1);
}

#[test]
fn inline_tests_do_not_count_and_code_behind_them_does() {
    let text =
        format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n{}", "    fn t() {}\n".repeat(CAP), "fn b() {}\n".repeat(3));
    assert_eq!(code_lines(&TextFile { path: "a/src/lib.rs".to_owned(), text }), 4);
}
