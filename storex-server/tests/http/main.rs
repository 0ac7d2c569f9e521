//! The REST API over a world in memory.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test ends where it cannot go on")]

mod access;
mod api;
mod bad_input;
mod databases;
mod domains;
mod drift;
mod edge;
mod golden;
mod interventions;
mod lists;
mod mounted;
mod operations;
mod plans;
mod repeats;
mod table;
mod tunnel;
mod wire;
