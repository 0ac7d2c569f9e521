//! In-memory twins of every storex trait, fault scripts, the Cloudflare simulator and the laws.
//!
//! A twin has the semantics of the real thing and no world behind it. Faults are a separate wrapper, [`Faulty`], around any implementation.
//! The simulator speaks Cloudflare's HTTP API with its own wire types, so that a shared misreading cannot hide.

pub mod cloudflare;
mod fault;
mod faulty;
pub mod laws;
mod memory;
mod tripwire;
mod world;

pub use fault::{Call, Event, Fault, FaultRule, FaultScript, Gate, Line, Running, When};
pub use faulty::Faulty;
pub use memory::*;
pub use tripwire::{JournalChange, Moved, Sentinels, Tripwires, Watched};
pub use world::{Allowance, Misread, Parts, Process, Snapshot, World};
