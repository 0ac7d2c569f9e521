//! The Cloudflare simulator, driven over HTTP as a client would drive it: every refusal, every transaction, every fault.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a failed expectation is a failed test")]

mod batch;
mod calls;
mod certificates;
mod client;
mod custom_hostnames;
mod edge;
mod faults;
mod meters;
mod persistence;
mod records;
mod records_refused;
mod records_transfer;
mod resolver;
mod tokens;
mod tunnel_configurations;
mod tunnels;
mod wire;
mod worlds;
mod zone_life;
mod zone_settings;
mod zones;
