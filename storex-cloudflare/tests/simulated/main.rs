//! The adapter against the Cloudflare simulator, over HTTP on loopback.

mod account;
mod calls;
mod faults;
mod laws;
mod lists;
mod secrets;
mod setup;
mod throttling;
