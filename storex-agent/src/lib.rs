//! What runs on a store host: PM2 processes, Nginx routes, store files, the ledger over them, and the HTTP service and client.
//!
//! [`Agent`] is the host itself, [`service::router`] puts any host behind HTTP, and [`AgentClient`] is a host at the other end of it. The agent keeps a ledger,
//! not a workflow: each call brings one part of one store to what the package says, and after a restart of anything the host converges to its ledger.
//!
//! # A first example
//!
//! A host in memory behind the service, and the client that a controller is given:
//!
//! ```
//! use std::sync::Arc;
//! use storex_agent::{AgentClient, service};
//! use storex_core::{Secret, StoreHost, SystemClock};
//! use storex_fakes::MemoryHost;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let token = || Secret::new("stx_0123456789abcdef0123456789abcdef".to_owned());
//! let host = Arc::new(MemoryHost::new("4001-4999".parse()?));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! tokio::spawn(async move { axum::serve(listener, service::router(host, token())).await });
//!
//! let client = AgentClient::new(address, token(), Arc::new(SystemClock))?;
//! assert_eq!(client.facts().await?.free_ports.len(), 999);
//! assert!(client.list().await?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! | part | what it is |
//! |---|---|
//! | [`Agent`], [`AgentBuilder`] | a [`StoreHost`](storex_core::StoreHost) over files, processes and a router, with its ledger |
//! | [`service`], [`AgentClient`] | the same over HTTP on loopback, behind a bearer token |
//! | [`pm2`] | a [`ProcessSupervisor`](storex_core::ProcessSupervisor): PM2 over its socket, as an unprivileged user |
//! | [`nginx`] | a [`ProxyWriter`](storex_core::ProxyWriter): one generated map, tested before it is in force |
//! | [`files`] | [`StoreFiles`](storex_core::StoreFiles): trees with links to shared code, environments nobody else can read |
//! | [`command`], [`mod@proc`], [`atomic`], [`tools`] | the one place each that runs programs, reads `/proc`, writes files durably, finds PM2 and Nginx |
//!
//! # Errors
//!
//! Those of core: `process_not_serving` with the last log lines, `route_rejected`, `foreign_object` for what storex did not make, `stale_epoch` for a controller that
//! was overtaken. A call whose answer was lost is unclear; `find` tells.
//!
//! # Features
//!
//! There are none. It builds on Linux only.

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
