//! The catalogue of error codes: the page in the repository is the one the binary prints.

use crate::served::{run, words};
use std::path::Path;
use storex_core::Code;

#[tokio::test]
async fn the_page_of_errors_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let printed = run(words("errors --markdown")).await;
    assert_eq!(printed.exit, Some(0));
    assert!(page == printed.out, "docs/errors.md is out of date; make it anew: storex errors --markdown > docs/errors.md");
    for entry in Code::table() {
        let row = format!("| `{}` | {} | {} |", entry.name, entry.http_status, entry.exit_code);
        assert_eq!(page.matches(&row).count(), 1, "{row}");
    }
}
