//! The catalogue of error codes as a page of the documentation.

use std::fmt::Write;
use storex_core::Code;

const HEAD: &str = "\
# Errors

Every error has a stable code. The REST API answers it in a problem document (`application/problem+json`, RFC 9457) with the HTTP status below; the command
line ends with the exit code below. Codes are only ever added.

This page is made by `storex errors --markdown > docs/errors.md`.

| code | HTTP status | exit code | meaning | what to do |
|---|---|---|---|---|
";

const TAIL: &str = "
## Exit codes

| exit code | meaning |
|---|---|
| 0 | success |
| 1 | a defect of storex, or data that cannot be understood |
| 2 | the command line, the machine or the settings cannot be used |
| 3 | no such thing |
| 4 | no valid token, or not permitted |
| 5 | conflict with something that exists or is going on |
| 6 | the request was refused as invalid |
| 7 | the server or something it depends on cannot be reached, or refused |
| 8 | still going on when `--timeout` was over |
| 10 | failed, and everything that was made is removed again |
| 11 | failed, and an operator is needed |
| 130 | interrupted (SIGINT); what was begun goes on |
| 143 | terminated (SIGTERM); what was begun goes on |
";

/// The page `docs/errors.md`, made from the code table.
pub fn catalogue() -> String {
    let mut page = HEAD.to_owned();
    for entry in Code::table() {
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            entry.name, entry.http_status, entry.exit_code, entry.title, entry.next_step
        );
    }
    page.push_str(TAIL);
    page
}
