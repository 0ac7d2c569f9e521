//! The REST API over a world in memory.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test ends where it cannot go on")]

mod access;
mod api;
mod bad_input;
mod drift;
mod golden;
mod interventions;
mod lists;
mod operations;
mod plans;
mod repeats;
mod wire;
