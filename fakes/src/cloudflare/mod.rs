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
mod builder;
mod connectors;
mod control;
mod dns_conflicts;
mod dns_draft;
mod dns_filter;
mod dns_records;
mod dns_rules;
mod envelope;
mod exchange;
mod fault;
mod fault_action;
mod held;
mod identity;
mod ingress;
mod journal;
mod limits;
mod nameservers;
mod origin_request;
mod paging;
mod path_pattern;
mod persist;
mod record_book;
mod routes;
mod server;
mod simulator;
mod state;
mod tunnel_configurations;
mod tunnels;
mod zone_names;
mod zone_settings;
mod zones;

pub use auth::{Permission, TokenKind, TokenSettings, TokenStatus};
pub use builder::SimulatorBuilder;
pub use fault::{FaultError, FaultRule, FaultStatus, When};
pub use fault_action::FaultAction;
pub use held::HeldCall;
pub use identity::Identifiers;
pub use journal::{Call, Counts};
pub use limits::Limits;
pub use server::RunningSimulator;
pub use simulator::{Simulator, SimulatorError};
pub use state::{Account, CloudState, Configuration, Connector, DnsRecord, Plan, Tunnel, Zone, ZoneSetting, ZoneStatus};
