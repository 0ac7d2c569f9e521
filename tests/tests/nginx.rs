//! The router on real Nginx: the laws, what visitors get, commits without a stale answer, failed commits, crashes and take-overs.

#![expect(clippy::disallowed_methods, reason = "tests put on the disk what they need")]
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends where it cannot go on")]

#[path = "nginx/commits.rs"]
mod commits;
#[path = "nginx/lifecycle.rs"]
mod lifecycle;
#[path = "nginx/semantics.rs"]
mod semantics;
#[path = "nginx/world.rs"]
mod world;
