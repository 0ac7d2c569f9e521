//! The command line, as the built binary against a served router.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test ends where it cannot go on")]

mod catalogue;
mod cloudflare;
mod connection;
mod connectors;
mod databases;
mod edge;
mod served;
mod stores;
mod tunnel;
mod upkeep;
mod usage;
mod waiting;
