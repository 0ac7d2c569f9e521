//! Every trait's twin sits its laws, every law is failed by a broken twin, and `docs/laws.md` says the same.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where it cannot go on")]

mod archive;
mod databases;
mod dns;
mod domains;
mod edge;
mod host;
mod insight;
mod page;
mod processes;
mod proxy_files;
mod repo;
mod tally;
