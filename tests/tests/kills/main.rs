//! kill -9 of real processes while they create and delete stores: afterwards every store is wholly there or wholly gone.
//!
//! Controller, agent (with real PM2 and Nginx) and simulator are processes of their own on loopback. They are killed while a call is held at a named
//! point, before or after its effect, and at seeded random moments; then they are started again, the operations come to rest, and a judge looks
//! at the real world. `STOREX_KILLS` sets how many kills (default all named points once and some random ones), `STOREX_KILLS_SEED` which.
//!
//! The same installation shows what else is promised of real processes: requests repeated under a key, drift made by hand, predicted calls, and
//! `storex up` that goes on after its end.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at the first surprise and prints its figures"
)]

mod calls;
mod drift;
mod failpoints;
mod first_start;
mod foreign;
mod gate;
mod judge;
mod outside;
mod planted;
mod repeats;
mod repo;
mod rounds;
mod seed;
mod upkeep;
mod world;
