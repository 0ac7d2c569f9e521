//! In-memory twins of every storex trait, fault scripts, the Cloudflare simulator and the laws.
//!
//! A twin has the semantics of the real thing and no world behind it. Faults are a separate wrapper, [`Faulty`], around any implementation.
//! The simulator speaks Cloudflare's HTTP API with its own wire types, so that a shared misreading cannot hide.
//!
//! # A first example
//!
//! A control plane in one line ([`sandbox`]), or on a [`World`] that fails by script and can be looked at:
//!
//! ```
//! use std::time::Duration;
//! use storex_core::CreateStoreRequest;
//! use storex_fakes::{Fault, FaultRule, When, World};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> storex_core::Result<()> {
//! let world = World::new()?;
//! let controller = world.ready_controller().await?;
//! // The answer to the next new zone is lost: it is there, and nobody was told.
//! world.script.add(FaultRule::next("domains.create_zone", "", When::After, Fault::Unclear));
//! let request = CreateStoreRequest::from_json(&serde_json::json!({
//!     "username": "oceanbreeze",
//!     "domain": "oceanbreezestore.com",
//!     "storeDetails": { "owner": "John Smith", "email": "john@oceanbreezestore.com" }
//! }))?;
//! let (created, operation) = controller.create_store(&request).await?;
//! operation.success(Duration::from_secs(60)).await?;
//! assert_eq!(world.script.count("domains.create_zone"), 1);
//! controller.delete_store(&created.store_id).await?.success(Duration::from_secs(60)).await?;
//! assert!(world.host.stores().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Under a paused tokio clock ([`MemoryClock`] follows it) days pass in no time.
//!
//! # A provider of your own
//!
//! Its promises are laws. It sits them with one call:
//!
//! ```
//! use std::sync::Arc;
//! use storex_core::DomainProvider;
//! use storex_fakes::MemoryDomains;
//! use storex_fakes::laws::{broken_laws, domain_provider};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> storex_core::Result<()> {
//! let subject: Arc<dyn DomainProvider> = Arc::new(MemoryDomains::new("storex.com".parse()?)); // yours
//! assert_eq!(broken_laws(&domain_provider::laws(), &subject).await, []);
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! | part | what it is |
//! |---|---|
//! | [`sandbox`], [`World`] | everything at once, in memory |
//! | [`MemoryStores`], [`MemoryDomains`], [`MemoryTunnels`], [`MemoryHost`], … | one twin for each trait |
//! | [`Faulty`], [`FaultScript`], [`FaultRule`] | calls that fail, hang, come twice or late, by script; the history of all calls |
//! | [`Tripwires`], [`Sentinels`] | invariants judged at the moment of each change |
//! | [`cloudflare`] | the simulator over HTTP |
//! | [`laws`] | what every implementation of a trait must keep |
//!
//! # Errors
//!
//! Those of core, as the real thing would answer them.
//!
//! # Features
//!
//! There are none. Meant for tests and sandboxes; nothing here keeps a secret.

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
pub use world::{Allowance, Misread, Parts, Process, Snapshot, World, sandbox};
