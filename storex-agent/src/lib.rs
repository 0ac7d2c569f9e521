//! What runs on a store host: PM2 processes, Nginx routes, store files, the ledger over them, and the HTTP service and client.
//!
//! [`Agent`] is the host itself, [`service::router`] puts any host behind HTTP, and [`AgentClient`] is a host at the other end of it.

mod agent;
pub mod atomic;
mod client;
pub mod command;
pub mod files;
mod ledger;
pub mod nginx;
pub mod pm2;
pub mod proc;
pub mod service;
pub mod tools;
mod wire;

pub use agent::{Agent, AgentBuilder, AssumeListening, Converged, Listening, SocketListening};
pub use client::AgentClient;
