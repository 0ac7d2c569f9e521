//! What storex needs from the world, one capability per file.
//!
//! All traits are object-safe. Reads answer facts and never judge them: whose an object is, core decides. Mutating calls take an
//! [`EffectCx`](crate::EffectCx). An error says whether the call was refused (proved to have had no effect) or is unclear.

mod custom_hostname;
mod database_admin;
mod domain_provider;
mod edge_certificates;
mod edge_insight;
mod edge_policies;
mod notifier;
mod process_supervisor;
mod proxy_writer;
mod resolver;
mod store_archive;
mod store_files;
mod store_host;
mod store_repo;
mod tunnel_routes;

pub use custom_hostname::{
    CertificateStatus, DnsProof, FallbackOrigin, HostnameFacts, HostnameId, HostnameSpec, OriginStatus, RoutingStatus,
    ValidationMethod, ValidationRecord,
};
pub use database_admin::{
    DatabaseAdmin, DatabaseCapabilities, DatabaseFacts, DatabaseGrant, DatabaseRight, DatabaseUserFacts, STORE_COLLECTIONS,
    SnapshotFacts,
};
pub use domain_provider::{
    DomainCapabilities, DomainObject, DomainProvider, RecordFacts, RecordId, ZoneFacts, ZoneId, ZoneStatus,
};
pub use edge_certificates::{CertificateChange, CertificateFacts, PackFacts, PackId, PackKind, PackOrder, PackStatus};
pub use edge_insight::{EdgeInsight, HostEvents, HostTraffic, InsightLimits, InsightWindow, ZoneInsight};
pub use edge_policies::{
    EdgeLimits, EdgePlan, EdgePolicies, EdgeRule, EdgeSetting, RuleChange, RuleFacts, RuleId, RuleList, RulePhase, SettingFacts,
};
pub use notifier::{Notification, Notifier};
pub use process_supervisor::{ProcessFacts, ProcessSpec, ProcessStatus, ProcessSupervisor, SupervisorInfo};
pub use proxy_writer::{Committed, ProxyWriter, RouteTable};
pub use resolver::{Lookup, Resolver};
pub use store_archive::{ArchivedRow, StoreArchive};
pub use store_files::{EnvironmentFacts, FilesFacts, StoreFiles, TreeFacts};
pub use store_host::{Deployed, HostFacts, Hosts, Part, PartFacts, SingleHost, StoreHost, StorePackage, Symlinks, Visit};
pub use store_repo::{
    Claim, ClaimOutcome, Expected, Fence, Grant, Lease, Nonce, Page, Query, Row, RowPage, RowWrite, StoreRepo, Table, Wakeups,
};
pub use tunnel_routes::{
    CONNECTOR_CONNECTIONS, ConnectorFacts, ConnectorId, ConnectorStatus, IngressRule, TunnelDocument, TunnelFacts, TunnelId,
    TunnelRoutes,
};
