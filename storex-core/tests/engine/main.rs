//! The controller on a world in memory: what it promises beyond the fault matrix. One program: the engine is compiled into each of them.

mod custom_domains;
mod databases;
mod doubts;
mod handles;
mod late_refusals;
mod operations;
mod outbox;
mod policy;
mod reconcile;
mod stores;
mod taking_turns;
mod tunnel_writer;
mod wildcard;
