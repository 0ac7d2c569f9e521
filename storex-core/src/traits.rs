//! What storex needs from the world, one capability per file.
//!
//! All traits are object-safe. Reads answer facts and never judge them: whose an object is, core decides. Mutating calls take an
//! [`EffectCx`](crate::EffectCx). An error says whether the call was refused (proved to have had no effect) or is unclear.

mod domain_provider;
mod notifier;
mod process_supervisor;
mod proxy_writer;
mod store_files;
mod store_host;
mod store_repo;
mod tunnel_routes;

pub use domain_provider::{
    DomainCapabilities, DomainObject, DomainProvider, RecordFacts, RecordId, RecordSpec, RecordType, ZoneFacts, ZoneId,
    ZoneStatus,
};
pub use notifier::{Notification, Notifier};
pub use process_supervisor::{ProcessFacts, ProcessSpec, ProcessStatus, ProcessSupervisor, SupervisorInfo};
pub use proxy_writer::{Committed, ProxyWriter, RouteTable};
pub use store_files::{EnvironmentFacts, FilesFacts, StoreFiles, TreeFacts};
pub use store_host::{Deployed, HostFacts, Hosts, Part, PartFacts, SingleHost, StoreHost, StorePackage, Symlinks, Visit};
pub use store_repo::{
    Claim, ClaimOutcome, Expected, Lease, Nonce, Page, Query, Row, RowPage, RowWrite, StoreRepo, Table, Wakeups,
};
pub use tunnel_routes::{IngressRule, TunnelDocument, TunnelFacts, TunnelId, TunnelRoutes};
