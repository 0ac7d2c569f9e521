//! The Cloudflare simulator: an HTTP server that answers the part of the Cloudflare v4 API storex uses, with types of its
//! own. It shares no type with the client it examines, so a misreading of the API cannot hide in both.
//!
//! One call runs through `server` (arrival, faults, answer), `routes` (which endpoint), `auth` (who) and a handler that is
//! given an `Exchange` and either refuses or changes the world. The world is one value ([`CloudState`]); with a state
//! file it is saved after each mutation and before the answer is sent or held, so killing the process forgets nothing.
//!
//! ```
//! # async fn shown() -> Result<(), Box<dyn std::error::Error>> {
//! use storex_fakes::cloudflare::{FaultAction, FaultRule, Simulator};
//!
//! let running = Simulator::builder().primary_domain("storex.com").token("sandbox").build()?.start_on_loopback().await?;
//! running.add_fault(FaultRule::after("POST", "/zones", FaultAction::Hold))?;
//! let base_url = running.base_url(); // http://127.0.0.1:PORT/client/v4
//! assert_eq!(running.counts().total, 0);
//! # let _ = base_url;
//! # Ok(())
//! # }
//! ```
//!
//! Where an answer rests on something Cloudflare documents or was seen to do, the handler says so. Numbers and texts that
//! no public source confirms are named as such beside the code that sends them.

mod auth;
mod base64;
mod batch;
mod bot_management;
mod builder;
mod certificate_packs;
mod certificates;
mod connectors;
mod control;
mod control_world;
mod custom_hostnames;
mod dns_conflicts;
mod dns_draft;
mod dns_filter;
mod dns_records;
mod dns_rules;
mod dns_transfer;
mod dnssec;
mod doh;
mod edge_state;
mod envelope;
mod exchange;
mod fallback_origin;
mod fault;
mod fault_action;
mod graphql;
mod graphql_query;
mod held;
mod hostname_draft;
mod hostname_life;
mod identity;
pub(crate) mod ingress;
mod internet;
mod journal;
mod levers;
mod limits;
mod meter;
mod multipart;
mod nameservers;
mod origin_request;
mod paging;
mod path_pattern;
mod persist;
mod purge;
mod record_book;
mod resolver;
mod routes;
mod ruleset_rules;
mod rulesets;
mod saas_state;
mod server;
mod settle;
mod simulator;
mod ssl_verification;
mod state;
mod timings;
mod tunnel_configurations;
mod tunnels;
mod visit;
mod zone_file;
mod zone_holds;
mod zone_life;
mod zone_names;
mod zone_settings;
mod zones;

pub use auth::{Permission, TokenKind, TokenSettings, TokenStatus};
pub use builder::SimulatorBuilder;
pub use edge_state::{Bots, CertificatePack, Dnssec, Hold, Rule, Ruleset, Scan, Traffic};
pub use fault::{FaultError, FaultRule, FaultStatus, When};
pub use fault_action::FaultAction;
pub use held::HeldCall;
pub use identity::Identifiers;
pub use internet::{Delegation, Internet, OutsideRecord};
pub use journal::{Call, Counts};
pub use limits::{Codes, Limits};
pub use meter::Bucket;
pub use resolver::Resolved;
pub use saas_state::{CustomHostname, FallbackOrigin, HostnameCertificate, HostnamePace};
pub use server::RunningSimulator;
pub use simulator::{Simulator, SimulatorError};
pub use state::{
    Account, ArchivedZone, CloudState, Configuration, Connector, DnsRecord, Plan, Tunnel, Zone, ZoneSetting, ZoneStatus,
};
pub use timings::Timings;
pub use visit::Visit;
