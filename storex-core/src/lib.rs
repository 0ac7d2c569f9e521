//! The heart of storex: values, traits, resources and the operation engine.
//!
//! storex runs many isolated e-commerce stores behind one Cloudflare tunnel. A store is a list of resources, an operation a list of
//! transitions. No network, process or vendor name lives here: those are behind the traits.
//!
//! [`Controller`] is the one door. Here it runs on a world in memory:
//!
//! ```
//! use std::time::Duration;
//! use storex_core::CreateStoreRequest;
//! use storex_core::operation::OperationState;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> storex_core::Result<()> {
//! let world = storex_fakes::World::new()?;
//! let controller = world.ready_controller().await?;
//! let request = CreateStoreRequest::from_json(&serde_json::json!({
//!     "username": "oceanbreeze",
//!     "storeDetails": { "owner": "John Smith", "email": "john@oceanbreezestore.com" }
//! }))?;
//! let (created, operation) = controller.create_store(&request).await?;
//! assert_eq!(created.domains.system.as_str(), "oceanbreeze.storex.com");
//! let view = controller.wait_operation(&operation, Duration::from_secs(60)).await?;
//! assert_eq!(view.state, OperationState::Succeeded);
//! # Ok(())
//! # }
//! ```
//!
//! The parts, in the order in which they use each other: values and [`Error`], the traits (what storex needs from the world), [`resource`]
//! (what stores are made of), [`operation`] (the engine), the workflows, and [`Controller`].

mod clock;
mod controller;
mod entropy;
mod error;
pub mod operation;
pub mod record;
pub mod resource;
mod traits;
mod value;
mod workflow;

pub use clock::{Clock, SystemClock, remaining};
pub use controller::{
    Accepted, ConfigurationStatus, ConfigurationView, Controller, ControllerBuilder, CreateStoreRequest, DomainsView, Drift,
    DriftQuery, DriftReport, IdempotencyKey, PlanView, PlannedStep, Readiness, ReconcileOptions, ReconcileReport, RequestOptions,
    Settings, StoreCreated, StoreList, StoreView,
};
pub use entropy::{Entropy, EntropyExt, SystemEntropy};
pub use error::{Certainty, Code, Entry, Error, ErrorRecord, Kind, Result};
pub use traits::*;
pub use value::{
    EffectCx, EffectId, Email, Epoch, HostId, Hostname, InstanceId, Json, Mark, OperationId, Port, PortRange, Secret,
    StoreDigits, StoreId, Subject, Username,
};
