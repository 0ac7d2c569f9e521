//! storex-mongo on real MongoDB servers: the laws, the comparison with memory, refusals at the start, the check of a server, lost answers, and servers that are killed
//! or held still under load.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at the first surprise and prints its figures")]

mod answers;
mod checks;
mod copies;
mod databases;
mod differential;
mod laws;
mod leases;
mod primaries;
mod starts;
