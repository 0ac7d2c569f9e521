//! Controllers on a MongoDB: two share the work of one that is killed; and what all of an installation writes and shows holds no secret.
//!
//! Controllers, agent (with real PM2 and Nginx) and simulator are processes of their own; the database is a real mongod.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a test stops at the first surprise")]

mod history;
mod leaks;
mod secrets;
mod site;
mod takeover;
mod world;
