//! The heart of storex: values, traits, resources and the operation engine.
//!
//! storex runs many isolated e-commerce stores behind one Cloudflare tunnel. A store is a list of resources, an operation a list of
//! transitions. No network, process or vendor name lives here: those are behind the traits, and adapters bring them.
//!
//! # A first example
//!
//! [`Controller`] is the one door. Here it runs on a world in memory, which needs nothing but this process:
//!
//! ```
//! use std::time::Duration;
//! use storex_core::CreateStoreRequest;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> storex_core::Result<()> {
//! let controller = storex_fakes::sandbox().await?;
//! let request = CreateStoreRequest::from_json(&serde_json::json!({
//!     "username": "oceanbreeze",
//!     "storeDetails": { "owner": "John Smith", "email": "john@oceanbreezestore.com" }
//! }))?;
//! let (created, operation) = controller.create_store(&request).await?;
//! assert_eq!(created.domains.system.as_str(), "oceanbreeze.storex.com");
//! operation.success(Duration::from_secs(60)).await?;
//! assert_eq!(controller.list_stores(0, None).await?.stores.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! In production [`Controller::builder`] takes the real providers. What it is not given it does without or says so:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use storex_core::*;
//! # async fn assemble(
//! #     repo: Arc<dyn StoreRepo>, domains: Arc<dyn DomainProvider>, tunnel: Arc<dyn TunnelRoutes>,
//! #     host: Arc<dyn StoreHost>, notifier: Arc<dyn Notifier>,
//! # ) -> Result<()> {
//! let controller = Controller::builder()
//!     .repo(repo)
//!     .domains(domains)
//!     .tunnel(tunnel)
//!     .hosts(Arc::new(SingleHost(host)))
//!     .notifier(notifier)
//!     .build(Settings::new("storex.com".parse()?))
//!     .await?;
//! controller.ensure_platform("http://localhost:3000").await?;
//! controller.resume().await?;
//! // For as long as the program runs, each in a task of its own:
//! let _tasks = (controller.run_outbox(), controller.run_recovery(), controller.run_reconciler());
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! In the order in which the parts use each other:
//!
//! | part | what it is |
//! |---|---|
//! | values: [`Hostname`], [`Username`], [`StoreId`], [`Port`], [`Secret`] … | parsed once, at the edge, into what cannot be wrong |
//! | [`Error`], [`Code`] | the one error of every room |
//! | traits: [`StoreRepo`], [`DomainProvider`], [`TunnelRoutes`], [`StoreHost`], [`Notifier`], [`Clock`], [`Entropy`] | what storex needs from the world; each promise is a law in `storex_fakes::laws` |
//! | [`record`] | the documents a repository holds |
//! | [`resource`] | what stores are made of: how each is observed, brought about and removed |
//! | [`operation`] | the engine: a pure decision, a journal, a driver |
//! | [`Controller`] | the use cases: stores, operations, drift and reconcile, the platform |
//! | [`OperationHandle`] | an operation to wait for, watch and cancel |
//!
//! # Errors
//!
//! [`Error`] is one word wide. Callers branch on its [`Error::kind`] or its stable [`Error::code`], which HTTP problem documents, exit codes and
//! documentation share ([`Code::table`]); people read [`Error::message`], [`Error::next_step`] and the context. [`Error::is_unclear`] is what a control plane
//! must ask: the effect may have happened, so look before trying again.
//!
//! # In your program
//!
//! Nothing global is installed: no subscriber, no panic hook, no runtime. Operations run as tasks of the tokio runtime that [`Controller`] is called in;
//! two controllers in one process know nothing of each other. Every type here is `Send` and `Sync` but streams, which are `Send`. Every async function says what
//! dropping its future does; dropping a handle never cancels an operation.
//!
//! # Features
//!
//! There are none: every build is the same.

mod archive;
mod clock;
mod controller;
mod entropy;
mod error;
pub mod operation;
pub mod policy;
pub mod record;
pub mod resource;
mod traits;
mod tunnel_writer;
mod value;
mod workflow;

pub use archive::{Copied, copy_archive};
pub use clock::{Clock, SystemClock, remaining};
pub use controller::{
    Accepted, ConfigurationStatus, ConfigurationView, ConnectorView, Controller, ControllerBuilder, CreateStoreRequest,
    DomainsView, Drift, DriftQuery, DriftReport, IdempotencyKey, InsightView, OperationEvent, OperationEvents, OperationHandle,
    PlanGap, PlanView, PlannedStep, PurgeView, Readiness, ReconcileOptions, ReconcileReport, ReissueView, RequestOptions,
    Settings, StoreCreated, StoreList, StoreView, TunnelHealth, TunnelState, TunnelView, force_from_json,
};
pub use entropy::{Entropy, EntropyExt, SystemEntropy};
pub use error::{Certainty, Code, Entry, Error, ErrorRecord, Kind, Result};
pub use traits::*;
pub use tunnel_writer::TunnelLimits;
pub use value::{
    CaaTag, CaaValue, DatabaseAddress, DatabaseName, DatabaseUser, DnsName, DomainStrategy, EffectCx, EffectId, Email, Epoch,
    HostId, Hostname, InstanceId, Json, Keyring, Mark, OperationId, Port, PortRange, RecordContent, RecordName, RecordSpec,
    RecordType, SealPlace, Sealed, Secret, StoreDigits, StoreId, Subject, Ttl, TxtText, Username,
};
