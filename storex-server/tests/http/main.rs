//! The REST API over a world in memory.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]
#![expect(clippy::indexing_slicing, reason = "a test ends where it cannot go on")]

mod access;
mod api;
mod bad_input;
mod golden;
mod lists;
mod operations;
mod wire;
